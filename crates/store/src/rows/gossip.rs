//! What others say of the directory's log, and what relays promised.

use pouch_wire::{ContactPoint, Digest, Timestamp};

use super::NewEvent;

/// What an office says of a log of more entries than this node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CitedRow {
    /// Who says so.
    pub office: ContactPoint,
    /// How many entries.
    pub size: u64,
    /// Under which root.
    pub root: Digest,
    /// The bytes in which it signed that.
    pub signed: Vec<u8>,
    /// When it was heard.
    pub at: Timestamp,
}

/// A contradiction that was just found.
#[derive(Debug, Clone)]
pub struct NewContradiction {
    /// What the office says.
    pub cited: CitedRow,
    /// The root of so many entries of this node's log.
    pub ours: Digest,
    /// The newest checkpoint that this node had accepted.
    pub note: Vec<u8>,
    /// On how many entries both had agreed before.
    pub agreed: u64,
    /// What is told.
    pub events: Vec<NewEvent>,
}

/// A contradiction between an office and this node about the directory's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContradictionRow {
    /// What the office says.
    pub cited: CitedRow,
    /// The root of so many entries of this node's log.
    pub ours: Digest,
    /// The newest checkpoint that this node had accepted.
    pub note: Vec<u8>,
    /// On how many entries both had agreed before.
    pub agreed: u64,
    /// When the office said what this node says, if it did.
    pub settled_at: Option<Timestamp>,
}

/// A place in the directory's log that a relay promised to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromiseRow {
    /// The place.
    pub index: u64,
    /// Who promised it.
    pub relay: String,
    /// The statement.
    pub statement: Vec<u8>,
    /// When.
    pub at: Timestamp,
    /// When it was found broken.
    pub broken_at: Option<Timestamp>,
}
