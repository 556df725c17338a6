//! Owns one log: its tree, what was signed, what is published.
//!
//! A checkpoint is signed only after what it covers was read back and hashed again, it is remembered
//! before anybody sees it, and it is published when a quorum of witnesses cosigned it. The log goes on
//! when witnesses are away; what is published then stays behind, and says so.

use std::sync::Arc;
use std::time::Duration;

use pouch_directory::Directory;
use pouch_store::{Checkpoints as _, RelayStore, SignedRow};
use pouch_tlog::{Checkpoint, Frontier, LogSigner, MemoryTree, Note, Policy, self_check};
use pouch_wire::Timestamp;
use pouch_wire::session::LogName;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::bridges::Bridges;
use crate::cosigning::{Cosigning, Roster};
use crate::error::RelayError;
use crate::log::{Keeper, KeeperTask, Published, Questions};
use crate::log_files::LogFiles;

/// What a keeper is made of.
pub(crate) struct KeeperParts {
    pub(crate) signer: LogSigner,
    pub(crate) store: RelayStore,
    pub(crate) files: LogFiles,
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
    pub(crate) relay: String,
    pub(crate) roster: Roster,
    /// Of the directory's log.
    pub(crate) bridges: Option<Bridges>,
}

struct Task {
    parts: KeeperParts,
    tree: MemoryTree,
    cosigning: Cosigning,
    published: watch::Sender<Option<Published>>,
    /// How far they were read back and hashed.
    checked: Frontier,
    refreshed: Instant,
}

/// Starts a log's keeper.
pub(crate) async fn start(
    parts: KeeperParts,
    shutdown: CancellationToken,
) -> Result<(Keeper, KeeperTask), RelayError> {
    let stored = parts.store.published(parts.files.log()).await?;
    let published = stored.and_then(|row| {
        let note = Note::parse(&row.note).ok()?;
        Some(Published { size: row.size, note })
    });
    let (published_tx, published_rx) = watch::channel(published);
    let (keeper, grown, questions) = Keeper::new(published_rx);
    let signed = parts.store.signed(parts.files.log()).await?;
    let newest = signed.and_then(|row| Some((row.size, Note::parse(&row.note).ok()?)));
    let cosigning = Cosigning::new(parts.files.log(), parts.roster.clone(), newest);
    let mut task = Task {
        parts,
        tree: MemoryTree::default(),
        cosigning,
        published: published_tx,
        checked: Frontier::default(),
        refreshed: Instant::now(),
    };
    task.parts.files.catch_up(&mut task.tree).await?;
    task.is_what_was_signed().await?;
    task.tell_what_is_published();
    let handle = tokio::spawn(task.serve(grown, questions, shutdown));
    Ok((keeper, handle))
}

