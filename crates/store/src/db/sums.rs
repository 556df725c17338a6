//! A checksum in every row, kept by triggers and checked where rows are read.
//!
//! Every table has a column `row_sum` over its other columns, and a column `whole` that says whether it
//! fits; both come to each table by themselves, so that no new column can be forgotten. Triggers, so that no
//! way of writing can forget it either; a row that is damaged stays so when other columns of it are
//! changed. A large column beside its own digest is left to the digest.
//!
//! Against chance, not against people: whoever can write the file can write the checksum.

use std::collections::BTreeMap;

use pouch_crypto::{sha256, sha256_parts};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error};

use crate::db::damage;
use crate::error::StoreError;

/// Columns that have a digest beside them, by table.
const HAVE_DIGESTS: [(&str, &str); 5] = [
    ("payload", "payload"),
    ("outbox", "sealed"),
    ("inbox", "stored"),
    // A log's entry is whole without the record that auditors read beside it.
    ("message_log", "header"),
    ("message_log", "signature"),
];

/// Makes the functions known that the tables and the statements use:
/// `row_sum(table, columns...)`; `sha256(blob)` and `record_digest(header, signature)`; `sound(whole, name, key...)`, which fails with the record's name unless the
/// row is whole; `kept(whole, name, key...)`, which is false then and remembers the name.
pub(super) fn functions(connection: &Connection) -> rusqlite::Result<()> {
    let pure =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(c"row_sum", -1, pure, |values| row_sum(values))?;
    connection.create_scalar_function(c"sha256", 1, pure, |values| {
        let bytes = values.get_raw(0).as_blob().map_err(|error| Error::UserFunctionError(error.into()))?;
        Ok(sha256(bytes).as_bytes().to_vec())
    })?;
    connection.create_scalar_function(c"record_digest", 2, pure, |values| {
        let blob =
            |place| values.get_raw(place).as_blob().map_err(|error| Error::UserFunctionError(error.into()));
        Ok(sha256_parts(&[sha256(blob(0)?).as_bytes(), blob(1)?]).as_bytes().to_vec())
    })?;
    let ours = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function(c"sound", -1, ours, |values| {
        if values.get::<Option<i64>>(0)? == Some(1) {
            return Ok(true);
        }
        let name = named(values);
        Err(Error::UserFunctionError(format!("{}{name}", damage::MARK).into()))
    })?;
    connection.create_scalar_function(c"kept", -1, ours, |values| {
        let whole = values.get::<Option<i64>>(0)? == Some(1);
        if !whole {
            damage::note(named(values));
        }
        Ok(whole)
    })
}

/// From here on everything counts as whole.
#[cfg(debug_assertions)]
pub(super) fn trust(connection: &Connection) -> rusqlite::Result<()> {
    for name in [c"sound", c"kept"] {
        connection.create_scalar_function(name, -1, FunctionFlags::SQLITE_UTF8, |_| Ok(true))?;
    }
    Ok(())
}

