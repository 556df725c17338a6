//! `cargo xtask prove HARNESS`: an assurance harness against the real binary, with its figures.
//!
//! A harness passes only when its bounds hold *and* its negative controls, the same run with one
//! defence removed, fail as they should.

use std::path::Path;

use crate::run::{cargo, run};
use crate::setup;
use crate::trouble::Trouble;

/// The harnesses: name, and the program in the workspace's `tests` that carries it.
const HARNESSES: [(&str, &str); 3] =
    [("outsider", "prove_outsider"), ("evilrelay", "prove_evilrelay"), ("evillog", "prove_evillog")];

/// Runs a harness. With `--json` its figures are all that stands on standard output.
pub(crate) fn prove(root: &Path, options: &[&str]) -> Result<String, Trouble> {
    let known = || HARNESSES.map(|(name, _)| name).join(", ");
    let Some((name, flags)) = options.split_first() else {
        return Err(Trouble::Usage(format!("prove needs a harness: {}", known())));
    };
    if let Some(flag) = flags.iter().find(|flag| !matches!(**flag, "--quick" | "--json")) {
        return Err(Trouble::Usage(format!("prove takes --quick and --json, not {flag}")));
    }
    let Some((_, binary)) = HARNESSES.iter().find(|(harness, _)| harness == name) else {
        return Err(Trouble::Usage(format!("no harness {name}; there are: {}", known())));
    };
    setup::for_tests()?;
    run(cargo(root).args(["build", "--quiet", "--locked", "--package", "pouch", "--bins"]))?;
    run(cargo(root)
        .args(["run", "--quiet", "--locked", "--package", "pouch-tests", "--bin", binary, "--"])
        .args(flags))?;
    let held = format!("{name}: bounds hold, negative controls fail");
    if flags.contains(&"--json") {
        eprintln!("{held}");
        return Ok(String::new());
    }
    Ok(held)
}
