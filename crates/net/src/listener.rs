//! The server's end: one UDP socket, a TCP socket beside it, and the connections that come to them.
//!
//! The door decides who must first prove an address and who is turned away; who may have a session is
//! decided in the handshake.

use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use quinn::{Endpoint, TokioRuntime};
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::authorise::Authorise;
use crate::code::CloseCode;
use crate::door::{Door, HalfOpen};
use crate::identity::TransportIdentity;
use crate::incoming::Incoming;
use crate::limits::Limits;
use crate::lossy::{Lines, Socket};
use crate::pressure::Verdict;
use crate::socket::{self, BindError, SocketBuffers};
use crate::tcp::{Registry, TcpDoor, TcpIncoming};
use crate::{tls, transport};

/// Two secrets of a server that outlive its restarts: with them it resets the sessions of its former
/// self at once, and takes back the address proofs that it handed out. They protect no content.
pub struct ServerSecrets {
    reset: Zeroizing<[u8; 32]>,
    token: Zeroizing<[u8; 32]>,
}

impl ServerSecrets {
    /// The secrets that were kept.
    #[must_use]
    pub fn new(reset: [u8; 32], token: [u8; 32]) -> Self {
        Self { reset: Zeroizing::new(reset), token: Zeroizing::new(token) }
    }

    /// New secrets, to be kept.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secrets = Self::new([0; 32], [0; 32]);
        rng.fill_bytes(secrets.reset.as_mut());
        rng.fill_bytes(secrets.token.as_mut());
        secrets
    }

    /// The key of stateless resets (RFC 9000, section 10.3), for keeping.
    #[must_use]
    pub fn reset(&self) -> &[u8; 32] {
        &self.reset
    }

    /// The key of address proofs (RFC 9000, section 8.1), for keeping.
    #[must_use]
    pub fn token(&self) -> &[u8; 32] {
        &self.token
    }
}

impl fmt::Debug for ServerSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecrets(..)")
    }
}

/// Sessions were still open when the time for an orderly end was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{sessions} sessions not yet over after {within:?}")]
pub struct StillOpen {
    /// How many.
    pub sessions: usize,
    /// The time that they had.
    pub within: Duration,
}

impl StillOpen {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-NET-03"
    }
}

/// Waits for connections on one address.
pub struct Listener {
    endpoint: Endpoint,
    addr: SocketAddr,
    buffers: SocketBuffers,
    limits: Limits,
    pub(crate) lines: Arc<Lines>,
    door: Arc<Door>,
    /// The TCP socket, when it listens there too.
    tcp_door: Option<TcpDoor>,
    tcp: Registry,
}

impl Listener {
    /// Binds a UDP address; must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be bound or the key not be used.
    pub fn bind(
        addr: SocketAddr,
        identity: &TransportIdentity,
        authorise: Arc<dyn Authorise>,
        secrets: &ServerSecrets,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let crypto = tls::quic_server(identity, authorise)?;
        let lines = Arc::new(Lines::default());
        let config = transport::server(crypto, secrets, &limits, &lines);
        let failed = |error: std::io::Error| BindError::Address { addr, kind: error.kind() };
        let (socket, buffers) = socket::bind(addr, limits.udp_buffer)?;
        let endpoint_config = transport::server_endpoint(secrets);
        let socket = Socket::new(socket, Arc::clone(&lines)).map_err(failed)?;
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new_with_abstract_socket(endpoint_config, Some(config), socket, runtime)
            .map_err(failed)?;
        let addr = endpoint.local_addr().map_err(failed)?;
        let (door, tcp_door, tcp) = (Door::new(&limits), None, Registry::new());
        Ok(Self { endpoint, addr, buffers, limits, lines, door, tcp_door, tcp })
    }

    /// Takes connections from there too.
    #[must_use]
    pub fn and_tcp(self, tcp_door: TcpDoor) -> Self {
        Self { tcp: tcp_door.registry().clone(), tcp_door: Some(tcp_door), ..self }
    }

    /// Whether it listens on TCP too.
    #[must_use]
    pub const fn has_tcp(&self) -> bool {
        self.tcp_door.is_some()
    }

    /// The address bound, with its port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The socket buffers that the operating system gave.
    #[must_use]
    pub const fn buffers(&self) -> SocketBuffers {
        self.buffers
    }

    /// Handshakes that have begun and are not over.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.door.half_open().saturating_add(self.tcp_door.as_ref().map_or(0, TcpDoor::half_open))
    }

    /// Connections of which anything is kept: sessions, handshakes, and what is over and not yet forgotten.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.endpoint.open_connections().saturating_add(self.tcp.count())
    }

    /// The next connection; `None` when the listener is shut down. Call it again at once and run the
    /// handshake on a task of its own.
    pub async fn accept(&self) -> Option<Incoming> {
        loop {
            let connection = tokio::select! {
                connection = self.endpoint.accept() => connection?,
                incoming = self.accept_tcp() => return Some(Incoming::tcp(incoming)),
            };
            let (from, proved) = (connection.remote_address().ip(), connection.remote_address_validated());
            match self.door.judge(Instant::now(), from, proved) {
                Verdict::Admit => {
                    let half_open = HalfOpen::begin(&self.door);
                    return Some(Incoming::new(
                        connection,
                        self.limits.clone(),
                        half_open,
                        Arc::clone(&self.lines),
                    ));
                }
                // An address that is not proved may always be asked for proof.
                Verdict::Retry => connection.retry().unwrap_or_else(|error| error.into_incoming().refuse()),
                Verdict::Refuse => connection.refuse(),
            }
        }
    }

    async fn accept_tcp(&self) -> TcpIncoming {
        match &self.tcp_door {
            Some(tcp) => tcp.accept(&self.limits, &self.door).await,
            None => core::future::pending().await,
        }
    }

    /// Turns new connections away from now on, as busy; sessions go on. [`Listener::accept`] does it,
    /// so it must go on being called; it ends with [`Listener::shutdown`].
    pub fn stop_accepting(&self) {
        self.door.shut();
    }

    /// Ends all sessions and waits until the peers were told. Finish what is under way before.
    ///
    /// # Errors
    /// When that takes longer than `within`; the sessions are over all the same.
    pub async fn shutdown(&self, within: Duration) -> Result<(), StillOpen> {
        self.stop_accepting();
        close(&self.endpoint, &self.tcp, within).await
    }
}

/// Closes an endpoint and waits for its connections to be over.
pub(crate) async fn close(endpoint: &Endpoint, tcp: &Registry, within: Duration) -> Result<(), StillOpen> {
    endpoint.close(CloseCode::ShuttingDown.varint(), b"shutting down");
    let (idle, closed) = tokio::join!(tokio::time::timeout(within, endpoint.wait_idle()), tcp.close(within));
    if idle.is_ok() && closed.is_ok() {
        return Ok(());
    }
    let sessions = endpoint.open_connections().saturating_add(tcp.count());
    Err(StillOpen { sessions, within })
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listener({})", self.addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn new_secrets_differ_and_are_not_printed() {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let secrets = ServerSecrets::generate(&mut rng);
        assert_ne!(secrets.reset(), secrets.token());
        assert_ne!(secrets.reset(), ServerSecrets::generate(&mut rng).reset());
        assert_eq!(format!("{secrets:?}"), "ServerSecrets(..)");
    }
}
