//! Why a relay could not start, or go on.

use pouch_net::{BadIdentity, BindError};
use pouch_store::StoreError;
use pouch_wire::session::LogName;

/// Why a relay could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Storage failed; nothing was acknowledged after it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The charter is not good, or does not name this relay with these keys.
    #[error("charter: {0}")]
    Charter(String),
    /// The transport key cannot be used.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
    /// The address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The folder of the published logs cannot be written.
    #[error("published logs: {0}")]
    Publish(#[from] std::io::Error),
    /// What was about to be signed does not match what is stored: one flipped bit is enough.
    #[error("the {log:?} log does not match its stored entries; nothing more is signed")]
    SelfCheck {
        /// Which log.
        log: LogName,
    },
    /// A witness's address in the configuration cannot be asked.
    #[error("witness {name:?}: {reason}")]
    WitnessAddress {
        /// Which.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A signing key of a log does not work.
    #[error("log keys: {0}")]
    LogKeys(String),
    /// The directory named this relay, and does no more.
    #[error("the directory no longer names relay {0:?}")]
    NoLongerNamed(String),
    /// The directory names this relay with other keys.
    #[error("the directory names other keys for relay {0:?} than the key files hold")]
    OtherKeys(String),
    /// Another relay is named first now, or this one is.
    #[error("the directory's log is sequenced by another relay than before, and relay {0:?} must start anew")]
    OtherDuty(String),
    /// It is named first, and cannot sequence.
    #[error("relay {0:?} is named first, so that it sequences the directory, and has no key of its log")]
    NoDirectoryKeys(String),
}

impl RelayError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Charter(_) => "POUCH-RLY-01",
            Self::Identity(error) => error.code(),
            Self::Bind(error) => error.code(),
            Self::Publish(_) => "POUCH-RLY-02",
            Self::SelfCheck { .. } => "POUCH-RLY-03",
            Self::LogKeys(_) => "POUCH-RLY-04",
            Self::WitnessAddress { .. } => "POUCH-RLY-49",
            Self::NoLongerNamed(_) => "POUCH-RLY-30",
            Self::OtherKeys(_) => "POUCH-RLY-31",
            Self::OtherDuty(_) => "POUCH-RLY-32",
            Self::NoDirectoryKeys(_) => "POUCH-RLY-35",
        }
    }

    /// Whether the disk is full: what was not written is written when there is room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Store(error) => *error == StoreError::Full,
            Self::Publish(error) => error.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    /// Whether storage failed.
    #[must_use]
    pub const fn is_storage(&self) -> bool {
        matches!(self, Self::Store(_) | Self::SelfCheck { .. } | Self::Publish(_))
    }
}
