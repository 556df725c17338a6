//! Who promised what, and when.
//!
//! What a machine promised is taken from where it was heard. Over a local socket a node's user hears it in the
//! open. Between machines all is sealed; but what one of them stored because the other said so was said before,
//! and so it left the other at the last step, or earlier, at which anything left it.

use std::collections::BTreeMap;

use pouch_envelope::{AcceptedReceipt, SignedReceipt};
use pouch_tlog::Note;
use pouch_wire::Canonical as _;
use serde_json::Value;

use crate::facts::{AgentFacts, Facts, Hash, RelayFacts};
use crate::history::{HONEST, History, Machine, ORIGINS, Published, SEQUENCER, machine_of};
use crate::record::{Player, What};
use crate::strace::Call;

/// What must be there after a power cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The relay has the message at this place of its log.
    Accepted {
        envelope: Hash,
        index: u64,
    },
    /// It waits for this recipient, until the recipient may have said that it has it.
    Waits {
        envelope: Hash,
        to: String,
        until: usize,
    },
    /// A log's checkpoint of this size was signed, or published: the log is no smaller again.
    Signed {
        log: usize,
        size: u64,
    },
    Published {
        log: usize,
        size: u64,
    },
    /// The directory's log has this entry.
    Entry {
        index: usize,
        entry: Hash,
    },
    /// The node sends this message until it is confirmed, and gives its place to no other.
    Sends {
        envelope: Hash,
        places: Vec<(String, u64)>,
    },
    /// The node has this message.
    Has {
        envelope: Hash,
    },
    /// This was told under this number.
    Told {
        number: u64,
        code: String,
    },
    /// The secret of a sealing key that others use.
    Opens {
        prekey: Hash,
    },
    /// The node saw the directory at this size.
    Saw {
        size: u64,
    },
    /// The witness cosigned this.
    Cosigned {
        origin: String,
        size: u64,
    },
    /// A file that a command made is there with these bytes, until something else is done to it.
    File {
        path: String,
        bytes: Vec<u8>,
        until: usize,
    },
    /// The keys' memory was begun.
    Born,
}

impl Promise {
    /// What kind it is, in one word.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Waits { .. } => "waits",
            Self::Signed { .. } => "signed",
            Self::Published { .. } => "published",
            Self::Entry { .. } => "entry",
            Self::Sends { .. } => "sends",
            Self::Has { .. } => "has",
            Self::Told { .. } => "told",
            Self::Opens { .. } => "opens",
            Self::Saw { .. } => "saw",
            Self::Cosigned { .. } => "cosigned",
            Self::File { .. } => "file",
            Self::Born => "born",
        }
    }

    /// Every kind: a run in which one never comes proves nothing of it.
    pub(crate) const KINDS: [&'static str; 13] = [
        "accepted",
        "waits",
        "signed",
        "published",
        "entry",
        "sends",
        "has",
        "told",
        "opens",
        "saw",
        "cosigned",
        "file",
        "born",
    ];
}

/// A promise, and the step with which it left.
#[derive(Debug, Clone)]
pub(crate) struct Promised {
    pub(crate) at: usize,
    pub(crate) what: Promise,
}

type Heard = (String, u64, Promise);

/// Everything that was promised, into the machines that promised it.
pub(crate) fn find(history: &mut History, prekeys: &[Published]) {
    let offices = offices(history);
    let mut heard: Vec<Heard> = Vec::new();
    for machine in &history.machines {
        for pair in machine.commits.windows(2) {
            let at = pair[1].at;
            match (&pair[0].facts, &pair[1].facts) {
                (Facts::Relay(old), Facts::Relay(new)) => {
                    heard_by_relay(history, &offices, prekeys, old, new, at, &mut heard);
                    cosigned(&machine.name, old, new, at, &mut heard);
                    if machine.name != SEQUENCER {
                        let size = new.published[0].as_ref().map(|(size, _)| *size);
                        of_the_directory(&old.entries, &new.entries, size, at, &mut heard);
                    }
                }
                (Facts::Agent(old), Facts::Agent(new)) => heard_by_node(history, old, new, at, &mut heard),
                _ => {}
            }
        }
    }
    for (who, at, what) in heard {
        if let Some(machine) = history.machines.iter_mut().find(|one| one.name == who) {
            machine.promise(at, what);
        }
    }
    for machine in &mut history.machines {
        told(machine);
        files(machine);
        machine.promises.sort_by_key(|one| one.at);
        machine.promises.dedup_by(|a, b| a.what == b.what);
    }
}

/// Which machine answers for which office, by what it sends.
fn offices(history: &History) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for machine in &history.machines {
        let last = machine.commits.last().map(|commit| &commit.facts);
        if let Some(Facts::Agent(facts)) = last {
            let own = history.messages.iter().find(|one| facts.outbox.contains_key(&one.id));
            found.extend(own.map(|one| (one.from.clone(), machine.name.clone())));
        }
    }
    found
}

