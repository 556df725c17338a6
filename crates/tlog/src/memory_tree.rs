//! A Merkle tree in memory: every hash of every perfect subtree, each computed once.
//!
//! It takes 64 bytes a leaf and holds no entries. Relays and agents that can spare them answer any
//! proof from it without reading a tile.

use pouch_wire::Digest;

use crate::hashes::{consistency, inclusion, root_at};
use crate::{Frontier, HashReader, LeafHash, Unprovable, node_hash};

/// The tree has no such hash yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no hash at height {level}, index {index}")]
pub struct NoSuchHash {
    /// The height asked for.
    pub level: u32,
    /// The index asked for.
    pub index: u64,
}

impl NoSuchHash {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-TLG-17"
    }
}

/// All hashes of a tree, by height.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryTree {
    levels: Vec<Vec<Digest>>,
}

impl MemoryTree {
    /// Appends a leaf and gives its index; hashes once for each subtree that it completes.
    pub fn append(&mut self, leaf: LeafHash) -> u64 {
        let index = self.size();
        let mut hash = leaf.digest();
        for level in &mut self.levels {
            level.push(hash);
            match level.as_slice() {
                [.., left, right] if level.len() % 2 == 0 => hash = node_hash(left, right),
                _ => return index,
            }
        }
        self.levels.push(vec![hash]);
        index
    }

    /// The tree with more entries at its end, if it is exactly that of a checkpoint: an entry that lies
    /// beyond it was seen by no witness, and must not be believed. This tree may be ahead of a checkpoint;
    /// then nothing may be added to it.
    #[must_use]
    pub fn grown(&self, entries: &[Vec<u8>], size: u64, root: Digest) -> Option<Self> {
        let mut grown = self.clone();
        for entry in entries {
            grown.append(LeafHash::of(entry));
        }
        let whole = grown.size() == size.max(self.size()) && grown.root_at(size).ok() == Some(root);
        whole.then_some(grown)
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().and_then(|leaves| u64::try_from(leaves.len()).ok()).unwrap_or(0)
    }

    /// The hash of a leaf.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<LeafHash> {
        self.hash_at(0, index).ok().map(LeafHash::from_digest)
    }

    /// The root of all leaves.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.frontier().root()
    }

    /// The root of the first `size` leaves.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn root_at(&self, size: u64) -> Result<Digest, NoSuchHash> {
        root_at(self, size)
    }

    /// The proof that the leaf at `index` is in the tree of the first `size` leaves.
    ///
    /// # Errors
    /// When it is not, or there are fewer leaves.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, Unprovable<NoSuchHash>> {
        inclusion(self, index, size)
    }

    /// The proof that the first `old` leaves are the beginning of the first `new`.
    ///
    /// # Errors
    /// When `old` is larger than `new`, or there are fewer leaves.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Digest>, Unprovable<NoSuchHash>> {
        consistency(self, old, new)
    }

    /// The tree's right edge.
    #[must_use]
    pub fn frontier(&self) -> Frontier {
        // A level of odd length ends in a perfect subtree that nothing has joined yet.
        let edge = |level: &Vec<Digest>| level.last().copied().filter(|_| level.len() % 2 == 1);
        let hashes = self.levels.iter().rev().filter_map(edge).collect();
        Frontier::from_parts(self.size(), hashes).unwrap_or_default()
    }
}

impl FromIterator<LeafHash> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = LeafHash>>(leaves: I) -> Self {
        let mut tree = Self::default();
        for leaf in leaves {
            tree.append(leaf);
        }
        tree
    }
}

impl HashReader for MemoryTree {
    type Error = NoSuchHash;

    fn hash_at(&self, level: u32, index: u64) -> Result<Digest, NoSuchHash> {
        let hashes = usize::try_from(level).ok().and_then(|level| self.levels.get(level));
        let hash = usize::try_from(index).ok().and_then(|index| hashes?.get(index));
        hash.copied().ok_or(NoSuchHash { level, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(from: u8, to: u8) -> Vec<Vec<u8>> {
        (from..to).map(|n| vec![n]).collect()
    }

    fn tree(n: u8) -> MemoryTree {
        entries(0, n).iter().map(|entry| LeafHash::of(entry)).collect()
    }

    #[test]
    fn entries_that_make_the_checkpoint_are_believed() {
        let grown = tree(3).grown(&entries(3, 7), 7, tree(7).root()).unwrap();
        assert_eq!((grown.size(), grown.root()), (7, tree(7).root()));
    }

    #[test]
    fn an_entry_beyond_the_checkpoint_is_not_believed() {
        // The first seven are honest; nobody but the relay has seen the eighth.
        assert!(tree(3).grown(&entries(3, 8), 7, tree(7).root()).is_none());
    }

    #[test]
    fn too_few_or_other_entries_are_not_believed() {
        assert!(tree(3).grown(&entries(3, 6), 7, tree(7).root()).is_none());
        assert!(tree(3).grown(&entries(4, 8), 7, tree(7).root()).is_none());
        assert!(tree(3).grown(&entries(3, 7), 7, tree(8).root()).is_none());
    }

    #[test]
    fn what_came_by_hand_may_be_ahead_of_the_checkpoint() {
        let ahead = tree(5).grown(&[], 2, tree(2).root()).unwrap();
        assert_eq!(ahead.size(), 5);
        assert!(tree(5).grown(&entries(5, 6), 2, tree(2).root()).is_none());
    }
}
