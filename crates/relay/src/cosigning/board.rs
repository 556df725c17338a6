//! What is known of each witness: when it answered last, since when it does not, and what it said then.
//! A witness that is away is told once, and once when it is back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pouch_wire::Timestamp;
use pouch_wire::session::LogName;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{error, info};

use crate::hours::{Hour, Hours};
use crate::run::Clock;
use crate::status::{LogStatus, RelayStatus, WitnessStatus};

/// Reaches what is known. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    known: Arc<Mutex<Known>>,
    hours: Arc<Mutex<Hours>>,
    changed: Arc<Notify>,
    clock: Clock,
    away_after: Duration,
}

#[derive(Debug, Default)]
struct Known {
    quorum: u8,
    logs: BTreeMap<&'static str, Log>,
    witnesses: BTreeMap<String, Witness>,
    /// Which witness's new cosignatures came from which node, on which of its sessions: a node's session does
    /// not say so by itself.
    named: BTreeMap<String, (String, Option<u64>)>,
    epoch: u64,
    damaged: Vec<String>,
}

#[derive(Debug, Default)]
struct Log {
    published: u64,
    cosigned_at: Option<Timestamp>,
    no_quorum: Absence,
}

#[derive(Debug, Default)]
struct Witness {
    by: &'static str,
    cosigned: Option<(Timestamp, Instant)>,
    absence: Absence,
    last_code: Option<String>,
    forgot: bool,
}

/// Since when something is missing, and whether that was told.
#[derive(Debug, Default)]
struct Absence {
    since: Option<(Timestamp, Instant)>,
    told: bool,
}

impl Absence {
    fn begins(&mut self, now: Timestamp) {
        self.since.get_or_insert((now, Instant::now()));
    }

    /// Ends it; whether it had been told.
    fn ends(&mut self) -> bool {
        self.since = None;
        std::mem::take(&mut self.told)
    }

    /// Whether it lasts so long that it is told now.
    fn is_due(&mut self, now: Instant, after: Duration) -> bool {
        let due =
            !self.told && self.since.is_some_and(|(_, since)| now.saturating_duration_since(since) >= after);
        self.told |= due;
        due
    }

    fn since(&self) -> Option<Timestamp> {
        self.since.map(|(at, _)| at)
    }
}

