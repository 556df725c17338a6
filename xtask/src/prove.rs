//! `cargo xtask prove HARNESS`: an assurance harness with its figures.
//!
//! A harness passes only when its bounds hold *and* its negative controls, the same run with one
//! defence removed, fail as they should.

use std::path::Path;

use crate::run::{cargo, run};
use crate::setup;
use crate::trouble::Trouble;

/// A harness.
struct Harness {
    name: &'static str,
    /// The program in the workspace's `tests` that carries it.
    binary: &'static str,
    /// Whether it runs the real program beside itself; the simulation has the product's code in itself.
    runs_pouch: bool,
    /// Whether its figures are of an optimised build.
    optimised: bool,
    /// What it takes beside `--quick` and `--json`, each followed by a value.
    takes: &'static [&'static str],
}

const HARNESSES: [Harness; 5] = [
    Harness { name: "outsider", binary: "prove_outsider", runs_pouch: true, optimised: false, takes: &[] },
    Harness { name: "evilrelay", binary: "prove_evilrelay", runs_pouch: true, optimised: false, takes: &[] },
    Harness { name: "evillog", binary: "prove_evillog", runs_pouch: true, optimised: false, takes: &[] },
    Harness { name: "replay", binary: "prove_replay", runs_pouch: true, optimised: true, takes: &[] },
    Harness {
        name: "sim",
        binary: "prove_sim",
        runs_pouch: false,
        optimised: true,
        takes: &["--seeds", "--seed", "--without"],
    },
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
    if harness.runs_pouch {
        setup::for_tests()?;
        run(cargo(root).args(["build", "--quiet", "--locked", "--package", "pouch", "--bins"]))?;
    }
    run(cargo(root)
        .args(["run", "--quiet", "--locked", "--package", "pouch-tests", "--bin", harness.binary])
        .args(harness.optimised.then_some("--release"))
        .arg("--")
        .args(flags))?;
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
