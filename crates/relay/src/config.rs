//! A relay's configuration file. Every key is documented in the file that `pouch relay init` writes;
//! an unknown key is refused.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a relay is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    /// Its name in the charter.
    pub name: String,
    /// The charter file.
    pub charter: PathBuf,
    /// The UDP address to listen on.
    pub listen: SocketAddr,
    /// The folder of its database.
    pub data: PathBuf,
    /// The folder of its key files.
    pub keys: PathBuf,
    /// Where the logs are written as C2SP tiles, for any web server.
    pub publish: PathBuf,
    /// A file (mode 0600) with the passphrase of the key files; asked for when absent.
    pub passphrase_file: Option<PathBuf>,
    /// How many bytes one sender may have stored and not yet delivered.
    #[serde(default = "quota_bytes")]
    pub quota_bytes: u64,
    /// How many messages one sender may have stored and not yet delivered.
    #[serde(default = "quota_messages")]
    pub quota_messages: u64,
}

fn quota_bytes() -> u64 {
    64 * 1024 * 1024
}

fn quota_messages() -> u64 {
    10_000
}
