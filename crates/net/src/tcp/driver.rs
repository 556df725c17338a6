//! Carries the frames of one session over its TLS connection, until either end closes.

use core::time::Duration;
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::code::CloseCode;
use crate::limits::Limits;
use crate::session::{SessionError, printable};
use crate::tcp::frame::{Decoder, Signal};
use crate::tcp::handshake::lost;
use crate::tcp::link::TcpLink;
use crate::tcp::mux::PIECE;
use crate::tcp::registry::Place;

/// How long the peer has to take our last word, from the end of the session on.
const LAST_WORD: Duration = Duration::from_secs(2);
/// What is read at a time.
const READ: usize = 16 * 1024;
/// What the system may hold of ours that is not on the wire yet: what lies there no flash can pass.
const UNSENT: u32 = 4 * 1024;
/// The same of what TLS holds.
const UNSENT_TLS: usize = 8 * 1024;

/// Makes a socket fit for sessions: nothing waits for company, and little waits at all.
pub(crate) fn tune(socket: &TcpStream, idle: Duration) -> io::Result<()> {
    socket.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(socket);
        socket.set_tcp_notsent_lowat(UNSENT)?;
        socket.set_tcp_user_timeout(Some(idle))?;
    }
    Ok(())
}

/// Runs a session to its end. `decoder` may have bytes that came with the greeting.
pub(crate) async fn run(
    stream: TlsStream<TcpStream>,
    decoder: Decoder,
    link: TcpLink,
    limits: Limits,
    place: Place,
) {
    let given_up = async {
        link.closed().await;
        tokio::time::sleep(LAST_WORD).await;
    };
    tokio::select! {
        () = carry(stream, decoder, &link, &limits, place) => {}
        // Whoever does not take the last word does without: a peer that reads nothing, or a byte now and
        // then, must not keep its place and what waits for it.
        () = given_up => {}
    }
}

async fn carry(
    mut stream: TlsStream<TcpStream>,
    decoder: Decoder,
    link: &TcpLink,
    limits: &Limits,
    mut place: Place,
) {
    match &mut stream {
        TlsStream::Client(client) => client.get_mut().1.set_buffer_limit(Some(UNSENT_TLS)),
        TlsStream::Server(server) => server.get_mut().1.set_buffer_limit(Some(UNSENT_TLS)),
    }
    let (mut incoming, mut outgoing) = tokio::io::split(stream);
    let mut unsent = BytesMut::new();
    let ended = tokio::select! {
        error = hear(&mut incoming, decoder, link, limits) => error,
        error = speak(&mut outgoing, &mut unsent, link) => error,
        () = stay(link, limits, &mut place) => SessionError::ClosedHere,
    };
    let listens = matches!(ended, SessionError::ClosedHere | SessionError::BrokenByPeer { .. });
    link.end(ended);
    if listens {
        part(&mut incoming, &mut outgoing, unsent, link).await;
    }
}

/// Sends what the streams have to say; ends with our own close. What of a frame has not gone when this is
/// cancelled stays in `unsent`.
async fn speak(
    outgoing: &mut (impl AsyncWrite + Unpin),
    unsent: &mut BytesMut,
    link: &TcpLink,
) -> SessionError {
    loop {
        let last = fill(unsent, link);
        if unsent.is_empty() {
            link.woken().await;
            continue;
        }
        match send(outgoing, unsent).await {
            Ok(()) if last => return SessionError::ClosedHere,
            Ok(()) => {}
            Err(error) => return lost(&error),
        }
    }
}

async fn send(outgoing: &mut (impl AsyncWrite + Unpin), unsent: &mut BytesMut) -> io::Result<()> {
    while !unsent.is_empty() {
        if outgoing.write_buf(unsent).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    outgoing.flush().await
}

/// Adds about one piece of what there is to send; whether the session's last word is in it.
fn fill(unsent: &mut BytesMut, link: &TcpLink) -> bool {
    let mut mux = link.mux();
    while unsent.len() < PIECE {
        let Some(frame) = mux.next_frame() else { break };
        frame.put(unsent);
        if matches!(frame.signal, Signal::Close { .. }) {
            return true;
        }
    }
    false
}

/// Takes in what the peer sends, until it closes, breaks the rules, or falls silent.
async fn hear(
    incoming: &mut (impl AsyncRead + Unpin),
    mut decoder: Decoder,
    link: &TcpLink,
    limits: &Limits,
) -> SessionError {
    let mut buffer = vec![0; READ];
    loop {
        if let Some(error) = take_in(&mut decoder, link) {
            return error;
        }
        match tokio::time::timeout(limits.idle, incoming.read(&mut buffer)).await {
            Err(_) => return SessionError::Silent,
            Ok(Err(error)) => return lost(&error),
            Ok(Ok(0)) => return SessionError::CutOff,
            Ok(Ok(len)) => decoder.push(buffer.get(..len).unwrap_or_default()),
        }
    }
}

fn take_in(decoder: &mut Decoder, link: &TcpLink) -> Option<SessionError> {
    let mut mux = link.mux();
    let broken = loop {
        match decoder.next() {
            Ok(None) => break None,
            Err(broken) => break Some(broken),
            Ok(Some(frame)) => match mux.on_frame(frame) {
                Ok(()) => {}
                Err(broken) => break Some(broken),
            },
        }
        if let Some((code, reason)) = mux.closed_by_peer() {
            let code = CloseCode::from_number(*code);
            return Some(SessionError::ClosedByPeer { code, reason: printable(reason) });
        }
    };
    if let Some(broken) = broken {
        mux.close(CloseCode::Protocol.number(), broken.0.as_bytes());
        return Some(SessionError::BrokenByPeer { what: broken.0 });
    }
    let pong = mux.take_pong();
    drop(mux);
    if let Some(mark) = pong {
        link.measured(Duration::from_millis(link.millis().saturating_sub(mark)));
    }
    link.wake();
    None
}

/// Shows the peer that we are here and measures the way to it, until this end shuts down.
async fn stay(link: &TcpLink, limits: &Limits, place: &mut Place) {
    let mut every = tokio::time::interval(limits.keep_alive);
    loop {
        tokio::select! {
            () = place.closing() => {
                link.close(CloseCode::ShuttingDown, "shutting down");
                // The last word goes out where all others do.
                return core::future::pending().await;
            }
            _ = every.tick() => {
                link.mux().ping(link.millis());
                link.wake();
            }
        }
    }
}

/// Says the last word, if it is not said yet, and waits until the peer has read it.
async fn part(
    incoming: &mut (impl AsyncRead + Unpin),
    outgoing: &mut (impl AsyncWrite + Unpin),
    mut unsent: BytesMut,
    link: &TcpLink,
) {
    fill(&mut unsent, link);
    if send(outgoing, &mut unsent).await.is_err() || outgoing.shutdown().await.is_err() {
        return;
    }
    // Closed with bytes unread, TCP would throw away what is still on its way to the peer.
    let mut buffer = vec![0; READ];
    while incoming.read(&mut buffer).await.is_ok_and(|len| len > 0) {}
}