/// What others said, as a relay's store shows.
fn heard_by_relay(
    history: &History,
    offices: &BTreeMap<String, String>,
    prekeys: &[Published],
    old: &RelayFacts,
    new: &RelayFacts,
    at: u64,
    heard: &mut Vec<Heard>,
) {
    for (envelope, to) in old.mail.keys().filter(|letter| !new.mail.contains_key(*letter)) {
        heard.extend(offices.get(to).map(|who| (who.clone(), at, Promise::Has { envelope: *envelope })));
    }
    for (envelope, _) in new.records.iter().skip(old.records.len()) {
        let Some(message) = history.messages.iter().find(|one| one.id == *envelope) else { continue };
        let Some(who) = offices.get(&message.from) else { continue };
        heard.push((who.clone(), at, sends(history, who, envelope)));
        heard.push((who.clone(), at, Promise::Saw { size: message.directory }));
    }
    for Published { index, office, prekey } in prekeys {
        if (old.entries.len()..new.entries.len()).contains(index) {
            heard
                .extend(offices.get(office).map(|who| (who.clone(), at, Promise::Opens { prekey: *prekey })));
        }
    }
}

/// What witnesses said, as the checkpoints show that a relay published.
fn cosigned(me: &str, old: &RelayFacts, new: &RelayFacts, at: u64, heard: &mut Vec<Heard>) {
    for (origin, _, log) in ORIGINS.iter().filter(|(_, machine, log)| *log == 0 || *machine == me) {
        let Some((size, note)) = &new.published[*log] else { continue };
        if old.published[*log].as_ref().is_some_and(|(_, before)| before == note) {
            continue;
        }
        for signature in Note::parse(note).iter().flat_map(|note| note.signatures().to_vec()) {
            // A witness is named after its folder.
            let who = signature.name().as_str().split('.').next().unwrap_or_default().to_owned();
            heard.push((who, at, Promise::Cosigned { origin: (*origin).to_owned(), size: *size }));
        }
    }
}

/// What whoever follows the directory has of it was in the sequencer's log before, and published there.
fn of_the_directory(old: &[Hash], new: &[Hash], size: Option<u64>, at: u64, heard: &mut Vec<Heard>) {
    let mut says = |what| heard.push((SEQUENCER.to_owned(), at, what));
    if let Some(size) = size {
        says(Promise::Published { log: 0, size });
    }
    for (index, entry) in new.iter().enumerate().skip(old.len()) {
        says(Promise::Entry { index, entry: *entry });
    }
}

/// A message that left, and the places that it took.
fn sends(history: &History, who: &str, envelope: &Hash) -> Promise {
    let machine = history.machines.iter().find(|one| one.name == who);
    let first = machine.and_then(|one| {
        one.commits.iter().find_map(|commit| match &commit.facts {
            Facts::Agent(facts) => facts.outbox.contains_key(envelope).then_some(facts),
            Facts::Relay(_) => None,
        })
    });
    let ladder = first.and_then(|facts| Some((facts, facts.outbox.get(envelope)?)));
    let places = ladder.into_iter().flat_map(|(facts, sent)| {
        sent.ladder.iter().filter_map(|(to, _)| Some((to.clone(), facts.places.get(to)?.1)))
    });
    Promise::Sends { envelope: *envelope, places: places.collect() }
}

/// What relays said, as a node's or a witness's store shows.
fn heard_by_node(history: &History, old: &AgentFacts, new: &AgentFacts, at: u64, heard: &mut Vec<Heard>) {
    for (envelope, sent) in &new.outbox {
        let before = old.outbox.get(envelope).map(|sent| sent.carried.as_slice()).unwrap_or_default();
        let Some(message) = history.messages.iter().find(|one| one.id == *envelope) else { continue };
        for (relay, receipt) in sent.carried.iter().filter(|one| !before.contains(one)) {
            // A refusal has no receipt.
            let Some(index) = index_in(receipt) else { continue };
            let mut says = |what| heard.push((machine_of(relay).to_owned(), at, what));
            says(Promise::Accepted { envelope: *envelope, index });
            for to in message.to.iter().cloned() {
                says(Promise::Waits { envelope: *envelope, to, until: 0 });
            }
        }
    }
    for (envelope, came) in new.inbox.iter().filter(|(envelope, _)| !old.inbox.contains_key(*envelope)) {
        if let Some((relay, index)) = &came.log {
            let what = Promise::Accepted { envelope: *envelope, index: *index };
            heard.push((machine_of(relay).to_owned(), at, what));
        }
    }
    let accepted = new.accepted.filter(|accepted| Some(*accepted) != old.accepted);
    of_the_directory(&old.entries, &new.entries, accepted.map(|(size, _)| size), at, heard);
    for (origin, (size, _)) in &new.witness {
        if let Some((_, relay, log)) = ORIGINS.iter().find(|(one, _, _)| one == origin)
            && old.witness.get(origin).is_none_or(|(before, _)| before < size)
        {
            heard.push(((*relay).to_owned(), at, Promise::Signed { log: *log, size: *size }));
        }
    }
}

