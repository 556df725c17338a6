//! Whether this node has no relay at all, so that it can know nothing of anybody.

use std::time::Duration;

use pouch_notice::SETTLED_AFTER;
use pouch_wire::Timestamp;

use super::words;
use crate::events::Happening;

/// Since when no relay has been there for long enough to say anything. A session ends that only when it has
/// been up for half a minute, or brought somebody's beacon: whoever lets the node in for a second now and then
/// must not hide that it is cut off.
#[derive(Debug, Default)]
pub(super) struct Alone {
    since: Option<(Duration, Timestamp)>,
    /// Since when a relay has been there.
    up: Option<Duration>,
    told: bool,
}

impl Alone {
    /// Somebody's beacon came.
    pub(super) const fn heard(&mut self) {
        self.since = None;
    }

    /// Time passes; every so often this node sends beacons, and so long it says nothing.
    pub(super) fn pass(
        &mut self,
        now: Duration,
        up: bool,
        every: Duration,
        wall: Timestamp,
    ) -> Option<Happening> {
        if up {
            let since = *self.up.get_or_insert(now);
            if now.saturating_sub(since) >= SETTLED_AFTER {
                self.since = None;
            }
        } else {
            self.up = None;
            self.since.get_or_insert((now, wall));
        }
        let Some((since, at)) = self.since else {
            return core::mem::take(&mut self.told).then(words::no_longer_alone);
        };
        let after = every.saturating_mul(2).saturating_add(Duration::from_secs(25));
        let long = now.saturating_sub(since) >= after;
        (long && !core::mem::replace(&mut self.told, true)).then(|| words::alone(at))
    }

    /// Since when, as it is shown now.
    pub(super) fn shown(&self) -> Option<Timestamp> {
        self.since.filter(|_| self.told || self.up.is_none()).map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    fn pass(alone: &mut Alone, second: u64, up: bool) -> Option<String> {
        let told = alone.pass(Duration::from_secs(second), up, EVERY, Timestamp(second.saturating_mul(1000)));
        told.map(|happening| happening.code)
    }

    #[test]
    fn without_a_relay_that_is_told_when_senders_are_missed() {
        let mut alone = Alone::default();
        assert_eq!(pass(&mut alone, 0, true), None);
        assert_eq!((pass(&mut alone, 10, false), pass(&mut alone, 154, false)), (None, None));
        assert_eq!(alone.shown(), Some(Timestamp(10_000)));
        assert_eq!(pass(&mut alone, 155, false).as_deref(), Some("POUCH-BCN-32"));
        assert_eq!(pass(&mut alone, 156, false), None, "once");
        assert_eq!((pass(&mut alone, 200, true), pass(&mut alone, 229, true)), (None, None));
        assert_eq!(pass(&mut alone, 230, true).as_deref(), Some("POUCH-BCN-33"), "half a minute later");
        assert_eq!(alone.shown(), None);
    }

    #[test]
    fn sessions_that_flap_hide_nothing_and_a_beacon_says_that_a_relay_is_there() {
        let mut alone = Alone::default();
        let told: Vec<u64> =
            (0..1000).filter(|second| pass(&mut alone, *second, second % 141 == 140).is_some()).collect();
        assert_eq!(told, [145], "a second with a relay now and then is none");
        assert_eq!(pass(&mut alone, 1000, true), None);
        alone.heard();
        assert_eq!(pass(&mut alone, 1001, true).as_deref(), Some("POUCH-BCN-33"));
    }
}
