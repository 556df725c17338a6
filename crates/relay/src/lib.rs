//! A relay: accepts sealed messages, keeps them until they are taken, writes what it accepted into a
//! public log, and sequences the network's directory.
//!
//! It cannot open a message: the code that could is not among its dependencies. It is trusted for
//! availability and nothing else. Each task owns its state; they talk through bounded channels:
//!
//! - `session` answers what agents ask, one task per stream;
//! - `switchboard` knows who is attached and wakes their deliveries;
//! - `delivery` hands one recipient its messages, most urgent first, then fair between senders;
//! - `sequencer` owns the directory and decides what enters its log;
//! - `keeper` owns one log's tree: signs, has it cosigned, publishes.

mod accept;
mod budget;
mod conduct;
mod config;
mod cosigning;
mod delivery;
mod keeper;
mod keys;
mod publisher;
mod quota;
mod reading;
mod run;
mod sequencer;
mod session;
mod switchboard;

pub use conduct::{Accepting, Conduct, Entering, Given, Handing, Honest, Keeping};
pub use config::RelayConfig;
pub use keys::{LogKeyPair, RelayKeys};
pub use run::{Clock, Relay, RelayError, run};
pub use session::Peer;
