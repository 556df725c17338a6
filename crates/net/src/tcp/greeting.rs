//! The client's end of a session over TCP.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use pouch_crypto::PublicKey;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::carrier::Link;
use crate::code::CloseCode;
use crate::dialer::{ConnectError, NO_NAME};
use crate::identity::TransportIdentity;
use crate::limits::Limits;
use crate::session::{Session, SessionError, printable};
use crate::tcp::driver;
use crate::tcp::frame::{Decoder, Signal};
use crate::tcp::handshake::{ACCESS_DENIED, Failed, NO_ROOM, failed, lost, proved};
use crate::tcp::link::TcpLink;
use crate::tcp::mux::{End, Mux};
use crate::tcp::registry::{Place, Registry};
use crate::tls;

/// A session with the relay that holds `relay`, over TCP. The caller sets the deadline.
pub(crate) async fn dial(
    addr: SocketAddr,
    relay: PublicKey,
    identity: &TransportIdentity,
    limits: &Limits,
    registry: &Registry,
) -> Result<Session, ConnectError> {
    let place = registry.enter(usize::MAX).ok_or(ConnectError::ShuttingDown)?;
    tokio::select! {
        greeted = greet(addr, relay, identity, limits, place) => greeted,
        // What is not a session yet must not hold up the end.
        () = registry.closing() => Err(ConnectError::ShuttingDown),
    }
}

async fn greet(
    addr: SocketAddr,
    relay: PublicKey,
    identity: &TransportIdentity,
    limits: &Limits,
    place: Place,
) -> Result<Session, ConnectError> {
    let cut_off = |_| ConnectError::Session(SessionError::CutOff);
    let begun = Instant::now();
    let socket = TcpStream::connect(addr).await.map_err(cut_off)?;
    let round_trip = begun.elapsed();
    driver::tune(&socket, limits.idle).map_err(cut_off)?;
    let connector = TlsConnector::from(Arc::new(tls::client(identity, relay)?));
    let name = ServerName::try_from(NO_NAME).map_err(|_| ConnectError::Address { addr })?;
    let refused = |error| refused(&error, addr, relay);
    let stream = connector.connect(name, socket).await.map_err(refused)?;
    let peer = proved(stream.get_ref().1).map_err(|alert| ConnectError::OtherProtocol { addr, alert })?;
    if peer != relay {
        return Err(ConnectError::OtherKey { addr, expected: relay.id() });
    }
    let mut stream = TlsStream::from(stream);
    let mut mux = Mux::new(End::Dials, limits.streams);
    // WHY: our side of the handshake ends before the relay has seen our key. Its first word comes once it
    // has accepted it, and until then nothing of ours may lie unread there.
    let decoder = first_word(&mut stream, &mut mux, refused).await?;
    let link = TcpLink::new(mux, addr, round_trip.max(Duration::from_micros(1)));
    tokio::spawn(driver::run(stream, decoder, link.clone(), limits.clone(), place));
    Ok(Session::new(Link::Tcp(link), peer, limits.clone(), None))
}

/// Waits for the number of streams that the relay allows.
async fn first_word(
    stream: &mut TlsStream<TcpStream>,
    mux: &mut Mux,
    refused: impl Fn(std::io::Error) -> ConnectError,
) -> Result<Decoder, ConnectError> {
    let broken = |what| ConnectError::Session(SessionError::BrokenByPeer { what });
    let mut decoder = Decoder::default();
    let mut buffer = [0; 512];
    loop {
        let len = stream.read(&mut buffer).await.map_err(&refused)?;
        if len == 0 {
            return Err(ConnectError::Session(SessionError::CutOff));
        }
        decoder.push(buffer.get(..len).unwrap_or_default());
        let Some(frame) = decoder.next().map_err(|error| broken(error.0))? else { continue };
        match &frame.signal {
            Signal::Streams(_) => {}
            // It knows our key, and wants no session now.
            Signal::Close { code, reason } => {
                let (code, reason) = (CloseCode::from_number(*code), printable(reason));
                return Err(ConnectError::Session(SessionError::ClosedByPeer { code, reason }));
            }
            _ => return Err(broken("another word before the first")),
        }
        mux.on_frame(frame).map_err(|error| broken(error.0))?;
        return Ok(decoder);
    }
}

fn refused(error: &std::io::Error, addr: SocketAddr, relay: PublicKey) -> ConnectError {
    match failed(error) {
        Failed::Ours(ACCESS_DENIED) => ConnectError::OtherKey { addr, expected: relay.id() },
        Failed::Theirs(ACCESS_DENIED) => ConnectError::NotKnown { addr },
        Failed::Theirs(NO_ROOM) => ConnectError::Busy { addr },
        Failed::Ours(alert) | Failed::Theirs(alert) => ConnectError::OtherProtocol { addr, alert },
        Failed::CutOff => ConnectError::Session(lost(error)),
    }
}
