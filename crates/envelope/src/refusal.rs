//! Why a relay does not take a message, and why a recipient does not believe its outside.

use pouch_directory::NotInRole;
use pouch_wire::{ContactPoint, KeyId, limits};

use crate::malformed::Malformed;

/// Why a message is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no message.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is of another version of the protocol.
    #[error("version {0}; this program knows 1")]
    Version(u16),
    /// It is of another network.
    #[error("made for another network")]
    OtherNetwork,
    /// It names another sender than the one whose session brought it.
    #[error("names {named} as its sender, and was brought by {session}")]
    NamesAnother {
        /// Whom it names.
        named: ContactPoint,
        /// Whose session it is.
        session: ContactPoint,
    },
    /// The sender used a newer directory than this one. It may be sent again when this one has caught up.
    #[error("made with a directory of {cited} entries; this one has {have}")]
    DirectoryAhead {
        /// What it cites.
        cited: u64,
        /// What is here.
        have: u64,
    },
    /// The key does not speak for the sender.
    #[error(transparent)]
    NotInRole(#[from] NotInRole),
    /// The key was rotated out too long ago.
    #[error("key {key} was replaced {ago_s} s ago; messages under way may use it for {max_s} s")]
    LongSuperseded {
        /// Which key.
        key: KeyId,
        /// How long ago.
        ago_s: u64,
        /// For how long.
        max_s: u64,
    },
    /// The signature is not the sender's over these bytes.
    #[error("the envelope's signature does not verify")]
    BadSignature,
    /// It was signed in the future, by our clock.
    #[error("signed {ahead_s} s in the future; check the clocks")]
    FromTheFuture {
        /// How far ahead.
        ahead_s: u64,
    },
    /// Nobody may act on it any more.
    #[error("expired {late_s} s ago")]
    Expired {
        /// How long ago.
        late_s: u64,
    },
    /// Its life is empty or longer than allowed.
    #[error("valid for {life_s} s; more than 0 and at most {max_s} are allowed", max_s = limits::LIFE_MS_MAX / 1000)]
    Life {
        /// How long.
        life_s: u64,
    },
    /// A recipient is not in the directory.
    #[error("no contact point {0}")]
    UnknownRecipient(ContactPoint),
    /// A stanza is sealed to a key that is not the recipient's, or that the directory does not know.
    #[error("the stanza of {0} is sealed to a key that is not its own")]
    UnknownPrekey(ContactPoint),
    /// The exercise is over.
    #[error("the exercise was over {ago_s} s ago")]
    ExerciseOver {
        /// How long ago.
        ago_s: u64,
    },
    /// The exercise has not begun.
    #[error("the exercise begins in {ahead_s} s")]
    ExerciseNotBegun {
        /// How long from now.
        ahead_s: u64,
    },
}

impl Refusal {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code(),
            Self::Version(_) => "POUCH-ADM-10",
            Self::OtherNetwork => "POUCH-ADM-11",
            Self::NamesAnother { .. } => "POUCH-ADM-12",
            Self::DirectoryAhead { .. } => "POUCH-ADM-13",
            Self::NotInRole(error) => error.code(),
            Self::LongSuperseded { .. } => "POUCH-ADM-14",
            Self::BadSignature => "POUCH-ADM-15",
            Self::FromTheFuture { .. } => "POUCH-ADM-16",
            Self::Expired { .. } => "POUCH-ADM-17",
            Self::Life { .. } => "POUCH-ADM-18",
            Self::UnknownRecipient(_) => "POUCH-ADM-19",
            Self::UnknownPrekey(_) => "POUCH-ADM-20",
            Self::ExerciseOver { .. } => "POUCH-ADM-21",
            Self::ExerciseNotBegun { .. } => "POUCH-ADM-22",
        }
    }
}
