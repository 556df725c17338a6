//! The clause "directory": how old what this node knows of it is, and whether others know another one.
//!
//! A sender whose view of the log contradicts ours is shown to nobody as verified: one of the two was
//! shown a false directory. What others say in dispute with us is a reservation for whom it may concern.

use pouch_directory::Authority;
use pouch_envelope::Arrived;
use pouch_tlog::Compared;
use pouch_wire::Timestamp;

use crate::verdict::{ALL_HOLD, Clause, Colour, Verdict};
use crate::verify::Facts;

/// How old cosignatures may be before the verdict is amber, and before nothing new is believed.
pub const AMBER_AFTER_MS: u64 = 3600 * 1000;
/// See [`AMBER_AFTER_MS`].
pub const RED_AFTER_MS: u64 = 24 * 3600 * 1000;

/// How old they may be before it is said; a log that does not grow is cosigned every ten minutes.
pub const WARN_AFTER_MS: u64 = 15 * 60 * 1000;

/// How fresh a node's directory is: it degrades in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// Cosigned a moment ago.
    Fresh,
    /// Late, and no reason to doubt yet.
    Aging,
    /// More than an hour old: amber.
    Stale,
    /// More than a day old, or never cosigned: nothing new is believed.
    Old,
}

impl Freshness {
    /// How fresh a directory is whose quorum cosigned it then. A clock that nobody confirms cannot say that
    /// a day is over.
    #[must_use]
    pub fn of(cosigned_at: Option<Timestamp>, now: Timestamp, time_is_sure: bool) -> Self {
        match cosigned_at.map(|at| now.0.saturating_sub(at.0)) {
            Some(age) if age <= WARN_AFTER_MS => Self::Fresh,
            Some(age) if age <= AMBER_AFTER_MS => Self::Aging,
            Some(age) if age <= RED_AFTER_MS || !time_is_sure => Self::Stale,
            Some(_) | None => Self::Old,
        }
    }

    /// Its colour.
    #[must_use]
    pub const fn colour(self) -> Colour {
        match self {
            Self::Fresh | Self::Aging => Colour::Green,
            Self::Stale => Colour::Amber,
            Self::Old => Colour::Red,
        }
    }

    /// Its stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fresh => ALL_HOLD,
            Self::Aging => "POUCH-VER-78",
            Self::Stale => "POUCH-VER-71",
            Self::Old => "POUCH-VER-72",
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self, cosigned_at: Option<Timestamp>, now: Timestamp) -> String {
        let age = cosigned_at.map_or(0, |at| now.0.saturating_sub(at.0));
        match self {
            Self::Fresh => "The directory was witnessed within the quarter of an hour.".to_owned(),
            Self::Aging => format!("The directory was witnessed {} minutes ago.", age / 60_000),
            Self::Stale => format!("The directory was witnessed {} hours ago.", age / AMBER_AFTER_MS),
            Self::Old => {
                "The directory was not witnessed for more than a day: a key may have been revoked since, and \
                          nothing new is believed."
                    .to_owned()
            }
        }
    }
}

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
    let step = Freshness::of(facts.cosigned_at, facts.now, facts.time_is_sure);
    let words = step.words(facts.cosigned_at, facts.now);
    match step {
        Freshness::Fresh | Freshness::Aging => {
            verdict.holds(Clause::Directory, "The directory was witnessed within the hour.");
        }
        Freshness::Stale => {
            let next = "check the node's connection; pouch status";
            verdict.unsure(Clause::Directory, step.code(), words, next, 14);
        }
        Freshness::Old if judged == Judged::Again => {
            let words = "It was verified when it came; the directory was not witnessed for more than a day since, and \
                         a key may have been revoked.";
            let next = "confirm by telephone before acting on it now; pouch status";
            verdict.unsure(Clause::Directory, "POUCH-VER-77", words, next, 14);
        }
        Freshness::Old => {
            let next = "use the telephone; the message waits at the relay until the directory is fresh: pouch status";
            verdict.fails(Clause::Directory, step.code(), words, next, 14);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_grows_old_in_steps_and_a_clock_that_is_not_sure_makes_none_of_them_red() {
        let now = Timestamp(100 * RED_AFTER_MS);
        let of = |age: u64, sure: bool| Freshness::of(Some(Timestamp(now.0 - age)), now, sure);
        for (age, step) in [
            (0, Freshness::Fresh),
            (WARN_AFTER_MS, Freshness::Fresh),
            (WARN_AFTER_MS + 1, Freshness::Aging),
            (AMBER_AFTER_MS, Freshness::Aging),
            (AMBER_AFTER_MS + 1, Freshness::Stale),
            (RED_AFTER_MS, Freshness::Stale),
            (RED_AFTER_MS + 1, Freshness::Old),
        ] {
            assert_eq!(of(age, true), step, "{age}");
            assert_eq!(of(age, false), step.min(Freshness::Stale), "{age}");
        }
        assert_eq!(Freshness::of(None, now, false), Freshness::Old, "nobody ever witnessed it");
        let ahead = Freshness::of(Some(Timestamp(now.0 + RED_AFTER_MS)), now, true);
        assert_eq!(ahead, Freshness::Fresh, "a clock that is ahead makes nothing old");
    }
}
