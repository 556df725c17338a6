//! `cargo xtask prove sim`: whole networks in one process on virtual time, thousands of them, each from a
//! seed; with hostile relays, logs and witnesses, loss, delay, crashes. After every step an oracle looks
//! whether a promise is broken.
//!
//! The bound is that none is. The negative controls are the same seeds with one defence left out, each of
//! which must break a promise soon.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a simulation: what cannot be ends it"
)]

mod clock;
mod defences;
mod directory;
mod duties;
mod figures;
mod founding;
mod hearsay;
mod inbox;
mod log;
mod mirror;
mod net;
mod node;
mod oracle;
mod outbox;
mod plan;
mod refusing;
mod relay;
mod run;
#[cfg(test)]
mod tests;
mod watch;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    figures::prove(&options)
}
