//! Checking inclusion and consistency proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2).
//!
//! An [`Inclusion`] is evidence and says of what: it holds the leaf that was proved. Whoever takes one
//! compares that leaf with the thing in hand; without this it proves something about something else.

use pouch_wire::Digest;

use crate::{AcceptedCheckpoint, LeafHash, empty_root, node_hash};

/// Most hashes in a proof: the height of a tree of 2^64 leaves.
pub const PROOF_HASHES_MAX: usize = 64;

/// Why a proof was not accepted. Whoever made the proof is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// More hashes than any tree needs.
    #[error("a proof of {found} hashes; at most {PROOF_HASHES_MAX}")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// The leaf lies outside the tree.
    #[error("index {index} is not in a tree of {size}")]
    IndexBeyondSize {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The tree is said to have become smaller.
    #[error("a tree of {old} leaves cannot become one of {new}")]
    Shrunk {
        /// The earlier size.
        old: u64,
        /// The later size.
        new: u64,
    },
    /// Too many or too few hashes for these sizes.
    #[error("a proof of {found} hashes does not fit these sizes")]
    WrongLength {
        /// How many there are.
        found: usize,
    },
    /// The leaf, the index or a hash is another than the root commits to.
    #[error("the proof leads to another root")]
    WrongRoot,
    /// The proof leads to another earlier root: history was rewritten, or the proof is for another tree.
    #[error("the proof leads to another earlier root")]
    WrongOldRoot,
}

impl ProofError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "POUCH-TLG-02",
            Self::IndexBeyondSize { .. } => "POUCH-TLG-03",
            Self::Shrunk { .. } => "POUCH-TLG-04",
            Self::WrongLength { .. } => "POUCH-TLG-05",
            Self::WrongRoot => "POUCH-TLG-06",
            Self::WrongOldRoot => "POUCH-TLG-07",
        }
    }
}

/// Checks that a leaf is at an index of the tree with this size and root.
///
/// The path goes from the leaf's sibling up to the root's child (RFC 6962, section 2.1.1).
///
/// # Errors
/// When it is not proved so.
pub fn verify_inclusion(
    leaf: &LeafHash,
    index: u64,
    size: u64,
    root: &Digest,
    path: &[Digest],
) -> Result<(), ProofError> {
    bounded(path)?;
    let wrong_length = ProofError::WrongLength { found: path.len() };
    let Some(last) = size.checked_sub(1).filter(|last| index <= *last) else {
        return Err(ProofError::IndexBeyondSize { index, size });
    };
    let mut walk = Walk { node: index, last };
    let mut hash = leaf.digest();
    for sibling in path {
        if walk.at_top() {
            return Err(wrong_length);
        }
        hash = if walk.climb() { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) };
    }
    if !walk.at_top() {
        return Err(wrong_length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::WrongRoot) }
}

/// Checks that the tree with the old size and root is the beginning of the one with the new.
///
/// The empty tree is the beginning of every tree, by an empty proof; equal sizes need equal roots and
/// an empty proof.
///
/// # Errors
/// When it is not proved so.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    bounded(proof)?;
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    if old_size > new_size {
        return Err(ProofError::Shrunk { old: old_size, new: new_size });
    }
    if old_size == 0 && *old_root != empty_root() {
        return Err(ProofError::WrongOldRoot);
    }
    let (Some(old_last), Some(new_last), true) =
        (old_size.checked_sub(1), new_size.checked_sub(1), old_size != new_size)
    else {
        // Nothing before, or nothing new: there is nothing to prove.
        let same = old_size != new_size || old_root == new_root;
        return if !proof.is_empty() {
            Err(wrong_length)
        } else if same {
            Ok(())
        } else {
            Err(ProofError::WrongRoot)
        };
    };
    let mut walk = Walk { node: old_last, last: new_last };
    while walk.node & 1 == 1 {
        walk.up();
    }
    let (start, rest) = match proof.split_first() {
        _ if old_size.is_power_of_two() => (old_root, proof),
        Some(split) => split,
        None => return Err(wrong_length),
    };
    let (mut old, mut new) = (*start, *start);
    for hash in rest {
        if walk.at_top() {
            return Err(wrong_length);
        }
        if walk.climb() {
            old = node_hash(hash, &old);
            new = node_hash(hash, &new);
        } else {
            new = node_hash(&new, hash);
        }
    }
    if !walk.at_top() {
        return Err(wrong_length);
    }
    if old != *old_root {
        return Err(ProofError::WrongOldRoot);
    }
    if new == *new_root { Ok(()) } else { Err(ProofError::WrongRoot) }
}

/// A node and the last node of its level, on the way up (RFC 9162's `fn` and `sn`).
struct Walk {
    node: u64,
    last: u64,
}

impl Walk {
    const fn at_top(&self) -> bool {
        self.last == 0
    }

    const fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    /// Goes up past the next sibling; true when the sibling stands to the left.
    const fn climb(&mut self) -> bool {
        let left = self.node & 1 == 1 || self.node == self.last;
        if left {
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
        }
        self.up();
        left
    }
}

fn bounded(proof: &[Digest]) -> Result<(), ProofError> {
    let found = proof.len();
    if found > PROOF_HASHES_MAX { Err(ProofError::TooLong { found }) } else { Ok(()) }
}

/// This leaf lies at this index of a log, in a checkpoint that the policy accepted.
///
/// Made only by proving it. Whoever takes one compares [`Inclusion::leaf`] with the thing in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    leaf: LeafHash,
    index: u64,
    checkpoint: AcceptedCheckpoint,
}

impl Inclusion {
    /// Proves that a leaf is in an accepted checkpoint's tree.
    ///
    /// # Errors
    /// When the path does not lead from this leaf at this index to that root.
    pub fn verify(
        leaf: LeafHash,
        index: u64,
        path: &[Digest],
        checkpoint: &AcceptedCheckpoint,
    ) -> Result<Self, ProofError> {
        verify_inclusion(&leaf, index, checkpoint.size(), &checkpoint.root(), path)?;
        Ok(Self { leaf, index, checkpoint: checkpoint.clone() })
    }

    /// The leaf that was proved.
    #[must_use]
    pub const fn leaf(&self) -> &LeafHash {
        &self.leaf
    }

    /// Its index in the log, from zero.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint in which it lies.
    #[must_use]
    pub const fn checkpoint(&self) -> &AcceptedCheckpoint {
        &self.checkpoint
    }
}
