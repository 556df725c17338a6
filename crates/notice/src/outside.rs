//! The clauses on a message's outside: its environment, its sender, the relay's promise, the log, and
//! how sure this node is of its own directory and clock.

use pouch_directory::{Authority, Directory, NotInRole};
use pouch_envelope::{
    AcceptedReceipt, Arrived, MessageLeaf, ReceiptRefused, Refusal, long_superseded, prove_signer,
};
use pouch_tlog::{Inclusion, LeafHash};
use pouch_wire::{Canonical as _, Environment, Timestamp, limits};

use crate::body::Moment;
use crate::confirmation::Confirmation;
use crate::freshness::{Judged, judge_directory};
use crate::in_time::{Anchor, InTime};
use crate::safe_text::visible;
use crate::verdict::{Clause, Verdict};
use crate::verify::Facts;

pub(crate) const ASK_AGAIN: &str = "do not act on it; ask the office by telephone whether it sent this";
const WAIT: &str = "wait until the node has caught up, or ask the office by telephone";
const CONFIRM: &str = "ask the office to confirm it";

/// What the outside shows.
pub(crate) struct Outside {
    /// The key that signed it, if it is proved.
    pub(crate) sender: Option<Authority>,
    /// Who vouches for how it came.
    pub(crate) vouched: Vouched,
    /// When it came.
    pub(crate) anchor: Anchor,
}

/// Who vouches for how a message came.
pub(crate) enum Vouched {
    /// A relay, by its promise; whether or not a courier had brought it before.
    Promised(AcceptedReceipt),
    /// Nobody: a courier brought it then.
    Carried(Timestamp),
    /// Nobody, and no courier brought it: it cannot be taken.
    Unproved(ReceiptRefused),
}

impl Vouched {
    fn of(receipt: Result<AcceptedReceipt, ReceiptRefused>, carried: Option<Timestamp>) -> Self {
        match (receipt, carried) {
            (Ok(promise), _) => Self::Promised(promise),
            (Err(_), Some(since)) => Self::Carried(since),
            (Err(refused), None) => Self::Unproved(refused),
        }
    }

    /// The promise of what may be taken; of what a courier alone brought there is none.
    pub(crate) fn taken(self) -> Option<Option<AcceptedReceipt>> {
        match self {
            Self::Promised(promise) => Some(Some(promise)),
            Self::Carried(_) => Some(None),
            Self::Unproved(_) => None,
        }
    }
}

/// Judges environment, address and sender.
pub(crate) fn judge_outside(
    arrived: &Arrived,
    carried: Option<Timestamp>,
    facts: &Facts<'_>,
    confirmed: Option<&Confirmation>,
    verdict: &mut Verdict,
) -> Outside {
    let header = arrived.header();
    let receipt = arrived.accepted(facts.directory);
    let receipt = receipt.and_then(|receipt| receipt.timely(header.created, facts.now));
    let promised = receipt.as_ref().ok();
    let seen = promised.and_then(|receipt| witnessed(arrived, receipt, facts));
    let anchor = Anchor::of(promised.map(|receipt| receipt.at), carried, seen, facts.now);
    environment(header.environment, facts, &anchor, verdict);
    verdict.holds(Clause::Addressed, format!("Addressed to {}.", arrived.recipient()));
    let signature = arrived.signature();
    let sender = match prove_signer(header, arrived.header_bytes(), &signature, facts.directory) {
        Ok(authority) => {
            verdict.holds(Clause::Signature, format!("The envelope is signed by {}.", header.sender));
            let words = format!(
                "The key has spoken for {} since {}, entry {} of the witnessed directory.",
                header.sender,
                Moment(authority.since),
                authority.since_index
            );
            verdict.holds(Clause::Binding, words);
            Some(authority)
        }
        Err(error) => {
            sender_refused(&error, verdict);
            None
        }
    };
    if let Some(authority) = &sender {
        let in_doubt = InDoubt { arrived, facts, anchor: &anchor, confirmed };
        in_doubt.not_long_superseded(authority, verdict);
        in_doubt.key_in_time(verdict);
        in_doubt.not_suspended(verdict);
    }
    Outside { sender, vouched: Vouched::of(receipt, carried), anchor }
}

/// By when witnesses had seen this very message in this relay's log.
fn witnessed(arrived: &Arrived, receipt: &AcceptedReceipt, facts: &Facts<'_>) -> Option<Timestamp> {
    let inclusion =
        facts.inclusion.filter(|inclusion| proves(inclusion, arrived, receipt, facts.directory))?;
    inclusion.checkpoint().cosigned_at()
}

/// Whether a proof is of this message, at the promised place, in the log of the relay that promised it.
fn proves(
    inclusion: &Inclusion,
    arrived: &Arrived,
    receipt: &AcceptedReceipt,
    directory: &Directory,
) -> bool {
    let leaf = MessageLeaf { envelope: arrived.id(), accepted_at: receipt.at }.to_bytes();
    let origin = inclusion.checkpoint().origin();
    let view = directory.now_view();
    leaf.is_ok_and(|leaf| *inclusion.leaf() == LeafHash::of(&leaf))
        && inclusion.index() == receipt.index
        && view.relay_history(&receipt.relay).any(|relay| *relay.message_log.origin == *origin)
}