fn row_sum(values: &Context<'_>) -> rusqlite::Result<i64> {
    let mut bytes = Vec::with_capacity(256);
    for place in 0..values.len() {
        let (kind, value): (u8, &[u8]) = match values.get_raw(place) {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(n) => (1, &n.to_be_bytes()),
            ValueRef::Real(n) => (2, &n.to_be_bytes()),
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(value);
    }
    let digest = sha256(&bytes);
    let first = digest.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    Ok(i64::from_be_bytes(first))
}

/// A record's name from the arguments after the first: words, and the key.
fn named(values: &Context<'_>) -> String {
    let mut name = String::new();
    for place in 1..values.len() {
        if place > 1 {
            name.push(' ');
        }
        name.push_str(&damage::word(values.get_raw(place)));
    }
    name
}

/// Gives every table its checksum, and the checksum of a table that got another column its new form. All
/// at once, or nothing.
pub(super) fn ensure(db: &Connection) -> Result<(), StoreError> {
    let mut statement = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
    let triggers =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut steps = Vec::new();
    for plan in Plan::all(db)? {
        steps.extend(plan.steps(&triggers));
    }
    if steps.is_empty() {
        return Ok(());
    }
    db.execute_batch(&format!("BEGIN IMMEDIATE;\n{}\nCOMMIT", steps.join("\n")))?;
    Ok(())
}

/// The tables of a database, other than SQLite's own.
pub(super) fn tables(db: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY name";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The columns that name a row of a table for good.
pub(super) fn key_of(db: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let plan = Plan::all(db)?.into_iter().find(|plan| plan.table == table);
    Ok(plan.map(|plan| plan.key).unwrap_or_default())
}

/// How one table is summed.
struct Plan {
    table: String,
    columns: Vec<String>,
    key: Vec<String>,
    has_sum: bool,
    has_whole: bool,
}

impl Plan {
    fn all(db: &Connection) -> Result<Vec<Self>, StoreError> {
        let sql = "SELECT t.name, t.wr, c.name, c.pk FROM pragma_table_list t, pragma_table_xinfo(t.name) c
            WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
            ORDER BY t.name, c.cid";
        let mut statement = db.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut plans: Vec<Self> = Vec::new();
        while let Some(row) = rows.next()? {
            let (table, without_rowid): (String, bool) = (row.get(0)?, row.get(1)?);
            if plans.last().is_none_or(|plan| plan.table != table) {
                let key = if without_rowid { Vec::new() } else { vec!["rowid".to_owned()] };
                plans.push(Self { table, key, columns: Vec::new(), has_sum: false, has_whole: false });
            }
            if let Some(plan) = plans.last_mut() {
                plan.take(row.get(2)?, without_rowid && row.get::<_, i64>(3)? > 0);
            }
        }
        Ok(plans)
    }

    fn take(&mut self, column: String, is_key: bool) {
        match column.as_str() {
            "row_sum" => self.has_sum = true,
            "whole" => self.has_whole = true,
            _ => {
                if is_key {
                    self.key.push(column.clone());
                }
                if !HAVE_DIGESTS.contains(&(&self.table, column.as_str())) {
                    self.columns.push(column);
                }
            }
        }
    }

    fn sum(&self, of: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| format!("{of}{column}")).collect();
        format!("row_sum('{}', {})", self.table, columns.join(", "))
    }

    fn triggers(&self) -> [(String, String); 2] {
        let Self { table, columns, key, .. } = self;
        let this: Vec<String> = key.iter().map(|column| format!("{column} = new.{column}")).collect();
        let (this, columns, sum, old) =
            (this.join(" AND "), columns.join(", "), self.sum("new."), self.sum("old."));
        let (new, changed) = (format!("{table}_sum_new"), format!("{table}_sum_changed"));
        let on_new = format!(
            "CREATE TRIGGER {new} AFTER INSERT ON {table} WHEN new.row_sum IS NULL
            BEGIN UPDATE {table} SET row_sum = {sum} WHERE {this}; END"
        );
        let on_changed = format!(
            "CREATE TRIGGER {changed} AFTER UPDATE OF {columns} ON {table} WHEN old.row_sum IS {old}
            BEGIN UPDATE {table} SET row_sum = {sum} WHERE {this}; END"
        );
        [(new, on_new), (changed, on_changed)]
    }

    /// The statements that bring the table there; none when it is there.
    fn steps(&self, known: &BTreeMap<String, String>) -> Vec<String> {
        let triggers = self.triggers();
        let as_wanted = triggers.iter().all(|(name, wanted)| known.get(name) == Some(wanted));
        if self.has_sum && self.has_whole && as_wanted {
            return Vec::new();
        }
        let (table, sum) = (&self.table, self.sum(""));
        let mut steps: Vec<String> =
            triggers.iter().map(|(name, _)| format!("DROP TRIGGER IF EXISTS {name};")).collect();
        if !self.has_sum {
            steps.push(format!("ALTER TABLE {table} ADD COLUMN row_sum INTEGER;"));
            steps.push(format!("UPDATE {table} SET row_sum = {sum};"));
        }
        if self.has_whole {
            // What was damaged before stays so.
            steps.push(format!("UPDATE {table} SET row_sum = {sum} WHERE whole = 1;"));
            steps.push(format!("ALTER TABLE {table} DROP COLUMN whole;"));
        }
        steps.push(format!(
            "ALTER TABLE {table} ADD COLUMN whole INTEGER GENERATED ALWAYS AS (row_sum IS {sum}) VIRTUAL;"
        ));
        steps.extend(triggers.into_iter().map(|(_, sql)| format!("{sql};")));
        steps
    }
}
