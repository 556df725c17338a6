//! Many requests, one transaction, one wait for the disk.
//!
//! Each request runs in a savepoint, so that one that fails undoes only itself. When SQLite undoes the
//! whole transaction (the disk is full), each request is run again alone, so that one that is too large
//! does not take its neighbours with it. Nothing is answered here: that comes after the commit.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::db::room::Room;
use crate::db::{Shared, damage};
use crate::error::{StoreError, is_full};

/// How a request is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Also out of the reserve, when the disk is full: it writes next to nothing, and may free much.
    Must,
    /// Out of all of the reserve but its last eighth, which is for what frees room.
    Urgent,
    /// The same, and the write-ahead log is emptied after the commit.
    Erases,
    /// Out of the first half of the reserve.
    Soon,
    /// Not when only the reserve is left.
    Bulk,
}

/// A request with its place for the result.
pub(super) trait Job: Send {
    /// Runs it; whether what it did shall stand.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;
    /// Puts an error in the place of the result: what it did was undone.
    fn undo(&mut self, error: StoreError);
    /// How it is done.
    fn way(&self) -> Way;
    /// How many bytes it writes or reads, about.
    fn weight(&self) -> usize;
    /// Hands out the result.
    fn answer(self: Box<Self>);
}

/// A request of one result type.
pub(super) struct Request<T, W> {
    pub(super) work: W,
    pub(super) result: Option<Result<T, StoreError>>,
    pub(super) answer: oneshot::Sender<Result<T, StoreError>>,
    pub(super) way: Way,
    pub(super) weight: usize,
}

impl<T, W> Job for Request<T, W>
where
    T: Send,
    W: Fn(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let result = (self.work)(connection);
        if let Err(StoreError::Damaged(name)) = &result {
            damage::note(name.clone());
        }
        let stands = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        stands
    }

    fn undo(&mut self, error: StoreError) {
        self.result = Some(Err(error));
    }

    fn way(&self) -> Way {
        self.way
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // Who asked may have gone; what was done stands.
            self.answer.send(result).ok();
        }
    }
}

/// How a transaction ended, short of a failing disk.
enum Ended {
    /// It is on the disk.
    Committed,
    /// There was no room for it; nothing of it stands.
    Undone,
}

/// Answers what can wait that there is no room, when there is none for it but the reserve; the others are left.
pub(super) fn within_room(
    connection: &Connection,
    jobs: Vec<Box<dyn Job>>,
    room: Option<&mut Room>,
) -> Vec<Box<dyn Job>> {
    let Some(room) = room else { return jobs };
    room.look_inside(connection);
    let mut goes = Vec::with_capacity(jobs.len());
    for mut job in jobs {
        if room.allows(job.way()) {
            goes.push(job);
        } else {
            job.undo(StoreError::Full);
            job.answer();
        }
    }
    goes
}

/// Runs and commits all; afterwards each has its result. Counts the transactions that wrote something.
///
/// # Errors
/// When the disk failed: nothing may be answered with success any more.
pub(super) fn commit_each(
    connection: &Connection,
    jobs: &mut [Box<dyn Job>],
    mut room: Option<&mut Room>,
    shared: &Shared,
) -> Result<(), StoreError> {
    let commits = &shared.commits;
    if let Ended::Undone = commit_together(connection, jobs, commits)? {
        for job in jobs.iter_mut() {
            commit_alone(connection, job, room.as_deref_mut(), commits)?;
        }
    }
    if jobs.iter().any(|job| job.way() == Way::Erases) {
        let _nobody_reads = shared.beside.lock().unwrap_or_else(PoisonError::into_inner);
        empty_log(connection, jobs)?;
    }
    Ok(())
}

/// Runs and commits one; out of the reserve, if need be and it is urgent.
fn commit_alone(
    connection: &Connection,
    job: &mut Box<dyn Job>,
    mut room: Option<&mut Room>,
    commits: &AtomicU64,
) -> Result<(), StoreError> {
    while let Ended::Undone = commit_together(connection, std::slice::from_mut(job), commits)? {
        let more = room.as_deref_mut().is_some_and(|room| room.give_for(job.way()));
        if !more {
            job.undo(StoreError::Full);
            return Ok(());
        }
    }
    Ok(())
}

fn commit_together(
    connection: &Connection,
    jobs: &mut [Box<dyn Job>],
    commits: &AtomicU64,
) -> Result<Ended, StoreError> {
    let before = connection.total_changes();
    connection.execute_batch("BEGIN IMMEDIATE").map_err(fatal)?;
    for job in jobs {
        connection.execute_batch("SAVEPOINT request").map_err(fatal)?;
        let ran = job.run(connection);
        if let Err(error @ StoreError::Fatal(_)) = ran {
            return Err(error);
        }
        if connection.is_autocommit() {
            return Ok(Ended::Undone);
        }
        if ran == Err(StoreError::Full) {
            connection.execute_batch("ROLLBACK").map_err(fatal)?;
            return Ok(Ended::Undone);
        }
        let close = if ran.is_ok() { "RELEASE request" } else { "ROLLBACK TO request; RELEASE request" };
        connection.execute_batch(close).map_err(fatal)?;
    }
    match connection.execute_batch("COMMIT") {
        Ok(()) => {
            if connection.total_changes() != before {
                commits.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Ended::Committed)
        }
        Err(error) if is_full(&error) => {
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK").map_err(fatal)?;
            }
            Ok(Ended::Undone)
        }
        Err(error) => Err(fatal(error)),
    }
}

/// Copies the log into the database and cuts it to nothing. When there is no room for that, who asked
/// hears so: the rows are gone, their old pages may not be; asking again tries again.
fn empty_log(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    match busy {
        Ok(0) => Ok(()),
        Ok(_) => Err(StoreError::Fatal("somebody else reads the database".into())),
        Err(error) if is_full(&error) => {
            for job in jobs.iter_mut().filter(|job| job.way() == Way::Erases) {
                job.undo(StoreError::Full);
            }
            Ok(())
        }
        Err(error) => Err(fatal(error)),
    }
}

/// What ends the store.
pub(super) fn fatal(error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) {
        // The program ends, and the next start puts the database together again.
        damage::note("database: pages".to_owned());
    }
    StoreError::Fatal(error.to_string())
}
