//! What a node keeps of messages that it sends. Sealed bytes and wrapped keys only.

use pouch_wire::{ContactPoint, EnvelopeId, Environment, KeyId, NoticeId, Precedence, Timestamp};

use super::node::NewEvent;

/// The next place in the sequence to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// To whom.
    pub recipient: ContactPoint,
    /// The epoch.
    pub epoch: u64,
    /// The number.
    pub n: u64,
    /// The message before; zeros for the first.
    pub previous: EnvelopeId,
}

/// Where the messages to one recipient stand that may have come to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// To whom.
    pub recipient: ContactPoint,
    /// The newest one: epoch, number, message. `None` when there is none that is confirmed or may still
    /// come.
    pub newest: Option<(u64, u64, EnvelopeId)>,
}

/// A sealed message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its id.
    pub envelope: EnvelopeId,
    /// Live, or the exercise that it belongs to: each has its own sequences.
    pub environment: Environment,
    /// The notice inside; `None` for a receipt.
    pub notice: Option<NoticeId>,
    /// The sealed message, as the sender's agent keeps it.
    pub sealed: Vec<u8>,
    /// The places that it takes, as `reserve` gave them.
    pub sequence: Vec<Sequence>,
    /// How urgent.
    pub precedence: Precedence,
    /// When it was signed.
    pub created: Timestamp,
    /// Until when anyone may act on it.
    pub not_after: Timestamp,
    /// What the agent keeps to show its own notice again, wrapped.
    pub wrapped: Vec<u8>,
    /// The notice that it answers, corrects, withdraws or confirms.
    pub concerns: Option<NoticeId>,
    /// What one recipient's stanza holds, wrapped: with it the sender proves what it sent. May be empty.
    pub secret: Vec<u8>,
    /// The keys that signed and approved it.
    pub keys: Vec<KeyId>,
    /// What is told of it.
    pub events: Vec<NewEvent>,
}

/// A message in the outbox.
#[derive(Debug, Clone)]
pub struct OutgoingRow {
    /// Its id.
    pub envelope: EnvelopeId,
    /// Live, or the exercise that it belongs to.
    pub environment: Environment,
    /// The notice inside.
    pub notice: Option<NoticeId>,
    /// The sealed message.
    pub sealed: Vec<u8>,
    /// How urgent.
    pub precedence: Precedence,
    /// When it was signed.
    pub created: Timestamp,
    /// Until when anyone may act on it.
    pub not_after: Timestamp,
    /// What the agent keeps to show it.
    pub wrapped: Vec<u8>,
    /// What one recipient's stanza holds, wrapped; empty when it was not kept.
    pub secret: Vec<u8>,
    /// The proof that it is logged.
    pub proof: Option<Vec<u8>>,
    /// The sealed bytes are not those that were stored; nothing of them may be sent or shown.
    pub damaged: bool,
}

/// A message that a relay has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncarriedRow {
    /// Which.
    pub envelope: EnvelopeId,
    /// Live, or the exercise that it belongs to.
    pub environment: Environment,
    /// How urgent.
    pub precedence: Precedence,
    /// Who waits for it.
    pub waiting: Vec<ContactPoint>,
}

/// How far a message got with one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rung {
    /// Not yet at a relay.
    Queued = 0,
    /// On a relay's durable storage.
    Accepted = 1,
    /// Verified by the recipient's agent.
    Verified = 2,
    /// Read by an officer.
    Acknowledged = 3,
    /// Answered with a notice.
    Answered = 4,
    /// Refused by the recipient's agent.
    Refused = 5,
}

impl Rung {
    pub(crate) const fn of(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Queued,
            1 => Self::Accepted,
            2 => Self::Verified,
            3 => Self::Acknowledged,
            4 => Self::Answered,
            5 => Self::Refused,
            _ => return None,
        })
    }
}

/// One recipient of a sent message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RungRow {
    /// Whom.
    pub recipient: ContactPoint,
    /// How far.
    pub rung: Rung,
    /// Since when.
    pub at: Option<Timestamp>,
    /// Who acknowledged, or why it was refused.
    pub detail: Option<String>,
}

/// One step that a message made with one recipient, as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Whom, how far, when, in which words.
    pub row: RungRow,
    /// The arrival whose stored bytes are the recipient's signed receipt.
    pub receipt: Option<EnvelopeId>,
}

/// What one relay said of a sent message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carriage {
    /// Which relay.
    pub relay: String,
    /// Its signed receipt; `None` when it refused.
    pub receipt: Option<Vec<u8>>,
    /// When it accepted, or refused.
    pub at: Timestamp,
}

/// A recipient whose confirmation is late for the message's precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueRow {
    /// Which message.
    pub envelope: EnvelopeId,
    /// Live, or the exercise that it belongs to.
    pub environment: Environment,
    /// The notice inside.
    pub notice: Option<NoticeId>,
    /// How urgent.
    pub precedence: Precedence,
    /// Who has not confirmed.
    pub recipient: ContactPoint,
    /// How far it got.
    pub rung: Rung,
    /// Since when it is late.
    pub due: Timestamp,
}
