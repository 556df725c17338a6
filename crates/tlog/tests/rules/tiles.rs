//! Tiles and bundles: which there are, what is in them, and proofs made from them alone.

use std::cell::Cell;
use std::collections::BTreeMap;

use pouch_tlog::{
    BundleCoord, EntryBundle, EntryReader, MemoryTree, TileCoord, TileError, TileHashError, TileReader,
    TiledHashes, Unprovable, consistency, full_tile_root, inclusion, new_bundles, new_tiles, parse_tile,
    print_tile, root_at, tile_of,
};

use crate::naive;

/// The files of a log, by path.
#[derive(Debug, Default, Clone)]
pub(crate) struct Files {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    reads: Cell<usize>,
}

/// The file that was not there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no {}", self.0)
    }
}

impl Files {
    fn read(&self, path: String) -> Result<Vec<u8>, Missing> {
        self.reads.set(self.reads.get() + 1);
        self.files.get(&path).cloned().ok_or(Missing(path))
    }

    /// Writes what a log grows by.
    pub(crate) fn grow(&mut self, tree: &MemoryTree, old: u64, new: u64) {
        for coord in new_tiles(old, new) {
            let tile = print_tile(&tile_of(tree, coord).unwrap());
            self.files.insert(coord.to_string(), tile);
        }
        for coord in new_bundles(old, new) {
            let first = coord.index() * 256;
            let entries = (first..first + u64::from(coord.width())).map(naive::entry).collect();
            self.files.insert(coord.to_string(), EntryBundle::new(entries).unwrap().encode());
        }
    }
}

impl TileReader for Files {
    type Error = Missing;
    fn tile(&self, coord: TileCoord) -> Result<Vec<u8>, Missing> {
        self.read(coord.to_string())
    }
}

impl EntryReader for Files {
    fn bundle(&self, coord: BundleCoord) -> Result<Vec<u8>, Missing> {
        self.read(coord.to_string())
    }
}

fn paths(old: u64, new: u64) -> Vec<String> {
    new_tiles(old, new).map(|coord| coord.to_string()).collect()
}

#[test]
fn the_tiles_of_70_000_leaves_are_those_of_the_specification() {
    let all: Vec<TileCoord> = new_tiles(0, 70_000).collect();
    let count =
        |level, partial| all.iter().filter(|c| c.level() == level && c.is_partial() == partial).count();
    assert_eq!((count(0, false), count(0, true)), (273, 1));
    assert_eq!((count(1, false), count(1, true)), (1, 1));
    assert_eq!((count(2, false), count(2, true)), (0, 1));
    assert_eq!(all.len(), 277);
    for path in ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"] {
        assert!(all.contains(&path.parse().unwrap()), "{path}");
    }
    assert_eq!(paths(0, 256), ["tile/0/000", "tile/1/000.p/1"]);
}

