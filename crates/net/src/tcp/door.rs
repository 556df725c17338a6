//! The server's end: one TCP socket, who may come in, and how much those cost who have proved nothing.
//!
//! A TCP connection has shown that its address receives. So a flood of half-open ones is told by where it comes
//! from: no source has more than a few, and all together no more than a number that costs little.

use core::time::Duration;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::authorise::Authorise;
use crate::carrier::Link;
use crate::code::CloseCode;
use crate::door::{Door, NO_ROOM};
use crate::identity::TransportIdentity;
use crate::incoming::HandshakeError;
use crate::limits::Limits;
use crate::prefixes::Prefix;
use crate::session::{Session, SessionError};
use crate::socket::BindError;
use crate::tcp::driver;
use crate::tcp::frame::{Decoder, Frame, Signal};
use crate::tcp::handshake::{ACCESS_DENIED, Failed, KEY_REQUIRED, TURNED_AWAY, failed, proved};
use crate::tcp::link::TcpLink;
use crate::tcp::mux::{End, Mux};
use crate::tcp::registry::{Place, Registry};
use crate::tls;

/// How long to wait before accepting again when the system has no more sockets.
const NO_SOCKETS: Duration = Duration::from_millis(100);
/// How long who is refused has to take the reason.
const REFUSING: Duration = Duration::from_secs(1);

/// A TCP address to listen on, for peers that no UDP comes from; see [`crate::Listener::and_tcp`].
pub struct TcpDoor {
    listener: TcpListener,
    tls: TlsAcceptor,
    half_open: Arc<Mutex<HalfOpen>>,
    registry: Registry,
}

/// Handshakes under way, by where they come from.
#[derive(Debug, Default)]
struct HalfOpen {
    all: usize,
    by_source: HashMap<Source, usize>,
}

impl HalfOpen {
    fn enter(&mut self, source: Source, limits: &Limits) -> bool {
        let own = self.by_source.get(&source).copied().unwrap_or(0);
        if self.all >= limits.tcp_half_open || own >= limits.tcp_half_open_from_one {
            return false;
        }
        self.all = self.all.saturating_add(1);
        self.by_source.insert(source, own.saturating_add(1));
        true
    }

    fn leave(&mut self, source: Source) {
        self.all = self.all.saturating_sub(1);
        if let Some(own) = self.by_source.get_mut(&source) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

/// Where a connection comes from, as far as one party has it to itself. Of IPv4 that is the address: whoever
/// has all of a prefix has a quarter of a thousand, and its honest neighbours come back all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Address(Ipv4Addr),
    Network(Prefix),
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(four) => Self::Address(four),
            six @ IpAddr::V6(_) => Self::Network(Prefix::of(six)),
        }
    }
}

/// A handshake's place, for as long as it lives.
#[derive(Debug)]
struct Entered {
    half_open: Arc<Mutex<HalfOpen>>,
    source: Source,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.half_open.lock().unwrap_or_else(PoisonError::into_inner).leave(self.source);
    }
}

impl TcpDoor {
    /// Binds a TCP address.
    ///
    /// # Errors
    /// When the address cannot be bound or the key not be used.
    pub async fn bind(
        addr: SocketAddr,
        identity: &TransportIdentity,
        authorise: Arc<dyn Authorise>,
    ) -> Result<Self, BindError> {
        let tls = TlsAcceptor::from(Arc::new(tls::server(identity, authorise)?));
        let listener =
            TcpListener::bind(addr).await.map_err(|error| BindError::Tcp { addr, kind: error.kind() })?;
        Ok(Self { listener, tls, half_open: Arc::default(), registry: Registry::new() })
    }

