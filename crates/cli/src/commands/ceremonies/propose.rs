//! `network propose`, and the first office of a member that was admitted.

use std::path::Path;

use pouch_directory::{Act, Directory, LogKeys, NetworkChange, StatementRefused, Thresholds};
use pouch_wire::{List, Set};

use super::known::known;
use super::{consequences, made};
use crate::args::{AuthoriseOffice, Proposal, Propose, ProposeChange, ThresholdArgs};
use crate::commands::consent::{Asked, Called, NOTHING_SIGNED, consent};
use crate::commands::network::{bounded, contact_point, read_charter, relay, text, witness};
use crate::commands::statements::{Carried, root};
use crate::exit::Exit;
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::requests::{self, FounderRequest, MemberRequest, RelayRequest};

pub(crate) async fn propose(command: Propose, config: &Path, out: &Output) -> Result<(), Problem> {
    match command {
        Propose::Admit { member_request, proposal } => {
            let FounderRequest { member, name, root, next_root } = requests::read(&member_request)?;
            let act = Act::AdmitMember { member: member.clone(), name: text(&name)?, root, next_root };
            let carried = proposed(act, &proposal, config, out).await?;
            let needed = carried.needed.admission;
            out.next(&format!(
                "send {file} to {member} and to the members. {member} and {needed} members compare the digits by \
                 telephone, look at it, and sign: pouch network endorse {file} --member-dir DIR --output FILE",
                file = proposal.output.display()
            ));
        }
        Propose::Suspend { member, reason, proposal } => {
            let act = Act::SuspendMember { member, reason: text(&reason)? };
            let carried = proposed(act, &proposal, config, out).await?;
            round(&proposal, carried.needed.admission, "other members", out);
        }
        Propose::Reinstate { member, proposal } => {
            let carried = proposed(Act::ReinstateMember { member }, &proposal, config, out).await?;
            round(&proposal, carried.needed.admission, "other members", out);
        }
        Propose::Change(change) => {
            let directory = known(&change.proposal.place, config).await?;
            let wanted = network_change(&change, &directory)?;
            named_first(&wanted, &directory)?;
            let meaning = consequences(&wanted, &directory);
            let proposal = change.proposal;
            let act = Act::ChangeNetwork(Box::new(wanted));
            let carried = proposed_in(&directory, act, &proposal.output, out)?;
            // What follows for others is told to whoever can still think again, however quiet the command is.
            out.show(&format!("What it means now:\n{}", meaning.join("\n")));
            round(&proposal, carried.needed.network, "members", out);
        }
    }
    Ok(())
}

fn round(proposal: &Proposal, needed: u8, whom: &str, out: &Output) {
    out.next(&format!(
        "send {file} to the members. {needed} {whom} compare the digits by telephone, look at it, and sign: pouch \
         network endorse {file} --member-dir DIR --output FILE",
        file = proposal.output.display()
    ));
}

/// A proposal, and the thresholds that hold for it.
pub(super) struct Proposed {
    pub(super) needed: Thresholds,
}

async fn proposed(act: Act, proposal: &Proposal, config: &Path, out: &Output) -> Result<Proposed, Problem> {
    proposed_in(&known(&proposal.place, config).await?, act, &proposal.output, out)
}

fn proposed_in(directory: &Directory, act: Act, output: &Path, out: &Output) -> Result<Proposed, Problem> {
    let carried = Carried::new(directory.network(), act)?;
    write(directory, &carried, output, out)
}

/// Writes a proposal that would have an effect if enough members signed it.
pub(super) fn write(
    directory: &Directory,
    carried: &Carried,
    output: &Path,
    out: &Output,
) -> Result<Proposed, Problem> {
    match directory.check(&carried.entry()?) {
        Ok(()) | Err(StatementRefused::NotEnough(..) | StatementRefused::NotSignedBy(_)) => {}
        Err(refused) => return Err(without_effect(&refused)),
    }
    carried.write(output)?;
    made(carried, output, out)?;
    Ok(Proposed { needed: directory.now_view().thresholds() })
}

/// Why a statement would do nothing.
pub(super) fn without_effect(refused: &StatementRefused) -> Problem {
    Problem::new(
        Exit::RefusedByPolicy,
        "POUCH-CER-05",
        format!("it would have no effect: {refused} ({})", refused.code()),
    )
    .why("every node would ignore such an entry; nothing was written or submitted")
    .next(format!(
        "pouch explain {}; look at the directory as it is now: pouch directory show",
        refused.code()
    ))
}

