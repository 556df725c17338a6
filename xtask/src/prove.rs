//! `cargo xtask prove HARNESS`: an assurance harness with its figures.
//!
//! A harness passes only when its bounds hold *and* its negative controls, the same run with one
//! defence removed, fail as they should. All but the simulation run the real binary; that one carries the
//! product's code in itself, and is built as the program is released, because it runs it so often.

use std::path::Path;

use crate::run::{cargo, run};
use crate::setup;
use crate::trouble::Trouble;

/// A harness.
struct Harness {
    name: &'static str,
    /// The program in the workspace's `tests` that carries it.
    binary: &'static str,
    /// Whether it has the product's code in itself.
    alone: bool,
    /// What it takes beside `--quick` and `--json`, each followed by a value.
    takes: &'static [&'static str],
}

const HARNESSES: [Harness; 4] = [
    Harness { name: "outsider", binary: "prove_outsider", alone: false, takes: &[] },
    Harness { name: "evilrelay", binary: "prove_evilrelay", alone: false, takes: &[] },
    Harness { name: "evillog", binary: "prove_evillog", alone: false, takes: &[] },
    Harness { name: "sim", binary: "prove_sim", alone: true, takes: &["--seeds", "--seed", "--without"] },
];

/// Runs a harness. With `--json` its figures are all that stands on standard output.
pub(crate) fn prove(root: &Path, options: &[&str]) -> Result<String, Trouble> {
    let known = || HARNESSES.map(|harness| harness.name).join(", ");
    let Some((name, flags)) = options.split_first() else {
        return Err(Trouble::Usage(format!("prove needs a harness: {}", known())));
    };
    let Some(harness) = HARNESSES.iter().find(|harness| harness.name == *name) else {
        return Err(Trouble::Usage(format!("no harness {name}; there are: {}", known())));
    };
    check(harness, flags)?;
    if harness.alone {
        let package = ["--quiet", "--locked", "--release", "--package", "pouch-tests", "--bin"];
        run(cargo(root).arg("run").args(package).args([harness.binary, "--"]).args(flags))?;
    } else {
        setup::for_tests()?;
        run(cargo(root).args(["build", "--quiet", "--locked", "--package", "pouch", "--bins"]))?;
        let package = ["--quiet", "--locked", "--package", "pouch-tests", "--bin"];
        run(cargo(root).arg("run").args(package).args([harness.binary, "--"]).args(flags))?;
    }
    let held = if flags.contains(&"--seed") {
        format!("{name}: the seed breaks no promise")
    } else {
        format!("{name}: bounds hold, negative controls fail")
    };
    if flags.contains(&"--json") {
        eprintln!("{held}");
        return Ok(String::new());
    }
    Ok(held)
}

/// Refuses what the harness does not take.
fn check(harness: &Harness, flags: &[&str]) -> Result<(), Trouble> {
    let name = harness.name;
    let mut left = flags.iter();
    while let Some(flag) = left.next() {
        if matches!(*flag, "--quick" | "--json") {
            continue;
        }
        if !harness.takes.contains(flag) {
            let more: String = harness.takes.iter().map(|flag| format!(", {flag} VALUE")).collect();
            return Err(Trouble::Usage(format!("prove {name} takes --quick, --json{more}; not {flag}")));
        }
        let value = left.next();
        let number = value.is_some_and(|value| value.parse::<u64>().is_ok());
        if value.is_none() || (*flag != "--without" && !number) {
            return Err(Trouble::Usage(format!("prove {name} {flag} needs a value")));
        }
    }
    Ok(())
}
