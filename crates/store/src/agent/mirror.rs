//! A node's copy of the directory log, the newest checkpoint that it accepted, and forks.
//!
//! Entries are only added at the end, and the accepted checkpoint never goes back: a node that believed
//! an older directory again would believe revoked keys.

use pouch_wire::Digest;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::agent::{AgentStore, events};
use crate::contracts::Mirror;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::rows::{AcceptedCheckpoint, ForkRow, MirrorStep};

impl Mirror for AgentStore {
    async fn mirror_size(&self) -> Result<u64, StoreError> {
        self.0.call(size).await
    }

    async fn seed_mirror(&self, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.0.call(move |db| put_entries(db, 0, &entries)).await
    }

    async fn append_mirror(&self, step: MirrorStep) -> Result<Vec<u64>, StoreError> {
        self.0
            .call(move |db| {
                put_entries(db, step.from, &step.entries)?;
                put_accepted(db, &step.checkpoint)?;
                events::put_all(db, &step.events)
            })
            .await
    }

    async fn entries(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT idx, entry FROM mirror WHERE idx >= ?1 AND sound(whole, 'directory entry', idx)
            ORDER BY idx LIMIT ?2";
        self.0.call(move |db| crate::entries::run_of(db, sql, from, count)).await
    }

    async fn accepted_checkpoint(&self) -> Result<Option<AcceptedCheckpoint>, StoreError> {
        self.0.call(accepted).await
    }

    async fn put_fork(&self, one: Vec<u8>, other: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO fork (one, other) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                db.prepare_cached(sql)?.execute(params![one, other])?;
                Ok(())
            })
            .await
    }

    async fn put_shown(&self, relay: String, key: [u8; 32], size: u64) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO shown (relay, key, size) VALUES (?1, ?2, ?3)
                    ON CONFLICT (relay, key) DO UPDATE SET size = max(size, ?3)";
                db.prepare_cached(sql)?.execute(params![relay, key, int(size)])?;
                Ok(())
            })
            .await
    }

    async fn shown(&self, relay: String, key: [u8; 32]) -> Result<u64, StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "SELECT size FROM shown WHERE relay = ?1 AND key = ?2 AND kept(whole, 'shown by', relay)";
                let size = |row: &Row<'_>| Ok(uint(row.get(0)?));
                Ok(db.prepare_cached(sql)?.query_row(params![relay, key], size).optional()?.unwrap_or(0))
            })
            .await
    }

    async fn forks(&self) -> Result<Vec<ForkRow>, StoreError> {
        self.0
            .call(|db| {
                let mut statement = db.prepare_cached(
                    "SELECT one, other FROM fork WHERE kept(whole, 'fork', rowid) ORDER BY rowid",
                )?;
                let rows =
                    statement.query_map([], |row| Ok(ForkRow { one: row.get(0)?, other: row.get(1)? }))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

fn size(db: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(idx) + 1, 0) FROM mirror";
    Ok(db.prepare_cached(sql)?.query_row([], |row| Ok(uint(row.get(0)?)))?)
}

fn put_entries(db: &Connection, from: u64, entries: &[Vec<u8>]) -> Result<(), StoreError> {
    if size(db)? != from {
        return Err(StoreError::Conflict("the entries do not follow those that are there"));
    }
    let mut insert = db.prepare_cached("INSERT INTO mirror (idx, entry) VALUES (?1, ?2)")?;
    for (index, entry) in (from..).zip(entries) {
        insert.execute(params![int(index), entry])?;
    }
    Ok(())
}

fn accepted(db: &Connection) -> Result<Option<AcceptedCheckpoint>, StoreError> {
    let row = |row: &Row<'_>| {
        Ok(AcceptedCheckpoint { note: row.get(0)?, size: uint(row.get(1)?), root: Digest::new(row.get(2)?) })
    };
    Ok(db
        .prepare_cached("SELECT note, size, root FROM accepted WHERE sound(whole, 'checkpoint')")?
        .query_row([], row)
        .optional()?)
}

fn put_accepted(db: &Connection, new: &AcceptedCheckpoint) -> Result<(), StoreError> {
    let AcceptedCheckpoint { note, size, root } = new;
    match accepted(db)? {
        Some(known) if known.size > *size => {
            return Err(StoreError::Conflict("a larger checkpoint was accepted"));
        }
        Some(known) if known.size == *size && known.root != *root => {
            return Err(StoreError::Conflict("another root was accepted for this size"));
        }
        _ => {}
    }
    let sql = "INSERT INTO accepted (one, note, size, root) VALUES (1, ?1, ?2, ?3)
        ON CONFLICT (one) DO UPDATE SET note = ?1, size = ?2, root = ?3";
    db.prepare_cached(sql)?.execute(params![note, int(*size), root.as_bytes()])?;
    Ok(())
}
