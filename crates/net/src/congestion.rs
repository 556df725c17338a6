//! How much may be in flight.
//!
//! CUBIC says it (RFC 9438), above a floor of ours. QUIC takes every loss for congestion: on a line that loses a third of
//! its packets, by radio or by a hostile hand, it is soon down to two packets a round trip. So what may be in flight never
//! falls below six packets, which is about one flash, or sixteen where the line is known to lose many. Decision 28 has
//! what that was measured to bring.

mod queue;

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};

use crate::lossy::{Line, Lines, Losses};
use queue::Queue;

/// Packets that may always be in flight.
const FLOOR_PACKETS: u64 = 6;
/// And on a line that is known to lose many: there it is no measure of room that packets are lost.
const LOSSY_FLOOR_PACKETS: u64 = 16;
/// What is smaller only acknowledges, and is never acknowledged itself.
const ACK: u64 = 100;
/// A packet's size before the path's is known.
const PACKET: u16 = 1200;

/// Makes [`Floored`] controllers, for one endpoint.
#[derive(Debug, Default)]
pub(crate) struct FlooredConfig {
    cubic: Arc<CubicConfig>,
    lines: Arc<Lines>,
}

impl FlooredConfig {
    pub(crate) fn new(lines: Arc<Lines>) -> Self {
        Self { cubic: Arc::default(), lines }
    }
}

impl ControllerFactory for FlooredConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let cubic = Arc::clone(&self.cubic).build(now, current_mtu);
        let losses = Losses::of(Arc::new(Line::new(self.lines.lossy())));
        Box::new(Floored { cubic, losses, queue: Queue::default() })
    }
}

/// What is measured of the line that a connection has now.
pub(crate) fn line_of(connection: &quinn::Connection) -> Option<Arc<Line>> {
    let floored = connection.congestion_state().into_any().downcast::<Floored>().ok()?;
    Some(Arc::clone(floored.losses.line()))
}

/// CUBIC with a floor, and what it hears of the line.
struct Floored {
    cubic: Box<dyn Controller>,
    losses: Losses,
    queue: Queue,
}

impl Controller for Floored {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        if bytes >= ACK {
            self.losses.sent(now, self.queue.round_trip());
            self.queue.on_sent(now, bytes);
        }
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.losses.arrived(bytes);
        self.queue.on_ack(now, sent);
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest);
        self.queue.on_end_acks(in_flight);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost_bytes: u64) {
        if !self.queue.on_lost(lost_bytes) {
            self.losses.lost(lost_bytes);
        }
        self.cubic.on_congestion_event(now, sent, persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        let floor = if self.losses.line().is_lossy() { LOSSY_FLOOR_PACKETS } else { FLOOR_PACKETS };
        self.cubic.window().max(floor.saturating_mul(PACKET.into()))
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = self.cubic.metrics();
        metrics.congestion_window = self.window();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            cubic: self.cubic.clone_box(),
            losses: self.losses.clone(),
            queue: self.queue.clone(),
        })
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn however_much_is_lost_six_packets_may_be_in_flight() {
        let begun = Instant::now();
        let mut plain = Arc::new(CubicConfig::default()).build(begun, PACKET);
        let mut floored = Arc::new(FlooredConfig::default()).build(begun, PACKET);
        assert_eq!(floored.window(), plain.window(), "as many as ever at the beginning");
        for round in 1..50 {
            let now = begun + Duration::from_secs(round);
            for controller in [&mut plain, &mut floored] {
                controller.on_congestion_event(now, now, true, 1200);
            }
        }
        assert!(plain.window() < 3000, "{}", plain.window());
        assert_eq!(floored.window(), 16 * 1200, "by then the line is known to be lossy");
    }
}
