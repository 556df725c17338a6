//! A relay: accepts sealed messages, keeps them until they are taken, writes what it accepted into a
//! public log, and sequences the network's directory.
//!
//! It cannot open a message: the code that could is not among its dependencies. It is trusted for
//! availability and nothing else. Each task owns its state; they talk through bounded channels:
//!
//! - `session` answers what agents ask, one task per stream;
//! - `switchboard` knows who is attached and wakes their deliveries;
//! - `quota` and `rates` say what one sender may have here, and how fast; `gate` who goes to the disk next;
//! - `delivery` hands one recipient its messages, most urgent first, then fair between senders;
//! - `keeper` owns one log's tree: signs, has it cosigned, publishes;
//! - `sequencer` owns the directory and decides what enters its log, at the relay that is named first;
//! - `follower` owns a copy of that log at every other relay, and `neighbours` the sessions by which it comes.
//! - `cosigning` asks witnesses, by session or HTTP, and its board knows who is away; `status` writes it down.

mod accept;
mod asking;
mod beacons;
mod bridges;
mod budget;
mod conduct;
mod config;
mod cosigning;
mod delivery;
mod error;
mod follower;
mod gate;
mod gone_back;
mod hours;
mod keeper;
mod keys;
mod log;
mod log_files;
mod named;
mod neighbours;
mod parts;
mod publisher;
mod quota;
mod rates;
mod reading;
mod rounds;
mod run;
mod sequencer;
mod session;
mod statements;
mod status;
mod switchboard;
mod wholeness;

pub use conduct::{Accepting, Conduct, Defences, Entering, Given, Handing, Honest, Keeping};
pub use config::{ListenTcp, RelayConfig, Senders, WitnessAddress};
pub use error::RelayError;
pub use keys::{LogKeyPair, RelayKeys};
pub use run::{Clock, Relay, run};
pub use session::Peer;
pub use status::{LogStatus, RelayStatus, WitnessStatus};
