//! A national node: sends what its officers write, verifies what others send before anybody sees it,
//! keeps its own copy of the directory and believes it only as far as witnesses do.
//!
//! Each part owns its state and is reached through channels; `Desk` holds the handles that they share.

mod answers;
mod beacons;
mod caught_up;
mod clocks;
mod compose;
mod concerned;
mod conduct;
mod config;
mod courier;
mod demoted;
mod desk;
mod error;
mod events;
mod exercises;
mod handed;
mod hearsay;
mod inbox;
mod joint;
mod keys;
mod link;
mod made;
mod mirror;
mod monitor;
mod named;
mod office;
mod outbox;
mod prekeys;
mod publishing;
mod receipts;
mod reconfirm;
mod refusals;
mod rejudge;
mod run;
mod sends;
mod signing;
mod views;
mod watching;
mod wholeness;
mod witness;

pub use conduct::{Careful, Conduct, Repeating, Taking};
pub use config::{AgentConfig, WitnessConfig, WitnessPart, WitnessedLog};
pub use desk::Clock;
pub use error::AgentError;
pub use keys::{KeyKeeper, KeyKeeperError, NodeKeys, WitnessKeys};
pub use run::{Node, run};
pub use sends::Sends;
pub use witness::{WitnessUnfit, begin_witness_memory, run_witness};
