//! The keys that a node uses. They are loaded by whoever starts it; the agent never sees a file of
//! theirs, except through [`KeyKeeper`], which lets a new signing key come into use while it runs.

use core::fmt;

use pouch_crypto::{MlDsaKey, NoteKey, SigningKey};
use pouch_wire::ExerciseId;
use zeroize::Zeroizing;

/// A witness's two keys.
#[derive(Debug)]
pub struct WitnessKeys {
    /// The name of the keys.
    pub name: String,
    /// Cosigns with type 0x04.
    pub ed25519: NoteKey,
    /// Cosigns with type 0x06.
    pub mldsa: MlDsaKey,
}

/// A node's keys, other than the one that signs.
pub struct NodeKeys {
    /// Authenticates its sessions.
    pub transport: SigningKey,
    /// From this the key is derived that protects prekeys and content keys in the database.
    pub vault: Zeroizing<[u8; 32]>,
    /// Cosign logs, when it is a witness.
    pub witness: Option<WitnessKeys>,
}

impl fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeKeys")
            .field("transport", &self.transport)
            .field("witness", &self.witness)
            .finish_non_exhaustive()
    }
}

/// A key file could not be used; the text names the file and the reason, never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyKeeperError(pub String);

/// Where the signing keys are kept.
pub trait KeyKeeper: Send + Sync {
    /// The signing key in use.
    ///
    /// # Errors
    /// When it cannot be read.
    fn signing(&self) -> Result<SigningKey, KeyKeeperError>;

    /// The signing key that waits for the directory to name it.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    fn next_signing(&self) -> Result<Option<SigningKey>, KeyKeeperError>;

    /// Puts the waiting key in the place of the one in use, which is kept aside.
    ///
    /// # Errors
    /// When the files cannot be moved; both keys are still there.
    fn promote(&self) -> Result<(), KeyKeeperError>;

    /// The exercises for which a signing key is kept.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn exercises(&self) -> Result<Vec<ExerciseId>, KeyKeeperError>;

    /// The key that signs in an exercise.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    fn exercise_signing(&self, exercise: ExerciseId) -> Result<SigningKey, KeyKeeperError>;

    /// Destroys the key that signs in an exercise: it is overwritten, and gone from the disk before this
    /// returns. Once more is fine.
    ///
    /// # Errors
    /// When it may still be there.
    fn destroy_exercise_signing(&self, exercise: ExerciseId) -> Result<(), KeyKeeperError>;
}