#[test]
fn growth_names_what_is_new_and_nothing_else() {
    assert_eq!(paths(0, 0), [""; 0]);
    assert_eq!(paths(7, 7), [""; 0]);
    assert_eq!(paths(256, 257), ["tile/0/001.p/1"]);
    assert_eq!(paths(255, 256), ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(paths(300, 513), ["tile/0/001", "tile/0/002.p/1", "tile/1/000.p/2"]);
    let bundles: Vec<String> = new_bundles(255, 257).map(|coord| coord.to_string()).collect();
    assert_eq!(bundles, ["tile/entries/000", "tile/entries/001.p/1"]);
    // What any growth adds up to is what the tree has.
    for (a, b) in [(1, 300), (256, 512), (65_535, 65_537), (300, 66_000)] {
        let have: Vec<TileCoord> = new_tiles(0, a).chain(new_tiles(a, b)).collect();
        assert!(new_tiles(0, b).all(|coord| have.contains(&coord)), "{a} to {b}");
    }
}

#[test]
fn a_tile_holds_the_roots_of_the_full_tiles_below() {
    let leaves = naive::leaves(66_000);
    let tree: MemoryTree = leaves.iter().copied().collect();
    let top = tile_of(&tree, "tile/2/000.p/1".parse().unwrap()).unwrap();
    assert_eq!(top, [naive::root(&leaves[..65_536])]);
    let middle = tile_of(&tree, "tile/1/000".parse().unwrap()).unwrap();
    assert_eq!(full_tile_root(&middle), Some(top[0]));
    for n in [0, 1, 255] {
        let low = tile_of(&tree, TileCoord::new(0, n, 256).unwrap()).unwrap();
        assert_eq!(full_tile_root(&low), Some(middle[n as usize]));
        assert_eq!(full_tile_root(&low[1..]), None);
    }
}

#[test]
fn proofs_from_tiles_are_those_from_memory() {
    let tree: MemoryTree = naive::leaves(70_001).into_iter().collect();
    for size in [1, 2, 255, 256, 257, 511, 600, 65_535, 65_536, 65_537, 70_001] {
        let mut files = Files::default();
        files.grow(&tree, 0, size);
        assert_eq!(root_at(&TiledHashes::new(&files, size), size).unwrap(), tree.root_at(size).unwrap());
        for index in [0, size / 3, size / 2, size - 1] {
            let tiled = TiledHashes::new(&files, size);
            assert_eq!(inclusion(&tiled, index, size).unwrap(), tree.inclusion(index, size).unwrap());
            // One tile for each level, and on each level above the one at the right edge.
            assert!(tiled.tiles_read() <= 6, "{} tiles", tiled.tiles_read());
        }
        for old in [0, 1, size / 3, size / 2, size] {
            let tiled = TiledHashes::new(&files, size);
            assert_eq!(consistency(&tiled, old, size).unwrap(), tree.consistency(old, size).unwrap());
        }
    }
}

#[test]
fn a_missing_or_damaged_tile_gives_no_proof() {
    let tree: MemoryTree = naive::leaves(300).into_iter().collect();
    let mut files = Files::default();
    files.grow(&tree, 0, 300);
    assert!(inclusion(&TiledHashes::new(&files, 300), 7, 300).is_ok());
    let coord: TileCoord = "tile/0/000".parse().unwrap();
    files.files.get_mut("tile/0/000").unwrap().pop();
    let error = TileError::TileLength { width: 256, found: 8191 };
    assert_eq!(
        inclusion(&TiledHashes::new(&files, 300), 7, 300),
        Err(Unprovable::Read(TileHashError::Tile { coord, error }))
    );
    files.files.remove("tile/0/000");
    assert_eq!(
        inclusion(&TiledHashes::new(&files, 300), 7, 300),
        Err(Unprovable::Read(TileHashError::Read(Missing("tile/0/000".into()))))
    );
}

#[test]
fn bundles_round_trip_and_their_hashes_are_the_level_0_tile() {
    let tree: MemoryTree = naive::leaves(300).into_iter().collect();
    let mut files = Files::default();
    files.grow(&tree, 0, 300);
    for coord in new_bundles(0, 300) {
        let bytes = files.bundle(coord).unwrap();
        let bundle = EntryBundle::parse(coord, &bytes).unwrap();
        assert_eq!(bundle.encode(), bytes);
        let tile = parse_tile(coord.tile(), &files.tile(coord.tile()).unwrap()).unwrap();
        let hashes: Vec<_> = bundle.leaf_hashes().iter().map(|leaf| leaf.digest()).collect();
        assert_eq!(hashes, tile);
    }
}

#[test]
fn an_entry_is_written_behind_its_length_most_significant_byte_first() {
    let bundle = EntryBundle::new(vec![b"ab".to_vec(), Vec::new(), vec![7; 258]]).unwrap();
    let bytes = bundle.encode();
    assert_eq!(bytes[..8], [0, 2, b'a', b'b', 0, 0, 1, 2]);
    let coord = BundleCoord::new(0, 3).unwrap();
    assert_eq!(EntryBundle::parse(coord, &bytes), Ok(bundle));
}

#[test]
fn a_bundle_of_another_length_is_refused() {
    let entries = |n: usize| vec![b"entry".to_vec(); n];
    let bytes = EntryBundle::new(entries(3)).unwrap().encode();
    let parse = |width, bytes: &[u8]| EntryBundle::parse(BundleCoord::new(0, width).unwrap(), bytes);
    assert!(parse(3, &bytes).is_ok());
    for (width, bytes) in [(2, &bytes[..]), (4, &bytes), (3, &bytes[..20]), (3, &bytes[..15])] {
        assert_eq!(parse(width, bytes), Err(TileError::BundleLength { width }));
    }
    assert_eq!(EntryBundle::new(Vec::new()), Err(TileError::BundleWidth { found: 0 }));
    assert_eq!(EntryBundle::new(entries(257)), Err(TileError::BundleWidth { found: 257 }));
    assert!(EntryBundle::new(entries(256)).is_ok());
    let long = EntryBundle::new(vec![vec![0; 65_536]]);
    assert_eq!(long, Err(TileError::EntryTooLong { found: 65_536 }));
    assert!(EntryBundle::new(vec![vec![0; 65_535]]).is_ok());
}

#[test]
fn coordinates_out_of_range_are_refused() {
    for (level, width) in [(64, 1), (0, 0), (0, 257)] {
        assert_eq!(TileCoord::new(level, 0, width), Err(TileError::Coordinate));
    }
    assert_eq!(BundleCoord::new(0, 0), Err(TileError::Coordinate));
    assert_eq!(BundleCoord::new(0, 257), Err(TileError::Coordinate));
    assert!(TileCoord::new(63, u64::MAX, 256).is_ok());
    assert_eq!(TileCoord::in_tree(0, 1, 256), None);
    assert_eq!(TileCoord::in_tree(0, 1, 257), TileCoord::new(0, 1, 1).ok());
    assert_eq!(TileCoord::in_tree(7, 0, u64::MAX), TileCoord::new(7, 0, 255).ok());
    assert_eq!(TileCoord::in_tree(8, 0, u64::MAX), None);
    assert_eq!(TileCoord::in_tree(0, u64::MAX, u64::MAX), None);
}
