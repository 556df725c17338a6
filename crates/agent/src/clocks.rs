//! What the relays' clocks say of ours.
//!
//! A relay tells its clock every half minute. From then on its time is reckoned forward with a clock that
//! nobody can set, so that a wall clock that jumps is seen at once. What a relay said counts for as long
//! as its session is up and the news is fresh.

use core::time::Duration;
use std::collections::BTreeMap;

use pouch_wire::{Timestamp, limits};
use tokio::time::Instant;

/// How old a relay's word may be: three of its turns.
const FRESH: Duration = Duration::from_secs(90);

/// The newest word of each relay whose session is up.
#[derive(Debug, Default)]
pub(crate) struct Clocks(BTreeMap<String, (Timestamp, Instant)>);

impl Clocks {
    /// A relay told its clock.
    pub(crate) fn heard(&mut self, relay: &str, theirs: Timestamp, at: Instant) {
        self.0.insert(relay.to_owned(), (theirs, at));
    }

    /// A relay's session is gone: it has no say any more.
    pub(crate) fn gone(&mut self, relay: &str) {
        self.0.remove(relay);
    }

    /// The median of the relays' clocks against ours, in milliseconds (theirs less ours); `None` when
    /// none told its own lately.
    pub(crate) fn offset_ms(&self, ours: Timestamp, at: Instant) -> Option<i64> {
        let millis = |time: Timestamp| i64::try_from(time.0).unwrap_or(i64::MAX);
        let offset = |(theirs, heard): &(Timestamp, Instant)| {
            let since = at.saturating_duration_since(*heard);
            (since <= FRESH).then(|| millis(theirs.after(since)).saturating_sub(millis(ours)))
        };
        let mut sorted: Vec<i64> = self.0.values().filter_map(offset).collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// Whether our clock agrees with the relays' within two minutes.
    pub(crate) fn agree(&self, ours: Timestamp, at: Instant) -> bool {
        self.offset_ms(ours, at).is_some_and(|offset| offset.unsigned_abs() <= limits::CLOCK_SKEW_MS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_time_is_sure_while_relays_that_are_there_agree_with_it() {
        let begin = Instant::now();
        let mut clocks = Clocks::default();
        assert!(!clocks.agree(NOW, begin), "nobody said anything yet");
        clocks.heard("relay-1", NOW.after(seconds(100)), begin);
        assert!(clocks.agree(NOW, begin));
        assert!(clocks.agree(NOW.after(seconds(90)), begin + seconds(90)));
        assert!(!clocks.agree(NOW.after(seconds(91)), begin + seconds(91)), "old news are none");
    }

    #[test]
    fn a_clock_that_jumps_makes_the_time_unsure_at_once() {
        let begin = Instant::now();
        let mut clocks = Clocks::default();
        clocks.heard("relay-1", NOW, begin);
        let ten_years = seconds(10 * 365 * 24 * 3600);
        assert!(!clocks.agree(NOW.after(ten_years), begin + seconds(1)));
        assert!(!clocks.agree(NOW.before(seconds(300)), begin + seconds(1)));
        assert_eq!(clocks.offset_ms(NOW.before(seconds(300)), begin + seconds(1)), Some(301_000));
    }

    #[test]
    fn a_relay_that_left_has_no_say() {
        let begin = Instant::now();
        let mut clocks = Clocks::default();
        for (relay, ahead) in [("relay-1", 0), ("relay-2", 9_000), ("relay-3", 9_000)] {
            clocks.heard(relay, NOW.after(seconds(ahead)), begin);
        }
        assert!(!clocks.agree(NOW, begin));
        clocks.gone("relay-2");
        clocks.gone("relay-3");
        assert!(clocks.agree(NOW, begin));
        clocks.gone("relay-1");
        assert_eq!(clocks.offset_ms(NOW, begin), None);
    }
}
