//! `network endorse`: the one moment at which a root key signs what others wrote. It happens where the root
//! lies, which has no network, so everything that is shown comes from the bytes themselves.

use pouch_directory::Act;

use super::described;
use crate::args::Endorse;
use crate::commands::network::read_charter;
use crate::commands::statements::{Carried, root};
use crate::exit::Exit;
use crate::output::{Output, confirm};
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::requests::{self, FounderRequest};

pub(crate) fn endorse(command: &Endorse, source: &Source, out: &Output) -> Result<(), Problem> {
    let Endorse { proposal, member_dir, charter, output, yes } = command;
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
    if let Some(charter) = charter {
        let network = read_charter(charter)?.found().map(|directory| directory.network());
        if network.ok() != Some(carried.statement.network) {
            return Err(Problem::new(
                Exit::NotAuthentic,
                "POUCH-CER-08",
                format!("{}: is about another network than the charter's", proposal.display()),
            )
            .next("sign nothing; ask whoever sent it"));
        }
    }
    let me: FounderRequest = requests::read(&member_dir.join("founder.toml"))?;
    let text = format!(
        "{} is asked to sign, for the network {}:\n{}",
        me.member,
        carried.statement.network.short(),
        described(&carried)
    );
    if *yes {
        out.say(&text);
    } else {
        // What is signed is shown, however quiet the command is.
        out.show(&text);
        out.show("Compare the digits by telephone with whoever proposed it.");
        if !confirm(&format!("Sign it with the root key of {}?", me.member)) {
            return Err(Problem::new(Exit::RefusedByPolicy, "POUCH-CLI-15", "nothing was signed")
                .next("confirm on a terminal, or give --yes"));
        }
    }
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
