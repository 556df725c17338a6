//! Makes a stored message whole again out of the same message, brought once more.
//!
//! What a sender brings again is checked like any other before it comes here, and an envelope's id is the
//! hash of what names all of its bytes: it is the message that was accepted.

use pouch_envelope::Demotion;
use rusqlite::{Connection, params};

use crate::db::damage;
use crate::error::StoreError;
use crate::relay::{mailboxes, message_log};
use crate::rows::NewMessage;

/// Puts a message that was accepted before back where it is damaged, or was lost while its place in the
/// log was not; whether it did. It waits in the class that its receipt says, however it is brought now. What
/// recipients took already they get once more, and know it.
pub(super) fn mend(
    db: &Connection,
    new: &NewMessage,
    index: u64,
    demotion: Option<Demotion>,
) -> Result<bool, StoreError> {
    if !needs_mending(db, new)? {
        return Ok(false);
    }
    db.prepare_cached("DELETE FROM mailbox WHERE envelope = ?1")?.execute([new.envelope.as_bytes()])?;
    db.prepare_cached("DELETE FROM payload WHERE envelope = ?1")?.execute([new.envelope.as_bytes()])?;
    let class = demotion.map_or(new.precedence, |demotion| demotion.to);
    mailboxes::put_message(db, new, index, class)?;
    message_log::put_record(db, new, index, demotion)?;
    damage::heal(format!("log entry {index}"));
    count_usage(db)?;
    damage::heal(format!("message {}", new.envelope));
    Ok(true)
}

fn needs_mending(db: &Connection, new: &NewMessage) -> Result<bool, StoreError> {
    let sql = "SELECT
        EXISTS (SELECT 1 FROM message_log WHERE envelope = ?1
            AND (length(header) = 0 OR record_digest(header, signature) IS NOT digest))
        OR EXISTS (SELECT 1 FROM mailbox WHERE envelope = ?1 AND whole = 0)
        OR EXISTS (SELECT 1 FROM payload WHERE envelope = ?1 AND (whole = 0 OR sha256(payload) IS NOT digest))
        OR (SELECT count(*) = 0 FROM mailbox WHERE envelope = ?1)
            <> (SELECT count(*) = 0 FROM payload WHERE envelope = ?1)";
    Ok(db.prepare_cached(sql)?.query_row(params![new.envelope.as_bytes()], |row| row.get(0))?)
}

/// Counts again what each sender has stored.
pub(super) fn count_usage(db: &Connection) -> Result<(), StoreError> {
    db.execute("DELETE FROM usage", [])?;
    let sql = "INSERT INTO usage (sender, bytes, messages)
        SELECT sender, sum(len + stanzas), count(*) FROM payload WHERE whole = 1 GROUP BY sender";
    db.execute(sql, [])?;
    damage::heal_all("usage");
    Ok(())
}
