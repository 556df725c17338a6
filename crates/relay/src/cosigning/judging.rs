//! What an answer is good for: of a witness that is known by its own key or address, of a node that says that
//! it cosigns, and of whoever passes on what others made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pouch_tlog::{Checkpoint, Note, NoteSignature, Policy, SignatureKind};
use pouch_wire::Timestamp;
use pouch_wire::session::LogName;
use tracing::{debug, info, warn};

use super::Board;
use super::asking::{Said, Target};

/// A question that was answered, or not.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) target: Target,
    /// The note that was asked for, and its size.
    pub(super) note: Note,
    pub(super) size: u64,
    /// When it was asked.
    pub(super) at: Timestamp,
    pub(super) answer: Result<Said, &'static str>,
}

/// What an answer is good for.
pub(super) enum Good {
    /// Cosignatures.
    Lines(Vec<NoteSignature>),
    /// To ask once more from this size on.
    Again(u64),
    /// To remind the witness of what it cosigned.
    Remind(u64, u64, Note),
    Nothing,
}

/// What is remembered of the witnesses of one log between rounds.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What each cosigned last, as far as we know.
    pub(super) last: HashMap<String, u64>,
    /// When each witness cosigned anything last, by its name: what is older is no news of it.
    pub(super) newest: HashMap<String, Timestamp>,
    /// The newest note with each witness's own lines, by its name: what it must not have forgotten.
    pub(super) shown: HashMap<String, (u64, Note)>,
}

