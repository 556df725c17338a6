//! Owns one log: its tree, what was signed, what is published.
//!
//! A checkpoint is signed only after what it covers was read back and hashed again, it is remembered
//! before anybody sees it, and it is published when a quorum of witnesses cosigned it. The log goes on
//! when witnesses are away; what is published then stays behind, and says so.

use std::sync::Arc;
use std::time::Duration;

use pouch_directory::Directory;
use pouch_store::{Checkpoints as _, DirectoryLog as _, MessageLog as _, RelayStore, SignedRow};
use pouch_tlog::{
    Checkpoint, EntryBundle, Frontier, LeafHash, LogSigner, MemoryTree, Note, Policy, ProofFile, new_bundles,
    new_tiles, print_tile, self_check, tile_of,
};
use pouch_wire::session::LogName;
use pouch_wire::{Digest, Timestamp};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::cosigning::{Cosigning, Roster};
use crate::publisher::Publisher;
use crate::run::{Clock, RelayError};

/// What is published.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) size: u64,
    pub(crate) note: Note,
}

/// Why a proof cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoProof {
    #[error("the entry is not in a published checkpoint yet")]
    NotYet,
    #[error("nothing is published yet")]
    Nothing,
    #[error("no such proof")]
    Impossible,
}

impl NoProof {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NotYet => "POUCH-RLY-10",
            Self::Nothing => "POUCH-RLY-11",
            Self::Impossible => "POUCH-RLY-12",
        }
    }
}

enum Question {
    Inclusion(u64, oneshot::Sender<Result<String, NoProof>>),
    Consistency(u64, oneshot::Sender<Result<(Published, Vec<Digest>), NoProof>>),
}

/// Reaches a log's keeper.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    grown: Arc<Notify>,
    published: watch::Receiver<Option<Published>>,
    questions: mpsc::Sender<Question>,
}

impl Keeper {
    /// Says that the stored log grew.
    pub(crate) fn grown(&self) {
        self.grown.notify_one();
    }

    /// What is published, as it changes.
    pub(crate) fn published(&self) -> watch::Receiver<Option<Published>> {
        self.published.clone()
    }

    /// The tlog-proof of an entry, in the published checkpoint.
    pub(crate) async fn inclusion(&self, index: u64) -> Result<String, NoProof> {
        let (tx, rx) = oneshot::channel();
        self.questions.send(Question::Inclusion(index, tx)).await.map_err(|_| NoProof::Nothing)?;
        rx.await.map_err(|_| NoProof::Nothing)?
    }

    /// The published checkpoint, and the proof that it extends a size.
    pub(crate) async fn consistency(&self, from: u64) -> Result<(Published, Vec<Digest>), NoProof> {
        let (tx, rx) = oneshot::channel();
        self.questions.send(Question::Consistency(from, tx)).await.map_err(|_| NoProof::Nothing)?;
        rx.await.map_err(|_| NoProof::Nothing)?
    }
}

/// What a keeper is made of.
pub(crate) struct KeeperParts {
    pub(crate) log: LogName,
    pub(crate) signer: LogSigner,
    pub(crate) store: RelayStore,
    pub(crate) publisher: Publisher,
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
    pub(crate) relay: String,
    pub(crate) roster: Roster,
    pub(crate) clock: Clock,
}

struct Task {
    parts: KeeperParts,
    tree: MemoryTree,
    cosigning: Cosigning,
    published: watch::Sender<Option<Published>>,
    /// How far the folder's tiles go.
    written: u64,
    /// How far they were read back and hashed.
    checked: Frontier,
    refreshed: Instant,
}

