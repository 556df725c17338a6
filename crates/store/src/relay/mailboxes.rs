//! Messages that wait for their recipients: payload once, a row and a stanza for each.
//!
//! Accepting writes mailboxes, log and signature record in one transaction, or nothing. A payload goes
//! with its last recipient; what expires is named, never dropped in silence.

use pouch_crypto::sha256;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Precedence, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::contracts::Mailboxes;
use crate::db::{int, kept, point, uint};
use crate::error::StoreError;
use crate::relay::{RelayStore, mending, message_log, queue};
use crate::rows::{AcceptedRow, Expired, NewMessage, Parcel, Pending, Usage};

impl Mailboxes for RelayStore {
    async fn accept(&self, message: NewMessage) -> Result<AcceptedRow, StoreError> {
        // What is left of a full disk is for what must not wait.
        if message.precedence == Precedence::Flash {
            self.0.call(move |db| accept(db, &message)).await
        } else {
            self.0.bulk(move |db| accept(db, &message)).await
        }
    }

    async fn usage(&self, sender: &ContactPoint) -> Result<Usage, StoreError> {
        let sender = sender.to_string();
        self.0.call(move |db| usage(db, &sender)).await
    }

    async fn pending(&self, recipient: &ContactPoint, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let recipient = recipient.to_string();
        self.0.call(move |db| queue::pending(db, &recipient, limit)).await
    }

    async fn recipients_with_pending(&self) -> Result<Vec<ContactPoint>, StoreError> {
        self.0.call(recipients).await
    }

    async fn load(
        &self,
        envelope: EnvelopeId,
        recipient: &ContactPoint,
    ) -> Result<Option<Parcel>, StoreError> {
        let recipient = recipient.to_string();
        self.0.call(move |db| load(db, envelope, &recipient)).await
    }

    async fn taken(&self, envelope: EnvelopeId, recipient: &ContactPoint) -> Result<(), StoreError> {
        let recipient = recipient.to_string();
        self.0
            .call(move |db| {
                db.prepare_cached("DELETE FROM mailbox WHERE envelope = ?1 AND recipient = ?2")?
                    .execute(params![envelope.as_bytes(), recipient])?;
                db.prepare_cached(
                    "DELETE FROM payload WHERE envelope = ?1
                     AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.envelope = payload.envelope)",
                )?
                .execute([envelope.as_bytes()])?;
                Ok(())
            })
            .await
    }

    async fn expire(&self, now: Timestamp) -> Result<Vec<Expired>, StoreError> {
        self.0.call(move |db| expire(db, now)).await
    }
}

fn accept(db: &Connection, new: &NewMessage) -> Result<AcceptedRow, StoreError> {
    if let Some((index, accepted_at)) = message_log::place_of(db, new.envelope)? {
        let fresh = mending::mend(db, new, index)?;
        return Ok(AcceptedRow { index, accepted_at, fresh });
    }
    let index = message_log::append(db, new)?;
    put_message(db, new, index)?;
    Ok(AcceptedRow { index, accepted_at: new.accepted_at, fresh: true })
}

fn usage(db: &Connection, sender: &str) -> Result<Usage, StoreError> {
    let sql = "SELECT bytes, messages, whole FROM usage WHERE sender = ?1";
    let counted = |row: &Row<'_>| {
        Ok((Usage { bytes: uint(row.get(0)?), messages: uint(row.get(1)?) }, row.get::<_, bool>(2)?))
    };
    match db.prepare_cached(sql)?.query_row([sender], counted).optional()? {
        None => Ok(Usage::default()),
        Some((usage, true)) => Ok(usage),
        // It can be counted again.
        Some((_, false)) => {
            mending::count_usage(db)?;
            let again = db.prepare_cached(sql)?.query_row([sender], counted).optional()?;
            Ok(again.map(|(usage, _)| usage).unwrap_or_default())
        }
    }
}

/// The payload, and a row and a stanza for each recipient.
pub(super) fn put_message(db: &Connection, new: &NewMessage, index: u64) -> Result<(), StoreError> {
    if !new.stanzas.is_empty() {
        put_payload(db, new, index)?;
    }
    // The sums are given here and not left to the triggers: this is the way that every message takes.
    let mut mailbox = db.prepare_cached(
        "INSERT INTO mailbox (recipient, precedence, sender, idx, envelope, stanza, row_sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, row_sum('mailbox', ?1, ?2, ?3, ?4, ?5, ?6))",
    )?;
    let sender = new.sender.to_string();
    for (recipient, stanza) in &new.stanzas {
        mailbox.execute(params![
            recipient.to_string(),
            new.precedence.rank(),
            sender,
            int(index),
            new.envelope.as_bytes(),
            stanza
        ])?;
    }
    Ok(())
}

