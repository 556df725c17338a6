//! Roots and proofs of any size, from hashes that are kept and not computed again.
//!
//! Every perfect subtree has one hash, named by its height and its index at that height. A root or a
//! proof takes O(log n) of them, from memory or from O(log n) tiles.

use core::cell::RefCell;
use core::fmt;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use pouch_wire::Digest;

use crate::tile::{HASHES, perfect_root};
use crate::tree::fold;
use crate::{BundleCoord, TileCoord, TileError, parse_tile};

/// Where the hashes of perfect subtrees are read.
pub trait HashReader {
    /// Why a hash could not be read.
    type Error;

    /// The root of the perfect subtree over leaves `index * 2^level` to `(index + 1) * 2^level`.
    ///
    /// # Errors
    /// When it is not there.
    fn hash_at(&self, level: u32, index: u64) -> Result<Digest, Self::Error>;
}

/// Where tiles are read, as tlog-tiles lays them out.
pub trait TileReader {
    /// Why a tile could not be read.
    type Error;

    /// The bytes of a tile, exactly as long as its width says. A reader that keeps only the full tile
    /// in place of a partial one gives its beginning.
    ///
    /// # Errors
    /// When it is not there.
    fn tile(&self, coord: TileCoord) -> Result<Vec<u8>, Self::Error>;
}

/// Where tiles and bundles of entries are read.
pub trait EntryReader: TileReader {
    /// The bytes of a bundle, exactly the entries that its width says.
    ///
    /// # Errors
    /// When it is not there.
    fn bundle(&self, coord: BundleCoord) -> Result<Vec<u8>, Self::Error>;
}

/// Why a root or proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unprovable<E: fmt::Display> {
    /// The caller asked for a leaf or an earlier tree that the tree has not got.
    #[error("{asked} is not in a tree of {size}")]
    Beyond {
        /// The index or the size asked for.
        asked: u64,
        /// The tree's size.
        size: u64,
    },
    /// A hash could not be read.
    #[error("{0}")]
    Read(E),
}

impl<E: fmt::Display> Unprovable<E> {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Beyond { .. } => "POUCH-TLG-13",
            Self::Read(_) => "POUCH-TLG-14",
        }
    }
}

/// The root of the tree's first `size` leaves.
///
/// # Errors
/// When a hash is not there.
pub fn root_at<R: HashReader>(reader: &R, size: u64) -> Result<Digest, R::Error> {
    range_root(reader, 0, size)
}

