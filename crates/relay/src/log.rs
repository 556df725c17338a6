//! Reaches a log, whoever keeps it: one that this relay signs, or another's that it follows. What is
//! published is what anybody gets; proofs are made by the task that owns the tree.

use std::sync::Arc;

use pouch_tlog::{MemoryTree, Note, ProofFile};
use pouch_wire::Digest;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::error::RelayError;

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

/// What a log's keeper is asked.
pub(crate) enum Question {
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
    /// A handle, and what the task behind it holds.
    pub(crate) fn new(published: watch::Receiver<Option<Published>>) -> (Self, Arc<Notify>, Questions) {
        let (questions, asked) = mpsc::channel(64);
        let grown = Arc::new(Notify::new());
        (Self { grown: grown.clone(), published, questions }, grown, asked)
    }

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

/// A log's keeper at work; it ends when it is told to, or can go on no longer.
pub(crate) type KeeperTask = tokio::task::JoinHandle<Result<(), RelayError>>;

/// What is asked of a log's keeper.
pub(crate) type Questions = mpsc::Receiver<Question>;

impl Question {
    /// How many entries whoever asks knows; of inclusion, everybody gets what is published.
    pub(crate) const fn from(&self) -> Option<u64> {
        match self {
            Self::Inclusion(..) => None,
            Self::Consistency(from, _) => Some(*from),
        }
    }

    /// Answers out of a log's tree and what of it is published.
    pub(crate) fn answer(self, tree: &MemoryTree, published: Option<Published>) {
        // Whoever asked may have gone.
        match self {
            Self::Inclusion(index, tx) => drop(tx.send(inclusion(tree, published, index))),
            Self::Consistency(from, tx) => drop(tx.send(consistency(tree, published, from))),
        }
    }
}

fn inclusion(tree: &MemoryTree, published: Option<Published>, index: u64) -> Result<String, NoProof> {
    let published = published.ok_or(NoProof::Nothing)?;
    if index >= published.size {
        return Err(NoProof::NotYet);
    }
    let hashes = tree.inclusion(index, published.size).map_err(|_| NoProof::Impossible)?;
    ProofFile::new(index, hashes, published.note)
        .map(|file| file.to_string())
        .map_err(|_| NoProof::Impossible)
}

fn consistency(
    tree: &MemoryTree,
    published: Option<Published>,
    from: u64,
) -> Result<(Published, Vec<Digest>), NoProof> {
    let published = published.ok_or(NoProof::Nothing)?;
    if from > published.size {
        return Err(NoProof::NotYet);
    }
    let hashes = tree.consistency(from, published.size).map_err(|_| NoProof::Impossible)?;
    Ok((published, hashes))
}