impl Task {
    async fn serve(
        mut self,
        grown: Arc<Notify>,
        mut questions: Questions,
        shutdown: CancellationToken,
    ) -> Result<(), RelayError> {
        let mut witnesses = self.parts.roster.sessions.clone();
        let mut roll_call = tokio::time::interval(self.parts.roster.calls_every());
        let mut due = false;
        let mut retry = tokio::time::interval(RETRY_EVERY);
        let mut not_before = Instant::now();
        self.refreshed = Instant::now().checked_sub(REFRESH_EVERY).unwrap_or_else(Instant::now);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return self.leave_whole(),
                () = grown.notified() => due = true,
                changed = witnesses.changed() => due = due || changed.is_ok() && self.is_behind(),
                _ = retry.tick() => due = due || self.is_behind() || self.refreshed.elapsed() >= REFRESH_EVERY,
                _ = roll_call.tick() => {
                    let (names, quorum) = self.witnesses();
                    self.cosigning.roll_call(&self.tree, &self.policy_now(), &names, quorum);
                }
                () = tokio::time::sleep_until(not_before), if due => {
                    // Past the end of a network, the next one goes on at once.
                    due = match self.publish().await {
                        // Messages are taken and delivered all the same; it is tried again.
                        Err(error) if error.is_full() => {
                            warn!(log = ?self.parts.files.log(), code = "POUCH-RLY-62", "no room to publish");
                            false
                        }
                        published => published?,
                    };
                    not_before = Instant::now().checked_add(self.pace()).unwrap_or(not_before);
                }
                question = questions.recv() => match question {
                    Some(question) => {
                        let seen = self.seen_by(question.from());
                        question.answer(&self.tree, seen);
                    }
                    None => return self.leave_whole(),
                },
            }
        }
    }

    /// The message log has a checkpoint a second at most; the directory as soon as it grew.
    const fn pace(&self) -> Duration {
        match self.parts.files.log() {
            LogName::Directory => Duration::from_millis(50),
            LogName::Messages => Duration::from_secs(1),
        }
    }

    fn is_behind(&self) -> bool {
        self.published.borrow().as_ref().is_none_or(|p| p.size < self.tree.size())
    }

    /// The stored entries must be those that were signed before: one bit that flipped in the database
    /// while the relay was down would otherwise be signed as another past.
    async fn is_what_was_signed(&self) -> Result<(), RelayError> {
        let Some(signed) = self.parts.store.signed(self.parts.files.log()).await? else { return Ok(()) };
        if continues(&self.tree, &signed) {
            return Ok(());
        }
        error!(log = ?self.parts.files.log(), size = signed.size, "the stored log is not the one that was signed");
        Err(RelayError::SelfCheck { log: self.parts.files.log() })
    }

    /// Publishes what there is; whether there is more at once.
    async fn publish(&mut self) -> Result<bool, RelayError> {
        self.parts.files.catch_up(&mut self.tree).await?;
        let directory = self.parts.directory.borrow().clone();
        let end = self.end_due(&directory);
        // Of the directory's log no more than is folded: an entry could change who must cosign it.
        let known = if self.parts.bridges.is_some() { directory.size() } else { u64::MAX };
        let size = end.unwrap_or(self.tree.size()).min(known);
        if size == 0 {
            return Ok(false);
        }
        self.parts.files.write(&self.tree, size).await?;
        let checkpoint = self.checked(size)?;
        let now = self.parts.roster.board.now();
        let note = self.sign(&checkpoint, now).await?;
        // The end of a network is cosigned as the network was before its last entry.
        let policy = self.policy(&directory, end.map_or(directory.size(), |size| size.saturating_sub(1)));
        let (names, quorum) = self.witnesses();
        self.parts.roster.board.expect(&names, quorum);
        let Some(cosigned) = self.cosigning.gather(&note, size, &self.tree, &policy).await else {
            warn!(log = ?self.parts.files.log(), size, "not enough witnesses; published checkpoint stays behind");
            self.parts.roster.board.no_quorum(self.parts.files.log());
            return Ok(false);
        };
        if let (Some(bridges), Some(size)) = (&mut self.parts.bridges, end) {
            bridges.put(size, &cosigned).await?;
        }
        self.put(size, &cosigned, &policy).await?;
        Ok(end.is_some())
    }

    /// The size at which the network ends that published checkpoints are of, when there is a next one.
    fn end_due(&self, directory: &Directory) -> Option<u64> {
        let published = self.published.borrow().as_ref().map_or(0, |published| published.size);
        self.parts.bridges.as_ref()?.due(directory, published)
    }

    /// What is published for whoever knows so many entries.
    fn seen_by(&self, from: Option<u64>) -> Option<Published> {
        let published = self.published.borrow().clone();
        match (&self.parts.bridges, from) {
            (Some(bridges), Some(from)) => bridges.after(from, published),
            _ => published,
        }
    }

    fn policy_now(&self) -> Policy {
        let directory = self.parts.directory.borrow().clone();
        self.policy(&directory, directory.size())
    }

    fn policy(&self, directory: &Directory, size: u64) -> Policy {
        let view = directory.as_of(size);
        match (self.parts.files.log(), view.relay(&self.parts.relay)) {
            (LogName::Messages, Some(relay)) => view.message_policy(relay),
            (LogName::Directory | LogName::Messages, _) => view.directory_policy(),
        }
    }

    /// The names of the network's witnesses, and how many of them must cosign.
    fn witnesses(&self) -> (Vec<String>, u8) {
        let directory = self.parts.directory.borrow().clone();
        let view = directory.now_view();
        (view.witnesses().iter().map(|witness| witness.name.to_string()).collect(), view.quorum())
    }

    /// What a relay begins with, told to whoever watches the witnesses.
    fn tell_what_is_published(&self) {
        let (policy, (names, quorum)) = (self.policy_now(), self.witnesses());
        let board = &self.parts.roster.board;
        board.expect(&names, quorum);
        let published = self.published.borrow();
        let Some(Published { size, note }) = published.as_ref() else {
            return board.published(self.parts.files.log(), 0, None);
        };
        self.cosigning.published(*size, note, &policy);
        let met = policy.check_strict(note).ok();
        let cosigned_at = met.and_then(|met| met.cosigned_at());
        board.published(self.parts.files.log(), *size, cosigned_at);
        cosigned_at.into_iter().for_each(|at| board.found_hour(at));
    }

    /// Reads back and hashes what is about to be signed.
    fn checked(&mut self, size: u64) -> Result<Checkpoint, RelayError> {
        let root =
            self.tree.root_at(size).map_err(|_| RelayError::SelfCheck { log: self.parts.files.log() })?;
        let checkpoint = Checkpoint::new(self.parts.signer.origin(), size, root);
        match self_check(self.parts.files.publisher(), &self.checked, &checkpoint) {
            Ok(done) => {
                self.checked = done.frontier().clone();
                Ok(checkpoint)
            }
            Err(error) => {
                error!(log = ?self.parts.files.log(), code = error.code(), "self-check failed");
                Err(RelayError::SelfCheck { log: self.parts.files.log() })
            }
        }
    }

    async fn sign(&mut self, checkpoint: &Checkpoint, now: Timestamp) -> Result<Note, RelayError> {
        let note = self
            .parts
            .signer
            .sign(checkpoint, now)
            .map_err(|error| RelayError::LogKeys(error.to_string()))?;
        let (size, root) = (checkpoint.size(), checkpoint.root());
        self.parts.store.put_signed(self.parts.files.log(), size, root, note.to_bytes()).await?;
        Ok(note)
    }

    async fn put(&mut self, size: u64, note: &Note, policy: &Policy) -> Result<(), RelayError> {
        let bytes = note.to_bytes();
        self.parts.store.put_published(self.parts.files.log(), size, bytes.clone()).await?;
        self.parts.files.publisher().put_checkpoint(&bytes)?;
        self.published.send_replace(Some(Published { size, note: note.clone() }));
        self.refreshed = Instant::now();
        let met = policy.check_strict(note).ok();
        self.parts.roster.board.published(
            self.parts.files.log(),
            size,
            met.and_then(|met| met.cosigned_at()),
        );
        info!(log = ?self.parts.files.log(), size, "published");
        Ok(())
    }

    /// Leaves the folder with the tiles of its checkpoint and no others.
    fn leave_whole(&self) -> Result<(), RelayError> {
        if let Some(published) = self.published.borrow().as_ref() {
            self.parts.files.publisher().prune(published.size)?;
        }
        Ok(())
    }
}

