//! A relay's configuration file. Every key is documented in the file that `pouch relay init` writes;
//! an unknown key is refused.

use std::net::SocketAddr;
use std::path::PathBuf;

use pouch_contain::Demand;
use pouch_net::Transport;
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
    /// Where it listens on TCP too: the same address and number when absent, which may fail; with `true` it must
    /// not.
    pub listen_tcp: Option<ListenTcp>,
    /// How it reaches other relays: `auto` (QUIC, and TCP when QUIC does not come up), `quic` or `tcp`.
    #[serde(default)]
    pub transport: Transport,
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
    /// For how many seconds a witness is missed before it counts as away, and that is told.
    #[serde(default = "witness_alarm_seconds")]
    pub witness_alarm_seconds: u32,
    /// Whether it starts where the system cannot confine it.
    #[serde(default)]
    pub containment: Demand,
    /// Where witnesses are asked over HTTP that open no session.
    #[serde(default)]
    pub witness: Vec<WitnessAddress>,
}

/// Whether, and where, a relay listens on TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ListenTcp {
    /// At the same address and number as on UDP, or not at all.
    Switch(bool),
    /// At an address of its own.
    At(SocketAddr),
}

impl RelayConfig {
    /// Where it listens on TCP, for a UDP socket at `udp`.
    #[must_use]
    pub const fn tcp_beside(&self, udp: SocketAddr) -> Option<SocketAddr> {
        match self.listen_tcp {
            Some(ListenTcp::Switch(false)) => None,
            Some(ListenTcp::At(addr)) => Some(addr),
            Some(ListenTcp::Switch(true)) | None => Some(udp),
        }
    }
}

/// Where a witness that the network names answers C2SP tlog-witness. It says nothing about trust: whoever
/// answers there has no more than the witness's keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessAddress {
    /// Its name in the directory.
    pub name: String,
    /// Its submission prefix: `http://` or `https://`.
    pub url: String,
    /// Root certificates (PEM) for https, and no others; those of the system when absent.
    pub roots: Option<PathBuf>,
}

fn witness_alarm_seconds() -> u32 {
    60
}

fn quota_bytes() -> u64 {
    64 * 1024 * 1024
}

fn quota_messages() -> u64 {
    10_000
}
