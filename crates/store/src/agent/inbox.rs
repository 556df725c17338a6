//! What arrived, verified or refused: the row, the sender's sequence and the receipt in one transaction.
//!
//! A row is never deleted, so a message is taken in as new at most once, for ever. The sealed bytes are
//! kept, and what is shown is verified from them again.

use pouch_crypto::sha256;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Environment, ExerciseId, Member, NoticeId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use crate::agent::AgentStore;
use crate::agent::{events, ladder, outbox, rejudged, watching};
use crate::contracts::Inbox;
use crate::db::{damage, environment, exercise, int, kept, point, precedence, uint};
use crate::error::StoreError;
use crate::rows::{Arrival, ArrivalEntry, ArrivalRow, Kept, NewRefusal, Outgoing, Standing};

impl Inbox for AgentStore {
    async fn take_in(&self, arrival: Arrival) -> Result<Kept, StoreError> {
        self.0.call(move |db| take_in(db, &arrival)).await
    }

    async fn refuse_in(&self, refusal: NewRefusal) -> Result<Kept, StoreError> {
        self.0.call(move |db| refuse_in(db, &refusal)).await
    }

    async fn standing(&self, envelope: EnvelopeId) -> Result<Option<Standing>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT refused IS NOT NULL FROM inbox WHERE envelope = ?1";
                let refused = db.prepare_cached(sql)?.query_row([envelope.as_bytes()], |row| row.get(0));
                Ok(refused.optional()?.map(|yes| if yes { Standing::Refused } else { Standing::Verified }))
            })
            .await
    }

    async fn has_notice(&self, notice: NoticeId) -> Result<bool, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT 1 FROM inbox WHERE notice = ?1";
                Ok(db.prepare_cached(sql)?.exists([notice.as_bytes()])?)
            })
            .await
    }

    async fn arrival(&self, envelope: EnvelopeId) -> Result<Option<ArrivalRow>, StoreError> {
        let sql =
            format!("SELECT {ARRIVAL} FROM inbox WHERE envelope = ?1 AND sound(whole, 'message', envelope)");
        self.0
            .call(move |db| {
                let mut statement = db.prepare_cached(&sql)?;
                let mut rows = statement.query([envelope.as_bytes()])?;
                let Some(row) = rows.next()? else { return Ok(None) };
                kept(arrival_row(row), "inbox")
            })
            .await
    }

    async fn inbox(&self, unacknowledged: bool, limit: u32) -> Result<Vec<ArrivalEntry>, StoreError> {
        let only = if unacknowledged { "AND acknowledged_at IS NULL AND refused IS NULL" } else { "" };
        let listed = |place: &str| {
            format!(
                "SELECT {ENTRY} FROM inbox WHERE (notice IS NOT NULL OR refused IS NOT NULL) AND {place} {only}
                AND kept(whole, 'message', envelope)
                ORDER BY arrived_at DESC, rowid DESC LIMIT ?1"
            )
        };
        let (live, exercises) = (listed("exercise IS NULL"), listed("exercise IS NOT NULL"));
        self.0
            .call(move |db| {
                let mut found = entries(db, &live, params![limit])?;
                found.extend(entries(db, &exercises, params![limit])?);
                Ok(found)
            })
            .await
    }

    async fn amending(
        &self,
        notice: NoticeId,
        member: &Member,
        limit: u32,
    ) -> Result<Vec<ArrivalEntry>, StoreError> {
        let offices = format!("{member}/%");
        let sql = format!(
            "SELECT {ENTRY} FROM inbox WHERE concerns = ?1 AND amends = 1 AND notice IS NOT NULL
            AND sender LIKE ?2 AND kept(whole, 'message', envelope) ORDER BY arrived_at DESC, rowid DESC LIMIT ?3"
        );
        self.0.call(move |db| entries(db, &sql, params![notice.as_bytes(), offices, limit])).await
    }

    async fn concerning(
        &self,
        notice: NoticeId,
        member: &Member,
        limit: u32,
    ) -> Result<Vec<ArrivalEntry>, StoreError> {
        let offices = format!("{member}/%");
        let sql = format!(
            "SELECT {ENTRY} FROM inbox WHERE concerns = ?1 AND notice IS NOT NULL
            AND sender LIKE ?2 AND kept(whole, 'message', envelope) ORDER BY arrived_at DESC, rowid DESC LIMIT ?3"
        );
        self.0.call(move |db| entries(db, &sql, params![notice.as_bytes(), offices, limit])).await
    }

    async fn unacknowledged_count(&self) -> Result<u64, StoreError> {
        self.0.call(|db| count_unacknowledged(db, "exercise IS NULL")).await
    }

    async fn unacknowledged_in_exercises(&self) -> Result<u64, StoreError> {
        self.0.call(|db| count_unacknowledged(db, "exercise IS NOT NULL")).await
    }

    async fn acknowledge(
        &self,
        envelope: EnvelopeId,
        at: Timestamp,
        receipt: Outgoing,
    ) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE inbox SET acknowledged_at = coalesce(acknowledged_at, ?2)
                    WHERE envelope = ?1 AND notice IS NOT NULL";
                one(db.prepare_cached(sql)?.execute(params![envelope.as_bytes(), int(at.0)])?)?;
                outbox::enqueue(db, &receipt).map(drop)
            })
            .await
    }

    async fn owed(&self, limit: u32) -> Result<Vec<ArrivalEntry>, StoreError> {
        let sql = format!(
            "SELECT {ENTRY} FROM inbox WHERE owes = 1 AND kept(whole, 'message', envelope)
            ORDER BY exercise IS NOT NULL, arrived_at LIMIT ?1"
        );
        self.0.call(move |db| entries(db, &sql, params![limit])).await
    }

    async fn pay(&self, envelope: EnvelopeId, receipt: Outgoing) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE inbox SET owes = 0 WHERE envelope = ?1 AND owes = 1";
                one(db.prepare_cached(sql)?.execute([envelope.as_bytes()])?)?;
                outbox::enqueue(db, &receipt).map(drop)
            })
            .await
    }

    async fn forgive(&self, exercise: ExerciseId) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE inbox SET owes = 0 WHERE exercise = ?1 AND owes = 1";
                db.prepare_cached(sql)?.execute([exercise.0.as_bytes()])?;
                Ok(())
            })
            .await
    }

    async fn unproven(&self, limit: u32) -> Result<Vec<ArrivalEntry>, StoreError> {
        let sql = format!(
            "SELECT {ENTRY} FROM inbox WHERE proof IS NULL AND notice IS NOT NULL
            AND log_relay IS NOT NULL AND kept(whole, 'message', envelope) ORDER BY arrived_at LIMIT ?1"
        );
        self.0.call(move |db| entries(db, &sql, params![limit])).await
    }

    async fn put_proof(&self, envelope: EnvelopeId, proof: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE inbox SET proof = ?2 WHERE envelope = ?1";
                one(db.prepare_cached(sql)?.execute(params![envelope.as_bytes(), proof])?)
            })
            .await
    }

    async fn expunge(&self, envelope: EnvelopeId, at: Timestamp) -> Result<(), StoreError> {
        self.0
            .erase(move |db| {
                let sql = "UPDATE inbox SET wrapped = x'', stored = x'', digest = ?3,
                    expunged_at = coalesce(expunged_at, ?2) WHERE envelope = ?1";
                let digest = sha256(&[]);
                let values = params![envelope.as_bytes(), int(at.0), digest.as_bytes()];
                one(db.prepare_cached(sql)?.execute(values)?)
            })
            .await
    }

    async fn sequence_in(
        &self,
        sender: &ContactPoint,
        environment: Environment,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let sender = sender.to_string();
        self.0
            .call(move |db| {
                let state = match exercise(environment) {
                    None => db
                        .prepare_cached("SELECT state FROM sequence_in WHERE sender = ?1 AND kept(whole, 'sequence from', sender)")?
                        .query_row(params![sender], |row| row.get(0)),
                    Some(id) => db
                        .prepare_cached(
                            "SELECT state FROM exercise_sequence_in WHERE sender = ?1 AND exercise = ?2
                            AND kept(whole, 'sequence from', sender)",
                        )?
                        .query_row(params![sender, id], |row| row.get(0)),
                };
                Ok(state.optional()?)
            })
            .await
    }
}

