//! Asks every attached witness at once for its cosignature, and stops when there is a quorum.
//!
//! What comes back is believed only when it verifies under the network's policy; a witness that answers
//! nonsense, or not at all, costs nothing but its own cosignature.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use pouch_net::Session;
use pouch_tlog::{Checkpoint, MemoryTree, Note, NoteSignature, Policy};
use pouch_wire::session::{Cosign, Cosigned, LogName};
use pouch_wire::{Blob, Digest, List};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::switchboard::WitnessSession;

/// How long a witness may take.
const WITHIN: Duration = Duration::from_secs(5);

/// What is remembered between rounds.
#[derive(Debug)]
pub(crate) struct Cosigning {
    log: LogName,
    witnesses: watch::Receiver<Vec<WitnessSession>>,
    /// What each session's witness cosigned last, as far as we know.
    last: HashMap<u64, u64>,
}

impl Cosigning {
    pub(crate) fn new(log: LogName, witnesses: watch::Receiver<Vec<WitnessSession>>) -> Self {
        Self { log, witnesses, last: HashMap::new() }
    }

    /// The note with a quorum's cosignatures; `None` when there is no quorum now.
    pub(crate) async fn gather(
        &mut self,
        note: &Note,
        size: u64,
        tree: &MemoryTree,
        policy: &Policy,
    ) -> Option<Note> {
        let sessions: Vec<Session> = self.witnesses.borrow().iter().map(|w| w.session.clone()).collect();
        self.last.retain(|id, _| sessions.iter().any(|s| s.id() == *id));
        let mut asked = JoinSet::new();
        for session in sessions {
            let old = self.last.get(&session.id()).copied().unwrap_or(0).min(size);
            asked.spawn(ask(session, request(self.log, note, old, size, tree)?));
        }
        let mut cosigned = note.clone();
        let mut again = HashSet::new();
        while let Some(answer) = asked.join_next().await {
            let Ok((session, answer)) = answer else { continue };
            match answer {
                Ok(Cosigned::Lines(lines)) => {
                    self.last.insert(session.id(), size);
                    if let Some(better) = with_lines(&cosigned, &lines, policy) {
                        cosigned = better;
                    }
                    if policy.check_strict(&cosigned).is_ok() {
                        // A surplus line would be one that nobody notices when it is damaged.
                        return policy.sufficient(&cosigned).ok();
                    }
                }
                Ok(Cosigned::Conflict { size: theirs }) if theirs <= size => {
                    self.last.insert(session.id(), theirs);
                    // Once more, and not again: a witness that never says the same twice would keep
                    // the log for ever.
                    if again.insert(session.id()) {
                        asked.spawn(ask(session, request(self.log, note, theirs, size, tree)?));
                    }
                }
                Ok(Cosigned::Conflict { size: theirs }) => {
                    warn!(log = ?self.log, size, theirs, "a witness cosigned a larger log than this one");
                }
                Ok(Cosigned::No(reason)) => {
                    warn!(log = ?self.log, reason = &*reason, "a witness will not cosign")
                }
                Err(code) => info!(log = ?self.log, code, "a witness did not answer"),
            }
        }
        None
    }
}

fn request(log: LogName, note: &Note, old_size: u64, size: u64, tree: &MemoryTree) -> Option<Cosign> {
    let proof: Vec<Digest> =
        if old_size == 0 { Vec::new() } else { tree.consistency(old_size, size).ok()? };
    let checkpoint = Blob::new(note.to_bytes()).ok()?;
    Some(Cosign { log, old_size, proof: List::new(proof).ok()?, checkpoint })
}

async fn ask(session: Session, question: Cosign) -> (Session, Result<Cosigned, &'static str>) {
    let answer = session.request::<_, Cosigned>(&question, WITHIN).await.map_err(|error| error.code());
    (session, answer)
}

/// The note with those of a witness's lines that are good, and of a witness that the policy knows. Any
/// other would be dead weight, or spoil the note for everyone.
fn with_lines(note: &Note, lines: &[u8], policy: &Policy) -> Option<Note> {
    let checkpoint = Checkpoint::parse(note.text()).ok()?;
    let good = |line: &NoteSignature| {
        policy
            .witness_keys()
            .any(|key| key.is_named_by(line) && key.verify(note.text(), &checkpoint, line).is_ok())
    };
    note.with(NoteSignature::parse_lines(lines).ok()?.into_iter().filter(good)).ok()
}
