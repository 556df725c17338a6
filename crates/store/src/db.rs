//! One database, one thread that owns it, and group commit.
//!
//! A request is answered only after the transaction that holds it reached the disk. After a commit
//! that failed nothing is answered with success ever again. Requests wait in a bounded channel.

mod batch;
mod column;
pub(crate) mod damage;
mod log;
mod open;
mod repair;
mod replace;
mod room;
pub(crate) mod scrub;
mod sums;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use column::{environment, exercise, int, kept, point, precedence, uint};
pub(crate) use open::Kind;

use crate::error::StoreError;
use batch::{Job, Request, Way};
use room::Room;

/// Requests that may wait; whoever comes later waits before the channel.
const WAITING: usize = 4096;
/// Requests committed together at most, and the bytes from which on no more join them: what is urgent waits
/// for one transaction under way, so that one must not be long.
const TOGETHER: usize = 512;
const TOGETHER_BYTES: usize = 1024 * 1024;

/// How long a scrub reads in one go.
const PIECE: std::time::Duration = std::time::Duration::from_millis(20);

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
    /// The names of damaged records that were met.
    damaged: watch::Sender<Arc<BTreeSet<String>>>,
    /// Where the database is; nowhere when it is in memory.
    path: Option<PathBuf>,
    /// Held by whoever reads beside the thread, so that it neither empties the log nor ends meanwhile.
    beside: Mutex<()>,
    /// Nobody may begin to read beside the thread any more.
    ending: AtomicBool,
}

