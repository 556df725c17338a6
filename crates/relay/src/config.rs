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
    /// How many bytes one office may have stored and not yet delivered; a member's offices together twice that.
    #[serde(default = "quota_bytes")]
    pub quota_bytes: u64,
    /// How many messages one office may have stored and not yet delivered; a member's together twice that.
    #[serde(default = "quota_messages")]
    pub quota_messages: u64,
    /// How fast one office may bring messages.
    #[serde(default)]
    pub senders: Senders,
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

/// How fast one office may bring messages; a member's offices together twice that. What is beyond the rate of
/// bytes waits, what is beyond a class's rate is carried in a lower one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Senders {
    /// Bytes in a second, for long.
    pub bytes_per_second: u64,
    /// Bytes at once, after a while without.
    pub burst_bytes: u64,
    /// Messages in a second, for long: each costs a check of its signature, however short it is.
    pub messages_per_second: u32,
    /// And at once.
    pub messages_burst: u32,
    /// Messages that are carried as flash in a minute, for long.
    pub flash_per_minute: u32,
    /// And at once.
    pub flash_burst: u32,
    /// Messages that are carried as immediate in a minute, for long.
    pub immediate_per_minute: u32,
    /// And at once.
    pub immediate_burst: u32,
    /// Messages that are carried as priority in a minute, for long.
    pub priority_per_minute: u32,
    /// And at once.
    pub priority_burst: u32,
}

impl Default for Senders {
    fn default() -> Self {
        Self {
            bytes_per_second: 1024 * 1024,
            burst_bytes: 16 * 1024 * 1024,
            messages_per_second: 64,
            messages_burst: 512,
            flash_per_minute: 10,
            flash_burst: 20,
            immediate_per_minute: 60,
            immediate_burst: 120,
            priority_per_minute: 300,
            priority_burst: 600,
        }
    }
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
