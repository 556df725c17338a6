//! What a power cut must not have done: lost what was promised, or left a store that never was.

use pouch_store::StoreError;
use pouch_tests::oracle::Oracle;
use pouch_tlog::{BundleCoord, Checkpoint, EntryReader, Frontier, Note, TileCoord, TileReader, self_check};

use crate::disk::Image;
use crate::facts::{AgentFacts, Facts, Hash, RelayFacts};
use crate::history::{History, Machine, key};
use crate::promises::{Promise, Promised};

/// What was found in one state.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) checked: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) corrupt: Vec<String>,
}

/// Judges what stands after the power was cut before a step.
pub(crate) fn judge(
    history: &History,
    machine: &Machine,
    promises: &[Promised],
    cut: usize,
    image: &Image,
    facts: Option<Result<Facts, StoreError>>,
) -> Verdict {
    let mut verdict = Verdict::default();
    let due = promises.iter().take_while(|one| one.at < cut).map(|one| &one.what);
    let facts = match facts {
        Some(Ok(facts)) => Some(facts),
        Some(Err(error)) => {
            verdict.corrupt.push(format!("the store does not open: {} {error}", error.code()));
            return verdict;
        }
        None => None,
    };
    if let Some(facts) = &facts {
        once_was(machine, facts, cut, &mut verdict);
        let due: Vec<&Promise> = due.clone().collect();
        by_the_oracle(history, machine, facts, &due, cut, &mut verdict);
    }
    for promise in due {
        verdict.checked += 1;
        if !holds(promise, facts.as_ref(), image, cut) {
            verdict.lost.push(words(promise));
        }
    }
    if let Some(Facts::Relay(facts)) = &facts {
        published(image, facts, &mut verdict);
    }
    verdict
}

/// The store is as it was at some moment, which is not still to come.
fn once_was(machine: &Machine, facts: &Facts, cut: usize, verdict: &mut Verdict) {
    match machine.states.get(&key(facts)) {
        None => verdict.corrupt.push("the store is as it never was".to_owned()),
        Some((first, _)) if machine.commits[*first].began > cut => {
            verdict.corrupt.push("the store is as it was not yet".to_owned());
        }
        Some(_) => {}
    }
}

fn holds(promise: &Promise, facts: Option<&Facts>, image: &Image, cut: usize) -> bool {
    match (promise, facts) {
        (Promise::File { path, bytes, until }, _) => cut > *until || image.get(path) == Some(bytes),
        (promise, Some(Facts::Relay(facts))) => relay_holds(promise, facts, cut),
        (promise, Some(Facts::Agent(facts))) => node_holds(promise, facts),
        (_, None) => false,
    }
}

fn relay_holds(promise: &Promise, facts: &RelayFacts, cut: usize) -> bool {
    match promise {
        Promise::Accepted { envelope, index } => {
            facts.secrets.is_some()
                && usize::try_from(*index).is_ok_and(|at| {
                    facts.leaves.len() > at && facts.records.get(at).is_some_and(|(id, _)| id == envelope)
                })
        }
        Promise::Waits { envelope, to, until } => {
            cut > *until || facts.mail.contains_key(&(*envelope, to.clone()))
        }
        Promise::Signed { log, size } => facts.signed[*log].as_ref().is_some_and(|(known, _)| known >= size),
        Promise::Published { log, size } => {
            facts.published[*log].as_ref().is_some_and(|(known, _)| known >= size)
        }
        Promise::Entry { index, entry } => facts.entries.get(*index) == Some(entry),
        _ => false,
    }
}

fn node_holds(promise: &Promise, facts: &AgentFacts) -> bool {
    match promise {
        Promise::Sends { envelope, places } => {
            let taken = |(to, n): &(String, u64)| facts.places.get(to).is_some_and(|(_, next)| next >= n);
            facts.outbox.contains_key(envelope) && places.iter().all(taken)
        }
        Promise::Has { envelope } => facts.inbox.contains_key(envelope),
        Promise::Told { number, code } => facts.events.get(number).is_some_and(|(known, _)| known == code),
        Promise::Opens { prekey } => facts.prekeys.contains_key(prekey),
        Promise::Saw { size } => facts.entries.len() as u64 >= *size,
        Promise::Cosigned { origin, size } => {
            facts.witness.get(origin).is_some_and(|(known, _)| known >= size)
        }
        Promise::Born => facts.born.is_some(),
        _ => false,
    }
}

