//! A connection that has begun and proved nothing yet.
//!
//! Its handshake has a deadline of our own, since QUIC would wait as long as for an idle session.
//! The peer may open no stream until its key is known; the first credit it gets says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use core::time::Duration;
use pouch_crypto::PublicKey;
use quinn::{Connection, ConnectionError};
use rustls::pki_types::CertificateDer;

use crate::carrier::Link;
use crate::code::CloseCode;
use crate::door::HalfOpen;
use crate::identity::key_of_spki;
use crate::limits::Limits;
use crate::lossy::{Known, Lines};
use crate::session::{ACCESS_DENIED, Session, SessionError};
use crate::tcp::TcpIncoming;
use crate::transport;

/// Why a connection did not become a session. The peer is at fault, or the path to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// It was not over in time.
    #[error("handshake not over within {within:?}")]
    TooSlow {
        /// The limit.
        within: Duration,
    },
    /// The directory does not know the peer's key.
    #[error("the directory does not know the peer's key")]
    UnknownKey,
    /// The peer sent no key.
    #[error("the peer sent no key")]
    NoKey,
    /// The peer does not want our key.
    #[error("the peer does not accept our key")]
    NotWanted,
    /// The peer speaks no `pouch/1`, or no TLS 1.3 with raw public keys.
    #[error("the peer speaks another protocol (TLS alert {alert})")]
    OtherProtocol {
        /// The alert of RFC 8446, section 6.
        alert: u8,
    },
    /// The key is known and comes too often.
    #[error("this key connects too often")]
    TooOften,
    /// The connection was lost.
    #[error(transparent)]
    Session(SessionError),
}

impl HandshakeError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooSlow { .. } => "POUCH-NET-20",
            Self::UnknownKey => "POUCH-NET-21",
            Self::NoKey => "POUCH-NET-22",
            Self::NotWanted => "POUCH-NET-23",
            Self::OtherProtocol { .. } => "POUCH-NET-24",
            Self::TooOften => "POUCH-NET-62",
            Self::Session(error) => error.code(),
        }
    }
}

/// TLS's certificate_required (RFC 8446, section 6.2) as a QUIC code.
const KEY_REQUIRED: u64 = 0x100 | 116;

impl From<ConnectionError> for HandshakeError {
    fn from(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::TransportError(ours) => match u64::from(ours.code) {
                ACCESS_DENIED => return Self::UnknownKey,
                KEY_REQUIRED => return Self::NoKey,
                code => {
                    if let Some(alert) = alert(code) {
                        return Self::OtherProtocol { alert };
                    }
                }
            },
            ConnectionError::ConnectionClosed(theirs) => match u64::from(theirs.error_code) {
                ACCESS_DENIED => return Self::NotWanted,
                code => {
                    if let Some(alert) = alert(code) {
                        return Self::OtherProtocol { alert };
                    }
                }
            },
            _ => {}
        }
        Self::Session(error.into())
    }
}

/// The TLS alert in a QUIC code (RFC 9001, section 4.8).
pub(crate) fn alert(code: u64) -> Option<u8> {
    u8::try_from(code.checked_sub(0x100)?).ok()
}

/// A connection on its way to be a session. Dropped, it is refused.
#[derive(Debug)]
pub struct Incoming(Came);

#[derive(Debug)]
enum Came {
    Quic(Box<QuicIncoming>),
    Tcp(Box<TcpIncoming>),
}

#[derive(Debug)]
struct QuicIncoming {
    connection: quinn::Incoming,
    limits: Limits,
    half_open: HalfOpen,
    lines: Arc<Lines>,
}

impl Incoming {
    pub(crate) fn new(
        connection: quinn::Incoming,
        limits: Limits,
        half_open: HalfOpen,
        lines: Arc<Lines>,
    ) -> Self {
        Self(Came::Quic(Box::new(QuicIncoming { connection, limits, half_open, lines })))
    }

    pub(crate) fn tcp(incoming: TcpIncoming) -> Self {
        Self(Came::Tcp(Box::new(incoming)))
    }

    /// Where its packets come from; anyone may write that, unless the address is proved.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        match &self.0 {
            Came::Quic(quic) => quic.connection.remote_address(),
            Came::Tcp(tcp) => tcp.peer_addr(),
        }
    }

    /// Whether the peer has shown that it receives at that address.
    #[must_use]
    pub fn is_address_proved(&self) -> bool {
        match &self.0 {
            Came::Quic(quic) => quic.connection.remote_address_validated(),
            Came::Tcp(_) => true,
        }
    }

    /// Turns the peer away before any work is done for it.
    pub fn refuse(self) {
        match self.0 {
            Came::Quic(quic) => quic.connection.refuse(),
            Came::Tcp(tcp) => tcp.refuse(),
        }
    }

    /// Proves both keys. Run it on a task of its own: it takes a round trip, and up to
    /// [`Limits::handshake`].
    ///
    /// # Errors
    /// When it takes too long, the directory does not know the key or it comes too often, or the protocols
    /// differ. The door counts and tells it; nothing is kept of the peer.
    pub async fn handshake(self) -> Result<Session, HandshakeError> {
        match self.0 {
            Came::Quic(quic) => quic.handshake().await,
            Came::Tcp(tcp) => tcp.handshake().await,
        }
    }
}

impl QuicIncoming {
    async fn handshake(self) -> Result<Session, HandshakeError> {
        let door = self.half_open.door();
        let session = self.proved().await;
        if let Err(error) = &session {
            door.turned_away(Instant::now(), error.code());
        }
        session
    }

    async fn proved(self) -> Result<Session, HandshakeError> {
        let Self { connection, limits, half_open, lines } = self;
        let within = limits.handshake;
        let connecting = connection.accept()?;
        let connection = tokio::time::timeout(within, connecting)
            .await
            .map_err(|_| HandshakeError::TooSlow { within })??;
        let door = half_open.door();
        drop(half_open);
        let Some(peer) = peer_key(&connection) else {
            connection.close(CloseCode::Protocol.varint(), b"");
            return Err(HandshakeError::NoKey);
        };
        if !door.admits(Instant::now(), &peer, connection.remote_address().ip()) {
            connection.close(CloseCode::Busy.varint(), b"connecting too often");
            return Err(HandshakeError::TooOften);
        }
        transport::widen(&connection, &limits);
        let known = Known::new(lines, &connection);
        Ok(Session::new(Link::Quic(connection, known), peer, limits, Some(door)))
    }
}

/// The key that the peer proved in the handshake.
pub(crate) fn peer_key(connection: &Connection) -> Option<PublicKey> {
    let keys = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    match keys.as_slice() {
        [spki] => key_of_spki(spki),
        _ => None,
    }
}
