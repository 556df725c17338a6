//! A node's configuration file. Every key is documented in the file that `pouch init node` writes; an
//! unknown key is refused.

mod witness;

use std::collections::BTreeMap;
use std::path::PathBuf;

use pouch_contain::Demand;
use pouch_net::Transport;
use pouch_wire::{ContactPoint, limits};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

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
    /// How far apart its beacons are, in seconds: 10 to 60, usually 60.
    #[serde(default = "usual_beacons", deserialize_with = "beacons")]
    pub beacon_seconds: u16,
    /// Whether it starts where the system cannot confine it.
    #[serde(default)]
    pub containment: Demand,
    /// How it reaches relays: `auto` (QUIC, and TCP when QUIC does not come up), `quic` or `tcp`.
    #[serde(default)]
    pub transport: Transport,
    /// The same for single relays, by their names.
    #[serde(default)]
    pub transport_to: BTreeMap<String, Transport>,
}

const fn usual_beacons() -> u16 {
    *limits::BEACON_EVERY_S.end()
}

fn beacons<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let (min, max) = (limits::BEACON_EVERY_S.start(), limits::BEACON_EVERY_S.end());
    let seconds = u16::deserialize(deserializer)?;
    let held = limits::BEACON_EVERY_S.contains(&seconds).then_some(seconds);
    held.ok_or_else(|| D::Error::custom(format!("beacon_seconds is {seconds}; {min} to {max} are allowed")))
}
