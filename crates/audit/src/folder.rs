//! A log's folder, read as tlog-tiles (C2SP) lays it out. Nothing is written.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use pouch_tlog::{BundleCoord, EntryReader, TileCoord, TileReader};
use pouch_wire::limits;

/// Largest bundle: 256 entries with their lengths.
const BUNDLE_BYTES_MAX: u64 = 256 * (limits::ENTRY_BYTES as u64 + 2);

/// A file of a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something else than a file stands there: a link, a pipe, a device. What a log's files say must be
    /// in the folder itself, and reading must end.
    #[error("{path}: not a plain file")]
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// The file is larger than any such file may be.
    #[error("{path}: larger than such a file may be")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
}

/// A folder with `checkpoint` and `tile/`.
#[derive(Debug, Clone)]
pub struct LogFolder {
    root: PathBuf,
}

impl LogFolder {
    /// The log in a folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The checkpoint's bytes.
    ///
    /// # Errors
    /// When it cannot be read, or is too large.
    pub fn checkpoint(&self) -> Result<Vec<u8>, FolderError> {
        self.read("checkpoint", limits::CHECKPOINT_BYTES as u64)
    }

    /// The paths of all files below, relative and sorted.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn files(&self) -> Result<Vec<String>, FolderError> {
        let mut found = Vec::new();
        self.walk(&self.root, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, folder: &Path, found: &mut Vec<String>) -> Result<(), FolderError> {
        let failed = |source| FolderError::Io { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            // A link to a folder is not entered: it may lead back here.
            if kind.is_dir() {
                self.walk(&path, found)?;
            } else {
                let name = path.strip_prefix(&self.root).unwrap_or(&path);
                found.push(name.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }

    /// A file's bytes, at most `max`.
    pub(crate) fn read(&self, name: &str, max: u64) -> Result<Vec<u8>, FolderError> {
        let path = self.root.join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => return Err(FolderError::NotAFile { path }),
            Ok(_) => {}
            Err(source) => return Err(FolderError::Io { path, source }),
        }
        let mut bytes = Vec::new();
        let opened =
            File::open(&path).and_then(|file| file.take(max.saturating_add(1)).read_to_end(&mut bytes));
        match opened {
            Err(source) => Err(FolderError::Io { path, source }),
            Ok(read) if u64::try_from(read).unwrap_or(u64::MAX) > max => Err(FolderError::TooLarge { path }),
            Ok(_) => Ok(bytes),
        }
    }
}

impl TileReader for LogFolder {
    type Error = FolderError;

    fn tile(&self, coord: TileCoord) -> Result<Vec<u8>, FolderError> {
        self.read(&coord.to_string(), 256 * 32)
    }
}

impl EntryReader for LogFolder {
    fn bundle(&self, coord: BundleCoord) -> Result<Vec<u8>, FolderError> {
        self.read(&coord.to_string(), BUNDLE_BYTES_MAX)
    }
}
