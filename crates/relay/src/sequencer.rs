//! Decides what enters the directory log. One task owns the directory; everyone else has snapshots.
//!
//! A statement that would have no effect is refused to whoever brought it, so the log stays free of
//! noise. The fold does not rely on that: a hostile sequencer's noise has no effect either. It is judged
//! before it is queued, by whoever serves the session that brought it, so that junk keeps nobody waiting;
//! and once more by the owner, because another statement may have come first.

use std::sync::Arc;

use pouch_directory::{Act, Directory, Outcome, SignedStatement, Statement, StatementRefused};
use pouch_net::refusal;
use pouch_store::{DirectoryLog as _, RelayStore};
use pouch_wire::session::Refused;
use pouch_wire::{Canonical as _, Timestamp, limits};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::budget::Budget;
use crate::conduct::{Conduct, Entering};
use crate::cosigning::Board;
use crate::error::RelayError;
use crate::log::Keeper;
use crate::parts::Base;
use crate::session::Peer;

type Answer = oneshot::Sender<Result<u64, Refused>>;

/// Reaches the sequencer.
#[derive(Debug, Clone)]
pub(crate) struct Sequencer {
    tx: mpsc::Sender<(Vec<u8>, Answer)>,
    snapshots: watch::Receiver<Arc<Directory>>,
    budget: Arc<Budget>,
    board: Board,
    conduct: Arc<dyn Conduct>,
}

impl Sequencer {
    /// Starts the task that owns the directory.
    pub(crate) fn start(
        base: &Base,
        directory: Directory,
        snapshots: watch::Sender<Arc<Directory>>,
        log: Keeper,
    ) -> Self {
        let (tx, rx) = mpsc::channel(64);
        let (conduct, board) = (base.conduct.clone(), base.roster.board.clone());
        let reached = Self {
            tx,
            snapshots: snapshots.subscribe(),
            budget: Arc::default(),
            board: board.clone(),
            conduct,
        };
        let (me, store) = (base.config.name.clone(), base.store.clone());
        let owner = Owner { me, directory, snapshots, store, log, board };
        tokio::spawn(owner.serve(rx, base.shutdown.clone()));
        reached
    }

    /// Puts a statement into the log, when it would have an effect; its index.
    pub(crate) async fn publish(&self, peer: &Peer, statement: Vec<u8>) -> Result<u64, Refused> {
        let directory = self.snapshots.borrow().clone();
        let now = self.board.now();
        // What is junk already is not queued, and what is good has its place in its party's budget.
        let act = may_enter(&directory, &statement, now)?;
        self.budget.take_for(peer, &act, now)?;
        if let Entering::Promise(index) = self.conduct.enters(peer, &statement, directory.size()) {
            return Ok(index);
        }
        let (tx, rx) = oneshot::channel();
        let gone =
            || refusal("POUCH-RLY-22", &"the relay is stopping", Some(core::time::Duration::from_secs(5)));
        self.tx.send((statement, tx)).await.map_err(|_| gone())?;
        rx.await.map_err(|_| gone())?
    }
}

struct Owner {
    /// This relay's name.
    me: String,
    directory: Directory,
    snapshots: watch::Sender<Arc<Directory>>,
    store: RelayStore,
    log: Keeper,
    board: Board,
}

impl Owner {
    async fn serve(mut self, mut rx: mpsc::Receiver<(Vec<u8>, Answer)>, shutdown: CancellationToken) {
        loop {
            let (statement, answer) = tokio::select! {
                () = shutdown.cancelled() => return,
                next = rx.recv() => match next {
                    Some(next) => next,
                    None => return,
                },
            };
            let result = self.enter(statement).await;
            // Whoever asked may have gone; the statement stands all the same.
            answer.send(result).ok();
        }
    }

    async fn enter(&mut self, bytes: Vec<u8>) -> Result<u64, Refused> {
        let first = self.directory.now_view().relays().first().map(|first| first.name.to_string());
        if first.as_ref() != Some(&self.me) {
            // The log has one hand at a time: what this one signed must be all that the next one follows.
            let words = "this relay no longer sequences the directory";
            return Err(refusal("POUCH-RLY-33", &words, Some(core::time::Duration::from_secs(5))));
        }
        may_enter(&self.directory, &bytes, self.board.now())?;
        let index = self.store.append_entries(vec![bytes.clone()]).await.map_err(|error| {
            warn!(code = error.code(), "directory log");
            // It was not entered, and may be when there is room.
            refusal(error.code(), &error, Some(core::time::Duration::from_secs(5)))
        })?;
        if let Outcome::NoEffect(refused) = self.directory.apply(index, &bytes) {
            error!(index, code = refused.code(), "a checked statement had no effect");
        }
        self.snapshots.send_replace(Arc::new(self.directory.clone()));
        self.log.grown();
        info!(index, "statement entered");
        Ok(index)
    }
}

/// What the statement does, if it would have an effect and is of this time.
fn may_enter(directory: &Directory, bytes: &[u8], now: Timestamp) -> Result<Act, Refused> {
    let refuse = |error: StatementRefused| {
        info!(code = error.code(), "statement refused");
        refusal(error.code(), &error, None)
    };
    let malformed = |error| refuse(StatementRefused::Malformed(error));
    let signed = SignedStatement::from_bytes(bytes).map_err(malformed)?;
    let statement = Statement::from_bytes(&signed.statement).map_err(malformed)?;
    timely(statement.created, now)?;
    directory.check(bytes).map_err(refuse)?;
    Ok(statement.act)
}

/// The fold has no clock; the sequencer keeps statements of another time out of the log.
fn timely(created: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if created.0 > now.0.saturating_add(limits::CLOCK_SKEW_MS_MAX) {
        let words = "the statement was drafted in the future; check the clocks";
        return Err(refusal("POUCH-DIR-90", &words, None));
    }
    if now.0.saturating_sub(created.0) > limits::LIFE_MS_MAX {
        let words = "the statement was drafted more than 30 days ago";
        return Err(refusal("POUCH-DIR-91", &words, None));
    }
    Ok(())
}

/// Brings the store's copy of the log and the charter file together: a new relay's log begins with the
/// charter and its first statements, an old one's must begin with the same charter.
pub(crate) async fn replay(
    charter: &pouch_directory::CharterFile,
    store: &RelayStore,
) -> Result<Directory, RelayError> {
    let first = charter.charter.to_bytes().map_err(|_| RelayError::Charter("too large".into()))?;
    let count = store.entry_count().await?;
    if count == 0 {
        // All of them or none: a relay that stopped half-way would never bring the rest.
        let statements = charter.first_statements.iter().map(|statement| statement.to_vec());
        store.append_entries([first.clone()].into_iter().chain(statements).collect()).await?;
    }
    let mut directory =
        Directory::found(&charter.charter).map_err(|error| RelayError::Charter(error.to_string()))?;
    let mut next = 0_u64;
    loop {
        let entries = store.entries(next, PAGE).await?;
        if entries.is_empty() {
            return Ok(directory);
        }
        for entry in entries {
            if next == 0 && entry != first {
                return Err(RelayError::Charter("the stored log begins with another charter".into()));
            }
            if next > 0
                && let Outcome::NoEffect(refused) = directory.apply(next, &entry)
            {
                warn!(index = next, code = refused.code(), "an entry of the log has no effect");
            }
            next = next.saturating_add(1);
        }
    }
}

const PAGE: u32 = 256;
