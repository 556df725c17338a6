//! What happened and what alarmed, in order, for whoever was not watching.
//!
//! Numbers only rise and are never given twice; nothing is changed or deleted.

use pouch_wire::Timestamp;
use rusqlite::{Connection, params};

use crate::agent::AgentStore;
use crate::contracts::EventLog;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::rows::{EventRow, NewEvent};

impl EventLog for AgentStore {
    async fn put_event(&self, event: NewEvent) -> Result<u64, StoreError> {
        self.0.call(move |db| put(db, &event)).await
    }

    async fn events(&self, after: u64, count: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql = "SELECT number, at, code, words, detail FROM event WHERE number > ?1
            AND kept(whole, 'event', number) ORDER BY number LIMIT ?2";
        self.event_rows(sql, after, count).await
    }

    async fn newest_events(&self, count: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql = "SELECT number, at, code, words, detail FROM event WHERE number > ?1
            AND kept(whole, 'event', number) ORDER BY number DESC LIMIT ?2";
        self.event_rows(sql, 0, count).await
    }

    async fn newest_alarms(&self, count: u32) -> Result<Vec<EventRow>, StoreError> {
        let sql = "SELECT number, at, code, words, detail FROM event
            WHERE alarm = 1 AND number > ?1 AND kept(whole, 'event', number) ORDER BY number DESC LIMIT ?2";
        self.event_rows(sql, 0, count).await
    }
}

impl AgentStore {
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

pub(super) fn put(db: &Connection, event: &NewEvent) -> Result<u64, StoreError> {
    let sql = "INSERT INTO event (at, code, words, detail, alarm) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![int(event.at.0), event.code, event.words, event.detail, event.alarm];
    Ok(uint(db.prepare_cached(sql)?.insert(values)?))
}

/// The numbers of events that are kept together with what they tell of.
pub(super) fn put_all(db: &Connection, events: &[NewEvent]) -> Result<Vec<u64>, StoreError> {
    events.iter().map(|event| put(db, event)).collect()
}