pub(super) const ENTRY: &str = "envelope, sender, arrived_at, log_relay, log_index, exercise";

fn count_unacknowledged(db: &Connection, place: &str) -> Result<u64, StoreError> {
    let sql = format!(
        "SELECT count(*) FROM inbox
        WHERE notice IS NOT NULL AND acknowledged_at IS NULL AND refused IS NULL AND {place}"
    );
    Ok(db.prepare_cached(&sql)?.query_row([], |row| Ok(uint(row.get(0)?)))?)
}

const ARRIVAL: &str =
    "envelope, notice, number, sender, precedence, created, arrived_at, acknowledged_at, refused,
    order_words, stored, wrapped, proof, log_relay, log_index, expunged_at, digest, courier_at";

fn one(changed: usize) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::Conflict("no such arrival")) } else { Ok(()) }
}

fn take_in(db: &Connection, arrival: &Arrival) -> Result<Kept, StoreError> {
    if put_arrival(db, arrival)? == 0 {
        return Ok(Kept::Duplicate);
    }
    put_sequence(db, arrival)?;
    rejudged::put_keys(db, arrival.envelope, &arrival.keys)?;
    if let Some((envelope, row)) = &arrival.progress {
        ladder::climb(db, *envelope, row, Some(arrival.envelope))?;
    }
    if let Some(receipt) = &arrival.receipt {
        outbox::enqueue(db, receipt)?;
    }
    Ok(Kept::New { events: events::put_all(db, &arrival.events)? })
}

