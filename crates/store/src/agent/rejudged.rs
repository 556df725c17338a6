//! Which keys spoke in which notice, and which notices were judged again when one of them ended.
//!
//! How far the directory was gone through is moved on in the transaction that keeps what came of it, so a
//! restart neither forgets a notice nor tells of one twice. Nobody is alarmed over a drill: notices of
//! exercises are verified anew when they are read, and are not judged again here.

use pouch_wire::{Digest, EnvelopeId, KeyId, Member, NoticeId};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use crate::agent::{AgentStore, events};
use crate::contracts::Rejudging;
use crate::db::{int, uint};
use crate::error::StoreError;
use crate::rows::{Rejudged, RejudgedRow, Unkeyed, Was};

impl Rejudging for AgentStore {
    async fn unkeyed(&self, limit: u32) -> Result<Vec<Unkeyed>, StoreError> {
        let sql = "SELECT envelope, 0 FROM inbox WHERE notice IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM spoke WHERE spoke.envelope = inbox.envelope)
            UNION ALL SELECT envelope, 1 FROM outbox WHERE notice IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM spoke WHERE spoke.envelope = outbox.envelope) LIMIT ?1";
        self.0
            .call(move |db| {
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([limit], |row| {
                    Ok(Unkeyed { envelope: EnvelopeId(Digest::new(row.get(0)?)), sent: row.get(1)? })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn put_keys(&self, envelope: EnvelopeId, keys: Vec<KeyId>) -> Result<(), StoreError> {
        self.0.call(move |db| put_keys(db, envelope, &keys)).await
    }

    async fn received_by_key(&self, key: KeyId) -> Result<Vec<EnvelopeId>, StoreError> {
        let sql = "SELECT envelope FROM spoke JOIN inbox USING (envelope)
            WHERE key = ?1 AND notice IS NOT NULL AND refused IS NULL AND exercise IS NULL ORDER BY envelope";
        self.0.call(move |db| envelopes(db, sql, params![key.as_bytes()])).await
    }

    async fn received_from(&self, member: &Member) -> Result<Vec<EnvelopeId>, StoreError> {
        // The office's name comes after the slash; the next character ends the range.
        let (from, to) = (format!("{member}/"), format!("{member}0"));
        let sql = "SELECT envelope FROM inbox WHERE sender >= ?1 AND sender < ?2
            AND notice IS NOT NULL AND refused IS NULL AND exercise IS NULL ORDER BY envelope";
        self.0.call(move |db| envelopes(db, sql, params![from, to])).await
    }

    async fn sent_by_key(&self, key: KeyId) -> Result<Vec<EnvelopeId>, StoreError> {
        let sql = "SELECT envelope FROM spoke JOIN outbox USING (envelope)
            WHERE key = ?1 AND notice IS NOT NULL AND exercise IS NULL ORDER BY created, outbox.rowid";
        self.0.call(move |db| envelopes(db, sql, params![key.as_bytes()])).await
    }

    async fn sent_about(&self, notice: NoticeId) -> Result<Vec<EnvelopeId>, StoreError> {
        let sql = "SELECT envelope FROM outbox WHERE concerns = ?1 ORDER BY created, rowid";
        self.0.call(move |db| envelopes(db, sql, params![notice.as_bytes()])).await
    }

    async fn rejudged_until(&self) -> Result<u64, StoreError> {
        self.0.call(until).await
    }

    async fn put_rejudged(&self, rejudged: Rejudged) -> Result<Vec<u64>, StoreError> {
        self.0.call(move |db| put_rejudged(db, &rejudged)).await
    }

    async fn rejudged_by(&self, entry: u64) -> Result<Vec<RejudgedRow>, StoreError> {
        let sql = "SELECT envelope, entry, was FROM rejudged WHERE entry = ?1
            AND kept(whole, 'judgement of message', envelope) ORDER BY envelope";
        self.0.call(move |db| rows(db, sql, params![int(entry)])).await
    }

    async fn rejudged(&self, limit: u32) -> Result<Vec<RejudgedRow>, StoreError> {
        let sql = "SELECT envelope, entry, was FROM rejudged
            WHERE kept(whole, 'judgement of message', envelope) ORDER BY entry DESC, envelope LIMIT ?1";
        self.0.call(move |db| rows(db, sql, params![limit])).await
    }
}

fn rows(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<RejudgedRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let was = Was::of(row.get(2)?).ok_or_else(|| StoreError::Damaged("judged again".into()))?;
        found.push(RejudgedRow {
            envelope: EnvelopeId(Digest::new(row.get(0)?)),
            entry: uint(row.get(1)?),
            was,
        });
    }
    Ok(found)
}

pub(super) fn put_keys(db: &Connection, envelope: EnvelopeId, keys: &[KeyId]) -> Result<(), StoreError> {
    let mut insert =
        db.prepare_cached("INSERT INTO spoke (key, envelope) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for key in keys {
        insert.execute(params![key.as_bytes(), envelope.as_bytes()])?;
    }
    Ok(())
}

fn envelopes(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<EnvelopeId>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| Ok(EnvelopeId(Digest::new(row.get(0)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn until(db: &Connection) -> Result<u64, StoreError> {
    let size = db
        .prepare_cached("SELECT size FROM rejudged_until WHERE kept(whole, 'rejudged until')")?
        .query_row([], |row| row.get(0));
    Ok(size.optional()?.map_or(0, uint))
}

fn put_rejudged(db: &Connection, rejudged: &Rejudged) -> Result<Vec<u64>, StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO rejudged (entry, envelope, was) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    for (envelope, was) in &rejudged.judged {
        insert.execute(params![int(rejudged.entry), envelope.as_bytes(), i64::from(*was as u8)])?;
    }
    if let Some(size) = rejudged.done_until {
        if until(db)? > size {
            return Err(StoreError::Conflict("the directory was gone through further than that"));
        }
        let sql =
            "INSERT INTO rejudged_until (one, size) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET size = ?1";
        db.prepare_cached(sql)?.execute([int(size)])?;
    }
    events::put_all(db, &rejudged.events)
}
