//! Messages that came and cannot be judged yet: a relay may have spoiled its receipt, or the directory is late.

use std::collections::BTreeMap;
use std::time::Duration;

use pouch_wire::EnvelopeId;

/// For how long such a message counts as come. A relay brings it again every ten seconds; whoever brings it
/// spoiled for longer holds it back.
const COUNTS_FOR: Duration = Duration::from_secs(60);
/// How many are remembered of one sender.
const REMEMBERED: usize = 256;
/// After how long one may be forgotten, when there are too many.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Since when each waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    since: BTreeMap<EnvelopeId, Duration>,
    looked: Duration,
}

impl Waiting {
    /// A message came for the first time; `false` when it is known. However often it is brought again, its
    /// time began then. When there is no room it does not count.
    pub(super) fn begin(&mut self, envelope: EnvelopeId, now: Duration) -> bool {
        if self.since.contains_key(&envelope) {
            return false;
        }
        if self.since.len() >= REMEMBERED {
            self.since.retain(|_, since| now.saturating_sub(*since) < FORGOTTEN_AFTER);
        }
        let room = self.since.len() < REMEMBERED;
        if room {
            self.since.insert(envelope, now);
        }
        room
    }

    /// Those that count as come.
    pub(super) fn counted(&self, now: Duration) -> impl Iterator<Item = EnvelopeId> + '_ {
        self.since.iter().filter(move |(_, since)| counts(**since, now)).map(|(envelope, _)| *envelope)
    }

    /// Whether one ceased to count since this was asked last.
    pub(super) fn changed(&mut self, now: Duration) -> bool {
        let before = core::mem::replace(&mut self.looked, now);
        self.since.values().any(|since| counts(*since, before) && !counts(*since, now))
    }
}

fn counts(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) < COUNTS_FOR
}

#[cfg(test)]
mod tests {
    use pouch_crypto::sha256;

    use super::*;

    fn id(n: usize) -> EnvelopeId {
        EnvelopeId(sha256(&n.to_be_bytes()))
    }

    #[test]
    fn what_waits_counts_as_come_for_a_minute_however_often_it_is_brought() {
        let mut waiting = Waiting::default();
        let at = Duration::from_secs;
        assert!(waiting.begin(id(1), at(10)));
        for second in 10..70 {
            assert!(!waiting.begin(id(1), at(second)));
            assert_eq!(waiting.counted(at(second)).count(), 1);
            assert!(!waiting.changed(at(second)));
        }
        assert!(waiting.changed(at(70)), "and then no more");
        assert!(!waiting.changed(at(71)));
        assert!(!waiting.begin(id(1), at(1000)));
        assert_eq!(waiting.counted(at(1000)).count(), 0);
    }

    #[test]
    fn many_others_do_not_give_one_its_time_again() {
        let mut waiting = Waiting::default();
        for n in 0..REMEMBERED * 2 {
            assert_eq!(waiting.begin(id(n), Duration::ZERO), n < REMEMBERED);
        }
        let later = COUNTS_FOR.saturating_mul(2);
        assert!((0..REMEMBERED * 2).all(|n| !waiting.begin(id(n), later)));
        assert_eq!(waiting.counted(later).count(), 0);
        assert!(waiting.begin(id(REMEMBERED), FORGOTTEN_AFTER), "a day later there is room");
    }
}
