//! Sealing keys' secrets, wrapped, until they are destroyed.
//!
//! Destroyed means overwritten in the database and gone from its log before the caller hears so:
//! forward secrecy is as good as this file.

use pouch_wire::{Digest, KeyId, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::agent::AgentStore;
use crate::contracts::Prekeys;
use crate::db::{environment, exercise, int, uint};
use crate::error::StoreError;
use crate::rows::PrekeyRow;

impl Prekeys for AgentStore {
    async fn put_prekey(&self, row: PrekeyRow) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "INSERT INTO prekey (id, wrapped, usable_from, usable_until, exercise) VALUES (?1, ?2, ?3, ?4, ?5)";
                db.prepare_cached(sql)?.execute(params![
                    row.id.as_bytes(),
                    row.wrapped,
                    int(row.usable_from.0),
                    int(row.usable_until.0),
                    exercise(row.environment)
                ])?;
                Ok(())
            })
            .await
    }

    async fn prekeys(&self) -> Result<Vec<PrekeyRow>, StoreError> {
        self.0
            .call(|db| {
                let sql =
                    "SELECT id, wrapped, usable_from, usable_until, exercise FROM prekey WHERE kept(whole, 'sealing key', id)
                    ORDER BY usable_until, id";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([], prekey_row)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn prekey(&self, id: KeyId) -> Result<Option<PrekeyRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT id, wrapped, usable_from, usable_until, exercise FROM prekey
                    WHERE id = ?1 AND sound(whole, 'sealing key', id)";
                Ok(db.prepare_cached(sql)?.query_row([id.as_bytes()], prekey_row).optional()?)
            })
            .await
    }

    async fn destroy_prekey(&self, id: KeyId) -> Result<(), StoreError> {
        self.0
            .erase(move |db| {
                db.prepare_cached("DELETE FROM prekey WHERE id = ?1")?.execute([id.as_bytes()])?;
                Ok(())
            })
            .await
    }
}

fn prekey_row(row: &Row<'_>) -> rusqlite::Result<PrekeyRow> {
    Ok(PrekeyRow {
        id: KeyId(Digest::new(row.get(0)?)),
        wrapped: row.get(1)?,
        usable_from: Timestamp(uint(row.get(2)?)),
        usable_until: Timestamp(uint(row.get(3)?)),
        environment: environment(row.get(4)?),
    })
}
