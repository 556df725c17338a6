//! The directory log's entries, in full, of the relay that sequences it and of those that follow.
//!
//! Entries are only ever added at the end.

use rusqlite::{Connection, params};

use crate::contracts::DirectoryLog;
use crate::db::{int, uint};
use crate::entries::run_of;
use crate::error::StoreError;
use crate::relay::RelayStore;

impl DirectoryLog for RelayStore {
    async fn append_entries(&self, entries: Vec<Vec<u8>>) -> Result<u64, StoreError> {
        self.0.call(move |db| append(db, None, &entries)).await
    }

    async fn entries(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql =
            "SELECT idx, entry FROM directory_log WHERE idx >= ?1 AND sound(whole, 'directory entry', idx)
            ORDER BY idx LIMIT ?2";
        self.0.call(move |db| run_of(db, sql, from, count)).await
    }

    async fn entry_count(&self) -> Result<u64, StoreError> {
        self.0.call(count).await
    }
}

/// Puts entries at the end, which must be at the index that is expected; the index of the first.
pub(super) fn append(db: &Connection, expected: Option<u64>, entries: &[Vec<u8>]) -> Result<u64, StoreError> {
    let first = count(db)?;
    if expected.is_some_and(|expected| expected != first) {
        return Err(StoreError::Conflict("the entries do not follow those that are there"));
    }
    let mut insert = db.prepare_cached("INSERT INTO directory_log (idx, entry) VALUES (?1, ?2)")?;
    for (index, entry) in (first..).zip(entries) {
        insert.execute(params![int(index), entry])?;
    }
    Ok(first)
}

fn count(db: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(idx) + 1, 0) FROM directory_log";
    Ok(db.prepare_cached(sql)?.query_row([], |row| Ok(uint(row.get(0)?)))?)
}