    pub(crate) const fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn half_open(&self) -> usize {
        self.half_open.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// The next connection that there is room for and whose prefix has not had its share; others are told so.
    pub(crate) async fn accept(&self, limits: &Limits, door: &Arc<Door>) -> TcpIncoming {
        loop {
            let (socket, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(kind = %error.kind(), "no TCP connection accepted");
                    tokio::time::sleep(NO_SOCKETS).await;
                    continue;
                }
            };
            // Room comes first: who is turned away for want of it spends nothing of its prefix's share.
            let Some((place, entered)) = self.room(peer.ip(), limits) else {
                door.turned_away(Instant::now(), NO_ROOM);
                turn_away(&socket);
                continue;
            };
            if !door.proved(Instant::now(), peer.ip().to_canonical()) {
                turn_away(&socket);
                continue;
            }
            return TcpIncoming {
                socket,
                peer,
                tls: self.tls.clone(),
                limits: limits.clone(),
                place,
                entered,
                door: Arc::clone(door),
            };
        }
    }

    /// A place among all connections and one among the half-open ones.
    fn room(&self, from: IpAddr, limits: &Limits) -> Option<(Place, Entered)> {
        let place = self.registry.enter(limits.tcp_connections)?;
        let source = Source::of(from);
        let entered = self.half_open.lock().unwrap_or_else(PoisonError::into_inner).enter(source, limits);
        entered.then(|| (place, Entered { half_open: Arc::clone(&self.half_open), source }))
    }
}

impl core::fmt::Debug for TcpDoor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "TcpDoor({:?})", self.listener)
    }
}

/// Says that there is no room; a new socket's buffer takes seven bytes, and who does not read them loses little.
fn turn_away(socket: &TcpStream) {
    socket.try_write(&TURNED_AWAY).ok();
}

/// A TCP connection that has proved nothing but its address.
pub(crate) struct TcpIncoming {
    socket: TcpStream,
    peer: SocketAddr,
    tls: TlsAcceptor,
    limits: Limits,
    place: Place,
    entered: Entered,
    door: Arc<Door>,
}

impl TcpIncoming {
    pub(crate) const fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) fn refuse(self) {
        turn_away(&self.socket);
    }

    pub(crate) async fn handshake(self) -> Result<Session, HandshakeError> {
        let door = Arc::clone(&self.door);
        let session = self.proved().await;
        if let Err(error) = &session {
            door.turned_away(Instant::now(), error.code());
        }
        session
    }

    async fn proved(self) -> Result<Session, HandshakeError> {
        let Self { socket, peer, tls, limits, mut place, entered, door } = self;
        let cut_off = |_| HandshakeError::Session(SessionError::CutOff);
        driver::tune(&socket, limits.idle).map_err(cut_off)?;
        let within = limits.handshake;
        let begun = tokio::time::Instant::now();
        let accepting = tokio::time::timeout(within, tls.accept(socket).into_fallible());
        let accepted = tokio::select! {
            accepted = accepting => accepted.map_err(|_| HandshakeError::TooSlow { within })?,
            // Who has shown no key yet must not hold up the end.
            () = place.closing() => return Err(HandshakeError::Session(SessionError::ClosedHere)),
        };
        drop(entered);
        let mut stream = match accepted {
            Ok(stream) => stream,
            Err((error, mut socket)) => {
                // The alert is on its way; cut off at once it could be lost.
                tokio::time::timeout(REFUSING, socket.shutdown()).await.ok();
                return Err(refused(&error));
            }
        };
        let key = proved(stream.get_ref().1).map_err(of_alert)?;
        if !door.admits(Instant::now(), &key, peer.ip().to_canonical()) {
            send_away(&mut stream, CloseCode::Busy, b"connecting too often").await;
            return Err(HandshakeError::TooOften);
        }
        let link = TcpLink::new(Mux::new(End::Answers, limits.streams), peer, begun.elapsed());
        let stream = TlsStream::from(stream);
        tokio::spawn(driver::run(stream, Decoder::default(), link.clone(), limits.clone(), place));
        Ok(Session::new(Link::Tcp(link), key, limits, Some(door)))
    }
}

/// Tells who is known and gets no session why, before any other word.
async fn send_away(stream: &mut (impl AsyncWrite + Unpin), code: CloseCode, reason: &'static [u8]) {
    let mut word = BytesMut::new();
    let close = Signal::Close { code: code.number(), reason: Bytes::from_static(reason) };
    Frame::of(0, close).put(&mut word);
    let saying = async {
        stream.write_all(&word).await?;
        stream.shutdown().await
    };
    // Whoever does not take it learns nothing.
    tokio::time::timeout(REFUSING, saying).await.ok();
}

