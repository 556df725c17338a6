//! Owns the directory log of a relay that does not sequence it: another relay's log, followed exactly as a
//! node follows it, and served to whoever asks.
//!
//! A checkpoint is accepted when the log signed it, a quorum of witnesses cosigned it, and it extends the
//! last one that was accepted. It never goes back. What was accepted is on the disk before it is folded,
//! written to the published folder and told to others. Two checkpoints that contradict each other are kept,
//! and said loudly; the copy stays where it was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pouch_directory::{Directory, Outcome};
use pouch_net::RequestError;
use pouch_store::{Checkpoints as _, Followed as _, FollowedStep, RelayStore};
use pouch_tlog::{AcceptError, Fork, KeyName, LastAccepted, LeafHash, MemoryTree, Note};
use pouch_wire::session::{Consistency, LogName};
use pouch_wire::{Digest, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::asking::{Answer, Asking, Done, Offered, request_code};
use crate::bridges::Bridges;
use crate::error::RelayError;
use crate::log::{Keeper, KeeperTask, Published, Questions};
use crate::log_files::LogFiles;
use crate::neighbours::{NeighbourKeeper, Neighbours, News};

/// What a follower is made of.
pub(crate) struct FollowerParts {
    /// This relay's name.
    pub(crate) name: String,
    pub(crate) store: RelayStore,
    pub(crate) files: LogFiles,
    /// As its own store has it.
    pub(crate) directory: Directory,
    pub(crate) snapshots: watch::Sender<Arc<Directory>>,
    pub(crate) keeper: NeighbourKeeper,
    pub(crate) neighbours: Neighbours,
    pub(crate) bridges: Bridges,
}

struct Task {
    parts: FollowerParts,
    tree: MemoryTree,
    last: LastAccepted,
    cosigned_at: Option<Timestamp>,
    published: watch::Sender<Option<Published>>,
    asking: Asking,
    /// What each relay's log was found to do: told once, until it is seen to be sound again.
    told: BTreeSet<(String, &'static str)>,
}

/// Starts to follow the directory log.
pub(crate) async fn start(
    mut parts: FollowerParts,
    news: mpsc::Receiver<News>,
    shutdown: CancellationToken,
) -> Result<(Keeper, KeeperTask), RelayError> {
    let mut tree = MemoryTree::default();
    parts.files.catch_up(&mut tree).await?;
    let origin = KeyName::new(parts.directory.charter().directory_log.origin.to_string())
        .map_err(|error| RelayError::Charter(error.to_string()))?;
    let (last, cosigned_at) = restore(&parts, origin, &tree).await?;
    let before = last.note().map(|note| Published { size: last.size(), note: note.clone() });
    if let Some(published) = &before {
        parts.files.write(&tree, published.size).await?;
        parts.files.publisher().put_checkpoint(&published.note.to_bytes())?;
    }
    let (published, published_rx) = watch::channel(before);
    let (keeper, _grows_with_others, questions) = Keeper::new(published_rx);
    let mut task =
        Task { parts, tree, last, cosigned_at, published, asking: Asking::default(), told: BTreeSet::new() };
    task.reach();
    Ok((keeper, tokio::spawn(task.serve(news, questions, shutdown))))
}

/// What was accepted before; the stored entries must be those of it.
async fn restore(
    parts: &FollowerParts,
    origin: KeyName,
    tree: &MemoryTree,
) -> Result<(LastAccepted, Option<Timestamp>), RelayError> {
    let Some(row) = parts.store.published(LogName::Directory).await? else {
        return Ok((LastAccepted::nothing(origin), None));
    };
    let damaged = || RelayError::SelfCheck { log: LogName::Directory };
    let note = Note::parse(&row.note).map_err(|_| damaged())?;
    let policy = parts.directory.now_view().directory_policy();
    let cosigned_at = policy.check_strict(&note).ok().and_then(|met| met.cosigned_at());
    let last = LastAccepted::restore(origin, note).map_err(|_| damaged())?;
    let stands = last.checkpoint().is_some_and(|c| tree.root_at(c.size()).ok() == Some(c.root()));
    if stands { Ok((last, cosigned_at)) } else { Err(damaged()) }
}

impl Task {
    async fn serve(
        mut self,
        mut news: mpsc::Receiver<News>,
        mut questions: Questions,
        shutdown: CancellationToken,
    ) -> Result<(), RelayError> {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return self.leave_whole(),
                heard = news.recv() => match heard {
                    Some(News { relay, session }) => self.asking.one(relay, session, self.last.size()),
                    None => return self.leave_whole(),
                },
                _ = every.tick() => for (relay, session) in self.parts.neighbours.all() {
                    self.asking.one(relay, session, self.last.size());
                },
                Some(done) = self.asking.under_way.join_next(), if !self.asking.under_way.is_empty() => {
                    match done {
                        Ok(done) => self.heard(done).await?,
                        // Nobody knows which question that was: all are asked anew.
                        Err(_) => self.asking = Asking::default(),
                    }
                }
                question = questions.recv() => match question {
                    Some(question) => {
                        let published = self.published.borrow().clone();
                        let seen = match question.from() {
                            Some(from) => self.parts.bridges.after(from, published),
                            None => published,
                        };
                        question.answer(&self.tree, seen);
                    }
                    None => return self.leave_whole(),
                },
            }
        }
    }

    /// Takes what a relay answered. An answer to an older question proves nothing about what is accepted now:
    /// that relay is asked anew.
    async fn heard(&mut self, done: Done) -> Result<(), RelayError> {
        let (relay, session) = (done.relay.clone(), done.session.clone());
        let fits = done.from == self.last.size();
        match done.answer {
            Answer::Newest(answer) if fits => {
                if let Some(offered) = self.judge(&relay, answer).await? {
                    // Its entries are fetched aside, and the relay is not asked anything else meanwhile.
                    self.asking.fetch(done.from, relay, session, offered, self.tree.size());
                    return Ok(());
                }
            }
            Answer::Entries(offered, Some(entries)) if fits => self.take(&relay, *offered, entries).await?,
            Answer::Newest(_) | Answer::Entries(..) => {}
        }
        if self.asking.is_back(&relay) || !fits {
            self.asking.one(relay, session, self.last.size());
        }
        Ok(())
    }

    /// What a relay offers, when it is better than what is accepted.
    async fn judge(
        &mut self,
        relay: &str,
        answer: Result<Consistency, RequestError>,
    ) -> Result<Option<Box<Offered>>, RelayError> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // Mostly a relay that is itself behind.
                info!(relay, code = request_code(&error), "directory not read");
                return Ok(None);
            }
        };
        let Ok(note) = Note::parse(&answer.checkpoint) else {
            warn!(relay, "a relay's checkpoint is no note");
            return Ok(None);
        };
        let policy = self.parts.directory.now_view().directory_policy();
        match self.last.accept(&policy, note, &answer.proof) {
            Ok((last, accepted)) => {
                let newer = accepted.size() > self.last.size() || accepted.cosigned_at() > self.cosigned_at;
                Ok(newer.then(|| Box::new(Offered { last, accepted })))
            }
            Err(error) => self.refuse(relay, error).await.map(|()| None),
        }
    }

    /// Takes entries that make the tree of an accepted checkpoint: durably first.
    async fn take(&mut self, relay: &str, offered: Offered, entries: Vec<Vec<u8>>) -> Result<(), RelayError> {
        let Offered { last, accepted } = offered;
        let (size, root) = (accepted.size(), accepted.root());
        let Some(tree) = grown(&self.tree, &entries, size, root) else {
            self.tell(relay, "POUCH-RLY-38", "its entries of the directory do not belong to its checkpoint");
            return Ok(());
        };
        let Some(note) = last.note().cloned() else { return Ok(()) };
        let from = self.tree.size();
        let step = FollowedStep { from, entries: entries.clone(), size, root, note: note.to_bytes() };
        self.parts.store.follow(step).await?;
        for (index, entry) in (from..).zip(&entries) {
            if let Outcome::NoEffect(refused) = self.parts.directory.apply(index, entry) {
                warn!(index, code = refused.code(), "an entry of the log has no effect");
            }
        }
        if from < size && self.parts.bridges.is_end(&self.parts.directory, size) {
            self.parts.bridges.put(size, &note).await?;
        }
        (self.tree, self.last, self.cosigned_at) = (tree, last, accepted.cosigned_at());
        match self.show(&note, size).await {
            // The directory is followed all the same; the next one that comes is written with this one.
            Err(error) if error.is_full() => warn!(code = "POUCH-RLY-62", "no room to publish the directory"),
            shown => shown?,
        }
        self.told.retain(|(teller, _)| teller != relay);
        if !entries.is_empty() {
            self.parts.snapshots.send_replace(Arc::new(self.parts.directory.clone()));
            self.reach();
            info!(relay, size, "followed the directory");
        }
        self.published.send_replace(Some(Published { size, note }));
        Ok(())
    }

    /// Writes the files of what was taken.
    async fn show(&mut self, note: &Note, size: u64) -> Result<(), RelayError> {
        self.parts.files.write(&self.tree, size).await?;
        Ok(self.parts.files.publisher().put_checkpoint(&note.to_bytes())?)
    }

    /// Keeps sessions with the other relays that the directory names now.
    fn reach(&mut self) {
        let others: Vec<_> = self.parts.directory.now_view().relays().to_vec();
        let others: Vec<_> = others.into_iter().filter(|relay| *relay.name != self.parts.name).collect();
        self.parts.keeper.follow(&others);
    }

    async fn refuse(&mut self, relay: &str, error: AcceptError) -> Result<(), RelayError> {
        match error {
            AcceptError::Forked { size, fork } => {
                if self.told.insert((relay.to_owned(), "POUCH-RLY-37")) {
                    let kept = self.parts.store.forks().await?;
                    let adds = fork.adds_to(kept.iter().map(|kept| &*kept.other));
                    let Fork { accepted, other } = *fork;
                    if adds {
                        self.parts.store.put_fork(accepted.to_bytes(), other.to_bytes()).await?;
                    }
                    let print = |note: &Note| String::from_utf8_lossy(&note.to_bytes()).into_owned();
                    error!(
                        relay,
                        code = "POUCH-RLY-37",
                        size,
                        accepted = print(&accepted),
                        other = print(&other),
                        "the directory log shows two faces; both checkpoints are kept as evidence"
                    );
                }
            }
            AcceptError::Proof(_) => {
                self.tell(relay, "POUCH-RLY-39", "its directory does not extend the one that was accepted");
            }
            error => info!(relay, code = error.code(), "checkpoint not accepted"),
        }
        Ok(())
    }

    /// Says once what a relay's log was found to do.
    fn tell(&mut self, relay: &str, code: &'static str, words: &'static str) {
        if self.told.insert((relay.to_owned(), code)) {
            error!(relay, code, "{words}");
        }
    }

    /// Leaves the folder with the tiles of its checkpoint and no others.
    fn leave_whole(&self) -> Result<(), RelayError> {
        if let Some(published) = self.published.borrow().as_ref() {
            self.parts.files.publisher().prune(published.size)?;
        }
        Ok(())
    }
}

