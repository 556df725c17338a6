//! What the log's keys signed, and what is published, per log.
//!
//! A signed checkpoint is remembered before anybody sees it, so that a relay that crashed cannot sign
//! another of the same size. Neither ever goes back.

use pouch_wire::Digest;
use pouch_wire::session::LogName;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::contracts::Checkpoints;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::relay::RelayStore;
use crate::rows::{PublishedRow, SignedRow};

impl Checkpoints for RelayStore {
    async fn put_signed(
        &self,
        log: LogName,
        size: u64,
        root: Digest,
        note: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                goes_on(db, log, size, root)?;
                let sql =
                    "INSERT INTO checkpoint (log, signed_size, signed_root, signed) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (log) DO UPDATE SET signed_size = ?2, signed_root = ?3, signed = ?4";
                db.prepare_cached(sql)?.execute(params![number(log), int(size), root.as_bytes(), note])?;
                Ok(())
            })
            .await
    }

    async fn signed(&self, log: LogName) -> Result<Option<SignedRow>, StoreError> {
        self.0.call(move |db| signed(db, log)).await
    }

    async fn put_published(&self, log: LogName, size: u64, note: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE checkpoint SET published_size = ?2, published = ?3
                    WHERE log = ?1 AND sound(whole, 'checkpoint', log) AND signed_size >= ?2 AND coalesce(published_size, 0) <= ?2";
                match db.prepare_cached(sql)?.execute(params![number(log), int(size), note])? {
                    0 => Err(StoreError::Conflict("not signed yet, or a larger log is published")),
                    _ => Ok(()),
                }
            })
            .await
    }

    async fn published(&self, log: LogName) -> Result<Option<PublishedRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT published_size, published FROM checkpoint
                    WHERE log = ?1 AND published IS NOT NULL AND sound(whole, 'checkpoint', log)";
                let row = |row: &Row<'_>| Ok(PublishedRow { size: uint(row.get(0)?), note: row.get(1)? });
                Ok(db.prepare_cached(sql)?.query_row([number(log)], row).optional()?)
            })
            .await
    }
}

/// Keeps a checkpoint of the directory that another relay published.
pub(super) fn put_followed(db: &Connection, size: u64, root: Digest, note: &[u8]) -> Result<(), StoreError> {
    goes_on(db, LogName::Directory, size, root)?;
    let sql = "INSERT INTO checkpoint (log, signed_size, signed_root, signed, published_size, published)
        VALUES (?1, ?2, ?3, ?4, ?2, ?4) ON CONFLICT (log) DO UPDATE
        SET signed_size = ?2, signed_root = ?3, signed = ?4, published_size = ?2, published = ?4";
    db.prepare_cached(sql)?.execute(params![number(LogName::Directory), int(size), root.as_bytes(), note])?;
    Ok(())
}

/// Whether a checkpoint neither goes back nor gives one size a second root.
fn goes_on(db: &Connection, log: LogName, size: u64, root: Digest) -> Result<(), StoreError> {
    match signed(db, log)? {
        Some(known) if known.size > size => Err(StoreError::Conflict("a larger log was signed")),
        Some(known) if known.size == size && known.root != root => {
            Err(StoreError::Conflict("another root was signed for this size"))
        }
        _ => Ok(()),
    }
}

fn signed(db: &Connection, log: LogName) -> Result<Option<SignedRow>, StoreError> {
    let sql = "SELECT signed_size, signed_root, signed FROM checkpoint
        WHERE log = ?1 AND sound(whole, 'checkpoint', log)";
    let row = |row: &Row<'_>| {
        Ok(SignedRow { size: uint(row.get(0)?), root: Digest::new(row.get(1)?), note: row.get(2)? })
    };
    Ok(db.prepare_cached(sql)?.query_row([number(log)], row).optional()?)
}

const fn number(log: LogName) -> i64 {
    match log {
        LogName::Directory => 0,
        LogName::Messages => 1,
    }
}
