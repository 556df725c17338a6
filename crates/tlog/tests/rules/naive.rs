//! RFC 6962 as it is written: recursive, computing everything again. What the crate is held against.

use pouch_tlog::{LeafHash, empty_root, node_hash};
use pouch_wire::Digest;

/// The leaves' hashes of a test tree: entry i is the text "entry i".
pub(crate) fn leaves(size: u64) -> Vec<LeafHash> {
    (0..size).map(|i| LeafHash::of(entry(i).as_slice())).collect()
}

/// An entry of a test tree.
pub(crate) fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// `MTH`.
pub(crate) fn root(leaves: &[LeafHash]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => leaf.digest(),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// `PATH`.
pub(crate) fn path(index: usize, leaves: &[LeafHash]) -> Vec<Digest> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) =
        if index < k { (path(index, left), root(right)) } else { (path(index - k, right), root(left)) };
    path.push(sibling);
    path
}

/// `PROOF`.
pub(crate) fn proof(old: usize, leaves: &[LeafHash]) -> Vec<Digest> {
    if old == 0 { Vec::new() } else { subproof(old, leaves, true) }
}

fn subproof(old: usize, leaves: &[LeafHash], whole: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = if old <= k {
        (subproof(old, left, whole), root(right))
    } else {
        (subproof(old - k, right, false), root(left))
    };
    proof.push(other);
    proof
}
