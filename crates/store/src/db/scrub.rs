//! Reads everything that is stored, row by row and page by page, so that damage is found before somebody
//! needs the record, and tells what it found by name.
//!
//! It reads beside the thread that owns the database, a piece at a time, so that nobody waits for it.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params_from_iter};

use crate::db::{damage, sums};
use crate::error::StoreError;

/// Rows that are read in one go.
const ROWS: i64 = 500;

/// How a record of each table is called: in words, and by which columns.
pub(crate) const LABELS: [(&str, &str, &[&str]); 8] = [
    ("payload", "message", &["envelope"]),
    ("mailbox", "message", &["envelope"]),
    ("inbox", "message", &["envelope"]),
    ("outbox", "message", &["envelope"]),
    ("message_log", "log entry", &["idx"]),
    ("directory_log", "directory entry", &["idx"]),
    ("mirror", "directory entry", &["idx"]),
    ("usage", "usage", &["messages"]),
];

/// Columns with their own digest.
const DIGESTED: [(&str, &str); 4] = [
    ("payload", "sha256(payload) IS digest"),
    ("outbox", "sha256(sealed) IS digest"),
    ("inbox", "sha256(stored) IS digest"),
    ("message_log", "record_digest(header, signature) IS digest"),
];

/// How far a scrub has come.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    tables: Option<Vec<String>>,
    done: i64,
}

impl Scrub {
    /// Reads on; whether there is more. Damage is noted, and is no error.
    pub(super) fn step(&mut self, db: &Connection) -> Result<bool, StoreError> {
        let Some(tables) = &mut self.tables else {
            let mut found = sums::tables(db)?;
            found.reverse();
            self.tables = Some(found);
            return Ok(true);
        };
        let Some(table) = tables.last() else { return Ok(false) };
        match rows(db, table, self.done) {
            Ok(read) if read >= ROWS => {
                self.done = self.done.saturating_add(read);
                return Ok(true);
            }
            Ok(_) => {}
            Err(StoreError::Damaged(_)) => damage::note(format!("database: table {table}")),
            Err(error) => return Err(error),
        }
        pages(db, table)?;
        tables.pop();
        self.done = 0;
        Ok(true)
    }
}

/// Checks so many rows; how many there were.
fn rows(db: &Connection, table: &str, done: i64) -> Result<i64, StoreError> {
    let (words, key) = label(db, table)?;
    let digest = DIGESTED.iter().find(|(of, _)| *of == table).map_or("1", |(_, fits)| *fits);
    let sql = format!(
        "SELECT whole AND {digest}, {} FROM {table} NOT INDEXED LIMIT {ROWS} OFFSET {done}",
        key.join(", ")
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut read = 0_i64;
    while let Some(row) = rows.next()? {
        read = read.saturating_add(1);
        if row.get::<_, Option<i64>>(0)? != Some(1) {
            damage::note(name_of(row, &words, key.len())?);
        }
    }
    Ok(read)
}

fn name_of(row: &Row<'_>, words: &str, columns: usize) -> Result<String, StoreError> {
    let mut name = words.to_owned();
    for column in 1..=columns {
        name.push(' ');
        name.push_str(&damage::word(row.get_ref(column).unwrap_or(ValueRef::Null)));
    }
    Ok(name)
}

/// What a record of a table is called.
pub(super) fn label(db: &Connection, table: &str) -> Result<(String, Vec<String>), StoreError> {
    if let Some((_, words, key)) = LABELS.iter().find(|(of, ..)| *of == table) {
        return Ok(((*words).to_owned(), key.iter().map(|column| (*column).to_owned()).collect()));
    }
    let mut statement =
        db.prepare_cached("SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk")?;
    let mut key: Vec<String> =
        statement.query_map(params_from_iter([table]), |row| row.get(0))?.collect::<Result<_, _>>()?;
    if key.is_empty() {
        key.push("rowid".to_owned());
    }
    Ok((table.replace('_', " "), key))
}

/// Checks the pages of a table and of its indexes, and each against the other.
fn pages(db: &Connection, table: &str) -> Result<(), StoreError> {
    let looked = db.query_row(&format!("PRAGMA integrity_check({table})"), [], |row| row.get::<_, String>(0));
    match looked {
        Ok(words) if words == "ok" => Ok(()),
        Ok(_) => {
            damage::note(format!("database: table {table}"));
            Ok(())
        }
        Err(error) => match StoreError::from(error) {
            StoreError::Damaged(_) => {
                damage::note(format!("database: table {table}"));
                Ok(())
            }
            other => Err(other),
        },
    }
}
