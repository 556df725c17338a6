//! Why a beacon does not count.

use pouch_directory::NotInRole;
use pouch_tlog::ProofError;
use pouch_wire::{ContactPoint, DecodeError, KeyId, limits};

/// Why a beacon does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconRefused {
    /// It is not well-formed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is of another version of the protocol.
    #[error("version {0}; this program knows 1")]
    Version(u16),
    /// It is of another network.
    #[error("made for another network")]
    OtherNetwork,
    /// It is of an exercise.
    #[error("beacons are live; this one is of an exercise")]
    Drill,
    /// It announces the next one too soon or too late.
    #[error("the next one after {0} s; {min} to {max} are allowed", min = limits::BEACON_EVERY_S.start(), max = limits::BEACON_EVERY_S.end())]
    Interval(u16),
    /// The sender has a newer directory than this one.
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
    /// The key was replaced too long ago.
    #[error("key {} was replaced {ago_s} s ago", key.short())]
    LongReplaced {
        /// Which key.
        key: KeyId,
        /// How long ago.
        ago_s: u64,
    },
    /// The signature is not the sender's over these bytes.
    #[error("the beacon's signature does not verify")]
    BadSignature,
    /// Its time is not now.
    #[error("its time is {off_s} s from now; check the clocks")]
    NotOfNow {
        /// How far away.
        off_s: u64,
    },
    /// Another office's session brought it.
    #[error("is of {named}, and was brought by {session}")]
    NamesAnother {
        /// Whom it names.
        named: ContactPoint,
        /// Whose session it is.
        session: ContactPoint,
    },
    /// The leaves are not those that it signs, or one peer stands twice.
    #[error("its leaves are not those that it signs")]
    OtherLeaves,
    /// The leaf is not in the tree that it signs.
    #[error("the leaf is not in its tree: {0}")]
    NotInTree(#[from] ProofError),
}

impl BeaconRefused {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decode(_) => "POUCH-BCN-01",
            Self::Version(_) => "POUCH-BCN-02",
            Self::OtherNetwork => "POUCH-BCN-03",
            Self::Drill => "POUCH-BCN-04",
            Self::Interval(_) => "POUCH-BCN-05",
            Self::DirectoryAhead { .. } => "POUCH-BCN-06",
            Self::NotInRole(error) => error.code(),
            Self::LongReplaced { .. } => "POUCH-BCN-07",
            Self::BadSignature => "POUCH-BCN-08",
            Self::NotOfNow { .. } => "POUCH-BCN-09",
            Self::NamesAnother { .. } => "POUCH-BCN-10",
            Self::OtherLeaves => "POUCH-BCN-11",
            Self::NotInTree(_) => "POUCH-BCN-12",
        }
    }
}
