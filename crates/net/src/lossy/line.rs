//! One line: what it was seen to lose, and how often each packet is sent on it.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

/// What may be sent unasked at once, in bytes: three flashes.
const ALLOWANCE_MAX: u32 = 32 * 1024;
/// What one unit of [`Losses`] is, in bytes.
const PACKET: u64 = 1200;
/// Packets that go unheard on a line that is silent, and how long at least nothing is heard.
const SILENT: u32 = 4;
const SILENCE: Duration = Duration::from_millis(500);
/// After so many packets older ones count half.
const REMEMBERED: u32 = 64;

/// What a socket knows of a line.
#[derive(Debug)]
pub(crate) struct Line {
    /// How often each packet is sent: 1 to 3.
    copies: AtomicU8,
    /// Bytes that may still be sent unasked.
    allowance: AtomicU32,
    /// Lines of this process on which packets are sent more than once.
    lossy: Arc<AtomicUsize>,
}

impl Line {
    pub(crate) fn new(lossy: Arc<AtomicUsize>) -> Self {
        Self { copies: AtomicU8::new(1), allowance: AtomicU32::new(ALLOWANCE_MAX), lossy }
    }

    /// Whether packets are sent more than once.
    pub(crate) fn is_lossy(&self) -> bool {
        self.copies.load(Ordering::Relaxed) > 1
    }

    /// How many copies of a packet of `bytes` bytes go out after it, which are then counted as sent.
    pub(crate) fn extra(&self, bytes: usize) -> u8 {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let wanted = self.copies.load(Ordering::Relaxed).saturating_sub(1);
        let one_less = |left: u32| left.checked_sub(bytes);
        let affordable =
            |_: &u8| self.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
        (0..wanted).take_while(affordable).fold(0, |extra, _| extra.saturating_add(1))
    }

    /// So many bytes arrived.
    fn arrived(&self, bytes: u64) {
        let twice = u32::try_from(bytes.saturating_mul(2)).unwrap_or(u32::MAX);
        let more = |left: u32| Some(left.saturating_add(twice).min(ALLOWANCE_MAX));
        self.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok();
    }

    fn send_each(&self, copies: u8) {
        let before = self.copies.swap(copies, Ordering::Relaxed);
        match (before > 1, copies > 1) {
            (false, true) => _ = self.lossy.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.lossy.fetch_sub(1, Ordering::Relaxed),
            _ => {}
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.send_each(1);
    }
}

/// The packets of a line that arrived and were lost, as its congestion controller hears of them.
#[derive(Debug, Clone)]
pub(crate) struct Losses {
    line: Arc<Line>,
    arrived: u32,
    lost: u32,
    /// How many packets went since the peer was heard, and when the first of them did.
    unheard: u32,
    since: Option<Instant>,
}

impl Losses {
    pub(crate) const fn of(line: Arc<Line>) -> Self {
        Self { line, arrived: 0, lost: 0, unheard: 0, since: None }
    }

    pub(crate) const fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// A packet was sent that the peer is to acknowledge. Where several were and nothing is heard for three round
    /// trips, QUIC only waits twice as long each time; the line is as bad as one can be.
    pub(crate) fn sent(&mut self, now: Instant, round_trip: Duration) {
        self.unheard = self.unheard.saturating_add(1);
        let silent = now.saturating_duration_since(*self.since.get_or_insert(now));
        if self.unheard >= SILENT && silent > SILENCE.max(round_trip.saturating_mul(3)) {
            self.line.send_each(3);
            (self.arrived, self.lost) = (0, 0);
        }
    }

    /// A packet of so many bytes arrived.
    pub(crate) fn arrived(&mut self, bytes: u64) {
        (self.unheard, self.since) = (0, None);
        self.arrived = self.arrived.saturating_add(1);
        self.line.arrived(bytes);
        self.judge();
    }

    /// So many bytes were lost, in one or more packets.
    pub(crate) fn lost(&mut self, bytes: u64) {
        let packets = u32::try_from(bytes.div_ceil(PACKET)).unwrap_or(u32::MAX);
        self.lost = self.lost.saturating_add(packets);
        self.judge();
    }

