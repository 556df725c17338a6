//! What a relay keeps: messages until they are taken, the message log, the directory log, checkpoints.

use std::path::Path;

use pouch_crypto::sha256;
use pouch_wire::session::LogName;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Precedence, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::db::{Db, Migrations, int, uint};
use crate::error::StoreError;
use crate::rows::{AcceptedRow, Expired, NewMessage, Parcel, Pending, PublishedRow, Usage};

const MIGRATIONS: Migrations = &["
CREATE TABLE message_log (idx INTEGER PRIMARY KEY, envelope BLOB NOT NULL UNIQUE, leaf BLOB NOT NULL,
    header BLOB NOT NULL, signature BLOB NOT NULL, accepted_at INTEGER NOT NULL) STRICT;
CREATE TABLE payload (envelope BLOB PRIMARY KEY, sender TEXT NOT NULL, precedence INTEGER NOT NULL,
    idx INTEGER NOT NULL, not_after INTEGER NOT NULL, len INTEGER NOT NULL, digest BLOB NOT NULL,
    payload BLOB NOT NULL) STRICT;
CREATE INDEX payload_sender ON payload (sender);
CREATE TABLE mailbox (recipient TEXT NOT NULL, precedence INTEGER NOT NULL, idx INTEGER NOT NULL,
    envelope BLOB NOT NULL REFERENCES payload, stanza BLOB NOT NULL,
    PRIMARY KEY (recipient, precedence, idx)) STRICT, WITHOUT ROWID;
CREATE INDEX mailbox_envelope ON mailbox (envelope);
CREATE TABLE directory_log (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint (log INTEGER PRIMARY KEY, signed_size INTEGER NOT NULL, signed_root BLOB NOT NULL,
    signed BLOB NOT NULL, published_size INTEGER, published BLOB) STRICT;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
"];

/// A relay's database.
#[derive(Debug, Clone)]
pub struct RelayStore(Db);

const fn log_number(log: LogName) -> i64 {
    match log {
        LogName::Directory => 0,
        LogName::Messages => 1,
    }
}

impl RelayStore {
    /// Opens the database of a relay, or makes it.
    ///
    /// # Errors
    /// When it is in use, of a newer version, readable by others, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Db::open(path, MIGRATIONS).map(Self)
    }

    /// Ends it, when this is the last handle: afterwards another process may open the database.
    ///
    /// # Errors
    /// None today; a store elsewhere may have some.
    pub async fn close(self) -> Result<(), StoreError> {
        self.0.close().await;
        Ok(())
    }

    /// Keeps a message: payload once, a row per recipient, its leaf and signature in the log. The same
    /// message again changes nothing and gets the first answer.
    ///
    /// # Errors
    /// When the disk is full or storage failed; then nothing was accepted.
    pub async fn accept(&self, message: NewMessage) -> Result<AcceptedRow, StoreError> {
        self.0.call(move |db| accept(db, &message)).await
    }

    /// What a sender has stored and not yet delivered.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn usage(&self, sender: &ContactPoint) -> Result<Usage, StoreError> {
        let sender = sender.to_string();
        self.0
            .call(move |db| {
                let sql = "SELECT coalesce(sum(len), 0), count(*) FROM payload WHERE sender = ?1";
                let usage =
                    |row: &Row<'_>| Ok(Usage { bytes: uint(row.get(0)?), messages: uint(row.get(1)?) });
                Ok(db.prepare_cached(sql)?.query_row([sender], usage)?)
            })
            .await
    }

    /// Messages that wait for a recipient, most urgent first, then in the order that they came.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn pending(&self, recipient: &ContactPoint, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let recipient = recipient.to_string();
        self.0
            .call(move |db| {
                let sql = "SELECT m.envelope, p.sender, m.precedence, m.idx, p.len, p.not_after
                    FROM mailbox m JOIN payload p USING (envelope) WHERE m.recipient = ?1
                    ORDER BY m.precedence, m.idx LIMIT ?2";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map(params![recipient, limit], |row| {
                    Ok((
                        row.get::<_, [u8; 32]>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, i64>(2)?,
                        row.get::<_, i64>(3)?,
                        row.get::<_, i64>(4)?,
                        row.get::<_, i64>(5)?,
                    ))
                })?;
                rows.map(|row| pending_row(row?)).collect()
            })
            .await
    }

    /// What a recipient gets of a message; `None` when nothing waits for it.
    ///
    /// # Errors
    /// When the stored message is damaged, or storage failed.
    pub async fn load(
        &self,
        envelope: EnvelopeId,
        recipient: &ContactPoint,
    ) -> Result<Option<Parcel>, StoreError> {
        let recipient = recipient.to_string();
        self.0.call(move |db| load(db, envelope, &recipient)).await
    }

    /// The recipient has it: forget its row, and the payload with the last one.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn taken(&self, envelope: EnvelopeId, recipient: &ContactPoint) -> Result<(), StoreError> {
        let recipient = recipient.to_string();
        self.0
            .call(move |db| {
                db.prepare_cached("DELETE FROM mailbox WHERE envelope = ?1 AND recipient = ?2")?
                    .execute(params![envelope.as_bytes(), recipient])?;
                forget_delivered(db)
            })
            .await
    }

    /// Drops what nobody may act on any more, and says what was not taken.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn expire(&self, now: Timestamp) -> Result<Vec<Expired>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT m.envelope, m.recipient FROM mailbox m JOIN payload p USING (envelope)
                    WHERE p.not_after <= ?1";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement
                    .query_map([int(now.0)], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?)))?
                    .collect::<Result<Vec<_>, _>>()?;
                let delete = "DELETE FROM mailbox WHERE envelope IN (SELECT envelope FROM payload WHERE not_after <= ?1)";
                db.prepare_cached(delete)?.execute([int(now.0)])?;
                forget_delivered(db)?;
                rows.into_iter()
                    .map(|(envelope, recipient)| {
                        Ok(Expired { envelope: EnvelopeId(Digest::new(envelope)), recipient: point(&recipient)? })
                    })
                    .collect()
            })
            .await
    }

    /// Entries of the message log.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn leaves(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.entries_of("SELECT leaf FROM message_log WHERE idx >= ?1 ORDER BY idx LIMIT ?2", from, count)
            .await
    }

    /// Puts an entry at the end of the directory log; its index.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn append_entry(&self, entry: Vec<u8>) -> Result<u64, StoreError> {
        self.0
            .call(move |db| {
                let next: i64 =
                    db.query_row("SELECT coalesce(max(idx) + 1, 0) FROM directory_log", [], |row| {
                        row.get(0)
                    })?;
                db.execute("INSERT INTO directory_log (idx, entry) VALUES (?1, ?2)", params![next, entry])?;
                Ok(uint(next))
            })
            .await
    }

    /// Entries of the directory log.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn entries(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.entries_of("SELECT entry FROM directory_log WHERE idx >= ?1 ORDER BY idx LIMIT ?2", from, count)
            .await
    }

    async fn entries_of(&self, sql: &'static str, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0
            .call(move |db| {
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map(params![int(from), count], |row| row.get(0))?;
                Ok(rows.collect::<Result<Vec<Vec<u8>>, _>>()?)
            })
            .await
    }

    /// How many entries the directory log has.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn entry_count(&self) -> Result<u64, StoreError> {
        self.0
            .call(|db| Ok(uint(db.query_row("SELECT count(*) FROM directory_log", [], |row| row.get(0))?)))
            .await
    }

    /// Remembers what the log's keys signed, before anybody sees it.
    ///
    /// # Errors
    /// When it would go back, or give one size a second root.
    pub async fn put_signed(
        &self,
        log: LogName,
        size: u64,
        root: Digest,
        note: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let before = db
                    .query_row(
                        "SELECT signed_size, signed_root FROM checkpoint WHERE log = ?1",
                        [log_number(log)],
                        |row| Ok((uint(row.get(0)?), row.get::<_, [u8; 32]>(1)?)),
                    )
                    .optional()?;
                match before {
                    Some((old, _)) if old > size => {
                        return Err(StoreError::Conflict("a larger log was signed"));
                    }
                    Some((old, known)) if old == size && known != *root.as_bytes() => {
                        return Err(StoreError::Conflict("another root was signed for this size"));
                    }
                    _ => {}
                }
                let sql =
                    "INSERT INTO checkpoint (log, signed_size, signed_root, signed) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (log) DO UPDATE SET signed_size = ?2, signed_root = ?3, signed = ?4";
                db.execute(sql, params![log_number(log), int(size), root.as_bytes(), note])?;
                Ok(())
            })
            .await
    }

    /// Remembers what is published.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_published(&self, log: LogName, size: u64, note: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "UPDATE checkpoint SET published_size = ?2, published = ?3 WHERE log = ?1";
                db.execute(sql, params![log_number(log), int(size), note])?;
                Ok(())
            })
            .await
    }

    /// What is published.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn published(&self, log: LogName) -> Result<Option<PublishedRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT published_size, published FROM checkpoint WHERE log = ?1 AND published IS NOT NULL";
                let row = |row: &Row<'_>| Ok(PublishedRow { size: uint(row.get(0)?), note: row.get(1)? });
                Ok(db.query_row(sql, [log_number(log)], row).optional()?)
            })
            .await
    }

    /// A small value by name.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn meta(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0
            .call(move |db| {
                Ok(db
                    .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
                    .optional()?)
            })
            .await
    }

    /// Keeps a small value by name.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_meta(&self, name: &'static str, value: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
                db.execute(sql, params![name, value])?;
                Ok(())
            })
            .await
    }

    /// How many transactions were committed since the database was opened; each is one wait for the
    /// disk, whatever the number of requests in it.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.commits()
    }
}

