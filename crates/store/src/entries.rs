//! Runs of log entries, whichever log they are of.
//!
//! A log is read from its index on without a hole: an entry under a wrong index would be worse than
//! none.

use rusqlite::{Connection, params};

use crate::db::{int, uint};
use crate::error::StoreError;

/// Entries without a gap. A log with a hole would give every later entry a wrong index: it says so.
pub(crate) fn run_of(db: &Connection, sql: &str, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![int(from), count])?;
    let mut entries = Vec::new();
    let mut next = from;
    while let Some(row) = rows.next()? {
        if uint(row.get(0)?) != next {
            return Err(StoreError::Damaged(format!("log entry {next}")));
        }
        entries.push(row.get(1)?);
        next = next.saturating_add(1);
    }
    Ok(entries)
}
