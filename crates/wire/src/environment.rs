//! Live, or a named exercise; part of every signing context, so the two cannot be confused.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// An exercise: SHA-256 of the statement that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExerciseId(pub Digest);

impl ExerciseId {
    /// The first eight hexadecimal digits, enough to tell one from another on a screen.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for ExerciseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a message belongs: to the real world, or to one exercise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Environment {
    /// The real world.
    Live,
    /// An exercise that the directory names.
    Exercise(ExerciseId),
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Exercise(id) => write!(f, "exercise {}", id.0),
        }
    }
}

crate::canonical!(Environment, "environment", 64);
