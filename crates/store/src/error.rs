//! Why the store could not do something, and who has to act.
//!
//! The texts are log-safe: paths, versions and ids, never what is stored.

use std::path::PathBuf;

/// Why the store could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Writing to or reading from the disk failed: nothing is acknowledged any more, every later call
    /// gets this answer, and the program must end (exit code 74).
    #[error("storage failed: {0}")]
    Fatal(String),
    /// The disk is full: this was not stored; what was stored before is safe, and the store goes on.
    #[error("the disk is full; nothing was stored")]
    Full,
    /// Another process uses this database.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// A newer program wrote this database; it was not touched.
    #[error("the database is of version {found}; this program knows {known}")]
    Newer {
        /// What was found.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// Others can read the file.
    #[error("{path}: mode {mode:04o}, others can reach it; it must be 0600")]
    LooseMode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A stored record is damaged. Others are served.
    #[error("stored record {0} is damaged")]
    Damaged(String),
    /// What was asked contradicts what is stored.
    #[error("contradicts what is stored: {0}")]
    Conflict(&'static str),
    /// The SQLite library is too old: versions before 3.51.3 can damage a write-ahead log.
    #[error("SQLite {0}; 3.51.3 or later is needed")]
    OldSqlite(String),
    /// The database is another program's, or of the other kind (a relay's is no node's).
    #[error("{path} is not a database of {expected}; it was not touched")]
    NotOurs {
        /// Which file.
        path: PathBuf,
        /// Whose it should be.
        expected: &'static str,
    },
    /// The store was closed by its own program.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fatal(_) => "POUCH-STO-01",
            Self::Full => "POUCH-STO-02",
            Self::InUse(_) => "POUCH-STO-03",
            Self::Newer { .. } => "POUCH-STO-04",
            Self::LooseMode { .. } => "POUCH-STO-05",
            Self::Damaged(_) => "POUCH-STO-06",
            Self::Conflict(_) => "POUCH-STO-07",
            Self::OldSqlite(_) => "POUCH-STO-08",
            Self::NotOurs { .. } => "POUCH-STO-09",
            Self::Closed => "POUCH-STO-10",
        }
    }

    /// Whether the program must end now, with exit code 74.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal(_))
    }
}

/// Whether there was no room: on the disk, or for the file that SQLite shares its index of the log in.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    match error.sqlite_error() {
        Some(found) => {
            found.code == rusqlite::ErrorCode::DiskFull
                || found.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
        }
        None => false,
    }
}

/// The name of the damaged record, if that is what a statement ended with.
fn damaged_name(error: &rusqlite::Error) -> Option<&str> {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(words)) => words.strip_prefix(crate::db::damage::MARK),
        _ => None,
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{Error, ErrorCode};
        if let Some(name) = damaged_name(&error) {
            return Self::Damaged(name.to_owned());
        }
        if is_full(&error) {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged("database".into()),
            Some(ErrorCode::ConstraintViolation) => Self::Conflict("a row that is there, or one that is not"),
            Some(_) => Self::Fatal(error.to_string()),
            None => match error {
                Error::FromSqlConversionFailure(..)
                | Error::InvalidColumnType(..)
                | Error::IntegralValueOutOfRange(..) => Self::Damaged("column".into()),
                other => Self::Fatal(other.to_string()),
            },
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            Self::Full
        } else {
            Self::Fatal(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_own_code() {
        let all = [
            StoreError::Fatal(String::new()),
            StoreError::Full,
            StoreError::InUse(PathBuf::new()),
            StoreError::Newer { found: 2, known: 1 },
            StoreError::LooseMode { path: PathBuf::new(), mode: 0o644 },
            StoreError::Damaged(String::new()),
            StoreError::Conflict(""),
            StoreError::OldSqlite(String::new()),
            StoreError::NotOurs { path: PathBuf::new(), expected: "a relay" },
            StoreError::Closed,
        ];
        let codes: std::collections::BTreeSet<_> = all.iter().map(StoreError::code).collect();
        assert_eq!(codes.len(), all.len());
        assert_eq!(all.iter().filter(|error| error.is_fatal()).count(), 1);
    }
}
