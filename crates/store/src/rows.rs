//! What goes into the store and comes out of it, in domain words.

use pouch_wire::{ContactPoint, EnvelopeId, KeyId, NoticeId, Precedence, Timestamp};

/// A message for a relay to keep.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its id.
    pub envelope: EnvelopeId,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The sender's signature.
    pub signature: [u8; 64],
    /// Who sent it.
    pub sender: ContactPoint,
    /// How urgent.
    pub precedence: Precedence,
    /// Until when anyone may act on it.
    pub not_after: Timestamp,
    /// The stanzas of the recipients that collect here.
    pub stanzas: Vec<(ContactPoint, Vec<u8>)>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The entry for the message log.
    pub leaf: Vec<u8>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A message is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedRow {
    /// Its index in the message log.
    pub index: u64,
    /// When it was accepted first.
    pub accepted_at: Timestamp,
    /// Whether it was new.
    pub fresh: bool,
}

/// What one sender has stored and not yet delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of payload.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

/// A message that waits for a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Which.
    pub envelope: EnvelopeId,
    /// Who sent it.
    pub sender: ContactPoint,
    /// How urgent.
    pub precedence: Precedence,
    /// Its index in the message log.
    pub index: u64,
    /// Length of its payload.
    pub payload_len: u64,
    /// Until when anyone may act on it.
    pub not_after: Timestamp,
}

/// What one recipient gets.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The sender's signature.
    pub signature: [u8; 64],
    /// The recipient's stanza.
    pub stanza: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
    /// Its index in the message log.
    pub index: u64,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A message that expired before a recipient took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Which.
    pub envelope: EnvelopeId,
    /// Who did not take it.
    pub recipient: ContactPoint,
}

/// A published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRow {
    /// Its size.
    pub size: u64,
    /// The note with its cosignatures.
    pub note: Vec<u8>,
}

/// A sealing key's secret, wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrekeyRow {
    /// Its id.
    pub id: KeyId,
    /// The wrapped secret.
    pub wrapped: Vec<u8>,
    /// Senders use it from here.
    pub usable_from: Timestamp,
    /// Senders use it until here.
    pub usable_until: Timestamp,
}

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

/// A sealed message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its id.
    pub envelope: EnvelopeId,
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
}

/// A message in the outbox.
#[derive(Debug, Clone)]
pub struct OutgoingRow {
    /// Its id.
    pub envelope: EnvelopeId,
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
    pub(crate) fn of(number: i64) -> Self {
        match number {
            1 => Self::Accepted,
            2 => Self::Verified,
            3 => Self::Acknowledged,
            4 => Self::Answered,
            5 => Self::Refused,
            _ => Self::Queued,
        }
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

/// A verified arrival to keep.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its id.
    pub envelope: EnvelopeId,
    /// The notice inside; `None` for a receipt.
    pub notice: Option<NoticeId>,
    /// The number that the sender gave the notice, as printed.
    pub number: Option<String>,
    /// Who sent it.
    pub sender: ContactPoint,
    /// How urgent.
    pub precedence: Precedence,
    /// When it was signed.
    pub created: Timestamp,
    /// When it came.
    pub arrived_at: Timestamp,
    /// The sealed bytes.
    pub stored: Vec<u8>,
    /// The content key and the place in the sequence, wrapped.
    pub wrapped: Vec<u8>,
    /// What is known of the order of the sender's messages from now on.
    pub sequence: Vec<u8>,
    /// What the order said of this one, kept to be shown.
    pub order: String,
    /// What a receipt says of a message that we sent: whose rung, how far, in which words.
    pub progress: Option<(EnvelopeId, RungRow)>,
    /// The receipt to send.
    pub receipt: Option<Outgoing>,
    /// Its index in the relay's message log.
    pub log: Option<(String, u64)>,
}

/// A refused arrival to keep.
#[derive(Debug, Clone)]
pub struct NewRefusal {
    /// Its id.
    pub envelope: EnvelopeId,
    /// Who it claims to be from.
    pub sender: ContactPoint,
    /// How urgent it claims to be.
    pub precedence: Precedence,
    /// When it claims to be signed.
    pub created: Timestamp,
    /// When it came.
    pub arrived_at: Timestamp,
    /// The verdict, as the agent writes it.
    pub verdict: String,
    /// The sealed bytes, as evidence.
    pub stored: Vec<u8>,
}

/// Whether an arrival was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    /// It was not there before.
    New,
    /// It was; nothing changed.
    Duplicate,
}

/// An arrival as it is kept.
#[derive(Debug, Clone)]
pub struct ArrivalRow {
    /// Its id.
    pub envelope: EnvelopeId,
    /// The notice inside.
    pub notice: Option<NoticeId>,
    /// Its number.
    pub number: Option<String>,
    /// Who sent it, or claims to have.
    pub sender: ContactPoint,
    /// How urgent.
    pub precedence: Precedence,
    /// When it was, or claims to be, signed.
    pub created: Timestamp,
    /// When it came.
    pub arrived_at: Timestamp,
    /// When an officer acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// The verdict of a refusal.
    pub refused: Option<String>,
    /// What the order said.
    pub order: String,
    /// The sealed bytes.
    pub stored: Vec<u8>,
    /// The wrapped content key.
    pub wrapped: Vec<u8>,
    /// The proof that it is logged.
    pub proof: Option<Vec<u8>>,
    /// The relay and the index that its receipt promises.
    pub log: Option<(String, u64)>,
}

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The id of the notice that it would be.
    pub notice: NoticeId,
    /// The draft's bytes, wrapped.
    pub bytes: Vec<u8>,
    /// When it was made.
    pub created: Timestamp,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When.
    pub at: Timestamp,
    /// Stable code, or empty.
    pub code: String,
    /// In words.
    pub words: String,
    /// The rest, as the agent writes it.
    pub detail: String,
}

/// Something that happened, with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Rising numbers.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Stable code, or empty.
    pub code: String,
    /// In words.
    pub words: String,
    /// The rest.
    pub detail: String,
}
