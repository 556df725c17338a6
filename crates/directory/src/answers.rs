//! What the directory answers when it is asked about a key.

use pouch_crypto::PublicKey;
use pouch_wire::{ContactPoint, KeyId, Member, Timestamp};

use crate::mandate::Mandate;
use crate::state::Revocation;

/// A key speaks for an office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The key.
    pub key: PublicKey,
    /// Which entry bound it.
    pub since_index: u64,
    /// When that was drafted.
    pub since: Timestamp,
    /// What it may say.
    pub mandate: Mandate,
    /// When another took its place, if one has as of the directory's newest entry.
    pub superseded: Option<Timestamp>,
}

/// A key of an officer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficerAuthority {
    /// The key.
    pub key: PublicKey,
    /// The title.
    pub title: String,
    /// Names the person: one person, one vote.
    pub person: String,
    /// What the officer may approve.
    pub mandate: Mandate,
}

/// Why a key does not speak for an office.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotInRole {
    /// The office is not in the directory in this environment.
    #[error("no contact point {0} here")]
    NoContactPoint(ContactPoint),
    /// The key was never bound to it.
    #[error("key {} was never bound to {contact_point}", key.short())]
    Unknown {
        /// Whose office.
        contact_point: ContactPoint,
        /// Which key.
        key: KeyId,
    },
    /// Another key has taken its place.
    #[error("key {} no longer speaks for {contact_point}", key.short())]
    Superseded {
        /// Whose office.
        contact_point: ContactPoint,
        /// Which key.
        key: KeyId,
    },
    /// It is revoked.
    #[error("key {} is revoked by entry {index}", key.short())]
    Revoked {
        /// Which key.
        key: KeyId,
        /// By which entry.
        index: u64,
    },
    /// The member is suspended.
    #[error("{0} is suspended")]
    Suspended(Member),
    /// The exercise is over, or was never opened.
    #[error("the exercise is not open")]
    ExerciseClosed,
}

impl NotInRole {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoContactPoint(_) => "POUCH-DIR-40",
            Self::Unknown { .. } => "POUCH-DIR-41",
            Self::Superseded { .. } => "POUCH-DIR-42",
            Self::Revoked { .. } => "POUCH-DIR-43",
            Self::Suspended(_) => "POUCH-DIR-44",
            Self::ExerciseClosed => "POUCH-DIR-45",
        }
    }
}

/// Whose transport key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportOwner {
    /// A node.
    ContactPoint(ContactPoint),
    /// A relay, by name.
    Relay(String),
    /// A witness, by name.
    Witness(String),
}

/// A key's time in an office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPeriod {
    /// Which key.
    pub key: PublicKey,
    /// From which entry on.
    pub from_index: u64,
    /// When that was drafted.
    pub from: Timestamp,
    /// Until which entry.
    pub until_index: Option<u64>,
    /// Its revocation.
    pub revoked: Option<Revocation>,
}
