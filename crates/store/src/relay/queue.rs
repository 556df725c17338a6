//! In which order messages go to one recipient: by precedence, then in turn between the senders.
//!
//! Reads a few rows of each sender by the index, never a whole mailbox: a sender that filled it must
//! not make everybody's next message dear to find.

use pouch_wire::{Digest, EnvelopeId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::db::{kept, point, precedence, uint};
use crate::error::StoreError;
use crate::rows::Pending;

pub(super) fn pending(
    db: &Connection,
    recipient: &str,
    each: u32,
    limit: u32,
) -> Result<Vec<Pending>, StoreError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut lane = next_lane(db, recipient, -1, "")?;
    while let Some((rank, sender)) = lane {
        let mut turns = Vec::new();
        let mut same = Some((rank, sender));
        lane = None;
        while let Some((at, sender)) = same {
            if at != rank {
                lane = Some((at, sender));
                break;
            }
            turns.extend((0_usize..).zip(of_lane(db, recipient, rank, &sender, each)?));
            same = next_lane(db, recipient, rank, &sender)?;
        }
        turns.sort_by_key(|(turn, message)| (*turn, message.index));
        found.extend(turns.into_iter().map(|(_, message)| message));
        if found.len() >= wanted {
            found.truncate(wanted);
            return Ok(found);
        }
    }
    Ok(found)
}

/// The precedence and sender after these in the recipient's index.
fn next_lane(
    db: &Connection,
    recipient: &str,
    rank: i64,
    sender: &str,
) -> Result<Option<(i64, String)>, StoreError> {
    let sql = "SELECT precedence, sender FROM mailbox
        WHERE recipient = ?1 AND (precedence, sender) > (?2, ?3) ORDER BY precedence, sender LIMIT 1";
    let lane = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(db.prepare_cached(sql)?.query_row(params![recipient, rank, sender], lane).optional()?)
}

fn of_lane(
    db: &Connection,
    recipient: &str,
    rank: i64,
    sender: &str,
    limit: u32,
) -> Result<Vec<Pending>, StoreError> {
    let sql = "SELECT m.envelope, m.sender, m.precedence, m.idx, p.len, p.not_after
        FROM mailbox m JOIN payload p USING (envelope)
        WHERE m.recipient = ?1 AND m.precedence = ?2 AND m.sender = ?3
        AND kept(m.whole, 'message', m.envelope) AND kept(p.whole, 'message', p.envelope) ORDER BY m.idx LIMIT ?4";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![recipient, rank, sender, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(kept(pending_row(row), "mailbox")?);
    }
    Ok(found)
}

fn pending_row(row: &Row<'_>) -> Result<Pending, StoreError> {
    Ok(Pending {
        envelope: EnvelopeId(Digest::new(row.get(0)?)),
        sender: point(&row.get::<_, String>(1)?)?,
        precedence: precedence(row.get(2)?)?,
        index: uint(row.get(3)?),
        payload_len: uint(row.get(4)?),
        not_after: Timestamp(uint(row.get(5)?)),
    })
}