fn put_payload(db: &Connection, new: &NewMessage, index: u64) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO payload (envelope, sender, precedence, idx, not_after, len, digest, payload, row_sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, row_sum('payload', ?1, ?2, ?3, ?4, ?5, ?6, ?7))",
    )?
    .execute(params![
        new.envelope.as_bytes(),
        new.sender.to_string(),
        new.precedence.rank(),
        int(index),
        int(new.not_after.0),
        i64::try_from(new.payload.len()).unwrap_or(i64::MAX),
        sha256(&new.payload).as_bytes(),
        new.payload
    ])?;
    Ok(())
}

/// Jumps from one recipient to the next in the index, without reading what waits for each.
fn recipients(db: &Connection) -> Result<Vec<ContactPoint>, StoreError> {
    let sql = "WITH RECURSIVE waiting (recipient) AS (
            SELECT min(recipient) FROM mailbox
            UNION ALL
            SELECT (SELECT min(recipient) FROM mailbox WHERE recipient > waiting.recipient)
            FROM waiting WHERE waiting.recipient IS NOT NULL)
        SELECT recipient FROM waiting WHERE recipient IS NOT NULL";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(kept(point(&row.get::<_, String>(0)?), "mailbox")?);
    }
    Ok(found)
}

fn load(db: &Connection, envelope: EnvelopeId, recipient: &str) -> Result<Option<Parcel>, StoreError> {
    let sql = "SELECT l.header, l.signature, m.stanza, p.payload, l.idx, l.accepted_at, p.digest, l.digest
        FROM mailbox m JOIN payload p USING (envelope) JOIN message_log l USING (envelope)
        WHERE m.envelope = ?1 AND m.recipient = ?2 AND sound(m.whole, 'message', m.envelope)
        AND sound(p.whole, 'message', p.envelope) AND sound(l.whole, 'message', l.envelope)";
    let found = db
        .prepare_cached(sql)?
        .query_row(params![envelope.as_bytes(), recipient], |row| {
            let parcel = Parcel {
                header: row.get(0)?,
                signature: row.get(1)?,
                stanza: row.get(2)?,
                payload: row.get(3)?,
                index: uint(row.get(4)?),
                accepted_at: Timestamp(uint(row.get(5)?)),
            };
            Ok((parcel, Digest::new(row.get(6)?), Digest::new(row.get(7)?)))
        })
        .optional()?;
    let Some((parcel, payload, record)) = found else { return Ok(None) };
    let whole = sha256(&parcel.payload) == payload
        && message_log::record_digest(&parcel.header, &parcel.signature) == record;
    if whole { Ok(Some(parcel)) } else { Err(StoreError::Damaged(format!("message {envelope}"))) }
}

fn expire(db: &Connection, now: Timestamp) -> Result<Vec<Expired>, StoreError> {
    // The payloads first, by their times: most often none is due.
    let sql = "SELECT m.envelope, m.recipient, p.sender FROM payload p CROSS JOIN mailbox m USING (envelope)
        WHERE p.not_after <= ?1 AND kept(p.whole, 'message', p.envelope) AND kept(m.whole, 'message', m.envelope)
        ORDER BY p.idx, m.recipient";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([int(now.0)])?;
    let mut gone = Vec::new();
    while let Some(row) = rows.next()? {
        gone.extend(kept(expired_row(row), "mailbox")?);
    }
    db.prepare_cached(
        "DELETE FROM mailbox WHERE whole = 1
         AND envelope IN (SELECT envelope FROM payload WHERE not_after <= ?1 AND whole = 1)",
    )?
    .execute([int(now.0)])?;
    // When a damaged one expires, or for whom it was, nobody knows: it is kept.
    db.prepare_cached(
        "DELETE FROM payload WHERE not_after <= ?1 AND whole = 1
         AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.envelope = payload.envelope)",
    )?
    .execute([int(now.0)])?;
    Ok(gone)
}

fn expired_row(row: &Row<'_>) -> Result<Expired, StoreError> {
    Ok(Expired {
        envelope: EnvelopeId(Digest::new(row.get(0)?)),
        recipient: point(&row.get::<_, String>(1)?)?,
        sender: point(&row.get::<_, String>(2)?)?,
    })
}
