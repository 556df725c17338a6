//! What the witnesses' clocks say of ours.
//!
//! Every cosignature has its witness's time in it. From then on it is reckoned forward with a clock that
//! nobody can set, so that a wall clock that jumps is seen at once. Where more than half of them disagree with
//! ours, theirs is what a relay goes by. What cannot be undone, dropping what nobody fetched in time, waits
//! until they agree: a relay whose clock is ahead must lose nothing by it.

use core::time::Duration;
use std::collections::BTreeMap;

use pouch_wire::{Timestamp, limits};
use tokio::time::Instant;

/// How long a witness's word counts: a log that does not grow is cosigned every ten minutes.
const FRESH: Duration = Duration::from_secs(1200);

/// How often a log is cosigned at least.
const COSIGNED_EVERY: Duration = Duration::from_secs(600);
/// By when witnesses are heard by a relay that begins; without them it goes by its own clock then.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// Whether the time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hour {
    /// More than half of the witnesses that were heard lately agree with our clock.
    Confirmed,
    /// No witness was heard lately, or as many agree as do not.
    Unheard,
    /// More than half say another time: ours less theirs lies beyond what clocks of honest parties differ.
    /// With what they say that it is.
    Disputed(Timestamp),
}

impl Hour {
    /// The time to go by: the witnesses' where they say another than ours. A receipt that is dated ahead would
    /// keep its message from being shown until that time has come, and a statement dated years ahead stays in
    /// the directory when the clock has long been put right.
    pub(crate) const fn best(self, ours: Timestamp) -> Timestamp {
        match self {
            Self::Disputed(theirs) => theirs,
            Self::Confirmed | Self::Unheard => ours,
        }
    }

    /// In words, for people.
    pub(crate) fn words(self, ours: Timestamp) -> String {
        match self {
            Self::Confirmed => "agrees with the witnesses".to_owned(),
            Self::Unheard => "not confirmed by the witnesses".to_owned(),
            Self::Disputed(theirs) => {
                let (off, which) =
                    (ours.0.abs_diff(theirs.0) / 1000, if ours > theirs { "ahead of" } else { "behind" });
                format!("differs: {off} s {which} the witnesses'")
            }
        }
    }
}

/// The newest word of each witness.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    words: BTreeMap<String, Word>,
    /// What they had said last when this relay began, and when it did.
    found: Option<(Timestamp, Instant)>,
}

#[derive(Debug)]
struct Word {
    said: Timestamp,
    heard: Instant,
}

impl Hours {
    /// A witness cosigned at this time, by its own clock. What somebody else shows counts when it is newer than
    /// what the witness said itself: anybody can show an old word again.
    pub(crate) fn heard(&mut self, witness: &str, said: Timestamp, itself: bool, at: Instant) {
        if itself || self.words.get(witness).is_none_or(|word| said > word.said) {
            self.words.insert(witness.to_owned(), Word { said, heard: at });
        }
    }

    /// A log was found published when this relay began, cosigned at this time.
    pub(crate) fn found(&mut self, cosigned_at: Timestamp, at: Instant) {
        let newest = self.found.map_or(cosigned_at, |(found, _)| found.max(cosigned_at));
        self.found = Some((newest, at));
    }

    /// Whether our clock cannot be gone by: the relay has just begun, no witness was heard yet, and what they
    /// said before it ended is not of a moment ago. So it is on a machine whose clock was not set yet.
    pub(crate) fn is_doubtful(&self, ours: Timestamp, at: Instant) -> bool {
        let Some((found, begun)) = self.found else { return false };
        let soon = at.saturating_duration_since(begun) < HEARD_WITHIN;
        let skew = Duration::from_millis(limits::CLOCK_SKEW_MS_MAX);
        let likely = found.before(skew)..=found.after(COSIGNED_EVERY.saturating_add(skew));
        soon && !likely.contains(&ours) && self.of(ours, at) == Hour::Unheard
    }

    /// Forgets those that the network no longer names.
    pub(crate) fn retain(&mut self, names: &[String]) {
        self.words.retain(|name, _| names.contains(name));
    }