impl Board {
    pub(crate) fn new(clock: Clock, away_after: Duration) -> Self {
        Self {
            known: Arc::default(),
            hours: Arc::default(),
            changed: Arc::new(Notify::new()),
            clock,
            away_after,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the witnesses say of our clock.
    pub(crate) fn hour(&self) -> Hour {
        self.hours.lock().unwrap_or_else(PoisonError::into_inner).of((self.clock)(), Instant::now())
    }

    /// Whether nothing can be gone by yet, neither our clock nor theirs.
    pub(crate) fn knows_no_time(&self) -> bool {
        let hours = self.hours.lock().unwrap_or_else(PoisonError::into_inner);
        hours.is_doubtful((self.clock)(), Instant::now())
    }

    /// What the witnesses had said before this relay began.
    pub(crate) fn found_hour(&self, cosigned_at: Timestamp) {
        self.hours.lock().unwrap_or_else(PoisonError::into_inner).found(cosigned_at, Instant::now());
    }

    /// What a witness's clock said.
    pub(crate) fn heard_hour(&self, name: &str, said: Timestamp, itself: bool) {
        self.hours.lock().unwrap_or_else(PoisonError::into_inner).heard(name, said, itself, Instant::now());
    }

    /// What time it is, as well as is known.
    pub(crate) fn now(&self) -> Timestamp {
        let ours = (self.clock)();
        self.hours.lock().unwrap_or_else(PoisonError::into_inner).of(ours, Instant::now()).best(ours)
    }

    /// For how long a witness is missed before it counts as away.
    pub(crate) const fn away_after(&self) -> Duration {
        self.away_after
    }

    /// Waits until something changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes which witnesses the network has. One that is new is missing until it answers.
    pub(crate) fn expect(&self, names: &[String], quorum: u8) {
        let now = (self.clock)();
        self.hours.lock().unwrap_or_else(PoisonError::into_inner).retain(names);
        let mut known = self.known();
        known.quorum = quorum;
        known.witnesses.retain(|name, _| names.contains(name));
        for name in names {
            known.witnesses.entry(name.clone()).or_insert_with(|| {
                let mut witness = Witness { by: "none", ..Witness::default() };
                witness.absence.begins(now);
                witness
            });
        }
    }

    /// Whether the network has a witness of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.known().witnesses.contains_key(name)
    }

    /// The witness whose new cosignatures came from a node on this session.
    pub(crate) fn heard_from(&self, id: &str, session: Option<u64>) -> Option<String> {
        let known = self.known();
        let (name, _) = known.named.get(id).filter(|(_, heard)| *heard == session)?;
        known.witnesses.contains_key(name).then(|| name.clone())
    }

    /// Whether no other node showed this witness's cosignatures. Where two did, neither speaks for it: one of
    /// them passes on what it did not make.
    pub(crate) fn is_heard_there_alone(&self, name: &str) -> bool {
        self.known().named.values().filter(|(heard, _)| heard == name).count() == 1
    }

    /// New cosignatures of a witness came from a node.
    pub(crate) fn hears_from(&self, id: &str, session: Option<u64>, name: &str) {
        self.known().named.insert(id.to_owned(), (name.to_owned(), session));
    }

    /// A witness cosigned.
    pub(crate) fn cosigned(&self, name: &str, by: &'static str) {
        let now = (self.clock)();
        let mut known = self.known();
        let Some(witness) = known.witnesses.get_mut(name) else { return };
        witness.by = by;
        witness.cosigned = Some((now, Instant::now()));
        witness.last_code = None;
        if witness.absence.ends() {
            info!(witness = name, code = "POUCH-RLY-41", "a witness is back");
        }
        drop(known);
        self.changed.notify_one();
    }

    /// What is stored stands so.
    pub(crate) fn stored(&self, epoch: u64, damaged: Vec<String>) {
        let mut known = self.known();
        (known.epoch, known.damaged) = (epoch, damaged);
        drop(known);
        self.changed.notify_one();
    }

    /// A witness did not cosign, and why.
    pub(crate) fn missed(&self, name: &str, by: &'static str, why: &str) {
        let now = (self.clock)();
        let mut known = self.known();
        let Some(witness) = known.witnesses.get_mut(name) else { return };
        witness.by = by;
        witness.last_code = Some(visible(why));
        witness.absence.begins(now);
        drop(known);
        self.changed.notify_one();
    }

    /// A witness remembers less than it cosigned.
    pub(crate) fn forgot(&self, name: &str, cosigned: u64, remembers: u64) {
        let mut known = self.known();
        let Some(witness) = known.witnesses.get_mut(name) else { return };
        if !std::mem::replace(&mut witness.forgot, true) {
            error!(
                witness = name,
                code = "POUCH-RLY-43",
                cosigned,
                remembers,
                "a witness remembers less than it cosigned: it must be replaced"
            );
        }
        drop(known);
        self.changed.notify_one();
    }

    /// Whether a witness cosigned within this time.
    pub(crate) fn is_fresh(&self, name: &str, within: Duration) -> bool {
        let known = self.known();
        let cosigned = known.witnesses.get(name).and_then(|witness| witness.cosigned);
        cosigned.is_some_and(|(_, at)| at.elapsed() < within)
    }

    /// A log was published, or was found published when the relay began.
    pub(crate) fn published(&self, log: LogName, size: u64, cosigned_at: Option<Timestamp>) {
        let mut known = self.known();
        let entry = known.logs.entry(word(log)).or_default();
        (entry.published, entry.cosigned_at) = (size, cosigned_at);
        if entry.no_quorum.ends() {
            info!(log = word(log), code = "POUCH-RLY-41", "enough witnesses cosign again");
        }
        drop(known);
        self.changed.notify_one();
    }

    /// Too few witnesses cosigned a log.
    pub(crate) fn no_quorum(&self, log: LogName) {
        let now = (self.clock)();
        self.known().logs.entry(word(log)).or_default().no_quorum.begins(now);
        self.changed.notify_one();
    }

    /// Tells what has lasted too long by now, once.
    pub(crate) fn look(&self, now: Instant) {
        let mut known = self.known();
        let mut changed = false;
        for (name, witness) in &mut known.witnesses {
            if witness.absence.is_due(now, self.away_after) {
                let why = witness.last_code.as_deref().unwrap_or_default();
                error!(witness = name, code = "POUCH-RLY-40", why, "a witness is away");
                changed = true;
            }
        }
        for (log, entry) in &mut known.logs {
            if entry.no_quorum.is_due(now, self.away_after) {
                let published = entry.published;
                error!(
                    log,
                    published,
                    code = "POUCH-RLY-42",
                    "too few witnesses: nothing newer is published, and nobody learns of revoked keys"
                );
                changed = true;
            }
        }
        drop(known);
        if changed {
            self.changed.notify_one();
        }
    }

    /// Everything, for people.
    pub(crate) fn status(&self, relay: &str) -> RelayStatus {
        let known = self.known();
        let log = |(log, entry): (&&'static str, &Log)| LogStatus {
            log: (*log).to_owned(),
            published: entry.published,
            cosigned_at: entry.cosigned_at,
            no_quorum_since: entry.no_quorum.since(),
            told: entry.no_quorum.told,
        };
        let witness = |(name, witness): (&String, &Witness)| WitnessStatus {
            name: name.clone(),
            by: witness.by.to_owned(),
            cosigned_at: witness.cosigned.map(|(at, _)| at),
            missing_since: witness.absence.since(),
            away: witness.absence.told,
            last_code: witness.last_code.clone(),
            forgot: witness.forgot,
        };
        RelayStatus {
            relay: relay.to_owned(),
            written_at: (self.clock)(),
            quorum: known.quorum,
            away_after_seconds: self.away_after.as_secs(),
            clock: self.hour().words((self.clock)()),
            containment: pouch_contain::held().map(ToString::to_string).unwrap_or_default(),
            logs: known.logs.iter().map(log).collect(),
            witnesses: known.witnesses.iter().map(witness).collect(),
            epoch: known.epoch,
            damaged: known.damaged.clone(),
        }
    }
}

const fn word(log: LogName) -> &'static str {
    match log {
        LogName::Directory => "directory",
        LogName::Messages => "messages",
    }
}