fn put_sequence(db: &Connection, arrival: &Arrival) -> Result<(), StoreError> {
    let sender = arrival.sender.to_string();
    match exercise(arrival.environment) {
        None => db
            .prepare_cached("INSERT OR REPLACE INTO sequence_in (sender, state) VALUES (?1, ?2)")?
            .execute(params![sender, arrival.sequence])?,
        Some(id) => db
            .prepare_cached(
                "INSERT OR REPLACE INTO exercise_sequence_in (sender, state, exercise) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![sender, arrival.sequence, id])?,
    };
    Ok(())
}

fn put_arrival(db: &Connection, arrival: &Arrival) -> Result<usize, StoreError> {
    let (relay, index) = match &arrival.log {
        Some((relay, index)) => (Some(relay), Some(int(*index))),
        None => (None, None),
    };
    Ok(db
        .prepare_cached(
            "INSERT INTO inbox (envelope, notice, number, sender, precedence, created, arrived_at, order_words,
             stored, digest, wrapped, log_relay, log_index, owes, concerns,
             amends, exercise, courier_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ON CONFLICT (envelope) DO UPDATE SET notice = ?2, number = ?3, sender = ?4, precedence = ?5,
             created = ?6, arrived_at = ?7, order_words = ?8, stored = ?9, digest = ?10, wrapped = ?11,
             log_relay = ?12, log_index = ?13, owes = ?14, concerns = ?15, amends = ?16,
             exercise = ?17, courier_at = ?18, refused = NULL
             WHERE refused IS NOT NULL",
        )?
        .execute(params![
            arrival.envelope.as_bytes(),
            arrival.notice.as_ref().map(NoticeId::as_bytes),
            arrival.number,
            arrival.sender.to_string(),
            arrival.precedence.rank(),
            int(arrival.created.0),
            int(arrival.arrived_at.0),
            arrival.order,
            arrival.stored,
            sha256(&arrival.stored).as_bytes(),
            arrival.wrapped,
            relay,
            index,
            arrival.notice.is_some() && arrival.receipt.is_none(),
            arrival.concerns.as_ref().map(NoticeId::as_bytes),
            arrival.amends,
            exercise(arrival.environment),
            arrival.courier_at.map(|at| int(at.0)),
        ])?)
}

fn refuse_in(db: &Connection, refusal: &NewRefusal) -> Result<Kept, StoreError> {
    let new = db
        .prepare_cached(
            "INSERT INTO inbox (envelope, sender, precedence, created, arrived_at, refused, order_words, stored,
             digest, wrapped) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', ?7, ?8, x'') ON CONFLICT (envelope) DO NOTHING",
        )?
        .execute(params![
            refusal.envelope.as_bytes(),
            refusal.sender.to_string(),
            refusal.precedence.rank(),
            int(refusal.created.0),
            int(refusal.arrived_at.0),
            refusal.verdict,
            refusal.stored,
            sha256(&refusal.stored).as_bytes()
        ])?;
    if let Some(found) = &refusal.equivocation {
        watching::keep_equivocation(db, found)?;
    }
    if new == 0 {
        return Ok(Kept::Duplicate);
    }
    if let Some(receipt) = &refusal.receipt {
        outbox::enqueue(db, receipt)?;
    }
    Ok(Kept::New { events: events::put_all(db, &refusal.events)? })
}

pub(super) fn entries(
    db: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<ArrivalEntry>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(kept(entry(row), "inbox")?);
    }
    Ok(found)
}

fn entry(row: &Row<'_>) -> Result<ArrivalEntry, StoreError> {
    Ok(ArrivalEntry {
        envelope: EnvelopeId(Digest::new(row.get(0)?)),
        sender: point(&row.get::<_, String>(1)?)?,
        arrived_at: Timestamp(uint(row.get(2)?)),
        log: row.get::<_, Option<String>>(3)?.zip(row.get::<_, Option<i64>>(4)?.map(uint)),
        environment: environment(row.get(5)?),
    })
}

fn arrival_row(row: &Row<'_>) -> Result<ArrivalRow, StoreError> {
    let envelope = EnvelopeId(Digest::new(row.get(0)?));
    let mut stored: Vec<u8> = row.get(10)?;
    let damaged = sha256(&stored) != Digest::new(row.get(16)?);
    if damaged {
        damage::note(format!("message {envelope}"));
        stored.clear();
    }
    let index: Option<i64> = row.get(14)?;
    Ok(ArrivalRow {
        envelope,
        notice: row.get::<_, Option<[u8; 32]>>(1)?.map(|id| NoticeId(Digest::new(id))),
        number: row.get(2)?,
        sender: point(&row.get::<_, String>(3)?)?,
        precedence: precedence(row.get(4)?)?,
        created: Timestamp(uint(row.get(5)?)),
        arrived_at: Timestamp(uint(row.get(6)?)),
        acknowledged_at: row.get::<_, Option<i64>>(7)?.map(|at| Timestamp(uint(at))),
        refused: row.get(8)?,
        order: row.get(9)?,
        stored,
        wrapped: row.get(11)?,
        proof: row.get(12)?,
        log: row.get::<_, Option<String>>(13)?.zip(index.map(uint)),
        expunged_at: row.get::<_, Option<i64>>(15)?.map(|at| Timestamp(uint(at))),
        courier_at: row.get::<_, Option<i64>>(17)?.map(|at| Timestamp(uint(at))),
        damaged,
    })
}
