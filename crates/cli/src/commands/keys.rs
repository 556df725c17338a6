//! `keys`: list, rotate, revoke, and compare digits by telephone. The node keeps running; it takes a
//! new key into use by itself when the directory names it.

use std::path::Path;
use std::time::Duration;

use pouch_control::{Answer, Call, Client, ClientError, DirectoryView, Events, KeyView};
use pouch_crypto::{KeyFingerprint, SigningKey};
use pouch_directory::{Act, ContactPointEntry, RevocationReason};
use pouch_wire::{Canonical as _, ContactPoint, Environment, KeyId, NetworkId};
use tokio::time::{Instant, timeout_at};

use crate::args::Keys;
use crate::clock;
use crate::commands::compose::spoken;

use crate::commands::consent::{Asked, Called, NOTHING_SIGNED, change, consent};
use crate::commands::statements::{Carried, root, submit};
use crate::config::NodeFiles;
use crate::exit::Exit;
use crate::keyring::{KeyRing, cost, name};
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;
use crate::render;

pub(crate) async fn keys(
    command: Keys,
    node: &NodeFiles,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let client = node.client();
    match command {
        Keys::List => {
            let keys = list(&client).await?;
            out.result("keys", &keys, &render::keys(&keys))
        }
        Keys::Rotate { member_dir, cost: hard, yes, .. } => {
            rotate(node, &member_dir, (hard.throw_away, yes), source, out).await
        }
        Keys::Revoke { key, reason, effective, member_dir, yes } => {
            let revocation = Revocation { key, reason, effective, yes };
            revoke(node, revocation, &member_dir, source, out).await
        }
        // Roots lie where no node is; these were done before one was looked for.
        Keys::Recover(_) | Keys::Veto(_) => {
            Err(Problem::new(Exit::Internal, "POUCH-CLI-71", "a command without a home"))
        }
        Keys::Fingerprint { contact_point, compare } => {
            fingerprint(node, contact_point, compare.as_deref(), out).await
        }
    }
}

