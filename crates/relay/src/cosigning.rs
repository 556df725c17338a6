//! Asks every witness at once for its cosignature, and publishes with the first quorum.
//!
//! What comes back is believed only when it verifies under the network's policy; a witness that answers
//! nonsense, late, or not at all, costs nothing but its own cosignature. What comes late is kept for the
//! next time. Whoever does not answer is asked again and again, and told when that lasts.

mod asking;
mod board;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pouch_net::{HttpClient, Session};
use pouch_tlog::{Checkpoint, MemoryTree, Note, NoteSignature, Policy, SignatureKind};
use pouch_wire::session::LogName;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::config::{RelayConfig, WitnessAddress};
use crate::error::RelayError;
use crate::run::Clock;
use crate::switchboard::WitnessSession;
pub(crate) use asking::Target;
use asking::{Reach, Said, question};
pub(crate) use board::Board;

/// Where witnesses are, shared by all logs of a relay.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    pub(crate) sessions: watch::Receiver<Vec<WitnessSession>>,
    /// Those that the configuration gives an address for, by their names.
    pub(crate) by_url: Arc<BTreeMap<String, Arc<HttpClient>>>,
    pub(crate) board: Board,
}

impl Roster {
    /// Takes where the configuration says that witnesses are.
    pub(crate) fn of(
        config: &RelayConfig,
        sessions: watch::Receiver<Vec<WitnessSession>>,
        clock: Clock,
    ) -> Result<Self, RelayError> {
        let mut by_url = BTreeMap::new();
        for WitnessAddress { name, url, roots } in &config.witness {
            let wrong = |reason: String| RelayError::WitnessAddress { name: name.clone(), reason };
            let roots = roots.as_ref().map(std::fs::read).transpose().map_err(|e| wrong(e.to_string()))?;
            let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
            let client = HttpClient::new(&url, roots.as_deref());
            let client = client.map_err(|error| wrong(format!("{} {error}", error.code())))?;
            if by_url.insert(name.clone(), Arc::new(client)).is_some() {
                return Err(wrong("it stands there twice".into()));
            }
        }
        let away_after = Duration::from_secs(u64::from(config.witness_alarm_seconds));
        Ok(Self { sessions, by_url: Arc::new(by_url), board: Board::new(clock, away_after) })
    }

    /// How often those that did not cosign lately are asked.
    pub(crate) fn calls_every(&self) -> Duration {
        let third = self.board.away_after().checked_div(3).unwrap_or_default();
        third.clamp(Duration::from_secs(1), FRESH_FOR)
    }

    /// Who can be asked now. A witness that has a session is asked there.
    fn targets(&self) -> Vec<Target> {
        // Of a peer's sessions the newest counts.
        let newest: BTreeMap<String, Session> =
            self.sessions.borrow().iter().map(|one| (one.id.clone(), one.session.clone())).collect();
        let mut targets: Vec<Target> =
            newest.into_iter().map(|(id, session)| Target { id, reach: Reach::Session(session) }).collect();
        let attached: BTreeSet<String> =
            targets.iter().filter_map(|target| self.board.name_of(&target.id)).collect();
        let of_the_network = |name: &str| self.board.name_of(name).is_some();
        let others = self.by_url.iter().filter(|(name, _)| of_the_network(name) && !attached.contains(*name));
        targets.extend(
            others.map(|(name, client)| Target { id: name.clone(), reach: Reach::Http(client.clone()) }),
        );
        targets
    }
}

/// What is remembered of the witnesses of one log between rounds.
#[derive(Debug, Default)]
struct Memory {
    /// What each cosigned last, as far as we know.
    last: HashMap<String, u64>,
    /// The newest note with each witness's own lines, by its name: what it must not have forgotten.
    shown: HashMap<String, (u64, Note)>,
}

/// Gathers the cosignatures of one log.
#[derive(Debug)]
pub(crate) struct Cosigning {
    log: LogName,
    roster: Roster,
    memory: Arc<Mutex<Memory>>,
    /// The newest note that was signed: what is asked again of those that do not answer.
    newest: Option<(u64, Note)>,
}

/// A question that was answered, or not.
#[derive(Debug)]
struct Answered {
    target: Target,
    /// The note that was asked for, and its size.
    note: Note,
    size: u64,
    answer: Result<Said, &'static str>,
}

/// What an answer is good for.
enum Good {
    /// Cosignatures.
    Lines(Vec<NoteSignature>),
    /// To ask once more from this size on.
    Again(u64),
    /// To remind the witness of what it cosigned.
    Remind(u64, u64, Note),
    Nothing,
}

impl Cosigning {
    /// Begins with the newest note that was signed before, and with what is published of it.
    pub(crate) fn new(log: LogName, roster: Roster, newest: Option<(u64, Note)>) -> Self {
        Self { log, roster, memory: Arc::default(), newest }
    }

