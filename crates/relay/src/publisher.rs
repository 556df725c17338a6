//! A log as files, the way tlog-tiles (C2SP) lays them out, for any web server.
//!
//! The files are derived: whatever stands here can be made again from the database. Tiles and entries
//! are on the disk before the checkpoint that needs them appears, and the checkpoint changes in one
//! step.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use pouch_tlog::{BundleCoord, EntryReader, TileCoord, TileReader};

/// How a file's name ends until it is on the disk as a whole.
const HALF_WRITTEN: &str = ".new";

/// A log's folder.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    folder: PathBuf,
}

impl Publisher {
    /// The folder of a log; made when it is not there. What a crash left half written is removed: no
    /// log has such a file, so whoever audits the folder would refuse it.
    pub(crate) fn new(folder: PathBuf) -> std::io::Result<Self> {
        make_durably(&folder.join("tile"))?;
        prune_below(&folder, &folder, &|path| !path.ends_with(HALF_WRITTEN))?;
        sync_below(&folder)?;
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
        let needed = |path: &str| {
            !path.ends_with(".new")
                && match (path.parse::<TileCoord>(), path.parse::<BundleCoord>()) {
                    (Ok(coord), _) => TileCoord::in_tree(coord.level(), coord.index(), size) == Some(coord),
                    (_, Ok(coord)) => BundleCoord::in_tree(coord.index(), size) == Some(coord),
                    _ => true,
                }
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

/// Makes a folder and those around it that are missing; their names are on the disk when this returns, or a
/// power cut could take them away with all the files in them.
fn make_durably(folder: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists()).collect();
    fs::create_dir_all(folder)?;
    missing.iter().try_for_each(|made| sync_folder(folder_of(made)))
}

/// Waits for the names in a folder and in all below it: a relay that was stopped between making a folder and
/// waiting for it left one that only looks safe.
fn sync_below(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_below(&path)?;
        }
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = folder_of(path);
    make_durably(folder)?;
    let mut new = path.as_os_str().to_owned();
    new.push(HALF_WRITTEN);
    let new = PathBuf::from(new);
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(folder)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_removes_what_a_crash_left_half_written_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("log");
        let publisher = Publisher::new(folder.clone()).unwrap();
        let kept = ["checkpoint", "tile/0/000.p/12", "tile/entries/000.p/12"];
        for path in kept {
            publisher.put(path, b"whole").unwrap();
        }
        for path in ["checkpoint.new", "tile/0/000.p/13.new", "tile/entries/001.p/1.new"] {
            fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            fs::write(folder.join(path), b"ha").unwrap();
        }
        Publisher::new(folder.clone()).unwrap();
        let mut left = Vec::new();
        files(&folder, &folder, &mut left);
        left.sort();
        assert_eq!(left, kept);
    }

    fn files(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn a_pruned_log_has_the_files_of_its_size_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let publisher = Publisher::new(dir.path().to_owned()).unwrap();
        let kept = ["tile/0/000.p/5", "tile/entries/000.p/5"];
        // Of earlier sizes, of one that was never published, and what a crash left half-written.
        let gone = [
            "tile/0/000.p/3",
            "tile/entries/000.p/3",
            "tile/0/000.p/9",
            "tile/0/000.p/5.new",
            "tile/0/001.p/1",
        ];
        for path in kept.iter().chain(&gone) {
            publisher.put(path, b"x").unwrap();
        }
        fs::write(dir.path().join("tile/0/000.p/5.new"), b"half").unwrap();
        publisher.put_checkpoint(b"note").unwrap();
        publisher.prune(5).unwrap();
        for path in kept.iter().chain(&["checkpoint"]) {
            assert!(dir.path().join(path).is_file(), "{path}");
        }
        for path in gone {
            assert!(!dir.path().join(path).exists(), "{path}");
        }
    }

    #[test]
    fn a_file_changes_in_one_step_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let publisher = Publisher::new(dir.path().to_owned()).unwrap();
        publisher.put_checkpoint(b"one").unwrap();
        publisher.put_checkpoint(b"two").unwrap();
        assert_eq!(fs::read(dir.path().join("checkpoint")).unwrap(), b"two");
        let mut left = Vec::new();
        files(dir.path(), dir.path(), &mut left);
        assert_eq!(left, ["checkpoint"]);
    }
}
