//! How far each sent message got with each recipient, and which receipt says so.
//!
//! Nobody goes back: a recipient's confirmation outweighs a refusal, before and after it, and every
//! step that was told is kept.

use pouch_wire::{Digest, EnvelopeId, NoticeId, Precedence, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::agent::AgentStore;
use crate::contracts::Ladder;
use crate::db::{environment, int, kept, point, precedence, uint};
use crate::error::StoreError;
use crate::rows::{OverdueRow, Rung, RungRow, StepRow};

impl Ladder for AgentStore {
    async fn climb(&self, envelope: EnvelopeId, row: RungRow) -> Result<(), StoreError> {
        self.0.call(move |db| climb(db, envelope, &row, None)).await
    }

    async fn ladder(&self, envelope: EnvelopeId) -> Result<Vec<RungRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT recipient, rung, at, detail FROM rung
                    WHERE envelope = ?1 AND kept(whole, 'rung of message', envelope) ORDER BY recipient";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query([envelope.as_bytes()])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.extend(kept(rung_row(row), "rung")?);
                }
                Ok(found)
            })
            .await
    }

    async fn steps(&self, envelope: EnvelopeId) -> Result<Vec<StepRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT recipient, rung, at, detail, receipt FROM step
                    WHERE envelope = ?1 AND kept(whole, 'step of message', envelope) ORDER BY number";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query([envelope.as_bytes()])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let receipt = row.get::<_, Option<[u8; 32]>>(4)?.map(|id| EnvelopeId(Digest::new(id)));
                    found.extend(kept(rung_row(row).map(|row| StepRow { row, receipt }), "step")?);
                }
                Ok(found)
            })
            .await
    }

    async fn overdue(&self, now: Timestamp) -> Result<Vec<OverdueRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "SELECT o.envelope, o.notice, o.precedence, o.created, r.recipient, r.rung, o.exercise
                    FROM rung r JOIN outbox o USING (envelope)
                    WHERE r.rung < 2 AND o.notice IS NOT NULL AND kept(o.whole, 'message', o.envelope)
                    AND kept(r.whole, 'rung of message', r.envelope) ORDER BY o.created, r.recipient";
                let mut statement = db.prepare_cached(sql)?;
                let mut rows = statement.query([])?;
                let mut late = Vec::new();
                while let Some(row) = rows.next()? {
                    late.extend(kept(overdue_row(row), "rung")?.filter(|row| row.due <= now));
                }
                late.sort_by_key(|row| row.due);
                Ok(late)
            })
            .await
    }
}

pub(super) fn climb(
    db: &Connection,
    envelope: EnvelopeId,
    row: &RungRow,
    receipt: Option<EnvelopeId>,
) -> Result<(), StoreError> {
    let recipient = row.recipient.to_string();
    let at = row.at.map(|at| int(at.0));
    let rung = i64::from(row.rung as u8);
    // 5 is a refusal: it stands above being accepted and below being verified.
    db.prepare_cached(
        "UPDATE rung SET rung = ?3, at = ?4, detail = ?5 WHERE envelope = ?1 AND recipient = ?2
         AND CASE WHEN ?3 = 5 THEN rung < 2 WHEN rung = 5 THEN ?3 >= 2 ELSE rung < ?3 END",
    )?
    .execute(params![envelope.as_bytes(), recipient, rung, at, row.detail])?;
    db.prepare_cached(
        "INSERT INTO step (envelope, recipient, rung, at, detail, receipt)
         SELECT envelope, recipient, ?3, ?4, ?5, ?6 FROM rung WHERE envelope = ?1 AND recipient = ?2",
    )?
    .execute(params![
        envelope.as_bytes(),
        recipient,
        rung,
        at,
        row.detail,
        receipt.as_ref().map(EnvelopeId::as_bytes)
    ])?;
    Ok(())
}

fn rung_row(row: &Row<'_>) -> Result<RungRow, StoreError> {
    Ok(RungRow {
        recipient: point(&row.get::<_, String>(0)?)?,
        rung: rung(row.get(1)?)?,
        at: row.get::<_, Option<i64>>(2)?.map(|at| Timestamp(uint(at))),
        detail: row.get(3)?,
    })
}

fn overdue_row(row: &Row<'_>) -> Result<OverdueRow, StoreError> {
    let precedence: Precedence = precedence(row.get(2)?)?;
    Ok(OverdueRow {
        envelope: EnvelopeId(Digest::new(row.get(0)?)),
        environment: environment(row.get(6)?),
        notice: row.get::<_, Option<[u8; 32]>>(1)?.map(|id| NoticeId(Digest::new(id))),
        precedence,
        recipient: point(&row.get::<_, String>(4)?)?,
        rung: rung(row.get(5)?)?,
        due: Timestamp(uint(row.get(3)?)).after(precedence.confirm_within()),
    })
}

fn rung(number: i64) -> Result<Rung, StoreError> {
    Rung::of(number).ok_or_else(|| StoreError::Damaged("rung".into()))
}