/// What a stranger said, as one line of plain characters.
fn visible(words: &str) -> String {
    words.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(240).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(after: Duration) -> Board {
        let board = Board::new(|| Timestamp(7), after);
        board.expect(&["a".into(), "b".into(), "c".into()], 2);
        board
    }

    fn of(board: &Board, name: &str) -> WitnessStatus {
        board.status("r").witnesses.into_iter().find(|witness| witness.name == name).unwrap()
    }

    #[test]
    fn who_is_missing_for_too_long_is_away_once_and_back_once() {
        let board = board(Duration::from_secs(60));
        board.cosigned("a", "session");
        board.missed("b", "http", "POUCH-NET-72");
        board.look(Instant::now());
        assert!(!board.status("r").is_somebody_away());
        assert_eq!(of(&board, "a").missing_since, None);
        assert_eq!(of(&board, "b").last_code.as_deref(), Some("POUCH-NET-72"));
        let later = Instant::now() + Duration::from_secs(60);
        board.look(later);
        assert_eq!(["a", "b", "c"].map(|name| of(&board, name).away), [false, true, true]);
        assert!(board.status("r").is_somebody_away() && board.status("r").is_under_quorum());
        board.cosigned("b", "http");
        assert!(!of(&board, "b").away && !board.status("r").is_under_quorum());
        // It is missed anew: the time begins anew too.
        board.missed("b", "http", "POUCH-NET-75");
        board.look(Instant::now());
        assert!(!of(&board, "b").away);
    }

    #[test]
    fn a_log_without_a_quorum_is_told_when_it_lasts() {
        let board = board(Duration::from_secs(60));
        for name in ["a", "b", "c"] {
            board.cosigned(name, "session");
        }
        board.published(LogName::Messages, 3, Some(Timestamp(5)));
        board.no_quorum(LogName::Messages);
        board.look(Instant::now());
        assert!(!board.status("r").is_under_quorum());
        board.no_quorum(LogName::Messages);
        board.look(Instant::now() + Duration::from_secs(61));
        assert!(board.status("r").is_under_quorum());
        board.published(LogName::Messages, 4, Some(Timestamp(6)));
        assert!(!board.status("r").is_under_quorum());
        assert_eq!(board.status("r").logs[0].published, 4);
    }

    #[test]
    fn a_node_s_witness_is_known_by_its_keys_and_others_are_forgotten_with_the_network() {
        let board = board(Duration::from_secs(60));
        assert_eq!(board.heard_from("node NL", Some(1)), None);
        board.hears_from("node NL", Some(1), "c");
        assert_eq!(board.heard_from("node NL", Some(1)).as_deref(), Some("c"));
        assert_eq!(board.heard_from("node NL", Some(2)), None, "another session says so anew");
        assert!(board.is_heard_there_alone("c"));
        board.hears_from("node MD", Some(7), "c");
        assert!(!board.is_heard_there_alone("c"), "one of the two passes it on");
        board.expect(&["a".into(), "b".into()], 1);
        assert_eq!(board.heard_from("node NL", Some(1)), None);
        assert_eq!(board.status("r").witnesses.len(), 2);
    }

    #[test]
    fn a_witness_that_forgot_stays_marked_and_what_it_says_moves_no_cursor() {
        let board = board(Duration::from_secs(60));
        board.forgot("a", 9, 4);
        board.cosigned("a", "session");
        assert!(of(&board, "a").forgot && board.status("r").is_somebody_away());
        board.missed("a", "http", "HTTP 500 \u{1b}[2J\nforged\u{202e}");
        assert_eq!(of(&board, "a").last_code.as_deref(), Some("HTTP 500 ?[2J?forged?"));
    }
}
