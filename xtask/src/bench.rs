//! `cargo xtask bench`: the measured cost of the pure crates. No timing decides a test.

use std::path::Path;

use crate::run::{cargo, run};
use crate::trouble::Trouble;

/// Runs the benchmarks whose name holds a filter, or all of them.
pub(crate) fn bench(root: &Path, filter: &[&str]) -> Result<String, Trouble> {
    run(cargo(root)
        .args(["bench", "--locked", "--package", "pouch-tests", "--bench", "*", "--"])
        .args(filter))?;
    Ok("measured; figures of this run and the one before are below target/criterion".to_owned())
}
