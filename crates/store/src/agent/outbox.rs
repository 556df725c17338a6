//! Messages to send: kept sealed from the moment they are signed, until long after they are confirmed.
//!
//! A message takes its places in the sequences in the transaction that stores it. Nothing here deletes
//! a message: a relay's receipt is no reason to forget one.

use pouch_crypto::sha256;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Environment, NoticeId, Precedence, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use crate::agent::{AgentStore, events, rejudged};
use crate::contracts::Outbox;
use crate::db::{damage, environment, exercise, int, kept, point, precedence, uint};
use crate::error::StoreError;
use crate::rows::{Carriage, Outgoing, OutgoingRow, Sequence, UncarriedRow};

impl Outbox for AgentStore {
    async fn reserve(
        &self,
        recipients: Vec<ContactPoint>,
        environment: Environment,
    ) -> Result<Vec<Sequence>, StoreError> {
        self.0
            .call(move |db| {
                let places = |db| recipients.iter().map(|to| next_place(db, to, environment)).collect();
                match places(db) {
                    // Where a damaged sequence stood nobody knows: all begin a new epoch, as they do after
                    // a backup was put back.
                    Err(StoreError::Damaged(name)) if name.starts_with("sequence to") => {
                        damage::note(name);
                        raise_epoch(db, 0)?;
                        places(db)
                    }
                    placed => placed,
                }
            })
            .await
    }

