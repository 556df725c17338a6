//! What a relay keeps: messages until they are taken, the message log, the directory log, checkpoints.
//!
//! A relay's database holds sealed bytes and who wrote to whom; it must never hold anything that opens
//! a message.

mod checkpoints;
mod directory_log;
mod epoch;
mod followed;
mod mailboxes;
mod mending;
mod message_log;
mod meta;
mod queue;

#[cfg(test)]
pub(crate) use message_log::record_digest;

use std::path::Path;

use pouch_wire::Digest;

use crate::contracts::{StoredWhole, WitnessMemory};
use crate::db::{Db, Kind};
use crate::error::StoreError;
use crate::witness;

/// Usage per sender is kept by triggers, so that no way of deleting a payload can forget it.
pub(crate) const KIND: Kind = Kind {
    of: "a relay",
    id: 0x5063_6852,
    migrations: &[
        "
CREATE TABLE message_log (idx INTEGER PRIMARY KEY, envelope BLOB NOT NULL UNIQUE, leaf BLOB NOT NULL,
    header BLOB NOT NULL, signature BLOB NOT NULL, accepted_at INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE payload (envelope BLOB PRIMARY KEY, sender TEXT NOT NULL, precedence INTEGER NOT NULL,
    idx INTEGER NOT NULL, not_after INTEGER NOT NULL, len INTEGER NOT NULL, digest BLOB NOT NULL,
    payload BLOB NOT NULL) STRICT;
CREATE INDEX payload_not_after ON payload (not_after);
CREATE TABLE usage (sender TEXT PRIMARY KEY, bytes INTEGER NOT NULL, messages INTEGER NOT NULL) STRICT;
CREATE TRIGGER usage_more AFTER INSERT ON payload BEGIN
    INSERT INTO usage (sender, bytes, messages) VALUES (new.sender, new.len, 1)
    ON CONFLICT (sender) DO UPDATE SET bytes = bytes + new.len, messages = messages + 1;
END;
CREATE TRIGGER usage_less AFTER DELETE ON payload BEGIN
    UPDATE usage SET bytes = bytes - old.len, messages = messages - 1 WHERE sender = old.sender;
END;
CREATE TABLE mailbox (recipient TEXT NOT NULL, precedence INTEGER NOT NULL, sender TEXT NOT NULL,
    idx INTEGER NOT NULL, envelope BLOB NOT NULL REFERENCES payload, stanza BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX mailbox_order ON mailbox (recipient, precedence, sender, idx);
CREATE UNIQUE INDEX mailbox_envelope ON mailbox (envelope, recipient);
CREATE TABLE directory_log (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint (log INTEGER PRIMARY KEY, signed_size INTEGER NOT NULL, signed_root BLOB NOT NULL,
    signed BLOB NOT NULL, published_size INTEGER, published BLOB) STRICT;
CREATE TABLE witness (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
",
        "
CREATE TABLE fork (one BLOB NOT NULL, other BLOB NOT NULL, PRIMARY KEY (one, other)) STRICT;
",
        // From here on every row has a checksum: `db/sums.rs`.
        "
CREATE TABLE epoch (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;
INSERT INTO epoch (one, epoch) VALUES (1, 1);
",
        "
ALTER TABLE message_log ADD COLUMN demotion BLOB;
ALTER TABLE payload ADD COLUMN stanzas INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER usage_more;
DROP TRIGGER usage_less;
CREATE TRIGGER usage_more AFTER INSERT ON payload BEGIN
    INSERT INTO usage (sender, bytes, messages) VALUES (new.sender, new.len + new.stanzas, 1)
    ON CONFLICT (sender) DO UPDATE SET bytes = bytes + new.len + new.stanzas, messages = messages + 1;
END;
CREATE TRIGGER usage_less AFTER DELETE ON payload BEGIN
    UPDATE usage SET bytes = bytes - old.len - old.stanzas, messages = messages - 1 WHERE sender = old.sender;
END;
",
    ],
};

/// A relay's database. Clones reach the same one.
#[derive(Debug, Clone)]
pub struct RelayStore(pub(crate) Db);

impl RelayStore {
    /// Opens the database of a relay, or makes it.
    ///
    /// # Errors
    /// When it is in use, of a newer version, not a relay's, readable by others, or cannot be opened;
    /// then it is as it was.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Db::open(path, &KIND).map(Self)
    }

    /// Opens it without looking at checksums of rows, so that a harness can show what they are for. No shipped
    /// program has it.
    ///
    /// # Errors
    /// Like [`Self::open`].
    #[cfg(debug_assertions)]
    #[doc(hidden)]
    pub fn open_trusting(path: &Path) -> Result<Self, StoreError> {
        Db::open_trusting(path, &KIND).map(Self)
    }

    /// A database in memory, for tests and trials: it keeps nothing when it is dropped.
    ///
    /// # Errors
    /// When SQLite is too old or there is no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        Db::in_memory(&KIND).map(Self)
    }

    /// A handle whose requests go before those of the others: for what is urgent, and little.
    #[must_use]
    pub fn urgent(&self) -> Self {
        Self(self.0.urgent())
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

    /// How many transactions that wrote something were committed since the database was opened; each is
    /// one wait for the disk, whatever the number of requests in it.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.commits()
    }
}

impl StoredWhole for RelayStore {
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

impl WitnessMemory for RelayStore {
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
