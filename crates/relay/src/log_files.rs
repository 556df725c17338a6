//! A log's stored entries, and its files in the C2SP layout.

use pouch_store::{DirectoryLog as _, MessageLog as _, RelayStore};
use pouch_tlog::{EntryBundle, LeafHash, MemoryTree, new_bundles, new_tiles, print_tile, tile_of};
use pouch_wire::session::LogName;

use crate::error::RelayError;
use crate::publisher::Publisher;

/// Where a log's entries are kept and its files are written.
#[derive(Debug)]
pub(crate) struct LogFiles {
    log: LogName,
    store: RelayStore,
    publisher: Publisher,
    /// How far the folder's tiles go.
    written: u64,
}

impl LogFiles {
    /// A log's store and folder.
    pub(crate) const fn new(log: LogName, store: RelayStore, publisher: Publisher) -> Self {
        Self { log, store, publisher, written: 0 }
    }

    /// Which log.
    pub(crate) const fn log(&self) -> LogName {
        self.log
    }

    /// Its folder.
    pub(crate) const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    async fn stored(&self, from: u64, count: u32) -> Result<Vec<Vec<u8>>, RelayError> {
        Ok(match self.log {
            LogName::Directory => self.store.entries(from, count).await?,
            LogName::Messages => self.store.leaves(from, count).await?,
        })
    }

    /// Takes stored entries into the tree.
    pub(crate) async fn catch_up(&self, tree: &mut MemoryTree) -> Result<(), RelayError> {
        loop {
            let entries = self.stored(tree.size(), PAGE).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                tree.append(LeafHash::of(&entry));
            }
        }
    }

    /// Writes the tiles that a log of this size has and the folder lacks.
    pub(crate) async fn write(&mut self, tree: &MemoryTree, size: u64) -> Result<(), RelayError> {
        for coord in new_bundles(self.written, size) {
            let from = coord.index().saturating_mul(u64::from(pouch_tlog::TILE_WIDTH));
            let entries = self.stored(from, u32::from(coord.width())).await?;
            let bundle = EntryBundle::new(entries).map_err(|_| RelayError::SelfCheck { log: self.log })?;
            self.publisher.put(&coord.to_string(), &bundle.encode())?;
        }
        for coord in new_tiles(self.written, size) {
            let hashes = tile_of(tree, coord).map_err(|_| RelayError::SelfCheck { log: self.log })?;
            self.publisher.put(&coord.to_string(), &print_tile(&hashes))?;
        }
        self.written = size;
        Ok(())
    }
}

/// Entries read from the store at a time.
const PAGE: u32 = 512;
