//! `cargo xtask check`: everything that is judged without running the product.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{answers, cargo, run};
use crate::setup::cargo_tool;
use crate::trouble::Trouble;
use crate::{errors, keys, layers};

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// How a check was asked for.
#[derive(Debug, Default)]
struct Options {
    /// Leave out what needs a tool that takes minutes to build, and the network.
    quick: bool,
    /// A folder with a copy of the advisory database.
    advisories: Option<PathBuf>,
}

impl Options {
    fn from(words: &[&str]) -> Result<Self, Trouble> {
        match words {
            [] => Ok(Self::default()),
            ["--quick", rest @ ..] => Ok(Self { quick: true, ..Self::from(rest)? }),
            ["--advisories", dir, rest @ ..] => {
                Ok(Self { advisories: Some(PathBuf::from(dir)), ..Self::from(rest)? })
            }
            [other, ..] => {
                Err(Trouble::Usage(format!("check takes --quick and --advisories DIR, not {other}")))
            }
        }
    }
}

/// Runs every check; the first that does not hold ends it.
pub(crate) fn check(root: &Path, words: &[&str]) -> Result<String, Trouble> {
    let options = Options::from(words)?;
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
    if options.quick {
        return Ok("every quick check holds; licences and advisories were not looked at".to_owned());
    }
    deny(root, options.advisories.as_deref())?;
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
    run(cargo(root).args(["deny", "--offline", "--locked", "--config"]).arg(&copy).arg("check"))
}
