//! Whose memory it is. A witness that begins again with nothing would cosign a second past: so a memory is
//! begun once, with the keys, and without it the keys cosign nothing.

use std::path::Path;

use pouch_crypto::{MlDsaPublic, NotePublic, sha256_parts};
use pouch_store::{AgentStore, WitnessLife as _};
use pouch_tlog::{KeyName, VerifierKey, WitnessSigner};
use pouch_wire::Digest;

use crate::error::AgentError;

/// Why keys cosign nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessUnfit {
    /// There is no memory, or an empty one that was not begun with any keys.
    #[error(
        "this witness has lost its memory: what it cosigned is not known. Retire it: make a new witness with \
         new keys, and have the network name that one instead"
    )]
    NoMemory,
    /// The memory was begun with other keys.
    #[error("this is the memory of another witness: it was begun with other keys than these")]
    OtherMemory,
    /// It found its own cosignature on more than it remembers.
    #[error(
        "this witness has lost a part of its memory and stopped for ever ({0}). Retire it: make a new witness \
         with new keys, and have the network name that one instead"
    )]
    Stopped(String),
}

impl WitnessUnfit {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoMemory => "POUCH-WIT-01",
            Self::OtherMemory => "POUCH-WIT-02",
            Self::Stopped(_) => "POUCH-WIT-03",
        }
    }
}

/// Begins the memory of a new witness, in the database that it will run with. Nothing but the making of
/// the keys may do this.
///
/// # Errors
/// When the database cannot be made, or is another witness's; or the name is none.
pub async fn begin_witness_memory(
    database: &Path,
    name: &str,
    ed25519: NotePublic,
    mldsa: &MlDsaPublic,
) -> Result<(), AgentError> {
    let unfit = |error: String| AgentError::Charter(error);
    let name = KeyName::new(name).map_err(|error| unfit(error.to_string()))?;
    let keys = [
        VerifierKey::cosignature_ed25519(name.clone(), ed25519).map_err(|error| unfit(error.to_string()))?,
        VerifierKey::mldsa44(name, mldsa.clone()).map_err(|error| unfit(error.to_string()))?,
    ];
    let store = AgentStore::open(database)?;
    store.begin_witness(mark(&keys)).await?;
    Ok(store.close().await?)
}

/// Checks that a memory is this witness's, and that it is not over.
pub(super) async fn is_its_own(store: &AgentStore, signer: &WitnessSigner) -> Result<(), AgentError> {
    let own = mark(signer.vkeys());
    let Some(birth) = store.witness_birth().await? else { return Err(WitnessUnfit::NoMemory.into()) };
    match (birth.stopped, birth.mark) {
        (Some(reason), _) => Err(WitnessUnfit::Stopped(reason).into()),
        (None, Some(mark)) if mark != own => Err(WitnessUnfit::OtherMemory.into()),
        (None, Some(_)) => Ok(()),
        // It cosigned before there were marks: what it remembers is the witness's, and takes its mark.
        (None, None) => Ok(store.begin_witness(own).await?),
    }
}

fn mark([ed25519, mldsa]: &[VerifierKey; 2]) -> Digest {
    let (ed25519, mldsa) = (ed25519.to_string(), mldsa.to_string());
    sha256_parts(&[b"pouch witness memory\n", ed25519.as_bytes(), b"\n", mldsa.as_bytes(), b"\n"])
}
