//! Messages that wait for their recipients: payload once, a row and a stanza for each.
//!
//! Accepting writes mailboxes, log and signature record in one transaction, or nothing. A payload goes
//! with its last recipient; what expires is named, never dropped in silence.

use pouch_crypto::sha256;
use pouch_envelope::Demotion;
use pouch_wire::{Canonical as _, ContactPoint, Digest, EnvelopeId, Precedence, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::contracts::Mailboxes;
use crate::db::{int, kept, point, uint};
use crate::error::StoreError;
use crate::relay::{RelayStore, mending, message_log, queue};
use crate::rows::{AcceptedRow, Burden, Expired, NewMessage, Parcel, Pending, Usage};

impl Mailboxes for RelayStore {
    async fn accept(&self, message: NewMessage) -> Result<AcceptedRow, StoreError> {
        let weight = message.payload.len();
        // What is left of a full disk is for what must not wait; what is carried lower is no flash here. Half of
        // it is for what is immediate too: a receipt of a flash is, and a relay cannot tell it from a notice.
        match message.class() {
            Precedence::Flash => self.0.call_weighing(weight, move |db| accept(db, &message)).await,
            Precedence::Immediate => self.0.soon(weight, move |db| accept(db, &message)).await,
            Precedence::Priority | Precedence::Routine => {
                self.0.bulk(weight, move |db| accept(db, &message)).await
            }
        }
    }

    async fn usage(&self, sender: &ContactPoint) -> Result<Usage, StoreError> {
        let sender = sender.to_string();
        self.0.call(move |db| of_office(db, &sender)).await
    }

    async fn burden(&self, envelope: EnvelopeId, sender: &ContactPoint) -> Result<Burden, StoreError> {
        let (office, member) = (sender.to_string(), sender.member.to_string());
        self.0
            .call(move |db| {
                Ok(Burden {
                    known: message_log::place_of(db, envelope)?.is_some(),
                    office: of_office(db, &office)?,
                    member: of_member(db, &member)?,
                })
            })
            .await
    }

    async fn pending(&self, recipient: &ContactPoint, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let recipient = recipient.to_string();
        self.0.call(move |db| queue::pending(db, &recipient, limit, limit)).await
    }

    async fn first_of_each(
        &self,
        recipient: &ContactPoint,
        each: u32,
        limit: u32,
    ) -> Result<Vec<Pending>, StoreError> {
        let recipient = recipient.to_string();
        self.0.call(move |db| queue::pending(db, &recipient, each, limit)).await
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
        self.0.call_weighing(LOAD_WEIGHS, move |db| load(db, envelope, &recipient)).await
    }

    async fn taken(&self, envelope: EnvelopeId, recipient: &ContactPoint) -> Result<(), StoreError> {
        let recipient = recipient.to_string();
        self.0
            .call_weighing(TAKEN_WEIGHS, move |db| {
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

/// For how many bytes a payload counts that is read, when requests are put together: reading is cheaper than
/// writing, and how long it is is not known before.
const LOAD_WEIGHS: usize = 128 * 1024;

/// And a payload that goes: its pages are overwritten.
const TAKEN_WEIGHS: usize = 64 * 1024;

fn of_office(db: &Connection, sender: &str) -> Result<Usage, StoreError> {
    usage(db, "SELECT bytes, messages, whole FROM usage WHERE sender = ?1", sender)
}

/// Its offices stand side by side in the index: `NL/` and what begins with it, up to the sign after `/`.
fn of_member(db: &Connection, member: &str) -> Result<Usage, StoreError> {
    let sql = "SELECT sum(bytes), sum(messages), min(whole) FROM usage
        WHERE sender > ?1 || '/' AND sender < ?1 || '0' HAVING count(*) > 0";
    usage(db, sql, member)
}

/// What a statement counts for one name. What was damaged of it is counted again.
fn usage(db: &Connection, sql: &str, of: &str) -> Result<Usage, StoreError> {
    let counted = |row: &Row<'_>| {
        Ok((Usage { bytes: uint(row.get(0)?), messages: uint(row.get(1)?) }, row.get::<_, bool>(2)?))
    };
    match db.prepare_cached(sql)?.query_row([of], counted).optional()? {
        None => Ok(Usage::default()),
        Some((usage, true)) => Ok(usage),
        Some((_, false)) => {
            mending::count_usage(db)?;
            let again = db.prepare_cached(sql)?.query_row([of], counted).optional()?;
            Ok(again.map(|(usage, _)| usage).unwrap_or_default())
        }
    }
}

fn accept(db: &Connection, new: &NewMessage) -> Result<AcceptedRow, StoreError> {
    if let Some((index, accepted_at)) = message_log::place_of(db, new.envelope)? {
        let demotion = message_log::demotion_of(db, index, new.demotion)?;
        let fresh = mending::mend(db, new, index, demotion)?;
        return Ok(AcceptedRow { index, accepted_at, fresh, demotion });
    }
    let index = message_log::append(db, new)?;
    put_message(db, new, index, new.class())?;
    Ok(AcceptedRow { index, accepted_at: new.accepted_at, fresh: true, demotion: new.demotion })
}

/// The payload, and a row and a stanza for each recipient, in the class in which it is carried.
pub(super) fn put_message(
    db: &Connection,
    new: &NewMessage,
    index: u64,
    class: Precedence,
) -> Result<(), StoreError> {
    if !new.stanzas.is_empty() {
        put_payload(db, new, index, class)?;
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
            class.rank(),
            sender,
            int(index),
            new.envelope.as_bytes(),
            stanza
        ])?;
    }
    Ok(())
}

fn put_payload(db: &Connection, new: &NewMessage, index: u64, class: Precedence) -> Result<(), StoreError> {
    let stanzas: usize = new.stanzas.iter().map(|(_, stanza)| stanza.len()).sum();
    db.prepare_cached(
        "INSERT INTO payload
             (envelope, sender, precedence, idx, not_after, len, digest, payload, stanzas, row_sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, row_sum('payload', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9))",
    )?
    .execute(params![
        new.envelope.as_bytes(),
        new.sender.to_string(),
        class.rank(),
        int(index),
        int(new.not_after.0),
        i64::try_from(new.payload.len()).unwrap_or(i64::MAX),
        sha256(&new.payload).as_bytes(),
        new.payload,
        i64::try_from(stanzas).unwrap_or(i64::MAX)
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
    let sql = "SELECT l.header, l.signature, m.stanza, p.payload, l.idx, l.accepted_at, p.digest, l.digest,
            l.demotion
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
                demotion: None,
            };
            Ok((parcel, Digest::new(row.get(6)?), Digest::new(row.get(7)?), row.get(8)?))
        })
        .optional()?;
    let Some((parcel, payload, record, demoted)) = found else { return Ok(None) };
    let parcel = Parcel { demotion: demotion(demoted)?, ..parcel };
    let whole = sha256(&parcel.payload) == payload
        && message_log::record_digest(&parcel.header, &parcel.signature) == record;
    if whole { Ok(Some(parcel)) } else { Err(StoreError::Damaged(format!("message {envelope}"))) }
}

/// In which lower class a message is carried, from its column.
pub(super) fn demotion(column: Option<Vec<u8>>) -> Result<Option<Demotion>, StoreError> {
    let damaged = |_| StoreError::Damaged("demotion".into());
    column.map(|bytes| Demotion::from_bytes(&bytes).map_err(damaged)).transpose()
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
