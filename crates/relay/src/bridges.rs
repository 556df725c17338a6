//! From one network to the next: whoever knows the old witnesses and log keys only must be able to learn the
//! new ones, however late.
//!
//! The checkpoint that ends with a change of the network is signed and cosigned as the network was before it.
//! It is published alone, before anything that comes after, and kept for ever: who is behind the change gets
//! this one first.

use std::collections::BTreeMap;

use pouch_directory::Directory;
use pouch_store::{RelayStore, SmallValues as _};
use pouch_tlog::{Checkpoint, Note};

use crate::error::RelayError;
use crate::log::Published;

/// Where they are kept.
const NAME: &str = "bridges";

/// The last checkpoint of each network that the directory had.
#[derive(Debug)]
pub(crate) struct Bridges {
    store: RelayStore,
    /// What came by hand needs none: everybody begins with it.
    founded: u64,
    known: BTreeMap<u64, Note>,
}

impl Bridges {
    /// What is stored; `founded` is the number of entries in the charter file.
    pub(crate) async fn load(store: RelayStore, founded: u64) -> Result<Self, RelayError> {
        let bytes = store.meta(NAME).await?.unwrap_or_default();
        let known = parse(&bytes).ok_or_else(|| RelayError::Charter("its bridges are damaged".into()))?;
        Ok(Self { store, founded, known })
    }

    /// The size that must be published next, as the network was before its last entry: that of the first
    /// change beyond what is published.
    pub(crate) fn due(&self, directory: &Directory, published: u64) -> Option<u64> {
        let changes = directory.now_view().network_changes().filter(|index| *index >= self.founded);
        let ends = changes.map(|index| index.saturating_add(1));
        ends.filter(|size| *size > published).find(|size| !self.known.contains_key(size))
    }

    /// Whether a checkpoint of this size is the last one of a network.
    pub(crate) fn is_end(&self, directory: &Directory, size: u64) -> bool {
        let mut changes = directory.now_view().network_changes().filter(|index| *index >= self.founded);
        changes.any(|index| index.saturating_add(1) == size)
    }

    /// Keeps a network's last checkpoint, durably.
    pub(crate) async fn put(&mut self, size: u64, note: &Note) -> Result<(), RelayError> {
        self.known.entry(size).or_insert_with(|| note.clone());
        let bytes =
            print(&self.known).ok_or_else(|| RelayError::Charter("a checkpoint is too large".into()))?;
        Ok(self.store.put_meta(NAME, bytes).await?)
    }

    /// What whoever knows so many entries must see next: the end of the network that they know, or what is
    /// published.
    pub(crate) fn after(&self, from: u64, published: Option<Published>) -> Option<Published> {
        let newest = published.as_ref().map_or(0, |published| published.size);
        let mut ahead = self.known.range(from.saturating_add(1)..);
        let bridge = ahead.next().filter(|(size, _)| **size <= newest);
        bridge.map(|(size, note)| Published { size: *size, note: note.clone() }).or(published)
    }
}

fn parse(mut bytes: &[u8]) -> Option<BTreeMap<u64, Note>> {
    let mut known = BTreeMap::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (note, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        let note = Note::parse(note).ok()?;
        known.insert(Checkpoint::parse(note.text()).ok()?.size(), note);
        bytes = rest;
    }
    Some(known)
}

fn print(known: &BTreeMap<u64, Note>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for note in known.values() {
        let note = note.to_bytes();
        bytes.extend(u32::try_from(note.len()).ok()?.to_be_bytes());
        bytes.extend(note);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_tlog::{KeyName, LogSigner, empty_root};
    use pouch_wire::Timestamp;

    fn note(size: u64) -> Note {
        let name = KeyName::new("log.example").unwrap();
        let keys = (pouch_crypto::NoteKey::from_seed(&[1; 32]), pouch_crypto::MlDsaKey::from_seed(&[2; 32]));
        let signer = LogSigner::new(&name, keys.0, keys.1.unwrap()).unwrap();
        signer.sign(&Checkpoint::new(&name, size, empty_root()), Timestamp(1_800_000_000_000)).unwrap()
    }

    fn sizes(bridges: &Bridges, from: u64) -> Option<u64> {
        bridges.after(from, Some(Published { size: 30, note: note(30) })).map(|published| published.size)
    }

    #[tokio::test]
    async fn who_is_behind_gets_the_end_of_each_network_in_turn_also_after_a_restart() {
        let store = RelayStore::in_memory().unwrap();
        let mut bridges = Bridges::load(store.clone(), 1).await.unwrap();
        assert_eq!(sizes(&bridges, 0), Some(30));
        for size in [10, 20, 40] {
            bridges.put(size, &note(size)).await.unwrap();
        }
        for bridges in [bridges, Bridges::load(store, 1).await.unwrap()] {
            for (from, next) in [(0, 10), (9, 10), (10, 20), (19, 20), (20, 30), (30, 30)] {
                assert_eq!(sizes(&bridges, from), Some(next), "from {from}");
            }
            assert_eq!(bridges.after(0, None).map(|p| p.size), None, "nothing before anything is published");
        }
    }

    #[test]
    fn damaged_bridges_are_not_believed() {
        let bytes = print(&BTreeMap::from([(3, note(3))])).unwrap();
        assert_eq!(parse(&bytes).unwrap().len(), 1);
        assert!(parse(&bytes[..bytes.len() - 1]).is_none());
        assert!(parse(&[0, 0, 0, 1, b'x']).is_none());
    }
}