    /// What they say of a time of ours.
    pub(crate) fn of(&self, ours: Timestamp, at: Instant) -> Hour {
        let since = |word: &Word| at.saturating_duration_since(word.heard);
        let fresh = self.words.values().filter(|word| since(word) <= FRESH);
        let mut theirs: Vec<Timestamp> = fresh.map(|word| word.said.after(since(word))).collect();
        theirs.sort_unstable();
        let agree =
            theirs.iter().filter(|theirs| ours.0.abs_diff(theirs.0) <= limits::CLOCK_SKEW_MS_MAX).count();
        let differ = theirs.len().saturating_sub(agree);
        match (agree.cmp(&differ), theirs.get(theirs.len() / 2)) {
            (core::cmp::Ordering::Greater, _) => Hour::Confirmed,
            (core::cmp::Ordering::Less, Some(theirs)) => Hour::Disputed(*theirs),
            _ => Hour::Unheard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(n.saturating_mul(60))
    }

    fn heard(said: &[Timestamp]) -> (Hours, Instant) {
        let (mut hours, at) = (Hours::default(), Instant::now());
        for (n, said) in said.iter().enumerate() {
            hours.heard(&format!("w{n}.example"), *said, true, at);
        }
        (hours, at)
    }

    #[test]
    fn the_time_is_known_while_more_than_half_of_the_witnesses_agree_with_it() {
        assert_eq!(heard(&[]).0.of(NOW, Instant::now()), Hour::Unheard);
        let (hours, at) = heard(&[NOW, NOW.after(YEARS), NOW.after(minutes(2))]);
        assert_eq!(hours.of(NOW, at), Hour::Confirmed);
        let (hours, at) = heard(&[NOW, NOW.after(YEARS)]);
        assert_eq!(hours.of(NOW, at), Hour::Unheard, "one against one");
        let (hours, at) = heard(&[NOW, NOW.after(minutes(3)), NOW.after(minutes(3))]);
        assert_eq!(hours.of(NOW, at), Hour::Disputed(NOW.after(minutes(3))));
    }

    #[test]
    fn a_clock_that_jumps_or_stands_still_is_seen_at_once_and_one_put_right_as_fast() {
        let (hours, at) = heard(&[NOW; 3]);
        let later = at + minutes(5);
        for wrong in [NOW.after(YEARS), NOW.before(YEARS), NOW, Timestamp(0), Timestamp(u64::MAX)] {
            let hour = hours.of(wrong, later);
            assert_eq!(hour, Hour::Disputed(NOW.after(minutes(5))), "{wrong:?}");
            assert_eq!(hour.best(wrong), NOW.after(minutes(5)), "{wrong:?}");
        }
        assert_eq!(hours.of(NOW.after(minutes(5)), later), Hour::Confirmed);
    }

    #[test]
    fn an_old_word_is_none_and_shown_again_says_nothing() {
        let (mut hours, at) = heard(&[NOW]);
        hours.heard("w0.example", NOW.before(minutes(9)), false, at + minutes(5));
        assert_eq!(hours.of(NOW.after(minutes(5)), at + minutes(5)), Hour::Confirmed);
        assert_eq!(hours.of(NOW.after(minutes(21)), at + minutes(21)), Hour::Unheard);
        hours.retain(&[]);
        assert_eq!(hours.of(NOW, at), Hour::Unheard);
    }

    #[test]
    fn a_witness_whose_own_clock_was_ahead_is_heard_again_when_it_is_right() {
        let (mut hours, at) = heard(&[NOW.after(YEARS)]);
        assert_eq!(hours.of(NOW, at), Hour::Disputed(NOW.after(YEARS)));
        hours.heard("w0.example", NOW, true, at);
        assert_eq!(hours.of(NOW, at), Hour::Confirmed);
    }

    #[test]
    fn a_relay_that_begins_with_a_clock_that_was_not_set_waits_for_a_witness_and_not_for_ever() {
        let begun = Instant::now();
        let mut hours = Hours::default();
        assert!(!hours.is_doubtful(NOW.after(YEARS), begun), "a new relay was never told the time");
        hours.found(NOW, begun);
        hours.found(NOW.before(minutes(9)), begun);
        for (ours, doubtful) in [
            (NOW, false),
            (NOW.after(minutes(12)), false),
            (NOW.before(minutes(2)), false),
            (NOW.after(minutes(13)), true),
            (NOW.before(minutes(3)), true),
            (Timestamp(0), true),
            (NOW.after(YEARS), true),
        ] {
            assert_eq!(hours.is_doubtful(ours, begun), doubtful, "{ours:?}");
            assert!(!hours.is_doubtful(ours, begun + HEARD_WITHIN), "{ours:?}");
        }
        hours.heard("w0.example", NOW.after(YEARS), true, begun);
        assert!(!hours.is_doubtful(NOW.after(YEARS), begun), "a day off, and then told");
    }

    #[test]
    fn people_read_by_how_much_it_is_wrong() {
        let words = |ours| Hour::Disputed(NOW).words(ours);
        assert_eq!(words(NOW.after(minutes(3))), "differs: 180 s ahead of the witnesses'");
        assert_eq!(words(NOW.before(minutes(3))), "differs: 180 s behind the witnesses'");
    }
}
