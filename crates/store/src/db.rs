//! One database, one thread that owns it, and group commit.
//!
//! A request is answered only after the transaction that holds it reached the disk. After a commit
//! that failed nothing is answered with success ever again. Requests wait in a bounded channel.

mod batch;
mod column;
mod open;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub(crate) use column::{environment, exercise, int, kept, point, precedence, uint};
pub(crate) use open::Kind;

use crate::error::StoreError;
use batch::{Job, Request};

/// Requests that may wait; whoever comes later waits before the channel.
const WAITING: usize = 4096;
/// Requests committed together at most, and the bytes from which on no more join them: what is urgent waits
/// for one transaction under way, so that one must not be long.
const TOGETHER: usize = 512;
const TOGETHER_BYTES: usize = 1024 * 1024;

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// Reaches the thread that owns a database.
#[derive(Clone)]
pub(crate) struct Db {
    tx: mpsc::Sender<Message>,
    /// What goes before the rest.
    first: mpsc::Sender<Message>,
    is_urgent: bool,
    shared: Arc<Shared>,
}

/// What waits for the thread.
struct Waiting {
    first: mpsc::Receiver<Message>,
    rest: mpsc::Receiver<Message>,
}

/// What the thread tells everybody.
#[derive(Default)]
struct Shared {
    /// Transactions that wrote; each was one wait for the disk.
    commits: AtomicU64,
    /// Why the thread ended.
    ended: OnceLock<StoreError>,
}

impl core::fmt::Debug for Db {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Db").field("commits", &self.commits()).finish_non_exhaustive()
    }
}

impl Db {
    /// Opens a database, or makes it.
    pub(crate) fn open(path: &Path, kind: &Kind) -> Result<Self, StoreError> {
        let (connection, lock) = open::file(path, kind)?;
        Self::start(connection, Some(lock))
    }

    /// A database that is gone when the last handle is.
    pub(crate) fn in_memory(kind: &Kind) -> Result<Self, StoreError> {
        Self::start(open::memory(kind)?, None)
    }

    fn start(connection: Connection, lock: Option<std::fs::File>) -> Result<Self, StoreError> {
        let (tx, rest) = mpsc::channel(WAITING);
        let (urgent, first) = mpsc::channel(WAITING);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let shared = Arc::new(Shared::default());
        let told = shared.clone();
        std::thread::Builder::new().name("pouch-store".into()).spawn(move || {
            let closed = serve(&connection, Waiting { first, rest }, &runtime, &told);
            drop(connection);
            // Only now may another process open it.
            drop(lock);
            if let Some(closed) = closed {
                // Who closed the store may not wait for the end.
                closed.send(()).ok();
            }
        })?;
        Ok(Self { tx, first: urgent, is_urgent: false, shared })
    }

    /// A handle whose requests go before those of the others.
    pub(crate) fn urgent(&self) -> Self {
        Self { is_urgent: true, ..self.clone() }
    }

    /// How many requests wait in the channel.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        let line = if self.is_urgent { &self.first } else { &self.tx };
        line.max_capacity().saturating_sub(line.capacity())
    }

    /// How many transactions that wrote something were committed.
    pub(crate) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Runs a request; the answer comes when what it did is on the disk. It may be run twice, when the
    /// transaction that it was in with others was undone; only the last run counts.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        request: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(request, 0, false).await
    }

    /// Like [`Db::call`] for what writes or reads so many bytes.
    pub(crate) async fn call_weighing<T: Send + 'static>(
        &self,
        weight: usize,
        request: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(request, weight, false).await
    }

    /// Like [`Db::call`] for what must not be found on the disk afterwards: the write-ahead log, which
    /// may hold older pages, is emptied before the answer.
    pub(crate) async fn erase<T: Send + 'static>(
        &self,
        request: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(request, 0, true).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
        weight: usize,
        erases: bool,
    ) -> Result<T, StoreError> {
        let (answer, rx) = oneshot::channel();
        let job = Box::new(Request { work, result: None, answer, weight, erases });
        let line = if self.is_urgent { &self.first } else { &self.tx };
        line.send(Message::Job(job)).await.map_err(|_| self.ended())?;
        rx.await.map_err(|_| self.ended())?
    }

    /// Ends the thread after what waits; returns when file and lock are released.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        let (tx, rx) = oneshot::channel();
        if self.tx.send(Message::Close(tx)).await.is_ok() {
            // An error says that the thread ended by itself meanwhile.
            rx.await.ok();
        }
        match self.ended() {
            StoreError::Closed => Ok(()),
            failed => Err(failed),
        }
    }

    /// Waits until nothing can be stored any more, and says why.
    pub(crate) async fn until_ended(&self) -> StoreError {
        self.tx.closed().await;
        self.ended()
    }

    fn ended(&self) -> StoreError {
        self.shared
            .ended
            .get()
            .cloned()
            .unwrap_or_else(|| StoreError::Fatal("the store's thread ended".into()))
    }
}

/// Takes what waits, commits it together, answers; until all handles are gone, the store is closed, or
/// a commit fails.
fn serve(
    connection: &Connection,
    mut waiting: Waiting,
    runtime: &tokio::runtime::Runtime,
    shared: &Shared,
) -> Option<oneshot::Sender<()>> {
    loop {
        let next = runtime.block_on(waiting.next())?;
        let (mut jobs, closed) = drain(next, &mut waiting);
        if let Err(error) = batch::commit_each(connection, &mut jobs, &shared.commits) {
            tracing::error!(code = error.code(), %error, "the store ends");
            // Whoever waits, and whoever comes, hears why: the jobs are dropped unanswered.
            shared.ended.set(error).ok();
            return closed;
        }
        for job in jobs {
            job.answer();
        }
        if closed.is_some() {
            shared.ended.set(StoreError::Closed).ok();
            return closed;
        }
    }
}

impl Waiting {
    /// The next request, what is urgent first; `None` when all handles are gone.
    async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            biased;
            Some(message) = self.first.recv() => Some(message),
            message = self.rest.recv() => message,
        }
    }

    /// The same, of what is there already.
    fn next_now(&mut self) -> Option<Message> {
        self.first.try_recv().or_else(|_| self.rest.try_recv()).ok()
    }
}

fn drain(first: Message, waiting: &mut Waiting) -> (Vec<Box<dyn Job>>, Option<oneshot::Sender<()>>) {
    let (mut jobs, mut weight) = (Vec::new(), 0_usize);
    let mut next = Some(first);
    while let Some(message) = next.take() {
        match message {
            Message::Job(job) => {
                weight = weight.saturating_add(job.weight());
                jobs.push(job);
            }
            Message::Close(closed) => return (jobs, Some(closed)),
        }
        if jobs.len() < TOGETHER && weight < TOGETHER_BYTES {
            next = waiting.next_now();
        }
    }
    (jobs, None)
}