pub(crate) fn point(text: &str) -> Result<ContactPoint, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("contact point".into()))
}

pub(crate) fn precedence(rank: i64) -> Result<Precedence, StoreError> {
    u8::try_from(rank)
        .ok()
        .and_then(Precedence::from_rank)
        .ok_or_else(|| StoreError::Damaged("precedence".into()))
}

fn pending_row(row: ([u8; 32], String, i64, i64, i64, i64)) -> Result<Pending, StoreError> {
    let (envelope, sender, rank, index, len, not_after) = row;
    Ok(Pending {
        envelope: EnvelopeId(Digest::new(envelope)),
        sender: point(&sender)?,
        precedence: precedence(rank)?,
        index: uint(index),
        payload_len: uint(len),
        not_after: Timestamp(uint(not_after)),
    })
}

fn accept(db: &Connection, new: &NewMessage) -> Result<AcceptedRow, StoreError> {
    let known = db
        .prepare_cached("SELECT idx, accepted_at FROM message_log WHERE envelope = ?1")?
        .query_row([new.envelope.as_bytes()], |row| Ok((uint(row.get(0)?), Timestamp(uint(row.get(1)?)))))
        .optional()?;
    if let Some((index, accepted_at)) = known {
        return Ok(AcceptedRow { index, accepted_at, fresh: false });
    }
    let index: i64 = db
        .prepare_cached("SELECT coalesce(max(idx) + 1, 0) FROM message_log")?
        .query_row([], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO message_log (idx, envelope, leaf, header, signature, accepted_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        index,
        new.envelope.as_bytes(),
        new.leaf,
        new.header,
        new.signature,
        int(new.accepted_at.0)
    ])?;
    let len = i64::try_from(new.payload.len()).unwrap_or(i64::MAX);
    db.prepare_cached(
        "INSERT INTO payload (envelope, sender, precedence, idx, not_after, len, digest, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        new.envelope.as_bytes(),
        new.sender.to_string(),
        new.precedence.rank(),
        index,
        int(new.not_after.0),
        len,
        sha256(&new.payload).as_bytes(),
        new.payload
    ])?;
    let mut mailbox = db.prepare_cached(
        "INSERT INTO mailbox (recipient, precedence, idx, envelope, stanza) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (recipient, stanza) in &new.stanzas {
        mailbox.execute(params![
            recipient.to_string(),
            new.precedence.rank(),
            index,
            new.envelope.as_bytes(),
            stanza
        ])?;
    }
    Ok(AcceptedRow { index: uint(index), accepted_at: new.accepted_at, fresh: true })
}

