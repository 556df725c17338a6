//! `network endorse`: the one moment at which a root key signs what others wrote. It happens where the root
//! lies, which has no network, so everything that is shown comes from the bytes themselves.

use std::path::Path;

use pouch_directory::{Act, Directory};

use super::consequences;
use crate::args::Endorse;
use crate::commands::audit;
use crate::commands::consent::{Asked, Called, NOTHING_SIGNED, consent, of_charter};
use crate::commands::network::read_charter;
use crate::commands::statements::{Carried, root};
use crate::exit::Exit;
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::requests::{self, FounderRequest};

pub(crate) fn endorse(command: &Endorse, source: &Source, out: &Output) -> Result<(), Problem> {
    let Endorse { proposal, member_dir, charter, log, output, yes } = command;
    let carried = Carried::read(proposal)?;
    if !together(&carried.statement.act) {
        return Err(Problem::new(
            Exit::RefusedByPolicy,
            "POUCH-CER-02",
            format!("{}: is not for members to endorse", proposal.display()),
        )
        .why(format!(
            "it {}; a member signs such a thing for itself, with another command",
            carried.words().join(" ")
        ))
        .next("ask whoever sent it what it is for; sign nothing that you did not expect"));
    }
    let known = charter.as_ref().map(|charter| known(charter, log.as_deref(), &carried)).transpose()?;
    let me: FounderRequest = requests::read(&member_dir.join("founder.toml"))?;
    let mut notes = Vec::new();
    if let (Act::ChangeNetwork(change), Some(directory)) = (&carried.statement.act, &known) {
        notes.extend(consequences(change, directory));
    }
    notes.push("Compare the digits by telephone with whoever proposed it.".to_owned());
    let asked = Asked {
        signer: format!("the root key of {}", me.member),
        network: known.as_ref().map_or_else(Called::unknown, Called::by_charter),
        notes: &notes,
        yes: *yes,
        refusal: NOTHING_SIGNED,
    };
    consent(&carried, &asked, out)?;
    let endorsed = carried.with(&root(member_dir, source)?)?;
    endorsed.write(output)?;
    let value = serde_json::json!({
        "file": output, "member": me.member, "words": endorsed.words(), "digits": endorsed.digits(),
        "signatures": endorsed.signed.signatures.len(),
    });
    out.result("endorsement", &value, &format!("{} signed; in {}", me.member, output.display()))?;
    out.next(&format!(
        "send {} back to whoever proposed it, who joins all: pouch network join PROPOSAL ENDORSEMENT... --output FILE",
        output.display()
    ));
    Ok(())
}

/// What is known here of the network that the proposal is about: its charter, or more with a copy of the log.
fn known(charter: &Path, log: Option<&Path>, carried: &Carried) -> Result<Directory, Problem> {
    let founded = of_charter(charter, carried.statement.network)?;
    match log {
        None => Ok(founded),
        Some(log) => audit::folded(log, &read_charter(charter)?).map(|(directory, _)| directory),
    }
}

/// Whether several members sign such a statement. Nobody's root signs by this command what the member alone
/// decides: a wolf in sheep's clothing would ask for that.
const fn together(act: &Act) -> bool {
    match act {
        Act::AdmitMember { .. }
        | Act::SuspendMember { .. }
        | Act::ReinstateMember { .. }
        | Act::ChangeNetwork(_)
        | Act::RecoverRoot { .. } => true,
        Act::AuthoriseContactPoint(_)
        | Act::AuthoriseOfficer(_)
        | Act::SetReleaseRules { .. }
        | Act::PublishPrekeys { .. }
        | Act::RotateRoot { .. }
        | Act::VetoRecovery { .. }
        | Act::RevokeKey { .. }
        | Act::OpenExercise { .. }
        | Act::CloseExercise { .. } => false,
    }
}