    async fn raise_epoch(&self, at_least: u64) -> Result<u64, StoreError> {
        self.0.call(move |db| raise_epoch(db, at_least)).await
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Vec<u64>, StoreError> {
        let weight = outgoing.sealed.len();
        // What is left of a full disk is for flash, and for receipts, which have no notice.
        if outgoing.precedence == Precedence::Flash || outgoing.notice.is_none() {
            self.0.call_weighing(weight, move |db| enqueue(db, &outgoing)).await
        } else {
            self.0.bulk(weight, move |db| enqueue(db, &outgoing)).await
        }
    }

    async fn uncarried(
        &self,
        relay: &str,
        epoch: u64,
        now: Timestamp,
    ) -> Result<Vec<UncarriedRow>, StoreError> {
        let relay = relay.to_owned();
        self.0.call(move |db| uncarried(db, &relay, epoch, now)).await
    }

    async fn carried(
        &self,
        envelope: EnvelopeId,
        (relay, epoch): (&str, u64),
        recipients: Vec<ContactPoint>,
        receipt: Option<Vec<u8>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let relay = relay.to_owned();
        self.0
            .call(move |db| {
                db.prepare_cached(
                    "INSERT INTO carried (envelope, relay, receipt, at, epoch) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (envelope, relay) DO UPDATE SET receipt = coalesce(?3, receipt),
                         at = iif(?3 IS NULL AND receipt IS NOT NULL, at, ?4), epoch = ?5
                     WHERE receipt IS NULL OR epoch <> ?5",
                )?
                .execute(params![
                    envelope.as_bytes(),
                    relay,
                    receipt,
                    int(at.0),
                    int(epoch)
                ])?;
                if receipt.is_none() {
                    return Ok(());
                }
                let sql = "UPDATE rung SET at_relay = 1 WHERE envelope = ?1 AND at_relay = 0";
                db.prepare_cached(sql)?.execute([envelope.as_bytes()])?;
                let sql = "UPDATE rung SET rung = 1, at = ?2
                    WHERE envelope = ?1 AND recipient = ?3 AND rung = 0";
                let mut climb = db.prepare_cached(sql)?;
                for recipient in &recipients {
                    climb.execute(params![envelope.as_bytes(), int(at.0), recipient.to_string()])?;
                }
                Ok(())
            })
            .await
    }

    async fn carriages(&self, envelope: EnvelopeId) -> Result<Vec<Carriage>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT relay, receipt, at FROM carried
                    WHERE envelope = ?1 AND kept(whole, 'receipts of message', envelope) ORDER BY relay";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([envelope.as_bytes()], |row| {
                    Ok(Carriage {
                        relay: row.get(0)?,
                        receipt: row.get(1)?,
                        at: Timestamp(uint(row.get(2)?)),
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn outbox(&self, limit: u32) -> Result<Vec<OutgoingRow>, StoreError> {
        let listed = |only: &str| {
            format!(
                "SELECT {OUTGOING} FROM outbox WHERE notice IS NOT NULL AND {only}
                AND kept(whole, 'message', envelope)
                ORDER BY created DESC, rowid DESC LIMIT ?1"
            )
        };
        let (live, exercises) = (listed("exercise IS NULL"), listed("exercise IS NOT NULL"));
        self.0
            .call(move |db| {
                let mut found = outgoing_rows(db, &live, params![limit])?;
                found.extend(outgoing_rows(db, &exercises, params![limit])?);
                Ok(found)
            })
            .await
    }

    async fn own_concerning(&self, notice: NoticeId) -> Result<Vec<OutgoingRow>, StoreError> {
        let sql = format!(
            "SELECT {OUTGOING} FROM outbox WHERE concerns = ?1 AND notice IS NOT NULL
            AND kept(whole, 'message', envelope) ORDER BY rowid"
        );
        self.0.call(move |db| outgoing_rows(db, &sql, params![notice.as_bytes()])).await
    }

    async fn put_own_proof(&self, envelope: EnvelopeId, proof: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE outbox SET proof = ?2 WHERE envelope = ?1";
                let changed = db.prepare_cached(sql)?.execute(params![envelope.as_bytes(), proof])?;
                if changed == 0 { Err(StoreError::Conflict("no such message")) } else { Ok(()) }
            })
            .await
    }

    async fn outgoing(&self, envelope: EnvelopeId) -> Result<Option<OutgoingRow>, StoreError> {
        let sql = format!(
            "SELECT {OUTGOING} FROM outbox WHERE envelope = ?1 AND sound(whole, 'message', envelope)"
        );
        self.0.call(move |db| Ok(outgoing_rows(db, &sql, params![envelope.as_bytes()])?.pop())).await
    }

    async fn queued_count(&self) -> Result<u64, StoreError> {
        self.0
            .call(|db| {
                let sql = "SELECT count(DISTINCT envelope) FROM rung JOIN outbox USING (envelope)
                    WHERE rung = 0 AND notice IS NOT NULL";
                Ok(db.prepare_cached(sql)?.query_row([], |row| Ok(uint(row.get(0)?)))?)
            })
            .await
    }
}

pub(super) const OUTGOING: &str =
    "envelope, notice, sealed, digest, precedence, created, not_after, wrapped, exercise, secret, proof";

fn raise_epoch(db: &Connection, at_least: u64) -> Result<u64, StoreError> {
    let sql = "UPDATE epoch SET epoch = max(epoch + 1, ?1) WHERE sound(whole, 'epoch') RETURNING epoch";
    Ok(db.prepare_cached(sql)?.query_row([int(at_least)], |row| Ok(uint(row.get(0)?)))?)
}

fn next_place(
    db: &Connection,
    recipient: &ContactPoint,
    environment: Environment,
) -> Result<Sequence, StoreError> {
    let epoch = uint(
        db.prepare_cached("SELECT epoch FROM epoch WHERE sound(whole, 'epoch')")?
            .query_row([], |row| row.get(0))?,
    );
    // What was sent in an epoch that is over does not count.
    let known = |row: &Row<'_>| Ok((uint(row.get(0)?), row.get::<_, [u8; 32]>(1)?));
    let (to, epoch_of) = (recipient.to_string(), int(epoch));
    let known = match exercise(environment) {
        None => db
            .prepare_cached("SELECT n, previous FROM sequence_out
                WHERE recipient = ?1 AND epoch = ?2 AND sound(whole, 'sequence to', recipient)")?
            .query_row(params![to, epoch_of], known),
        Some(id) => db
            .prepare_cached(
                "SELECT n, previous FROM exercise_sequence_out
                WHERE recipient = ?1 AND epoch = ?2 AND exercise = ?3 AND sound(whole, 'sequence to', recipient)",
            )?
            .query_row(params![to, epoch_of, id], known),
    }
    .optional()?;
    let (n, previous) = known.unwrap_or((0, [0; 32]));
    Ok(Sequence {
        recipient: recipient.clone(),
        epoch,
        n: n.saturating_add(1),
        previous: EnvelopeId(Digest::new(previous)),
    })
}

pub(super) fn enqueue(db: &Connection, outgoing: &Outgoing) -> Result<Vec<u64>, StoreError> {
    for place in &outgoing.sequence {
        if next_place(db, &place.recipient, outgoing.environment)? != *place {
            return Err(StoreError::Conflict("the place in the sequence was taken meanwhile"));
        }
    }
    db.prepare_cached(
        "INSERT INTO outbox (envelope, notice, sealed, digest, precedence, created, not_after, wrapped, exercise,
         concerns, secret) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        outgoing.envelope.as_bytes(),
        outgoing.notice.as_ref().map(NoticeId::as_bytes),
        outgoing.sealed,
        sha256(&outgoing.sealed).as_bytes(),
        outgoing.precedence.rank(),
        int(outgoing.created.0),
        int(outgoing.not_after.0),
        outgoing.wrapped,
        exercise(outgoing.environment),
        outgoing.concerns.as_ref().map(NoticeId::as_bytes),
        outgoing.secret
    ])?;
    rejudged::put_keys(db, outgoing.envelope, &outgoing.keys)?;
    for place in &outgoing.sequence {
        take_place(db, outgoing.envelope, place, outgoing.environment)?;
    }
    if let Some(notice) = &outgoing.notice {
        db.prepare_cached("DELETE FROM draft WHERE notice = ?1")?.execute([notice.as_bytes()])?;
    }
    events::put_all(db, &outgoing.events)
}