fn load(db: &Connection, envelope: EnvelopeId, recipient: &str) -> Result<Option<Parcel>, StoreError> {
    let sql = "SELECT l.header, l.signature, m.stanza, p.payload, l.idx, l.accepted_at, p.digest
        FROM mailbox m JOIN payload p USING (envelope) JOIN message_log l USING (envelope)
        WHERE m.envelope = ?1 AND m.recipient = ?2";
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
            Ok((parcel, row.get::<_, [u8; 32]>(6)?))
        })
        .optional()?;
    match found {
        Some((parcel, digest)) if *sha256(&parcel.payload).as_bytes() != digest => {
            Err(StoreError::Damaged(format!("message {}", envelope.short())))
        }
        Some((parcel, _)) => Ok(Some(parcel)),
        None => Ok(None),
    }
}

/// Payloads that nobody waits for any more go; the log and the signature stay.
fn forget_delivered(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM payload WHERE envelope NOT IN (SELECT envelope FROM mailbox)")?
        .execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(n: u8, to: &[&str], precedence: Precedence) -> NewMessage {
        NewMessage {
            envelope: EnvelopeId(Digest::new([n; 32])),
            header: vec![n],
            signature: [n; 64],
            sender: "NL/technical".parse().unwrap(),
            precedence,
            not_after: Timestamp(1000 + u64::from(n)),
            stanzas: to.iter().map(|p| (p.parse().unwrap(), vec![n, 1])).collect(),
            payload: vec![n; 100],
            leaf: vec![n, 2],
            accepted_at: Timestamp(u64::from(n)),
        }
    }

    fn open(dir: &tempfile::TempDir) -> RelayStore {
        RelayStore::open(&dir.path().join("relay.sqlite")).unwrap()
    }

    #[tokio::test]
    async fn what_was_accepted_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let (md, ba) = ("MD/policy".parse().unwrap(), "BA/technical".parse().unwrap());
        {
            let store = open(&dir);
            let first =
                store.accept(message(1, &["MD/policy", "BA/technical"], Precedence::Routine)).await.unwrap();
            assert_eq!(first, AcceptedRow { index: 0, accepted_at: Timestamp(1), fresh: true });
            store.accept(message(2, &["MD/policy"], Precedence::Flash)).await.unwrap();
            store.append_entry(b"charter".to_vec()).await.unwrap();
            store.close().await.unwrap();
        }
        let store = open(&dir);
        let waiting = store.pending(&md, 10).await.unwrap();
        assert_eq!(waiting.iter().map(|p| p.index).collect::<Vec<_>>(), [1, 0], "flash first");
        let parcel = store.load(waiting[1].envelope, &ba).await.unwrap().unwrap();
        assert_eq!((parcel.payload, parcel.stanza), (vec![1; 100], vec![1, 1]));
        assert_eq!(store.leaves(0, 10).await.unwrap(), [vec![1, 2], vec![2, 2]]);
        assert_eq!(store.entries(0, 10).await.unwrap(), [b"charter".to_vec()]);
    }

    #[tokio::test]
    async fn the_same_message_again_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
        let again =
            NewMessage { accepted_at: Timestamp(99), ..message(1, &["MD/policy"], Precedence::Routine) };
        let row = store.accept(again).await.unwrap();
        assert_eq!(row, AcceptedRow { index: 0, accepted_at: Timestamp(1), fresh: false });
        assert_eq!(store.leaves(0, 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_payload_goes_with_its_last_recipient_and_the_log_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let (md, ba) = ("MD/policy".parse().unwrap(), "BA/technical".parse().unwrap());
        let id = EnvelopeId(Digest::new([1; 32]));
        store.accept(message(1, &["MD/policy", "BA/technical"], Precedence::Routine)).await.unwrap();
        store.taken(id, &md).await.unwrap();
        assert!(store.load(id, &md).await.unwrap().is_none());
        assert!(store.load(id, &ba).await.unwrap().is_some());
        assert_eq!(
            store.usage(&"NL/technical".parse().unwrap()).await.unwrap(),
            Usage { bytes: 100, messages: 1 }
        );
        store.taken(id, &ba).await.unwrap();
        assert_eq!(store.usage(&"NL/technical".parse().unwrap()).await.unwrap(), Usage::default());
        assert_eq!(store.leaves(0, 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn expired_messages_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
        assert_eq!(store.expire(Timestamp(1000)).await.unwrap(), []);
        let gone = store.expire(Timestamp(1001)).await.unwrap();
        assert_eq!(
            gone,
            [Expired { envelope: EnvelopeId(Digest::new([1; 32])), recipient: "MD/policy".parse().unwrap() }]
        );
    }

    #[tokio::test]
    async fn requests_that_come_together_are_committed_together() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let accepts = (0..64).map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(message(n, &["MD/policy"], Precedence::Routine)).await })
        });
        for accepted in accepts.collect::<Vec<_>>() {
            accepted.await.unwrap().unwrap();
        }
        assert!(store.commits() < 64, "{} commits", store.commits());
        assert_eq!(store.leaves(0, 100).await.unwrap().len(), 64);
    }

    #[tokio::test]
    async fn a_log_never_signs_back_nor_a_second_root() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let root = |n| Digest::new([n; 32]);
        store.put_signed(LogName::Directory, 5, root(1), vec![]).await.unwrap();
        let back = store.put_signed(LogName::Directory, 4, root(1), vec![]).await;
        assert_eq!(back, Err(StoreError::Conflict("a larger log was signed")));
        let fork = store.put_signed(LogName::Directory, 5, root(2), vec![]).await;
        assert_eq!(fork, Err(StoreError::Conflict("another root was signed for this size")));
        store.put_signed(LogName::Directory, 6, root(2), vec![]).await.unwrap();
    }

    #[tokio::test]
    async fn one_bad_request_does_not_spoil_its_neighbours() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        store.put_signed(LogName::Messages, 9, Digest::new([1; 32]), vec![]).await.unwrap();
        let bad = {
            let s = store.clone();
            tokio::spawn(
                async move { s.put_signed(LogName::Messages, 1, Digest::new([1; 32]), vec![]).await },
            )
        };
        let good = {
            let s = store.clone();
            tokio::spawn(async move { s.accept(message(1, &["MD/policy"], Precedence::Flash)).await })
        };
        assert!(matches!(bad.await.unwrap(), Err(StoreError::Conflict(_))));
        assert!(good.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_second_opener_is_refused_and_so_is_a_newer_database_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.sqlite");
        let store = RelayStore::open(&path).unwrap();
        assert!(matches!(RelayStore::open(&path), Err(StoreError::InUse(_))));
        store.close().await.unwrap();
        open(&dir).close().await.unwrap();
        let newer = dir.path().join("newer.sqlite");
        {
            let db = Connection::open(&newer).unwrap();
            db.execute_batch("CREATE TABLE x (y); PRAGMA user_version = 99").unwrap();
        }
        std::fs::set_permissions(&newer, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let before = std::fs::read(&newer).unwrap();
        assert_eq!(RelayStore::open(&newer).err(), Some(StoreError::Newer { found: 99, known: 1 }));
        assert_eq!(std::fs::read(&newer).unwrap(), before);
    }

    #[tokio::test]
    async fn a_damaged_payload_is_named_and_others_are_served() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let md: ContactPoint = "MD/policy".parse().unwrap();
        store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
        store.accept(message(2, &["MD/policy"], Precedence::Routine)).await.unwrap();
        store
            .0
            .call(|db| Ok(db.execute("UPDATE payload SET payload = x'00' WHERE idx = 0", [])?))
            .await
            .unwrap();
        let damaged = store.load(EnvelopeId(Digest::new([1; 32])), &md).await;
        assert!(matches!(damaged, Err(StoreError::Damaged(_))));
        assert!(store.load(EnvelopeId(Digest::new([2; 32])), &md).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_full_disk_accepts_nothing_and_goes_on_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        store.0.call(|db| Ok(db.execute_batch("PRAGMA max_page_count = 40")?)).await.ok();
        let mut full = None;
        for n in 1..=200 {
            let big =
                NewMessage { payload: vec![n; 10_000], ..message(n, &["MD/policy"], Precedence::Routine) };
            if let Err(error) = store.accept(big).await {
                full = Some(error);
                break;
            }
        }
        assert_eq!(full, Some(StoreError::Full));
        store.0.call(|db| Ok(db.execute_batch("PRAGMA max_page_count = 100000")?)).await.ok();
        store.accept(message(250, &["MD/policy"], Precedence::Routine)).await.unwrap();
    }
}
