//! Why the store could not do something.

use std::path::PathBuf;

/// Why the store could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Writing to the disk failed: nothing may be acknowledged any more, the program must end.
    #[error("storage failed: {0}")]
    Fatal(String),
    /// The disk is full: this was not stored; what was stored before is safe.
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
    #[error("{path}: mode {mode:04o}, others can reach it")]
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
    /// The SQLite library is too old.
    #[error("SQLite {0}; 3.51.3 or later is needed")]
    OldSqlite(String),
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
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged("database".into())
            }
            _ => Self::Fatal(error.to_string()),
        }
    }
}
