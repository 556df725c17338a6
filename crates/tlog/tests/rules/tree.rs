//! Trees and proofs against the naive tree, for every small size and some large ones.

use pouch_tlog::{
    BadFrontier, Frontier, LeafHash, MemoryTree, ProofError, Unprovable, verify_consistency, verify_inclusion,
};
use pouch_wire::Digest;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::naive;

#[test]
fn roots_and_edges_are_the_naive_ones_for_sizes_up_to_600() {
    let leaves = naive::leaves(600);
    let (mut tree, mut edge) = (MemoryTree::default(), Frontier::default());
    for size in 0..=600_usize {
        let root = naive::root(&leaves[..size]);
        assert_eq!((tree.size(), edge.size()), (size as u64, size as u64));
        assert_eq!((tree.root(), edge.root()), (root, root), "size {size}");
        assert_eq!(tree.frontier(), edge);
        let kept = Frontier::from_parts(size as u64, edge.hashes().to_vec());
        assert_eq!(kept.as_ref(), Ok(&edge));
        if let Some(leaf) = leaves.get(size) {
            edge.push(*leaf);
            assert_eq!(tree.append(*leaf), size as u64);
        }
    }
}

#[test]
fn an_edge_with_a_hash_too_few_or_too_many_is_refused() {
    let edge = naive::leaves(13).into_iter().collect::<MemoryTree>().frontier();
    let [mut more, mut fewer] = [edge.hashes().to_vec(), edge.hashes().to_vec()];
    assert_eq!(Frontier::from_parts(13, more.clone()), Ok(edge));
    more.push(more[0]);
    fewer.pop();
    assert_eq!(Frontier::from_parts(13, more), Err(BadFrontier { size: 13, expected: 3, found: 4 }));
    assert_eq!(Frontier::from_parts(13, fewer), Err(BadFrontier { size: 13, expected: 3, found: 2 }));
}

#[test]
fn inclusion_proofs_are_the_naive_ones_for_sizes_up_to_600() {
    let leaves = naive::leaves(600);
    let tree: MemoryTree = leaves.iter().copied().collect();
    for size in 1..=600_usize {
        let root = tree.root_at(size as u64).unwrap();
        for index in (0..size).filter(|index| size <= 70 || (index * 7919 + size) % 61 == 0) {
            let path = tree.inclusion(index as u64, size as u64).unwrap();
            assert_eq!(path, naive::path(index, &leaves[..size]), "{index} in {size}");
            assert_eq!(verify_inclusion(&leaves[index], index as u64, size as u64, &root, &path), Ok(()));
        }
    }
}

