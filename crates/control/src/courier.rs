//! What is asked and told of files that couriers carry.

use pouch_wire::{ContactPoint, Digest, EnvelopeId, Precedence, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Bytes, InboxRow};

/// What a courier file shall hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourierSelection {
    /// These notices, by numbers or beginnings of ids; empty for what waits.
    pub ids: Vec<String>,
    /// What these have not confirmed; empty for everybody.
    pub to: Vec<ContactPoint>,
    /// All of the directory, whatever the recipients are known to have.
    pub whole_directory: bool,
}

/// One message in a courier file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourierMessage {
    /// Which.
    pub envelope: EnvelopeId,
    /// The notice's number; absent for a receipt.
    pub number: Option<String>,
    /// How urgent.
    pub precedence: Precedence,
    /// For whom of its recipients it is carried.
    pub recipients: Vec<ContactPoint>,
}

/// Entries of the directory in a courier file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourierDirectory {
    /// The index of the first entry.
    pub from: u64,
    /// How many entries the directory has with them.
    pub size: u64,
    /// When its quorum cosigned it.
    pub cosigned_at: Option<Timestamp>,
}

/// A courier file, to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CourierFileView {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Bytes,
    /// Its messages, in the order of sending.
    pub messages: Vec<CourierMessage>,
    /// How many messages that were asked for have no room in it.
    pub left_out: usize,
    /// The part of the directory in it; absent when there is none yet, or no room.
    pub directory: Option<CourierDirectory>,
}

/// What of a courier file is on the carrier's disk now.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourierWritten {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Its messages, and for whom.
    pub messages: Vec<(EnvelopeId, ContactPoint)>,
}

/// What became of one message of a courier file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CourierOutcome {
    /// It is verified, and in the inbox now.
    Received,
    /// It is a receipt for one of ours; the outbox shows what it says.
    Receipt,
    /// It was here already; nothing changed.
    HereAlready,
    /// It was refused for good; the sender is told where it is proved who that is.
    Refused,
    /// It does not hold now, may still, and is not kept: the file is what keeps it, or a relay that had it before.
    NotYet,
    /// Its parts do not belong together; nothing of it is kept.
    Malformed,
}

/// One message of a courier file for this office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourierArrival {
    /// Which.
    pub envelope: EnvelopeId,
    /// Who sent it, as proved; of what is not verified, as claimed.
    pub sender: Option<ContactPoint>,
    /// What became of it.
    pub outcome: CourierOutcome,
    /// The row of the inbox, of a notice that is there.
    pub row: Option<InboxRow>,
    /// Stable code of what decides.
    pub code: String,
    /// In words.
    pub words: String,
    /// What to do; may be empty.
    pub next: String,
    /// How a command ends that shows this as the worst.
    pub exit: u8,
}

/// What became of the directory in a courier file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourierDirectoryTaken {
    /// How many entries this node's directory has now.
    pub size: u64,
    /// Whether it is newer than before.
    pub newer: bool,
    /// Why the file's was not taken: a stable code; empty when it was, or was no newer.
    pub code: String,
    /// In words.
    pub words: String,
}

/// What became of a courier file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CourierImported {
    /// The directory; absent when the file has none.
    pub directory: Option<CourierDirectoryTaken>,
    /// Its messages for this office, in its order.
    pub messages: Vec<CourierArrival>,
    /// How many of its messages are for others.
    pub for_others: usize,
}
