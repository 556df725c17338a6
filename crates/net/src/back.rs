//! The way back from TCP: QUIC is tried again now and then, and at once when our own address has changed.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use pouch_crypto::PublicKey;
use rand::RngExt as _;
use tokio::time::Instant;

use crate::carrier::Transport;
use crate::dialer::Dialer;
use crate::session::Session;

/// How often our own address is looked at.
const LOOK: Duration = Duration::from_secs(5);

impl Dialer {
    /// A session over QUIC with this relay, as soon as one comes up: tried every [`crate::Limits::quic_again`],
    /// and at once when this machine has another address towards the relay. The first attempt is not at once:
    /// whoever asks has just failed.
    pub async fn until_quic(&self, addr: SocketAddr, relay: PublicKey) -> Session {
        loop {
            wait(self.quic_again(), addr).await;
            match self.connect_by(addr, relay, Transport::Quic).await {
                Ok(session) => return session,
                Err(error) => tracing::debug!(code = error.code(), "QUIC does not get through yet"),
            }
        }
    }
}

/// Waits about so long, or until our own address towards `addr` changes.
async fn wait(about: Duration, addr: SocketAddr) {
    let (begun, about, ours) = (Instant::now(), jittered(about), own(addr));
    loop {
        let left = about.saturating_sub(begun.elapsed());
        if left.is_zero() || own(addr) != ours {
            return;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

/// Between three and five quarters: many that lost UDP together do not come back together.
fn jittered(about: Duration) -> Duration {
    let quarter = u64::try_from(about.as_millis() / 4).unwrap_or(u64::MAX);
    let more = rand::rng().random_range(0..=quarter.saturating_mul(2));
    Duration::from_millis(quarter.saturating_mul(3).saturating_add(more))
}

/// The address that packets to `addr` would come from; nothing is sent to learn it.
fn own(addr: SocketAddr) -> Option<IpAddr> {
    let any = if addr.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(addr).ok()?;
    socket.local_addr().ok().map(|ours| ours.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_spread_around_the_minute() {
        let waits: Vec<_> = (0..400).map(|_| jittered(Duration::from_secs(60)).as_secs()).collect();
        assert!(waits.iter().all(|wait| (45..=75).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < 55) && waits.iter().any(|wait| *wait > 65), "{waits:?}");
    }

    #[test]
    fn our_own_address_is_that_of_the_way_to_the_relay() {
        assert_eq!(own("127.0.0.1:9".parse().unwrap()), Some(Ipv4Addr::LOCALHOST.into()));
    }
}
