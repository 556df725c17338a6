//! Proofs against an oracle that shares nothing with the product: it rebuilds the roots from a proof by
//! the recursive definitions of RFC 6962, from the root down, where the product walks from the leaf up.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use pouch_tlog::{LeafHash, PROOF_HASHES_MAX, empty_root, node_hash, verify_consistency, verify_inclusion};
use pouch_wire::Digest;

use super::naive;

/// The largest tree that honest proofs come from.
const SIZE_MAX: usize = 70;

fn leaves() -> &'static [LeafHash] {
    static LEAVES: OnceLock<Vec<LeafHash>> = OnceLock::new();
    LEAVES.get_or_init(|| naive::leaves(SIZE_MAX as u64))
}

/// The largest power of two below `n`.
const fn split(n: u64) -> u64 {
    let half = 1 << (63 - n.leading_zeros());
    if half == n { half / 2 } else { half }
}

/// The root that a path proves: `PATH` of RFC 6962, read backwards.
fn included(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    if size == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (sibling, path) = path.split_last()?;
    let k = split(size);
    Some(if index < k {
        node_hash(&included(leaf, index, k, path)?, sibling)
    } else {
        node_hash(sibling, &included(leaf, index - k, size - k, path)?)
    })
}

/// The two roots that a proof proves: `SUBPROOF` of RFC 6962, read backwards.
fn grown(old: u64, new: u64, proof: &[Digest], known: Option<Digest>) -> Option<(Digest, Digest)> {
    if old == new {
        let root = match (known, proof) {
            (Some(root), []) => root,
            (None, [root]) => *root,
            _ => return None,
        };
        return Some((root, root));
    }
    let (other, proof) = proof.split_last()?;
    let k = split(new);
    Some(if old <= k {
        let (before, after) = grown(old, k, proof, known)?;
        (before, node_hash(&after, other))
    } else {
        let (before, after) = grown(old - k, new - k, proof, None)?;
        (node_hash(other, &before), node_hash(other, &after))
    })
}

/// Changes a proof; small trees and near misses come often, huge sizes now and then.
fn tampered(from: &mut Unstructured<'_>, proof: &mut Vec<Digest>) -> Result<()> {
    for _ in 0..from.int_in_range(0..=3)? {
        let (place, len) = (from.arbitrary::<u8>()?, proof.len());
        let at = usize::from(place).checked_rem(len);
        match (from.int_in_range(0..=4)?, at) {
            (0, Some(at)) => drop(proof.remove(at)),
            (1, Some(at)) => proof.swap(at, 0),
            (2, Some(at)) => proof[at] = flipped(proof[at], place),
            (3, _) => proof.insert(at.unwrap_or(0), leaves()[usize::from(place) % SIZE_MAX].digest()),
            (4, _) => proof.extend(core::iter::repeat_n(empty_root(), usize::from(place))),
            _ => {}
        }
    }
    Ok(())
}

fn flipped(digest: Digest, bit: u8) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[usize::from(bit / 8)] ^= 1 << (bit % 8);
    Digest::new(bytes)
}

fn number(from: &mut Unstructured<'_>, honest: u64) -> Result<u64> {
    Ok(match from.int_in_range(0..=7)? {
        0 => from.arbitrary()?,
        1 => honest.wrapping_add(1),
        2 => honest.wrapping_sub(1),
        3 => from.int_in_range(0..=SIZE_MAX as u64)?,
        _ => honest,
    })
}

/// A path proves a leaf's place exactly when the oracle rebuilds the root from it, and never any other
/// root.
pub fn proof_inclusion(data: &[u8]) {
    inclusion(&mut Unstructured::new(data)).unwrap_or_default();
}

fn inclusion(from: &mut Unstructured<'_>) -> Result<()> {
    let size = from.int_in_range(1..=SIZE_MAX)?;
    let index = from.int_in_range(0..=size - 1)?;
    let (tree, leaf) = (&leaves()[..size], leaves()[index]);
    let (root, mut path) = (naive::root(tree), naive::path(index, tree));
    assert_eq!(verify_inclusion(&leaf, index as u64, size as u64, &root, &path), Ok(()));
    let wrong = flipped(root, from.arbitrary()?);
    assert!(verify_inclusion(&leaf, index as u64, size as u64, &wrong, &path).is_err());

    tampered(from, &mut path)?;
    let (index, size) = (number(from, index as u64)?, number(from, size as u64)?);
    let leaf = if from.arbitrary::<u8>()? > 200 {
        leaves()[usize::from(from.arbitrary::<u8>()?) % SIZE_MAX]
    } else {
        leaf
    };
    let proves = included(leaf.digest(), index, size, &path).filter(|_| path.len() <= PROOF_HASHES_MAX);
    for root in [Some(root), Some(wrong), proves].into_iter().flatten() {
        let verified = verify_inclusion(&leaf, index, size, &root, &path);
        assert_eq!(verified.is_ok(), proves == Some(root), "leaf {index} of {size}: {verified:?}");
    }
    Ok(())
}

/// A proof proves that a log only grew exactly when the oracle rebuilds both roots from it.
pub fn proof_consistency(data: &[u8]) {
    consistency(&mut Unstructured::new(data)).unwrap_or_default();
}

fn consistency(from: &mut Unstructured<'_>) -> Result<()> {
    let new = from.int_in_range(0..=SIZE_MAX)?;
    let old = from.int_in_range(0..=new)?;
    let tree = &leaves()[..new];
    let (old_root, new_root) = (naive::root(&tree[..old]), naive::root(tree));
    let mut proof = naive::proof(old, tree);
    assert_eq!(verify_consistency(old as u64, &old_root, new as u64, &new_root, &proof), Ok(()));
    let bit = from.arbitrary()?;
    let wrong = (flipped(old_root, bit), flipped(new_root, bit));
    assert!(verify_consistency(old as u64, &wrong.0, new as u64, &new_root, &proof).is_err());
    let anything = old == 0 && new > 0; // The empty tree is the beginning of every tree.
    let other = verify_consistency(old as u64, &old_root, new as u64, &wrong.1, &proof);
    assert_eq!(other.is_ok(), anything, "{old} to {new}");

    tampered(from, &mut proof)?;
    let (old, new) = (number(from, old as u64)?, number(from, new as u64)?);
    let rebuilt = |claimed: Digest| {
        if old == 0 || old > new || proof.len() > PROOF_HASHES_MAX {
            None
        } else {
            grown(old, new, &proof, Some(claimed))
        }
    };
    for old_root in [old_root, wrong.0] {
        for new_root in
            [Some(new_root), Some(wrong.1), rebuilt(old_root).map(|(_, new)| new)].into_iter().flatten()
        {
            let expected = match old {
                0 => proof.is_empty() && old_root == empty_root() && (new > 0 || new_root == old_root),
                _ => rebuilt(old_root) == Some((old_root, new_root)),
            };
            let verified = verify_consistency(old, &old_root, new, &new_root, &proof);
            assert_eq!(verified.is_ok(), expected, "{old} to {new}: {verified:?}");
        }
    }
    Ok(())
}
