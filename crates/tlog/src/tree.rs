//! The hashes of an RFC 6962 Merkle tree, and the right edge from which it grows.
//!
//! A leaf is hashed behind 0x00 and a node behind 0x01, so that neither can pass for the other. A
//! [`Frontier`] is all that appending needs; it never holds or recomputes what lies left of its edge.

use pouch_crypto::{sha256, sha256_parts};
use pouch_wire::Digest;

/// The hash of one log entry (RFC 6962, section 2.1: SHA-256 of 0x00 and the entry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafHash(Digest);

impl LeafHash {
    /// Hashes an entry.
    #[must_use]
    pub fn of(entry: &[u8]) -> Self {
        Self(sha256_parts(&[&[0], entry]))
    }

    /// Takes a leaf hash that was computed before, from a level 0 tile for example.
    #[must_use]
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The 32 bytes as a digest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

/// The hash of an inner node (RFC 6962, section 2.1: SHA-256 of 0x01, left and right).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    sha256_parts(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Digest {
    sha256(&[])
}

/// The root over perfect subtrees that stand side by side, largest first.
pub(crate) fn fold(pieces: &[Digest]) -> Digest {
    let mut pieces = pieces.iter().rev();
    let Some(last) = pieces.next() else { return empty_root() };
    pieces.fold(*last, |right, left| node_hash(left, &right))
}

/// A size and a number of hashes that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tree of {size} leaves has an edge of {expected} hashes, not {found}")]
pub struct BadFrontier {
    /// The size named.
    pub size: u64,
    /// How many hashes such a tree's edge has: as many as its size has bits set.
    pub expected: u32,
    /// How many there were.
    pub found: usize,
}

impl BadFrontier {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-TLG-01"
    }
}

/// The right edge of a tree (a compact range from 0): the roots of its perfect subtrees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Digest>,
}

impl Frontier {
    /// Takes an edge that was stored: the hashes of the perfect subtrees, largest first, one for each
    /// bit set in `size`.
    ///
    /// # Errors
    /// When there are more or fewer hashes than that.
    pub fn from_parts(size: u64, hashes: Vec<Digest>) -> Result<Self, BadFrontier> {
        let expected = size.count_ones();
        if usize::try_from(expected) == Ok(hashes.len()) {
            Ok(Self { size, hashes })
        } else {
            Err(BadFrontier { size, expected, found: hashes.len() })
        }
    }

    /// Appends a leaf; hashes once for each perfect subtree that it completes.
    pub fn push(&mut self, leaf: LeafHash) {
        let mut hash = leaf.digest();
        let mut bits = self.size;
        while bits & 1 == 1 {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
            }
            bits >>= 1;
        }
        self.hashes.push(hash);
        // Nobody appends 2^64 leaves; saturating only keeps the lint honest.
        self.size = self.size.saturating_add(1);
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    #[must_use]
    pub fn root(&self) -> Digest {
        fold(&self.hashes)
    }

    /// The hashes of the perfect subtrees, largest first.
    #[must_use]
    pub fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// The perfect subtrees that lie in the partial tile at this tile level.
    pub(crate) fn in_tile_level(&self, level: u8) -> &[Digest] {
        let shift = u32::from(level).saturating_mul(8);
        let here = self.size.checked_shr(shift).unwrap_or(0);
        let ones = |bits: u64| usize::try_from(bits.count_ones()).unwrap_or(usize::MAX);
        let above = ones(here >> 8);
        let end = above.saturating_add(ones(here & 0xff));
        self.hashes.get(above..end).unwrap_or_default()
    }
}
