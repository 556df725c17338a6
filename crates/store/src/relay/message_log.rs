//! The message log's leaves, and the signature records that auditors read.
//!
//! They stay when the message is gone; nothing here is ever deleted.

use pouch_crypto::sha256;
use pouch_envelope::Demotion;
use pouch_wire::{Canonical as _, Digest, EnvelopeId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::contracts::MessageLog;
use crate::db::{int, uint};
use crate::entries::run_of;
use crate::error::StoreError;
use crate::relay::{RelayStore, mailboxes};
use crate::rows::{LostLeaf, NewMessage, SignatureRow};

impl MessageLog for RelayStore {
    async fn leaves(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT idx, leaf FROM message_log WHERE idx >= ?1 AND sound(whole, 'log entry', idx)
            ORDER BY idx LIMIT ?2";
        self.0.call(move |db| run_of(db, sql, from, count)).await
    }

    async fn put_lost_leaves(&self, from: u64, leaves: Vec<LostLeaf>) -> Result<(), StoreError> {
        self.0.call(move |db| put_lost(db, from, &leaves)).await
    }

    async fn leaf_count(&self) -> Result<u64, StoreError> {
        self.0.call(leaf_count).await
    }

    async fn accepted(&self, envelope: EnvelopeId) -> Result<Option<(u64, Timestamp)>, StoreError> {
        self.0.call(move |db| place_of(db, envelope)).await
    }

    async fn signature_records(&self, from: u64, count: u32) -> Result<Vec<SignatureRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT idx, envelope, header, signature, accepted_at, digest, whole
                    FROM message_log WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query(params![int(from), count])?;
                let mut records = Vec::new();
                while let Some(row) = rows.next()? {
                    records.push(record(row)?);
                }
                Ok(records)
            })
            .await
    }
}

fn record(row: &Row<'_>) -> Result<SignatureRow, StoreError> {
    let index = uint(row.get(0)?);
    let damaged = || StoreError::Damaged(format!("signature record {index}"));
    let header: Vec<u8> = row.get(2)?;
    let signature: [u8; 64] = row.get(3).map_err(|_| damaged())?;
    let digest: [u8; 32] = row.get(5).map_err(|_| damaged())?;
    if record_digest(&header, &signature) != Digest::new(digest) || !row.get::<_, bool>(6)? {
        return Err(damaged());
    }
    Ok(SignatureRow {
        index,
        envelope: EnvelopeId(Digest::new(row.get(1).map_err(|_| damaged())?)),
        header,
        signature,
        accepted_at: Timestamp(uint(row.get(4)?)),
    })
}

/// A lost message has an empty header and no signature.
fn put_lost(db: &Connection, from: u64, leaves: &[LostLeaf]) -> Result<(), StoreError> {
    if leaf_count(db)? != from {
        return Err(StoreError::Conflict("the entries do not follow those that are there"));
    }
    let none = [0; 64];
    for (index, lost) in (from..).zip(leaves) {
        db.prepare_cached(
            "INSERT INTO message_log (idx, envelope, leaf, header, signature, accepted_at, digest)
             VALUES (?1, ?2, ?3, x'', ?4, ?5, ?6)",
        )?
        .execute(params![
            int(index),
            lost.envelope.as_bytes(),
            lost.leaf,
            none,
            int(lost.accepted_at.0),
            record_digest(&[], &none).as_bytes()
        ])?;
    }
    Ok(())
}

/// The checksum of a record: SHA-256 over SHA-256 of the header, and the signature.
pub(crate) fn record_digest(header: &[u8], signature: &[u8; 64]) -> Digest {
    let mut bytes = sha256(header).as_bytes().to_vec();
    bytes.extend_from_slice(signature);
    sha256(&bytes)
}

pub(super) fn leaf_count(db: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(idx) + 1, 0) FROM message_log";
    Ok(db.prepare_cached(sql)?.query_row([], |row| Ok(uint(row.get(0)?)))?)
}

/// Index and time of an accepted message.
pub(super) fn place_of(
    db: &Connection,
    envelope: EnvelopeId,
) -> Result<Option<(u64, Timestamp)>, StoreError> {
    let sql =
        "SELECT idx, accepted_at FROM message_log WHERE envelope = ?1 AND sound(whole, 'log entry', idx)";
    let place = |row: &Row<'_>| Ok((uint(row.get(0)?), Timestamp(uint(row.get(1)?))));
    Ok(db.prepare_cached(sql)?.query_row([envelope.as_bytes()], place).optional()?)
}

/// Puts header, signature and class to a place in the log that has lost them.
pub(super) fn put_record(
    db: &Connection,
    new: &NewMessage,
    index: u64,
    demotion: Option<Demotion>,
) -> Result<(), StoreError> {
    let sql = "UPDATE message_log SET header = ?2, signature = ?3, digest = ?4, demotion = ?5 WHERE idx = ?1";
    db.prepare_cached(sql)?.execute(params![
        int(index),
        new.header,
        new.signature,
        record_digest(&new.header, &new.signature).as_bytes(),
        column_of(demotion)?
    ])?;
    Ok(())
}

/// In which lower class an accepted message is carried: its receipt says the same whenever it is made. Where
/// the message was lost, nobody knows what its first receipt said; then it is what was decided now.
pub(super) fn demotion_of(
    db: &Connection,
    index: u64,
    now: Option<Demotion>,
) -> Result<Option<Demotion>, StoreError> {
    let sql = "SELECT demotion, length(header) = 0 FROM message_log WHERE idx = ?1";
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, bool>(1)?));
    let (kept, is_lost) = db.prepare_cached(sql)?.query_row([int(index)], row)?;
    if is_lost { Ok(now) } else { mailboxes::demotion(kept) }
}

fn column_of(demotion: Option<Demotion>) -> Result<Option<Vec<u8>>, StoreError> {
    let unwritten = |_| StoreError::Conflict("a demotion that cannot be written");
    demotion.map(|demotion| demotion.to_bytes().map_err(unwritten)).transpose()
}

/// Puts a message's leaf and signature at the end; its index.
pub(super) fn append(db: &Connection, new: &NewMessage) -> Result<u64, StoreError> {
    let index = leaf_count(db)?;
    db.prepare_cached(
        "INSERT INTO message_log (idx, envelope, leaf, header, signature, accepted_at, digest, demotion, row_sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, row_sum('message_log', ?1, ?2, ?3, ?6, ?7, ?8))",
    )?
    .execute(params![
        int(index),
        new.envelope.as_bytes(),
        new.leaf,
        new.header,
        new.signature,
        int(new.accepted_at.0),
        record_digest(&new.header, &new.signature).as_bytes(),
        column_of(new.demotion)?
    ])?;
    Ok(index)
}
