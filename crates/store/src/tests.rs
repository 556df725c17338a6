//! SQLite, put through the promises of the contracts, and what only this engine can show.

mod classes;
mod damage;
mod engine;

use std::path::PathBuf;

use crate::conformance::{self, Engine};
use crate::{AgentStore, RelayStore};

/// A database file of its own.
struct Sqlite<S> {
    dir: tempfile::TempDir,
    open: fn(&std::path::Path) -> Result<S, crate::StoreError>,
}

impl<S> Sqlite<S> {
    fn path(&self) -> PathBuf {
        self.dir.path().join("test.sqlite")
    }
}

fn relay() -> Sqlite<RelayStore> {
    Sqlite { dir: tempfile::tempdir().unwrap(), open: RelayStore::open }
}

fn agent() -> Sqlite<AgentStore> {
    Sqlite { dir: tempfile::tempdir().unwrap(), open: AgentStore::open }
}

/// Whatever a promise was put through left every row with a checksum that fits.
async fn nothing_is_damaged<S: crate::StoredWhole>(store: &S) {
    assert_eq!(store.scrub().await.unwrap(), [""; 0]);
}

macro_rules! engine {
    ($store:ty) => {
        impl Engine for Sqlite<$store> {
            type Store = $store;

            async fn open(&self) -> $store {
                (self.open)(&self.path()).unwrap()
            }

            async fn restart(&self, store: $store) -> $store {
                nothing_is_damaged(&store).await;
                store.close().await.unwrap();
                (self.open)(&self.path()).unwrap()
            }
        }
    };
}
engine!(RelayStore);
engine!(AgentStore);

#[tokio::test]
async fn sqlite_holds_every_promise_of_a_relay() {
    conformance::relay::all(relay).await;
}

#[tokio::test]
async fn sqlite_holds_every_promise_of_a_node() {
    conformance::agent::all(agent).await;
}
