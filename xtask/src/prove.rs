//! `cargo xtask prove HARNESS`: an assurance harness with its figures.
//!
//! A harness passes only when its bounds hold *and* its negative controls, the same run with one
//! defence removed, fail as they should.

use std::path::Path;

use crate::run::{cargo, run};
use crate::setup;
use crate::trouble::Trouble;

/// The package of the harnesses that stand beside the scenarios.
const TESTS: &str = "pouch-tests";
/// What is said when one passes.
const HELD: &str = "bounds hold, negative controls fail";

/// A harness.
struct Harness {
    name: &'static str,
    /// The package and the program in it that carry it.
    package: &'static str,
    binary: &'static str,
    /// Whether it runs the real program, as it was built for tests. The others have the product's code in
    /// themselves, and figures that only an optimised build has.
    runs_pouch: bool,
    /// What it takes beside `--quick` and `--json`, each followed by a value.
    takes: &'static [&'static str],
    /// What is said when it passes with one seed alone.
    held_by_a_seed: &'static str,
}

impl Harness {
    /// One that runs the real program.
    const fn beside(name: &'static str, binary: &'static str) -> Self {
        Self { name, package: TESTS, binary, runs_pouch: true, takes: &[], held_by_a_seed: HELD }
    }
}

const FLOOD: &[&str] = &["--only"];
const PARTS: &[&str] = &["--seed", "--only"];
const SEED: &[&str] = &["--seed"];
const SIM: &[&str] = &["--seeds", "--seed", "--without"];

const HARNESSES: &[Harness] = &[
    Harness::beside("outsider", "prove_outsider"),
    Harness::beside("evilrelay", "prove_evilrelay"),
    Harness::beside("evillog", "prove_evillog"),
    Harness::beside("clock", "prove_clock"),
    Harness { takes: PARTS, ..Harness::beside("netfault", "prove_netfault") },
    Harness { takes: SEED, ..Harness::beside("crash", "prove_crash") },
    Harness { takes: SEED, ..Harness::beside("powercut", "prove_powercut") },
    Harness { takes: PARTS, ..Harness::beside("diskfault", "prove_diskfault") },
    Harness { takes: FLOOD, ..Harness::beside("flood", "prove_flood") },
    Harness { package: "pouch-replay", runs_pouch: false, ..Harness::beside("replay", "prove_replay") },
    Harness {
        runs_pouch: false,
        takes: SIM,
        // Its negative controls are runs of their own.
        held_by_a_seed: "the seed breaks no promise",
        ..Harness::beside("sim", "prove_sim")
    },
];

/// Runs a harness. With `--json` its figures are all that stands on standard output.
pub(crate) fn prove(root: &Path, options: &[&str]) -> Result<String, Trouble> {
    let known = || HARNESSES.iter().map(|harness| harness.name).collect::<Vec<_>>().join(", ");
    let Some((name, flags)) = options.split_first() else {
        return Err(Trouble::Usage(format!("prove needs a harness: {}", known())));
    };
    let Some(harness) = HARNESSES.iter().find(|harness| harness.name == *name) else {
        return Err(Trouble::Usage(format!("no harness {name}; there are: {}", known())));
    };
    check(harness, flags)?;
    setup::for_tests()?;
    if harness.runs_pouch {
        run(cargo(root).args(["build", "--quiet", "--locked", "--package", "pouch", "--bins"]))?;
    }
    run(cargo(root)
        .args(["run", "--quiet", "--locked", "--package", harness.package, "--bin", harness.binary])
        .args((!harness.runs_pouch).then_some("--release"))
        .arg("--")
        .args(flags))?;
    let held = if flags.contains(&"--seed") { harness.held_by_a_seed } else { HELD };
    let held = format!("{name}: {held}");
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
        if value.is_none() || (!matches!(*flag, "--without" | "--only") && !number) {
            return Err(Trouble::Usage(format!("prove {name} {flag} needs a value")));
        }
    }
    Ok(())
}
