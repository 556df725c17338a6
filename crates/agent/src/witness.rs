//! Cosigning: says that a log only grew since this witness saw it last, and never anything else.
//!
//! What was cosigned is on the disk before the answer leaves. A witness never cosigns back, whichever door
//! it is asked at: a relay's session or HTTP. One that finds that it forgot stops for ever.

mod cosigner;
mod door;
mod life;
mod standalone;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pouch_directory::{LogKeys, View};
use pouch_net::{Stream, StreamError};
use pouch_store::{AgentStore, Mirror as _};
use pouch_tlog::{AddCheckpoint, KeyName, KnownLog, Note, NoteSignature, VerifierKey, WitnessRefusal};
use pouch_wire::session::{Cosign, Cosigned};
use pouch_wire::{Blob, Text, Timestamp};
use tokio::sync::watch;

use cosigner::{Cosigner, NotCosigned};
pub(crate) use door::serve as serve_http;
pub use life::{WitnessUnfit, begin_witness_memory};
pub use standalone::run_witness;

use crate::config::WitnessedLog;
use crate::error::AgentError;
use crate::keys::WitnessKeys;
use crate::mirror::Believed;

/// A witness, and the logs that it serves.
#[derive(Debug)]
pub(crate) struct Witness {
    cosigner: Cosigner,
    store: AgentStore,
    /// Which logs the network has.
    believed: watch::Receiver<Arc<Believed>>,
    /// Which logs it cosigns besides.
    others: BTreeMap<KeyName, KnownLog>,
    /// Both together, as of a size of the directory.
    made: Mutex<Option<(u64, Logs)>>,
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
        let cosigner = Cosigner::wake(keys, store.clone()).await?;
        let others = others.iter().map(|log| (log.origin().clone(), log.known())).collect();
        Ok(Self { cosigner, store, believed, others, made: Mutex::default() })
    }

    /// Waits until this witness found that it must stop, and says why.
    pub(crate) async fn until_stopped(&self) -> WitnessUnfit {
        self.cosigner.until_stopped().await
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
        match self.cosigner.cosign(&asked, &self.logs(), now).await {
            Ok(lines) => {
                let lines = NoteSignature::print_lines(&lines).into_bytes();
                Blob::new(lines).map_or_else(|_| no("too large"), Cosigned::Lines)
            }
            Err(NotCosigned::Refused(WitnessRefusal::Conflict { size, .. })) => Cosigned::Conflict { size },
            Err(reason) => no(&format!("{} {reason}", reason.code())),
        }
    }

    /// Looks at the cosignatures under each checkpoint that is believed, until the end.
    pub(crate) async fn watch_itself(&self) -> Result<(), AgentError> {
        let mut believed = self.believed.clone();
        loop {
            if let Some(accepted) = self.store.accepted_checkpoint().await?
                && let Ok(note) = Note::parse(&accepted.note)
                && let Err(NotCosigned::Memory(error)) = self.cosigner.shown(&note).await
            {
                return Err(error.into());
            }
            if believed.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// The logs that are cosigned now. They are made of the directory once for each size that it has: whoever
    /// asks makes no work by that.
    fn logs(&self) -> Logs {
        let directory = self.believed.borrow().directory.clone();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((size, logs)) = &*made
            && *size == directory.size()
        {
            return logs.clone();
        }
        let mut logs = self.others.clone();
        // Of a log that the network has, the network's word counts.
        logs.extend(known_logs(&directory.now_view()));
        let logs = Arc::new(logs);
        *made = Some((directory.size(), logs.clone()));
        logs
    }
}

/// The logs that a witness cosigns, by their origins.
type Logs = Arc<BTreeMap<KeyName, KnownLog>>;

fn no(reason: &str) -> Cosigned {
    Cosigned::No(Text::new(reason.chars().take(256).collect::<String>()).unwrap_or_default())
}

/// The logs of a network that a witness cosigns.
fn known_logs(view: &View<'_>) -> BTreeMap<KeyName, KnownLog> {
    let of_relays = view.relays().iter().map(|relay| &relay.message_log);
    of_relays.chain([view.directory_log()]).filter_map(known_log).collect()
}

fn known_log(keys: &LogKeys) -> Option<(KeyName, KnownLog)> {
    let origin = KeyName::new(keys.origin.to_string()).ok()?;
    let ed25519 = VerifierKey::ed25519(origin.clone(), keys.ed25519).ok()?;
    let mldsa = VerifierKey::mldsa44(origin.clone(), keys.mldsa.clone()).ok()?;
    Some((origin, KnownLog::all_of(vec![ed25519, mldsa])))
}

#[cfg(test)]
mod tests;
