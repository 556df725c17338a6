//! Puts a database together again out of what can still be read of it.
//!
//! One damaged page can hide rows that are whole. When damage of that kind was met, it is marked beside the
//! file, and the next start looks: indexes are made again from their tables, and where that is not enough
//! every row that can be read is copied into a new file. The damaged file stays beside it; nothing is
//! deleted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::db::{damage, scrub, sums};
use crate::error::StoreError;

/// How a name begins that speaks of pages and not of a record.
const PAGES: &str = "database";

/// The mark beside a database whose pages are damaged.
pub(super) fn mark_of(database: &Path) -> PathBuf {
    database.with_extension("damaged")
}

/// Whether a name of something damaged asks for a repair.
pub(super) fn asks(name: &str) -> bool {
    name.starts_with(PAGES)
}

/// Leaves the mark. Where that cannot be done the damage is met again, and told again.
pub(super) fn mark(database: &Path) {
    if let Err(error) =
        std::fs::write(mark_of(database), b"damaged pages were met; looked at when it is opened next\n")
    {
        tracing::warn!(%error, "the mark of damage cannot be left");
    }
}

/// Whether making the indexes again is enough; they are made again then.
pub(super) fn reindexed(db: &Connection) -> Result<bool, StoreError> {
    if db.execute_batch("REINDEX").is_err() {
        return Ok(false);
    }
    let words = db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    Ok(words.is_ok_and(|words| words == "ok"))
}

/// Copies what can be read of one database into another of the same schema, that is empty.
pub(super) fn copy(from: &Connection, to: &Connection) -> Result<(), StoreError> {
    // Sums are copied as they are: what was damaged before stays so.
    to.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    to.execute_batch("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE")?;
    for table in sums::tables(to)? {
        to.execute_batch(&format!("DELETE FROM {table}"))?;
        copy_table(from, to, &table)?;
    }
    to.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
    if sums::tables(to)?.iter().any(|table| table == "epoch") {
        // In the same commit: what was lost may be more than is known, and whoever sends brings it again.
        to.execute_batch("UPDATE epoch SET epoch = epoch + 1")?;
    }
    to.execute_batch("COMMIT; PRAGMA foreign_keys = ON")?;
    Ok(())
}

fn copy_table(from: &Connection, to: &Connection, table: &str) -> Result<(), StoreError> {
    let mut statement =
        to.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid")?;
    let columns: Vec<String> = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let key = sums::key_of(to, table)?;
    let has_rowid = key == ["rowid"];
    let mut all = if has_rowid { vec!["rowid".to_owned()] } else { Vec::new() };
    all.extend(columns);
    let order = |way: &str| key.iter().map(|column| format!("{column} {way}")).collect::<Vec<_>>().join(", ");
    let places: Vec<&str> = all.iter().map(|_| "?").collect();
    let insert = format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({})", all.join(", "), places.join(", "));
    let select = format!("SELECT {} FROM {table} NOT INDEXED", all.join(", "));
    let mut copied = Copied { to, insert: &insert, rowids: BTreeSet::new(), has_rowid };
    if copied.all_of(from, &format!("{select} ORDER BY {}", order("ASC")), all.len())? {
        return Ok(());
    }
    // From the other end, up to the damaged page; what lies between is found by the indexes.
    copied.all_of(from, &format!("{select} ORDER BY {}", order("DESC")), all.len())?;
    if has_rowid {
        for rowid in rowids_in_indexes(from, table)? {
            if !copied.rowids.contains(&rowid)
                && !copied.all_of(from, &format!("{select} WHERE rowid = {rowid}"), all.len())?
            {
                damage::note(lost(from, table, rowid)?);
            }
        }
    }
    Ok(())
}

struct Copied<'a> {
    to: &'a Connection,
    insert: &'a str,
    rowids: BTreeSet<i64>,
    has_rowid: bool,
}

impl Copied<'_> {
    /// Copies what a statement finds until it meets damage; whether it met none.
    fn all_of(&mut self, from: &Connection, sql: &str, columns: usize) -> Result<bool, StoreError> {
        let Ok(mut statement) = from.prepare(sql) else { return Ok(false) };
        let Ok(mut rows) = statement.query([]) else { return Ok(false) };
        let mut insert = self.to.prepare_cached(self.insert)?;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(true),
                Err(_) => return Ok(false),
            };
            let values: Result<Vec<Value>, _> = (0..columns).map(|column| row.get(column)).collect();
            let Ok(values) = values else { continue };
            if let (true, Some(Value::Integer(rowid))) = (self.has_rowid, values.first()) {
                self.rowids.insert(*rowid);
            }
            match insert.execute(params_from_iter(values)).map_err(StoreError::from) {
                // A value of another type than its column's: damage, as is what another row has already.
                Ok(_) | Err(StoreError::Conflict(_) | StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn indexes(db: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare("SELECT name FROM pragma_index_list(?1) WHERE partial = 0")?;
    let names = statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>();
    Ok(names.unwrap_or_default())
}

fn rowids_in_indexes(db: &Connection, table: &str) -> Result<BTreeSet<i64>, StoreError> {
    let mut found = BTreeSet::new();
    for index in indexes(db, table)? {
        let Ok(mut statement) = db.prepare(&format!("SELECT rowid FROM {table} INDEXED BY {index}")) else {
            continue;
        };
        let Ok(rows) = statement.query_map([], |row| row.get::<_, i64>(0)) else { continue };
        found.extend(rows.map_while(Result::ok));
    }
    Ok(found)
}

/// The name of a record that cannot be read, out of an index that has its key.
fn lost(db: &Connection, table: &str, rowid: i64) -> Result<String, StoreError> {
    let (words, key) = scrub::label(db, table)?;
    for index in indexes(db, table)? {
        let sql = format!("SELECT {} FROM {table} INDEXED BY {index} WHERE rowid = {rowid}", key.join(", "));
        let name = db.query_row(&sql, [], |row| {
            let mut name = words.clone();
            for column in 0..key.len() {
                name.push(' ');
                name.push_str(&damage::word(row.get_ref(column)?));
            }
            Ok(name)
        });
        if let Ok(name) = name {
            return Ok(name);
        }
    }
    Ok(format!("{words} in row {rowid}"))
}
