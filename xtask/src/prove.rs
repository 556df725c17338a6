//! `cargo xtask prove HARNESS`: an assurance harness against the real binary, with its figures.
//!
//! A harness passes only when its bounds hold *and* its negative controls, the same run with one
//! defence removed, fail as they should.

use std::path::Path;

use crate::run::{cargo, run};
use crate::setup;
use crate::trouble::Trouble;

/// The package of the harnesses that run the real program as it was built for tests.
const TESTS: &str = "pouch-tests";

/// The harnesses: name, package, and the program in it. Those of packages of their own have figures that only
/// an optimised build has.
const HARNESSES: [(&str, &str, &str); 4] = [
    ("outsider", TESTS, "prove_outsider"),
    ("evilrelay", TESTS, "prove_evilrelay"),
    ("evillog", TESTS, "prove_evillog"),
    ("replay", "pouch-replay", "prove_replay"),
];

/// Runs a harness. With `--json` its figures are all that stands on standard output.
pub(crate) fn prove(root: &Path, options: &[&str]) -> Result<String, Trouble> {
    let known = || HARNESSES.map(|(name, ..)| name).join(", ");
    let Some((name, flags)) = options.split_first() else {
        return Err(Trouble::Usage(format!("prove needs a harness: {}", known())));
    };
    if let Some(flag) = flags.iter().find(|flag| !matches!(**flag, "--quick" | "--json")) {
        return Err(Trouble::Usage(format!("prove takes --quick and --json, not {flag}")));
    }
    let Some((_, package, binary)) = HARNESSES.iter().find(|(harness, ..)| harness == name) else {
        return Err(Trouble::Usage(format!("no harness {name}; there are: {}", known())));
    };
    setup::for_tests()?;
    let mut harness = cargo(root);
    harness.args(["run", "--quiet", "--locked", "--package", package, "--bin", binary]);
    if *package == TESTS {
        run(cargo(root).args(["build", "--quiet", "--locked", "--package", "pouch", "--bins"]))?;
    } else {
        harness.arg("--release");
    }
    run(harness.arg("--").args(flags))?;
    let held = format!("{name}: bounds hold, negative controls fail");
    if flags.contains(&"--json") {
        eprintln!("{held}");
        return Ok(String::new());
    }
    Ok(held)
}
