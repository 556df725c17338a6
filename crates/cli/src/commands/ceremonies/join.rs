//! `network join`: signatures from several files become one statement, or it is said who is missing.

use std::collections::BTreeMap;
use std::path::Path;

use pouch_crypto::{Domain, PublicKey, Signature};
use pouch_directory::{Act, Directory, SignedStatement, StatementRefused, StatementSignature};
use pouch_wire::{Environment, KeyId, Member, Set};

use super::known::known;
use super::made;
use super::propose::without_effect;
use crate::args::Join;
use crate::commands::network::bounded;
use crate::commands::statements::Carried;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::render::counted;

pub(crate) async fn join(command: &Join, config: &Path, out: &Output) -> Result<(), Problem> {
    let directory = known(&command.place, config).await?;
    let proposal = Carried::read(&command.proposal)?;
    if proposal.statement.network != directory.network() {
        return Err(Problem::new(
            Exit::NotAuthentic,
            "POUCH-CER-08",
            format!("{}: is about another network", command.proposal.display()),
        )
        .next("give the node or the charter of the network that it is about"));
    }
    let files = [&command.proposal].into_iter().chain(&command.endorsements);
    let mut signatures = BTreeMap::new();
    let mut stale = Vec::new();
    for path in files {
        let found = good(path, &proposal, &directory)?;
        signatures.extend(found.good);
        stale.extend(found.stale);
    }
    let signed_by: Vec<&Member> = signatures.values().map(|(_, member)| member).collect();
    let all = signatures
        .iter()
        .map(|(key, (signature, _))| StatementSignature { key: *key, signature: *signature });
    let signed = SignedStatement { signatures: bounded(Set::new(all))?, ..proposal.signed.clone() };
    let joined = Carried { signed, ..proposal.clone() };
    match directory.check(&joined.entry()?) {
        Ok(()) => {}
        Err(StatementRefused::NotEnough(have, needed)) => {
            let few = too_few(&joined, &directory, &signed_by, have, needed);
            return Err(stale.into_iter().next().unwrap_or(few));
        }
        Err(StatementRefused::NotSignedBy(key)) => {
            let missing = not_by_its_own_root(&joined, key);
            return Err(stale.into_iter().next().unwrap_or(missing));
        }
        Err(refused) => return Err(without_effect(&refused)),
    }
    joined.write(&command.output)?;
    made(&joined, &command.output, out)?;
    out.say(&format!("Signed by {}.", listed(&signed_by)));
    for left_out in &stale {
        out.say(&format!("Left out: {} ({}).", left_out.what, left_out.code));
    }
    out.next(&format!(
        "a member whose node runs puts it into the directory, within 30 days of its date: pouch directory submit {}",
        command.output.display()
    ));
    Ok(())
}

/// What a file brings.
struct Found {
    good: BTreeMap<KeyId, (Signature, Member)>,
    /// Signatures that count for nothing, each with why: a member may have rotated its root since it signed, and
    /// where the others are enough that is no harm.
    stale: Vec<Problem>,
}

/// A file's signatures, each with the member whose root made it. The file must be of this statement.
fn good(path: &Path, proposal: &Carried, directory: &Directory) -> Result<Found, Problem> {
    let carried = Carried::read(path)?;
    if carried.signed.statement != proposal.signed.statement {
        return Err(Problem::new(
            Exit::NotAuthentic,
            "POUCH-CER-03",
            format!("{}: signs another statement, with the digits {}", path.display(), carried.digits()),
        )
        .why("two proposals in the same words are two, and a signature is for one of them")
        .next("ask its member to endorse this proposal"));
    }
    let signer = |key: KeyId| -> Option<(PublicKey, Member)> {
        if let Act::AdmitMember { member, root, .. } | Act::RecoverRoot { member, new_root: root, .. } =
            &proposal.statement.act
            && root.id() == key
        {
            return Some((*root, member.clone()));
        }
        directory.now_view().members().find(|m| m.root.id() == key).map(|m| (m.root, m.member.clone()))
    };
    let mut found = Found { good: BTreeMap::new(), stale: Vec::new() };
    for StatementSignature { key, signature } in carried.signed.signatures.iter() {
        let by = signer(*key).filter(|(public, _)| {
            let context = directory.context(Environment::Live);
            public.verify(Domain::Statement, &context, &proposal.signed.statement, signature).is_ok()
        });
        match by {
            Some((_, member)) => drop(found.good.insert(*key, (*signature, member))),
            None => found.stale.push(not_a_root_s(path, *key)),
        }
    }
    Ok(found)
}

fn not_a_root_s(path: &Path, key: KeyId) -> Problem {
    let what =
        format!("{}: a signature by key {} is not good, or no member's root", path.display(), key.short());
    Problem::new(Exit::NotAuthentic, "POUCH-CER-06", what)
        .why("a signature counts when the root that the directory names made it, and without it there are too few")
        .next("ask the member to sign again with the root that it has now")
}

fn listed(members: &[&Member]) -> String {
    if members.is_empty() {
        return "nobody".to_owned();
    }
    let mut names: Vec<&str> = members.iter().map(|member| member.as_str()).collect();
    names.sort_unstable();
    names.join(", ")
}

fn too_few(joined: &Carried, directory: &Directory, signed_by: &[&Member], have: u8, needed: u8) -> Problem {
    let about = match &joined.statement.act {
        Act::AdmitMember { member, .. }
        | Act::SuspendMember { member, .. }
        | Act::ReinstateMember { member }
        | Act::RecoverRoot { member, .. } => Some(member),
        _ => None,
    };
    let view = directory.now_view();
    let could = view.members().filter(|m| !m.suspended && Some(&m.member) != about).map(|m| &m.member);
    let missing: Vec<&Member> = could.filter(|member| !signed_by.contains(member)).collect();
    Problem::new(
        Exit::RefusedByPolicy,
        "POUCH-CER-04",
        format!("endorsed by {}, and {needed} are needed", counted(usize::from(have), "member")),
    )
    .why(format!("signed so far by {}; nothing was written", listed(signed_by)))
    .next(format!("ask more of {} to endorse it, then join again with all files", listed(&missing)))
}

fn not_by_its_own_root(joined: &Carried, key: KeyId) -> Problem {
    let whose = match &joined.statement.act {
        Act::AdmitMember { member, .. } | Act::RecoverRoot { member, .. } => member.to_string(),
        _ => "the member".to_owned(),
    };
    Problem::new(
        Exit::RefusedByPolicy,
        "POUCH-CER-04",
        format!("not signed by {whose}'s own new root, key {}", key.short()),
    )
    .why("whoever gets a root must show that it holds it; nothing was written")
    .next(format!(
        "ask {whose} to sign it too: pouch network endorse PROPOSAL --member-dir DIR --output FILE"
    ))
}
