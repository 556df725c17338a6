//! The project's own source files, as the checks read them.
//!
//! Test code is left out: it may open sockets and name any library.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tokens::{Token, tokens, without_tests};
use crate::trouble::Trouble;

/// One source file of a crate, without its tests.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// The folder of the crate under `crates/`.
    pub(crate) krate: String,
    /// The path from the workspace's root.
    pub(crate) path: String,
    /// Its tokens.
    pub(crate) tokens: Vec<Token>,
}

impl SourceFile {
    /// A file with this text.
    pub(crate) fn new(krate: &str, path: &str, text: &str) -> Self {
        Self { krate: krate.into(), path: path.into(), tokens: without_tests(&tokens(text)) }
    }
}

/// Every file of every crate's `src`, by path.
pub(crate) fn source_files(root: &Path) -> Result<Vec<SourceFile>, Trouble> {
    let mut files = Vec::new();
    for krate in folder(&root.join("crates"))? {
        let name = krate.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut paths = Vec::new();
        rust_files(&krate.join("src"), &mut paths)?;
        for path in paths {
            let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).map_err(|error| Trouble::file(&path, &error))?;
            files.push(SourceFile::new(&name, &shown, &text));
        }
    }
    Ok(files)
}

/// The Rust files below a folder that are not test files; none when there is no such folder.
fn rust_files(below: &Path, found: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    if !below.is_dir() {
        return Ok(());
    }
    for path in folder(below)? {
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// What stands in a folder, by name.
pub(crate) fn folder(path: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let listing = fs::read_dir(path).map_err(|error| Trouble::file(path, &error))?;
    let mut paths = listing
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Trouble::file(path, &error))?;
    paths.sort();
    Ok(paths)
}
