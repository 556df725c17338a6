//! A token bucket: so many at once, and then so many a second. Nothing here reads a clock.

use std::time::Instant;

/// How fast something may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many a second, in the long run.
    pub per_second: u32,
    /// How many at once after a rest.
    pub burst: u32,
}

/// What is left for one party.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// In thousandths, so that a slow rate fills it too.
    left: u64,
    at: Instant,
}

const ONE: u64 = 1000;

impl Bucket {
    /// A full one.
    pub(crate) fn full(rate: Rate, now: Instant) -> Self {
        Self { left: whole(rate), at: now }
    }

    /// Takes one out, if there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        let rest = self.left.checked_sub(ONE);
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }

    /// Whether nothing is remembered by keeping it.
    pub(crate) fn is_full(&self, rate: Rate, now: Instant) -> bool {
        let mut then = *self;
        then.fill(rate, now);
        then.left >= whole(rate)
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let millis = now.saturating_duration_since(self.at).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let more = millis.saturating_mul(u64::from(rate.per_second));
        if more == 0 {
            // Less than a thousandth came: it is not lost by asking often.
            return;
        }
        self.left = self.left.saturating_add(more).min(whole(rate));
        self.at = now;
    }
}

fn whole(rate: Rate) -> u64 {
    u64::from(rate.burst).saturating_mul(ONE)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const RATE: Rate = Rate { per_second: 2, burst: 3 };

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let now = Instant::now();
        let mut bucket = Bucket::full(RATE, now);
        let at = |ms| now + Duration::from_millis(ms);
        let taken: Vec<bool> = (0..4).map(|_| bucket.take(RATE, now)).collect();
        assert_eq!(taken, [true, true, true, false]);
        assert!(!bucket.take(RATE, at(499)));
        assert!(bucket.take(RATE, at(500)));
        assert!(!bucket.take(RATE, at(500)));
        assert!(!bucket.is_full(RATE, at(1999)));
        assert!(bucket.is_full(RATE, at(2000)));
        let after_a_rest: Vec<bool> = (0..4).map(|_| bucket.take(RATE, at(60_000))).collect();
        assert_eq!(after_a_rest, [true, true, true, false], "no more than the burst");
    }

    #[test]
    fn asking_often_costs_nothing_of_what_comes_back() {
        let now = Instant::now();
        let slow = Rate { per_second: 1, burst: 1 };
        let mut bucket = Bucket::full(slow, now);
        assert!(bucket.take(slow, now));
        let came = (1..=20_000_u64).filter(|n| bucket.take(slow, now + Duration::from_micros(n * 100)));
        assert_eq!(came.count(), 2, "one a second in two seconds");
    }

    #[test]
    fn a_rate_of_zero_gives_the_burst_and_no_more() {
        let now = Instant::now();
        let never = Rate { per_second: 0, burst: 1 };
        let mut bucket = Bucket::full(never, now);
        assert!(bucket.take(never, now));
        assert!(!bucket.take(never, now + Duration::from_secs(3600)));
    }
}