fn environment(environment: Environment, facts: &Facts<'_>, anchor: &Anchor, verdict: &mut Verdict) {
    let Environment::Exercise(id) = environment else {
        return verdict.holds(Clause::Environment, "Live: this is not an exercise.");
    };
    let view = facts.directory.now_view();
    let Some((exercise, over)) = view.exercise(id).zip(view.exercise_over(id)) else {
        let words = "It belongs to an exercise that the directory does not know.";
        return verdict.fails(Clause::Environment, "POUCH-VER-01", words, ASK_AGAIN, 15);
    };
    // Whoever opened the exercise chose its name.
    let name = visible(&exercise.name, true);
    let drill = format!("EXERCISE {name}: this is a drill.");
    // Who holds it before the exercise is over needs nobody's word that it came before.
    if facts.inclusion.is_none() && facts.time_is_sure && facts.now < over {
        return verdict.holds(Clause::Environment, drill);
    }
    match anchor.against(over) {
        InTime::Before => verdict.holds(Clause::Environment, drill),
        InTime::After => {
            let words = format!("It belongs to exercise {name}, which was over when it came.");
            verdict.fails(Clause::Environment, "POUCH-VER-02", words, ASK_AGAIN, 15);
        }
        InTime::About => {
            let words = format!("{drill} It came at about the time that the exercise was over.");
            verdict.unsure(Clause::Environment, "POUCH-VER-03", words, CONFIRM, 15);
        }
        InTime::ByWord => {
            let words = format!(
                "{drill} The exercise is over; that this came before rests on {} alone.",
                anchor.word
            );
            verdict.unsure(Clause::Environment, "POUCH-VER-04", words, CONFIRM, 15);
        }
    }
}

fn sender_refused(error: &Refusal, verdict: &mut Verdict) {
    let words = format!("The sender is not proved: {error}.");
    match error {
        Refusal::DirectoryAhead { .. } => {
            verdict.unsure(Clause::Binding, error.code(), words.clone(), WAIT, 14);
            verdict.fails(Clause::Directory, "POUCH-VER-70", words, WAIT, 14);
        }
        Refusal::OtherNetwork => verdict.fails(Clause::Addressed, error.code(), words, ASK_AGAIN, 15),
        Refusal::NotInRole(NotInRole::Suspended(_) | NotInRole::ExerciseClosed) => {
            verdict.fails(Clause::Binding, error.code(), words, ASK_AGAIN, 11);
        }
        Refusal::NotInRole(_) | Refusal::LongSuperseded { .. } => {
            verdict.fails(Clause::Binding, error.code(), words, ASK_AGAIN, 12);
        }
        _ => verdict.fails(Clause::Signature, error.code(), words, ASK_AGAIN, 10),
    }
}

/// A message whose key, or whose member's right to speak, may have ended.
struct InDoubt<'a> {
    arrived: &'a Arrived,
    facts: &'a Facts<'a>,
    anchor: &'a Anchor,
    confirmed: Option<&'a Confirmation>,
}

