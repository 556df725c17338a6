//! `docs/ERRORS.md`: every stable code, out of the code that uses it and `docs/errors.toml`, so that
//! it cannot go stale.
//!
//! A code names one thing for ever. Two variants with one code are refused, and so is a page that
//! is not what the code says.

mod codes;
mod page;
mod remedies;
mod types;

use std::fs;
use std::path::Path;

use crate::source::source_files;
use crate::trouble::Trouble;
use codes::Index;

/// Where the page stands.
const PAGE: &str = "docs/ERRORS.md";

/// Writes the page, or with `check` compares it; says how many codes there are.
pub(crate) fn errors(root: &Path, check: bool) -> Result<String, Trouble> {
    let index = Index::of(&source_files(root)?);
    if !index.conflicts.is_empty() {
        let conflicts = index.conflicts.join("\n  ");
        return Err(Trouble::failed(format!("a code names one thing only\n  {conflicts}")));
    }
    let text = page::page(&index, &remedies::remedies(root, &index)?);
    let path = root.join(PAGE);
    if check {
        if fs::read_to_string(&path).unwrap_or_default() != text {
            return Err(Trouble::failed(format!(
                "{PAGE} is not what the code says; run: cargo xtask errors"
            )));
        }
        return Ok(format!("{PAGE} has the {} codes of the source", index.codes.len()));
    }
    fs::write(&path, text).map_err(|error| Trouble::file(&path, &error))?;
    Ok(format!("{PAGE} written: {} codes", index.codes.len()))
}