/// Starts a log's keeper.
pub(crate) async fn start(
    parts: KeeperParts,
    shutdown: CancellationToken,
) -> Result<(Keeper, tokio::task::JoinHandle<Result<(), RelayError>>), RelayError> {
    let stored = parts.store.published(parts.log).await?;
    let published = stored.and_then(|row| {
        let note = Note::parse(&row.note).ok()?;
        Some(Published { size: row.size, note })
    });
    let (published_tx, published_rx) = watch::channel(published);
    let (questions, questions_rx) = mpsc::channel(64);
    let grown = Arc::new(Notify::new());
    let signed = parts.store.signed(parts.log).await?;
    let newest = signed.and_then(|row| Some((row.size, Note::parse(&row.note).ok()?)));
    let cosigning = Cosigning::new(parts.log, parts.roster.clone(), newest);
    let mut task = Task {
        parts,
        tree: MemoryTree::default(),
        cosigning,
        published: published_tx,
        written: 0,
        checked: Frontier::default(),
        refreshed: Instant::now(),
    };
    task.catch_up().await?;
    task.is_what_was_signed().await?;
    task.tell_what_is_published();
    let keeper = Keeper { grown: grown.clone(), published: published_rx, questions };
    let handle = tokio::spawn(task.serve(grown, questions_rx, shutdown));
    Ok((keeper, handle))
}

