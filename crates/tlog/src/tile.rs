//! Where C2SP tlog-tiles keeps hashes and entries, and how their files are written.
//!
//! A tile is 256 hashes at a tree height that is a multiple of 8; a bundle is 256 entries. The
//! rightmost of each is partial and its width is in its path, so that no path ever changes content.

use core::fmt;
use core::str::FromStr;

use pouch_wire::{Digest, limits};

use crate::tree::fold;
use crate::{Frontier, HashReader, LeafHash, text};

/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;
pub(crate) const HASHES: u64 = 256;
/// Highest level in a path (tlog-tiles).
const LEVEL_MAX: u8 = 63;
/// Levels that trees of fewer than 2^64 leaves have.
const LEVELS: u8 = 8;

/// Why a tile or a bundle is not one. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Not a path as tlog-tiles writes it, or a level or width out of range.
    #[error("not a tile's place")]
    Coordinate,
    /// A tile whose length is not 32 bytes for each hash of its width.
    #[error("a tile of width {width} in {found} bytes")]
    TileLength {
        /// Its width.
        width: u16,
        /// Its bytes.
        found: usize,
    },
    /// A bundle that ends within an entry, or goes on after its last.
    #[error("a bundle of {width} entries ends in the wrong place")]
    BundleLength {
        /// Its width.
        width: u16,
    },
    /// An entry longer than two bytes can say.
    #[error("an entry of {found} bytes; at most {}", limits::ENTRY_BYTES)]
    EntryTooLong {
        /// Its bytes.
        found: usize,
    },
    /// No entries, or more than a bundle holds.
    #[error("a bundle of {found} entries; 1 to {TILE_WIDTH}")]
    BundleWidth {
        /// How many there are.
        found: usize,
    },
}

impl TileError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Coordinate => "POUCH-TLG-08",
            Self::TileLength { .. } => "POUCH-TLG-09",
            Self::BundleLength { .. } => "POUCH-TLG-10",
            Self::EntryTooLong { .. } => "POUCH-TLG-11",
            Self::BundleWidth { .. } => "POUCH-TLG-12",
        }
    }
}

/// Where a tile of hashes is. Shown as its path below the log's prefix: `tile/<L>/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileCoord {
    level: u8,
    index: u64,
    width: u16,
}

impl TileCoord {
    /// Names a tile: level 0 to 63, index within the level, width 1 to 256.
    ///
    /// # Errors
    /// When level or width are out of range.
    pub const fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if level > LEVEL_MAX || width == 0 || width > TILE_WIDTH {
            return Err(TileError::Coordinate);
        }
        Ok(Self { level, index, width })
    }

    /// The level: hashes in it are roots over 256^level leaves.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// The tile's index within its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes it holds; 256 when it is full.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds fewer than 256 hashes.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The same tile when it is full, which may take a partial tile's place.
    #[must_use]
    pub const fn full(&self) -> Self {
        Self { level: self.level, index: self.index, width: TILE_WIDTH }
    }

    /// The tile at this level and index of a tree of `size` leaves; none when it is empty there.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let width = width_at(index, hashes_at(level, size))?;
        Self::new(level, index, width).ok()
    }
}

impl fmt::Display for TileCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, index_path(self.index, self.width))
    }
}

impl FromStr for TileCoord {
    type Err = TileError;
    fn from_str(path: &str) -> Result<Self, TileError> {
        let (level, rest) =
            path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or(TileError::Coordinate)?;
        let level = text::decimal(level).and_then(|l| u8::try_from(l).ok()).ok_or(TileError::Coordinate)?;
        let (index, width) = index_from_path(rest).ok_or(TileError::Coordinate)?;
        Self::new(level, index, width)
    }
}

/// Where a bundle of entries is. Shown as its path: `tile/entries/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleCoord {
    index: u64,
    width: u16,
}

impl BundleCoord {
    /// Names a bundle: its index, and its width from 1 to 256.
    ///
    /// # Errors
    /// When the width is out of range.
    pub const fn new(index: u64, width: u16) -> Result<Self, TileError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Coordinate);
        }
        Ok(Self { index, width })
    }

    /// The bundle's index; its first entry is 256 times that.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many entries it holds.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The bundle at this index of a log of `size` entries; none when it is empty there.
    #[must_use]
    pub fn in_tree(index: u64, size: u64) -> Option<Self> {
        Self::new(index, width_at(index, size)?).ok()
    }

    /// The level 0 tile with these entries' hashes.
    #[must_use]
    pub const fn tile(&self) -> TileCoord {
        TileCoord { level: 0, index: self.index, width: self.width }
    }
}

impl fmt::Display for BundleCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/entries/{}", index_path(self.index, self.width))
    }
}

impl FromStr for BundleCoord {
    type Err = TileError;
    fn from_str(path: &str) -> Result<Self, TileError> {
        let (index, width) =
            path.strip_prefix("tile/entries/").and_then(index_from_path).ok_or(TileError::Coordinate)?;
        Self::new(index, width)
    }
}

/// The tiles that a tree of `new` leaves has and one of `old` leaves has not, lowest level first,
/// left to right; a partial tile that grew is named at its new width only.
pub fn new_tiles(old: u64, new: u64) -> impl Iterator<Item = TileCoord> {
    (0..LEVELS).flat_map(move |level| {
        grown(hashes_at(level, old), hashes_at(level, new)).map(move |(index, width)| TileCoord {
            level,
            index,
            width,
        })
    })
}

