//! Notices that an older copy of the database was put back: the published logs are ahead of it.
//!
//! What was published must not be signed again in another form. So the log's entries are taken back out of
//! the published files, if they are those of the published checkpoint; messages that are lost with the
//! newer database are brought again by their senders, who are told of a new epoch.

use std::path::Path;

use pouch_envelope::MessageLeaf;
use pouch_store::{DirectoryLog as _, LostLeaf, MessageLog as _, RelayStore};
use pouch_tlog::{Checkpoint, EntryBundle, EntryReader as _, LeafHash, MemoryTree, Note, new_bundles};
use pouch_wire::Canonical as _;
use tracing::{error, warn};

use crate::config::RelayConfig;
use crate::error::RelayError;
use crate::publisher::Publisher;

/// Whether the database is older than what was published. The logs are what was published, afterwards.
pub(crate) async fn recover(config: &RelayConfig, store: &RelayStore) -> Result<bool, RelayError> {
    let mut went_back = false;
    let folder = config.publish.join("directory");
    let stored = store.entry_count().await?;
    if let Some(ahead) = ahead(&folder, stored)? {
        went_back = true;
        let mut before = MemoryTree::default();
        while before.size() < stored {
            for entry in store.entries(before.size(), PAGE).await? {
                before.append(LeafHash::of(&entry));
            }
        }
        if let Some(entries) = taken_back(&folder, before, &ahead)? {
            store.append_entries(entries).await?;
        }
    }
    let folder = config.publish.join("messages");
    let stored = store.leaf_count().await?;
    if let Some(ahead) = ahead(&folder, stored)? {
        went_back = true;
        let mut before = MemoryTree::default();
        while before.size() < stored {
            for leaf in store.leaves(before.size(), PAGE).await? {
                before.append(LeafHash::of(&leaf));
            }
        }
        if let Some(leaves) = taken_back(&folder, before, &ahead)? {
            store.put_lost_leaves(stored, leaves.into_iter().filter_map(lost).collect()).await?;
        }
    }
    Ok(went_back)
}

fn lost(leaf: Vec<u8>) -> Option<LostLeaf> {
    let MessageLeaf { envelope, accepted_at } = MessageLeaf::from_bytes(&leaf).ok()?;
    Some(LostLeaf { envelope, accepted_at, leaf })
}

/// The published checkpoint, if it is of more than is stored.
fn ahead(folder: &Path, stored: u64) -> Result<Option<Checkpoint>, RelayError> {
    let bytes = match std::fs::read(folder.join("checkpoint")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let published = Note::parse(&bytes).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
    Ok(published.filter(|checkpoint| checkpoint.size() > stored))
}

/// The entries that the database lacks, if with them it is what was published.
fn taken_back(
    folder: &Path,
    mut tree: MemoryTree,
    published: &Checkpoint,
) -> Result<Option<Vec<Vec<u8>>>, RelayError> {
    let publisher = Publisher::new(folder.to_owned())?;
    let stored = tree.size();
    let mut entries = Vec::new();
    for coord in new_bundles(stored, published.size()) {
        let Ok(bytes) = publisher.bundle(coord) else { break };
        let Ok(bundle) = EntryBundle::parse(coord, &bytes) else { break };
        let first = coord.index().saturating_mul(u64::from(pouch_tlog::TILE_WIDTH));
        for (index, entry) in (first..).zip(bundle.into_entries()) {
            if index == tree.size() && index < published.size() {
                tree.append(LeafHash::of(&entry));
                entries.push(entry);
            }
        }
    }
    if tree.size() == published.size() && tree.root() == published.root() {
        let count = entries.len();
        warn!(
            code = "POUCH-RLY-63",
            stored, count, "an older database was put back; its log was taken out of the published files"
        );
        return Ok(Some(entries));
    }
    // Nothing is signed over this: witnesses know better.
    error!(
        code = "POUCH-RLY-64",
        stored,
        published = published.size(),
        "an older database was put back, and the published log does not go on from it"
    );
    Ok(None)
}

/// Entries read at a time.
const PAGE: u32 = 512;
