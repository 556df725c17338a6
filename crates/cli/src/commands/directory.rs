//! `directory`: who is who as the node believes it, the log in words, and a check of a copy offline.

use std::path::Path;

use pouch_control::{Answer, Call, Client, ClientError};
use pouch_wire::Member;

use crate::args::DirectoryCommand;
use crate::clock;
use crate::commands::network::read_charter;
use crate::commands::{audit, ceremonies};
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::render;

pub(crate) async fn show(member: Option<&Member>, client: &Client, out: &Output) -> Result<(), Problem> {
    let mut view = match client.call(&Call::Directory).await? {
        Answer::Directory(view) => *view,
        _ => return Err(ClientError::Unexpected.into()),
    };
    if let Some(member) = member {
        view.members.retain(|m| m.member == *member);
        if view.members.is_empty() {
            return Err(Problem::new(Exit::NotFound, "POUCH-CLI-10", format!("no member {member}"))
                .next("pouch directory show"));
        }
    }
    out.result("directory", &view, &render::directory(&view, clock::now()))
}

pub(crate) async fn log(from: u64, count: u32, client: &Client, out: &Output) -> Result<(), Problem> {
    match client.call(&Call::DirectoryLog { from, count }).await? {
        Answer::DirectoryLog(entries) => out.result("directory-log", &entries, &render::entries(&entries)),
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// What others were shown instead, and what relays promised and did not do. It ends as a contradiction for as
/// long as one stands.
pub(crate) async fn forks(client: &Client, out: &Output) -> Result<(), Problem> {
    let view = match client.call(&Call::Forks).await? {
        Answer::Forks(view) => *view,
        _ => return Err(ClientError::Unexpected.into()),
    };
    out.result("directory-forks", &view, &render::disputes(&view, clock::now()))?;
    if !view.stands() {
        return Ok(());
    }
    Err(Problem::new(
        Exit::Contradiction,
        "POUCH-MIR-14",
        "others are shown another directory than this node",
    )
    .why("until that is cleared up, keys that are newer than what all agree on may be false")
    .next("compare checkpoints by telephone with several members; keep what --json shows as evidence"))
}

/// Offline: the folder's log is whole, cosigned under the charter's own policy, and begins with it.
pub(crate) fn verify(dir: &Path, charter: &Path, out: &Output) -> Result<(), Problem> {
    let file = read_charter(charter)?;
    let report = audit::directory(dir, &file)?;
    out.result("directory-verified", &report, &report.words())
}

/// Which of the commands needs a running agent.
pub(crate) async fn directory(
    command: DirectoryCommand,
    client: &Client,
    out: &Output,
) -> Result<(), Problem> {
    match command {
        DirectoryCommand::Show { member } => show(member.as_ref(), client, out).await,
        DirectoryCommand::Log { from, count } => log(from, count, client, out).await,
        DirectoryCommand::Submit { file } => ceremonies::submit(&file, client, out).await,
        DirectoryCommand::Forks => forks(client, out).await,
        DirectoryCommand::Verify { dir, charter } => verify(&dir, &charter, out),
    }
}
