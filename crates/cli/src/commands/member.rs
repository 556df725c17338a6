//! `member`: what a member decides about its own offices after the founding. The root key signs each
//! decision, beside a running node or where it lies offline; each step shows what was and what will be.

mod bounds;
mod delegate;
mod office;
mod officer;
mod rules;
mod show;
mod signing;

use crate::args::MemberCommand;
use crate::config::NodeFiles;
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use signing::Desk;

/// Runs a command of the group: with a node, or with the state of the member that was carried here.
pub(crate) async fn member(
    command: MemberCommand,
    node: Option<&NodeFiles>,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let Some(by) = command.by().cloned() else { return show::show(node, out).await };
    let desk = Desk::open(by, node, source, out).await?;
    match command {
        MemberCommand::Show => Ok(()),
        MemberCommand::Office(office) => office::office(*office, &desk).await,
        MemberCommand::Officer(officer) => officer::officer(*officer, &desk).await,
        MemberCommand::Rules(rules) => rules::rules(&rules, &desk).await,
        MemberCommand::Delegate(delegate) => delegate::delegate(*delegate, &desk).await,
    }
}
