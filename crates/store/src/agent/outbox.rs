//! Messages to send: kept sealed from the moment they are signed, until long after they are confirmed.
//!
//! A message takes its places in the sequences in the transaction that stores it. Nothing here deletes
//! a message: a relay's receipt is no reason to forget one.

use pouch_crypto::sha256;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, NoticeId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use crate::agent::AgentStore;
use crate::db::{int, kept, precedence, uint};
use crate::error::StoreError;
use crate::rows::{Carriage, Outgoing, OutgoingRow, Sequence};

impl AgentStore {
    /// The next places in the sequence to each recipient. They are taken by [`AgentStore::enqueue`].
    ///
    /// # Errors
    /// When storage failed.
    pub async fn reserve(&self, recipients: Vec<ContactPoint>) -> Result<Vec<Sequence>, StoreError> {
        self.0.call(move |db| recipients.iter().map(|recipient| next_place(db, recipient)).collect()).await
    }

    /// Begins a new epoch of all sequences, after a backup was restored: numbers start again at 1.
    ///
    /// The epoch becomes at least `at_least` and more than it was. Give the time in seconds: a backup
    /// that is restored twice would otherwise begin the same epoch twice.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn raise_epoch(&self, at_least: u64) -> Result<u64, StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE epoch SET epoch = max(epoch + 1, ?1) RETURNING epoch";
                Ok(db.prepare_cached(sql)?.query_row([int(at_least)], |row| Ok(uint(row.get(0)?)))?)
            })
            .await
    }

    /// Keeps a sealed message to send, and takes its places in the sequences.
    ///
    /// # Errors
    /// When the places were taken meanwhile, the message is there already, or storage failed.
    pub async fn enqueue(&self, outgoing: Outgoing) -> Result<(), StoreError> {
        self.0.call(move |db| enqueue(db, &outgoing)).await
    }

    /// Messages that a relay has not answered yet and somebody still waits for, most urgent first.
    /// What is damaged is not sent; the outbox shows it.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn uncarried(&self, relay: &str, now: Timestamp) -> Result<Vec<OutgoingRow>, StoreError> {
        let relay = relay.to_owned();
        let sql = format!(
            "SELECT {OUTGOING} FROM outbox o WHERE envelope IN (SELECT envelope FROM rung WHERE rung < 2)
            AND not_after > ?2
            AND NOT EXISTS (SELECT 1 FROM carried c WHERE c.envelope = o.envelope AND c.relay = ?1)
            ORDER BY precedence, created"
        );
        self.0
            .call(move |db| {
                let rows = outgoing_rows(db, &sql, params![relay, int(now.0)])?;
                Ok(rows.into_iter().filter(|row| !row.damaged).collect())
            })
            .await
    }

    /// A relay accepted a message; recipients that were queued are on the first rung now. A refusal has
    /// no receipt, and does not take one away.
    ///
    /// # Errors
    /// When there is no such message, or storage failed.
    pub async fn carried(
        &self,
        envelope: EnvelopeId,
        relay: &str,
        receipt: Option<Vec<u8>>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let relay = relay.to_owned();
        self.0
            .call(move |db| {
                db.prepare_cached(
                    "INSERT INTO carried (envelope, relay, receipt, at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (envelope, relay) DO UPDATE SET receipt = ?3, at = ?4 WHERE receipt IS NULL",
                )?
                .execute(params![envelope.as_bytes(), relay, receipt, int(at.0)])?;
                if receipt.is_some() {
                    let sql = "UPDATE rung SET rung = 1, at = ?2 WHERE envelope = ?1 AND rung = 0";
                    db.prepare_cached(sql)?.execute(params![envelope.as_bytes(), int(at.0)])?;
                }
                Ok(())
            })
            .await
    }

    /// What each relay said of a sent message, for evidence.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn carriages(&self, envelope: EnvelopeId) -> Result<Vec<Carriage>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT relay, receipt, at FROM carried WHERE envelope = ?1 ORDER BY relay";
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

    /// Sent notices, newest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn outbox(&self, limit: u32) -> Result<Vec<OutgoingRow>, StoreError> {
        let sql = format!(
            "SELECT {OUTGOING} FROM outbox WHERE notice IS NOT NULL ORDER BY created DESC, rowid DESC LIMIT ?1"
        );
        self.0.call(move |db| outgoing_rows(db, &sql, params![limit])).await
    }

    /// One sent message, notice or receipt.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn outgoing(&self, envelope: EnvelopeId) -> Result<Option<OutgoingRow>, StoreError> {
        let sql = format!("SELECT {OUTGOING} FROM outbox WHERE envelope = ?1");
        self.0.call(move |db| Ok(outgoing_rows(db, &sql, params![envelope.as_bytes()])?.pop())).await
    }
}

