//! Cosigning: says that a log only grew since this witness saw it last, and never anything else.
//!
//! What was cosigned is on the disk before the answer leaves. A witness never cosigns back, whichever door
//! it is asked at: a relay's session or HTTP. One that finds that it forgot stops for ever.

mod door;
mod life;
mod standalone;

use std::collections::BTreeMap;
use std::sync::Arc;

use pouch_directory::{LogKeys, View};
use pouch_net::{Stream, StreamError};
use pouch_store::{AgentStore, Mirror as _, StoreError, WitnessLife as _, WitnessMemory as _};
use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, KnownLog, Note, NoteSignature, VerifierKey, WitnessRefusal,
    WitnessSigner, WitnessState,
};
use pouch_wire::session::{Cosign, Cosigned};
use pouch_wire::{Blob, Text, Timestamp};
use tokio::sync::{Mutex, watch};
use tracing::{error, info, warn};

pub(crate) use door::serve as serve_http;
pub use life::{WitnessUnfit, begin_witness_memory};
pub use standalone::run_witness;

use crate::config::WitnessedLog;
use crate::error::AgentError;
use crate::keys::WitnessKeys;
use crate::mirror::Believed;

/// A witness and its memory.
#[derive(Debug)]
pub(crate) struct Witness {
    signer: WitnessSigner,
    store: AgentStore,
    /// Which logs the network has.
    believed: watch::Receiver<Arc<Believed>>,
    /// Which logs it cosigns besides.
    others: BTreeMap<KeyName, KnownLog>,
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

impl Witness {
    /// A witness with its own memory.
    ///
    /// # Errors
    /// [`AgentError::Unfit`] when this is not its memory, or it stopped.
    pub(crate) async fn wake(
        keys: WitnessKeys,
        store: AgentStore,
        believed: watch::Receiver<Arc<Believed>>,
        others: &[WitnessedLog],
    ) -> Result<Self, AgentError> {
        let name = KeyName::new(keys.name).map_err(|error| AgentError::Charter(error.to_string()))?;
        let signer = WitnessSigner::new(&name, keys.ed25519, keys.mldsa)
            .map_err(|error| AgentError::Charter(error.to_string()))?;
        life::is_its_own(&store, &signer).await?;
        let others = others.iter().map(|log| (log.origin().clone(), log.known())).collect();
        Ok(Self { signer, store, believed, others, turn: Mutex::new(()), stopped: watch::Sender::new(None) })
    }

    /// Waits until this witness found that it must stop, and says why.
    pub(crate) async fn until_stopped(&self) -> WitnessUnfit {
        let mut stopped = self.stopped.subscribe();
        match stopped.wait_for(Option::is_some).await.ok().and_then(|why| why.clone()) {
            Some(why) => why,
            // The sender is here, so this is never reached.
            None => std::future::pending().await,
        }
    }

    /// Answers a relay that asks for a cosignature.
    pub(crate) async fn answer(
        &self,
        stream: Stream,
        request: Cosign,
        now: Timestamp,
    ) -> Result<(), StreamError> {
        stream.answer(&self.in_session(request, now).await).await
    }

    async fn in_session(&self, request: Cosign, now: Timestamp) -> Cosigned {
        let Ok(note) = Note::parse(&request.checkpoint) else { return no("not a note") };
        let Ok(asked) = AddCheckpoint::new(request.old_size, request.proof.to_vec(), note) else {
            return no("not a proof");
        };
        match self.cosign(&asked, now).await {
            Ok(lines) => {
                let lines = NoteSignature::print_lines(&lines).into_bytes();
                Blob::new(lines).map_or_else(|_| no("too large"), Cosigned::Lines)
            }
            Err(NotCosigned::Refused(WitnessRefusal::Conflict { size, .. })) => Cosigned::Conflict { size },
            Err(reason) => no(&format!("{} {reason}", reason.code())),
        }
    }

    /// The one way to a cosignature: asks the memory, signs, remembers, and only then gives it away.
    pub(crate) async fn cosign(
        &self,
        asked: &AddCheckpoint,
        now: Timestamp,
    ) -> Result<Vec<NoteSignature>, NotCosigned> {
        let logs = self.logs();
        let _turn = self.turn.lock().await;
        self.is_awake()?;
        let checkpoint = Checkpoint::parse(asked.note().text())
            .map_err(|error| NotCosigned::Refused(WitnessRefusal::Checkpoint(error)))?;
        // What is no key's name is no log that anybody knows.
        let unknown = |_| NotCosigned::Refused(WitnessRefusal::UnknownLog);
        let origin = KeyName::new(checkpoint.origin()).map_err(unknown)?;
        let known = self.store.witness_state(origin.as_str()).await.map_err(memory)?;
        let mut state = WitnessState::restore(known.map(|(size, root)| (origin.clone(), size, root)));
        match state.add_checkpoint(asked, &logs, &self.signer, now) {
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
    pub(crate) async fn shown(&self, note: &Note) -> Result<(), NotCosigned> {
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

    /// Looks at the cosignatures under each checkpoint that is believed, until the end.
    pub(crate) async fn watch_itself(&self) -> Result<(), AgentError> {
        let mut believed = self.believed.clone();
        loop {
            if let Some(accepted) = self.store.accepted_checkpoint().await?
                && let Ok(note) = Note::parse(&accepted.note)
                && let Err(NotCosigned::Memory(error)) = self.shown(&note).await
            {
                return Err(error.into());
            }
            if believed.changed().await.is_err() {
                return Ok(());
            }
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

    fn logs(&self) -> BTreeMap<KeyName, KnownLog> {
        let directory = self.believed.borrow().directory.clone();
        let mut logs = self.others.clone();
        // Of a log that the network has, the network's word counts.
        logs.extend(known_logs(&directory.now_view(), &directory.charter().directory_log));
        logs
    }
}

fn memory(error: StoreError) -> NotCosigned {
    warn!(code = error.code(), "witness memory");
    NotCosigned::Memory(error)
}

fn no(reason: &str) -> Cosigned {
    Cosigned::No(Text::new(reason.chars().take(256).collect::<String>()).unwrap_or_default())
}

/// The logs of a network that a witness cosigns.
fn known_logs(view: &View<'_>, directory_log: &LogKeys) -> BTreeMap<KeyName, KnownLog> {
    let of_relays = view.relays().iter().map(|relay| &relay.message_log);
    of_relays.chain([directory_log]).filter_map(known_log).collect()
}

fn known_log(keys: &LogKeys) -> Option<(KeyName, KnownLog)> {
    let origin = KeyName::new(keys.origin.to_string()).ok()?;
    let ed25519 = VerifierKey::ed25519(origin.clone(), keys.ed25519).ok()?;
    let mldsa = VerifierKey::mldsa44(origin.clone(), keys.mldsa.clone()).ok()?;
    Some((origin, KnownLog::all_of(vec![ed25519, mldsa])))
}

#[cfg(test)]
mod tests;
