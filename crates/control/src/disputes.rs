//! What contradicts a node's directory, with what proves it.

use pouch_wire::{ContactPoint, Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// One sentence, one colour, one code, one next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `green`, `amber` or `red`.
    pub colour: String,
    /// Stable code; `POUCH-VER-00` when nothing is wrong.
    pub code: String,
    /// In plain words.
    pub words: String,
    /// What to do next; empty when there is nothing to do.
    pub next: String,
}

/// Two checkpoints by which the log claims two trees of one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkView {
    /// The one that was accepted, as the log and the witnesses signed it.
    pub accepted: Bytes,
    /// The other, signed by the same log.
    pub other: Bytes,
}

/// An office that was shown another past than this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContradictionView {
    /// Which office.
    pub office: ContactPoint,
    /// Of how many entries it says so.
    pub size: u64,
    /// The root that it was shown.
    pub theirs: Digest,
    /// The root that this node was shown.
    pub ours: Digest,
    /// When it was heard.
    pub at: Timestamp,
    /// When the office said what this node says, if it did.
    pub settled_at: Option<Timestamp>,
    /// The bytes in which the office signed it.
    pub signed: Bytes,
    /// The newest checkpoint that this node had accepted then.
    pub checkpoint: Bytes,
}

/// A place in the directory's log that a relay promised and that did not come in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenPromiseView {
    /// The relay.
    pub relay: String,
    /// The place.
    pub index: u64,
    /// When it was promised.
    pub at: Timestamp,
    /// When it was found broken.
    pub broken_at: Timestamp,
    /// The statement.
    pub statement: Bytes,
}

/// All that contradicts a node's directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DisputesView {
    /// Checkpoints of one size with two roots.
    pub forks: Vec<ForkView>,
    /// Offices that were shown another past.
    pub contradictions: Vec<ContradictionView>,
    /// Promises that relays broke.
    pub broken_promises: Vec<BrokenPromiseView>,
}

impl DisputesView {
    /// Whether something stands that nobody has cleared up.
    #[must_use]
    pub fn stands(&self) -> bool {
        !self.forks.is_empty() || self.contradictions.iter().any(|row| row.settled_at.is_none())
    }
}
