//! What a node keeps of notices that were judged again.

use pouch_wire::EnvelopeId;

use super::node::NewEvent;

/// How a notice stood to an end when that was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Was {
    /// It came before.
    Before = 0,
    /// It could not be told.
    Unclear = 1,
    /// It came after.
    After = 2,
}

impl Was {
    pub(crate) fn of(number: i64) -> Option<Self> {
        [Self::Before, Self::Unclear, Self::After].into_iter().find(|was| i64::from(*was as u8) == number)
    }
}

/// Notices that were judged again because of one entry of the directory.
#[derive(Debug, Clone)]
pub struct Rejudged {
    /// Which entry.
    pub entry: u64,
    /// The notices, and how each stood.
    pub judged: Vec<(EnvelopeId, Was)>,
    /// All entries before this one are done with; absent while notices of this one are left.
    pub done_until: Option<u64>,
    /// What is told of it.
    pub events: Vec<NewEvent>,
}

/// One notice that was judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejudgedRow {
    /// The notice's envelope.
    pub envelope: EnvelopeId,
    /// Because of which entry of the directory.
    pub entry: u64,
    /// How it stood.
    pub was: Was,
}

/// A notice of which it is not known yet which keys signed and approved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unkeyed {
    /// Its envelope.
    pub envelope: EnvelopeId,
    /// Whether it is one of ours.
    pub sent: bool,
}