/// The tree with new entries, if it is exactly the checkpoint's: an entry beyond it was seen by no witness.
/// What came with the charter may be ahead of a checkpoint.
fn grown(tree: &MemoryTree, entries: &[Vec<u8>], size: u64, root: Digest) -> Option<MemoryTree> {
    let mut grown = tree.clone();
    for entry in entries {
        grown.append(LeafHash::of(entry));
    }
    let whole = grown.size() == size.max(tree.size()) && grown.root_at(size).ok() == Some(root);
    whole.then_some(grown)
}

/// How often the logs are looked at without being told.
const LOOK_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(n: u8) -> MemoryTree {
        let mut tree = MemoryTree::default();
        for entry in 0..n {
            tree.append(LeafHash::of(&[entry]));
        }
        tree
    }

    fn entries(from: u8, to: u8) -> Vec<Vec<u8>> {
        (from..to).map(|n| vec![n]).collect()
    }

    #[test]
    fn entries_are_taken_when_they_make_exactly_the_checkpoint() {
        let seven = tree(7).root();
        assert_eq!(grown(&tree(3), &entries(3, 7), 7, seven).map(|tree| tree.size()), Some(7));
        assert!(grown(&tree(3), &entries(3, 8), 7, seven).is_none(), "one that no witness saw");
        assert!(grown(&tree(3), &entries(3, 6), 7, seven).is_none(), "too few");
        assert!(grown(&tree(3), &entries(4, 8), 7, seven).is_none(), "others");
        assert_eq!(grown(&tree(9), &[], 7, seven).map(|tree| tree.size()), Some(9), "what came by hand");
    }
}
