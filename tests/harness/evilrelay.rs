//! `cargo xtask prove evilrelay`: a relay that lies about messages is found out, and the person at the
//! node is told in time, every time; an honest one raises no alarm.
//!
//! The negative control judges the same runs as if nobody sent beacons or compared logs: what only these
//! bring to light must then go unnoticed.

use std::process::ExitCode;

use pouch_tests::evil::{figures, relay_lies::RelayLie};

fn main() -> ExitCode {
    figures::main("evilrelay", &RelayLie::ALL)
}
