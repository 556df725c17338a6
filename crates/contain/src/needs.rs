//! What a service needs of the machine, beyond what every one of them does.

use std::path::{Path, PathBuf};

/// The files and ports of one service. Folders are there before this is used; a path that is not there
/// stays out of reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Folders in which it makes, changes and removes files.
    pub work: Vec<PathBuf>,
    /// Folders in which it makes and removes a Unix socket, and nothing else.
    pub sockets: Vec<PathBuf>,
    /// Files and folders that it reads.
    pub read: Vec<PathBuf>,
    /// TCP ports on which it listens.
    pub tcp_ports: Vec<u16>,
}

impl Needs {
    /// The folder that a file is in.
    #[must_use]
    pub fn folder_of(file: &Path) -> PathBuf {
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
    }
}
