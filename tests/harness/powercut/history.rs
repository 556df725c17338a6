//! What each store was over time.
//!
//! The record is played with everything kept, and the store is read after each wait for the disk: so each fact
//! has a step, and a store after a power cut can be looked up among all that it ever was.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use pouch_directory::{Act, SignedStatement, Statement};
use pouch_envelope::Header;
use pouch_store::{DirectoryLog as _, MessageLog as _, RelayStore};
use pouch_testkit::stage::StageError;
use pouch_wire::{Canonical as _, ContactPoint, Digest, EnvelopeId};

use crate::disk::{Image, Syncs};
use crate::facts::{self, Facts, Hash, Known, Place};
use crate::promises::{self, Promise, Promised};
use crate::record::{Player, Record, What};
use crate::strace::Call;

/// With every wait for the disk counted.
pub(crate) const HONEST: Syncs = Syncs { files: true, folders: true };

/// The relay that decides what enters the directory.
pub(crate) const SEQUENCER: &str = "relay";
/// The origins of a stage's logs, the machine that each is of, and its place in [`facts::LOGS`].
pub(crate) const ORIGINS: [(&str, &str, usize); 3] = [
    ("demo.pouch.invalid/directory", SEQUENCER, 0),
    ("demo.pouch.invalid/relay-1/messages", SEQUENCER, 1),
    ("demo.pouch.invalid/relay-2/messages", "relay-2", 1),
];

/// The machine of a relay, by its name.
pub(crate) fn machine_of(relay: &str) -> &str {
    if relay == "relay-1" { SEQUENCER } else { relay }
}

/// A state of a store, and how it came about.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    /// The first step of its writing, and when that was.
    pub(crate) began: usize,
    pub(crate) at: u64,
    pub(crate) facts: Facts,
}

/// All of one machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) record: Record,
    pub(crate) place: Option<Place>,
    pub(crate) commits: Vec<Commit>,
    /// Which states there ever were, by what they hash to: the first commit of each, and the last.
    pub(crate) states: BTreeMap<u64, (usize, usize)>,
    pub(crate) promises: Vec<Promised>,
    /// Every content that a message ever had here.
    pub(crate) contents: BTreeSet<(Hash, Hash)>,
    sends: Vec<(u64, usize)>,
    image: Image,
}

/// A message that the relay accepted.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: Hash,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// How much of the directory its sender had seen.
    pub(crate) directory: u64,
}

/// A sealing key that the directory has at an index.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) index: usize,
    pub(crate) office: String,
    pub(crate) prekey: Hash,
}

/// One recorded run of a whole network.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) machines: Vec<Machine>,
    pub(crate) known: Known,
    pub(crate) messages: Vec<Message>,
}

pub(crate) fn key(facts: &Facts) -> u64 {
    let mut hasher = DefaultHasher::new();
    facts.hash(&mut hasher);
    hasher.finish()
}

fn failed(what: &str) -> impl Fn(pouch_store::StoreError) -> StageError {
    move |error| StageError(format!("{what}: {error}"))
}

/// Reads the records of all machines.
pub(crate) async fn of(records: BTreeMap<String, Record>, under: &Path) -> Result<History, StageError> {
    let mut machines: Vec<Machine> =
        records.into_iter().map(|(name, record)| machine(name, record)).collect();
    let (mut messages, mut prekeys) = (Vec::new(), Vec::new());
    let mut known =
        Known { origins: ORIGINS.map(|(origin, _, _)| origin.to_owned()).into(), ..Known::default() };
    for machine in &machines {
        if let Some(place) = machine.place.as_ref().filter(|place| place.relay) {
            truth(machine, place, under, &mut messages, &mut prekeys).await?;
        }
    }
    known.envelopes = messages.iter().map(|message: &Message| EnvelopeId(Digest::new(message.id))).collect();
    let offices = messages.iter().flat_map(|message| message.to.iter().chain([&message.from]));
    let offices: BTreeSet<ContactPoint> = offices.filter_map(|office| office.parse().ok()).collect();
    known.offices = offices.into_iter().collect();
    for machine in &mut machines {
        commits(machine, &known, under).await?;
    }
    let mut history = History { machines, known, messages };
    promises::find(&mut history, &prekeys);
    Ok(history)
}

fn machine(name: String, record: Record) -> Machine {
    let mut player = Player::new(&record, HONEST);
    player.up_to(usize::MAX);
    let image = player.now();
    let sends = record.steps.iter().enumerate();
    let sends = sends
        .filter(|(_, step)| matches!(step.what, What::Send(..)))
        .map(|(at, step)| (step.at, at))
        .collect();
    let place = Place::of(&name, &image);
    Machine {
        name,
        place,
        commits: Vec::new(),
        states: BTreeMap::new(),
        promises: Vec::new(),
        contents: BTreeSet::new(),
        sends,
        image,
        record,
    }
}

