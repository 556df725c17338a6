//! Opens a database so that it may be relied on, or says why not and leaves it as it was.
//!
//! One process at a time, readable by its owner only, of our kind, not newer than this program; WAL
//! with a wait for the disk at every commit; the new file's place in its folder on the disk too.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::db::{repair, replace, sums};
use crate::error::StoreError;

/// Versions of SQLite before this one have a bug in the write-ahead log.
const SQLITE_MIN: i32 = 3_051_003;

/// Statements that bring a database from one version to the next, in order; forward only.
pub(crate) type Migrations = &'static [&'static str];

/// What a database is for.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Whose it is, in words.
    pub(crate) of: &'static str,
    /// SQLite's `application_id`.
    pub(crate) id: i32,
    /// How it came to be.
    pub(crate) migrations: Migrations,
}

impl Kind {
    fn known(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }
}

/// A connection, and the lock that must outlive it.
pub(super) fn file(path: &Path, kind: &Kind) -> Result<(Connection, File), StoreError> {
    assert_version()?;
    let lock = lock(path)?;
    replace::take_place(path, sync_folder)?;
    prepare_file(path)?;
    look_first(path, kind)?;
    let mut connection = ready(path, kind)?;
    if repair::mark_of(path).exists() {
        connection = repaired(connection, path, kind)?;
        std::fs::remove_file(repair::mark_of(path))?;
    }
    sync_folder(path)?;
    Ok((connection, lock))
}

fn ready(path: &Path, kind: &Kind) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    configure(&connection)?;
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Fatal(format!("journal mode {mode}, not wal")));
    }
    migrate(&connection, kind)?;
    sums::ensure(&connection)?;
    Ok(connection)
}

/// A connection that reads only what another has open.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    sums::functions(&connection)?;
    Ok(connection)
}

/// The database with its indexes made again; or a new one with all that can be read of it, which takes its
/// place. The damaged one stays beside it.
fn repaired(damaged: Connection, path: &Path, kind: &Kind) -> Result<Connection, StoreError> {
    tracing::warn!(code = "POUCH-STO-21", path = %path.display(), "damaged pages were met; the database is put together again");
    if repair::reindexed(&damaged)? {
        return Ok(damaged);
    }
    replace::drop_unfinished(path)?;
    let new = replace::unfinished(path);
    prepare_file(&new)?;
    let mended = ready(&new, kind)?;
    repair::copy(&damaged, &mended)?;
    // Whole in its own file before it takes the other's name.
    mended.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    mended.close().map_err(|(_, error)| StoreError::from(error))?;
    // What is damaged cannot always be written back; its log stays beside it then.
    damaged.close().map_err(|(_, error)| StoreError::from(error))?;
    replace::finished(path, sync_folder)?;
    ready(path, kind)
}

/// A database that never touches a disk.
pub(super) fn memory(kind: &Kind) -> Result<Connection, StoreError> {
    assert_version()?;
    let connection = Connection::open_in_memory()?;
    configure(&connection)?;
    migrate(&connection, kind)?;
    sums::ensure(&connection)?;
    Ok(connection)
}

fn assert_version() -> Result<(), StoreError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(StoreError::OldSqlite(rusqlite::version().to_owned()));
    }
    Ok(())
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864; PRAGMA busy_timeout = 0;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 0;",
    )?;
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    // FULL is 2; a library built otherwise would ignore what was asked.
    if pragma("synchronous")? != 2
        || pragma("foreign_keys")? != 1
        || pragma("secure_delete")? != 1
        || pragma("wal_autocheckpoint")? != 0
    {
        return Err(StoreError::Fatal("SQLite does not keep its settings".into()));
    }
    connection.set_prepared_statement_cache_capacity(128);
    sums::functions(connection)?;
    Ok(())
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let lock = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path.with_extension("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn prepare_file(path: &Path) -> Result<(), StoreError> {
    let file = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::LooseMode { path: path.to_owned(), mode });
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// Looks without writing, so that a newer program's data, or another program's, stays as it is.
///
/// Where the power was cut while the database was made, its first journal still has to be rolled back, which
/// no reader may do: then this looks as one that may write, and SQLite does that and nothing else.
fn look_first(path: &Path, kind: &Kind) -> Result<(), StoreError> {
    match look(path, kind, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Err(Looked::MayOnlyRead) => look(path, kind, OpenFlags::SQLITE_OPEN_READ_WRITE),
        looked => looked,
    }
    .map_err(|looked| match looked {
        Looked::Refused(error) => error,
        Looked::MayOnlyRead => StoreError::Fatal("the database cannot be written".into()),
    })
}

/// Why a database was not looked at, or is not taken.
enum Looked {
    /// It must be rolled back first.
    MayOnlyRead,
    /// It is none of ours, or cannot be read.
    Refused(StoreError),
}

impl From<rusqlite::Error> for Looked {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ReadOnly) => Self::MayOnlyRead,
            _ => Self::Refused(error.into()),
        }
    }
}

fn look(path: &Path, kind: &Kind, flags: OpenFlags) -> Result<(), Looked> {
    let connection = Connection::open_with_flags(path, flags)?;
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if tables > 0 && number("PRAGMA application_id")? != i64::from(kind.id) {
        return Err(Looked::Refused(StoreError::NotOurs { path: path.to_owned(), expected: kind.of }));
    }
    let found = number("PRAGMA user_version")?;
    if found > kind.known() {
        return Err(Looked::Refused(StoreError::Newer { found, known: kind.known() }));
    }
    Ok(())
}

/// Each step is a transaction with its own version number, so that a crash leaves one or the other.
fn migrate(connection: &Connection, kind: &Kind) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for (place, statements) in kind.migrations.iter().enumerate().skip(done) {
        let next = place.saturating_add(1);
        let id = kind.id;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {statements}; PRAGMA application_id = {id}; PRAGMA user_version = {next}; COMMIT"
        ))?;
    }
    Ok(())
}
