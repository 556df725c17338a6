//! Drafts, wrapped, from the first word until they are sent or thrown away.
//!
//! A draft that is deleted is overwritten by SQLite's `secure_delete`, in its log at the next checkpoint.

use pouch_wire::{Digest, NoticeId, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::agent::AgentStore;
use crate::contracts::Drafts;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::rows::Draft;

impl Drafts for AgentStore {
    async fn put_draft(&self, draft: Draft) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO draft (notice, bytes, created) VALUES (?1, ?2, ?3)
                    ON CONFLICT (notice) DO UPDATE SET bytes = ?2";
                let values = params![draft.notice.as_bytes(), draft.bytes, int(draft.created.0)];
                db.prepare_cached(sql)?.execute(values)?;
                Ok(())
            })
            .await
    }

    async fn draft(&self, notice: NoticeId) -> Result<Option<Draft>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT notice, bytes, created FROM draft WHERE notice = ?1 AND sound(whole, 'draft', notice)";
                Ok(db.prepare_cached(sql)?.query_row([notice.as_bytes()], draft_row).optional()?)
            })
            .await
    }

    async fn drafts(&self) -> Result<Vec<Draft>, StoreError> {
        self.0
            .call(|db| {
                let sql = "SELECT notice, bytes, created FROM draft WHERE kept(whole, 'draft', notice)
                    ORDER BY created, notice";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([], draft_row)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn delete_draft(&self, notice: NoticeId) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                db.prepare_cached("DELETE FROM draft WHERE notice = ?1")?.execute([notice.as_bytes()])?;
                Ok(())
            })
            .await
    }
}

fn draft_row(row: &Row<'_>) -> rusqlite::Result<Draft> {
    Ok(Draft {
        notice: NoticeId(Digest::new(row.get(0)?)),
        bytes: row.get(1)?,
        created: Timestamp(uint(row.get(2)?)),
    })
}
