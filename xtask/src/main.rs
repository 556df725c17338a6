//! One door for everything that is done to this project: `cargo xtask TASK`.
//!
//! Each task is a file of its own. A task says on its last line what held, or fails and says what
//! did not; nothing is skipped in silence.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task speaks to the terminal")]

mod bench;
mod check;
mod coverage;
mod errors;
mod fuzz;
mod keys;
mod layers;
mod prove;
mod run;
mod setup;
mod source;
mod test;
mod tokens;
mod trouble;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use trouble::Trouble;

const USAGE: &str = "\
cargo xtask TASK

Every day
  test [FILTER]              install what tests need, run every test; FILTER as for cargo test
  check [--quick] [--advisories DIR]
                             formatting, lints, documentation, layers, keys, error index, licences and
                             advisories; --quick leaves the last two out; DIR holds a copy of the
                             advisory database, for machines without a network
Assurance
  prove HARNESS [--quick] [--json]   run an assurance harness against the real binary
  prove crash [--quick] [--seed N]   kill the relay and the nodes, at moments drawn from a seed
  prove sim [--seeds N | --seed S] [--without DEFENCE]
                             simulate N whole networks (default 2000), or replay one and tell
                             what happens in it
  fuzz [TARGET] [--seconds N] [--asan] [--keep]
                             fuzz every target, or one (default: 60 s each); --asan with an address
                             sanitizer; --keep adds what was discovered to the corpus
  bench                              measure; no timing decides a test
  coverage                           line coverage of all tests, as text
One check alone
  layers                     what may depend on what (ARCHITECTURE.md)
  keys                       nothing like a private key is in the tree
  errors [--check]           write docs/ERRORS.md from the source, or compare it
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match task(&words) {
        Ok(held) => {
            if !held.is_empty() {
                println!("{held}");
            }
            ExitCode::SUCCESS
        }
        Err(trouble) => {
            eprintln!("xtask: {trouble}");
            ExitCode::from(trouble.exit())
        }
    }
}

fn task(words: &[&str]) -> Result<String, Trouble> {
    let root = root();
    match words {
        [] | ["help" | "--help" | "-h"] => Ok(USAGE.to_owned()),
        ["test", filter @ ..] => test::test(&root, filter),
        ["check", options @ ..] => check::check(&root, options),
        ["prove", options @ ..] => prove::prove(&root, options),
        ["fuzz", options @ ..] => fuzz::fuzz(&root, options),
        ["bench", options @ ..] => bench::bench(&root, options),
        ["coverage"] => coverage::coverage(&root),
        ["layers"] => layers::layers(&root),
        ["keys"] => keys::keys(&root),
        ["errors"] => errors::errors(&root, false),
        ["errors", "--check"] => errors::errors(&root, true),
        _ => Err(Trouble::Usage(format!("no such task: {}\n\n{USAGE}", words.join(" ")))),
    }
}

/// The folder of the workspace, which is the one above this crate's.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new(".")).to_owned()
}
