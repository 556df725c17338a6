//! Whether packets that were lost may have been lost at the end of a queue that is our own doing.
//!
//! Whoever fills a line beyond what it holds loses packets there, and is told by that how much it holds. Such a line is
//! no lossy one, and to send everything twice on it would make it worse. So two things are watched: how much was on the
//! way when something was lost, and whether round trips were longer than on the empty line.

use core::time::Duration;
use std::time::Instant;

/// What is longer by so much, or by an eighth, stood in a queue.
const STOOD: Duration = Duration::from_millis(50);
/// So few bytes on the way fill no line on which a flash arrives in time.
const FEW: u64 = 8 * 1452;
/// What is sent within so much is sent together: of that the first packet may be lost.
const TOGETHER: Duration = Duration::from_millis(10);

/// What was learned of the queue of a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    /// The round trip without a queue.
    empty: Option<Duration>,
    /// The latest one.
    latest: Duration,
    /// What is on the way, about: what is acknowledged is counted until the peer's next packet.
    in_flight: u64,
    /// When a packet was sent into what should be an empty line: it will tell how long that is.
    alone: Option<Instant>,
}

impl Queue {
    /// The latest round trip.
    pub(super) const fn round_trip(&self) -> Duration {
        self.latest
    }

    /// A packet was sent that the peer is to acknowledge.
    pub(super) fn on_sent(&mut self, now: Instant, bytes: u64) {
        let is_later = |alone: Instant| now.saturating_duration_since(alone) > TOGETHER;
        if self.in_flight == 0 && self.alone.is_none_or(is_later) {
            self.alone = Some(now);
        }
        self.in_flight = self.in_flight.saturating_add(bytes);
    }

    /// A packet arrived that was sent then.
    pub(super) fn on_ack(&mut self, now: Instant, sent: Instant) {
        self.latest = now.saturating_duration_since(sent);
        // Of what was sent together the first to arrive found the line as it was.
        let alone = self.alone.take_if(|alone| *alone <= sent);
        let told = alone.is_some_and(|alone| sent.saturating_duration_since(alone) <= TOGETHER);
        self.empty = Some(match self.empty {
            Some(empty) if !told => empty.min(self.latest),
            _ => self.latest,
        });
    }

    /// So much is on the way for sure.
    pub(super) const fn on_end_acks(&mut self, in_flight: u64) {
        self.in_flight = in_flight;
    }

    /// So many bytes were lost; whether in a queue that may be our own doing.
    pub(super) fn on_lost(&mut self, bytes: u64) -> bool {
        let were = self.in_flight;
        self.in_flight = were.saturating_sub(bytes);
        let empty = self.empty.unwrap_or(self.latest);
        were > FEW || self.latest > empty.saturating_add(STOOD.max(empty.mul_f32(0.125)))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    fn exchange(queue: &mut Queue, at: Instant, bytes: u64, ms: u64) -> Instant {
        queue.on_sent(at, bytes);
        let now = at + Duration::from_millis(ms);
        queue.on_ack(now, at);
        now
    }

    #[test]
    fn what_is_lost_with_little_on_the_way_and_in_time_was_lost_on_the_way() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        for _ in 0..3 {
            now = exchange(&mut queue, now, 7_200, 600);
            queue.on_end_acks(2_400);
            assert!(!queue.on_lost(2_400));
        }
    }

    #[test]
    fn what_is_lost_with_much_on_the_way_or_late_was_lost_in_a_queue() {
        let mut queue = Queue::default();
        let now = exchange(&mut queue, Instant::now(), 30_000, 100);
        queue.on_end_acks(24_000);
        assert!(queue.on_lost(1_200), "much was on the way");
        queue.on_end_acks(0);
        let now = exchange(&mut queue, now, 1_200, 100);
        queue.on_end_acks(1_200);
        exchange(&mut queue, now, 1_200, 200);
        queue.on_end_acks(1_200);
        assert!(queue.on_lost(1_200), "it was late");
    }

    #[test]
    fn a_line_that_grew_longer_is_no_full_one() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        for ms in [1, 1, 600, 600] {
            now = exchange(&mut queue, now, 6_000, ms);
            queue.on_end_acks(1_200);
            assert!(!queue.on_lost(1_200), "{ms} ms");
        }
    }
}
