//! `cargo xtask test`: every test there is, after installing what they need.
//!
//! Order is by cost: what fails fast comes first. The scenarios run the real program, so it is
//! built before them.

use std::path::Path;

use crate::run::{cargo, run};
use crate::setup;
use crate::trouble::Trouble;

/// Runs the tests whose name holds a filter, or all of them.
pub(crate) fn test(root: &Path, filter: &[&str]) -> Result<String, Trouble> {
    setup::for_tests()?;
    run(cargo(root).args(["build", "--locked", "--package", "pouch", "--bins"]))?;
    run(cargo(root).args(["test", "--locked", "--workspace", "--no-fail-fast"]).args(filter))?;
    Ok("every test passed".to_owned())
}
