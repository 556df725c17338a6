//! What a node keeps: outbox, inbox, sealing keys, its copy of the directory, drafts, events.

use std::path::Path;

use pouch_wire::{ContactPoint, Digest, EnvelopeId, KeyId, NoticeId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::db::{Db, Migrations, int, uint};
use crate::error::StoreError;
use crate::relay::{point, precedence};
use crate::rows::{
    Arrival, ArrivalRow, Draft, EventRow, NewEvent, NewRefusal, Outgoing, OutgoingRow, PrekeyRow, Rung,
    RungRow, Sequence, TakenIn,
};

const MIGRATIONS: Migrations = &["
CREATE TABLE outbox (envelope BLOB PRIMARY KEY, notice BLOB, sealed BLOB NOT NULL, precedence INTEGER NOT NULL,
    created INTEGER NOT NULL, not_after INTEGER NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE INDEX outbox_notice ON outbox (notice);
CREATE TABLE rung (envelope BLOB NOT NULL REFERENCES outbox, recipient TEXT NOT NULL, rung INTEGER NOT NULL,
    at INTEGER, detail TEXT, PRIMARY KEY (envelope, recipient)) STRICT, WITHOUT ROWID;
CREATE TABLE carried (envelope BLOB NOT NULL REFERENCES outbox, relay TEXT NOT NULL, receipt BLOB,
    PRIMARY KEY (envelope, relay)) STRICT, WITHOUT ROWID;
CREATE TABLE sequence_out (recipient TEXT PRIMARY KEY, epoch INTEGER NOT NULL, n INTEGER NOT NULL,
    previous BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sequence_in (sender TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE number (year INTEGER NOT NULL, addressees BLOB NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (year, addressees)) STRICT, WITHOUT ROWID;
CREATE TABLE inbox (envelope BLOB PRIMARY KEY, notice BLOB, number TEXT, sender TEXT NOT NULL,
    precedence INTEGER NOT NULL, created INTEGER NOT NULL, arrived_at INTEGER NOT NULL, acknowledged_at INTEGER,
    refused TEXT, order_words TEXT NOT NULL, stored BLOB NOT NULL, wrapped BLOB NOT NULL, proof BLOB,
    log_relay TEXT, log_index INTEGER) STRICT;
CREATE INDEX inbox_notice ON inbox (notice);
CREATE TABLE prekey (id BLOB PRIMARY KEY, wrapped BLOB NOT NULL, usable_from INTEGER NOT NULL,
    usable_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE mirror (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE TABLE accepted (one INTEGER PRIMARY KEY CHECK (one = 1), note BLOB NOT NULL, size INTEGER NOT NULL,
    root BLOB NOT NULL) STRICT;
CREATE TABLE fork (one BLOB NOT NULL, other BLOB NOT NULL, PRIMARY KEY (one, other)) STRICT;
CREATE TABLE witness (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
CREATE TABLE draft (notice BLOB PRIMARY KEY, bytes BLOB NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, code TEXT NOT NULL,
    words TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
"];

/// A node's database.
#[derive(Debug, Clone)]
pub struct AgentStore(Db);

impl AgentStore {
    /// Opens the database of a node, or makes it.
    ///
    /// # Errors
    /// When it is in use, of a newer version, readable by others, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Db::open(path, MIGRATIONS).map(Self)
    }

    /// The next places in the sequence to each recipient. They are taken by [`AgentStore::enqueue`].
    ///
    /// # Errors
    /// When storage failed.
    pub async fn reserve(&self, recipients: Vec<ContactPoint>) -> Result<Vec<Sequence>, StoreError> {
        self.0
            .call(move |db| recipients.into_iter().map(|recipient| next_place(db, recipient)).collect())
            .await
    }

    /// The next number of notices to these addressees in this year.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn next_number(&self, year: u16, addressees: Digest) -> Result<u32, StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO number (year, addressees, last) VALUES (?1, ?2, 1)
                    ON CONFLICT (year, addressees) DO UPDATE SET last = last + 1 RETURNING last";
                Ok(db.query_row(sql, params![year, addressees.as_bytes()], |row| row.get(0))?)
            })
            .await
    }

    /// Keeps a sealed message to send, and takes its places in the sequences.
    ///
    /// # Errors
    /// When the places were taken meanwhile, or storage failed.
    pub async fn enqueue(&self, outgoing: Outgoing) -> Result<(), StoreError> {
        self.0.call(move |db| enqueue(db, &outgoing)).await
    }

    /// Messages that a relay has not accepted yet, most urgent first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn uncarried(&self, relay: &str, now: Timestamp) -> Result<Vec<OutgoingRow>, StoreError> {
        let relay = relay.to_owned();
        self.0
            .call(move |db| {
                let sql = format!(
                    "SELECT {OUTGOING} FROM outbox o WHERE not_after > ?2 AND NOT EXISTS
                    (SELECT 1 FROM carried c WHERE c.envelope = o.envelope AND c.relay = ?1)
                    AND EXISTS (SELECT 1 FROM rung r WHERE r.envelope = o.envelope AND r.rung < 2)
                    ORDER BY precedence, created"
                );
                outgoing_rows(db, &sql, params![relay, int(now.0)])
            })
            .await
    }

    /// A relay accepted a message; recipients that were queued are on the first rung now. A refusal has
    /// no receipt.
    ///
    /// # Errors
    /// When storage failed.
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
                db.execute(
                    "INSERT OR REPLACE INTO carried (envelope, relay, receipt) VALUES (?1, ?2, ?3)",
                    params![envelope.as_bytes(), relay, receipt],
                )?;
                if receipt.is_some() {
                    let sql = "UPDATE rung SET rung = 1, at = ?2 WHERE envelope = ?1 AND rung = 0";
                    db.execute(sql, params![envelope.as_bytes(), int(at.0)])?;
                }
                Ok(())
            })
            .await
    }

    /// A recipient of a sent message got further, or refused it. Nobody goes back.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn climb(&self, envelope: EnvelopeId, row: RungRow) -> Result<(), StoreError> {
        self.0.call(move |db| climb(db, envelope, &row)).await
    }

    /// Everyone's rung of a sent message.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn ladder(&self, envelope: EnvelopeId) -> Result<Vec<RungRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "SELECT recipient, rung, at, detail FROM rung WHERE envelope = ?1 ORDER BY recipient";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map([envelope.as_bytes()], |row| {
                    Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, row.get(3)?))
                })?;
                rows.map(|row| {
                    let (recipient, rung, at, detail) = row?;
                    Ok(RungRow {
                        recipient: point(&recipient)?,
                        rung: Rung::of(rung),
                        at: at.map(|at| Timestamp(uint(at))),
                        detail,
                    })
                })
                .collect()
            })
            .await
    }

    /// Sent notices, newest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn outbox(&self, limit: u32) -> Result<Vec<OutgoingRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = format!("SELECT {OUTGOING} FROM outbox WHERE notice IS NOT NULL ORDER BY created DESC, rowid DESC LIMIT ?1");
                outgoing_rows(db, &sql, [limit])
            })
            .await
    }

    /// Keeps a verified arrival: the row, the sender's sequence, whose rung it moves and the receipt to
    /// send, all or nothing.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn take_in(&self, arrival: Arrival) -> Result<TakenIn, StoreError> {
        self.0.call(move |db| take_in(db, &arrival)).await
    }

    /// Keeps a refused arrival and why.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn refuse_in(&self, refusal: NewRefusal) -> Result<TakenIn, StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "INSERT OR IGNORE INTO inbox (envelope, sender, precedence, created, arrived_at, refused,
                    order_words, stored, wrapped) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', ?7, x'')";
                let new = db.execute(
                    sql,
                    params![
                        refusal.envelope.as_bytes(),
                        refusal.sender.to_string(),
                        refusal.precedence.rank(),
                        int(refusal.created.0),
                        int(refusal.arrived_at.0),
                        refusal.verdict,
                        refusal.stored
                    ],
                )?;
                Ok(if new > 0 { TakenIn::New } else { TakenIn::Duplicate })
            })
            .await
    }

    /// Whether a message arrived before.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn has_arrived(&self, envelope: EnvelopeId) -> Result<bool, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT 1 FROM inbox WHERE envelope = ?1";
                Ok(db.prepare_cached(sql)?.exists([envelope.as_bytes()])?)
            })
            .await
    }

    /// Received notices and refusals, newest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn inbox(&self, unacknowledged: bool, limit: u32) -> Result<Vec<ArrivalRow>, StoreError> {
        self.0
            .call(move |db| {
                let only =
                    if unacknowledged { "AND acknowledged_at IS NULL AND refused IS NULL" } else { "" };
                let sql = format!(
                    "SELECT {ARRIVAL} FROM inbox WHERE (notice IS NOT NULL OR refused IS NOT NULL) {only}
                    ORDER BY arrived_at DESC, rowid DESC LIMIT ?1"
                );
                arrival_rows(db, &sql, [limit])
            })
            .await
    }

    /// Received notices whose number is this, or whose envelope's or notice's id begins so; at most two.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn find_arrival(&self, wanted: &str) -> Result<Vec<ArrivalRow>, StoreError> {
        let (number, beginning) = (wanted.to_owned(), like(wanted));
        self.0
            .call(move |db| {
                let sql = format!(
                    "SELECT {ARRIVAL} FROM inbox WHERE (notice IS NOT NULL OR refused IS NOT NULL) AND
                    (number = ?1 OR lower(hex(envelope)) LIKE ?2 OR lower(hex(notice)) LIKE ?2) LIMIT 2"
                );
                arrival_rows(db, &sql, params![number, beginning])
            })
            .await
    }

    /// Sent notices whose envelope's or notice's id begins so; at most two.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn find_outgoing(&self, wanted: &str) -> Result<Vec<OutgoingRow>, StoreError> {
        let beginning = like(wanted);
        self.0
            .call(move |db| {
                let sql = format!(
                    "SELECT {OUTGOING} FROM outbox WHERE notice IS NOT NULL AND
                    (lower(hex(envelope)) LIKE ?1 OR lower(hex(notice)) LIKE ?1) LIMIT 2"
                );
                outgoing_rows(db, &sql, params![beginning])
            })
            .await
    }

    /// An officer acknowledged a notice: the mark and the receipt to send, both or neither.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn acknowledge(
        &self,
        envelope: EnvelopeId,
        at: Timestamp,
        receipt: Outgoing,
    ) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "UPDATE inbox SET acknowledged_at = coalesce(acknowledged_at, ?2) WHERE envelope = ?1";
                db.execute(sql, params![envelope.as_bytes(), int(at.0)])?;
                enqueue(db, &receipt)
            })
            .await
    }

    /// Arrivals whose place in a relay's log is promised and not proved.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn unproven(&self, limit: u32) -> Result<Vec<ArrivalRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = format!(
                    "SELECT {ARRIVAL} FROM inbox WHERE proof IS NULL AND notice IS NOT NULL
                    AND log_relay IS NOT NULL ORDER BY arrived_at LIMIT ?1"
                );
                arrival_rows(db, &sql, [limit])
            })
            .await
    }

    /// Keeps the proof that an arrival is logged.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_proof(&self, envelope: EnvelopeId, proof: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                db.execute(
                    "UPDATE inbox SET proof = ?2 WHERE envelope = ?1",
                    params![envelope.as_bytes(), proof],
                )?;
                Ok(())
            })
            .await
    }

    /// What is known of the order of a sender's messages.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn sequence_in(&self, sender: &ContactPoint) -> Result<Option<Vec<u8>>, StoreError> {
        let sender = sender.to_string();
        self.0
            .call(move |db| {
                let sql = "SELECT state FROM sequence_in WHERE sender = ?1";
                Ok(db.query_row(sql, [sender], |row| row.get(0)).optional()?)
            })
            .await
    }

    /// Keeps a sealing key's secret.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_prekey(&self, row: PrekeyRow) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql =
                    "INSERT INTO prekey (id, wrapped, usable_from, usable_until) VALUES (?1, ?2, ?3, ?4)";
                db.execute(
                    sql,
                    params![row.id.as_bytes(), row.wrapped, int(row.usable_from.0), int(row.usable_until.0)],
                )?;
                Ok(())
            })
            .await
    }

    /// All sealing keys that are kept, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn prekeys(&self) -> Result<Vec<PrekeyRow>, StoreError> {
        self.0
            .call(|db| {
                let mut statement = db.prepare_cached(
                    "SELECT id, wrapped, usable_from, usable_until FROM prekey ORDER BY usable_until",
                )?;
                let rows = statement.query_map([], prekey_row)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// One sealing key, for as long as it is kept.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn prekey(&self, id: KeyId) -> Result<Option<PrekeyRow>, StoreError> {
        self.0
            .call(move |db| {
                let sql = "SELECT id, wrapped, usable_from, usable_until FROM prekey WHERE id = ?1";
                Ok(db.query_row(sql, [id.as_bytes()], prekey_row).optional()?)
            })
            .await
    }

    /// Destroys a sealing key's secret: it is overwritten, in the database and its log.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn destroy_prekey(&self, id: KeyId) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                db.execute("DELETE FROM prekey WHERE id = ?1", [id.as_bytes()])?;
                Ok(())
            })
            .await
    }

    /// How many entries the copy of the directory has.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn mirror_size(&self) -> Result<u64, StoreError> {
        self.0.call(|db| Ok(uint(db.query_row("SELECT count(*) FROM mirror", [], |row| row.get(0))?))).await
    }

    /// Begins the copy with what came by hand.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn seed_mirror(&self, entries: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.0.call(move |db| put_entries(db, 0, &entries)).await
    }

    /// Takes new entries and the checkpoint that they lie in, all or nothing.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn append_mirror(
        &self,
        from: u64,
        entries: Vec<Vec<u8>>,
        note: Vec<u8>,
        size: u64,
        root: Digest,
    ) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                put_entries(db, from, &entries)?;
                let sql = "INSERT INTO accepted (one, note, size, root) VALUES (1, ?1, ?2, ?3)
                    ON CONFLICT (one) DO UPDATE SET note = ?1, size = ?2, root = ?3";
                db.execute(sql, params![note, int(size), root.as_bytes()])?;
                Ok(())
            })
            .await
    }

    /// Entries of the copy.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn entries(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0
            .call(move |db| {
                let mut statement =
                    db.prepare_cached("SELECT entry FROM mirror WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?;
                let rows = statement.query_map(params![int(from), count], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The newest checkpoint that was accepted.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn accepted_note(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.0
            .call(|db| Ok(db.query_row("SELECT note FROM accepted", [], |row| row.get(0)).optional()?))
            .await
    }

    /// Keeps two checkpoints that contradict each other.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_fork(&self, one: Vec<u8>, other: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                db.execute("INSERT OR IGNORE INTO fork (one, other) VALUES (?1, ?2)", params![one, other])?;
                Ok(())
            })
            .await
    }

    /// Whether checkpoints that contradict each other were kept.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn has_forks(&self) -> Result<bool, StoreError> {
        self.0.call(|db| Ok(db.prepare_cached("SELECT 1 FROM fork")?.exists([])?)).await
    }

    /// What this witness cosigned last of a log.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn witness_state(&self, origin: &str) -> Result<Option<(u64, Digest)>, StoreError> {
        let origin = origin.to_owned();
        self.0
            .call(move |db| {
                let sql = "SELECT size, root FROM witness WHERE origin = ?1";
                let row = |row: &Row<'_>| Ok((uint(row.get(0)?), Digest::new(row.get(1)?)));
                Ok(db.query_row(sql, [origin], row).optional()?)
            })
            .await
    }

    /// Remembers what this witness cosigns, before it answers.
    ///
    /// # Errors
    /// When another size was remembered meanwhile, or storage failed.
    pub async fn put_witness_state(
        &self,
        origin: &str,
        old: Option<u64>,
        size: u64,
        root: Digest,
    ) -> Result<(), StoreError> {
        let origin = origin.to_owned();
        self.0
            .call(move |db| {
                let known: Option<i64> = db
                    .query_row("SELECT size FROM witness WHERE origin = ?1", [&origin], |row| row.get(0))
                    .optional()?;
                if known.map(uint) != old {
                    return Err(StoreError::Conflict("the witness moved on meanwhile"));
                }
                let sql = "INSERT INTO witness (origin, size, root) VALUES (?1, ?2, ?3)
                    ON CONFLICT (origin) DO UPDATE SET size = ?2, root = ?3";
                db.execute(sql, params![origin, int(size), root.as_bytes()])?;
                Ok(())
            })
            .await
    }

    /// Keeps a draft, or its new state.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_draft(&self, draft: Draft) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO draft (notice, bytes, created) VALUES (?1, ?2, ?3)
                    ON CONFLICT (notice) DO UPDATE SET bytes = ?2";
                db.execute(sql, params![draft.notice.as_bytes(), draft.bytes, int(draft.created.0)])?;
                Ok(())
            })
            .await
    }

    /// All drafts, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn drafts(&self) -> Result<Vec<Draft>, StoreError> {
        self.0
            .call(|db| {
                let mut statement =
                    db.prepare_cached("SELECT notice, bytes, created FROM draft ORDER BY created, notice")?;
                let rows = statement.query_map([], |row| {
                    let notice = NoticeId(Digest::new(row.get(0)?));
                    Ok(Draft { notice, bytes: row.get(1)?, created: Timestamp(uint(row.get(2)?)) })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Forgets a draft.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn delete_draft(&self, notice: NoticeId) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                db.execute("DELETE FROM draft WHERE notice = ?1", [notice.as_bytes()])?;
                Ok(())
            })
            .await
    }

    /// Keeps an event; its number.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn put_event(&self, event: NewEvent) -> Result<u64, StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO event (at, code, words, detail) VALUES (?1, ?2, ?3, ?4)";
                db.execute(sql, params![int(event.at.0), event.code, event.words, event.detail])?;
                Ok(uint(db.last_insert_rowid()))
            })
            .await
    }

    /// Events after a number, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn events(&self, after: u64, count: u32) -> Result<Vec<EventRow>, StoreError> {
        self.event_rows(
            "SELECT number, at, code, words, detail FROM event WHERE number > ?1 ORDER BY number LIMIT ?2",
            after,
            count,
        )
        .await
    }

    /// The newest events, newest first.
    ///
    /// # Errors
    /// When storage failed.
    pub async fn newest_events(&self, count: u32) -> Result<Vec<EventRow>, StoreError> {
        self.event_rows("SELECT number, at, code, words, detail FROM event WHERE number > ?1 ORDER BY number DESC LIMIT ?2", 0, count)
            .await
    }

    async fn event_rows(
        &self,
        sql: &'static str,
        after: u64,
        count: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.0
            .call(move |db| {
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map(params![int(after), count], |row| {
                    Ok(EventRow {
                        number: uint(row.get(0)?),
                        at: Timestamp(uint(row.get(1)?)),
                        code: row.get(2)?,
                        words: row.get(3)?,
                        detail: row.get(4)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

const OUTGOING: &str = "envelope, notice, sealed, precedence, created, not_after, wrapped";
const ARRIVAL: &str =
    "envelope, notice, number, sender, precedence, created, arrived_at, acknowledged_at, refused,
    order_words, stored, wrapped, proof, log_relay, log_index";

/// A pattern for ids that begin with hexadecimal digits; nothing else matches anything.
fn like(wanted: &str) -> String {
    let digits = wanted.to_lowercase();
    let fits = digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if fits { format!("{digits}%") } else { String::new() }
}

fn prekey_row(row: &Row<'_>) -> rusqlite::Result<PrekeyRow> {
    Ok(PrekeyRow {
        id: KeyId(Digest::new(row.get(0)?)),
        wrapped: row.get(1)?,
        usable_from: Timestamp(uint(row.get(2)?)),
        usable_until: Timestamp(uint(row.get(3)?)),
    })
}

fn next_place(db: &Connection, recipient: ContactPoint) -> Result<Sequence, StoreError> {
    let known = db
        .prepare_cached("SELECT epoch, n, previous FROM sequence_out WHERE recipient = ?1")?
        .query_row([recipient.to_string()], |row| {
            Ok((uint(row.get(0)?), uint(row.get(1)?), row.get::<_, [u8; 32]>(2)?))
        })
        .optional()?;
    let (epoch, n, previous) = known.unwrap_or((1, 0, [0; 32]));
    Ok(Sequence { recipient, epoch, n: n.saturating_add(1), previous: EnvelopeId(Digest::new(previous)) })
}

fn enqueue(db: &Connection, outgoing: &Outgoing) -> Result<(), StoreError> {
    for place in &outgoing.sequence {
        if next_place(db, place.recipient.clone())? != *place {
            return Err(StoreError::Conflict("the place in the sequence was taken meanwhile"));
        }
    }
    db.prepare_cached(
        "INSERT INTO outbox (envelope, notice, sealed, precedence, created, not_after, wrapped)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        outgoing.envelope.as_bytes(),
        outgoing.notice.as_ref().map(NoticeId::as_bytes),
        outgoing.sealed,
        outgoing.precedence.rank(),
        int(outgoing.created.0),
        int(outgoing.not_after.0),
        outgoing.wrapped
    ])?;
    for place in &outgoing.sequence {
        let recipient = place.recipient.to_string();
        db.prepare_cached(
            "INSERT INTO sequence_out (recipient, epoch, n, previous) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (recipient) DO UPDATE SET epoch = ?2, n = ?3, previous = ?4",
        )?
        .execute(params![
            recipient,
            int(place.epoch),
            int(place.n),
            outgoing.envelope.as_bytes()
        ])?;
        db.prepare_cached("INSERT INTO rung (envelope, recipient, rung) VALUES (?1, ?2, 0)")?
            .execute(params![outgoing.envelope.as_bytes(), recipient])?;
    }
    Ok(())
}

fn climb(db: &Connection, envelope: EnvelopeId, row: &RungRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE rung SET rung = ?3, at = ?4, detail = ?5 WHERE envelope = ?1 AND recipient = ?2 AND rung < ?3",
    )?
    .execute(params![
        envelope.as_bytes(),
        row.recipient.to_string(),
        i64::from(row.rung as u8),
        row.at.map(|at| int(at.0)),
        row.detail
    ])?;
    Ok(())
}

fn take_in(db: &Connection, arrival: &Arrival) -> Result<TakenIn, StoreError> {
    let (relay, index) = match &arrival.log {
        Some((relay, index)) => (Some(relay), Some(int(*index))),
        None => (None, None),
    };
    let new = db
        .prepare_cached(
            "INSERT OR IGNORE INTO inbox (envelope, notice, number, sender, precedence, created, arrived_at,
             order_words, stored, wrapped, log_relay, log_index) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            arrival.envelope.as_bytes(),
            arrival.notice.as_ref().map(NoticeId::as_bytes),
            arrival.number,
            arrival.sender.to_string(),
            arrival.precedence.rank(),
            int(arrival.created.0),
            int(arrival.arrived_at.0),
            arrival.order,
            arrival.stored,
            arrival.wrapped,
            relay,
            index
        ])?;
    if new == 0 {
        return Ok(TakenIn::Duplicate);
    }
    db.prepare_cached(
        "INSERT INTO sequence_in (sender, state) VALUES (?1, ?2) ON CONFLICT (sender) DO UPDATE SET state = ?2",
    )?
    .execute(params![arrival.sender.to_string(), arrival.sequence])?;
    if let Some((envelope, row)) = &arrival.progress {
        climb(db, *envelope, row)?;
    }
    if let Some(receipt) = &arrival.receipt {
        enqueue(db, receipt)?;
    }
    Ok(TakenIn::New)
}

fn put_entries(db: &Connection, from: u64, entries: &[Vec<u8>]) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached("INSERT INTO mirror (idx, entry) VALUES (?1, ?2)")?;
    for (index, entry) in (from..).zip(entries) {
        insert.execute(params![int(index), entry])?;
    }
    Ok(())
}

fn outgoing_rows(
    db: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<OutgoingRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(OutgoingRow {
            envelope: EnvelopeId(Digest::new(row.get(0)?)),
            notice: row.get::<_, Option<[u8; 32]>>(1)?.map(|id| NoticeId(Digest::new(id))),
            sealed: row.get(2)?,
            precedence: precedence(row.get(3)?)?,
            created: Timestamp(uint(row.get(4)?)),
            not_after: Timestamp(uint(row.get(5)?)),
            wrapped: row.get(6)?,
        });
    }
    Ok(found)
}

fn arrival_rows(
    db: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<ArrivalRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let relay: Option<String> = row.get(13)?;
        let index: Option<i64> = row.get(14)?;
        found.push(ArrivalRow {
            envelope: EnvelopeId(Digest::new(row.get(0)?)),
            notice: row.get::<_, Option<[u8; 32]>>(1)?.map(|id| NoticeId(Digest::new(id))),
            number: row.get(2)?,
            sender: point(&row.get::<_, String>(3)?)?,
            precedence: precedence(row.get(4)?)?,
            created: Timestamp(uint(row.get(5)?)),
            arrived_at: Timestamp(uint(row.get(6)?)),
            acknowledged_at: row.get::<_, Option<i64>>(7)?.map(|at| Timestamp(uint(at))),
            refused: row.get(8)?,
            order: row.get(9)?,
            stored: row.get(10)?,
            wrapped: row.get(11)?,
            proof: row.get(12)?,
            log: relay.zip(index.map(uint)),
        });
    }
    Ok(found)
}
