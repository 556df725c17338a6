//! A node's copy of the directory log, the newest checkpoint that it accepted, and forks.
//!
//! Entries are only added at the end, and the accepted checkpoint never goes back: a node that believed
//! an older directory again would believe revoked keys.

use pouch_wire::Digest;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::agent::AgentStore;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::rows::{AcceptedCheckpoint, ForkRow};

impl AgentStore {
    /// How many entries the copy of the directory has.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn mirror_size(&self) -> Result<u64, StoreError> {
        self.0.call(size).await
    }

    /// Begins the copy with what came by hand.
    ///
    /// # Errors
    /// When there is a copy already, or storage failed.
    pub async fn seed_mirror(&self, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.0.call(move |db| put_entries(db, 0, &entries)).await
    }

    /// Takes new entries and the checkpoint that they lie in, all or nothing.
    ///
    /// # Errors
    /// When the entries do not follow those that are there, the checkpoint would go back or give one
    /// size a second root, or storage failed.
    pub async fn append_mirror(
        &self,
        from: u64,
        entries: Vec<Vec<u8>>,
        note: Vec<u8>,
        size: u64,
        root: Digest,
    ) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                put_entries(db, from, &entries)?;
                put_accepted(db, &note, size, root)
            })
            .await
    }

    /// Entries of the copy, from an index on.
    ///
    /// # Errors
    /// When storage failed, or an entry is missing.
    pub async fn entries(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT idx, entry FROM mirror WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
        self.0.call(move |db| crate::entries::run_of(db, sql, from, count)).await
    }

    /// The note of the newest checkpoint that was accepted.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn accepted_note(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.accepted_checkpoint().await?.map(|accepted| accepted.note))
    }

    /// The newest checkpoint that was accepted.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn accepted_checkpoint(&self) -> Result<Option<AcceptedCheckpoint>, StoreError> {
        self.0.call(accepted).await
    }

    /// Keeps two checkpoints that contradict each other, for good.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_fork(&self, one: Vec<u8>, other: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO fork (one, other) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                db.prepare_cached(sql)?.execute(params![one, other])?;
                Ok(())
            })
            .await
    }

    /// Whether checkpoints that contradict each other were kept.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn has_forks(&self) -> Result<bool, StoreError> {
        self.0.call(|db| Ok(db.prepare_cached("SELECT 1 FROM fork")?.exists([])?)).await
    }

    /// Checkpoints that contradict each other, in the order that they were found.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn forks(&self) -> Result<Vec<ForkRow>, StoreError> {
        self.0
            .call(|db| {
                let mut statement = db.prepare_cached("SELECT one, other FROM fork ORDER BY rowid")?;
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
    Ok(db.prepare_cached("SELECT note, size, root FROM accepted")?.query_row([], row).optional()?)
}

fn put_accepted(db: &Connection, note: &[u8], size: u64, root: Digest) -> Result<(), StoreError> {
    match accepted(db)? {
        Some(known) if known.size > size => {
            return Err(StoreError::Conflict("a larger checkpoint was accepted"));
        }
        Some(known) if known.size == size && known.root != root => {
            return Err(StoreError::Conflict("another root was accepted for this size"));
        }
        _ => {}
    }
    let sql = "INSERT INTO accepted (one, note, size, root) VALUES (1, ?1, ?2, ?3)
        ON CONFLICT (one) DO UPDATE SET note = ?1, size = ?2, root = ?3";
    db.prepare_cached(sql)?.execute(params![note, int(size), root.as_bytes()])?;
    Ok(())
}
