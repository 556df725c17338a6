//! What is announced to others, and what is remembered of watching them.

use pouch_wire::{ContactPoint, Digest, EnvelopeId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::agent::{AgentStore, events};
use crate::contracts::Watching;
use crate::db::{int, kept, point, uint};
use crate::error::StoreError;
use crate::rows::{Announced, Equivocation, NewEvent};

/// How far behind the newest message one may be announced: a recipient remembers as many places.
const LOOKED_AT: u32 = 200;

impl Watching for AgentStore {
    async fn announced(
        &self,
        recipients: Vec<ContactPoint>,
        now: Timestamp,
    ) -> Result<Vec<Announced>, StoreError> {
        self.0
            .call(move |db| {
                let one = |recipient: &ContactPoint| {
                    let newest = newest(db, recipient, now)?;
                    Ok(Announced { recipient: recipient.clone(), newest })
                };
                recipients.iter().map(one).collect()
            })
            .await
    }

    async fn beacon_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0
            .call(|db| {
                let mut statement =
                    db.prepare_cached("SELECT at FROM beacon_out WHERE kept(whole, 'beacon')")?;
                let at = statement.query_row([], |row| row.get::<_, i64>(0)).optional()?;
                Ok(at.map(|at| Timestamp(uint(at))))
            })
            .await
    }

    async fn put_beacon_at(&self, at: Timestamp) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT OR REPLACE INTO beacon_out (one, at) VALUES (1, ?1)";
                db.prepare_cached(sql)?.execute([int(at.0)])?;
                Ok(())
            })
            .await
    }

    async fn sequences_in(&self) -> Result<Vec<(ContactPoint, Vec<u8>)>, StoreError> {
        self.0
            .call(|db| {
                by_sender(
                    db,
                    "SELECT sender, state FROM sequence_in WHERE kept(whole, 'sequence from', sender)
                    ORDER BY sender",
                    "sequence_in",
                )
            })
            .await
    }

    async fn refused_of(&self, sender: &ContactPoint, count: u32) -> Result<Vec<EnvelopeId>, StoreError> {
        let sender = sender.to_string();
        self.0
            .call(move |db| {
                let sql = "SELECT envelope FROM inbox WHERE sender = ?1 AND refused IS NOT NULL
                    AND kept(whole, 'message', envelope) ORDER BY arrived_at DESC LIMIT ?2";
                let mut statement = db.prepare_cached(sql)?;
                let id = |row: &Row<'_>| Ok(EnvelopeId(Digest::new(row.get(0)?)));
                let rows = statement.query_map(params![sender, count], id)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn gaps_told(&self) -> Result<Vec<(ContactPoint, String)>, StoreError> {
        self.0
            .call(|db| {
                by_sender(
                    db,
                    "SELECT sender, gaps FROM gap_told WHERE kept(whole, 'gaps of', sender) ORDER BY sender",
                    "gap_told",
                )
            })
            .await
    }

    async fn tell_gaps(
        &self,
        sender: &ContactPoint,
        gaps: String,
        told: Vec<NewEvent>,
    ) -> Result<Vec<u64>, StoreError> {
        let sender = sender.to_string();
        self.0
            .call(move |db| {
                let sql = "INSERT OR REPLACE INTO gap_told (sender, gaps) VALUES (?1, ?2)";
                db.prepare_cached(sql)?.execute(params![sender, gaps])?;
                events::put_all(db, &told)
            })
            .await
    }

    async fn equivocations(&self, count: u32) -> Result<Vec<Equivocation>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT sender, one, one_outside, other, other_outside, at FROM equivocation
                    WHERE kept(whole, 'equivocation', one) ORDER BY at DESC, one LIMIT ?1";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query([count])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.extend(kept(equivocation(row), "equivocation")?);
                }
                Ok(found)
            })
            .await
    }
}

/// The newest message to a recipient that is confirmed or may still come, among the newest that a relay
/// accepted. A refusal counts as come only with the recipient's own receipt: a relay's is none.
fn newest(
    db: &Connection,
    recipient: &ContactPoint,
    now: Timestamp,
) -> Result<Option<(u64, u64, EnvelopeId)>, StoreError> {
    let sql = "SELECT r.epoch, r.n, r.envelope, r.rung, o.not_after,
            EXISTS (SELECT 1 FROM step s WHERE s.envelope = r.envelope AND s.recipient = r.recipient
                AND s.receipt IS NOT NULL)
        FROM rung r JOIN outbox o USING (envelope)
        WHERE r.recipient = ?1 AND r.n > 0 AND r.rung > 0 AND kept(r.whole, 'rung of message', r.envelope)
        AND kept(o.whole, 'message', o.envelope) ORDER BY r.epoch DESC, r.n DESC LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![recipient.to_string(), LOOKED_AT])?;
    while let Some(row) = rows.next()? {
        let (rung, not_after, confirmed): (i64, i64, bool) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let may_come = rung == 1 && uint(not_after) > now.0;
        if confirmed || may_come {
            let envelope = EnvelopeId(Digest::new(row.get(2)?));
            return Ok(Some((uint(row.get(0)?), uint(row.get(1)?), envelope)));
        }
    }
    Ok(None)
}

fn by_sender<T: rusqlite::types::FromSql>(
    db: &Connection,
    sql: &str,
    table: &'static str,
) -> Result<Vec<(ContactPoint, T)>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let value: T = row.get(1)?;
        found.extend(kept(point(&row.get::<_, String>(0)?).map(|sender| (sender, value)), table)?);
    }
    Ok(found)
}

pub(super) fn keep_equivocation(db: &Connection, found: &Equivocation) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO equivocation (one, other, sender, at, one_outside, other_outside)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (one, other) DO NOTHING",
    )?
    .execute(params![
        found.one.as_bytes(),
        found.other.as_bytes(),
        found.sender.to_string(),
        int(found.at.0),
        found.one_outside,
        found.other_outside
    ])?;
    Ok(())
}

fn equivocation(row: &Row<'_>) -> Result<Equivocation, StoreError> {
    Ok(Equivocation {
        sender: point(&row.get::<_, String>(0)?)?,
        one: EnvelopeId(Digest::new(row.get(1)?)),
        one_outside: row.get(2)?,
        other: EnvelopeId(Digest::new(row.get(3)?)),
        other_outside: row.get(4)?,
        at: Timestamp(uint(row.get(5)?)),
    })
}
