//! The node's own copy of the directory log, and what it believes because of it.
//!
//! A checkpoint is believed when the log signed it, a quorum of distinct witnesses cosigned it, and it
//! extends the last one believed. It never goes back. An entry counts only when it lies in a believed
//! checkpoint. Two checkpoints that contradict each other are kept and raise an alarm that stays.

mod asking;
mod follow;
mod offered;
mod promises;
mod restore;
mod taking;
mod telling;
mod watchdog;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_directory::Directory;
use pouch_net::{RequestError, Session};
use pouch_notice::RED_AFTER_MS;
use pouch_store::{AcceptedCheckpoint, AgentStore, Mirror as _, MirrorStep, NewEvent};
use pouch_tlog::{LastAccepted, MemoryTree, Note};
use pouch_wire::session::Consistency;
use pouch_wire::{Digest, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use asking::{Answered, Asking};
pub(crate) use offered::{Offer, Offered};
use taking::FETCH_WITHIN;
use watchdog::{Change, Stall, Watchdog};

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;

/// What a node believes.
#[derive(Debug, Clone)]
pub(crate) struct Believed {
    pub(crate) directory: Arc<Directory>,
    /// Size of the newest checkpoint believed; zero before the first.
    pub(crate) size: u64,
    /// Its root.
    pub(crate) root: Digest,
    /// When its quorum had cosigned.
    pub(crate) cosigned_at: Option<Timestamp>,
}

impl Believed {
    fn of(directory: &Directory, accepted: &pouch_tlog::AcceptedCheckpoint) -> Self {
        Self {
            directory: Arc::new(directory.clone()),
            size: accepted.size(),
            root: accepted.root(),
            cosigned_at: accepted.cosigned_at(),
        }
    }
}

/// What was accepted, folded, and is not yet stored.
struct Grown {
    from: u64,
    entries: Vec<Vec<u8>>,
    last: LastAccepted,
    accepted: pouch_tlog::AcceptedCheckpoint,
    tree: MemoryTree,
    directory: Directory,
}

/// Owns the mirror.
pub(crate) struct MirrorKeeper {
    store: AgentStore,
    last: LastAccepted,
    tree: MemoryTree,
    directory: Directory,
    believed: watch::Sender<Arc<Believed>>,
    /// What each relay's log was found to do, and is told of until it is seen to be sound again.
    told: BTreeSet<(String, &'static str)>,
    /// How large the directory was that each relay showed, by name and key, since this node began.
    shown: BTreeMap<(String, [u8; 32]), u64>,
    watchdog: Watchdog,
}

impl MirrorKeeper {
    /// Looks at the relays' copies whenever asked, until the node ends.
    pub(crate) async fn serve(
        mut self,
        desk: Arc<Desk>,
        mut wake: mpsc::Receiver<()>,
        mut offers: mpsc::Receiver<Offer>,
        shutdown: tokio_util::sync::CancellationToken,
    ) -> Result<(), AgentError> {
        let mut every = tokio::time::interval(LOOK_EVERY);
        let mut check = tokio::time::interval(CHECK_EVERY);
        let mut asking = Asking::default();
        let cosigned_at = self.believed.borrow().cosigned_at;
        desk.compare_with_others(cosigned_at).await?;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                woken = wake.recv() => {
                    if woken.is_none() { return Ok(()) }
                    asking.all(&desk, self.last.size());
                }
                _ = every.tick() => asking.all(&desk, self.last.size()),
                Some(offer) = offers.recv() => self.judge_offer(offer, &desk).await?,
                _ = check.tick() => {
                    self.check(&desk).await?;
                    if self.a_promise_is_due(&desk).await? {
                        asking.all(&desk, self.last.size());
                    }
                }
                Some(answered) = asking.under_way.join_next(), if !asking.under_way.is_empty() => {
                    let answered = answered.map_err(|_| AgentError::Damaged("a question ended".into()))?;
                    self.heard(answered, &mut asking, &desk).await?;
                }
            }
        }
    }

    /// Takes what a relay answered. An answer to an older question proves nothing about what is believed
    /// now: that relay is asked anew.
    async fn heard(
        &mut self,
        answered: Answered,
        asking: &mut Asking,
        desk: &Desk,
    ) -> Result<(), AgentError> {
        let Answered { relay, session, from, answer } = answered;
        let missed = asking.is_back(&relay);
        let asked = matches!(answer, Ok(_) | Err(RequestError::Refused(_) | RequestError::NoAnswer { .. }));
        if !matches!(answer, Err(RequestError::NoAnswer { .. })) {
            self.watchdog.answered(&relay, Instant::now());
        }
        if from == self.last.size() {
            match self.look(&relay, &session, answer, desk).await {
                Ok(()) => {}
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => info!(relay, code = error.code(), "directory not read"),
            }
            self.look_after_promises(desk, asked).await?;
        }
        if missed || from != self.last.size() {
            asking.one(relay, session, self.last.size());
        }
        Ok(())
    }

    /// Takes what is new from one relay's answer.
    async fn look(
        &mut self,
        relay: &str,
        session: &Session,
        answer: Result<Consistency, RequestError>,
        desk: &Desk,
    ) -> Result<(), AgentError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(RequestError::Refused(refused)) if self.has_lost(relay, session, &refused.code).await? => {
                return self.went_back(relay, desk).await;
            }
            Err(error) => return Err(error.into()),
        };
        let Ok(note) = Note::parse(&answer.checkpoint) else {
            warn!("a relay's checkpoint is no note");
            return Ok(());
        };
        let policy = self.directory.now_view().directory_policy();
        let (last, accepted) = match self.last.accept(&policy, note, &answer.proof) {
            Ok(accepted) => accepted,
            Err(error) => return self.refuse(error, relay, session, desk).await,
        };
        self.showed(relay, session, accepted.size()).await?;
        let too_old = desk.time_is_sure() && is_too_old(accepted.cosigned_at(), (desk.clock)());
        let known = self.believed.borrow().clone();
        if too_old && accepted.size() <= known.size {
            return self.too_old(relay, desk).await;
        }
        if accepted.size() == known.size && accepted.cosigned_at() <= known.cosigned_at {
            // Nothing new: nothing is written, and nobody is woken.
            return Ok(());
        }
        let missing = self.missing(session, accepted.size());
        // A relay that gives one entry at a time keeps no other waiting for ever.
        let Ok(entries) = tokio::time::timeout(FETCH_WITHIN, missing).await else {
            info!(relay, "the directory's entries come too slowly");
            return Ok(());
        };
        let entries = entries?;
        let Some(tree) = self.tree.grown(&entries, accepted.size(), accepted.root()) else {
            let words = format!(
                "the entries of the directory that {relay} gives do not belong to its own checkpoint"
            );
            return self.tell(relay, "POUCH-MIR-01", &words, desk).await;
        };
        let from = self.tree.size();
        let mut directory = self.directory.clone();
        let happenings = self.fold(&mut directory, from, &entries, desk).await?;
        // Where the network changed, only the one before it cosigned, once: that checkpoint is old for ever,
        // and the only way on. It keeps its time, so that nothing is green by it; what follows is asked for
        // at once.
        if too_old && !directory.now_view().ends_with_a_change() {
            return self.too_old(relay, desk).await;
        }
        let cosigned_at = accepted.cosigned_at();
        let grown = Grown { from, entries, last, accepted, tree, directory };
        self.believe(grown, &happenings, desk).await?;
        self.told.retain(|(teller, _)| teller != relay);
        if !too_old {
            self.watchdog.progressed(Instant::now());
        }
        desk.compare_with_others(cosigned_at).await
    }

    /// Adopts what was accepted, and tells it.
    async fn believe(
        &mut self,
        grown: Grown,
        happenings: &[Happening],
        desk: &Desk,
    ) -> Result<(), AgentError> {
        let now = (desk.clock)();
        let events = happenings.iter().map(|happening| happening.row(now)).collect();
        let numbers = self.adopt(grown, events).await?;
        desk.events.announce(&numbers);
        Ok(())
    }

    /// The one step by which anything becomes believed: stored, with what is told of it, then believed. The numbers
    /// of what is told.
    async fn adopt(&mut self, grown: Grown, events: Vec<NewEvent>) -> Result<Vec<u64>, AgentError> {
        let Grown { from, entries, last, accepted, tree, directory } = grown;
        let step = MirrorStep {
            from,
            entries,
            checkpoint: AcceptedCheckpoint {
                note: last.note().map(Note::to_bytes).unwrap_or_default(),
                size: accepted.size(),
                root: accepted.root(),
            },
            events,
        };
        let numbers = self.store.append_mirror(step).await?;
        // What is stored is believed from here on; nothing may fail in between.
        self.directory = directory;
        self.tree = tree;
        self.last = last;
        self.believed.send_replace(Arc::new(Believed::of(&self.directory, &accepted)));
        Ok(numbers)
    }

    async fn too_old(&mut self, relay: &str, desk: &Desk) -> Result<(), AgentError> {
        let words = format!(
            "{relay} shows a directory that was not witnessed for more than a day; no new key is taken from \
                     it"
        );
        self.tell(relay, "POUCH-MIR-10", &words, desk).await
    }

    /// What time brings: a directory that stands still, or is held back from us.
    async fn check(&mut self, desk: &Desk) -> Result<(), AgentError> {
        let now = Instant::now();
        let lines = desk.links.all();
        let connected = lines.iter().filter(|line| line.session.is_some());
        self.watchdog.connected(connected.map(|line| line.relay.name.as_str()), now);
        match self.watchdog.look(now) {
            None => {}
            Some(Change::GoesOn) => {
                let words = "the directory is kept up to date again";
                desk.tell(Happening::new(EventKind::Directory, "POUCH-MIR-09", words)).await?;
            }
            Some(Change::Stalls(stall)) => desk.alarm("POUCH-MIR-09", stall_words(&stall)).await?,
        }
        desk.look_for_held_back().await
    }
}

