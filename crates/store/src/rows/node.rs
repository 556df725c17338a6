//! What else a node keeps: sealing keys, its copy of the directory, drafts, events.

use pouch_wire::{Digest, Environment, KeyId, NoticeId, Timestamp};

/// A sealing key's secret, wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrekeyRow {
    /// Its id.
    pub id: KeyId,
    /// Live, or the exercise that it is for.
    pub environment: Environment,
    /// The wrapped secret.
    pub wrapped: Vec<u8>,
    /// Senders use it from here.
    pub usable_from: Timestamp,
    /// Senders use it until here.
    pub usable_until: Timestamp,
}

/// The newest checkpoint that a node accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedCheckpoint {
    /// The note with its cosignatures.
    pub note: Vec<u8>,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// New entries of the directory, and the checkpoint that they lie in.
#[derive(Debug, Clone)]
pub struct MirrorStep {
    /// The first entry's index.
    pub from: u64,
    /// The entries.
    pub entries: Vec<Vec<u8>>,
    /// The checkpoint.
    pub checkpoint: AcceptedCheckpoint,
    /// What is told of them.
    pub events: Vec<NewEvent>,
}

/// Two checkpoints that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkRow {
    /// The one that was accepted.
    pub one: Vec<u8>,
    /// The other.
    pub other: Vec<u8>,
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
    /// Whether it is an alarm: those are found however much else happens.
    pub alarm: bool,
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

/// How a witness's memory began, and whether it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessBirth {
    /// The mark of the keys that it was begun with; none in a memory of before there were marks.
    pub mark: Option<Digest>,
    /// Why it cosigns nothing any more, if it does not.
    pub stopped: Option<String>,
}
