//! What a node keeps of messages that came. Sealed bytes and wrapped keys only, never what they say.

use pouch_wire::{ContactPoint, EnvelopeId, Environment, KeyId, NoticeId, Precedence, Timestamp};

use super::node::NewEvent;
use super::outgoing::{Outgoing, RungRow};

/// A verified arrival to keep.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its id.
    pub envelope: EnvelopeId,
    /// Live, or the exercise that it belongs to: each has its own sequences.
    pub environment: Environment,
    /// The notice inside; `None` for a receipt.
    pub notice: Option<NoticeId>,
    /// The notice that it answers, corrects or withdraws.
    pub concerns: Option<NoticeId>,
    /// Whether it corrects, withdraws or confirms that.
    pub amends: bool,
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
    /// The receipt to send; for a notice without one, a receipt is owed.
    pub receipt: Option<Outgoing>,
    /// Its index in the relay's message log.
    pub log: Option<(String, u64)>,
    /// When a courier brought it, if no relay did.
    pub courier_at: Option<Timestamp>,
    /// The keys that signed and approved it; none for a receipt.
    pub keys: Vec<KeyId>,
    /// What is told of it.
    pub events: Vec<NewEvent>,
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
    /// What is kept as evidence.
    pub stored: Vec<u8>,
    /// What is said of it to the sender; `None` where it is not proved who that is.
    pub receipt: Option<Outgoing>,
    /// What it contradicts, if that is why.
    pub equivocation: Option<Equivocation>,
    /// What is told of it.
    pub events: Vec<NewEvent>,
}

/// Two messages of one sender that cannot both be: two in one place, or one that names another before it
/// than the one that came. Each is kept as its header and the 64 bytes of signature over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocation {
    /// Whose.
    pub sender: ContactPoint,
    /// The message that came later.
    pub one: EnvelopeId,
    /// Its header and signature.
    pub one_outside: Vec<u8>,
    /// The message that it contradicts.
    pub other: EnvelopeId,
    /// Its header and signature; `None` when it never came and is only named.
    pub other_outside: Option<Vec<u8>>,
    /// When it was seen.
    pub at: Timestamp,
}

/// What became of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It was not there before.
    New {
        /// The numbers of its events.
        events: Vec<u64>,
    },
    /// It was; nothing changed, and nothing is told.
    Duplicate,
}

/// How a message stands that arrived before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was verified.
    Verified,
    /// It was refused; the same message may come again, unspoiled.
    Refused,
}

/// An arrival in a list: what can be told of it without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivalEntry {
    /// Its id.
    pub envelope: EnvelopeId,
    /// Live, or the exercise that it belongs to. Of what was refused nothing is proved; it counts as live.
    pub environment: Environment,
    /// Who sent it, or claims to have.
    pub sender: ContactPoint,
    /// When it came.
    pub arrived_at: Timestamp,
    /// The relay and the index that its receipt promises.
    pub log: Option<(String, u64)>,
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
    /// The sealed bytes; of a refusal, what is kept as evidence.
    pub stored: Vec<u8>,
    /// The wrapped content key.
    pub wrapped: Vec<u8>,
    /// The proof that it is logged.
    pub proof: Option<Vec<u8>>,
    /// The relay and the index that its receipt promises.
    pub log: Option<(String, u64)>,
    /// When what could open it was destroyed; then `stored` and `wrapped` are empty.
    pub expunged_at: Option<Timestamp>,
    /// When a courier brought it, if one did.
    pub courier_at: Option<Timestamp>,
    /// The sealed bytes are not those that were stored; nothing of them may be shown.
    pub damaged: bool,
}