impl InDoubt<'_> {
    /// A key that was rotated out has a day for what is under way. That day's end is an end like others:
    /// what the relay alone says came before it is never called sure, or a retired key would be good for
    /// ever to whoever finds it and has a relay's help.
    fn not_long_superseded(&self, authority: &Authority, verdict: &mut Verdict) {
        let Some(replaced) = authority.superseded else { return };
        let end = Timestamp(replaced.0.saturating_add(limits::SUPERSEDED_GRACE_MS));
        let facts = self.facts;
        // Who holds it before the day is over needs nobody's word that it came before.
        if facts.inclusion.is_none() && facts.time_is_sure && facts.now < end {
            return;
        }
        match (self.anchor.against(end), self.confirmed) {
            (InTime::Before, _) => {}
            (InTime::After, _) => {
                if let Some(error) = long_superseded(self.arrived.header(), authority, self.anchor.at) {
                    sender_refused(&error, verdict);
                }
            }
            (InTime::About | InTime::ByWord, Some(confirmed)) => {
                verdict.holds(Clause::Binding, again("The key was replaced since", confirmed));
            }
            (InTime::About | InTime::ByWord, None) => {
                let words = format!(
                    "The key was replaced; that this came within a day of it rests on {} alone.",
                    self.anchor.word
                );
                verdict.unsure(Clause::Binding, "POUCH-VER-35", words, CONFIRM, 12);
            }
        }
    }

    /// Revocation with effect from a time: before it fine, after it refused, else doubtful; unless the
    /// office says it again under a key that is good.
    fn key_in_time(&self, verdict: &mut Verdict) {
        let revocation = self.facts.directory.now_view().revocation(self.arrived.header().sender_key);
        let ended = revocation.map(|revocation| self.anchor.against(revocation.effective));
        match (ended, self.confirmed) {
            (None, _) => verdict.holds(Clause::KeyInTime, "The key is not revoked."),
            (Some(InTime::Before), _) => {
                let words = "The key was revoked later; this was logged before that took effect.";
                verdict.holds(Clause::KeyInTime, words);
            }
            (Some(InTime::After), Some(confirmed)) => {
                let words = again("The key was revoked before this was accepted", confirmed);
                let next = "read what confirms it; compare its spoken check when much depends on it";
                verdict.unsure(Clause::KeyInTime, "POUCH-VER-36", words, next, 12);
            }
            (Some(InTime::About | InTime::ByWord), Some(confirmed)) => {
                let words = again("The key was revoked at about that time", confirmed);
                verdict.holds(Clause::KeyInTime, words);
            }
            (Some(InTime::After), None) => {
                let words = "The key was revoked with effect from a time before this was accepted.";
                verdict.fails(Clause::KeyInTime, "POUCH-VER-30", words, ASK_AGAIN, 12);
            }
            (Some(InTime::About), None) => {
                let words = "The key was revoked with effect from about the time that this was accepted.";
                verdict.unsure(Clause::KeyInTime, "POUCH-VER-31", words, CONFIRM, 12);
            }
            (Some(InTime::ByWord), None) => {
                let words = format!(
                    "The key was revoked later; that this came before rests on {} alone.",
                    self.anchor.word
                );
                verdict.unsure(Clause::KeyInTime, "POUCH-VER-32", words, CONFIRM, 12);
            }
        }
    }

    /// A suspended member speaks for nobody, so its own confirmation lifts nothing.
    fn not_suspended(&self, verdict: &mut Verdict) {
        let since = self.facts.directory.now_view().suspended_since(&self.arrived.header().sender.member);
        match since.map(|since| self.anchor.against(since)) {
            None => {}
            Some(InTime::Before) => {
                verdict.holds(
                    Clause::Binding,
                    "The sender's member was suspended later; this was logged before.",
                );
            }
            Some(InTime::After) => {
                let words = "The sender's member was suspended before this was accepted: its offices speak for nobody.";
                verdict.fails(Clause::Binding, "POUCH-VER-33", words, ASK_AGAIN, 11);
            }
            Some(InTime::About | InTime::ByWord) => {
                let words =
                    "The sender's member was suspended since; that this came before is not witnessed.";
                verdict.unsure(Clause::Binding, "POUCH-VER-34", words, CONFIRM, 11);
            }
        }
    }
}

fn again(what: &str, confirmed: &Confirmation) -> String {
    format!("{what}; {}, under a key that is good, confirms this very notice.", confirmed.by())
}

/// Judges the relay's promise and the log, the directory's freshness, and the clock.
pub(crate) fn judge_surroundings(
    arrived: &Arrived,
    outside: &Outside,
    facts: &Facts<'_>,
    judged: Judged,
    verdict: &mut Verdict,
) {
    match &outside.vouched {
        Vouched::Promised(promise) => log(arrived, promise, facts, verdict),
        Vouched::Carried(since) => by_courier(*since, verdict),
        Vouched::Unproved(error) => {
            let words = format!("No relay of the network vouches for having accepted it: {error}.");
            verdict.fails(Clause::Log, "POUCH-VER-60", words, ASK_AGAIN, 14);
        }
    }
    judge_directory(arrived, outside.sender.as_ref(), facts, judged, verdict);
    if facts.time_is_sure {
        verdict.holds(Clause::Clock, "This node's clock agrees with the relays'.");
    } else {
        let words = "This node's clock is not confirmed by a relay.";
        verdict.unsure(Clause::Clock, "POUCH-VER-73", words, "check the clock; pouch status", 31);
    }
}

/// No relay promised or logged it: nobody but its sender says when it was sent.
fn by_courier(since: Timestamp, verdict: &mut Verdict) {
    let words = format!(
        "Carried by courier, here since {}: no relay promised or logged it, so when it was sent is its sender's \
         word alone.",
        Moment(since)
    );
    let next =
        "where the time matters, ask the office by telephone when it sent this, and compare the spoken check";
    verdict.unsure(Clause::Log, "POUCH-VER-63", words, next, 14);
}

fn log(arrived: &Arrived, receipt: &AcceptedReceipt, facts: &Facts<'_>, verdict: &mut Verdict) {
    let (relay, index) = (visible(&receipt.relay, true), receipt.index);
    let carried = arrived.demotion(facts.directory).map_or_else(String::new, |demotion| {
        let (marked, to) = (arrived.header().precedence, demotion.to);
        let (sent, within) = (demotion.sent, demotion.within_s);
        format!(
            " {relay} carried it as {to}: its sender had marked {sent} messages {marked} within {within} s."
        )
    });
    match facts.inclusion {
        Some(inclusion) if proves(inclusion, arrived, receipt, facts.directory) => {
            let words = format!("Logged: entry {index} of {relay}'s witnessed log.{carried}");
            verdict.holds(Clause::Log, words);
        }
        Some(_) => {
            let words = "The proof that it is logged is of another message, place or log.";
            verdict.fails(Clause::Log, "POUCH-VER-61", words, ASK_AGAIN, 16);
        }
        None => {
            let words = format!("{relay} promised it entry {index} of its log; the proof follows.{carried}");
            verdict.holds(Clause::Log, words);
        }
    }
}
