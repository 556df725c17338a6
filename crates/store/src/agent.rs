//! What a node keeps: outbox, inbox, sealing keys, its copy of the directory, drafts, events.
//!
//! Sealed bytes and wrapped keys only: whoever copies this file reads nothing without the node's vault.
//! Rows of messages are never deleted, so that nothing that came once can come as new again.

mod courier;
mod drafts;
mod events;
mod find;
mod gossip;
mod inbox;
mod ladder;
mod mirror;
mod numbers;
mod outbox;
mod prekeys;
mod rejudged;
mod watching;

use std::path::Path;

use pouch_wire::Digest;

use crate::contracts::{StoredWhole, WitnessLife, WitnessMemory};
use crate::db::{Db, Kind};
use crate::error::StoreError;
use crate::rows::WitnessBirth;
use crate::witness;

const KIND: Kind = Kind {
    of: "a node",
    id: 0x5063_6841,
    migrations: &["
CREATE TABLE outbox (envelope BLOB PRIMARY KEY, notice BLOB, sealed BLOB NOT NULL, digest BLOB NOT NULL,
    precedence INTEGER NOT NULL, created INTEGER NOT NULL, not_after INTEGER NOT NULL,
    wrapped BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX outbox_notice ON outbox (notice);
CREATE INDEX outbox_created ON outbox (created) WHERE notice IS NOT NULL;
CREATE TABLE rung (envelope BLOB NOT NULL REFERENCES outbox, recipient TEXT NOT NULL, rung INTEGER NOT NULL,
    at INTEGER, detail TEXT, PRIMARY KEY (envelope, recipient)) STRICT, WITHOUT ROWID;
CREATE INDEX rung_open ON rung (envelope) WHERE rung < 2;
CREATE TABLE step (number INTEGER PRIMARY KEY, envelope BLOB NOT NULL REFERENCES outbox,
    recipient TEXT NOT NULL, rung INTEGER NOT NULL, at INTEGER, detail TEXT, receipt BLOB) STRICT;
CREATE INDEX step_envelope ON step (envelope);
CREATE TABLE carried (envelope BLOB NOT NULL REFERENCES outbox, relay TEXT NOT NULL, receipt BLOB,
    at INTEGER NOT NULL, PRIMARY KEY (envelope, relay)) STRICT, WITHOUT ROWID;
CREATE TABLE epoch (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;
INSERT INTO epoch (one, epoch) VALUES (1, 1);
CREATE TABLE sequence_out (recipient TEXT PRIMARY KEY, epoch INTEGER NOT NULL, n INTEGER NOT NULL,
    previous BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sequence_in (sender TEXT PRIMARY KEY, state BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE number (year INTEGER NOT NULL, addressees BLOB NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (year, addressees)) STRICT, WITHOUT ROWID;
CREATE TABLE inbox (envelope BLOB PRIMARY KEY, notice BLOB, number TEXT, sender TEXT NOT NULL,
    precedence INTEGER NOT NULL, created INTEGER NOT NULL, arrived_at INTEGER NOT NULL, acknowledged_at INTEGER,
    refused TEXT, order_words TEXT NOT NULL, stored BLOB NOT NULL, digest BLOB NOT NULL, wrapped BLOB NOT NULL,
    proof BLOB, log_relay TEXT, log_index INTEGER, expunged_at INTEGER, owes INTEGER NOT NULL DEFAULT 0,
    concerns BLOB) STRICT;
CREATE INDEX inbox_notice ON inbox (notice);
CREATE INDEX inbox_number ON inbox (number);
CREATE INDEX inbox_shown ON inbox (arrived_at) WHERE notice IS NOT NULL OR refused IS NOT NULL;
CREATE INDEX inbox_concerns ON inbox (concerns) WHERE concerns IS NOT NULL;
CREATE INDEX inbox_owes ON inbox (arrived_at) WHERE owes = 1;
CREATE INDEX inbox_unproven ON inbox (arrived_at)
    WHERE proof IS NULL AND notice IS NOT NULL AND log_relay IS NOT NULL;
CREATE TABLE prekey (id BLOB PRIMARY KEY, wrapped BLOB NOT NULL, usable_from INTEGER NOT NULL,
    usable_until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE mirror (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE TABLE accepted (one INTEGER PRIMARY KEY CHECK (one = 1), note BLOB NOT NULL, size INTEGER NOT NULL,
    root BLOB NOT NULL) STRICT;
CREATE TABLE fork (one BLOB NOT NULL, other BLOB NOT NULL, UNIQUE (one, other)) STRICT;
CREATE TABLE witness (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
CREATE TABLE draft (notice BLOB PRIMARY KEY, bytes BLOB NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, code TEXT NOT NULL,
    words TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
", "
ALTER TABLE inbox ADD COLUMN amends INTEGER NOT NULL DEFAULT 1;
CREATE INDEX inbox_amends ON inbox (concerns, arrived_at) WHERE amends = 1 AND concerns IS NOT NULL;
ALTER TABLE event ADD COLUMN alarm INTEGER NOT NULL DEFAULT 0;
UPDATE event SET alarm = 1 WHERE detail LIKE '%\"kind\":\"alarm\"%';
CREATE INDEX event_alarm ON event (number) WHERE alarm = 1;
", "
CREATE TABLE cited (office TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, signed BLOB NOT NULL,
    at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE contradiction (number INTEGER PRIMARY KEY AUTOINCREMENT, office TEXT NOT NULL, size INTEGER NOT NULL,
    root BLOB NOT NULL, signed BLOB NOT NULL, at INTEGER NOT NULL, ours BLOB NOT NULL, note BLOB NOT NULL,
    agreed INTEGER NOT NULL, settled_at INTEGER) STRICT;
CREATE INDEX contradiction_office ON contradiction (office);
CREATE TABLE promise (idx INTEGER NOT NULL, relay TEXT NOT NULL, statement BLOB NOT NULL, at INTEGER NOT NULL,
    broken_at INTEGER, kept INTEGER NOT NULL DEFAULT 0, UNIQUE (idx, statement)) STRICT;
", "
ALTER TABLE rung ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rung ADD COLUMN n INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rung_place ON rung (recipient, epoch, n) WHERE n > 0;
CREATE TABLE gap_told (sender TEXT PRIMARY KEY, gaps TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE equivocation (one BLOB NOT NULL, other BLOB NOT NULL, sender TEXT NOT NULL, at INTEGER NOT NULL,
    one_outside BLOB NOT NULL, other_outside BLOB, PRIMARY KEY (one, other)) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_refused ON inbox (sender, arrived_at) WHERE refused IS NOT NULL;
", "
ALTER TABLE outbox ADD COLUMN concerns BLOB;
CREATE INDEX outbox_concerns ON outbox (concerns) WHERE concerns IS NOT NULL;
CREATE INDEX inbox_sender ON inbox (sender) WHERE notice IS NOT NULL;
CREATE TABLE spoke (key BLOB NOT NULL, envelope BLOB NOT NULL, PRIMARY KEY (key, envelope)) STRICT, WITHOUT ROWID;
CREATE INDEX spoke_envelope ON spoke (envelope);
CREATE TABLE rejudged (entry INTEGER NOT NULL, envelope BLOB NOT NULL REFERENCES inbox, was INTEGER NOT NULL,
    PRIMARY KEY (entry, envelope)) STRICT, WITHOUT ROWID;
CREATE TABLE rejudged_until (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL) STRICT;
", "
CREATE TABLE witness_life (one INTEGER PRIMARY KEY CHECK (one = 1), mark BLOB, stopped TEXT) STRICT;
INSERT INTO witness_life (one, mark) SELECT 1, NULL WHERE EXISTS (SELECT 1 FROM witness);
", "
ALTER TABLE inbox ADD COLUMN exercise BLOB;
CREATE INDEX inbox_exercise ON inbox (exercise, arrived_at) WHERE exercise IS NOT NULL;
ALTER TABLE outbox ADD COLUMN exercise BLOB;
ALTER TABLE outbox ADD COLUMN secret BLOB;
ALTER TABLE outbox ADD COLUMN proof BLOB;
CREATE INDEX outbox_exercise ON outbox (exercise, created) WHERE exercise IS NOT NULL;
ALTER TABLE prekey ADD COLUMN exercise BLOB;
CREATE TABLE exercise_sequence_out (exercise BLOB NOT NULL, recipient TEXT NOT NULL, epoch INTEGER NOT NULL,
    n INTEGER NOT NULL, previous BLOB NOT NULL, PRIMARY KEY (exercise, recipient)) STRICT, WITHOUT ROWID;
CREATE TABLE exercise_sequence_in (exercise BLOB NOT NULL, sender TEXT NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (exercise, sender)) STRICT, WITHOUT ROWID;
", "
CREATE TABLE shown (relay TEXT NOT NULL, key BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (relay, key))
    STRICT, WITHOUT ROWID;
", "
CREATE TABLE refuted (office TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE beacon_out (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
", "
ALTER TABLE inbox ADD COLUMN courier_at INTEGER;
CREATE TABLE handed_over (envelope BLOB NOT NULL REFERENCES outbox, recipient TEXT NOT NULL, file BLOB NOT NULL,
    at INTEGER NOT NULL, PRIMARY KEY (envelope, recipient, file)) STRICT, WITHOUT ROWID;
", "
ALTER TABLE rung ADD COLUMN at_relay INTEGER NOT NULL DEFAULT 0;
UPDATE rung SET at_relay = 1 WHERE envelope IN (SELECT envelope FROM carried WHERE receipt IS NOT NULL);
CREATE INDEX rung_unlogged ON rung (envelope) WHERE at_relay = 0 AND rung BETWEEN 2 AND 4;
", "
ALTER TABLE carried ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;
"],
};

/// A node's database. Clones reach the same one.
#[derive(Debug, Clone)]
pub struct AgentStore(pub(crate) Db);

impl AgentStore {
    /// Opens the database of a node, or makes it.
    ///
    /// # Errors
    /// When it is in use, of a newer version, not a node's, readable by others, or cannot be opened;
    /// then it is as it was.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Db::open(path, &KIND).map(Self)
    }

    /// A database in memory, for tests and trials: it keeps nothing when it is dropped.
    ///
    /// # Errors
    /// When SQLite is too old or there is no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        Db::in_memory(&KIND).map(Self)
    }

    /// Ends after what waits, and returns when another may open the file. Later calls on any clone get
    /// [`StoreError::Closed`].
    ///
    /// # Errors
    /// When storage had failed before.
    pub async fn close(self) -> Result<(), StoreError> {
        self.0.close().await
    }

    /// Waits until nothing can be stored any more, and says why: storage failed, or it was closed.
    pub async fn until_ended(&self) -> StoreError {
        self.0.until_ended().await
    }

    /// How many transactions that wrote something were committed since the database was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.commits()
    }
}

impl StoredWhole for AgentStore {
    async fn scrub(&self) -> Result<Vec<String>, StoreError> {
        self.0.scrub().await
    }

    fn damaged(&self) -> Vec<String> {
        self.0.damaged().iter().cloned().collect()
    }

    async fn until_more_damage(&self, known: &[String]) -> Vec<String> {
        self.0.until_more_damage(known).await
    }
}

impl WitnessMemory for AgentStore {
    async fn witness_state(&self, origin: &str) -> Result<Option<(u64, Digest)>, StoreError> {
        witness::state(&self.0, origin).await
    }

    async fn put_witness_state(
        &self,
        origin: &str,
        old: Option<u64>,
        size: u64,
        root: Digest,
    ) -> Result<(), StoreError> {
        witness::put_state(&self.0, origin, old, size, root).await
    }
}

impl WitnessLife for AgentStore {
    async fn witness_birth(&self) -> Result<Option<WitnessBirth>, StoreError> {
        witness::birth(&self.0).await
    }

    async fn begin_witness(&self, mark: Digest) -> Result<(), StoreError> {
        witness::begin(&self.0, mark).await
    }

    async fn stop_witness(&self, reason: &str) -> Result<(), StoreError> {
        witness::stop(&self.0, reason).await
    }
}

#[cfg(test)]
mod tests {
    use pouch_wire::Timestamp;

    use super::*;
    use crate::contracts::Outbox as _;

    #[tokio::test]
    async fn of_what_an_older_program_sent_only_what_no_relay_had_goes_to_one_still() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.sqlite");
        let before = Kind { of: KIND.of, id: KIND.id, migrations: &KIND.migrations[..10] };
        let old = AgentStore(Db::open(&path, &before).unwrap());
        let rows = |db: &rusqlite::Connection| {
            for n in [1, 2, 3] {
                db.execute(
                    "INSERT INTO outbox (envelope, sealed, digest, precedence, created, not_after, wrapped)
                     VALUES (?1, x'', x'', 0, 1, 9, x'')",
                    [[n; 32]],
                )?;
                let sql = "INSERT INTO rung (envelope, recipient, rung) VALUES (?1, 'MD/policy', 3)";
                db.execute(sql, [[n; 32]])?;
            }
            // A relay had the first, and another refused the second.
            let sql = "INSERT INTO carried (envelope, relay, receipt, at) VALUES (?1, 'b', ?2, 1)";
            db.execute(sql, rusqlite::params![[1_u8; 32], [7_u8]])?;
            db.execute(sql, rusqlite::params![[2_u8; 32], rusqlite::types::Null])?;
            Ok(())
        };
        old.0.call(rows).await.unwrap();
        old.close().await.unwrap();
        let store = AgentStore::open(&path).unwrap();
        let rows = store.uncarried("a", 1, Timestamp(5)).await.unwrap();
        let found: Vec<_> = rows.iter().map(|row| row.envelope.as_bytes()[0]).collect();
        assert_eq!(found, [2, 3]);
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_memory_of_before_there_were_marks_takes_one_and_an_empty_one_does_not() {
        for cosigned in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("node.sqlite");
            let before = Kind { of: KIND.of, id: KIND.id, migrations: &KIND.migrations[..5] };
            let old = AgentStore(Db::open(&path, &before).unwrap());
            if cosigned {
                old.put_witness_state("log", None, 3, Digest::new([1; 32])).await.unwrap();
            }
            old.close().await.unwrap();
            let store = AgentStore::open(&path).unwrap();
            let birth = store.witness_birth().await.unwrap();
            assert_eq!(birth.map(|birth| birth.mark), cosigned.then_some(None));
            store.close().await.unwrap();
        }
    }
}