fn refused(error: &std::io::Error) -> HandshakeError {
    match failed(error) {
        Failed::Ours(alert) => of_alert(alert),
        Failed::Theirs(ACCESS_DENIED) => HandshakeError::NotWanted,
        Failed::Theirs(alert) => HandshakeError::OtherProtocol { alert },
        Failed::CutOff => HandshakeError::Session(SessionError::CutOff),
    }
}

const fn of_alert(alert: u8) -> HandshakeError {
    match alert {
        ACCESS_DENIED => HandshakeError::UnknownKey,
        KEY_REQUIRED => HandshakeError::NoKey,
        alert => HandshakeError::OtherProtocol { alert },
    }
}

impl core::fmt::Debug for TcpIncoming {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "TcpIncoming({})", self.peer)
    }
}

#[cfg(test)]
mod tests {
    use pouch_crypto::PublicKey;
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::bucket::Rate;

    struct Everyone;

    impl Authorise for Everyone {
        fn is_known(&self, _: &PublicKey) -> bool {
            true
        }
    }

    async fn soon<T>(doing: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(20), doing).await.unwrap()
    }

    #[tokio::test]
    async fn who_is_turned_away_for_want_of_room_is_counted_and_spends_nothing_of_its_prefix() {
        let per_prefix = Rate { per_second: 0, burst: 2 };
        let limits = Limits { tcp_connections: 1, per_prefix, ..Limits::default() };
        let identity = TransportIdentity::from_seed(&[1; 32]).unwrap();
        let local = "127.0.0.1:0".parse().unwrap();
        let tcp = TcpDoor::bind(local, &identity, Arc::new(Everyone)).await.unwrap();
        let (door, addr) = (Door::new(&limits), tcp.listener.local_addr().unwrap());
        // Nothing is told for a while, so that everything can be counted here.
        door.turned_away(Instant::now() + Duration::from_secs(3600), "told before");
        let first = TcpStream::connect(addr).await.unwrap();
        let held = soon(tcp.accept(&limits, &door)).await;
        let turned_away = async {
            for _ in 0..3 {
                let (mut caller, mut said) = (TcpStream::connect(addr).await.unwrap(), Vec::new());
                caller.read_to_end(&mut said).await.unwrap();
                assert_eq!(said, TURNED_AWAY);
            }
        };
        tokio::select! {
            _ = tcp.accept(&limits, &door) => panic!("there was no room"),
            () = soon(turned_away) => {}
        }
        assert_eq!(door.untold(), ["3 without room for one more"]);
        drop((first, held));
        let _second = TcpStream::connect(addr).await.unwrap();
        soon(tcp.accept(&limits, &door)).await;
    }

    #[test]
    fn one_address_cannot_take_the_places_of_all() {
        let limits = Limits { tcp_half_open: 5, tcp_half_open_from_one: 2, ..Limits::default() };
        let mut half_open = HalfOpen::default();
        let [one, other, third] = [1u8, 2, 3].map(|last| Source::of(IpAddr::from([192, 0, 2, last])));
        assert!(half_open.enter(one, &limits) && half_open.enter(one, &limits));
        assert!(!half_open.enter(one, &limits), "its share");
        assert!(half_open.enter(other, &limits) && half_open.enter(other, &limits));
        assert!(half_open.enter(third, &limits));
        assert!(!half_open.enter(third, &limits), "all of them");
        half_open.leave(one);
        assert!(half_open.enter(third, &limits));
        [one, other, other, third, third].iter().for_each(|source| half_open.leave(*source));
        assert_eq!((half_open.all, half_open.by_source.len()), (0, 0), "nothing is kept of who is gone");
    }

    #[test]
    fn a_customers_network_is_one_source_and_a_mapped_address_is_its_own() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:203::4"), of("2001:db8:1:2ff:ffff::1"));
        assert_ne!(of("2001:db8:1:203::1"), of("2001:db8:1:303::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
