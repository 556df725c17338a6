//! One database, one thread that owns it, and group commit.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::StoreError;

/// Requests that may wait.
const WAITING: usize = 4096;
/// Requests committed together at most.
const TOGETHER: usize = 512;
/// SQLite versions before this one have a bug in the write-ahead log.
const SQLITE_MIN: i32 = 3_051_003;

/// Answers with the request's own result, or with what undid it.
type Answer = Box<dyn FnOnce(Option<StoreError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> (bool, Answer) + Send>;

/// Reaches the thread that owns a database.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    tx: mpsc::Sender<Job>,
    commits: Arc<AtomicU64>,
    ended: watch::Receiver<()>,
}

/// Statements that bring a database from one version to the next, in order.
pub(crate) type Migrations = &'static [&'static str];

impl Db {
    /// Opens a database, or makes it. Must be called within a tokio runtime's thread or outside of one.
    pub(crate) fn open(path: &Path, migrations: Migrations) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
        }
        let lock = lock(path)?;
        prepare_file(path)?;
        refuse_newer(path, migrations)?;
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864; PRAGMA busy_timeout = 0;",
        )?;
        migrate(&connection, migrations)?;
        sync_folder(path)?;
        Ok(Self::start(connection, Some(lock)))
    }

    fn start(connection: Connection, lock: Option<File>) -> Self {
        let (tx, rx) = mpsc::channel(WAITING);
        let commits = Arc::new(AtomicU64::new(0));
        let counted = commits.clone();
        let (alive, ended) = watch::channel(());
        std::thread::spawn(move || {
            serve(&connection, rx, &counted);
            drop(connection);
            drop(lock);
            drop(alive);
        });
        Self { tx, commits, ended }
    }

    /// Ends the database's thread when this is the last handle, and waits until the file is released.
    pub(crate) async fn close(self) {
        let Self { tx, ended, .. } = self;
        drop(tx);
        // The sender is dropped when the thread has let go of the database and its lock.
        let mut ended = ended;
        while ended.changed().await.is_ok() {}
    }

    /// How many transactions were committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs a request; the answer comes when what it did is on the disk.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        request: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Fatal("the store has ended".into());
        let (tx, rx) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = request(connection);
            let good = result.is_ok();
            // Who asked may have gone; what was done stands.
            let answer: Answer = Box::new(move |undone| drop(tx.send(undone.map_or(result, Err))));
            (good, answer)
        });
        self.tx.send(job).await.map_err(|_| gone())?;
        rx.await.map_err(|_| gone())?
    }
}

fn serve(connection: &Connection, mut rx: mpsc::Receiver<Job>, commits: &AtomicU64) {
    while let Some(first) = rx.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < TOGETHER
            && let Ok(next) = rx.try_recv()
        {
            jobs.push(next);
        }
        // A failed commit is fatal: whoever waits hears that the store has ended.
        let Ok((answers, undone)) = run(connection, jobs) else { return };
        commits.fetch_add(1, Ordering::Relaxed);
        for answer in answers {
            answer(undone.clone());
        }
    }
}

/// Runs requests in one transaction, each undone alone when it fails. SQLite undoes the whole
/// transaction by itself when the disk is full; then none of them was done.
fn run(connection: &Connection, jobs: Vec<Job>) -> rusqlite::Result<(Vec<Answer>, Option<StoreError>)> {
    let mut answers = Vec::new();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for job in jobs {
        if connection.is_autocommit() {
            // The transaction is gone; what comes now is not even tried.
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let (_, answer) = job(connection);
            connection.execute_batch("ROLLBACK")?;
            answers.push(answer);
            continue;
        }
        connection.execute_batch("SAVEPOINT request")?;
        let (good, answer) = job(connection);
        answers.push(answer);
        if !connection.is_autocommit() {
            connection.execute_batch(if good {
                "RELEASE request"
            } else {
                "ROLLBACK TO request; RELEASE request"
            })?;
        }
    }
    if connection.is_autocommit() {
        return Ok((answers, Some(StoreError::Full)));
    }
    match connection.execute_batch("COMMIT") {
        Ok(()) => Ok((answers, None)),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK")?;
            }
            Ok((answers, Some(StoreError::Full)))
        }
        Err(error) => Err(error),
    }
}

fn fatal(error: &std::io::Error) -> StoreError {
    StoreError::Fatal(error.to_string())
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let lock = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path.with_extension("lock"))
        .map_err(|error| fatal(&error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(fatal(&error)),
    }
}

fn prepare_file(path: &Path) -> Result<(), StoreError> {
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| fatal(&error))?;
    let mode = file.metadata().map_err(|error| fatal(&error))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::LooseMode { path: path.to_owned(), mode });
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| fatal(&error))
}

fn known(migrations: Migrations) -> i64 {
    i64::try_from(migrations.len()).unwrap_or(i64::MAX)
}

/// Looks without writing, so that a newer program's data stays as it is.
fn refuse_newer(path: &Path, migrations: Migrations) -> Result<(), StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known(migrations) {
        Err(StoreError::Newer { found, known: known(migrations) })
    } else {
        Ok(())
    }
}

fn migrate(connection: &Connection, migrations: Migrations) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for (place, statements) in migrations.iter().enumerate().skip(done) {
        let next = place.saturating_add(1);
        connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {statements}; PRAGMA user_version = {next}; COMMIT"))?;
    }
    Ok(())
}

/// SQLite's integers are signed; ours are not, and never that large.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Back again.
pub(crate) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
