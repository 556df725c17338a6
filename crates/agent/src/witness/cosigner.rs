//! The memory and the signing keys, and the rules between them. It knows no door and no network.

use std::collections::BTreeMap;

use pouch_store::{AgentStore, StoreError, WitnessLife as _, WitnessMemory as _};
use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, KnownLog, Note, NoteSignature, WitnessRefusal, WitnessSigner,
    WitnessState,
};
use pouch_wire::Timestamp;
use tokio::sync::{Mutex, watch};
use tracing::{error, info, warn};

use super::life::{self, WitnessUnfit};
use crate::error::AgentError;
use crate::keys::WitnessKeys;

/// A witness's keys and its memory.
#[derive(Debug)]
pub(super) struct Cosigner {
    signer: WitnessSigner,
    store: AgentStore,
    /// One checkpoint at a time: what is remembered and what is answered belong together.
    turn: Mutex<()>,
    /// Why it cosigns nothing any more.
    stopped: watch::Sender<Option<WitnessUnfit>>,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCosigned {
    /// The log, or whoever asks, is at fault.
    #[error(transparent)]
    Refused(WitnessRefusal),
    /// What would be cosigned cannot be remembered.
    #[error("the witness cannot write its memory")]
    Memory(StoreError),
    /// This witness is over.
    #[error(transparent)]
    Stopped(WitnessUnfit),
}

impl NotCosigned {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Memory(error) => error.code(),
            Self::Stopped(unfit) => unfit.code(),
        }
    }
}

impl Cosigner {
    pub(super) async fn wake(keys: WitnessKeys, store: AgentStore) -> Result<Self, AgentError> {
        let name = KeyName::new(keys.name).map_err(|error| AgentError::Charter(error.to_string()))?;
        let signer = WitnessSigner::new(&name, keys.ed25519, keys.mldsa)
            .map_err(|error| AgentError::Charter(error.to_string()))?;
        life::is_its_own(&store, &signer).await?;
        Ok(Self { signer, store, turn: Mutex::new(()), stopped: watch::Sender::new(None) })
    }

    #[cfg(test)]
    pub(super) const fn store(&self) -> &AgentStore {
        &self.store
    }

    #[cfg(test)]
    pub(super) async fn close(self) {
        self.store.close().await.unwrap();
    }

    /// Waits until this witness found that it must stop, and says why.
    pub(super) async fn until_stopped(&self) -> WitnessUnfit {
        let mut stopped = self.stopped.subscribe();
        match stopped.wait_for(Option::is_some).await.ok().and_then(|why| why.clone()) {
            Some(why) => why,
            // The sender is here, so this is never reached.
            None => std::future::pending().await,
        }
    }

    /// The one way to a cosignature: asks the memory, signs, remembers, and only then gives it away.
    pub(super) async fn cosign(
        &self,
        asked: &AddCheckpoint,
        logs: &BTreeMap<KeyName, KnownLog>,
        now: Timestamp,
    ) -> Result<Vec<NoteSignature>, NotCosigned> {
        let _turn = self.turn.lock().await;
        self.is_awake()?;
        let checkpoint = Checkpoint::parse(asked.note().text())
            .map_err(|error| NotCosigned::Refused(WitnessRefusal::Checkpoint(error)))?;
        // What is no key's name is no log that anybody knows.
        let unknown = |_| NotCosigned::Refused(WitnessRefusal::UnknownLog);
        let origin = KeyName::new(checkpoint.origin()).map_err(unknown)?;
        let known = self.store.witness_state(origin.as_str()).await.map_err(memory)?;
        let mut state = WitnessState::restore(known.map(|(size, root)| (origin.clone(), size, root)));
        match state.add_checkpoint(asked, logs, &self.signer, now) {
            Ok(lines) => {
                let old = known.map(|(size, _)| size);
                let (size, root) = (checkpoint.size(), checkpoint.root());
                self.store.put_witness_state(origin.as_str(), old, size, root).await.map_err(memory)?;
                Ok(lines)
            }
            Err(forgotten @ WitnessRefusal::Forgotten { .. }) => Err(self.stop(&forgotten).await),
            Err(refusal) => {
                info!(code = refusal.code(), "not cosigned");
                Err(NotCosigned::Refused(refusal))
            }
        }
    }

    /// Looks at a note that came from elsewhere: our own cosignature on more than we remember ends us.
    pub(super) async fn shown(&self, note: &Note) -> Result<(), NotCosigned> {
        let Some(origin) = note.text().lines().next().and_then(|line| KeyName::new(line).ok()) else {
            return Ok(());
        };
        let _turn = self.turn.lock().await;
        self.is_awake()?;
        let known = self.store.witness_state(origin.as_str()).await.map_err(memory)?;
        let state = WitnessState::restore(known.map(|(size, root)| (origin, size, root)));
        match state.remembers(note, &self.signer) {
            Err(forgotten @ WitnessRefusal::Forgotten { .. }) => Err(self.stop(&forgotten).await),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn is_awake(&self) -> Result<(), NotCosigned> {
        let stopped = self.stopped.borrow().clone();
        stopped.map_or(Ok(()), |why| Err(NotCosigned::Stopped(why)))
    }

    /// Stops for ever. That it stopped is on the disk before anybody hears of it.
    async fn stop(&self, forgotten: &WitnessRefusal) -> NotCosigned {
        let why = WitnessUnfit::Stopped(forgotten.to_string());
        error!(code = why.code(), "{why}");
        let stored = self.store.stop_witness(&forgotten.to_string()).await;
        self.stopped.send_replace(Some(why.clone()));
        match stored {
            Ok(()) => NotCosigned::Stopped(why),
            Err(error) => memory(error),
        }
    }
}

fn memory(error: StoreError) -> NotCosigned {
    warn!(code = error.code(), "witness memory");
    NotCosigned::Memory(error)
}
