//! The clause "directory": how old what this node knows of it is, and whether others know another one.
//!
//! A sender whose view of the log contradicts ours is shown to nobody as verified: one of the two was
//! shown a false directory. What others say in dispute with us is a reservation for whom it may concern.

use pouch_directory::Authority;
use pouch_envelope::Arrived;
use pouch_tlog::Compared;

use crate::verdict::{Clause, Verdict};
use crate::verify::Facts;

/// How old cosignatures may be before the verdict is amber, and before nothing new is believed.
pub const AMBER_AFTER_MS: u64 = 3600 * 1000;
/// See [`AMBER_AFTER_MS`].
pub const RED_AFTER_MS: u64 = 24 * 3600 * 1000;

/// Whether a message is judged for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It just came.
    First,
    /// It was verified before, when the directory was fresh enough for that: a node that is cut off for
    /// days must not lose what it has.
    Again,
}

/// What offices other than the sender say of our copy of the directory's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doubt {
    /// Somebody contradicts our copy: so many first entries nobody disputes.
    pub undisputed: Option<u64>,
    /// Somebody cites a larger one than our relays show.
    pub held_back: bool,
}

/// How the sender's view of the log compares with ours.
#[must_use]
pub fn compared(arrived: &Arrived, directory: &pouch_directory::Directory) -> Compared {
    let header = arrived.header();
    Compared::of(header.directory_root, directory.root_at(header.directory_size))
}

/// Judges what sender and recipient know of the directory. Of a sender that is not proved nothing is
/// compared.
pub(crate) fn judge_directory(
    arrived: &Arrived,
    sender: Option<&Authority>,
    facts: &Facts<'_>,
    judged: Judged,
    verdict: &mut Verdict,
) {
    if sender.is_some() && matches!(compared(arrived, facts.directory), Compared::Contradicts(_)) {
        let words = format!(
            "{} and this node are shown different directories: of {} entries it knows others than we do.",
            arrived.header().sender,
            arrived.header().directory_size
        );
        let next = "believe neither; call the office, and tell the secretariat: pouch directory forks";
        return verdict.fails(Clause::Directory, "POUCH-VER-74", words, next, 16);
    }
    age(facts, judged, verdict);
}

fn age(facts: &Facts<'_>, judged: Judged, verdict: &mut Verdict) {
    let age = facts.cosigned_at.map(|at| facts.now.0.saturating_sub(at.0));
    match age {
        Some(age) if age <= AMBER_AFTER_MS => {
            verdict.holds(Clause::Directory, "The directory was witnessed within the hour.");
        }
        // A clock that nobody confirms cannot say that a day is over: that is unsure, and said as such.
        Some(age) if age <= RED_AFTER_MS || !facts.time_is_sure => {
            let words = format!("The directory was witnessed {} hours ago.", age / AMBER_AFTER_MS);
            let next = "check the node's connection; pouch status";
            verdict.unsure(Clause::Directory, "POUCH-VER-71", words, next, 14);
        }
        Some(_) | None if judged == Judged::Again => {
            let words = "It was verified when it came; the directory was not witnessed for more than a day since, and a key may have been revoked.";
            let next = "confirm by telephone before acting on it now; pouch status";
            verdict.unsure(Clause::Directory, "POUCH-VER-77", words, next, 14);
        }
        Some(_) | None => {
            let words = "The directory was not witnessed for more than a day: a key may have been revoked since, and nothing new is believed.";
            let next = "use the telephone; the message waits at the relay until the directory is fresh: pouch status";
            verdict.fails(Clause::Directory, "POUCH-VER-72", words, next, 14);
        }
    }
}

/// Adds what others say of our copy of the log, where the message rests on what they dispute.
pub(crate) fn judge_doubt(
    rests_on: Option<&Authority>,
    cites: u64,
    approved: bool,
    doubt: Doubt,
    verdict: &mut Verdict,
) {
    let Some(authority) = rests_on else { return };
    if let Some(undisputed) = doubt.undisputed
        && (authority.since_index >= undisputed || (approved && cites > undisputed))
    {
        let words = format!(
            "Another office is shown another directory than this node: of its entries the first {undisputed} are undisputed, and this rests on later ones."
        );
        let next = "confirm it by telephone; pouch directory forks";
        verdict.unsure(Clause::Directory, "POUCH-VER-75", words, next, 16);
    }
    if doubt.held_back {
        let words = "Another office cites a newer directory than this node's relays show: a key may have been revoked in it.";
        let next = "confirm it by telephone; pouch status";
        verdict.unsure(Clause::Directory, "POUCH-VER-76", words, next, 14);
    }
}
