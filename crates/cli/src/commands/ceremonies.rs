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

use pouch_directory::{Directory, NetworkChange, StatementRefused};
use pouch_notice::visible;

use crate::commands::statements::Carried;
use crate::output::Output;

/// A statement as a person sees it before it is signed or submitted.
fn described(carried: &Carried) -> String {
    let mut lines = carried.words();
    lines.push(format!("digits {}", carried.digits()));
    lines.join("\n")
}

/// What a change of the network means for the network that is known here, line by line.
fn consequences(change: &NetworkChange, directory: &Directory) -> Vec<String> {
    let view = directory.now_view();
    let lines = match view.consequences(change) {
        Ok(lines) => lines,
        Err(StatementRefused::NetworkChanged(since, known)) => vec![format!(
            "what it changes is not known here: it is about the network that entry {since} made, and this copy \
             of the directory has the one that entry {known} made"
        )],
        Err(refused) => vec![format!("it would have no effect: {refused} ({})", refused.code())],
    };
    lines.iter().map(|line| format!("  {}", visible(line, true))).collect()
}

/// Says what a new file is about: its words and the digits to compare.
fn made(carried: &Carried, path: &std::path::Path, out: &Output) -> Result<(), crate::problem::Problem> {
    let value = serde_json::json!({
        "file": path, "words": carried.words(), "digits": carried.digits(),
        "signatures": carried.signed.signatures.len(),
    });
    out.result("statement", &value, &format!("{}\nin {}", described(carried), path.display()))
}
