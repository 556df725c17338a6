//! How much may be in flight so that a flash does not stand behind our own packets.
//!
//! CUBIC fills whatever queue a narrow line has before it slows down. A flash that passes a large message inside the
//! session then still waits in that queue, and is lost at its end. So round trips are watched: what makes them longer
//! by more than 200 ms is held back (the idea of RFC 6817, with a larger allowance: lines of the same operator are
//! not to be polite on, only short). On fast lines round trips never grow so, and nothing changes.

use core::time::Duration;
use std::time::Instant;

/// What our own packets may add to a round trip.
const ALLOWED: Duration = Duration::from_millis(200);
/// What may be in flight on any line; so few packets are not what makes a round trip long.
const LEAST: u64 = 2 * 1200;
/// By how much the cap grows each round trip.
const STEP: u64 = 1200;

/// What was learned of the queue of a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    /// The round trip without a queue.
    empty: Option<Duration>,
    /// What may be in flight, when the queue says less than CUBIC.
    cap: Option<u64>,
    round: Option<Round>,
    /// Rounds in a row in which next to nothing was sent.
    quiet: u8,
}

/// Of three such rounds the last met nothing of ours on its way.
const QUIET: u8 = 3;

/// One round trip's time.
#[derive(Debug, Clone)]
struct Round {
    begun: Instant,
    sent: u64,
    shortest: Option<Duration>,
}

impl Queue {
    /// What may be in flight, if less than CUBIC may say.
    pub(super) const fn cap(&self) -> Option<u64> {
        self.cap
    }

    pub(super) fn on_sent(&mut self, now: Instant, bytes: u64) {
        let round = self.round.get_or_insert(Round { begun: now, sent: 0, shortest: None });
        round.sent = round.sent.saturating_add(bytes);
    }

    /// A packet arrived that was sent then; `window` is what may be in flight now.
    pub(super) fn on_ack(&mut self, now: Instant, sent: Instant, window: u64) {
        let took = now.saturating_duration_since(sent);
        let Some(round) = &mut self.round else { return };
        round.shortest = Some(round.shortest.map_or(took, |shortest| shortest.min(took)));
        if sent < round.begun {
            return;
        }
        let (shortest, sent) = (round.shortest.unwrap_or(took), round.sent);
        self.round = Some(Round { begun: now, sent: 0, shortest: None });
        self.judge(shortest, sent, window);
    }

    /// A round is over: so long took its fastest packet, so much was sent in it.
    fn judge(&mut self, shortest: Duration, sent: u64, window: u64) {
        // What takes long although next to nothing is sent is a longer line, not a queue of ours.
        self.quiet = if sent > LEAST { 0 } else { self.quiet.saturating_add(1) };
        let empty = match self.empty {
            Some(empty) if self.quiet < QUIET => empty.min(shortest),
            _ => shortest,
        };
        self.empty = Some(empty);
        let bearable = empty.saturating_add(ALLOWED);
        if shortest > bearable {
            let (now, bearable) = (micros(shortest), micros(bearable));
            // As much as the line carries in a bearable round trip.
            let fits = window.saturating_mul(bearable).checked_div(now).unwrap_or(window);
            self.cap = Some(fits.max(LEAST));
        } else if let Some(cap) = self.cap {
            let cap = cap.saturating_add(STEP);
            self.cap = (cap < window.saturating_add(STEP.saturating_mul(2))).then_some(cap);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of so many bytes a second and so long a round trip, with an endless queue, and a sender that has
    /// always more and would double its window each round trip. How long the queue is in the end, and what was
    /// carried a second in the last ten.
    fn carried(rate: u64, round_trip: Duration) -> (Duration, u64) {
        let mut cubic = 14_720;
        let mut queue = Queue::default();
        let mut now = Instant::now();
        let end = now + Duration::from_secs(60);
        let (mut free_at, mut in_flight) = (now, std::collections::VecDeque::new());
        let (mut waits, mut late) = (Duration::ZERO, 0);
        while now < end {
            let window = queue.cap().unwrap_or(cubic).min(cubic);
            while (in_flight.len() as u64 + 1) * 1200 <= window {
                queue.on_sent(now, 1200);
                free_at = free_at.max(now) + Duration::from_micros(1200 * 1_000_000 / rate);
                waits = free_at - now;
                in_flight.push_back((now, free_at + round_trip));
            }
            let (sent, back) = in_flight.pop_front().unwrap();
            now = back;
            late += u64::from(now + Duration::from_secs(10) > end) * 1200;
            queue.on_ack(now, sent, window);
            cubic += 1200;
        }
        (waits, late / 10)
    }

    #[test]
    fn on_a_narrow_line_the_queue_stays_short_and_the_line_full() {
        for (rate, round_trip) in [(8_000, 1), (8_000, 600), (100_000, 50), (1_000_000, 300)] {
            let (waits, a_second) = carried(rate, Duration::from_millis(round_trip));
            let slowest = ALLOWED + Duration::from_micros(3 * 1200 * 1_000_000 / rate);
            assert!(waits <= slowest, "{rate} B/s, {round_trip} ms: {waits:?}");
            assert!(a_second >= rate * 8 / 10, "{rate} B/s, {round_trip} ms: {a_second} B/s");
        }
    }

    #[test]
    fn on_a_fast_line_there_is_no_cap() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        for _ in 0..1000 {
            queue.on_sent(now, 12_000);
            let sent = now;
            now += Duration::from_millis(100);
            queue.on_ack(now, sent, 14_720);
            assert_eq!(queue.cap(), None);
        }
    }

    #[test]
    fn a_line_that_grows_longer_is_learned() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        let mut round = |queue: &mut Queue, bytes, long| {
            queue.on_sent(now, bytes);
            let sent = now;
            now += Duration::from_millis(long);
            queue.on_ack(now, sent, queue.cap().unwrap_or(14_720));
        };
        round(&mut queue, 1200, 1);
        for _ in 0..10 {
            let may = queue.cap().unwrap_or(14_720);
            round(&mut queue, may, 600);
        }
        let before = queue.cap().unwrap();
        for _ in 0..20 {
            let may = queue.cap().unwrap_or(14_720);
            round(&mut queue, may, 600);
        }
        assert!(queue.cap().is_none_or(|cap| cap > before), "{:?}", queue.cap());
    }
}