/// From a checkpoint that was cosigned so long ago no new key is taken, unless it ends with a change of the
/// network.
fn is_too_old(cosigned_at: Option<Timestamp>, now: Timestamp) -> bool {
    cosigned_at.is_none_or(|at| now.0.saturating_sub(at.0) > RED_AFTER_MS)
}

fn stall_words(stall: &Stall) -> String {
    match stall {
        Stall::Silent { relays, since } => format!(
            "no answer about the directory for {} minutes from {}, which we are connected to",
            since.as_secs() / 60,
            relays.join(" and ")
        ),
        Stall::StandsStill { relays, since } => format!(
            "the directory has not been witnessed anew for {} minutes, although we are connected to {}: too few \
             witnesses answer there, or it is held back from us",
            since.as_secs() / 60,
            relays.join(" and ")
        ),
    }
}

const ASK_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked whether something stalls or is overdue.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How often the log is looked at without being told.
const LOOK_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_checkpoint_of_yesterday_no_new_key_is_taken() {
        let now = Timestamp(10 * RED_AFTER_MS);
        assert!(!is_too_old(Some(now), now));
        assert!(!is_too_old(Some(Timestamp(9 * RED_AFTER_MS)), now));
        assert!(is_too_old(Some(Timestamp(9 * RED_AFTER_MS - 1)), now));
        assert!(is_too_old(None, now), "nobody witnessed it");
        // Whose clock is ahead of ours says nothing bad.
        assert!(!is_too_old(Some(Timestamp(11 * RED_AFTER_MS)), now));
    }
}