#[test]
fn consistency_proofs_are_the_naive_ones_for_sizes_up_to_600() {
    let leaves = naive::leaves(600);
    let tree: MemoryTree = leaves.iter().copied().collect();
    let roots: Vec<Digest> = (0..=600).map(|size| tree.root_at(size).unwrap()).collect();
    for new in 0..=600_usize {
        for old in (0..=new).filter(|old| new <= 130 || (old * 7919 + new) % 97 == 0) {
            let proof = tree.consistency(old as u64, new as u64).unwrap();
            // The naive proof is slow: compare it where it is cheap, verify everywhere.
            if new <= 64 || (old + new) % 53 == 0 {
                assert_eq!(proof, naive::proof(old, &leaves[..new]), "{old} to {new}");
            }
            let verified = verify_consistency(old as u64, &roots[old], new as u64, &roots[new], &proof);
            assert_eq!(verified, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn large_trees_have_short_proofs_that_verify() {
    let leaves = naive::leaves(70_001);
    let tree: MemoryTree = leaves.iter().copied().collect();
    for size in [65_535_u64, 65_536, 65_537, 70_001] {
        let root = tree.root_at(size).unwrap();
        assert_eq!(root, naive::root(&leaves[..size as usize]));
        for index in [0, 1, 255, 256, 65_534, size - 1] {
            let path = tree.inclusion(index, size).unwrap();
            assert!(path.len() <= 17);
            assert_eq!(verify_inclusion(&leaves[index as usize], index, size, &root, &path), Ok(()));
        }
        for old in [1, 2, 255, 256, 257, 32_768, 65_535, size] {
            let proof = tree.consistency(old, size).unwrap();
            let old_root = tree.root_at(old).unwrap();
            assert_eq!(verify_consistency(old, &old_root, size, &root, &proof), Ok(()));
        }
    }
}

#[test]
fn what_is_not_in_the_tree_has_no_proof() {
    let tree: MemoryTree = naive::leaves(9).into_iter().collect();
    assert_eq!(tree.inclusion(8, 8), Err(Unprovable::Beyond { asked: 8, size: 8 }));
    assert_eq!(tree.consistency(9, 8), Err(Unprovable::Beyond { asked: 9, size: 8 }));
    assert!(matches!(tree.inclusion(3, 10), Err(Unprovable::Read(_))));
    assert!(tree.root_at(10).is_err());
    assert_eq!(tree.leaf(9), None);
    assert!(tree.inclusion(7, 8).is_ok() && tree.consistency(8, 8).is_ok());
}

fn sample() -> (Vec<LeafHash>, Digest, Vec<Digest>) {
    let leaves = naive::leaves(11);
    let (root, path) = (naive::root(&leaves), naive::path(6, &leaves));
    (leaves, root, path)
}

#[test]
fn a_proof_of_another_leaf_index_or_root_is_refused() {
    let (leaves, root, path) = sample();
    assert_eq!(verify_inclusion(&leaves[6], 6, 11, &root, &path), Ok(()));
    assert_eq!(verify_inclusion(&leaves[5], 6, 11, &root, &path), Err(ProofError::WrongRoot));
    assert_eq!(verify_inclusion(&leaves[6], 5, 11, &root, &path), Err(ProofError::WrongRoot));
    assert_eq!(verify_inclusion(&leaves[6], 6, 11, &path[0], &path), Err(ProofError::WrongRoot));
    let beyond = ProofError::IndexBeyondSize { index: 11, size: 11 };
    assert_eq!(verify_inclusion(&leaves[6], 11, 11, &root, &path), Err(beyond));
    let empty = ProofError::IndexBeyondSize { index: 0, size: 0 };
    assert_eq!(verify_inclusion(&leaves[6], 0, 0, &root, &[]), Err(empty));
}

#[test]
fn a_proof_with_a_hash_more_less_or_other_is_refused() {
    let (leaves, root, path) = sample();
    let check = |path: &[Digest]| verify_inclusion(&leaves[6], 6, 11, &root, path);
    assert_eq!(check(&path), Ok(()));
    assert_eq!(check(&path[1..]), Err(ProofError::WrongLength { found: 3 }));
    let long = [path.clone(), vec![root]].concat();
    assert_eq!(check(&long), Err(ProofError::WrongLength { found: 5 }));
    assert_eq!(check(&vec![root; 65]), Err(ProofError::TooLong { found: 65 }));
    for at in 0..path.len() {
        let mut other = path.clone();
        other[at] = root;
        assert_eq!(check(&other), Err(ProofError::WrongRoot));
    }
}

#[test]
fn a_rewritten_history_has_no_consistency_proof() {
    let leaves = naive::leaves(13);
    let (old, new) = (naive::root(&leaves[..6]), naive::root(&leaves));
    let proof = naive::proof(6, &leaves);
    let check = |old_root: &Digest, new_root: &Digest, proof: &[Digest]| {
        verify_consistency(6, old_root, 13, new_root, proof)
    };
    assert_eq!(check(&old, &new, &proof), Ok(()));
    assert_eq!(check(&new, &new, &proof), Err(ProofError::WrongOldRoot));
    assert_eq!(check(&old, &old, &proof), Err(ProofError::WrongRoot));
    assert_eq!(check(&old, &new, &[]), Err(ProofError::WrongLength { found: 0 }));
    let short = &proof[..proof.len() - 1];
    assert_eq!(check(&old, &new, short), Err(ProofError::WrongLength { found: short.len() }));
    let long = [proof.clone(), vec![old]].concat();
    assert_eq!(check(&old, &new, &long), Err(ProofError::WrongLength { found: long.len() }));
}

#[test]
fn trees_never_shrink_and_equal_sizes_need_equal_roots() {
    let leaves = naive::leaves(4);
    let (three, four) = (naive::root(&leaves[..3]), naive::root(&leaves));
    assert_eq!(verify_consistency(4, &four, 4, &four, &[]), Ok(()));
    assert_eq!(verify_consistency(4, &four, 4, &three, &[]), Err(ProofError::WrongRoot));
    assert_eq!(verify_consistency(4, &four, 4, &four, &[four]), Err(ProofError::WrongLength { found: 1 }));
    assert_eq!(verify_consistency(4, &four, 3, &three, &[]), Err(ProofError::Shrunk { old: 4, new: 3 }));
}

#[test]
fn the_empty_tree_is_the_beginning_of_every_tree() {
    let (empty, root) = (pouch_tlog::empty_root(), naive::root(&naive::leaves(3)));
    assert_eq!(verify_consistency(0, &empty, 3, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &root, 3, &root, &[]), Err(ProofError::WrongOldRoot));
    assert_eq!(verify_consistency(0, &empty, 0, &root, &[]), Err(ProofError::WrongRoot));
    assert_eq!(verify_consistency(0, &empty, 3, &root, &[root]), Err(ProofError::WrongLength { found: 1 }));
}

proptest! {
    #[test]
    fn no_proof_makes_the_verifiers_panic(
        index in any::<u64>(), size in any::<u64>(), shift in 0..64_u32, count in 0..70_usize,
    ) {
        let (leaf, hash) = (LeafHash::of(b""), naive::root(&[]));
        let proof = vec![hash; count];
        let (index, size) = (index >> shift, size >> shift);
        prop_assert!(verify_inclusion(&leaf, index, size, &hash, &proof).is_err());
        let consistent = verify_consistency(index, &hash, size, &hash, &proof);
        prop_assert_eq!(consistent.is_ok(), count == 0 && (index == 0 || index == size));
    }

    #[test]
    fn a_path_proves_its_leaf_at_its_index_only(size in 1..400_u64, a in any::<u64>(), b in any::<u64>()) {
        let leaves = naive::leaves(size);
        let tree: MemoryTree = leaves.iter().copied().collect();
        let (a, b) = (a % size, b % size);
        let path = tree.inclusion(a, size).unwrap();
        let verified = verify_inclusion(&leaves[b as usize], b, size, &tree.root(), &path);
        prop_assert_eq!(verified.is_ok(), a == b);
    }
}
