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
/// What is sent within so much is sent together: of that the first packet may be lost.
const TOGETHER: Duration = Duration::from_millis(10);
/// By how much the cap grows each round trip.
const STEP: u64 = 1200;

/// What was learned of the queue of a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    /// The round trip without a queue.
    empty: Option<Duration>,
    /// The latest one.
    latest: Duration,
    /// What may be in flight, when the queue says less than CUBIC.
    cap: Option<u64>,
    /// What is in flight, about: what is not acknowledged is counted until the next acknowledgements.
    in_flight: u64,
    /// When a packet was sent into what should be an empty line: it will tell how long that is.
    alone: Option<Instant>,
    round: Option<Round>,
}

/// One round trip's time.
#[derive(Debug, Clone)]
struct Round {
    begun: Instant,
    /// What might be in flight when it began.
    window: u64,
    over: bool,
    /// Whether it was too long.
    full: bool,
}

impl Queue {
    /// What may be in flight, if less than CUBIC may say.
    pub(super) const fn cap(&self) -> Option<u64> {
        self.cap
    }

    /// Whether packets waited, or wait, in a queue that may be our own doing. What is lost then was lost at its end.
    pub(super) fn is_ours(&self) -> bool {
        self.cap.is_some() || self.is_full()
    }

    fn is_full(&self) -> bool {
        self.latest > self.bearable()
    }

    fn bearable(&self) -> Duration {
        self.empty.unwrap_or(self.latest).saturating_add(ALLOWED)
    }

    pub(super) fn on_sent(&mut self, now: Instant, bytes: u64, window: u64) {
        // With the least of caps a line is never emptier than one packet.
        let nearly_empty = if self.cap.is_some_and(|cap| cap <= LEAST) { LEAST } else { STEP };
        if self.in_flight < nearly_empty {
            self.alone.get_or_insert(now);
        }
        self.in_flight = self.in_flight.saturating_add(bytes);
        self.round.get_or_insert(Round { begun: now, window, over: false, full: false });
    }

    /// A packet arrived that was sent then.
    pub(super) fn on_ack(&mut self, now: Instant, sent: Instant) {
        self.latest = now.saturating_duration_since(sent);
        // Of what was sent together the first to arrive found the line as it was.
        let alone = self.alone.take_if(|alone| *alone <= sent);
        let told = alone.is_some_and(|alone| sent.saturating_duration_since(alone) <= TOGETHER);
        self.empty = match self.empty {
            Some(empty) if !told => Some(empty.min(self.latest)),
            Some(empty) => {
                // A longer line than was thought: what was held back was held back for nothing.
                self.cap = self.cap.filter(|_| self.latest <= empty.saturating_add(ALLOWED));
                Some(self.latest)
            }
            None => Some(self.latest),
        };
        if let Some(round) = &mut self.round {
            round.over |= sent >= round.begun;
        }
    }

    /// So many bytes were lost.
    pub(super) const fn on_lost(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// Those were all that one packet of the peer acknowledged: so much is in flight now, and so much may be.
    pub(super) fn on_end_acks(&mut self, now: Instant, in_flight: u64, window: u64) {
        self.in_flight = in_flight;
        let (full, bearable) = (self.is_full(), self.bearable());
        let Some(round) = &mut self.round else { return };
        // When nothing is left on the way no queue made it late: its acknowledgement was lost before.
        if full && in_flight >= LEAST {
            let (took, bearable) = (micros(self.latest), micros(bearable));
            // As much as the line carries in a bearable round trip.
            let fits = round.window.saturating_mul(bearable).checked_div(took).unwrap_or(round.window);
            self.cap = Some(fits.max(LEAST).min(self.cap.unwrap_or(u64::MAX)));
            round.full = true;
        }
        if round.over {
            if let Some(cap) = self.cap.filter(|_| !round.full) {
                let cap = cap.saturating_add(STEP);
                self.cap = (cap < window.saturating_add(STEP.saturating_mul(2))).then_some(cap);
            }
            self.round = Some(Round { begun: now, window, over: false, full: false });
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
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
                queue.on_sent(now, 1200, window);
                free_at = free_at.max(now) + Duration::from_micros(1200 * 1_000_000 / rate);
                waits = free_at - now;
                in_flight.push_back((now, free_at + round_trip));
            }
            let (sent, back) = in_flight.pop_front().unwrap();
            now = back;
            late += u64::from(now + Duration::from_secs(10) > end) * 1200;
            queue.on_ack(now, sent);
            queue.on_end_acks(now, in_flight.len() as u64 * 1200, window);
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
            queue.on_sent(now, 12_000, 14_720);
            let sent = now;
            now += Duration::from_millis(100);
            queue.on_ack(now, sent);
            queue.on_end_acks(now, 6_000, 14_720);
            assert_eq!(queue.cap(), None);
        }
    }

    #[test]
    fn a_line_that_grew_longer_is_no_full_one() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        for long in [1, 1, 600, 600] {
            let sent = now;
            queue.on_sent(now, 12_000, 14_720);
            now += Duration::from_millis(long);
            queue.on_ack(now, sent);
            queue.on_end_acks(now, 8_400, 14_720);
            queue.on_ack(now, sent);
            queue.on_end_acks(now, 0, 14_720);
            assert_eq!((queue.cap(), queue.is_full()), (None, false), "{long} ms");
        }
    }

    #[test]
    fn a_line_that_grows_longer_under_way_is_learned() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        let mut sent = std::collections::VecDeque::new();
        for long in [1; 10].into_iter().chain([600; 50]) {
            // Never is the line empty: what is sent overlaps.
            let may = queue.cap().unwrap_or(14_720);
            while (sent.len() as u64 + 1) * 1200 <= may {
                queue.on_sent(now, 1200, may);
                sent.push_back(now);
                now += Duration::from_micros(10);
            }
            let first = sent.pop_front().unwrap();
            now = now.max(first + Duration::from_millis(long));
            queue.on_ack(now, first);
            queue.on_end_acks(now, sent.len() as u64 * 1200, may);
        }
        assert!(!queue.is_full() && queue.cap().is_none_or(|cap| cap > 4_800), "{queue:?}");
    }
}