    /// Takes what was published before: whoever cosigned it must remember it.
    pub(crate) fn published(&self, size: u64, note: &Note, policy: &Policy) {
        if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
            let lines = good_lines(note, &checkpoint, note.signatures().to_vec(), policy);
            self.lock().keep(size, note, &lines, policy);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The note with a quorum's cosignatures; `None` when there is no quorum now.
    pub(crate) async fn gather(
        &mut self,
        note: &Note,
        size: u64,
        tree: &MemoryTree,
        policy: &Policy,
    ) -> Option<Note> {
        self.newest = Some((size, note.clone()));
        let mut asked = JoinSet::new();
        for target in self.roster.targets() {
            // Who remembers less than it cosigned is asked for nothing else before it remembers again.
            match self.owed(&target) {
                Some((shown, reminder)) => self.ask(&mut asked, target, (&reminder, shown), None, tree),
                None => self.ask(&mut asked, target, (note, size), None, tree),
            }
        }
        let mut cosigned = note.clone();
        let mut again = HashSet::new();
        while let Some(answered) = asked.join_next().await {
            let Ok(answered) = answered else { continue };
            let (target, other) = (answered.target.clone(), answered.note.text() != note.text());
            match judge(&self.roster.board, &self.memory, self.log, policy, answered) {
                // It remembers again; what it cosigned was the reminder.
                Good::Lines(_) if other => {}
                Good::Lines(lines) => {
                    if let Ok(better) = cosigned.with(lines) {
                        cosigned = better;
                    }
                    if policy.check_strict(&cosigned).is_ok() {
                        self.hear_the_rest(asked, policy);
                        // A surplus line would be one that nobody notices when it is damaged.
                        return policy.sufficient(&cosigned).ok();
                    }
                }
                // Once more, and not again: a witness that never says the same twice would keep the log
                // for ever.
                Good::Again(theirs) if again.insert(target.id.clone()) => {
                    self.ask(&mut asked, target, (note, size), Some(theirs), tree);
                }
                Good::Remind(theirs, shown, reminder) if again.insert(target.id.clone()) => {
                    self.ask(&mut asked, target, (&reminder, shown), Some(theirs), tree);
                }
                Good::Again(_) | Good::Remind(..) | Good::Nothing => {}
            }
        }
        None
    }

    /// Asks those that did not cosign lately for the newest note once more, beside everything else: whoever
    /// is away is noticed though the log does not grow, and whoever is back too.
    pub(crate) fn roll_call(&self, tree: &MemoryTree, policy: &Policy, names: &[String], quorum: u8) {
        let board = &self.roster.board;
        board.expect(names, quorum);
        let fresh = self.roster.calls_every();
        let targets = self.roster.targets();
        let reached: BTreeSet<String> =
            targets.iter().filter_map(|target| board.name_of(&target.id)).collect();
        for name in names.iter().filter(|name| !reached.contains(*name) && !board.is_fresh(name, fresh)) {
            board.missed(name, "none", "POUCH-RLY-44");
        }
        if let Some((size, note)) = &self.newest {
            let mut asked = JoinSet::new();
            for target in targets {
                let name = board.name_of(&target.id);
                if !name.as_ref().is_some_and(|name| board.is_fresh(name, fresh)) {
                    // Its own lines go with it, so that a witness that forgot them finds out.
                    let shown = || self.lock().shown.get(&name?).filter(|(shown, _)| shown == size).cloned();
                    let (size, note) =
                        self.owed(&target).or_else(shown).unwrap_or_else(|| (*size, note.clone()));
                    self.ask(&mut asked, target, (&note, size), None, tree);
                }
            }
            self.hear_the_rest(asked, policy);
        }
        board.look(Instant::now());
    }

    /// The note with a witness's own lines, when it said last that it remembers less.
    fn owed(&self, target: &Target) -> Option<(u64, Note)> {
        let name = self.roster.board.name_of(&target.id)?;
        let memory = self.lock();
        let last = memory.last.get(&target.id).copied().unwrap_or(u64::MAX);
        memory.shown.get(&name).filter(|(shown, _)| *shown > last).cloned()
    }

    fn ask(
        &self,
        asked: &mut JoinSet<Answered>,
        target: Target,
        (note, size): (&Note, u64),
        old: Option<u64>,
        tree: &MemoryTree,
    ) {
        let known = || {
            let (memory, name) = (self.lock(), self.roster.board.name_of(&target.id));
            let last = memory.last.get(&target.id).or_else(|| memory.last.get(&name?));
            last.copied().unwrap_or(0).min(size)
        };
        let Some(question) = question(note, old.unwrap_or_else(known), size, tree) else { return };
        let (log, note) = (self.log, note.clone());
        asked.spawn(async move {
            let answer = target.ask(log, &question).await;
            Answered { target, note, size, answer }
        });
    }

    /// What comes after the quorum delays nothing, and is remembered.
    fn hear_the_rest(&self, mut asked: JoinSet<Answered>, policy: &Policy) {
        let (board, memory, log) = (self.roster.board.clone(), self.memory.clone(), self.log);
        let policy = policy.clone();
        tokio::spawn(async move {
            while let Some(answered) = asked.join_next().await {
                let Ok(answered) = answered else { continue };
                judge(&board, &memory, log, &policy, answered);
            }
        });
    }
}

/// Believes of an answer what can be verified, and remembers it.
fn judge(board: &Board, memory: &Mutex<Memory>, log: LogName, policy: &Policy, answered: Answered) -> Good {
    let Answered { target, note, size, answer } = answered;
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    let name = board.name_of(&target.id);
    let missed = |why: &str| {
        if let Some(name) = &name {
            board.missed(name, target.by(), why);
        }
    };
    match answer {
        Ok(Said::Lines(bytes)) => {
            let lines = lines_of(&note, &bytes, policy);
            let names = whole(&lines, policy);
            for name in &names {
                board.cosigned(name, &target.id, target.by());
            }
            if names.is_empty() {
                warn!(?log, witness = target.id, code = "POUCH-RLY-45", "no good cosignature in an answer");
                missed("POUCH-RLY-45");
                return Good::Nothing;
            }
            let last = memory.last.entry(target.id.clone()).or_default();
            *last = size.max(*last);
            memory.keep(size, &note, &lines, policy);
            Good::Lines(lines)
        }
        Ok(Said::Conflict(theirs)) => {
            memory.last.insert(target.id.clone(), theirs);
            let shown = name.as_ref().and_then(|name| memory.shown.get(name));
            if let (Some(name), Some((cosigned, reminder))) = (&name, shown)
                && *cosigned > theirs
                && whole(reminder.signatures(), policy).contains(name)
            {
                board.forgot(name, *cosigned, theirs);
                board.missed(name, target.by(), "POUCH-RLY-43");
                return Good::Remind(theirs, *cosigned, reminder.clone());
            }
            if theirs > size {
                warn!(?log, size, theirs, code = "POUCH-RLY-46", "a witness cosigned a larger log than this");
                missed("POUCH-RLY-46");
                return Good::Nothing;
            }
            debug!(?log, size, theirs, "a witness is behind");
            Good::Again(theirs)
        }
        Ok(Said::No(reason)) => {
            warn!(?log, ?reason, code = "POUCH-RLY-47", "a witness will not cosign");
            missed(&reason);
            Good::Nothing
        }
        Err(code) => {
            info!(?log, code, "a witness did not answer");
            missed(code);
            Good::Nothing
        }
    }
}

impl Memory {
    /// Keeps a note with the lines of each witness that gave it both.
    fn keep(&mut self, size: u64, note: &Note, lines: &[NoteSignature], policy: &Policy) {
        let Ok(of_the_log) = bare(note, policy) else { return };
        for name in whole(lines, policy) {
            let own = lines.iter().filter(|line| line.name().as_str() == name).cloned();
            let Ok(shown) = of_the_log.with(own) else { continue };
            // Also after a restart it is asked from there on: one that forgot must not begin anew unnoticed.
            let last = self.last.entry(name.clone()).or_default();
            *last = size.max(*last);
            let newer = self.shown.get(&name).is_none_or(|(known, _)| *known <= size);
            if newer {
                self.shown.insert(name, (size, shown));
            }
        }
    }
}

/// The note with the log's own lines alone.
fn bare(note: &Note, policy: &Policy) -> Result<Note, pouch_tlog::NoteError> {
    let by_log = |line: &&NoteSignature| policy.log_keys().any(|key| key.is_named_by(line));
    Note::new(note.text(), note.signatures().iter().filter(by_log).cloned().collect())
}

fn lines_of(note: &Note, bytes: &[u8], policy: &Policy) -> Vec<NoteSignature> {
    let Ok(checkpoint) = Checkpoint::parse(note.text()) else { return Vec::new() };
    let Ok(lines) = NoteSignature::parse_lines(bytes) else { return Vec::new() };
    good_lines(note, &checkpoint, lines, policy)
}

/// Those lines that are good, and of a witness that the policy knows. Any other would be dead weight, or
/// spoil the note for everyone.
fn good_lines(
    note: &Note,
    checkpoint: &Checkpoint,
    lines: Vec<NoteSignature>,
    policy: &Policy,
) -> Vec<NoteSignature> {
    let good = |line: &NoteSignature| {
        policy
            .witness_keys()
            .any(|key| key.is_named_by(line) && key.verify(note.text(), checkpoint, line).is_ok())
    };
    lines.into_iter().filter(good).collect()
}

/// The names of those witnesses whose keys of both kinds stand in these lines.
fn whole(lines: &[NoteSignature], policy: &Policy) -> BTreeSet<String> {
    let mut kinds: BTreeMap<&str, BTreeSet<SignatureKind>> = BTreeMap::new();
    for key in policy.witness_keys().filter(|key| lines.iter().any(|line| key.is_named_by(line))) {
        kinds.entry(key.name().as_str()).or_default().insert(key.kind());
    }
    kinds.into_iter().filter(|(_, kinds)| kinds.len() == 2).map(|(name, _)| name.to_owned()).collect()
}

/// For how long a witness that cosigned is not asked by a roll call.
const FRESH_FOR: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
