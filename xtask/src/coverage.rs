//! `cargo xtask coverage`: which lines the tests reach.
//!
//! By cargo-tarpaulin, since it needs nothing of the compiler's own tools. A figure to read, not a
//! gate: no percentage decides anything.

use std::path::Path;

use crate::run::{cargo, run};
use crate::setup;
use crate::trouble::Trouble;

/// The version that is installed when there is none.
const CARGO_TARPAULIN: &str = "0.37.5";

/// Runs every test under tarpaulin; writes `target/coverage`.
pub(crate) fn coverage(root: &Path) -> Result<String, Trouble> {
    setup::for_tests()?;
    setup::cargo_tool(root, "cargo-tarpaulin", CARGO_TARPAULIN)?;
    run(cargo(root).args(["build", "--locked", "--package", "pouch", "--bins"]))?;
    run(cargo(root).args([
        "tarpaulin",
        "--locked",
        "--workspace",
        "--engine",
        "ptrace",
        "--skip-clean",
        "--target-dir",
        "target/tarpaulin",
        "--out",
        "html",
        "--output-dir",
        "target/coverage",
    ]))?;
    Ok("target/coverage/tarpaulin-report.html".to_owned())
}