/// Believes of an answer what can be verified, and remembers it.
pub(super) fn judge(
    board: &Board,
    memory: &Mutex<Memory>,
    log: LogName,
    policy: &Policy,
    answered: Answered,
) -> Good {
    let Answered { target, note, size, at, answer } = answered;
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    let missed = |why: &str| {
        if let Some(name) = target.speaks_for() {
            board.missed(name, target.by(), why);
        }
    };
    match answer {
        Ok(Said::Lines(bytes)) => {
            let lines = lines_of(&note, &bytes, policy);
            // Also where our own clock is so wrong that nothing they say is of this time.
            for (line, said) in &lines {
                let name = line.name().as_str();
                board.heard_hour(name, *said, target.own.as_deref() == Some(name));
            }
            let Some((name, cosigned_at)) =
                of_one(&lines, at, policy).filter(|(name, _)| target.may_be(name))
            else {
                warn!(?log, witness = target.id, code = "POUCH-RLY-45", "no good cosignature in an answer");
                missed("POUCH-RLY-45");
                return Good::Nothing;
            };
            if target.own.is_none() && !believes_node(board, &memory, &target, &name, cosigned_at) {
                debug!(?log, witness = target.id, name, "a node shows cosignatures that were seen before");
                return Good::Nothing;
            }
            memory.heard(&name, cosigned_at);
            board.cosigned(&name, target.by());
            let last = memory.last.entry(target.id.clone()).or_default();
            *last = size.max(*last);
            let lines: Vec<NoteSignature> = lines.into_iter().map(|(line, _)| line).collect();
            memory.keep(size, &note, &lines, policy);
            Good::Lines(lines)
        }
        Ok(Said::Conflict(theirs)) => {
            memory.last.insert(target.id.clone(), theirs);
            let shown = target.name.as_ref().and_then(|name| memory.shown.get(name));
            if let (Some(name), Some((cosigned, reminder))) = (&target.name, shown)
                && *cosigned > theirs
                && whole(reminder.signatures().iter(), policy).contains(name)
            {
                if let Some(name) = target.speaks_for() {
                    board.forgot(name, *cosigned, theirs);
                }
                missed("POUCH-RLY-43");
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

/// The witness that all lines are of, when there are both kinds of it, made for this question: what was made
/// earlier says nothing of who is there now, nor that nothing changed since.
fn of_one(lines: &[Line], asked_at: Timestamp, policy: &Policy) -> Option<(String, Timestamp)> {
    let (first, _) = lines.first()?;
    let name = first.name().as_str();
    let oldest = lines.iter().map(|(_, at)| *at).min()?;
    let fits = lines.iter().all(|(line, _)| line.name().as_str() == name)
        && whole(lines.iter().map(|(line, _)| line), policy).contains(name)
        && oldest >= asked_at.before(MADE_WITHIN);
    fits.then(|| (name.to_owned(), oldest))
}

/// A node is taken for a witness when it shows what that witness made newer than anything seen of it before,
/// which cannot be copied from what was published; then for this one only, as long as its session lasts.
fn believes_node(board: &Board, memory: &Memory, target: &Target, name: &str, at: Timestamp) -> bool {
    match board.heard_from(&target.id, target.session()) {
        Some(known) => known == name,
        None => {
            let new = memory.newest.get(name).is_none_or(|newest| at > *newest);
            if new {
                board.hears_from(&target.id, target.session(), name);
            }
            new
        }
    }
}

impl Memory {
    /// Takes what was published before.
    pub(super) fn published(&mut self, size: u64, note: &Note, policy: &Policy) {
        let Ok(checkpoint) = Checkpoint::parse(note.text()) else { return };
        let lines = good_lines(note, &checkpoint, note.signatures().to_vec(), policy);
        for (line, at) in &lines {
            self.heard(line.name().as_str(), *at);
        }
        let lines: Vec<NoteSignature> = lines.into_iter().map(|(line, _)| line).collect();
        self.keep(size, note, &lines, policy);
    }

    fn heard(&mut self, name: &str, at: Timestamp) {
        let newest = self.newest.entry(name.to_owned()).or_default();
        *newest = at.max(*newest);
    }

    /// Keeps a note with the lines of each witness that gave it both.
    fn keep(&mut self, size: u64, note: &Note, lines: &[NoteSignature], policy: &Policy) {
        let Ok(of_the_log) = bare(note, policy) else { return };
        for name in whole(lines.iter(), policy) {
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

fn lines_of(note: &Note, bytes: &[u8], policy: &Policy) -> Vec<Line> {
    let Ok(checkpoint) = Checkpoint::parse(note.text()) else { return Vec::new() };
    let Ok(lines) = NoteSignature::parse_lines(bytes) else { return Vec::new() };
    good_lines(note, &checkpoint, lines, policy)
}

/// Those lines that are good, and of a witness that the policy knows, each with its time. Any other would be
/// dead weight, or spoil the note for everyone.
fn good_lines(note: &Note, checkpoint: &Checkpoint, lines: Vec<NoteSignature>, policy: &Policy) -> Vec<Line> {
    let good = |line: NoteSignature| {
        let at = policy
            .witness_keys()
            .filter(|key| key.is_named_by(&line))
            .find_map(|key| key.verify(note.text(), checkpoint, &line).ok().flatten())?;
        Some((line, at))
    };
    lines.into_iter().filter_map(good).collect()
}

/// The names of those witnesses whose keys of both kinds stand in these lines.
fn whole<'a>(lines: impl Iterator<Item = &'a NoteSignature> + Clone, policy: &Policy) -> BTreeSet<String> {
    let mut kinds: BTreeMap<&str, BTreeSet<SignatureKind>> = BTreeMap::new();
    for key in policy.witness_keys().filter(|key| lines.clone().any(|line| key.is_named_by(line))) {
        kinds.entry(key.name().as_str()).or_default().insert(key.kind());
    }
    kinds.into_iter().filter(|(_, kinds)| kinds.len() == 2).map(|(name, _)| name.to_owned()).collect()
}

/// A cosignature and when it was made.
type Line = (NoteSignature, Timestamp);

/// How long before the question a cosignature may say that it was made: clocks differ.
const MADE_WITHIN: Duration = Duration::from_secs(120);