/// The place in the message log that a relay's receipt promises.
fn index_in(receipt: &[u8]) -> Option<u64> {
    let signed = SignedReceipt::from_bytes(receipt).ok()?;
    Some(AcceptedReceipt::from_bytes(&signed.receipt).ok()?.index)
}

/// What a node told its users, in the open over its socket.
fn told(machine: &mut Machine) {
    let mut lines: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let mut found = Vec::new();
    let last = machine.commits.last().map(|commit| &commit.facts);
    let Some(Facts::Agent(last)) = last else { return };
    let places = |envelope: &Hash| {
        machine.commits.iter().find_map(|commit| match &commit.facts {
            Facts::Agent(facts) => facts.outbox.get(envelope).map(|sent| {
                let own = sent.ladder.iter();
                own.filter_map(|(to, _)| Some((to.clone(), facts.places.get(to)?.1))).collect::<Vec<_>>()
            }),
            Facts::Relay(_) => None,
        })
    };
    for (at, step) in machine.record.steps.iter().enumerate() {
        let What::Send(socket, data) = &step.what else { continue };
        if !socket.contains("UNIX") {
            continue;
        }
        let line = lines.entry(socket).or_default();
        line.extend(data);
        while let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            let rest = line.split_off(end + 1);
            let whole = std::mem::replace(line, rest);
            let Ok(answer) = serde_json::from_slice::<Value>(&whole) else { continue };
            let mut all = Vec::new();
            objects(&answer, &mut all);
            for one in all {
                let text = |name: &str| one.get(name).and_then(Value::as_str);
                if let (Some(number), Some(code), Some(_)) =
                    (one.get("number").and_then(Value::as_u64), text("code"), text("kind"))
                {
                    found.push(Promised { at, what: Promise::Told { number, code: code.to_owned() } });
                }
                let id =
                    text("envelope").and_then(pouch_wire::decode_hex).and_then(|id| Hash::try_from(id).ok());
                let Some(envelope) = id else { continue };
                if last.outbox.contains_key(&envelope) {
                    let places = places(&envelope).unwrap_or_default();
                    found.push(Promised { at, what: Promise::Sends { envelope, places } });
                } else if last.inbox.contains_key(&envelope) {
                    found.push(Promised { at, what: Promise::Has { envelope } });
                }
            }
        }
    }
    machine.promises.extend(found);
}

fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            found.push(value);
            fields.values().for_each(|field| objects(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        _ => {}
    }
}

/// What commands said was done: the files that they made are there. Stores have promises of their own.
fn files(machine: &mut Machine) {
    let mut player = Player::new(&machine.record, HONEST);
    let mut touched: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, step) in machine.record.steps.iter().enumerate() {
        if let What::Change(call, _) = &step.what {
            for path in paths(call) {
                touched.entry(path.to_owned()).or_default().push(at);
            }
        }
    }
    let (mut found, mut seen) = (Vec::new(), 0);
    for (at, step) in machine.record.steps.iter().enumerate() {
        let What::Done(command) = &step.what else { continue };
        player.up_to(at);
        for (path, bytes) in player.now() {
            let Some(steps) = touched.get(&path).filter(|_| !path.contains(".sqlite")) else { continue };
            if !steps.iter().any(|step| (seen..at).contains(step)) {
                continue;
            }
            let until = steps.iter().find(|step| **step > at).copied().unwrap_or(usize::MAX);
            found.push(Promised { at, what: Promise::File { path, bytes, until } });
        }
        let witness = command.contains("--witness") || command.starts_with("witness init");
        if witness && machine.place.is_some() {
            found.push(Promised { at, what: Promise::Born });
        }
        seen = at;
    }
    machine.promises.extend(found);
    // A letter waits until the recipient may have it.
    let letters: Vec<(usize, (Hash, String))> = machine
        .promises
        .iter()
        .enumerate()
        .filter_map(|(number, one)| match &one.what {
            Promise::Waits { envelope, to, .. } => Some((number, (*envelope, to.clone()))),
            _ => None,
        })
        .collect();
    for (number, letter) in letters {
        let gone = machine.may_be_gone(&letter);
        if let Promise::Waits { until, .. } = &mut machine.promises[number].what {
            *until = gone;
        }
    }
}

fn paths(call: &Call) -> Vec<&str> {
    match call {
        Call::Open { path, creates, empties, .. } if *creates || *empties => vec![path],
        Call::Write { path, .. } | Call::SetLen { path, .. } | Call::Unlink { path } => vec![path],
        Call::Rename { from, to } | Call::Link { from, to } => vec![from, to],
        _ => Vec::new(),
    }
}
