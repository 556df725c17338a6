//! Sentences that stand, word for word, in signed bytes. Changing one changes what was signed: add a new
//! one instead.

/// In every acknowledgement.
pub const NO_CONCURRENCE: &str = "Receipt only, no concurrence.";
/// In every notice that names an apparent origin.
pub const NO_ATTRIBUTION: &str = "Naming an apparent origin is not attributing responsibility.";
/// In a notice that has a translation of itself among its attachments.
pub const TRANSLATION: &str =
    "Attached translations are unofficial; only the text of this notice is what was signed.";
/// In an update by which an office vouches for an earlier notice of its own.
pub const CONFIRMS: &str =
    "This office confirms the notice that this one concerns, word for word, by its number and id.";
