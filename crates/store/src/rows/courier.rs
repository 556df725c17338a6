//! What a node keeps of what couriers carry.

use pouch_wire::{ContactPoint, Digest, EnvelopeId, Precedence, Timestamp};

use super::outgoing::Rung;

/// One recipient of a sent message who has not confirmed it, while somebody may still act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeliveredRow {
    /// Which message.
    pub envelope: EnvelopeId,
    /// Whether it is a notice; a receipt otherwise.
    pub is_notice: bool,
    /// How urgent.
    pub precedence: Precedence,
    /// Who has not confirmed it.
    pub recipient: ContactPoint,
    /// How far it got.
    pub rung: Rung,
    /// How many bytes it has.
    pub len: u64,
}

/// Messages that were written into a courier file, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The file's SHA-256.
    pub file: Digest,
    /// When it was on the carrier's disk.
    pub at: Timestamp,
    /// Which messages, and for which of their recipients.
    pub messages: Vec<(EnvelopeId, ContactPoint)>,
}

/// When a message was last handed to a courier for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedRow {
    /// For whom.
    pub recipient: ContactPoint,
    /// When.
    pub at: Timestamp,
}
