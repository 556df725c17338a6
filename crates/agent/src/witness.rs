//! Cosigning: says that a log only grew since this witness saw it last, and never anything else.
//!
//! What was cosigned is on the disk before the answer leaves. A witness never cosigns back.

use std::collections::BTreeMap;

use pouch_directory::{LogKeys, View};
use pouch_net::{Stream, StreamError};
use pouch_store::{AgentStore, StoreError, WitnessMemory as _};
use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, KnownLog, Note, NoteSignature, VerifierKey, WitnessRefusal,
    WitnessSigner, WitnessState,
};
use pouch_wire::session::{Cosign, Cosigned};
use pouch_wire::{Blob, Text, Timestamp};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::error::AgentError;
use crate::keys::WitnessKeys;

/// A witness and its memory.
#[derive(Debug)]
pub(crate) struct Witness {
    signer: WitnessSigner,
    store: AgentStore,
    /// One checkpoint at a time: what is remembered and what is answered belong together.
    turn: Mutex<()>,
}

impl Witness {
    pub(crate) fn new(keys: WitnessKeys, store: AgentStore) -> Result<Self, AgentError> {
        let name = KeyName::new(keys.name).map_err(|error| AgentError::Charter(error.to_string()))?;
        let signer = WitnessSigner::new(&name, keys.ed25519, keys.mldsa)
            .map_err(|error| AgentError::Charter(error.to_string()))?;
        Ok(Self { signer, store, turn: Mutex::new(()) })
    }

    /// Answers a relay that asks for a cosignature.
    pub(crate) async fn answer(
        &self,
        stream: Stream,
        request: Cosign,
        logs: BTreeMap<KeyName, KnownLog>,
        now: Timestamp,
    ) -> Result<(), StreamError> {
        let answer = self.cosign(request, &logs, now).await.unwrap_or_else(|error| {
            warn!(code = error.code(), "witness memory");
            no("the witness cannot write its memory")
        });
        stream.answer(&answer).await
    }

    async fn cosign(
        &self,
        request: Cosign,
        logs: &BTreeMap<KeyName, KnownLog>,
        now: Timestamp,
    ) -> Result<Cosigned, StoreError> {
        let _turn = self.turn.lock().await;
        let Ok(note) = Note::parse(&request.checkpoint) else { return Ok(no("not a note")) };
        let Some(checkpoint) = Checkpoint::parse(note.text()).ok() else { return Ok(no("not a checkpoint")) };
        let Ok(origin) = KeyName::new(checkpoint.origin()) else { return Ok(no("not an origin")) };
        let known = self.store.witness_state(origin.as_str()).await?;
        let mut state = WitnessState::restore(known.map(|(size, root)| (origin.clone(), size, root)));
        let Ok(asked) = AddCheckpoint::new(request.old_size, request.proof.to_vec(), note) else {
            return Ok(no("not a proof"));
        };
        match state.add_checkpoint(&asked, logs, &self.signer, now) {
            Ok(lines) => {
                let (size, root) = (checkpoint.size(), checkpoint.root());
                self.store
                    .put_witness_state(origin.as_str(), known.map(|(size, _)| size), size, root)
                    .await?;
                let lines = NoteSignature::print_lines(&lines).into_bytes();
                Ok(Blob::new(lines).map_or_else(|_| no("too large"), Cosigned::Lines))
            }
            Err(WitnessRefusal::Conflict { size, .. }) => Ok(Cosigned::Conflict { size }),
            Err(refusal) => {
                info!(code = refusal.code(), origin = origin.as_str(), "not cosigned");
                Ok(no(&refusal.to_string()))
            }
        }
    }
}

fn no(reason: &str) -> Cosigned {
    Cosigned::No(Text::new(reason.chars().take(256).collect::<String>()).unwrap_or_default())
}

/// The logs of a network that a witness cosigns.
pub(crate) fn known_logs(view: &View<'_>) -> BTreeMap<KeyName, KnownLog> {
    let of_relays = view.relays().iter().map(|relay| &relay.message_log);
    of_relays.chain([view.directory_log()]).filter_map(known_log).collect()
}

fn known_log(keys: &LogKeys) -> Option<(KeyName, KnownLog)> {
    let origin = KeyName::new(keys.origin.to_string()).ok()?;
    let ed25519 = VerifierKey::ed25519(origin.clone(), keys.ed25519).ok()?;
    let mldsa = VerifierKey::mldsa44(origin.clone(), keys.mldsa.clone()).ok()?;
    Some((origin, KnownLog::all_of(vec![ed25519, mldsa])))
}