/// Whether a tree is the one that was signed, or has only grown since.
fn continues(tree: &MemoryTree, signed: &SignedRow) -> bool {
    tree.root_at(signed.size).ok() == Some(signed.root)
}

/// How often a log that is behind asks the witnesses again.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// How often a log that does not grow is cosigned again, so that it stays fresh.
const REFRESH_EVERY: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use pouch_tlog::LeafHash;

    use super::*;

    fn tree(entries: &[&[u8]]) -> MemoryTree {
        let mut tree = MemoryTree::default();
        for entry in entries {
            tree.append(LeafHash::of(entry));
        }
        tree
    }

    #[test]
    fn a_bit_that_flipped_while_the_relay_was_down_is_not_signed() {
        let before = tree(&[b"one", b"two", b"three"]);
        let signed = SignedRow { size: 3, root: before.root(), note: Vec::new() };
        assert!(continues(&before, &signed));
        assert!(continues(&tree(&[b"one", b"two", b"three", b"four"]), &signed), "it may have grown");
        for entry in 0..3 {
            let mut stored = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
            stored[entry][0] ^= 1;
            let flipped: Vec<&[u8]> = stored.iter().map(Vec::as_slice).collect();
            assert!(!continues(&tree(&flipped), &signed), "entry {entry}");
        }
        assert!(!continues(&tree(&[b"one", b"two"]), &signed), "an entry that was signed is gone");
    }
}