/// The bundles that a log of `new` entries has and one of `old` entries has not, left to right.
pub fn new_bundles(old: u64, new: u64) -> impl Iterator<Item = BundleCoord> {
    grown(old, new).map(|(index, width)| BundleCoord { index, width })
}

/// Reads a tile's bytes.
///
/// # Errors
/// When they are not exactly 32 for each hash of its width.
pub fn parse_tile(coord: TileCoord, bytes: &[u8]) -> Result<Vec<Digest>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != usize::from(coord.width) || !rest.is_empty() {
        return Err(TileError::TileLength { width: coord.width, found: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Digest::new).collect())
}

/// A tile's bytes.
#[must_use]
pub fn print_tile(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile, from a tree that keeps its hashes.
///
/// # Errors
/// When the reader has not got one of them.
pub fn tile_of<R: HashReader>(reader: &R, coord: TileCoord) -> Result<Vec<Digest>, R::Error> {
    let first = coord.index.saturating_mul(HASHES);
    let level = u32::from(coord.level).saturating_mul(8);
    (0..u64::from(coord.width)).map(|i| reader.hash_at(level, first.saturating_add(i))).collect()
}

/// The root over a full tile's hashes, which is one hash in the tile above; none when it is not full.
#[must_use]
pub fn full_tile_root(hashes: &[Digest]) -> Option<Digest> {
    (hashes.len() == usize::from(TILE_WIDTH)).then(|| perfect_root(hashes))
}

/// The root over hashes as if they were leaves' hashes.
pub(crate) fn perfect_root(hashes: &[Digest]) -> Digest {
    fold(edge_of(hashes).hashes())
}

/// The right edge of the tree that has these hashes for leaves.
pub(crate) fn edge_of(hashes: &[Digest]) -> Frontier {
    let mut edge = Frontier::default();
    for hash in hashes {
        edge.push(LeafHash::from_digest(*hash));
    }
    edge
}

/// How many hashes a level has in all, of a tree with `size` leaves.
pub(crate) fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0)
}

/// The entries of one bundle, 1 to 256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryBundle {
    entries: Vec<Vec<u8>>,
}

impl EntryBundle {
    /// Bundles entries.
    ///
    /// # Errors
    /// When there are none or too many, or one is too long.
    pub fn new(entries: Vec<Vec<u8>>) -> Result<Self, TileError> {
        if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
            return Err(TileError::BundleWidth { found: entries.len() });
        }
        match entries.iter().find(|entry| entry.len() > limits::ENTRY_BYTES) {
            Some(entry) => Err(TileError::EntryTooLong { found: entry.len() }),
            None => Ok(Self { entries }),
        }
    }

    /// Reads a bundle's bytes: for each entry two bytes of length, most significant first, then it.
    ///
    /// # Errors
    /// When they are not exactly `coord.width()` entries.
    pub fn parse(coord: BundleCoord, bytes: &[u8]) -> Result<Self, TileError> {
        let wrong = TileError::BundleLength { width: coord.width };
        let mut entries = Vec::new();
        let mut rest = bytes;
        for _ in 0..coord.width {
            let (length, after) = rest.split_first_chunk::<2>().ok_or(wrong)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, after) = after.split_at_checked(length).ok_or(wrong)?;
            entries.push(entry.to_vec());
            rest = after;
        }
        if rest.is_empty() { Ok(Self { entries }) } else { Err(wrong) }
    }

    /// The bundle's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            // `new` and `parse` let no longer entry in.
            let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        bytes
    }

    /// The entries, in the log's order.
    #[must_use]
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// The entries' hashes, which are those of the level 0 tile.
    #[must_use]
    pub fn leaf_hashes(&self) -> Vec<LeafHash> {
        self.entries.iter().map(|entry| LeafHash::of(entry)).collect()
    }

    /// The entries, given away.
    #[must_use]
    pub fn into_entries(self) -> Vec<Vec<u8>> {
        self.entries
    }
}

/// Indices and widths of the tiles that change when a level grows from `old` to `new` hashes.
fn grown(old: u64, new: u64) -> impl Iterator<Item = (u64, u16)> {
    let first = old / HASHES;
    let end = if old < new { new.div_ceil(HASHES) } else { first };
    (first..end).filter_map(move |index| Some((index, width_at(index, new)?)))
}

/// How many of a level's hashes lie in the tile at `index`; none when it would be empty.
fn width_at(index: u64, total: u64) -> Option<u16> {
    let left = total.checked_sub(index.checked_mul(HASHES)?)?;
    let width = u16::try_from(left).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
    (width > 0).then_some(width)
}

fn index_path(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH { format!("{path}.p/{width}") } else { path }
}

fn index_from_path(path: &str) -> Option<(u64, u16)> {
    let (elements, width) = match path.split_once(".p/") {
        Some((elements, width)) => (elements, u16::try_from(text::decimal(width)?).ok()?),
        None => (path, TILE_WIDTH),
    };
    let digits: String = elements.split('/').map(|e| e.strip_prefix('x').unwrap_or(e)).collect();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let index: u64 = digits.parse().ok()?;
    // One path per tile: only what we would write is read.
    (index_path(index, width) == path).then_some((index, width))
}