/// The inclusion proof of a leaf in the tree of the first `size` leaves, from the leaf's sibling up
/// (RFC 6962, section 2.1.1).
///
/// # Errors
/// When the leaf is not in that tree, or a hash is not there.
pub fn inclusion<R: HashReader>(
    reader: &R,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, Unprovable<R::Error>>
where
    R::Error: fmt::Display,
{
    if index >= size {
        return Err(Unprovable::Beyond { asked: index, size });
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while let Some(middle) = split(low, high) {
        let (from, to) = if index < middle { (middle, high) } else { (low, middle) };
        path.push(range_root(reader, from, to).map_err(Unprovable::Read)?);
        if index < middle {
            high = middle;
        } else {
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof from the first `old` leaves to the first `new` (RFC 6962, section 2.1.2);
/// empty when `old` is zero or equal to `new`.
///
/// # Errors
/// When `old` is larger than `new`, or a hash is not there.
pub fn consistency<R: HashReader>(reader: &R, old: u64, new: u64) -> Result<Vec<Digest>, Unprovable<R::Error>>
where
    R::Error: fmt::Display,
{
    if old > new {
        return Err(Unprovable::Beyond { asked: old, size: new });
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let (mut low, mut high) = (0, new);
    while high != old {
        let Some(middle) = split(low, high) else { break };
        let (from, to) = if old <= middle { (middle, high) } else { (low, middle) };
        proof.push(range_root(reader, from, to).map_err(Unprovable::Read)?);
        if old <= middle {
            high = middle;
        } else {
            low = middle;
        }
    }
    if low > 0 {
        // The old tree's last part; the verifier knows it already when it is the whole old tree.
        proof.push(range_root(reader, low, high).map_err(Unprovable::Read)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Where RFC 6962 splits a range of leaves: after the largest power of two smaller than its length.
fn split(low: u64, high: u64) -> Option<u64> {
    let last = high.checked_sub(low)?.checked_sub(1)?;
    low.checked_add(1_u64.checked_shl(last.checked_ilog2()?)?)
}

/// The root over a range of leaves that starts where a subtree of at least its length starts.
fn range_root<R: HashReader>(reader: &R, low: u64, high: u64) -> Result<Digest, R::Error> {
    let mut pieces = Vec::new();
    let mut at = low;
    while let Some(level) = high.checked_sub(at).and_then(u64::checked_ilog2) {
        pieces.push(reader.hash_at(level, at.checked_shr(level).unwrap_or(0))?);
        at = at.saturating_add(1_u64.checked_shl(level).unwrap_or(0));
    }
    Ok(fold(&pieces))
}

/// Why a hash could not be had from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileHashError<E: fmt::Display> {
    /// The reader failed.
    #[error("{0}")]
    Read(E),
    /// What it read is not such a tile.
    #[error("{coord}: {error}")]
    Tile {
        /// The tile.
        coord: TileCoord,
        /// What is wrong with it.
        error: TileError,
    },
    /// The tree is not that large.
    #[error("no hash at height {level}, index {index}")]
    Beyond {
        /// The height asked for.
        level: u32,
        /// The index asked for.
        index: u64,
    },
}

impl<E: fmt::Display> TileHashError<E> {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "POUCH-TLG-15",
            Self::Tile { error, .. } => error.code(),
            Self::Beyond { .. } => "POUCH-TLG-16",
        }
    }
}

/// The hashes of a tree of a known size, read from its tiles; each tile is read once.
///
/// What it gives is only as good as the tiles: check a proof before sending it.
#[derive(Debug)]
pub struct TiledHashes<'a, R> {
    reader: &'a R,
    size: u64,
    tiles: RefCell<BTreeMap<TileCoord, Vec<Digest>>>,
}

impl<'a, R: TileReader> TiledHashes<'a, R> {
    /// Reads the tree of `size` leaves from its tiles.
    #[must_use]
    pub const fn new(reader: &'a R, size: u64) -> Self {
        Self { reader, size, tiles: RefCell::new(BTreeMap::new()) }
    }

    /// How many tiles were read so far.
    #[must_use]
    pub fn tiles_read(&self) -> usize {
        self.tiles.borrow().len()
    }
}

impl<R: TileReader> HashReader for TiledHashes<'_, R>
where
    R::Error: fmt::Display,
{
    type Error = TileHashError<R::Error>;

    fn hash_at(&self, level: u32, index: u64) -> Result<Digest, Self::Error> {
        let beyond = TileHashError::Beyond { level, index };
        let Some((coord, from, to)) = place(level, index, self.size) else { return Err(beyond) };
        let mut tiles = self.tiles.borrow_mut();
        let hashes = match tiles.entry(coord) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let bytes = self.reader.tile(coord).map_err(TileHashError::Read)?;
                place.insert(parse_tile(coord, &bytes).map_err(|error| TileHashError::Tile { coord, error })?)
            }
        };
        hashes.get(from..to).map(perfect_root).ok_or(beyond)
    }
}

/// The tile in which a subtree's hashes lie, and where in it.
fn place(level: u32, index: u64, size: u64) -> Option<(TileCoord, usize, usize)> {
    let span = 1_u64.checked_shl(level % 8)?;
    let first = index.checked_mul(span)?;
    let coord = TileCoord::in_tree(u8::try_from(level / 8).ok()?, first / HASHES, size)?;
    let from = first % HASHES;
    Some((coord, usize::try_from(from).ok()?, usize::try_from(from.checked_add(span)?).ok()?))
}
