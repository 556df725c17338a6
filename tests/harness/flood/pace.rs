//! How fast an attack goes: so many a second, in small steps.

use std::time::{Duration, Instant};

/// Waits, on a thread of the attack's own.
#[allow(clippy::disallowed_methods, reason = "an attack keeps its pace; nothing waits for it to pass")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// So many a second.
#[derive(Debug)]
pub(crate) struct Pace {
    begun: Instant,
    per_second: u64,
    done: u64,
}

impl Pace {
    pub(crate) fn of(per_second: u64) -> Self {
        Self { begun: Instant::now(), per_second, done: 0 }
    }

    /// For how long it has been going.
    pub(crate) fn ran(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Those that are due now, by their numbers, after a small step of time.
    pub(crate) fn next(&mut self) -> std::ops::Range<u64> {
        pause(Duration::from_millis(1));
        let due = self.ran().as_micros() as u64 * self.per_second / 1_000_000;
        let from = std::mem::replace(&mut self.done, due);
        from..due
    }
}
