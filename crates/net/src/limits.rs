//! What a session may cost, by name and with its reason.
//!
//! The defaults are the product's; a caller changes one only to test it or because a site's link is
//! known to be slow. Crossing a limit is a typed error, never a truncation.

use core::time::Duration;

use crate::bucket::Rate;

/// Limits of an endpoint and of the sessions that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A handshake that is not over by then is dropped; QUIC itself would wait for [`Self::idle`].
    pub handshake: Duration,
    /// How long connecting may take, with lost packets sent again.
    pub connect: Duration,
    /// How long the first bytes and the five bytes of a frame's head may take; a longer frame gets
    /// its size over [`Self::bytes_per_second`] in addition.
    pub head: Duration,
    /// How long a payload may take; it gets its size over [`Self::bytes_per_second`] in addition.
    pub payload: Duration,
    /// The slowest rate at which a peer may send or take what was announced.
    pub bytes_per_second: u64,
    /// Streams that a peer may have open at a time, once its key is known. An idle session costs
    /// memory for each.
    pub streams: u32,
    /// Half-open handshakes above which new addresses must first prove that they receive.
    pub half_open_retry: usize,
    /// Half-open handshakes above which every new one is refused.
    pub half_open_max: usize,
    /// New connections in a second above which new addresses must first prove that they receive.
    pub initials_retry: u32,
    /// How old the proof of an address may be.
    pub address_proof: Duration,
    /// Handshakes from one prefix (IPv4 /24, IPv6 /56) whose addresses are proved. A thousand nodes of one
    /// network that come back after a restart are a burst; what goes on is a flood.
    pub per_prefix: Rate,
    /// The same from all prefixes together from which no known key came yet.
    pub all_strangers: Rate,
    /// Prefixes that are remembered.
    pub prefixes: usize,
    /// Sessions of one known key that may begin. A node that reconnects in a loop waits; see also how many
    /// it may have at a time, which is the relay's business.
    pub per_key: Rate,
    /// TCP connections whose handshake has begun and is not over.
    pub tcp_half_open: usize,
    /// The same from one IPv4 address or one IPv6 /56.
    pub tcp_half_open_from_one: usize,
    /// All TCP connections, with a session or without.
    pub tcp_connections: usize,
    /// What one stream may have on its way to us, over QUIC; the windows of TCP are fixed, since both ends
    /// begin with the same. Six large messages at this size stay below the other end's send window, so that a
    /// flash always finds room in it; at a larger one the first of them would fill it.
    pub stream_window: u32,
    /// What all streams of a session together may have on their way to us: every stream its window, so that
    /// messages that nobody has read yet keep no flash from coming. QUIC libraries set no limit.
    pub receive_window: u32,
    /// What we keep for a peer that does not acknowledge.
    pub send_window: u64,
    /// Handshake bytes that may come out of order; a hello with ML-KEM has about 2 KiB.
    pub crypto_buffer: usize,
    /// Whether a peer may go on from another address. It costs a path check each time, and a node that
    /// moved connects anew.
    pub migration: bool,
    /// Size of each UDP socket buffer that is asked of the operating system, in bytes: with the usual
    /// 208 KiB a hundred busy sessions lose packets.
    pub udp_buffer: usize,
    /// A session without a sign of life for so long is over.
    pub idle: Duration,
    /// How often a client shows that it is there; the server never asks.
    pub keep_alive: Duration,
    /// How long a session over TCP waits before QUIC is tried again, give or take a quarter.
    pub quic_again: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            connect: Duration::from_secs(10),
            head: Duration::from_secs(10),
            payload: Duration::from_secs(30),
            bytes_per_second: 32 * 1024,
            streams: 16,
            half_open_retry: 64,
            half_open_max: 1024,
            initials_retry: 200,
            address_proof: Duration::from_secs(10),
            per_prefix: Rate { per_second: 64, burst: 1024 },
            all_strangers: Rate { per_second: 512, burst: 1024 },
            prefixes: 4096,
            per_key: Rate { per_second: 1, burst: 20 },
            tcp_half_open: 256,
            tcp_half_open_from_one: 32,
            tcp_connections: 1024,
            stream_window: 128 * 1024,
            receive_window: 2 * 1024 * 1024,
            send_window: 1024 * 1024,
            crypto_buffer: 16 * 1024,
            migration: false,
            udp_buffer: 4 * 1024 * 1024,
            idle: Duration::from_secs(45),
            keep_alive: Duration::from_secs(15),
            quic_again: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// How long a frame with a body of `len` bytes may take.
    pub(crate) fn frame_within(&self, len: usize) -> Duration {
        self.head.saturating_add(self.transfer(u64::try_from(len).unwrap_or(u64::MAX)))
    }

    /// How long a payload of `len` bytes may take.
    pub(crate) fn payload_within(&self, len: u64) -> Duration {
        self.payload.saturating_add(self.transfer(len))
    }

    fn transfer(&self, len: u64) -> Duration {
        let millis = len.saturating_mul(1000).checked_div(self.bytes_per_second).unwrap_or(0);
        Duration::from_millis(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_grows_with_size_at_32_kib_a_second() {
        let limits = Limits::default();
        assert_eq!(limits.frame_within(0), Duration::from_secs(10));
        assert_eq!(limits.frame_within(64 * 1024), Duration::from_secs(12));
        assert_eq!(limits.payload_within(1024 * 1024), Duration::from_secs(62));
        assert!(limits.payload_within(u64::MAX) > Duration::from_secs(3600));
    }

    #[test]
    fn a_rate_of_zero_adds_no_time_and_does_not_divide_by_zero() {
        let limits = Limits { bytes_per_second: 0, ..Limits::default() };
        assert_eq!(limits.payload_within(1024), Duration::from_secs(30));
    }
}
