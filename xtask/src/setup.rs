//! What tests and checks need from the machine, installed when it is missing.
//!
//! Debian's packages come by `apt-get` and need root; cargo's tools come from crates.io and stay
//! in cargo's own folder. Nothing is installed that is already there.

use std::path::Path;
use std::process::Command;

use crate::run::{answers, cargo, run};
use crate::trouble::Trouble;

/// A program, how it answers when it is there, and the Debian package that brings it.
type Needed = (&'static str, &'static [&'static str], &'static str);

/// What the tests run besides cargo: a C compiler for SQLite and AWS-LC, a second implementation of
/// key files, Python for the verifier that shares no code with ours, clocks that are wrong, and strace, which kills
/// processes at a system call and records what reaches the disk, and what makes virtual networks.
const FOR_TESTS: &[Needed] = &[
    ("cc", &["--version"], "gcc"),
    ("cmake", &["--version"], "cmake"),
    ("openssl", &["version"], "openssl"),
    ("python3", &["-c", "import venv, ensurepip"], "python3-venv"),
    ("git", &["--version"], "git"),
    ("faketime", &["--version"], "faketime"),
    ("strace", &["--version"], "strace"),
    ("ip", &["-V"], "iproute2"),
];

/// Installs what the tests need.
pub(crate) fn for_tests() -> Result<(), Trouble> {
    debian(FOR_TESTS)
}

/// Installs the Debian packages of those programs that do not answer.
fn debian(needed: &[Needed]) -> Result<(), Trouble> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(program, arguments, _)| !answers(program, arguments))
        .map(|(_, _, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !answers("apt-get", &["--version"]) {
        return Err(Trouble::failed(format!("install these first: {}", missing.join(", "))));
    }
    // Standard output is for the task's own figures.
    run(Command::new("apt-get").args(["update", "--quiet"]).stdout(std::io::stderr()))?;
    run(Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(std::io::stderr())
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(&missing))
}

/// Installs a cargo subcommand of this version, when it does not answer.
pub(crate) fn cargo_tool(root: &Path, name: &str, version: &str) -> Result<(), Trouble> {
    let subcommand = name.trim_start_matches("cargo-");
    if answers("cargo", &[subcommand, "--version"]) {
        return Ok(());
    }
    run(cargo(root).args(["install", "--locked", "--version", version, name]))
}
