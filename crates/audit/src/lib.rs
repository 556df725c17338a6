//! Verifies logs and evidence offline, trusting nobody: not the relay that wrote a log, not the node
//! that exported evidence, not the program that shows it.
//!
//! It depends on the pure crates alone, so that an outsider can read every dependency in a day, and it
//! has no network code.

mod folder;
mod log;

pub use folder::{FolderError, LogFolder};
pub use log::{Finding, LogError, LogReport, read_log, verify_log};
