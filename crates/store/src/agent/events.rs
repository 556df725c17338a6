//! What happened and what alarmed, in order, for whoever was not watching.
//!
//! Numbers only rise and are never given twice; nothing is changed or deleted.

use pouch_wire::Timestamp;
use rusqlite::params;

use crate::agent::AgentStore;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::rows::{EventRow, NewEvent};

impl AgentStore {
    /// Keeps an event; its number, from 1 on.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_event(&self, event: NewEvent) -> Result<u64, StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO event (at, code, words, detail) VALUES (?1, ?2, ?3, ?4)";
                let values = params![int(event.at.0), event.code, event.words, event.detail];
                Ok(uint(db.prepare_cached(sql)?.insert(values)?))
            })
            .await
    }

    /// Events after a number, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn events(&self, after: u64, count: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql =
            "SELECT number, at, code, words, detail FROM event WHERE number > ?1 ORDER BY number LIMIT ?2";
        self.event_rows(sql, after, count).await
    }

    /// The newest events, newest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn newest_events(&self, count: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql = "SELECT number, at, code, words, detail FROM event WHERE number > ?1 ORDER BY number DESC LIMIT ?2";
        self.event_rows(sql, 0, count).await
    }

    async fn event_rows(
        &self,
        sql: &'static str,
        after: u64,
        count: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.0
            .call(move |db| {
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map(params![int(after), count], |row| {
                    Ok(EventRow {
                        number: uint(row.get(0)?),
                        at: Timestamp(uint(row.get(1)?)),
                        code: row.get(2)?,
                        words: row.get(3)?,
                        detail: row.get(4)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
