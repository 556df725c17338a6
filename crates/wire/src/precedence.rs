//! How fast a message must travel, in the words that the field uses.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// The four precedences. They sort most urgent first; on every surface they are words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precedence {
    /// Ahead of everything; confirmation is expected within 60 seconds.
    Flash,
    /// Confirmation is expected within 5 minutes.
    Immediate,
    /// Confirmation is expected within 30 minutes.
    Priority,
    /// Confirmation is expected within 6 hours.
    Routine,
}

impl Precedence {
    /// All, most urgent first.
    pub const ALL: [Self; 4] = [Self::Flash, Self::Immediate, Self::Priority, Self::Routine];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Immediate => "immediate",
            Self::Priority => "priority",
            Self::Routine => "routine",
        }
    }

    /// How long silence is normal; after it the sender is told to use the telephone.
    #[must_use]
    pub const fn confirm_within(self) -> Duration {
        Duration::from_secs(match self {
            Self::Flash => 60,
            Self::Immediate => 5 * 60,
            Self::Priority => 30 * 60,
            Self::Routine => 6 * 3600,
        })
    }

    /// Rank 0 (flash) to 3 (routine), for stores and queues; never shown to a person.
    #[must_use]
    pub const fn rank(self) -> u8 {
        self as u8
    }

    /// The precedence of a rank.
    #[must_use]
    pub fn from_rank(rank: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.rank() == rank)
    }
}

impl fmt::Display for Precedence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown precedence; say flash, immediate, priority or routine")]
pub struct UnknownPrecedence;

impl FromStr for Precedence {
    type Err = UnknownPrecedence;
    fn from_str(word: &str) -> Result<Self, UnknownPrecedence> {
        Self::ALL.into_iter().find(|p| p.as_str().eq_ignore_ascii_case(word)).ok_or(UnknownPrecedence)
    }
}
