//! Why a task did not succeed, and how it ends: 1 when a check does not hold, 2 when it was asked
//! for wrongly.

use core::fmt;
use std::path::Path;

/// Why a task did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The command line makes no sense.
    Usage(String),
    /// A check does not hold, or something could not be run.
    Failed(String),
}

impl Trouble {
    /// Something failed.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }

    /// A file could not be read or written.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}
