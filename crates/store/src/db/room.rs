//! A piece of the disk that is kept for what must still be stored when the disk is full.
//!
//! A file beside the database takes the room until it is needed. While it is not whole, only what is urgent
//! is stored: flash, receipts, and whatever frees room. At a relay, which cannot tell a receipt, what is
//! immediate may use half of it: the receipts of flashes are. When there is room again the file grows back, and
//! everything is stored again.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::fstatvfs;
use rusqlite::Connection;

use crate::db::batch::Way;

/// The reserve at most.
const RESERVE_MAX: u64 = 64 * 1024 * 1024;
/// One part of the disk in so many is reserved, if that is less.
const PART: u64 = 20;
/// In how many steps it is given up.
const STEPS: u64 = 64;
/// How often it is tried to take it back.
const AGAIN: Duration = Duration::from_millis(500);

/// The reserve of one database.
#[derive(Debug)]
pub(super) struct Room {
    file: File,
    wanted: u64,
    held: u64,
    /// What is free inside the database file, which does not shrink.
    inside: u64,
    tried: Option<Instant>,
}

impl Room {
    /// The reserve beside a database; what cannot be had now is taken when there is room.
    pub(super) fn beside(database: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(database.with_extension("reserve"))?;
        let disk = fstatvfs(&file)?;
        let bytes = disk.blocks().saturating_mul(disk.fragment_size());
        let wanted = RESERVE_MAX.min(bytes / PART);
        let held = file.metadata()?.len().min(wanted);
        let mut room = Self { file, wanted, held, inside: 0, tried: None };
        room.take_back();
        Ok(room)
    }

    /// Whether the reserve is whole, so that what is not urgent may be stored.
    fn is_whole(&mut self) -> bool {
        if self.held < self.wanted && self.tried.is_none_or(|at| at.elapsed() >= AGAIN) {
            self.take_back();
        }
        self.held.saturating_add(self.inside) >= self.wanted
    }

    /// While the reserve is not whole: how much room there is in the database itself. What filled the disk and was
    /// fetched since leaves its room there.
    pub(super) fn look_inside(&mut self, connection: &Connection) {
        if self.held < self.wanted {
            let pragma =
                |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
            let free =
                pragma("freelist_count").and_then(|pages| Ok(pages.saturating_mul(pragma("page_size")?)));
            self.inside = free.ok().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        }
    }

    /// Whether there is room for what is done this way.
    pub(super) fn allows(&mut self, way: Way) -> bool {
        match way {
            Way::Must | Way::Erases => true,
            Way::Urgent => self.is_whole() || self.held > self.wanted / 8,
            Way::Soon => self.is_whole() || self.held > self.wanted / 2,
            Way::Bulk => self.is_whole(),
        }
    }

    /// Gives up a part of the reserve for what is done this way; whether there was any for it.
    pub(super) fn give_for(&mut self, way: Way) -> bool {
        // What is not whole otherwise may be so by what is free inside, and that is not given up.
        let last = match way {
            Way::Must | Way::Erases => 0,
            Way::Urgent => self.wanted / 8,
            Way::Soon => self.wanted / 2,
            Way::Bulk => return false,
        };
        self.held > last && self.give()
    }

    fn take_back(&mut self) {
        self.tried = Some(Instant::now());
        let len = i64::try_from(self.wanted).unwrap_or(i64::MAX);
        let was = self.held < self.wanted;
        // What was given up may be a hole; where there is no room nothing is promised.
        if posix_fallocate(&self.file, 0, len).is_ok() {
            self.held = self.wanted;
            if was {
                tracing::info!(bytes = self.wanted, "the reserve on the disk is whole");
            }
        } else if self.file.set_len(self.held).is_err() {
            tracing::warn!("the reserve on the disk cannot be measured");
        }
    }

    /// Gives up a part of the reserve; whether there was any.
    fn give(&mut self) -> bool {
        if self.held == 0 {
            return false;
        }
        let left = self.held.saturating_sub(self.wanted.div_ceil(STEPS).max(1));
        if self.file.set_len(left).is_err() {
            return false;
        }
        tracing::warn!(
            code = "POUCH-STO-20",
            left,
            "the disk is full; the reserve is used for what is urgent"
        );
        self.held = left;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_given_up_in_steps_and_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut room = Room::beside(&dir.path().join("x.sqlite")).unwrap();
        let len = || std::fs::metadata(dir.path().join("x.reserve")).unwrap().len();
        assert!(room.is_whole());
        let whole = len();
        assert!(whole > 0 && whole <= RESERVE_MAX);
        let mut given = 0_u64;
        while room.give() {
            given += 1;
            assert!(len() < whole);
        }
        assert_eq!((given, len()), (STEPS, 0));
        room.tried = None;
        assert!(room.is_whole(), "there is room on this disk");
        assert_eq!(len(), whole);
    }

    #[test]
    fn what_is_immediate_leaves_half_of_the_reserve_to_flashes_and_bulk_gets_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut room = Room::beside(&dir.path().join("x.sqlite")).unwrap();
        assert!(!room.give_for(Way::Bulk), "also when it is whole");
        // Nothing is taken back in this test.
        room.tried = Some(Instant::now() + Duration::from_secs(3600));
        let mut given = 0_u64;
        while room.give_for(Way::Soon) {
            given += 1;
            assert!(!room.allows(Way::Bulk) && room.allows(Way::Urgent));
        }
        assert_eq!(given, STEPS / 2);
        assert!(!room.allows(Way::Soon) && room.allows(Way::Erases));
        while room.give_for(Way::Urgent) {
            given += 1;
        }
        assert_eq!(given, STEPS * 7 / 8, "a flash gets all but the last of the rest");
        assert!(!room.allows(Way::Urgent) && room.allows(Way::Must));
        while room.give_for(Way::Must) {
            given += 1;
        }
        assert_eq!(given, STEPS, "what frees room gets that");
    }

    #[test]
    fn a_database_that_filled_the_disk_and_was_emptied_takes_everything_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sqlite");
        let mut room = Room::beside(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (x BLOB)").unwrap();
        let large = i64::try_from(room.wanted).unwrap();
        connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [large]).unwrap();
        // Nothing is taken back in this test: the file has it.
        room.tried = Some(Instant::now() + Duration::from_secs(3600));
        while room.give() {}
        room.look_inside(&connection);
        assert!(!room.allows(Way::Bulk));
        connection.execute("DELETE FROM t", []).unwrap();
        room.look_inside(&connection);
        assert!(room.allows(Way::Bulk) && !room.give_for(Way::Soon));
    }
}
