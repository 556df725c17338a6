//! A node's configuration file. Every key is documented in the file that `pouch init node` writes; an
//! unknown key is refused.

mod witness;

use std::path::PathBuf;

use pouch_wire::ContactPoint;
use serde::{Deserialize, Serialize};

pub use witness::{WitnessConfig, WitnessPart, WitnessedLog};

/// What a node is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// The contact point that it speaks for.
    pub contact_point: ContactPoint,
    /// The charter file.
    pub charter: PathBuf,
    /// The folder of its database.
    pub data: PathBuf,
    /// The folder of its key files.
    pub keys: PathBuf,
    /// The Unix socket for its users.
    pub socket: PathBuf,
    /// A file (mode 0600) with the passphrase of the key files; asked for when absent.
    pub passphrase_file: Option<PathBuf>,
    /// How it cosigns logs; it does not when absent.
    #[serde(default, deserialize_with = "witness::name_or_table")]
    pub witness: Option<WitnessPart>,
}
