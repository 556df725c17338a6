//! What a log reads back before it signs: whole, or from what was checked before; every bit counts.

use pouch_tlog::{Checkpoint, Frontier, MemoryTree, SelfCheckError, TileError, self_check};

use crate::parties::{self, ORIGIN, name};
use crate::tiles::{Files, Missing};

fn log(sizes: &[u64]) -> (Files, MemoryTree) {
    let tree = parties::tree(*sizes.last().unwrap());
    let mut files = Files::default();
    let mut old = 0;
    for size in sizes {
        files.grow(&tree, old, *size);
        old = *size;
    }
    (files, tree)
}

fn at(tree: &MemoryTree, size: u64) -> Checkpoint {
    Checkpoint::new(&name(ORIGIN), size, tree.root_at(size).unwrap())
}

#[test]
fn a_sound_log_is_checked_step_by_step_and_whole() {
    let sizes = [1, 2, 255, 256, 257, 511, 512, 600, 600, 65_536, 65_537, 66_000];
    let (files, tree) = log(&sizes);
    let mut checked = Frontier::default();
    for size in sizes {
        let done = self_check(&files, &checked, &at(&tree, size)).unwrap();
        assert_eq!(done.checkpoint(), &at(&tree, size));
        checked = done.frontier().clone();
        assert_eq!(checked.root(), tree.root_at(size).unwrap());
    }
    let whole = self_check(&files, &Frontier::default(), &at(&tree, 66_000)).unwrap();
    assert_eq!(whole.frontier(), &checked);
}

#[test]
fn one_flipped_bit_in_any_file_read_stops_the_signing() {
    let (old, new) = (300, 600);
    let (files, tree) = log(&[old, new]);
    let before = self_check(&files, &Frontier::default(), &at(&tree, old)).unwrap().frontier().clone();
    let touched =
        ["tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88"];
    for path in touched {
        for at_byte in (0..files.files[path].len()).step_by(37) {
            let mut damaged = files.clone();
            damaged.files.get_mut(path).unwrap()[at_byte] ^= 1 << (at_byte % 8);
            for checked in [&before, &Frontier::default()] {
                let result = self_check(&damaged, checked, &at(&tree, new));
                assert!(result.is_err(), "{path} byte {at_byte}");
            }
        }
    }
    assert!(self_check(&files, &before, &at(&tree, new)).is_ok());
}

#[test]
fn each_damage_has_its_own_reason() {
    let (files, tree) = log(&[300, 600]);
    let before = self_check(&files, &Frontier::default(), &at(&tree, 300)).unwrap().frontier().clone();
    let damaged = |path: &str, at_byte: usize| {
        let mut files = files.clone();
        files.files.get_mut(path).unwrap()[at_byte] ^= 1;
        self_check(&files, &before, &at(&tree, 600)).unwrap_err()
    };
    let coord = |path: &str| path.parse().unwrap();
    let (low, high) = (coord("tile/0/001"), coord("tile/1/000.p/2"));
    assert_eq!(damaged("tile/0/001", 40), SelfCheckError::Hash { coord: low, at: 1 });
    assert_eq!(damaged("tile/entries/001", 3), SelfCheckError::Hash { coord: low, at: 0 });
    assert_eq!(damaged("tile/1/000.p/2", 33), SelfCheckError::Hash { coord: high, at: 1 });
    assert_eq!(damaged("tile/1/000.p/2", 3), SelfCheckError::Past { coord: high });
    let bundle = SelfCheckError::Bundle {
        coord: "tile/entries/001".parse().unwrap(),
        error: TileError::BundleLength { width: 256 },
    };
    assert_eq!(damaged("tile/entries/001", 0), bundle);
}

#[test]
fn entries_and_tile_altered_together_are_found_by_the_past_and_the_root() {
    let (files, tree) = log(&[300, 600]);
    let before = self_check(&files, &Frontier::default(), &at(&tree, 300)).unwrap().frontier().clone();
    // The operator's own files, rewritten consistently: another entry 299 (old) or 350 (new).
    let alter = |index: usize| {
        let mut files = files.clone();
        let coord: pouch_tlog::BundleCoord = "tile/entries/001".parse().unwrap();
        let mut entries =
            pouch_tlog::EntryBundle::parse(coord, &files.files["tile/entries/001"]).unwrap().into_entries();
        entries[index - 256] = b"rewritten".to_vec();
        let bundle = pouch_tlog::EntryBundle::new(entries).unwrap();
        let hashes: Vec<_> = bundle.leaf_hashes().iter().map(|leaf| leaf.digest()).collect();
        let upper = pouch_tlog::full_tile_root(&hashes).unwrap();
        files.files.insert("tile/entries/001".into(), bundle.encode());
        files.files.insert("tile/0/001".into(), pouch_tlog::print_tile(&hashes));
        files.files.get_mut("tile/1/000.p/2").unwrap()[32..].copy_from_slice(upper.as_bytes());
        self_check(&files, &before, &at(&tree, 600)).unwrap_err()
    };
    assert_eq!(alter(299), SelfCheckError::Past { coord: "tile/0/001".parse().unwrap() });
    assert!(matches!(alter(350), SelfCheckError::Root { .. }));
}

#[test]
fn missing_files_other_roots_and_smaller_trees_are_refused() {
    let (mut files, tree) = log(&[300]);
    let (nothing, checkpoint) = (Frontier::default(), at(&tree, 300));
    assert!(self_check(&files, &nothing, &checkpoint).is_ok());
    let other = Checkpoint::new(&name(ORIGIN), 300, tree.root_at(299).unwrap());
    let (claimed, found) = (other.root(), checkpoint.root());
    assert_eq!(self_check(&files, &nothing, &other), Err(SelfCheckError::Root { claimed, found }));
    let smaller = self_check(&files, &tree.frontier(), &at(&tree, 299));
    assert_eq!(smaller, Err(SelfCheckError::Shrunk { checked: 300, size: 299 }));
    files.files.remove("tile/1/000.p/1");
    let missing = Missing("tile/1/000.p/1".into());
    assert_eq!(self_check(&files, &nothing, &checkpoint), Err(SelfCheckError::Read(missing)));
}