fn network_change(change: &ProposeChange, directory: &Directory) -> Result<NetworkChange, Problem> {
    let view = directory.now_view();
    let requested = |path: &std::path::PathBuf| requests::read::<RelayRequest>(path).and_then(|r| relay(&r));
    let relays = change.relays.iter().map(requested).collect::<Result<Vec<_>, _>>()?;
    let witnesses = change.witnesses.iter().map(|path| witness(path)).collect::<Result<Vec<_>, _>>()?;
    let drop_relays = change.drop_relays.iter().map(|name| text(name)).collect::<Result<Vec<_>, _>>()?;
    let drop_witnesses =
        change.drop_witnesses.iter().map(|name| text(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(NetworkChange {
        since: view.network_since(),
        drop_relays: bounded(Set::new(drop_relays))?,
        relays: bounded(List::new(relays))?,
        first_relay: change.first_relay.as_deref().map(text).transpose()?,
        drop_witnesses: bounded(Set::new(drop_witnesses))?,
        witnesses: bounded(Set::new(witnesses))?,
        quorum: change.quorum.unwrap_or(view.quorum()),
        thresholds: with(view.thresholds(), &change.thresholds),
        directory_log: change.directory_log.as_deref().map(|path| new_log(path, directory)).transpose()?,
    })
}

/// Who keeps the directory log is never changed by the way: when the first relay leaves, the proposal names the
/// next one, and everybody who endorses it reads that.
fn named_first(change: &NetworkChange, directory: &Directory) -> Result<(), Problem> {
    let Some((old, new)) =
        directory.now_view().another_first(change).filter(|_| change.first_relay.is_none())
    else {
        return Ok(());
    };
    Err(Problem::new(
        Exit::RefusedByPolicy,
        "POUCH-CER-11",
        format!("{old} keeps the directory log and leaves; {new} would keep it from then on"),
    )
    .why("whoever comes first sequences the directory, and needs the keys of its log; nothing was written")
    .next(format!("say who does: --first-relay {new}, or another relay that stays")))
}

/// The directory log's keys in a relay's request, under the name that the log has.
fn new_log(path: &Path, directory: &Directory) -> Result<LogKeys, Problem> {
    let request: RelayRequest = requests::read(path)?;
    let log = request.directory_log.ok_or_else(|| {
        Problem::usage(format!("{}: has no keys of a directory log", path.display()))
            .next("make it without --follows: pouch relay init")
    })?;
    let origin = directory.now_view().directory_log().origin.clone();
    Ok(LogKeys { origin, ed25519: log.ed25519, mldsa: log.mldsa })
}

/// Thresholds, changed as asked.
pub(crate) fn with(now: Thresholds, asked: &ThresholdArgs) -> Thresholds {
    Thresholds {
        admission: asked.admission.unwrap_or(now.admission),
        network: asked.network.unwrap_or(now.network),
        recovery: asked.recovery.unwrap_or(now.recovery),
        recovery_after_veto: asked.recovery_after_veto.unwrap_or(now.recovery_after_veto),
        recovery_delay_ms: asked.recovery_delay.unwrap_or(now.recovery_delay_ms),
    }
}

/// Signs an office of a member whose first node is in no directory yet: nobody but its root can vouch for it.
pub(crate) fn authorise(command: &AuthoriseOffice, source: &Source, out: &Output) -> Result<(), Problem> {
    let AuthoriseOffice { request, member_dir, charter, output, yes } = command;
    let MemberRequest::ContactPoint(office) = requests::read(request)? else {
        return Err(Problem::usage(format!("{}: is not an office's request", request.display()))
            .next("give the contact-point.toml that `pouch init node` wrote"));
    };
    let founder: FounderRequest = requests::read(&member_dir.join("founder.toml"))?;
    if office.contact_point.member != founder.member {
        return Err(Problem::usage(format!("{}: is not an office of {}", request.display(), founder.member)));
    }
    let directory = read_charter(charter)?.found().map_err(|error| {
        Problem::new(Exit::RefusedByPolicy, error.code(), format!("the charter is not good: {error}"))
    })?;
    let root = root(member_dir, source)?;
    let act = Act::AuthoriseContactPoint(Box::new(contact_point(&office)?));
    let carried = Carried::new(directory.network(), act)?;
    let asked = Asked {
        signer: format!("the root key of {}", founder.member),
        network: Called::by_charter(&directory),
        notes: &[],
        yes: *yes,
        refusal: NOTHING_SIGNED,
    };
    consent(&carried, &asked, out)?;
    let carried = carried.with(&root)?;
    carried.write(output)?;
    made(&carried, output, out)?;
    out.next(&format!(
        "send {file} to any member whose node runs, who puts it in: pouch directory submit {file}. Then give the \
         node the charter and start it: pouch agent run --config FILE",
        file = output.display()
    ));
    Ok(())
}
