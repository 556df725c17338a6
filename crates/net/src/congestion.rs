//! How much may be in flight on a line that loses packets.
//!
//! QUIC takes every loss for congestion. On a line that loses a third of its packets, by radio or by a hostile
//! hand, it is soon down to two packets a round trip, and a flash takes a minute. So what may be in flight never
//! falls below six packets, which is about one flash: one
//! second of a line of 64 kbit/s. Above that the algorithm is CUBIC's (RFC 9438).

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};

/// Packets that may always be in flight.
const FLOOR_PACKETS: u64 = 6;
/// A packet's size before the path's is known.
const PACKET: u16 = 1200;

/// Makes [`Floored`] controllers.
#[derive(Debug, Default)]
pub(crate) struct FlooredConfig(Arc<CubicConfig>);

impl ControllerFactory for FlooredConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let inner = Arc::clone(&self.0).build(now, current_mtu);
        Box::new(Floored(inner))
    }
}

/// CUBIC with a floor.
struct Floored(Box<dyn Controller>);

impl Controller for Floored {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.0.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.0.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest: Option<u64>) {
        self.0.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost_bytes: u64) {
        self.0.on_congestion_event(now, sent, persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.0.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.0.window().max(FLOOR_PACKETS.saturating_mul(PACKET.into()))
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = self.0.metrics();
        metrics.congestion_window = self.window();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self(self.0.clone_box()))
    }

    fn initial_window(&self) -> u64 {
        self.0.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.0.into_any()
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
        assert_eq!(floored.window(), 7_200);
    }
}