    /// With two copies of each packet a line that loses 30 % is seen to lose 9 %, so what is much depends on how many
    /// are sent now. A few packets tell that it is bad, and many that it is good again.
    fn judge(&mut self) {
        let (copies, total) =
            (self.line.copies.load(Ordering::Relaxed), self.arrived.saturating_add(self.lost));
        let at_least = |percent: u32| self.lost.saturating_mul(100) >= total.saturating_mul(percent);
        let next = match copies {
            0 | 1 if self.lost >= 2 && at_least(10) => 2,
            2 if self.lost >= 3 && total >= 12 && at_least(16) => 3,
            2 if total >= REMEMBERED / 2 && !at_least(1) => 1,
            3 if total >= REMEMBERED / 2 && !at_least(4) => 2,
            same => same,
        };
        if next != copies {
            self.line.send_each(next);
            (self.arrived, self.lost) = (0, 0);
        } else if total >= REMEMBERED {
            (self.arrived, self.lost) = (self.arrived / 2, self.lost / 2);
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use super::*;

    fn line() -> (Arc<AtomicUsize>, Losses) {
        let lossy = Arc::new(AtomicUsize::new(0));
        (Arc::clone(&lossy), Losses::of(Arc::new(Line::new(lossy))))
    }

    /// Of every hundred packets so many are lost, evenly.
    fn carry(losses: &mut Losses, packets: u32, lost_of_100: u32) {
        for packet in 0..packets {
            if (packet * lost_of_100) % 100 < lost_of_100 {
                losses.lost(PACKET)
            } else {
                losses.arrived(PACKET)
            }
        }
    }

    #[test]
    fn a_line_that_loses_little_is_not_touched() {
        let (lossy, mut losses) = line();
        losses.lost(PACKET);
        carry(&mut losses, 2_000, 0);
        for _ in 0..100 {
            losses.lost(PACKET);
            carry(&mut losses, 49, 0);
            assert_eq!(losses.line().extra(1200), 0, "two of a hundred");
        }
        assert_eq!(lossy.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn much_loss_is_met_at_once_and_forgotten_when_it_ends() {
        let (lossy, mut losses) = line();
        carry(&mut losses, 8, 30);
        assert!(losses.line().is_lossy());
        assert_eq!((losses.line().extra(1200), lossy.load(Ordering::Relaxed)), (1, 1));
        carry(&mut losses, 40, 25);
        assert_eq!(losses.line().extra(1200), 2, "a quarter is lost although each is sent twice");
        carry(&mut losses, 400, 0);
        assert_eq!((losses.line().extra(1200), lossy.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn what_is_sent_unasked_is_bounded_by_what_arrives() {
        let (_, mut losses) = line();
        carry(&mut losses, 8, 50);
        let sent = |losses: &Losses| (0..1000).filter(|_| losses.line().extra(1200) == 1).count();
        assert_eq!(sent(&losses), ALLOWANCE_MAX as usize / 1200);
        assert_eq!(losses.line().extra(1200), 0, "used up");
        losses.arrived(1200);
        assert_eq!(sent(&losses), 2);
    }

    #[test]
    fn a_line_on_which_nothing_is_heard_is_as_bad_as_one_can_be_and_one_that_rests_is_not() {
        let (_, mut losses) = line();
        let (begun, trip) = (Instant::now(), Duration::from_millis(600));
        losses.arrived(PACKET);
        let at = |ms| begun + Duration::from_millis(ms);
        for ms in [10_000, 10_001, 10_002, 10_003, 10_004] {
            losses.sent(at(ms), trip);
        }
        assert!(!losses.line().is_lossy(), "it rested, and now five go at once");
        losses.arrived(PACKET);
        for ms in [10_700, 10_701, 11_500, 12_000] {
            losses.sent(at(ms), trip);
        }
        assert!(!losses.line().is_lossy(), "not for long");
        losses.sent(at(12_501), trip);
        assert_eq!(losses.line().extra(1200), 2);
    }

    #[test]
    fn a_line_that_is_gone_is_no_lossy_one() {
        let (lossy, mut losses) = line();
        carry(&mut losses, 8, 50);
        assert_eq!(lossy.load(Ordering::Relaxed), 1);
        drop(losses);
        assert_eq!(lossy.load(Ordering::Relaxed), 0);
    }
}
