//! A member's root: rotated to the key that was committed before, recovered when it is lost, and defended
//! against a recovery that the member did not ask for.

use std::path::Path;

use pouch_crypto::SigningKey;
use pouch_directory::{Act, Directory, MemberRecord};
use pouch_wire::Member;

use super::known::known;
use super::made;
use super::propose::{without_effect, write};
use crate::args::{Cost, Recover, RootRotation, Veto};
use crate::commands::consent::{Asked, Called, NOTHING_SIGNED, consent};
use crate::commands::statements::Carried;
use crate::exit::Exit;
use crate::files;
use crate::keyring::{KeyRing, cost, name};
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::requests::{self, FounderRequest};

/// The statement in the new folder.
const ROTATION: &str = "rotate-root.pouch";

pub(crate) async fn rotate(
    member_dir: &Path,
    rotation: &RootRotation,
    (hard, yes): (Cost, bool),
    config: &Path,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let to = rotation.to.as_deref().ok_or_else(|| Problem::usage("--root needs --to DIR"))?;
    let directory = known(&rotation.place, config).await?;
    let me: FounderRequest = requests::read(&member_dir.join("founder.toml"))?;
    let record = member(&directory, &me.member)?;
    let from = rotation.next_root_dir.as_deref().unwrap_or(member_dir);
    let root = committed(from, &record, source)?;
    new_folder(to)?;
    let ring = KeyRing::create(&to.join("keys"), source.fresh("the new root keys")?, cost(hard.throw_away))?;
    ring.put_signing(name::ROOT, &root)?;
    let next_root = ring.make_signing(name::NEXT_ROOT)?.public().id();
    let act = Act::RotateRoot { member: me.member.clone(), new_root: root.public(), next_root };
    let carried = Carried::new(directory.network(), act)?.with(&root)?;
    directory.check(&carried.entry()?).map_err(|refused| without_effect(&refused))?;
    let asked = Asked {
        signer: format!("the next root of {}", me.member),
        network: Called::by_charter(&directory),
        notes: &[format!("  before: the root key {}", record.root.id())],
        yes,
        refusal: NOTHING_SIGNED,
    };
    consent(&carried, &asked, out)?;
    put_request(to, &me.member, me.name, &root, next_root)?;
    let file = to.join(ROTATION);
    carried.write(&file)?;
    made(&carried, &file, out)?;
    out.say(&format!("The keys are in {}; {} is as it was.", to.display(), member_dir.display()));
    out.next(&format!(
        "a member whose node runs puts it into the directory: pouch directory submit {}. Until then {} works with \
         its old root",
        file.display(),
        me.member
    ));
    Ok(())
}

pub(crate) async fn recover(
    command: &Recover,
    config: &Path,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let Recover { member: whose, to, proposal, cost: hard } = command;
    let directory = known(&proposal.place, config).await?;
    let record = member(&directory, whose)?;
    new_folder(to)?;
    let ring = KeyRing::create(&to.join("keys"), source.fresh("the new root keys")?, cost(hard.throw_away))?;
    let root = ring.make_signing(name::ROOT)?;
    let next_root = ring.make_signing(name::NEXT_ROOT)?.public().id();
    put_request(to, whose, record.name.to_string(), &root, next_root)?;
    let act = Act::RecoverRoot { member: whose.clone(), new_root: root.public(), next_root };
    let carried = Carried::new(directory.network(), act)?.with(&root)?;
    let needed = write(&directory, &carried, &proposal.output, out)?.needed;
    let vetoed = directory.now_view().vetoed(whose).is_some();
    out.next(&format!(
        "send {file} to the other members. {} of them make sure, in person or by telephone, that {whose} asks for it, \
         compare the digits, and sign: pouch network endorse {file} --member-dir DIR --output FILE",
        if vetoed { needed.recovery_after_veto } else { needed.recovery },
        file = proposal.output.display()
    ));
    Ok(())
}

pub(crate) async fn veto(
    command: &Veto,
    config: &Path,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let Veto { member: whose, next_root_dir, proposal, yes } = command;
    let directory = known(&proposal.place, config).await?;
    let record = member(&directory, whose)?;
    let next_root = committed(next_root_dir, &record, source)?;
    let act = Act::VetoRecovery { member: whose.clone(), next_root: next_root.public() };
    let carried = Carried::new(directory.network(), act)?.with(&next_root)?;
    directory.check(&carried.entry()?).map_err(|refused| without_effect(&refused))?;
    let asked = Asked {
        signer: format!("the next root of {whose}"),
        network: Called::by_charter(&directory),
        notes: &[format!("It shows the next root of {whose} to everybody: rotate to it afterwards.")],
        yes: *yes,
        refusal: NOTHING_SIGNED,
    };
    consent(&carried, &asked, out)?;
    carried.write(&proposal.output)?;
    made(&carried, &proposal.output, out)?;
    out.next(&format!(
        "at once, before the delay is over: pouch directory submit {}",
        proposal.output.display()
    ));
    Ok(())
}

fn member(directory: &Directory, whose: &Member) -> Result<MemberRecord, Problem> {
    directory.now_view().member(whose).cloned().ok_or_else(|| {
        Problem::new(Exit::NotFound, "POUCH-CLI-10", format!("no member {whose}"))
            .next("pouch directory show")
    })
}

/// The next root in a folder, when it is the one that the directory has the digits of.
fn committed(folder: &Path, record: &MemberRecord, source: &Source) -> Result<SigningKey, Problem> {
    let ring = KeyRing::open(&folder.join("keys"), source.existing("the next root")?);
    let key = ring.signing(name::NEXT_ROOT)?;
    if key.public().id() == record.next_root {
        return Ok(key);
    }
    Err(Problem::new(
        Exit::RefusedByPolicy,
        "POUCH-CER-07",
        format!("{}: holds another key than the next root that {} committed to", folder.display(), record.member),
    )
    .why("only the key that was committed in advance takes the root's place or vetoes; nothing was made or signed")
    .next(format!(
        "give the folder with keys/next-root.pem, key {}; if it is lost too: pouch keys recover",
        record.next_root.short()
    )))
}

/// Keys of another time must not lie in the folder: what is made here belongs together.
fn new_folder(folder: &Path) -> Result<(), Problem> {
    if folder.join("keys").exists() {
        return Err(Problem::usage(format!("{}: has keys already", folder.display()))
            .next("give a new folder; no key is ever overwritten"));
    }
    files::make_folder(folder)
}

fn put_request(
    folder: &Path,
    member: &Member,
    display: String,
    root: &SigningKey,
    next_root: pouch_wire::KeyId,
) -> Result<(), Problem> {
    requests::write(
        &folder.join("founder.toml"),
        "A member and its root keys. Nothing in it is secret.",
        &FounderRequest { member: member.clone(), name: display, root: root.public(), next_root },
    )
}
