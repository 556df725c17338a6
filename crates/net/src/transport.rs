//! QUIC's settings (RFC 9000), each with its reason.
//!
//! Memory per session is bounded by these numbers, whatever the peer does. quinn's own defaults
//! leave the receive window open and let the server be migrated.

use core::time::Duration;
use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};
use quinn::{EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, ValidationTokenConfig, VarInt};
use quinn_proto::HashedConnectionIdGenerator;

use crate::congestion::FlooredConfig;
use crate::limits::Limits;
use crate::listener::ServerSecrets;
use crate::lossy::Lines;

/// Both windows until the peer's key is known. It may open no stream yet, so that it needs none.
const STRANGERS_WINDOW: u32 = 16 * 1024;
/// Connections that may wait for the accept loop.
const INCOMING_MAX: usize = 1024;
/// What each of them may send before it is accepted, and all together.
const INCOMING_BUFFER: u64 = 16 * 1024;
const INCOMING_BUFFER_TOTAL: u64 = 8 * 1024 * 1024;
/// The round trip that both ends expect before they have measured one (RFC 9002 says 333 ms): lost
/// first packets are sent again sooner, and a connection that failed is forgotten sooner.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// The server's settings. Streams stay at zero and windows small until the peer's key is known:
/// [`widen`].
pub(crate) fn server(
    crypto: quinn::crypto::rustls::QuicServerConfig,
    secrets: &ServerSecrets,
    limits: &Limits,
    lines: &Arc<Lines>,
) -> ServerConfig {
    let token_key = hkdf::Salt::new(hkdf::HKDF_SHA256, b"pouch quic token").extract(secrets.token());
    let mut transport = common(limits, lines);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .receive_window(VarInt::from_u32(STRANGERS_WINDOW))
        .send_window(u64::from(STRANGERS_WINDOW));
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0);
    let mut config = ServerConfig::new(Arc::new(crypto), Arc::new(token_key));
    config
        .transport_config(Arc::new(transport))
        .validation_token_config(tokens)
        .migration(limits.migration)
        .retry_token_lifetime(limits.address_proof)
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    config
}

/// Gives a peer whose key is known what a session has.
pub(crate) fn widen(connection: &quinn::Connection, limits: &Limits) {
    connection.set_receive_window(VarInt::from_u32(limits.receive_window));
    connection.set_send_window(limits.send_window);
    // Last: it tells the client that it is accepted.
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(limits.streams));
}

/// A server's endpoint: after a restart it recognises its old connections and resets them at once.
pub(crate) fn server_endpoint(secrets: &ServerSecrets) -> EndpointConfig {
    let reset = hmac::Key::new(hmac::HMAC_SHA256, secrets.reset());
    let tag = hmac::sign(&reset, b"pouch quic connection ids");
    // WHY: packets whose connection id was made under another key are dropped in silence, so the
    // ids' key must outlive a restart just as the reset key does.
    let cid_key = tag.as_ref().first_chunk().copied().map_or(0, u64::from_be_bytes);
    let mut config = EndpointConfig::new(Arc::new(reset));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(cid_key)));
    config
}

/// The client's settings.
pub(crate) fn client(limits: &Limits, lines: &Arc<Lines>) -> TransportConfig {
    let mut transport = common(limits, lines);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.streams))
        .keep_alive_interval(Some(limits.keep_alive));
    transport
}

fn common(limits: &Limits, lines: &Arc<Lines>) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(limits.stream_window))
        .receive_window(VarInt::from_u32(limits.receive_window))
        .send_window(limits.send_window)
        .crypto_buffer_size(limits.crypto_buffer)
        .initial_rtt(INITIAL_RTT)
        .max_idle_timeout(IdleTimeout::try_from(limits.idle).ok())
        .congestion_controller_factory(Arc::new(FlooredConfig::new(Arc::clone(lines))))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        // The spin bit shows the path's round trip to whoever watches.
        .allow_spin(false);
    transport
}
