//! Sentences that stand, word for word, in signed bytes.

/// In every acknowledgement.
pub const NO_CONCURRENCE: &str = "Receipt only, no concurrence.";
/// In every notice that names an apparent origin.
pub const NO_ATTRIBUTION: &str = "Naming an apparent origin is not attributing responsibility.";
