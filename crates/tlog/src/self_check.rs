//! Before a log signs, it reads back what it is about to sign for, and hashes it again.
//!
//! A bit that flipped in memory or on disk must stop a checkpoint and never be signed: once witnesses
//! have cosigned a root that the files do not have, the log is lost.

use core::fmt;

use pouch_wire::Digest;

use crate::tile::{edge_of, hashes_at, perfect_root};
use crate::{
    BundleCoord, Checkpoint, EntryBundle, EntryReader, Frontier, LeafHash, TileCoord, TileError, new_bundles,
    new_tiles, parse_tile,
};

/// Why a checkpoint must not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelfCheckError<E: fmt::Display> {
    /// A file could not be read.
    #[error("{0}")]
    Read(E),
    /// The tree to be signed is smaller than the one checked before.
    #[error("{size} entries are to be signed after {checked} were checked")]
    Shrunk {
        /// The size checked before.
        checked: u64,
        /// The size to be signed.
        size: u64,
    },
    /// A bundle of entries is damaged.
    #[error("{coord}: {error}")]
    Bundle {
        /// The bundle.
        coord: BundleCoord,
        /// What is wrong with it.
        error: TileError,
    },
    /// A tile is damaged.
    #[error("{coord}: {error}")]
    Tile {
        /// The tile.
        coord: TileCoord,
        /// What is wrong with it.
        error: TileError,
    },
    /// A hash in a tile is not that of the entry or the tile below.
    #[error("{coord}: hash {at} is not that of what lies below")]
    Hash {
        /// The tile.
        coord: TileCoord,
        /// Which hash of it, from 0.
        at: usize,
    },
    /// What was checked before has changed.
    #[error("{coord}: not what was checked before")]
    Past {
        /// The tile.
        coord: TileCoord,
    },
    /// The entries have another root than is to be signed.
    #[error("the entries have the root {found}, not {claimed}")]
    Root {
        /// The root to be signed.
        claimed: Digest,
        /// The root of what was read.
        found: Digest,
    },
}

impl<E: fmt::Display> SelfCheckError<E> {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "POUCH-TLG-94",
            Self::Shrunk { .. } => "POUCH-TLG-95",
            Self::Bundle { error, .. } | Self::Tile { error, .. } => error.code(),
            Self::Hash { .. } => "POUCH-TLG-96",
            Self::Past { .. } => "POUCH-TLG-97",
            Self::Root { .. } => "POUCH-TLG-98",
        }
    }
}

/// A checkpoint whose tree was read back and hashed again. Made only by [`self_check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfChecked {
    checkpoint: Checkpoint,
    frontier: Frontier,
}

impl SelfChecked {
    /// The checkpoint that may be signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The edge from which the next check goes on.
    #[must_use]
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

/// Rereads every bundle and tile that is new or has changed since `checked`, and requires that entries,
/// tiles of all levels and the checkpoint's root belong together. An empty `checked` checks all.
///
/// # Errors
/// When anything does not; the checkpoint must not be signed then.
pub fn self_check<R>(
    reader: &R,
    checked: &Frontier,
    checkpoint: &Checkpoint,
) -> Result<SelfChecked, SelfCheckError<R::Error>>
where
    R: EntryReader,
    R::Error: fmt::Display,
{
    let (old, new) = (checked.size(), checkpoint.size());
    if old > new {
        return Err(SelfCheckError::Shrunk { checked: old, size: new });
    }
    let mut run = Run { reader, checked, frontier: checked.clone(), tile_roots: Vec::new() };
    for coord in new_bundles(old, new) {
        run.bundle(coord)?;
    }
    let mut level = 0;
    let mut below = Vec::new();
    for coord in new_tiles(old, new).filter(|coord| coord.level() > 0) {
        if coord.level() != level {
            level = coord.level();
            below = core::mem::take(&mut run.tile_roots);
        }
        run.upper_tile(coord, &mut below)?;
    }
    let frontier = run.frontier;
    let found = frontier.root();
    if frontier.size() != new || found != checkpoint.root() {
        return Err(SelfCheckError::Root { claimed: checkpoint.root(), found });
    }
    Ok(SelfChecked { checkpoint: checkpoint.clone(), frontier })
}

struct Run<'a, R> {
    reader: &'a R,
    checked: &'a Frontier,
    frontier: Frontier,
    /// Roots of the tiles of the level at hand that became full, in order.
    tile_roots: Vec<Digest>,
}

impl<R> Run<'_, R>
where
    R: EntryReader,
    R::Error: fmt::Display,
{
    /// Entries against the level 0 tile, and both against the past.
    fn bundle(&mut self, coord: BundleCoord) -> Result<(), SelfCheckError<R::Error>> {
        let bytes = self.reader.bundle(coord).map_err(SelfCheckError::Read)?;
        let bundle =
            EntryBundle::parse(coord, &bytes).map_err(|error| SelfCheckError::Bundle { coord, error })?;
        let leaves: Vec<Digest> = bundle.leaf_hashes().iter().map(LeafHash::digest).collect();
        let hashes = self.tile(coord.tile())?;
        if let Some(at) = leaves.iter().zip(&hashes).position(|(leaf, hash)| leaf != hash) {
            return Err(SelfCheckError::Hash { coord: coord.tile(), at });
        }
        let past = self.past(coord.tile(), &leaves)?;
        for leaf in leaves.iter().skip(past) {
            self.frontier.push(LeafHash::from_digest(*leaf));
        }
        Ok(())
    }

    /// A tile's new hashes against the tiles below, and its old ones against the past.
    fn upper_tile(
        &mut self,
        coord: TileCoord,
        below: &mut Vec<Digest>,
    ) -> Result<(), SelfCheckError<R::Error>> {
        let hashes = self.tile(coord)?;
        let past = self.past(coord, &hashes)?;
        let fresh = hashes.len().saturating_sub(past).min(below.len());
        let expected = below.drain(..fresh).map(Some).chain(core::iter::repeat(None));
        let mut numbered = hashes.iter().enumerate().skip(past).zip(expected);
        match numbered.find(|((_, hash), expected)| expected.as_ref() != Some(*hash)) {
            Some(((at, _), _)) => Err(SelfCheckError::Hash { coord, at }),
            None => Ok(()),
        }
    }

    fn tile(&mut self, coord: TileCoord) -> Result<Vec<Digest>, SelfCheckError<R::Error>> {
        let bytes = self.reader.tile(coord).map_err(SelfCheckError::Read)?;
        let hashes = parse_tile(coord, &bytes).map_err(|error| SelfCheckError::Tile { coord, error })?;
        if !coord.is_partial() {
            self.tile_roots.push(perfect_root(&hashes));
        }
        Ok(hashes)
    }

    /// How many of a tile's hashes were checked before, if they are still the same.
    fn past(&self, coord: TileCoord, hashes: &[Digest]) -> Result<usize, SelfCheckError<R::Error>> {
        let total = hashes_at(coord.level(), self.checked.size());
        if coord.index() != total / 256 {
            return Ok(0);
        }
        let past = usize::try_from(total % 256).unwrap_or(usize::MAX);
        let edge = hashes.get(..past).map(edge_of);
        let same = edge.is_some_and(|edge| edge.hashes() == self.checked.in_tile_level(coord.level()));
        if same { Ok(past) } else { Err(SelfCheckError::Past { coord }) }
    }
}