/// Who wrote to whom, and whose sealing keys the directory has, from the relay as it is in the end.
async fn truth(
    machine: &Machine,
    place: &Place,
    under: &Path,
    messages: &mut Vec<Message>,
    prekeys: &mut Vec<Published>,
) -> Result<(), StageError> {
    let folder = tempfile::tempdir_in(under).map_err(|error| StageError(error.to_string()))?;
    let database = folder.path().join("data.sqlite");
    for end in ["", "-wal"] {
        if let Some(bytes) = machine.image.get(&format!("{}{end}", place.path)) {
            let path = folder.path().join(format!("data.sqlite{end}"));
            std::fs::write(&path, bytes).map_err(|error| StageError(error.to_string()))?;
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).map_err(|error| StageError(error.to_string()))?;
        }
    }
    let store = RelayStore::open(&database).map_err(failed("the relay's last state"))?;
    for record in store.signature_records(0, u32::MAX).await.map_err(failed("records"))? {
        let header = Header::from_bytes(&record.header).map_err(|error| StageError(error.to_string()))?;
        let id = *record.envelope.as_bytes();
        if messages.iter().all(|known| known.id != id) {
            let to = header.recipients.iter().map(|one| one.contact_point.to_string()).collect();
            messages.push(Message {
                id,
                from: header.sender.to_string(),
                to,
                directory: header.directory_size,
            });
        }
    }
    if machine.name != SEQUENCER {
        return store.close().await.map_err(failed("the relay's last state"));
    }
    let entries = store.entries(0, u32::MAX).await.map_err(failed("entries"))?;
    for (index, entry) in entries.iter().enumerate() {
        let statement =
            SignedStatement::from_bytes(entry).ok().and_then(|s| Statement::from_bytes(&s.statement).ok());
        if let Some(Act::PublishPrekeys { contact_point, prekeys: published, .. }) =
            statement.map(|one| one.act)
        {
            let ids = published.iter().map(|one| *one.public.id().as_bytes());
            prekeys.extend(ids.map(|id| Published { index, office: contact_point.to_string(), prekey: id }));
        }
    }
    store.close().await.map_err(failed("the relay's last state"))
}

/// Plays the record and reads the store after each wait for its log.
async fn commits(machine: &mut Machine, known: &Known, under: &Path) -> Result<(), StageError> {
    let Some(place) = machine.place.clone() else { return Ok(()) };
    let log = format!("{}-wal", place.path);
    let mut began: Option<usize> = None;
    let mut commits: Vec<Commit> = Vec::new();
    let mut player = Player::new(&machine.record, HONEST);
    let empty =
        facts::read(&Image::new(), &place, known, under, None).await.map_err(failed("an empty store"))?;
    commits.push(Commit { began: 0, at: 0, facts: empty });
    for (at, step) in machine.record.steps.iter().enumerate() {
        match &step.what {
            What::Change(Call::Write { path, .. }, _) if *path == log => drop(began.get_or_insert(at)),
            What::Waited(_, path) if *path == log => {
                let Some(first) = began.take() else { continue };
                player.up_to(at + 1);
                let all: Image = player.now();
                let facts =
                    facts::read(&all, &place, known, under, None).await.map_err(failed("the record"))?;
                if commits.last().is_none_or(|last| last.facts != facts) {
                    commits.push(Commit { began: first, at: machine.record.steps[first].at, facts });
                }
            }
            _ => {}
        }
    }
    for (number, commit) in commits.iter().enumerate() {
        machine.states.entry(key(&commit.facts)).or_insert((number, number)).1 = number;
        match &commit.facts {
            Facts::Relay(facts) => {
                machine.contents.extend(facts.mail.iter().map(|((id, _), bytes)| (*id, *bytes)))
            }
            Facts::Agent(facts) => {
                machine.contents.extend(facts.inbox.iter().map(|(id, came)| (*id, came.stored)))
            }
        }
    }
    machine.commits = commits;
    Ok(())
}

impl History {
    /// How many promises there are of each kind.
    pub(crate) fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds: BTreeMap<&'static str, usize> = Promise::KINDS.iter().map(|kind| (*kind, 0)).collect();
        for promise in self.machines.iter().flat_map(|machine| &machine.promises) {
            *kinds.entry(promise.what.kind()).or_default() += 1;
        }
        kinds
    }
}

impl Machine {
    /// The last step before a moment at which anything left this machine.
    fn left_before(&self, at: u64) -> Option<usize> {
        let after = self.sends.partition_point(|(when, _)| *when < at);
        self.sends.get(after.checked_sub(1)?).map(|(_, step)| *step)
    }

    pub(crate) fn promise(&mut self, heard_at: u64, what: Promise) {
        if let Some(at) = self.left_before(heard_at) {
            self.promises.push(Promised { at, what });
        }
    }

    /// The step from which a message may be gone from a mailbox.
    pub(crate) fn may_be_gone(&self, letter: &(Hash, String)) -> usize {
        let mut was = false;
        for commit in &self.commits {
            let Facts::Relay(facts) = &commit.facts else { continue };
            let there = facts.mail.contains_key(letter);
            if was && !there {
                return commit.began;
            }
            was = there;
        }
        usize::MAX
    }
}
