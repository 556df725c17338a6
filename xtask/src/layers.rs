//! The four invariants of the architecture, checked against what cargo and the source say.
//!
//! ARCHITECTURE.md states them; here is what each means to a machine. Dependencies are the normal
//! ones: tests may use anything.

mod graph;
mod paths;
mod sources;

use std::path::Path;

use crate::run::cargo_metadata;
use crate::source::source_files;
use crate::trouble::Trouble;
use graph::Graph;

/// The crates that have no files, sockets, clock or randomness of their own.
const FLOOR_1: [&str; 6] = ["wire", "crypto", "tlog", "directory", "envelope", "notice"];

/// Checks the invariants; says how much was looked at.
pub(crate) fn layers(root: &Path) -> Result<String, Trouble> {
    let graph = Graph::of(&cargo_metadata(root)?)?;
    let files = source_files(root)?;
    let mut broken = graph.violations();
    broken.extend(sources::violations(&files));
    if broken.is_empty() {
        return Ok(format!("4 invariants hold in {} crates and {} files", graph.members(), files.len()));
    }
    Err(Trouble::failed(format!("{} violations\n  {}", broken.len(), broken.join("\n  "))))
}
