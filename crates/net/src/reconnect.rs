//! How long to wait before the next attempt to connect.
//!
//! Full jitter: each wait is anywhere between nothing and a ceiling that doubles, so that many agents
//! do not come back to a restarted relay all at once. Pure: the caller brings randomness and time.

use core::time::Duration;

use rand::{Rng, RngExt as _};

/// The ceiling of the first wait.
const BASE: Duration = Duration::from_millis(200);
/// The ceiling of all waits: a line that is whole again has its sessions within this and an attempt. A thousand nodes
/// that come back so are two hundred handshakes a second, which a relay's door takes.
const CAP: Duration = Duration::from_secs(5);
/// A session that lived so long was a good one.
const GOOD_LIFE: Duration = Duration::from_secs(60);

/// Waits between attempts to connect to one relay.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// No attempt has failed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { failures: 0 }
    }

    /// How long to wait after one more failure: between zero and 200 ms doubled per failure, at most
    /// 5 s.
    pub fn after_failure(&mut self, rng: &mut impl Rng) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(rng.random_range(0..=millis))
    }

    /// How long to wait after a session that lived for `life`; one of 60 s and more makes all earlier
    /// failures forgotten.
    pub fn after_session(&mut self, life: Duration, rng: &mut impl Rng) -> Duration {
        if life >= GOOD_LIFE {
            self.failures = 0;
        }
        self.after_failure(rng)
    }

    fn ceiling(&self) -> Duration {
        let factor = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        BASE.saturating_mul(factor).min(CAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut backoff = Backoff::new();
        let mut ceilings = Vec::new();
        for _ in 0..10 {
            ceilings.push(backoff.ceiling().as_millis());
            backoff.after_failure(&mut rng);
        }
        assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000]);
    }

    #[test]
    fn a_long_life_forgets_failures_and_a_short_one_does_not() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut backoff = Backoff::new();
        for _ in 0..5 {
            backoff.after_failure(&mut rng);
        }
        backoff.after_session(Duration::from_secs(59), &mut rng);
        assert_eq!(backoff.failures, 6);
        let wait = backoff.after_session(Duration::from_secs(60), &mut rng);
        assert_eq!(backoff.failures, 1);
        assert!(wait <= BASE);
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let waits: Vec<_> = (0..1000).map(|_| Backoff { failures: 20 }.after_failure(&mut rng)).collect();
        let below = |limit| waits.iter().filter(|wait| **wait < Duration::from_millis(limit)).count();
        assert!((200..470).contains(&below(1_667)), "{}", below(1_667));
        assert!((530..800).contains(&below(3_333)), "{}", below(3_333));
    }

    proptest! {
        #[test]
        fn no_wait_is_above_the_cap(seed in any::<u64>(), failures in any::<u32>()) {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let mut backoff = Backoff { failures };
            prop_assert!(backoff.after_failure(&mut rng) <= CAP);
        }
    }
}
