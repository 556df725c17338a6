//! Which statements this node put into the directory itself: what it did not make, it tells of.

use std::collections::VecDeque;

use pouch_crypto::sha256;
use pouch_store::{AgentStore, Promises as _, StoreError};
use pouch_wire::Digest;

/// The newest of them. Bounded: an older one is in the mirror long since.
#[derive(Debug, Default)]
pub(crate) struct Made(VecDeque<Digest>);

impl Made {
    /// What was published before the node stopped and is not in the mirror yet.
    pub(crate) async fn restore(store: &AgentStore) -> Result<Self, StoreError> {
        let mut made = Self::default();
        for row in store.promises().await? {
            made.note(&row.statement);
        }
        Ok(made)
    }

    /// Notes a statement before it leaves.
    pub(crate) fn note(&mut self, statement: &[u8]) {
        if self.0.len() >= MADE_MAX {
            self.0.pop_front();
        }
        self.0.push_back(sha256(statement));
    }

    /// Whether this node made an entry.
    pub(crate) fn has(&self, entry: &[u8]) -> bool {
        self.0.contains(&sha256(entry))
    }
}

const MADE_MAX: usize = 1024;