/// The harnesses' common oracle: what was accepted is where it was promised, once and as it was.
fn by_the_oracle(
    history: &History,
    machine: &Machine,
    facts: &Facts,
    due: &[&Promise],
    cut: usize,
    verdict: &mut Verdict,
) {
    let mut oracle = Oracle::new();
    for message in &history.messages {
        let to: Vec<&str> = message.to.iter().map(String::as_str).collect();
        oracle.submitted(&name(&message.id), &message.from, &to, WHOLE);
    }
    match facts {
        Facts::Relay(facts) => {
            for promise in due {
                if let Promise::Waits { envelope, to, until } = promise
                    && cut <= *until
                {
                    oracle.accepted_for(&name(envelope), to);
                }
            }
            for office in &history.known.offices {
                let office = office.to_string();
                let here = facts.mail.iter().filter(|((_, to), _)| *to == office);
                let rows: Vec<(String, String)> =
                    here.map(|((id, _), bytes)| (name(id), content(machine, id, bytes))).collect();
                oracle.listed(&office, rows.iter().map(|(id, content)| (id.as_str(), content.clone())));
            }
        }
        Facts::Agent(facts) => {
            let Some(me) = me(history, machine) else { return };
            for promise in due {
                if let Promise::Has { envelope } = promise {
                    oracle.accepted_for(&name(envelope), &me);
                }
            }
            let rows: Vec<(String, String)> =
                facts.inbox.iter().map(|(id, came)| (name(id), content(machine, id, &came.stored))).collect();
            oracle.listed(&me, rows.iter().map(|(id, content)| (id.as_str(), content.clone())));
        }
    }
    let judgement = oracle.judge();
    verdict.checked += judgement.accepted;
    verdict
        .lost
        .extend(judgement.lost.iter().map(|one| format!("the oracle: {} at {} is lost", one.id, one.to)));
    if !judgement.altered.is_empty() || !judgement.invented.is_empty() || !judgement.twice.is_empty() {
        verdict.corrupt.extend(judgement.broken().into_iter().filter(|one| !one.starts_with("lost")));
    }
}

const WHOLE: &str = "as it was";

fn name(id: &Hash) -> String {
    pouch_wire::encode_hex(id)
}

fn content(machine: &Machine, id: &Hash, bytes: &Hash) -> String {
    if machine.contents.contains(&(*id, *bytes)) { WHOLE.to_owned() } else { "otherwise".to_owned() }
}

/// The office of a node, as its last state tells.
fn me(history: &History, machine: &Machine) -> Option<String> {
    let Facts::Agent(last) = &machine.commits.last()?.facts else { return None };
    history.messages.iter().find(|one| last.outbox.contains_key(&one.id)).map(|one| one.from.clone())
}

/// A log as files in an image.
struct Files<'a> {
    image: &'a Image,
    folder: &'a str,
}

impl Files<'_> {
    fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        self.image
            .get(&format!("{}/{path}", self.folder))
            .cloned()
            .ok_or_else(|| format!("{path} is not there"))
    }
}

impl TileReader for Files<'_> {
    type Error = String;

    fn tile(&self, coord: TileCoord) -> Result<Vec<u8>, String> {
        self.get(&coord.to_string())
    }
}

impl EntryReader for Files<'_> {
    fn bundle(&self, coord: BundleCoord) -> Result<Vec<u8>, String> {
        self.get(&coord.to_string())
    }
}

/// A published checkpoint has all the files that it needs, and the store has all that it covers.
fn published(image: &Image, facts: &RelayFacts, verdict: &mut Verdict) {
    for (path, bytes) in image {
        let Some(folder) = path.strip_suffix("/checkpoint") else { continue };
        let log = usize::from(folder.ends_with("messages"));
        verdict.checked += 1;
        let checkpoint = Note::parse(bytes).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
        let Some(checkpoint) = checkpoint else {
            verdict.corrupt.push(format!("{path} is no checkpoint"));
            continue;
        };
        if let Err(error) = self_check(&Files { image, folder }, &Frontier::default(), &checkpoint) {
            verdict.corrupt.push(format!("{path} of size {}: {error}", checkpoint.size()));
        }
        if facts.published[log].as_ref().is_none_or(|(size, _)| *size < checkpoint.size()) {
            verdict.corrupt.push(format!("{path}: the store does not know of what was published"));
        }
    }
}

fn words(promise: &Promise) -> String {
    match promise {
        Promise::File { path, .. } => format!("a command's file: {path}"),
        other => {
            let text = format!("{other:?}");
            text.chars().take(160).collect()
        }
    }
}
