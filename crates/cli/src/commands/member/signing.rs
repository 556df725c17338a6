//! How a decision of a member comes about: read what is, show what will be, ask, sign with the root, and
//! put it into the directory, or into a file that is carried to a node.

use std::path::Path;

use pouch_control::{Answer, Call, Client, ClientError, GovernanceView, OfficeView};
use pouch_crypto::SigningKey;
use pouch_directory::{Act, ContactPointEntry};
use pouch_notice::visible;
use pouch_wire::{Canonical as _, ContactPoint};

use crate::args::ByRoot;
use crate::commands::consent::{Asked, Called, NOTHING_SIGNED, change as changes, consent, of_charter};
use crate::commands::keys::directory;
use crate::commands::statements::{Carried, submit};
use crate::config::NodeFiles;
use crate::exit::Exit;
use crate::files;
use crate::keyring::{KeyRing, name};
use crate::output::Output;
use crate::passphrase::Source;
use crate::problem::Problem;

/// Largest file of a member's state.
const STATE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a decision is made with.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    /// What the member decided so far.
    pub(super) state: GovernanceView,
    /// How this command talks.
    pub(super) out: &'a Output,
    client: Option<Client>,
    called: Called,
    root: SigningKey,
    by: ByRoot,
}

impl<'a> Desk<'a> {
    pub(super) async fn open(
        by: ByRoot,
        node: Option<&NodeFiles>,
        source: &Source,
        out: &'a Output,
    ) -> Result<Self, Problem> {
        let (state, client) = match (&by.state, node) {
            (Some(file), _) => (carried(file)?, None),
            (None, Some(node)) => {
                let client = node.client();
                (state(&client).await?, Some(client))
            }
            (None, None) => return Err(Problem::usage("no node is configured, and no --state is given")),
        };
        let called = called(by.charter.as_deref(), &state, client.as_ref()).await?;
        let root = root_of(&state, &by.member_dir, source)?;
        Ok(Self { state, out, client, called, root, by })
    }

    /// An office of the member.
    pub(super) fn office(&self, point: &ContactPoint) -> Result<&OfficeView, Problem> {
        let known = self.find(point)?;
        known.ok_or_else(|| {
            Problem::new(Exit::NotFound, "POUCH-CLI-17", format!("the directory has no {point}"))
                .next("pouch member show")
        })
    }

    /// An office of the member, if the directory has it; another member's is refused.
    pub(super) fn find(&self, point: &ContactPoint) -> Result<Option<&OfficeView>, Problem> {
        if point.member != self.state.member {
            return Err(Problem::new(
                Exit::RefusedByPolicy,
                "POUCH-MEM-01",
                format!("{point} is not an office of {}", self.state.member),
            )
            .why("a member decides about its own offices only; nothing was signed")
            .next("pouch member show"));
        }
        Ok(self.state.offices.iter().find(|office| office.contact_point == *point))
    }

    /// Shows what was and what will be, asks, signs, and puts it where it belongs.
    pub(super) async fn decide(&self, act: Act, change: Change, next: &str) -> Result<(), Problem> {
        let Change { what, before, after } = change.visible();
        let statement = Carried::new(self.state.network, act)?;
        let mut notes = vec![format!("that is: {what}")];
        notes.extend(changes(&before, &after));
        let asked = Asked {
            signer: format!("the root key of {}", self.state.member),
            network: self.called.clone(),
            notes: &notes,
            yes: self.by.yes,
            refusal: NOTHING_SIGNED,
        };
        consent(&statement, &asked, self.out)?;
        let statement = statement.with(&self.root)?;
        let (entry, file) = match (&self.by.output, &self.client) {
            (Some(path), _) => {
                statement.write(path)?;
                (None, Some(path.display().to_string()))
            }
            (None, Some(client)) => (Some(submit(client, statement.entry()?).await?), None),
            (None, None) => return Err(Problem::usage("give --output: nothing is submitted without a node")),
        };
        let done = match (&entry, &file) {
            (Some(entry), _) => format!("The directory's entry {entry}: {what}"),
            (None, file) => format!("Signed, in {}: {what}", file.clone().unwrap_or_default()),
        };
        let value = serde_json::json!({
            "what": what, "before": before, "after": after, "words": statement.words(),
            "network": statement.statement.network, "digits": statement.digits(), "entry": entry, "file": file,
        });
        self.out.result("member-decision", &value, &done)?;
        match &file {
            None => self.out.next(next),
            Some(file) => self.out.next(&format!(
                "carry {file} to a node, which puts it in: pouch directory submit {file}; then: {next}"
            )),
        }
        Ok(())
    }
}

/// A decision in words: what it is, and what it changes, by what the member's state says. It stands beside what
/// is signed, and proves nothing.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) what: String,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
}

impl Change {
    /// Titles and names in it come from files and from nodes.
    fn visible(self) -> Self {
        let lines = |lines: &[String]| lines.iter().map(|line| visible(line, true)).collect();
        Self { what: visible(&self.what, true), before: lines(&self.before), after: lines(&self.after) }
    }
}

/// The directory's entry of an office, as it stands.
pub(super) fn entry_of(office: &OfficeView) -> Result<ContactPointEntry, Problem> {
    ContactPointEntry::from_bytes(&office.entry.0)
        .map_err(|error| Problem::new(Exit::Failed, "POUCH-MEM-02", format!("not a member's state: {error}")))
}

/// How the network is called; when a charter says it, the state must be of its network.
async fn called(
    charter: Option<&Path>,
    state: &GovernanceView,
    client: Option<&Client>,
) -> Result<Called, Problem> {
    match (charter, client) {
        (Some(path), _) => of_charter(path, state.network).map(|directory| Called::by_charter(&directory)),
        (None, Some(client)) => Ok(Called::by_node(&directory(client).await?.name)),
        (None, None) => Ok(Called::unknown()),
    }
}

pub(super) async fn state(client: &Client) -> Result<GovernanceView, Problem> {
    match client.call(&Call::Member).await? {
        Answer::Member(view) => Ok(*view),
        _ => Err(ClientError::Unexpected.into()),
    }
}

/// The member's state as it was carried here. Whoever altered it on its way can make the root sign for
/// another network or with other details than the person is shown: that is why both are shown.
fn carried(path: &Path) -> Result<GovernanceView, Problem> {
    let text = files::read_text(path, STATE_BYTES_MAX)?;
    let wrapped: Result<serde_json::Value, _> = serde_json::from_str(&text);
    let mut value = wrapped.unwrap_or_default();
    let inner = value.get_mut("value").map(serde_json::Value::take).unwrap_or_default();
    serde_json::from_value(inner).map_err(|error| {
        Problem::new(
            Exit::Failed,
            "POUCH-MEM-02",
            format!("{}: not a member's state: {error}", path.display()),
        )
        .next("make it at a node of the member: pouch member show --json > state.json")
    })
}

/// The member's root key, when it is the one that the directory names.
fn root_of(state: &GovernanceView, member_dir: &Path, source: &Source) -> Result<SigningKey, Problem> {
    let root =
        KeyRing::open(&member_dir.join("keys"), source.existing("the root key")?).signing(name::ROOT)?;
    if root.public().id() == state.root {
        return Ok(root);
    }
    let member = &state.member;
    Err(Problem::new(
        Exit::RefusedByPolicy,
        "POUCH-CLI-21",
        format!("{}: holds another root key than {member}'s in the directory", member_dir.display()),
    )
    .why(format!("only {member}'s root key decides about its offices; nothing was changed"))
    .next(format!("give the folder that `pouch init member` made for {member}")))
}