/// Without the messages themselves: there may be many, and each may be large. What its recipient confirmed, and
/// no relay ever had, goes to one too: only so it is logged. It came by courier, whether or not it is known here
/// that one was given it.
fn uncarried(
    db: &Connection,
    relay: &str,
    epoch: u64,
    now: Timestamp,
) -> Result<Vec<UncarriedRow>, StoreError> {
    let sql = "SELECT o.envelope, o.precedence, w.recipient, o.exercise FROM (
            SELECT envelope, recipient, whole FROM rung WHERE rung < 2
            UNION ALL
            SELECT envelope, recipient, whole FROM rung WHERE at_relay = 0 AND rung BETWEEN 2 AND 4
        ) w JOIN outbox o USING (envelope) WHERE o.not_after > ?2
        AND kept(o.whole, 'message', o.envelope) AND kept(w.whole, 'rung of message', w.envelope)
        AND NOT EXISTS (SELECT 1 FROM carried c WHERE c.envelope = o.envelope AND c.relay = ?1
            AND (c.receipt IS NULL OR c.epoch = ?3))
        ORDER BY o.precedence, o.exercise IS NOT NULL, o.rowid, w.recipient";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![relay, int(now.0), int(epoch)])?;
    let mut found: Vec<UncarriedRow> = Vec::new();
    while let Some(row) = rows.next()? {
        let Some((next, recipient)) = kept(uncarried_row(row), "outbox")? else { continue };
        match found.last_mut() {
            Some(last) if last.envelope == next.envelope => last.waiting.push(recipient),
            _ => found.push(UncarriedRow { waiting: vec![recipient], ..next }),
        }
    }
    Ok(found)
}

fn uncarried_row(row: &Row<'_>) -> Result<(UncarriedRow, ContactPoint), StoreError> {
    let envelope = EnvelopeId(Digest::new(row.get(0)?));
    let message = UncarriedRow {
        envelope,
        environment: environment(row.get(3)?),
        precedence: precedence(row.get(1)?)?,
        waiting: Vec::new(),
    };
    Ok((message, point(&row.get::<_, String>(2)?)?))
}

fn take_place(
    db: &Connection,
    envelope: EnvelopeId,
    place: &Sequence,
    environment: Environment,
) -> Result<(), StoreError> {
    let recipient = place.recipient.to_string();
    let (epoch, n) = (int(place.epoch), int(place.n));
    match exercise(environment) {
        None => db
            .prepare_cached(
                "INSERT OR REPLACE INTO sequence_out (recipient, epoch, n, previous) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![recipient, epoch, n, envelope.as_bytes()])?,
        Some(id) => db
            .prepare_cached(
                "INSERT OR REPLACE INTO exercise_sequence_out (recipient, epoch, n, previous, exercise)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![recipient, epoch, n, envelope.as_bytes(), id])?,
    };
    // Beacons announce the places of live messages: one of an exercise has none among them.
    let announced = if environment == Environment::Live { (epoch, n) } else { (0, 0) };
    db.prepare_cached("INSERT INTO rung (envelope, recipient, rung, epoch, n) VALUES (?1, ?2, 0, ?3, ?4)")?
        .execute(params![envelope.as_bytes(), recipient, announced.0, announced.1])?;
    Ok(())
}

pub(super) fn outgoing_rows(
    db: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<OutgoingRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(kept(outgoing_row(row), "outbox")?);
    }
    Ok(found)
}

fn outgoing_row(row: &Row<'_>) -> Result<OutgoingRow, StoreError> {
    let envelope = EnvelopeId(Digest::new(row.get(0)?));
    let mut sealed: Vec<u8> = row.get(2)?;
    let damaged = sha256(&sealed) != Digest::new(row.get(3)?);
    if damaged {
        damage::note(format!("message {envelope}"));
        sealed.clear();
    }
    Ok(OutgoingRow {
        envelope,
        environment: environment(row.get(8)?),
        notice: row.get::<_, Option<[u8; 32]>>(1)?.map(|id| NoticeId(Digest::new(id))),
        sealed,
        precedence: precedence(row.get(4)?)?,
        created: Timestamp(uint(row.get(5)?)),
        not_after: Timestamp(uint(row.get(6)?)),
        wrapped: row.get(7)?,
        secret: row.get::<_, Option<Vec<u8>>>(9)?.unwrap_or_default(),
        proof: row.get(10)?,
        damaged,
    })
}