const OUTGOING: &str = "envelope, notice, sealed, digest, precedence, created, not_after, wrapped";

fn next_place(db: &Connection, recipient: &ContactPoint) -> Result<Sequence, StoreError> {
    let epoch = uint(db.prepare_cached("SELECT epoch FROM epoch")?.query_row([], |row| row.get(0))?);
    // What was sent in an epoch that is over does not count.
    let known = db
        .prepare_cached("SELECT n, previous FROM sequence_out WHERE recipient = ?1 AND epoch = ?2")?
        .query_row(params![recipient.to_string(), int(epoch)], |row| {
            Ok((uint(row.get(0)?), row.get::<_, [u8; 32]>(1)?))
        })
        .optional()?;
    let (n, previous) = known.unwrap_or((0, [0; 32]));
    Ok(Sequence {
        recipient: recipient.clone(),
        epoch,
        n: n.saturating_add(1),
        previous: EnvelopeId(Digest::new(previous)),
    })
}

pub(super) fn enqueue(db: &Connection, outgoing: &Outgoing) -> Result<(), StoreError> {
    for place in &outgoing.sequence {
        if next_place(db, &place.recipient)? != *place {
            return Err(StoreError::Conflict("the place in the sequence was taken meanwhile"));
        }
    }
    db.prepare_cached(
        "INSERT INTO outbox (envelope, notice, sealed, digest, precedence, created, not_after, wrapped)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        outgoing.envelope.as_bytes(),
        outgoing.notice.as_ref().map(NoticeId::as_bytes),
        outgoing.sealed,
        sha256(&outgoing.sealed).as_bytes(),
        outgoing.precedence.rank(),
        int(outgoing.created.0),
        int(outgoing.not_after.0),
        outgoing.wrapped
    ])?;
    for place in &outgoing.sequence {
        take_place(db, outgoing.envelope, place)?;
    }
    Ok(())
}

fn take_place(db: &Connection, envelope: EnvelopeId, place: &Sequence) -> Result<(), StoreError> {
    let recipient = place.recipient.to_string();
    db.prepare_cached(
        "INSERT INTO sequence_out (recipient, epoch, n, previous) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (recipient) DO UPDATE SET epoch = ?2, n = ?3, previous = ?4",
    )?
    .execute(params![recipient, int(place.epoch), int(place.n), envelope.as_bytes()])?;
    db.prepare_cached("INSERT INTO rung (envelope, recipient, rung) VALUES (?1, ?2, 0)")?
        .execute(params![envelope.as_bytes(), recipient])?;
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
        tracing::error!(%envelope, "a message in the outbox is damaged");
        sealed.clear();
    }
    Ok(OutgoingRow {
        envelope,
        notice: row.get::<_, Option<[u8; 32]>>(1)?.map(|id| NoticeId(Digest::new(id))),
        sealed,
        precedence: precedence(row.get(4)?)?,
        created: Timestamp(uint(row.get(5)?)),
        not_after: Timestamp(uint(row.get(6)?)),
        wrapped: row.get(7)?,
        damaged,
    })
}
