//! What a relay keeps of messages and of its logs. No row holds a secret or anything readable of a message.

use pouch_envelope::Demotion;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Precedence, Timestamp};

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
    /// How urgent, as its sender marked it.
    pub precedence: Precedence,
    /// In which lower class it is carried, when its sender marked too many so.
    pub demotion: Option<Demotion>,
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

impl NewMessage {
    /// The class in which it is carried.
    #[must_use]
    pub fn class(&self) -> Precedence {
        self.demotion.map_or(self.precedence, |demotion| demotion.to)
    }
}

/// A place in the message log whose message is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostLeaf {
    /// Which message.
    pub envelope: EnvelopeId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The log's entry.
    pub leaf: Vec<u8>,
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
    /// In which lower class it is carried, as it was accepted first.
    pub demotion: Option<Demotion>,
}

/// What one sender has stored and not yet delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of payloads and stanzas.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

/// What a relay must know before it takes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Burden {
    /// Whether it was accepted before.
    pub known: bool,
    /// What its sender has stored and not yet delivered.
    pub office: Usage,
    /// The same of all offices of the sender's member.
    pub member: Usage,
}

/// A message that waits for a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Which.
    pub envelope: EnvelopeId,
    /// Who sent it.
    pub sender: ContactPoint,
    /// The class in which it is carried: how urgent its sender marked it, or lower.
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
    /// In which lower class it is carried.
    pub demotion: Option<Demotion>,
}

/// A message that expired before a recipient took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Which.
    pub envelope: EnvelopeId,
    /// Who did not take it.
    pub recipient: ContactPoint,
    /// Who sent it.
    pub sender: ContactPoint,
}

/// A published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRow {
    /// Its size.
    pub size: u64,
    /// The note with its cosignatures.
    pub note: Vec<u8>,
}

/// What the log's keys signed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRow {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The note as it was signed.
    pub note: Vec<u8>,
}

/// What a relay that follows another's directory log takes in one step.
#[derive(Debug, Clone)]
pub struct FollowedStep {
    /// The index of the first new entry.
    pub from: u64,
    /// New entries; none when only the cosignatures are fresher.
    pub entries: Vec<Vec<u8>>,
    /// The checkpoint's size.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The note with its cosignatures.
    pub note: Vec<u8>,
}

/// Header and signature of an accepted message, kept for auditors after the message is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRow {
    /// Its index in the message log.
    pub index: u64,
    /// Which message.
    pub envelope: EnvelopeId,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The sender's signature.
    pub signature: [u8; 64],
    /// When it was accepted.
    pub accepted_at: Timestamp,
}
