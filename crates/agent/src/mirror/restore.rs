//! What the mirror begins with: what the store kept, or the charter file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pouch_directory::{CharterFile, Directory};
use pouch_store::{AcceptedCheckpoint, AgentStore, Mirror as _};
use pouch_tlog::{KeyName, LastAccepted, LeafHash, MemoryTree, Note};
use pouch_wire::{Canonical as _, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use super::taking::PAGE;
use super::{Believed, MirrorKeeper, Watchdog};
use crate::error::AgentError;

impl MirrorKeeper {
    /// Restores the mirror from the store; a new one begins with the charter file.
    pub(crate) async fn restore(
        store: AgentStore,
        charter: &CharterFile,
    ) -> Result<(Self, watch::Receiver<Arc<Believed>>), AgentError> {
        let founded = charter.found().map_err(|error| AgentError::Charter(error.to_string()))?;
        seed(&store, charter).await?;
        let mut directory =
            Directory::found(&charter.charter).map_err(|error| AgentError::Charter(error.to_string()))?;
        let mut tree = MemoryTree::default();
        let first = charter.charter.to_bytes()?;
        loop {
            let from = tree.size();
            let entries = store.entries(from, PAGE).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if tree.size() == 0 && entry != first {
                    return Err(AgentError::Charter(
                        "the stored directory begins with another charter".into(),
                    ));
                }
                if tree.size() > 0 {
                    directory.apply(tree.size(), &entry);
                }
                tree.append(LeafHash::of(&entry));
            }
        }
        let origin = KeyName::new(founded.charter().directory_log.origin.to_string())
            .map_err(|error| AgentError::Charter(error.to_string()))?;
        let (last, cosigned_at) = restore_last(&store, origin, &directory).await?;
        is_what_was_accepted(&tree, &last)?;
        let believed = Believed {
            directory: Arc::new(directory.clone()),
            size: last.size(),
            root: last.checkpoint().map_or_else(pouch_tlog::empty_root, pouch_tlog::Checkpoint::root),
            cosigned_at,
        };
        let (believed, receiver) = watch::channel(Arc::new(believed));
        let (told, shown, watchdog) = (BTreeSet::new(), BTreeMap::new(), Watchdog::new(Instant::now()));
        Ok((Self { store, last, tree, directory, believed, told, shown, watchdog }, receiver))
    }
}

/// The stored entries must be those of the checkpoint that was accepted: a bit that flipped on the disk
/// could turn a revocation into nothing.
fn is_what_was_accepted(tree: &MemoryTree, last: &LastAccepted) -> Result<(), AgentError> {
    let Some(checkpoint) = last.checkpoint() else { return Ok(()) };
    if tree.root_at(checkpoint.size()).ok() == Some(checkpoint.root()) {
        return Ok(());
    }
    Err(AgentError::Damaged("the stored directory is not the one that was accepted".into()))
}

async fn seed(store: &AgentStore, charter: &CharterFile) -> Result<(), AgentError> {
    if store.mirror_size().await? > 0 {
        return Ok(());
    }
    // The charter file came by hand: what it holds is believed before any checkpoint.
    let mut entries = vec![charter.charter.to_bytes()?];
    entries.extend(charter.first_statements.iter().map(|statement| statement.to_vec()));
    Ok(store.seed_mirror(entries).await?)
}

async fn restore_last(
    store: &AgentStore,
    origin: KeyName,
    directory: &Directory,
) -> Result<(LastAccepted, Option<Timestamp>), AgentError> {
    let Some(AcceptedCheckpoint { note, .. }) = store.accepted_checkpoint().await? else {
        return Ok((LastAccepted::nothing(origin), None));
    };
    let damaged = |error: String| AgentError::Charter(format!("the stored checkpoint is damaged: {error}"));
    let note = Note::parse(&note).map_err(|error| damaged(error.to_string()))?;
    let policy = directory.now_view().directory_policy();
    let cosigned_at = policy.check_strict(&note).ok().and_then(|met| met.cosigned_at());
    let last = LastAccepted::restore(origin, note).map_err(|error| damaged(error.to_string()))?;
    Ok((last, cosigned_at))
}
