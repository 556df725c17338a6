//! `cargo xtask prove evillog`: a directory log that lies, with its own keys and as many witnesses as the
//! network is made to bear, is found out, and the person at the node is told in time, every time; an
//! honest one raises no alarm.
//!
//! The negative control judges the same runs as if nobody sent beacons or compared logs: what only these
//! bring to light must then go unnoticed.

use std::process::ExitCode;

use pouch_tests::evil::{figures, log_lies::LogLie};

fn main() -> ExitCode {
    figures::main("evillog", &LogLie::ALL)
}
