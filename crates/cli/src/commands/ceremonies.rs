//! What members decide together, by hand: a proposal goes round, members sign it with their roots where these
//! lie, the signatures are joined, and a node puts the statement into the directory. Each step says who does
//! what next.

mod endorse;
mod join;
mod known;
mod propose;
mod roots;
mod submit;

pub(crate) use endorse::endorse;
pub(crate) use join::join;
pub(crate) use propose::{authorise, propose, with};
pub(crate) use roots::{recover, rotate, veto};
pub(crate) use submit::submit;

use crate::commands::statements::Carried;
use crate::output::Output;

/// A statement as a person sees it before it is signed or submitted.
fn described(carried: &Carried) -> String {
    let mut lines = carried.words();
    lines.push(format!("digits {}", carried.digits()));
    lines.join("\n")
}

/// Says what a new file is about: its words and the digits to compare.
fn made(carried: &Carried, path: &std::path::Path, out: &Output) -> Result<(), crate::problem::Problem> {
    let value = serde_json::json!({
        "file": path, "words": carried.words(), "digits": carried.digits(),
        "signatures": carried.signed.signatures.len(),
    });
    out.result("statement", &value, &format!("{}\nin {}", described(carried), path.display()))
}
