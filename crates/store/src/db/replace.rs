//! One database takes the place of a damaged one, whenever the power is cut.
//!
//! The new one is finished under a name of its own and then called *ready*: from that name on it counts, and every
//! further step can be done again, by the next start if need be. What is damaged stays beside it under another name,
//! with its write-ahead log.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Where the new database is made.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("mended")
}

/// What it is called when it is finished.
fn ready(path: &Path) -> PathBuf {
    path.with_extension("ready")
}

/// The write-ahead log, or another file that SQLite keeps beside a database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Drops what an earlier attempt left, which was never finished.
pub(super) fn drop_unfinished(path: &Path) -> Result<(), StoreError> {
    let new = unfinished(path);
    for left in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm"), beside(&new, "-journal")] {
        gone(&left)?;
    }
    Ok(())
}

/// The new database is finished, closed, and whole in its one file: from now on it is the one that counts.
pub(super) fn finished(
    path: &Path,
    sync_folder: fn(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    fs::rename(unfinished(path), ready(path))?;
    sync_folder(path)?;
    take_place(path, sync_folder)
}

/// Puts a finished database into its place, if there is one: also when that was begun before.
pub(super) fn take_place(
    path: &Path,
    sync_folder: fn(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let ready = ready(path);
    if !ready.exists() {
        return Ok(());
    }
    let kept = kept_beside(path)?;
    let log = beside(path, "-wal");
    if log.exists() {
        // Never may the damaged one's log be taken for the new one's; so it goes first.
        fs::rename(&log, beside(&kept, "-wal"))?;
    }
    gone(&beside(path, "-shm"))?;
    sync_folder(path)?;
    if path.exists() {
        fs::rename(path, &kept)?;
    }
    sync_folder(path)?;
    fs::rename(&ready, path)?;
    sync_folder(path)
}

/// A name for the damaged file that nothing has yet.
fn kept_beside(path: &Path) -> Result<PathBuf, StoreError> {
    let name = |n: u32| path.with_extension(format!("damaged-{n}.sqlite"));
    let free = (1..1000).map(name).find(|name| !name.exists());
    free.ok_or_else(|| StoreError::Fatal("a thousand damaged databases lie beside this one".into()))
}

fn gone(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a damaged database, its log, and a new one in the making.
    fn damaged() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.sqlite");
        fs::write(&path, "damaged").unwrap();
        fs::write(beside(&path, "-wal"), "its log").unwrap();
        fs::write(unfinished(&path), "new").unwrap();
        (dir, path)
    }

    /// The promises: the name leads to the new one without an alien log, and the damaged one and its log are
    /// beside it.
    fn holds(path: &Path) {
        assert_eq!(fs::read_to_string(path).unwrap(), "new");
        assert!(!beside(path, "-wal").exists());
        let folder = path.parent().unwrap();
        let read = |entry: std::io::Result<fs::DirEntry>| fs::read_to_string(entry.unwrap().path()).unwrap();
        let all: Vec<String> = fs::read_dir(folder).unwrap().map(read).collect();
        assert!(
            all.iter().any(|text| text == "damaged") && all.iter().any(|text| text == "its log"),
            "{all:?}"
        );
    }

    #[test]
    fn the_damaged_one_and_its_log_stay_beside_the_new_one() {
        let (_dir, path) = damaged();
        finished(&path, |_| Ok(())).unwrap();
        holds(&path);
        take_place(&path, |_| Ok(())).unwrap();
        holds(&path);
    }

    #[test]
    fn whenever_it_is_stopped_the_next_start_goes_on_where_it_was() {
        use std::cell::Cell;
        thread_local!(static LEFT: Cell<u32> = const { Cell::new(0) });
        // Stops at the n-th wait for the folder, which is between any two steps that matter.
        let stops = |_: &Path| {
            LEFT.set(LEFT.get().saturating_sub(1));
            if LEFT.get() == 0 { Err(StoreError::Closed) } else { Ok(()) }
        };
        for n in 1..=4 {
            let (_dir, path) = damaged();
            LEFT.set(n);
            assert!(finished(&path, stops).is_err(), "{n}");
            take_place(&path, |_| Ok(())).unwrap();
            holds(&path);
        }
    }

    #[test]
    fn one_that_was_never_finished_takes_no_place() {
        let (_dir, path) = damaged();
        take_place(&path, |_| Ok(())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "damaged");
        drop_unfinished(&path).unwrap();
        assert!(!unfinished(&path).exists() && beside(&path, "-wal").exists());
    }
}