async fn list(client: &Client) -> Result<Vec<KeyView>, Problem> {
    match client.call(&Call::Keys).await? {
        Answer::Keys(keys) => Ok(keys),
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// Makes a new signing key beside the current one and lets the root authorise it. Nothing is lost if
/// this stops half-way: the node keeps the current key until the directory names the new one.
async fn rotate(
    node: &NodeFiles,
    member_dir: &Path,
    (throw_away, yes): (bool, bool),
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let client = node.client();
    let view = directory(&client).await?;
    let root = root_of(&view, &node.config.contact_point, member_dir, source)?;
    let own = Source::choose(None, node.config.passphrase_file.as_deref())?.existing("this node's keys")?;
    let ring = KeyRing::create(&node.config.keys, own, cost(throw_away))?;
    let next = if ring.has(name::NEXT_SIGNING) {
        ring.signing(name::NEXT_SIGNING)?
    } else {
        ring.make_signing(name::NEXT_SIGNING)?
    };
    match client.call(&Call::ReloadKeys).await? {
        Answer::Keys(_) => {}
        _ => return Err(ClientError::Unexpected.into()),
    }
    let (network, entry) = own_entry(&client, &node.config.contact_point).await?;
    let before = entry.signing.id();
    let act = Act::AuthoriseContactPoint(Box::new(ContactPointEntry { signing: next.public(), ..entry }));
    let carried = Carried::new(network, act)?;
    let asked = Asked {
        signer: format!("the root key of {}", node.config.contact_point.member),
        network: Called::by_node(&view.name),
        notes: &change(
            &[format!("signing key {before}")],
            &[format!("signing key {}, made here", next.public().id())],
        ),
        yes,
        refusal: NOTHING_SIGNED,
    };
    consent(&carried, &asked, out)?;
    let events = client.watch(None).await?;
    let index = submit(&client, carried.with(&root)?.entry()?).await?;
    in_use(&client, events, next.public().id()).await?;
    out.say(&format!(
        "The directory's entry {index} authorises the new signing key {} of {}.",
        next.public().id().short(),
        node.config.contact_point
    ));
    out.line(&format!("digits {}", KeyFingerprint::of(&next.public().id())));
    out.next(
        "nothing: the node signs with it from now on; compare the digits by telephone with whom you like",
    );
    Ok(())
}

/// Waits until the node signs with a key: what is sent next is sent with it.
async fn in_use(client: &Client, mut events: Events, key: KeyId) -> Result<(), Problem> {
    let now = Instant::now();
    let deadline = now.checked_add(IN_USE_WITHIN).unwrap_or(now);
    loop {
        if list(client).await?.iter().any(|k| k.id == key && k.kind == "signing" && k.state == "current") {
            return Ok(());
        }
        match timeout_at(deadline, events.next()).await {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => return Err(ClientError::HungUp.into()),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                return Err(Problem::new(
                    Exit::NotInTime,
                    "POUCH-MEM-03",
                    format!(
                        "the directory names the new key {}, and the node does not use it yet",
                        key.short()
                    ),
                )
                .why("until then the node may be unable to send")
                .next("look again in a minute: pouch keys list"));
            }
        }
    }
}

/// How long the node may take to take a key into use that the directory names.
const IN_USE_WITHIN: Duration = Duration::from_secs(30);

/// The member's root key, when it is the one that the directory names: nothing is made or published with
/// another's.
pub(crate) fn root_of(
    view: &DirectoryView,
    point: &ContactPoint,
    member_dir: &Path,
    source: &Source,
) -> Result<SigningKey, Problem> {
    let root =
        KeyRing::open(&member_dir.join("keys"), source.existing("the root key")?).signing(name::ROOT)?;
    let member = &point.member;
    if view.members.iter().any(|m| m.member == *member && m.root == root.public().id()) {
        return Ok(root);
    }
    Err(Problem::new(
        Exit::RefusedByPolicy,
        "POUCH-CLI-21",
        format!("{}: holds another root key than {member}'s in the directory", member_dir.display()),
    )
    .why(format!("only {member}'s root key speaks for {point}; nothing was changed"))
    .next(format!("give the folder that `pouch init member` made for {member}")))
}

/// The directory's current entry of this contact point, from the agent's own mirror.
pub(crate) async fn own_entry(
    client: &Client,
    point: &ContactPoint,
) -> Result<(NetworkId, ContactPointEntry), Problem> {
    match client.call(&Call::OwnEntry).await? {
        Answer::OwnEntry { network, entry } => {
            let entry = ContactPointEntry::from_bytes(&entry.0)
                .map_err(|error| Problem::new(Exit::Internal, "POUCH-CLI-05", error.to_string()))?;
            if entry.contact_point == *point && entry.environment == Environment::Live {
                Ok((network, entry))
            } else {
                Err(ClientError::Unexpected.into())
            }
        }
        _ => Err(ClientError::Unexpected.into()),
    }
}

struct Revocation {
    key: String,
    reason: String,
    effective: Option<String>,
    yes: bool,
}

async fn revoke(
    node: &NodeFiles,
    revocation: Revocation,
    member_dir: &Path,
    source: &Source,
    out: &Output,
) -> Result<(), Problem> {
    let client = node.client();
    let view = directory(&client).await?;
    let key = find_key(&client, &view, &revocation.key).await?;
    let reason = reason(&revocation.reason)?;
    let effective = match &revocation.effective {
        None => clock::now(),
        Some(text) => clock::moment(text, clock::now())?,
    };
    let carried = Carried::new(view.network, Act::RevokeKey { key, reason, effective })?;
    let asked = Asked {
        signer: format!("the root key of {}", node.config.contact_point.member),
        network: Called::by_node(&view.name),
        notes: &[
            whose(&view, key),
            "What was logged before stays good; what came after is refused everywhere; unclear cases become \
             doubtful. This cannot be undone."
                .to_owned(),
        ],
        yes: revocation.yes,
        refusal: NOTHING_SIGNED,
    };
    consent(&carried, &asked, out)?;
    let root = root(member_dir, source)?;
    let index = submit(&client, carried.with(&root)?.entry()?).await?;
    out.say(&format!("Revoked by the directory's entry {index}."));
    out.next("authorise another key: pouch keys rotate");
    Ok(())
}

/// Whose key the node says that it is.
fn whose(view: &DirectoryView, key: KeyId) -> String {
    let mut offices = view.members.iter().flat_map(|m| &m.contact_points);
    match offices.find(|office| office.signing_key == key) {
        Some(office) => format!("that is, as the node says: the signing key of {}", office.contact_point),
        None => "that is no office's present signing key, as the node says".to_owned(),
    }
}

/// A reason by its word.
pub(crate) fn reason(word: &str) -> Result<RevocationReason, Problem> {
    match word {
        "left-office" => Ok(RevocationReason::LeftOffice),
        "superseded" => Ok(RevocationReason::Superseded),
        "compromised" => Ok(RevocationReason::Compromised),
        "lost" => Ok(RevocationReason::Lost),
        other => Err(Problem::usage(format!("{other:?} is no reason"))
            .next("say left-office, superseded, compromised or lost")),
    }
}

async fn find_key(client: &Client, view: &DirectoryView, beginning: &str) -> Result<KeyId, Problem> {
    let known = list(client).await?.into_iter().map(|key| key.id);
    let signing = view.members.iter().flat_map(|m| &m.contact_points).map(|c| c.signing_key);
    let mut found: Vec<KeyId> =
        known.chain(signing).filter(|id| id.to_string().starts_with(&beginning.to_lowercase())).collect();
    found.sort();
    found.dedup();
    if let Ok(id) = beginning.parse::<KeyId>() {
        return Ok(id);
    }
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Problem::new(Exit::NotFound, "POUCH-CLI-16", format!("no key begins with {beginning}"))
            .next("pouch keys list; pouch directory show")),
        more => {
            Err(Problem::usage(format!("{} keys begin with {beginning}", more.len()))
                .next("give more digits"))
        }
    }
}

