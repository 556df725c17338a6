//! The codes by which a node tells its people what a relay or a log does.

/// No beacon of an office for too long.
pub const CONTACT_LOST: &[&str] = &["POUCH-BCN-30"];
/// A beacon tells of a message that did not come.
pub const WITHHELD: &[&str] = &["POUCH-BCN-20"];
/// A number among an office's messages is missing.
pub const GAP: &[&str] = &["POUCH-ORD-01"];
/// A recipient did not confirm in the time of its precedence.
pub const OVERDUE: &[&str] = &["POUCH-AGT-20"];
/// A relay handed over again what it knew to be taken.
pub const REPEATED: &[&str] = &["POUCH-AGT-51"];
/// Others know a newer directory than this node's relays show.
pub const HELD_BACK: &[&str] = &["POUCH-MIR-06"];
/// Two checkpoints of one size contradict each other.
pub const FORKED: &[&str] = &["POUCH-MIR-02"];
/// The log shows less than it had shown.
pub const BACK: &[&str] = &["POUCH-MIR-04"];
/// The entries are not those of the checkpoint.
pub const OTHER_ENTRIES: &[&str] = &["POUCH-MIR-01"];
/// The log does not extend what this node believes.
pub const OTHER_PAST: &[&str] = &["POUCH-MIR-03"];
/// The log signed a checkpoint for which no quorum stands.
pub const NO_QUORUM: &[&str] = &["POUCH-MIR-12"];
/// A statement was promised a place in the log and is not there.
pub const NOT_ENTERED: &[&str] = &["POUCH-MIR-11"];
/// Another office sees another past of the log.
pub const CONTRADICTS: &[&str] = &["POUCH-MIR-05"];
