//! Why a node cannot go on, or could not do one thing. Log-safe: no content, no secrets.

use pouch_crypto::VaultError;
use pouch_net::{BadIdentity, BindError, RequestError, SessionError};
use pouch_store::StoreError;
use pouch_wire::{DecodeError, EncodeError, KeyId, OutOfBounds};

use crate::keys::KeyKeeperError;

/// Why something did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// Storage failed; the node must end.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The charter is not good, or names this contact point not at all.
    #[error("charter: {0}")]
    Charter(String),
    /// The signing key is not the one that the directory names.
    #[error("the directory names another signing key for this contact point than the key file holds")]
    OtherKey,
    /// This witness must cosign nothing.
    #[error(transparent)]
    Unfit(#[from] crate::witness::WitnessUnfit),
    /// A key could not be read.
    #[error(transparent)]
    Key(#[from] KeyKeeperError),
    /// The local socket could not be made.
    #[error(transparent)]
    Socket(#[from] pouch_control::ServerError),
    /// The transport key or the network socket cannot be used.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The transport key cannot be used.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
    /// What the vault protects cannot be opened: another vault key, or damage.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// No such sealing key, or no longer.
    #[error("sealing key {} is unknown or destroyed", .0.short())]
    NoPrekey(KeyId),
    /// This office has no key for that exercise, or no longer.
    #[error("this office has no key for that exercise, or no longer")]
    NotJoined,
    /// No relay's session is up.
    #[error("no relay is reachable")]
    NoRelay,
    /// A relay did not do what was asked.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A session ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A value is too large for its kind.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Bytes are not what they should be.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Something that this node kept is damaged.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A message could not be sealed.
    #[error(transparent)]
    Seal(#[from] pouch_notice::SealError),
    /// A value is out of its bounds.
    #[error(transparent)]
    Bounds(#[from] OutOfBounds),
}

impl AgentError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Charter(_) => "POUCH-AGT-01",
            Self::OtherKey => "POUCH-AGT-02",
            Self::Unfit(unfit) => unfit.code(),
            Self::Key(_) => "POUCH-AGT-03",
            Self::Socket(_) => "POUCH-AGT-04",
            Self::Bind(error) => error.code(),
            Self::Identity(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::NoPrekey(_) => "POUCH-AGT-05",
            Self::NotJoined => "POUCH-EXR-04",
            Self::NoRelay => "POUCH-AGT-06",
            Self::Request(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Encode(_) => "POUCH-AGT-07",
            Self::Decode(_) => "POUCH-AGT-08",
            Self::Bounds(_) => "POUCH-AGT-09",
            Self::Damaged(_) => "POUCH-AGT-10",
            Self::Seal(error) => error.code(),
        }
    }

    /// Whether the node must end: nothing may be acknowledged any more. A full disk or one damaged record
    /// is no reason to end; what could not be stored is not acknowledged, and comes again.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Store(StoreError::Fatal(_) | StoreError::Closed))
    }

    /// Whether another agent serves this folder.
    #[must_use]
    pub const fn is_running_already(&self) -> bool {
        matches!(self, Self::Socket(pouch_control::ServerError::InUse(_)) | Self::Store(StoreError::InUse(_)))
    }

    /// Whether storage failed: nothing is acknowledged that is not stored.
    #[must_use]
    pub const fn is_storage(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}
