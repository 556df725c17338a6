//! The client's end: one UDP socket, TCP where it must be, and sessions to relays whose keys are known beforehand.
//!
//! A dialer never talks to a key that it was not told, and a session that it returns was accepted
//! by the relay.

use core::fmt;
use core::time::Duration;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use pouch_crypto::PublicKey;
use pouch_wire::KeyId;
use quinn::{ClientConfig, ConnectionError, Endpoint, EndpointConfig, NoneTokenStore, TokioRuntime};

use crate::carrier::{Link, Transport};
use crate::identity::{BadIdentity, TransportIdentity};
use crate::incoming::{alert, peer_key};
use crate::limits::Limits;
use crate::listener::{self, StillOpen};
use crate::lossy::{Known, Lines, Socket};
use crate::race::race;
use crate::session::{ACCESS_DENIED, CONNECTION_REFUSED, Session, SessionError};
use crate::socket::{self, BindError, SocketBuffers};
use crate::tcp::{self, Registry};
use crate::{tls, transport};

/// Why there is no session with a relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be reached from here: port 0, or IPv6 without IPv6.
    #[error("cannot connect to {addr}")]
    Address {
        /// The address.
        addr: SocketAddr,
    },
    /// Nobody answered in time.
    #[error("no session with {addr} within {within:?}")]
    TooSlow {
        /// The address.
        addr: SocketAddr,
        /// The limit.
        within: Duration,
    },
    /// Another key answers at the relay's address. Believe the directory, not the address.
    #[error("{addr} does not hold the key {expected:?}")]
    OtherKey {
        /// The address.
        addr: SocketAddr,
        /// The key that the directory gives the relay.
        expected: KeyId,
    },
    /// The relay does not know our key: it is not in the directory, revoked, or the relay is behind.
    #[error("the relay at {addr} does not know our key")]
    NotKnown {
        /// The address.
        addr: SocketAddr,
    },
    /// The relay has no room now.
    #[error("the relay at {addr} is busy")]
    Busy {
        /// The address.
        addr: SocketAddr,
    },
    /// What answers speaks no `pouch/1`, or no TLS 1.3 with raw public keys.
    #[error("{addr} speaks another protocol (TLS alert {alert})")]
    OtherProtocol {
        /// The address.
        addr: SocketAddr,
        /// The alert of RFC 8446, section 6.
        alert: u8,
    },
    /// This dialer is shut down.
    #[error("this end is shutting down")]
    ShuttingDown,
    /// The connection was lost while it was made.
    #[error(transparent)]
    Session(SessionError),
    /// The transport key cannot be used.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
}

impl ConnectError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "POUCH-NET-10",
            Self::TooSlow { .. } => "POUCH-NET-11",
            Self::OtherKey { .. } => "POUCH-NET-12",
            Self::NotKnown { .. } => "POUCH-NET-13",
            Self::Busy { .. } => "POUCH-NET-14",
            Self::OtherProtocol { .. } => "POUCH-NET-15",
            Self::ShuttingDown => "POUCH-NET-16",
            Self::Session(error) => error.code(),
            Self::Identity(error) => error.code(),
        }
    }
}

/// TLS wants a name; ours is never sent.
pub(crate) const NO_NAME: &str = "pouch.invalid";

/// Makes sessions to relays, those over QUIC all from one socket.
pub struct Dialer {
    endpoint: Endpoint,
    identity: TransportIdentity,
    buffers: SocketBuffers,
    limits: Limits,
    pub(crate) lines: Arc<Lines>,
    tcp: Registry,
}

impl Dialer {
    /// A dialer on any free port, for IPv6 and IPv4 where the machine has both; must be called within
    /// a tokio runtime.
    ///
    /// # Errors
    /// When no socket can be had.
    pub fn new(identity: TransportIdentity, limits: Limits) -> Result<Self, BindError> {
        let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let four = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let socket =
            socket::bind(both, limits.udp_buffer).or_else(|_| socket::bind(four, limits.udp_buffer))?;
        Self::on(socket, both, identity, limits)
    }