impl Shared {
    /// Reads a piece beside the thread, which meanwhile neither empties its log nor ends; what is left to read.
    fn read_beside(&self, path: &Path, mut scrub: scrub::Scrub) -> Result<Option<scrub::Scrub>, StoreError> {
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ending.load(Ordering::SeqCst) {
            return Err(StoreError::Closed);
        }
        let began = std::time::Instant::now();
        let more = open::reader(path).and_then(|connection| {
            while scrub.step(&connection)? {
                if began.elapsed() >= PIECE {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        drop(beside);
        self.found();
        Ok(more?.then_some(scrub))
    }

    /// Puts what the thread at hand found to what is known.
    fn found(&self) {
        let findings = damage::drain();
        if let Some(path) =
            self.path.as_ref().filter(|_| findings.damaged.iter().any(|name| repair::asks(name)))
        {
            repair::mark(path);
        }
        self.damaged.send_if_modified(|known| damage::merge(Arc::make_mut(known), findings));
    }
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
        let room = Room::beside(path)?;
        Self::start(connection, Some((lock, room)), Some(path.to_owned()))
    }

    /// Opens a database and believes whatever is in it, so that tests can show what the checksums are for.
    #[cfg(debug_assertions)]
    pub(crate) fn open_trusting(path: &Path, kind: &Kind) -> Result<Self, StoreError> {
        let (connection, lock) = open::file(path, kind)?;
        sums::trust(&connection)?;
        let room = Room::beside(path)?;
        Self::start(connection, Some((lock, room)), Some(path.to_owned()))
    }

    /// A database that is gone when the last handle is.
    pub(crate) fn in_memory(kind: &Kind) -> Result<Self, StoreError> {
        Self::start(open::memory(kind)?, None, None)
    }

    fn start(
        connection: Connection,
        held: Option<(std::fs::File, Room)>,
        path: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let (tx, rest) = mpsc::channel(WAITING);
        let (urgent, first) = mpsc::channel(WAITING);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (lock, room) = held.unzip();
        let shared = Arc::new(Shared { path, ..Shared::default() });
        // What opening found.
        shared.found();
        let told = shared.clone();
        std::thread::Builder::new().name("pouch-store".into()).spawn(move || {
            let closed = serve(&connection, room, Waiting { first, rest }, &runtime, &told);
            told.ending.store(true, Ordering::SeqCst);
            let beside = told.beside.lock().unwrap_or_else(PoisonError::into_inner);
            drop(connection);
            drop(beside);
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
        self.call_weighing(0, request).await
    }

    /// Like [`Db::call`] for what writes or reads so many bytes; when the disk is full the last of the reserve is not
    /// for it.
    pub(crate) async fn call_weighing<T: Send + 'static>(
        &self,
        weight: usize,
        request: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(request, weight, if weight == 0 { Way::Must } else { Way::Urgent }).await
    }

    /// Like [`Db::call`] for what must not be found on the disk afterwards: the write-ahead log, which
    /// may hold older pages, is emptied before the answer.
    pub(crate) async fn erase<T: Send + 'static>(
        &self,
        request: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(request, 0, Way::Erases).await
    }

    /// Like [`Db::call_weighing`] for what can wait when the disk is nearly full: what is left then is for
    /// others.
    pub(crate) async fn bulk<T: Send + 'static>(
        &self,
        weight: usize,
        request: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(request, weight, Way::Bulk).await
    }

    /// Like [`Db::bulk`] for what may take half of what is left then.
    pub(crate) async fn soon<T: Send + 'static>(
        &self,
        weight: usize,
        request: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(request, weight, Way::Soon).await
    }

    /// The names of the damaged records that were met since the database was opened.
    pub(crate) fn damaged(&self) -> Arc<BTreeSet<String>> {
        self.shared.damaged.borrow().clone()
    }

    /// Waits until other records are damaged than are known; their names.
    pub(crate) async fn until_more_damage(&self, known: &[String]) -> Vec<String> {
        let mut damaged = self.shared.damaged.subscribe();
        let other = |names: &Arc<BTreeSet<String>>| !names.iter().eq(known);
        // The sender is ours: it does not go while we wait.
        match damaged.wait_for(other).await {
            Ok(names) => names.iter().cloned().collect(),
            Err(_) => known.to_vec(),
        }
    }

    /// Reads everything that is stored, beside what else goes on, and gives the names of what is damaged.
    pub(crate) async fn scrub(&self) -> Result<Vec<String>, StoreError> {
        let mut scrub = scrub::Scrub::default();
        let Some(path) = self.shared.path.clone() else {
            let scrub = Mutex::new(scrub);
            let all = move |db: &Connection| {
                let mut scrub = scrub.lock().unwrap_or_else(PoisonError::into_inner);
                while scrub.step(db)? {}
                Ok(())
            };
            self.call(all).await?;
            return Ok(self.damaged().iter().cloned().collect());
        };
        loop {
            let (shared, path) = (self.shared.clone(), path.clone());
            let piece = move || shared.read_beside(&path, scrub);
            let began = std::time::Instant::now();
            let read = tokio::task::spawn_blocking(piece).await;
            match read.map_err(|_| StoreError::Fatal("the scrub ended".into()))?? {
                Some(rest) => scrub = rest,
                None => break,
            }
            // As long as it read it leaves the disk to others.
            tokio::time::sleep(began.elapsed()).await;
        }
        Ok(self.damaged().iter().cloned().collect())
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
        weight: usize,
        way: Way,
    ) -> Result<T, StoreError> {
        let (answer, rx) = oneshot::channel();
        let job = Box::new(Request { work, result: None, answer, way, weight });
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
    mut room: Option<Room>,
    mut waiting: Waiting,
    runtime: &tokio::runtime::Runtime,
    shared: &Shared,
) -> Option<oneshot::Sender<()>> {
    loop {
        let next = runtime.block_on(waiting.next())?;
        let (jobs, closed) = drain(next, &mut waiting);
        let mut jobs = batch::within_room(connection, jobs, room.as_mut());
        let committed = batch::commit_each(connection, &mut jobs, room.as_mut(), shared);
        shared.found();
        let done = match committed {
            Ok(()) => {
                jobs.into_iter().for_each(|job| job.answer());
                log::copy_back(connection)
            }
            Err(error) => Err(error),
        };
        shared.found();
        if let Err(error) = done {
            tracing::error!(code = error.code(), %error, "the store ends");
            // Whoever waits, and whoever comes, hears why: the jobs that are left are dropped unanswered.
            shared.ended.set(error).ok();
            return closed;
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
