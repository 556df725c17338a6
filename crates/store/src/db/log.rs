//! Copies the write-ahead log back into the database when it has grown.
//!
//! SQLite would do that by itself after a commit, and say nothing when it fails. But a write or a wait for the
//! disk that failed must end the process, wherever it is met. So the thread that owns the database does it, after
//! it has answered: what it answered is in the log, on the disk.

use rusqlite::Connection;

use crate::error::{StoreError, is_full};

/// Pages from which on the log is copied back.
const PAGES: i64 = 1000;

/// Copies the log back if it has grown. Where there is no room for that it goes on growing, as long as there is
/// room for it, and copying is tried again after the next commit.
///
/// # Errors
/// When the disk failed: nothing may be answered with success any more.
pub(super) fn copy_back(connection: &Connection) -> Result<(), StoreError> {
    let pages = connection
        .prepare_cached("PRAGMA wal_checkpoint(NOOP)")
        .and_then(|mut looks| looks.query_row([], |row| row.get::<_, i64>(1)))
        .map_err(super::batch::fatal)?;
    if pages < PAGES {
        return Ok(());
    }
    // Passive: what somebody reads meanwhile is left for the next time.
    let copied = connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
        .and_then(|mut copies| copies.query_row([], |_| Ok(())));
    match copied {
        Err(error) if !is_full(&error) => Err(super::batch::fatal(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_copies_nothing_by_itself_and_we_do() {
        let dir = tempfile::tempdir().unwrap();
        let kind = crate::db::Kind {
            of: "a test",
            id: 1,
            migrations: &["CREATE TABLE t (bytes BLOB NOT NULL) STRICT"],
        };
        let (connection, _lock) = crate::db::open::file(&dir.path().join("x.sqlite"), &kind).unwrap();
        let pages = |column: usize| {
            let sql = "PRAGMA wal_checkpoint(NOOP)";
            connection.query_row(sql, [], |row| row.get::<_, i64>(column)).unwrap()
        };
        let write = |pages: i64| {
            connection.execute("INSERT INTO t (bytes) VALUES (zeroblob(?1))", [pages * 4096]).unwrap();
        };
        write(10);
        copy_back(&connection).unwrap();
        let (few, copied) = (pages(1), pages(2));
        assert!(few >= 10 && copied < few, "{copied} of {few}: too few to be worth it");
        write(PAGES);
        assert!(pages(1) > PAGES && pages(2) == copied, "left alone it stays");
        copy_back(&connection).unwrap();
        assert_eq!(pages(1), pages(2));
    }
}
