//! `cargo xtask check`: everything that is judged without running the product.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{answers, cargo, run};
use crate::setup::cargo_tool;
use crate::trouble::Trouble;
use crate::{errors, keys, layers};

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.18.9";

/// Runs every check; the first that does not hold ends it.
pub(crate) fn check(root: &Path, options: &[&str]) -> Result<String, Trouble> {
    let advisories = match options {
        [] => None,
        ["--advisories", dir] => Some(PathBuf::from(dir)),
        _ => return Err(Trouble::Usage("check takes --advisories DIR and nothing else".to_owned())),
    };
    run(cargo(root).args(["fmt", "--all", "--check"]))?;
    for check in [layers::layers(root), keys::keys(root), errors::errors(root, true)] {
        println!("{}", check?);
    }
    run(cargo(root).args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    run(cargo(root).env("RUSTDOCFLAGS", "--deny warnings").args([
        "doc",
        "--locked",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]))?;
    deny(root, advisories.as_deref())?;
    Ok("every check holds".to_owned())
}

/// Licences, sources, bans and advisories. Without the network, the advisories need a copy of their
/// database: a folder in which cargo-deny finds it.
fn deny(root: &Path, advisories: Option<&Path>) -> Result<(), Trouble> {
    if !answers("cargo", &["deny", "--version"]) {
        cargo_tool(root, "cargo-deny", CARGO_DENY)?;
    }
    let Some(advisories) = advisories else {
        return run(cargo(root).args(["deny", "--locked", "check"]));
    };
    let text = fs::read_to_string(root.join("deny.toml"))
        .map_err(|error| Trouble::file(&root.join("deny.toml"), &error))?;
    let dir = std::path::absolute(advisories).map_err(|error| Trouble::file(advisories, &error))?;
    let with = text.replacen(
        "[advisories]\n",
        &format!("[advisories]\ndb-path = {:?}\n", dir.display().to_string()),
        1,
    );
    let copy = root.join("target/deny-offline.toml");
    fs::write(&copy, with).map_err(|error| Trouble::file(&copy, &error))?;
    run(cargo(root).args(["deny", "--offline", "--locked", "check", "--config"]).arg(&copy))
}