pub(crate) async fn directory(client: &Client) -> Result<DirectoryView, Problem> {
    match client.call(&Call::Directory).await? {
        Answer::Directory(view) => Ok(*view),
        _ => Err(ClientError::Unexpected.into()),
    }
}

async fn fingerprint(
    node: &NodeFiles,
    point: Option<ContactPoint>,
    compare: Option<&str>,
    out: &Output,
) -> Result<(), Problem> {
    let point = point.unwrap_or_else(|| node.config.contact_point.clone());
    let view = directory(&node.client()).await?;
    let entry =
        view.members.iter().flat_map(|m| &m.contact_points).find(|c| c.contact_point == point).ok_or_else(
            || Problem::new(Exit::NotFound, "POUCH-CLI-17", format!("the directory has no {point}")),
        )?;
    let Some(read_aloud) = compare else {
        let value = serde_json::json!({ "contact_point": point, "key": entry.signing_key, "fingerprint": entry.fingerprint });
        out.result("fingerprint", &value, &format!("{point}  {}", entry.fingerprint))?;
        out.next("read the digits to the other side over the telephone; they type them after --compare");
        return Ok(());
    };
    if spoken(read_aloud) == spoken(&entry.fingerprint) {
        out.say(&format!("The digits agree: your directory has the key that {point} has."));
        return Ok(());
    }
    Err(Problem::new(
        Exit::NotAuthentic,
        "POUCH-CLI-18",
        format!("the digits differ from {point}'s key in your directory"),
    )
    .why("one of you has another key than the other believes, or somebody mistyped")
    .next("read all digits again; if they still differ, treat the office's messages as not authentic"))
}