    /// A dialer on a local address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(addr: SocketAddr, identity: TransportIdentity, limits: Limits) -> Result<Self, BindError> {
        Self::on(socket::bind(addr, limits.udp_buffer)?, addr, identity, limits)
    }

    fn on(
        (socket, buffers): (std::net::UdpSocket, SocketBuffers),
        addr: SocketAddr,
        identity: TransportIdentity,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let failed = |error: std::io::Error| BindError::Address { addr, kind: error.kind() };
        let lines = Arc::new(Lines::default());
        let socket = Socket::new(socket, Arc::clone(&lines)).map_err(failed)?;
        let (config, runtime) = (EndpointConfig::default(), Arc::new(TokioRuntime));
        let endpoint = Endpoint::new_with_abstract_socket(config, None, socket, runtime).map_err(failed)?;
        Ok(Self { endpoint, identity, buffers, limits, lines, tcp: Registry::new() })
    }

    /// Our own transport key.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.identity.public()
    }

    /// The socket buffers that the operating system gave.
    #[must_use]
    pub const fn buffers(&self) -> SocketBuffers {
        self.buffers
    }

    pub(crate) const fn quic_again(&self) -> Duration {
        self.limits.quic_again
    }

    /// A session with the relay that holds `relay` and listens at `addr`. When this returns, both
    /// ends have accepted each other's keys. QUIC is tried first, TCP beside it when QUIC has not come up
    /// within 300 ms; what comes up first is the session.
    ///
    /// # Errors
    /// When nobody answers in time, another key does, or the relay does not know ours.
    pub async fn connect(&self, addr: SocketAddr, relay: PublicKey) -> Result<Session, ConnectError> {
        self.connect_by(addr, relay, Transport::Auto).await
    }

    /// The same by the carriers that are wanted.
    ///
    /// # Errors
    /// As for [`Dialer::connect`].
    pub async fn connect_by(
        &self,
        addr: SocketAddr,
        relay: PublicKey,
        transport: Transport,
    ) -> Result<Session, ConnectError> {
        let config = self.config(relay)?;
        let quic = self.handshake(config, addr, relay);
        let tcp = tcp::dial(addr, relay, &self.identity, &self.limits, &self.tcp);
        let within = self.limits.connect;
        let connecting = async {
            match transport {
                Transport::Auto => race(quic, tcp).await,
                Transport::Quic => quic.await,
                Transport::Tcp => tcp.await,
            }
        };
        tokio::time::timeout(within, connecting).await.map_err(|_| ConnectError::TooSlow { addr, within })?
    }

    fn config(&self, relay: PublicKey) -> Result<ClientConfig, BadIdentity> {
        let crypto = tls::quic_client(&self.identity, relay)?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config
            .transport_config(Arc::new(transport::client(&self.limits, &self.lines)))
            .token_store(Arc::new(NoneTokenStore));
        Ok(config)
    }

    async fn handshake(
        &self,
        config: ClientConfig,
        addr: SocketAddr,
        relay: PublicKey,
    ) -> Result<Session, ConnectError> {
        let lost = |error| lost(error, addr, relay);
        let connecting = self.endpoint.connect_with(config, addr, NO_NAME).map_err(|error| match error {
            quinn::ConnectError::EndpointStopping => ConnectError::ShuttingDown,
            _ => ConnectError::Address { addr },
        })?;
        let connection = connecting.await.map_err(lost)?;
        let peer = peer_key(&connection)
            .filter(|peer| *peer == relay)
            .ok_or(ConnectError::OtherKey { addr, expected: relay.id() })?;
        // WHY: our side of the handshake ends before the relay has seen our key. The relay lets us
        // open a stream only once it has accepted it; so the first stream is the sign.
        let first = connection.open_bi().await.map_err(lost)?;
        let known = Known::new(Arc::clone(&self.lines), &connection);
        let session = Session::new(Link::Quic(connection, known), peer, self.limits.clone(), None);
        session.keep_first(first.into());
        Ok(session)
    }

    /// Ends all sessions and waits until the peers were told. Finish what is under way before.
    ///
    /// # Errors
    /// When that takes longer than `within`; the sessions are over all the same.
    pub async fn shutdown(&self, within: Duration) -> Result<(), StillOpen> {
        listener::close(&self.endpoint, &self.tcp, within).await
    }
}

fn lost(error: ConnectionError, addr: SocketAddr, relay: PublicKey) -> ConnectError {
    let (ours, code) = match &error {
        ConnectionError::TransportError(error) => (true, u64::from(error.code)),
        ConnectionError::ConnectionClosed(close) => (false, u64::from(close.error_code)),
        _ => return ConnectError::Session(error.into()),
    };
    match (ours, code) {
        (true, ACCESS_DENIED) => ConnectError::OtherKey { addr, expected: relay.id() },
        (false, ACCESS_DENIED) => ConnectError::NotKnown { addr },
        (false, CONNECTION_REFUSED) => ConnectError::Busy { addr },
        (_, code) => match alert(code) {
            Some(alert) => ConnectError::OtherProtocol { addr, alert },
            None => ConnectError::Session(error.into()),
        },
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({:?})", self.identity)
    }
}
