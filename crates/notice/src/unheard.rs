//! For how long nothing came although it could have come.
//!
//! Time with a relay counts. Time without one counts for nobody when it is long, for then it is told as
//! such. Breaks that are shorter count, as soon as the next one comes or a relay is there for half a
//! minute: whoever lets a node in for a second every two minutes must not hide silence with that.

use core::time::Duration;

/// How long a relay must be there without a break before what came of it can be judged.
pub const SETTLED_AFTER: Duration = Duration::from_secs(30);
/// A break that is as long is told, whatever the interval of this node's beacons: nobody is to blame for it.
const TOLD_AFTER: Duration = Duration::from_secs(145);

/// How long nothing came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unheard {
    total: Duration,
    /// The newest break, while it is not counted.
    away: Duration,
    /// For how long a relay has been there since.
    up: Duration,
}

impl Unheard {
    /// Time passed, with a relay or without any.
    pub fn pass(&mut self, passed: Duration, up: bool) {
        if up {
            self.total = self.total.saturating_add(passed);
            self.up = self.up.saturating_add(passed);
            if self.up >= SETTLED_AFTER {
                self.count_break();
            }
        } else {
            if !core::mem::take(&mut self.up).is_zero() {
                self.count_break();
            }
            self.away = self.away.saturating_add(passed);
        }
    }

    /// Something came.
    pub const fn heard(&mut self) {
        self.total = Duration::ZERO;
        self.away = Duration::ZERO;
    }

    /// For how long nothing came.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.total
    }

    fn count_break(&mut self) {
        let away = core::mem::take(&mut self.away);
        if away < TOLD_AFTER {
            self.total = self.total.saturating_add(away);
        }
    }
}
