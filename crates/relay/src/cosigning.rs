//! Asks every witness at once for its cosignature, and publishes with the first quorum.
//!
//! What comes back is believed only when it verifies under the network's policy; a witness that answers
//! nonsense, late, or not at all, costs nothing but its own cosignature. What comes late is kept for the
//! next time. Whoever does not answer is asked again and again, and told when that lasts.

mod asking;
mod board;
mod judging;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pouch_net::{HttpClient, Session};
use pouch_tlog::{MemoryTree, Note, Policy};
use pouch_wire::session::LogName;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::{RelayConfig, WitnessAddress};
use crate::error::RelayError;
use crate::run::Clock;
use crate::session::Peer;
use crate::switchboard::WitnessSession;
pub(crate) use asking::Target;
use asking::{Reach, question};
pub(crate) use board::Board;
use judging::{Answered, Good, Memory, judge};

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

    /// Who can be asked now. What nodes say never keeps a witness's own address or session from being asked.
    fn targets(&self) -> Vec<Target> {
        let sessions = self.sessions.borrow().clone();
        // Of a peer's sessions the newest counts.
        let of_witnesses: BTreeMap<&str, &Session> = sessions
            .iter()
            .filter_map(|one| match &one.peer {
                Peer::Witness(name) => Some((name.as_str(), &one.session)),
                _ => None,
            })
            .collect();
        let of_nodes: BTreeMap<String, &Session> = sessions
            .iter()
            .filter_map(|one| match &one.peer {
                Peer::ContactPoint(point) => Some((format!("node of {point}"), &one.session)),
                _ => None,
            })
            .collect();
        let others = self
            .by_url
            .iter()
            .filter(|(name, _)| self.board.has(name) && !of_witnesses.contains_key(name.as_str()));
        let by_url = others.map(|(name, client)| Target::own(name, Reach::Http(client.clone())));
        let by_session =
            of_witnesses.iter().map(|(name, session)| Target::own(name, Reach::Session((*session).clone())));
        let mut targets: Vec<Target> = by_session.chain(by_url).collect();
        let own: BTreeSet<String> = targets.iter().filter_map(|target| target.own.clone()).collect();
        targets.extend(
            of_nodes.into_iter().map(|(id, session)| self.node(id, Reach::Session(session.clone()), &own)),
        );
        targets
    }

    /// A node that says that it cosigns. For a witness that has an address or a session of its own it does not
    /// speak.
    fn node(&self, id: String, reach: Reach, own: &BTreeSet<String>) -> Target {
        let mut target = Target { id, own: None, name: None, speaks: false, reach };
        target.name = self.board.heard_from(&target.id, target.session());
        target.speaks = target
            .name
            .as_ref()
            .is_some_and(|name| !own.contains(name) && self.board.is_heard_there_alone(name));
        target
    }
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

impl Cosigning {
    /// Begins with the newest note that was signed before, and with what is published of it.
    pub(crate) fn new(log: LogName, roster: Roster, newest: Option<(u64, Note)>) -> Self {
        Self { log, roster, memory: Arc::default(), newest }
    }

    /// Takes what was published before: whoever cosigned it must remember it.
    pub(crate) fn published(&self, size: u64, note: &Note, policy: &Policy) {
        self.lock().published(size, note, policy);
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
            targets.iter().filter_map(|target| target.speaks_for().map(str::to_owned)).collect();
        for name in names.iter().filter(|name| !reached.contains(*name) && !board.is_fresh(name, fresh)) {
            board.missed(name, "none", "POUCH-RLY-44");
        }
        if let Some((size, note)) = &self.newest {
            let mut asked = JoinSet::new();
            for target in targets {
                let name = target.name.clone();
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
        let name = target.name.as_ref()?;
        let memory = self.lock();
        let last = memory.last.get(&target.id).copied().unwrap_or(u64::MAX);
        memory.shown.get(name).filter(|(shown, _)| *shown > last).cloned()
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
            let memory = self.lock();
            let last = memory.last.get(&target.id).or_else(|| memory.last.get(target.name.as_ref()?));
            last.copied().unwrap_or(0).min(size)
        };
        let Some(question) = question(note, old.unwrap_or_else(known), size, tree) else { return };
        let (log, note, at) = (self.log, note.clone(), self.roster.board.now());
        asked.spawn(async move {
            let answer = target.ask(log, &question).await;
            Answered { target, note, size, at, answer }
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

/// For how long a witness that cosigned is not asked by a roll call.
const FRESH_FOR: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
