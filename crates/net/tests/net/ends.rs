//! The two ends of a session, for tests.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pouch_crypto::PublicKey;
use pouch_net::{
    Authorise, Dialer, HandshakeError, Limits, Listener, ServerSecrets, Session, TcpDoor, Transport,
    TransportIdentity,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub const RELAY: u8 = 1;
pub const NL: u8 = 2;
pub const MD: u8 = 3;
pub const STRANGER: u8 = 9;

pub fn identity(seed: u8) -> TransportIdentity {
    TransportIdentity::from_seed(&[seed; 32]).unwrap()
}

pub fn key(seed: u8) -> PublicKey {
    identity(seed).public()
}

pub fn secrets() -> ServerSecrets {
    ServerSecrets::new([5; 32], [6; 32])
}

pub fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Waits for what must happen; a test that gets stuck fails.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("not within 20 s")
}

/// A directory that knows some keys, and can forget them.
#[derive(Default)]
pub struct Known(pub Mutex<BTreeSet<PublicKey>>);

impl Known {
    pub fn both() -> Arc<Self> {
        Arc::new(Self(Mutex::new([key(NL), key(MD)].into())))
    }
}

impl Authorise for Known {
    fn is_known(&self, key: &PublicKey) -> bool {
        self.0.lock().unwrap().contains(key)
    }
}

/// A listener whose handshakes run on their own tasks, as a relay's do.
pub struct Relay {
    pub listener: Arc<Listener>,
    pub known: Arc<Known>,
    results: mpsc::UnboundedReceiver<Result<Session, HandshakeError>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    pub fn start() -> Self {
        Self::with(local(), Limits::default())
    }

    pub fn with(addr: SocketAddr, limits: Limits) -> Self {
        let known = Known::both();
        let authorise = Arc::clone(&known) as Arc<dyn Authorise>;
        let listener = Listener::bind(addr, &identity(RELAY), authorise, &secrets(), limits).unwrap();
        Self::of(listener, known)
    }

    /// One that listens on TCP too, at the same port.
    pub async fn with_tcp(addr: SocketAddr, limits: Limits) -> Self {
        let known = Known::both();
        let authorise = || Arc::clone(&known) as Arc<dyn Authorise>;
        let identity = identity(RELAY);
        loop {
            let quic = Listener::bind(addr, &identity, authorise(), &secrets(), limits.clone()).unwrap();
            let addr = quic.local_addr();
            // Another test may have taken the number for TCP.
            if let Ok(door) = TcpDoor::bind(addr, &identity, authorise()).await {
                return Self::of(quic.and_tcp(door), known);
            }
        }
    }

    fn of(listener: Listener, known: Arc<Known>) -> Self {
        let listener = Arc::new(listener);
        let (sender, results) = mpsc::unbounded_channel();
        let accepting = tokio::spawn({
            let listener = Arc::clone(&listener);
            async move {
                while let Some(incoming) = listener.accept().await {
                    let sender = sender.clone();
                    tokio::spawn(async move { sender.send(incoming.handshake().await) });
                }
            }
        });
        Self { listener, known, results, accepting }
    }

    pub fn addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    pub async fn handshake(&mut self) -> Result<Session, HandshakeError> {
        soon(self.results.recv()).await.unwrap()
    }

    pub async fn session(&mut self) -> Session {
        self.handshake().await.unwrap()
    }

    pub async fn no_more(self) {
        soon(self.accepting).await.unwrap();
    }
}

pub fn dialer(seed: u8) -> Dialer {
    Dialer::bind(local(), identity(seed), Limits::default()).unwrap()
}

pub async fn until_nothing_is_kept(listener: &Listener) {
    soon(async {
        while listener.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// NL's session with the relay, seen from both ends.
pub async fn pair(limits: Limits) -> (Relay, Dialer, Session, Session) {
    pair_by(limits, Transport::Quic).await
}

/// The same over this carrier.
pub async fn pair_by(limits: Limits, by: Transport) -> (Relay, Dialer, Session, Session) {
    let mut relay = Relay::with_tcp(local(), limits.clone()).await;
    let dialer = Dialer::bind(local(), identity(NL), limits).unwrap();
    let ours = soon(dialer.connect_by(relay.addr(), key(RELAY), by)).await.unwrap();
    let theirs = relay.session().await;
    (relay, dialer, ours, theirs)
}
