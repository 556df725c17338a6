//! When a new address must first prove that it receives what we send (QUIC Retry, RFC 9000 8.1).
//!
//! Retry costs an honest client a round trip and a spoofing flood its effect, so it is off until
//! there are many half-open handshakes or many new connections a second. Nothing here reads a clock.

use core::time::Duration;
use std::time::Instant;

use crate::limits::Limits;

/// What to do with a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Admit,
    Retry,
    Refuse,
}

/// Counts new connections in windows of a second.
#[derive(Debug)]
pub(crate) struct Pressure {
    half_open_retry: usize,
    half_open_max: usize,
    initials_retry: u32,
    window: Option<Instant>,
    now: u32,
    before: u32,
}

const WINDOW: Duration = Duration::from_secs(1);

impl Pressure {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self {
            half_open_retry: limits.half_open_retry,
            half_open_max: limits.half_open_max,
            initials_retry: limits.initials_retry,
            window: None,
            now: 0,
            before: 0,
        }
    }

    /// Judges a connection that came at `now` while `half_open` others are in their handshake.
    pub(crate) fn judge(&mut self, now: Instant, half_open: usize, address_proved: bool) -> Verdict {
        self.count(now);
        let flooded = self.now.max(self.before) > self.initials_retry;
        if !address_proved && (flooded || half_open > self.half_open_retry) {
            Verdict::Retry
        } else if half_open >= self.half_open_max {
            Verdict::Refuse
        } else {
            Verdict::Admit
        }
    }

    fn count(&mut self, now: Instant) {
        let age = self.window.map(|start| now.saturating_duration_since(start));
        match age {
            Some(age) if age < WINDOW => self.now = self.now.saturating_add(1),
            Some(age) => {
                // The window just past still counts, so that a steady flood is seen all the time.
                self.before = if age < WINDOW.saturating_mul(2) { self.now } else { 0 };
                self.now = 1;
                self.window = Some(now);
            }
            None => {
                self.now = 1;
                self.window = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure() -> Pressure {
        Pressure::new(&Limits::default())
    }

    #[test]
    fn a_quiet_server_admits_at_once() {
        assert_eq!(pressure().judge(Instant::now(), 64, false), Verdict::Admit);
    }

    #[test]
    fn many_half_open_handshakes_ask_for_proof() {
        let mut pressure = pressure();
        assert_eq!(pressure.judge(Instant::now(), 65, false), Verdict::Retry);
        assert_eq!(pressure.judge(Instant::now(), 65, true), Verdict::Admit);
    }

    #[test]
    fn at_the_ceiling_even_proved_addresses_are_refused() {
        assert_eq!(pressure().judge(Instant::now(), 1024, true), Verdict::Refuse);
        assert_eq!(pressure().judge(Instant::now(), 1024, false), Verdict::Retry);
    }

    #[test]
    fn a_flood_asks_for_proof_until_a_quiet_second_has_passed() {
        let mut pressure = pressure();
        let start = Instant::now();
        for _ in 0..200 {
            assert_eq!(pressure.judge(start, 0, false), Verdict::Admit);
        }
        assert_eq!(pressure.judge(start, 0, false), Verdict::Retry);
        assert_eq!(pressure.judge(start, 0, true), Verdict::Admit);
        assert_eq!(pressure.judge(start + Duration::from_millis(1500), 0, false), Verdict::Retry);
        assert_eq!(pressure.judge(start + Duration::from_millis(3000), 0, false), Verdict::Admit);
    }
}