impl Task {
    async fn serve(
        mut self,
        grown: Arc<Notify>,
        mut questions: mpsc::Receiver<Question>,
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
                    self.cosigning.roll_call(&self.tree, &self.policy(), &names, quorum);
                }
                () = tokio::time::sleep_until(not_before), if due => {
                    due = false;
                    self.publish().await?;
                    not_before = Instant::now().checked_add(self.pace()).unwrap_or(not_before);
                }
                question = questions.recv() => match question {
                    Some(Question::Inclusion(index, tx)) => { tx.send(self.inclusion(index)).ok(); }
                    Some(Question::Consistency(from, tx)) => { tx.send(self.consistency(from)).ok(); }
                    None => return self.leave_whole(),
                },
            }
        }
    }

    /// The message log has a checkpoint a second at most; the directory as soon as it grew.
    const fn pace(&self) -> Duration {
        match self.parts.log {
            LogName::Directory => Duration::from_millis(50),
            LogName::Messages => Duration::from_secs(1),
        }
    }

    fn is_behind(&self) -> bool {
        self.published.borrow().as_ref().is_none_or(|p| p.size < self.tree.size())
    }

    async fn stored(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, RelayError> {
        Ok(match self.parts.log {
            LogName::Directory => self.parts.store.entries(from, count).await?,
            LogName::Messages => self.parts.store.leaves(from, count).await?,
        })
    }

    /// Takes stored entries into the tree.
    async fn catch_up(&mut self) -> Result<(), RelayError> {
        loop {
            let entries = self.stored(self.tree.size(), PAGE).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                self.tree.append(LeafHash::of(&entry));
            }
        }
    }

    /// The stored entries must be those that were signed before: one bit that flipped in the database
    /// while the relay was down would otherwise be signed as another past.
    async fn is_what_was_signed(&self) -> Result<(), RelayError> {
        let Some(signed) = self.parts.store.signed(self.parts.log).await? else { return Ok(()) };
        if continues(&self.tree, &signed) {
            return Ok(());
        }
        error!(log = ?self.parts.log, size = signed.size, "the stored log is not the one that was signed");
        Err(RelayError::SelfCheck { log: self.parts.log })
    }

    async fn publish(&mut self) -> Result<(), RelayError> {
        self.catch_up().await?;
        let size = self.tree.size();
        if size == 0 {
            return Ok(());
        }
        self.write_tiles(size).await?;
        let checkpoint = self.checked(size)?;
        let now = (self.parts.clock)();
        let note = self.sign(&checkpoint, now).await?;
        let (policy, (names, quorum)) = (self.policy(), self.witnesses());
        self.parts.roster.board.expect(&names, quorum);
        match self.cosigning.gather(&note, size, &self.tree, &policy).await {
            Some(cosigned) => self.put(size, &cosigned).await,
            None => {
                warn!(log = ?self.parts.log, size, "not enough witnesses; published checkpoint stays behind");
                self.parts.roster.board.no_quorum(self.parts.log);
                Ok(())
            }
        }
    }

    fn policy(&self) -> Policy {
        let directory = self.parts.directory.borrow().clone();
        let view = directory.now_view();
        match (self.parts.log, view.relay(&self.parts.relay)) {
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
        let (policy, (names, quorum)) = (self.policy(), self.witnesses());
        let board = &self.parts.roster.board;
        board.expect(&names, quorum);
        let published = self.published.borrow();
        let Some(Published { size, note }) = published.as_ref() else {
            return board.published(self.parts.log, 0, None);
        };
        self.cosigning.published(*size, note, &policy);
        let met = policy.check_strict(note).ok();
        board.published(self.parts.log, *size, met.and_then(|met| met.cosigned_at()));
    }

    /// Writes the tiles that a log of this size has and the folder lacks.
    async fn write_tiles(&mut self, size: u64) -> Result<(), RelayError> {
        for coord in new_bundles(self.written, size) {
            let from = coord.index().saturating_mul(u64::from(pouch_tlog::TILE_WIDTH));
            let entries = self.stored(from, u32::from(coord.width())).await?;
            let bundle =
                EntryBundle::new(entries).map_err(|_| RelayError::SelfCheck { log: self.parts.log })?;
            self.parts.publisher.put(&coord.to_string(), &bundle.encode())?;
        }
        for coord in new_tiles(self.written, size) {
            let hashes =
                tile_of(&self.tree, coord).map_err(|_| RelayError::SelfCheck { log: self.parts.log })?;
            self.parts.publisher.put(&coord.to_string(), &print_tile(&hashes))?;
        }
        self.written = size;
        Ok(())
    }

    /// Reads back and hashes what is about to be signed.
    fn checked(&mut self, size: u64) -> Result<Checkpoint, RelayError> {
        let checkpoint = Checkpoint::new(self.parts.signer.origin(), size, self.tree.root());
        match self_check(&self.parts.publisher, &self.checked, &checkpoint) {
            Ok(done) => {
                self.checked = done.frontier().clone();
                Ok(checkpoint)
            }
            Err(error) => {
                error!(log = ?self.parts.log, code = error.code(), "self-check failed");
                Err(RelayError::SelfCheck { log: self.parts.log })
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
        self.parts.store.put_signed(self.parts.log, size, root, note.to_bytes()).await?;
        Ok(note)
    }

    async fn put(&mut self, size: u64, note: &Note) -> Result<(), RelayError> {
        let bytes = note.to_bytes();
        self.parts.store.put_published(self.parts.log, size, bytes.clone()).await?;
        self.parts.publisher.put_checkpoint(&bytes)?;
        self.published.send_replace(Some(Published { size, note: note.clone() }));
        self.refreshed = Instant::now();
        let met = self.policy().check_strict(note).ok();
        self.parts.roster.board.published(self.parts.log, size, met.and_then(|met| met.cosigned_at()));
        info!(log = ?self.parts.log, size, "published");
        Ok(())
    }

    fn inclusion(&self, index: u64) -> Result<String, NoProof> {
        let published = self.published.borrow().clone().ok_or(NoProof::Nothing)?;
        if index >= published.size {
            return Err(NoProof::NotYet);
        }
        let hashes = self.tree.inclusion(index, published.size).map_err(|_| NoProof::Impossible)?;
        ProofFile::new(index, hashes, published.note)
            .map(|file| file.to_string())
            .map_err(|_| NoProof::Impossible)
    }

    fn consistency(&self, from: u64) -> Result<(Published, Vec<Digest>), NoProof> {
        let published = self.published.borrow().clone().ok_or(NoProof::Nothing)?;
        if from > published.size {
            return Err(NoProof::NotYet);
        }
        let hashes = self.tree.consistency(from, published.size).map_err(|_| NoProof::Impossible)?;
        Ok((published, hashes))
    }

    /// Leaves the folder with the tiles of its checkpoint and no others.
    fn leave_whole(&self) -> Result<(), RelayError> {
        if let Some(published) = self.published.borrow().as_ref() {
            self.parts.publisher.prune(published.size)?;
        }
        Ok(())
    }
}

/// Whether a tree is the one that was signed, or has only grown since.
fn continues(tree: &MemoryTree, signed: &SignedRow) -> bool {
    tree.root_at(signed.size).ok() == Some(signed.root)
}

/// Entries read from the store at a time.
const PAGE: u32 = 512;
/// How often a log that is behind asks the witnesses again.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// How often a log that does not grow is cosigned again, so that it stays fresh.
const REFRESH_EVERY: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
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
