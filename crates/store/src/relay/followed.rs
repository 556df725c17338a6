//! Another relay's directory log, as one that only follows it has it.
//!
//! Entries and the checkpoint that covers them come in one step, and neither ever goes back. A checkpoint
//! that was accepted stands where a signed one would: a relay that takes the sequencer's place later signs
//! nothing that contradicts what it followed.

use rusqlite::params;

use crate::contracts::Followed;
use crate::error::StoreError;
use crate::relay::{RelayStore, checkpoints, directory_log};
use crate::rows::{FollowedStep, ForkRow};

impl Followed for RelayStore {
    async fn follow(&self, step: FollowedStep) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let FollowedStep { from, entries, size, root, note } = &step;
                directory_log::append(db, Some(*from), entries)?;
                checkpoints::put_followed(db, *size, *root, note)
            })
            .await
    }

    async fn put_fork(&self, one: Vec<u8>, other: Vec<u8>) -> Result<(), StoreError> {
        self.0
            .call(move |db| {
                let sql = "INSERT INTO fork (one, other) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                db.prepare_cached(sql)?.execute(params![one, other])?;
                Ok(())
            })
            .await
    }

    async fn forks(&self) -> Result<Vec<ForkRow>, StoreError> {
        self.0
            .call(|db| {
                let mut statement = db.prepare_cached(
                    "SELECT one, other FROM fork WHERE kept(whole, 'fork', rowid) ORDER BY rowid",
                )?;
                let rows =
                    statement.query_map([], |row| Ok(ForkRow { one: row.get(0)?, other: row.get(1)? }))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
