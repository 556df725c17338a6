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
