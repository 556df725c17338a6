//! A log as files, the way tlog-tiles (C2SP) lays them out, for any web server.
//!
//! The files are derived: whatever stands here can be made again from the database. Tiles and entries
//! are on the disk before the checkpoint that needs them appears, and the checkpoint changes in one
//! step.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use pouch_tlog::{BundleCoord, EntryReader, TileCoord, TileReader};

/// A log's folder.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    folder: PathBuf,
}

impl Publisher {
    /// The folder of a log; made when it is not there.
    pub(crate) fn new(folder: PathBuf) -> std::io::Result<Self> {
        fs::create_dir_all(folder.join("tile"))?;
        Ok(Self { folder })
    }

    /// Writes a tile or a bundle, durably.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        write_durably(&self.folder.join(path), bytes)
    }

    /// Replaces the checkpoint in one step.
    pub(crate) fn put_checkpoint(&self, note: &[u8]) -> std::io::Result<()> {
        write_durably(&self.folder.join("checkpoint"), note)
    }

    /// Removes partial tiles and bundles that a log of this size does not need. A log that is being
    /// read keeps them, because readers may hold earlier checkpoints; it is called when the relay
    /// stops.
    pub(crate) fn prune(&self, size: u64) -> std::io::Result<()> {
        let needed = |path: &str| match (path.parse::<TileCoord>(), path.parse::<BundleCoord>()) {
            (Ok(coord), _) => TileCoord::in_tree(coord.level(), coord.index(), size) == Some(coord),
            (_, Ok(coord)) => BundleCoord::in_tree(coord.index(), size) == Some(coord),
            _ => true,
        };
        prune_below(&self.folder, &self.folder.join("tile"), &needed)
    }
}

/// Removes files that are not needed, and folders that are left empty.
fn prune_below(root: &Path, folder: &Path, needed: &dyn Fn(&str) -> bool) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            prune_below(root, &path, needed)?;
            if fs::read_dir(&path)?.next().is_none() {
                fs::remove_dir(&path)?;
            }
        } else if path.strip_prefix(root).ok().and_then(Path::to_str).is_some_and(|name| !needed(name)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

impl TileReader for Publisher {
    type Error = std::io::Error;

    fn tile(&self, coord: TileCoord) -> Result<Vec<u8>, std::io::Error> {
        fs::read(self.folder.join(coord.to_string()))
    }
}

impl EntryReader for Publisher {
    fn bundle(&self, coord: BundleCoord) -> Result<Vec<u8>, std::io::Error> {
        fs::read(self.folder.join(coord.to_string()))
    }
}
