//! What went by courier, and what came so. That a file was written moves no rung: only a recipient's receipt
//! does.

use pouch_crypto::sha256;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::agent::AgentStore;
use crate::contracts::Courier;
use crate::db::{int, kept, point, precedence, uint};
use crate::error::StoreError;
use crate::rows::{Handed, HandedRow, Rung, UndeliveredRow};

impl Courier for AgentStore {
    async fn undelivered(&self, now: Timestamp) -> Result<Vec<UndeliveredRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT o.envelope, o.notice IS NOT NULL, o.precedence, r.recipient, r.rung,
                        length(o.sealed)
                    FROM rung r JOIN outbox o USING (envelope)
                    WHERE r.rung < 2 AND o.not_after > ?1
                        AND kept(o.whole, 'message', o.envelope) AND kept(r.whole, 'rung of message', r.envelope)
                    ORDER BY o.rowid, r.recipient";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query([int(now.0)])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.extend(kept(undelivered_row(row), "outbox")?);
                }
                Ok(found)
            })
            .await
    }

    async fn hand_over(&self, handed: Handed) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO handed_over (envelope, recipient, file, at)
                    SELECT envelope, recipient, ?3, ?4 FROM rung WHERE envelope = ?1 AND recipient = ?2
                    ON CONFLICT (envelope, recipient, file) DO UPDATE SET at = ?4";
                let mut insert = db.prepare_cached(sql)?;
                for (envelope, recipient) in &handed.messages {
                    insert.execute(params![
                        envelope.as_bytes(),
                        recipient.to_string(),
                        handed.file.as_bytes(),
                        int(handed.at.0)
                    ])?;
                }
                Ok(())
            })
            .await
    }

    async fn handed_over(&self, envelope: EnvelopeId) -> Result<Vec<HandedRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT recipient, max(at) FROM handed_over WHERE envelope = ?1
                        AND kept(whole, 'courier of message', envelope)
                    GROUP BY recipient ORDER BY recipient";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query([envelope.as_bytes()])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let at = Timestamp(uint(row.get(1)?));
                    let recipient = point(&row.get::<_, String>(0)?);
                    found
                        .extend(kept(recipient.map(|recipient| HandedRow { recipient, at }), "handed_over")?);
                }
                Ok(found)
            })
            .await
    }

    async fn newest_of(&self, sender: &ContactPoint) -> Result<Option<Vec<u8>>, StoreError> {
        let sender = sender.to_string();
        self.0
            .call(move |db| {
                let sql = "SELECT stored FROM inbox WHERE sender = ?1 AND refused IS NULL
                    AND expunged_at IS NULL AND kept(whole, 'message', envelope) ORDER BY arrived_at DESC, rowid DESC LIMIT 1";
                Ok(db.prepare_cached(sql)?.query_row([&sender], |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn promised_since(
        &self,
        envelope: EnvelopeId,
        stored: Vec<u8>,
        (relay, index): (String, u64),
    ) -> Result<bool, StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE inbox SET stored = ?2, digest = ?3, log_relay = ?4, log_index = ?5
                    WHERE envelope = ?1 AND courier_at IS NOT NULL AND log_relay IS NULL
                    AND refused IS NULL AND expunged_at IS NULL";
                let digest = sha256(&stored);
                let values = params![envelope.as_bytes(), stored, digest.as_bytes(), relay, int(index)];
                Ok(db.prepare_cached(sql)?.execute(values)? > 0)
            })
            .await
    }
}

fn undelivered_row(row: &Row<'_>) -> Result<UndeliveredRow, StoreError> {
    Ok(UndeliveredRow {
        envelope: EnvelopeId(Digest::new(row.get(0)?)),
        is_notice: row.get(1)?,
        precedence: precedence(row.get(2)?)?,
        recipient: point(&row.get::<_, String>(3)?)?,
        rung: Rung::of(row.get(4)?).ok_or_else(|| StoreError::Damaged("rung".into()))?,
        len: uint(row.get(5)?),
    })
}
