//! What strangers and hostile members do on TCP, and that the relay serves the next honest client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pouch_net::{
    CloseCode, ConnectError, HandshakeError, Limits, Session, SessionError, StreamError, Transport,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::ends::*;
use crate::raw::{RawClient, Shows, shows, spki};

async fn relay() -> Relay {
    Relay::with_tcp(local(), Limits::default()).await
}

async fn still_serves(relay: &mut Relay) {
    let dialer = dialer(MD);
    let session = soon(dialer.connect_by(relay.addr(), key(RELAY), Transport::Tcp)).await.unwrap();
    assert_eq!(relay.session().await.peer(), key(MD));
    assert_eq!(session.peer(), key(RELAY));
}

/// A client over TCP that keeps no rule of ours, and has little room for what it does not read.
async fn raw(client: RawClient, addr: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let socket = socket.connect(addr).await?;
    let name = "relay.invalid".try_into().unwrap();
    TlsConnector::from(Arc::new(client.config())).connect(name, socket).await
}

/// A member that has a session and breaks its rules, and what the relay has of it.
async fn member(relay: &mut Relay) -> (TlsStream<TcpStream>, Session) {
    let mut stream = soon(raw(RawClient::honest(NL), relay.addr())).await.unwrap();
    let mut first = [0; 11];
    soon(stream.read_exact(&mut first)).await.unwrap();
    assert_eq!(first, [5, 0, 0, 0, 0, 0, 4, 0, 0, 0, 16], "so many streams are allowed");
    (stream, relay.session().await)
}

fn frame(kind: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    [&[kind][..], &stream.to_be_bytes(), &len.to_be_bytes(), body].concat()
}

#[tokio::test]
async fn a_client_without_a_key_is_refused() {
    let mut relay = relay().await;
    let _stream = soon(raw(RawClient::showing(Shows::Nothing), relay.addr())).await;
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::NoKey);
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn somebody_elses_public_key_is_not_enough() {
    let mut relay = relay().await;
    let client = RawClient::showing(Shows::RawKey(shows(vec![spki(NL)], STRANGER)));
    let _stream = soon(raw(client, relay.addr())).await;
    let error = relay.handshake().await.unwrap_err();
    assert!(matches!(error, HandshakeError::OtherProtocol { .. }), "{error:?}");
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn another_protocol_and_none_at_all_are_refused() {
    let mut relay = relay().await;
    for alpn in [vec![b"pouch/2".to_vec()], vec![]] {
        let client = RawClient { alpn, ..RawClient::honest(NL) };
        let _stream = soon(raw(client, relay.addr())).await;
        assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::OtherProtocol { alert: 120 });
    }
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn garbage_is_refused() {
    let mut relay = relay().await;
    let mut socket = TcpStream::connect(relay.addr()).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n").await.unwrap();
    let error = relay.handshake().await.unwrap_err();
    assert!(matches!(error, HandshakeError::OtherProtocol { .. }), "{error:?}");
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_handshake_that_crawls_has_a_deadline() {
    let within = Duration::from_millis(1500);
    let limits = Limits { handshake: within, ..Limits::default() };
    let mut relay = Relay::with_tcp(local(), limits).await;
    // A byte of a hello now and then, for ever.
    let mut socket = TcpStream::connect(relay.addr()).await.unwrap();
    let crawling = tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_millis(50));
        for byte in [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3].into_iter().chain(std::iter::repeat(0)) {
            every.tick().await;
            if socket.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::TooSlow { within });
    assert_eq!(relay.listener.half_open(), 0);
    soon(crawling).await.unwrap();
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn half_open_connections_are_few_and_who_comes_after_is_told_so() {
    let limits = Limits { tcp_half_open: 8, tcp_half_open_from_one: 3, ..Limits::default() };
    let mut relay = Relay::with_tcp(local(), limits).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(TcpStream::connect(relay.addr()).await.unwrap());
    }
    let mut refused = TcpStream::connect(relay.addr()).await.unwrap();
    let mut said = Vec::new();
    soon(refused.read_to_end(&mut said)).await.unwrap();
    assert_eq!(said, [21, 3, 3, 0, 2, 2, 80], "a TLS alert");
    assert_eq!(relay.listener.half_open(), 3);
    let error = soon(dialer(NL).connect_by(relay.addr(), key(RELAY), Transport::Tcp)).await.unwrap_err();
    assert_eq!(error, ConnectError::Busy { addr: relay.addr() });
    // Over QUIC the relay is reached all the same.
    assert!(soon(dialer(NL).connect(relay.addr(), key(RELAY))).await.is_ok());
    relay.session().await;
    drop(idle);
    for _ in 0..3 {
        assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::Session(SessionError::CutOff));
    }
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_listener_has_a_last_connection() {
    let mut relay = Relay::with_tcp(local(), Limits { tcp_connections: 1, ..Limits::default() }).await;
    let dialer = dialer(NL);
    let by = Transport::Tcp;
    let first = soon(dialer.connect_by(relay.addr(), key(RELAY), by)).await.unwrap();
    let theirs = relay.session().await;
    let error = soon(dialer.connect_by(relay.addr(), key(RELAY), by)).await.unwrap_err();
    assert_eq!(error, ConnectError::Busy { addr: relay.addr() });
    drop(first);
    soon(theirs.closed()).await;
}

#[tokio::test]
async fn a_member_that_breaks_the_rules_of_streams_loses_its_session() {
    let seventeen = (1..=17u32).flat_map(|n| frame(1, 2 * n - 1, &[])).collect();
    let beyond_window = (0..17u32).flat_map(|_| frame(0, 1, &[7; 16 * 1024])).collect();
    let cases: [(&str, Vec<u8>); 9] = [
        ("a frame of no known kind and length", vec![0xee; 7]),
        ("a stream out of turn", frame(1, 3, &[])),
        ("a stream that nobody opened", frame(1, 2, &[])),
        ("more streams than are allowed", seventeen),
        ("more data than a stream may have", beyond_window),
        ("data after the end of a stream", [frame(1, 1, &[]), frame(0, 1, &[1])].concat()),
        ("a second end of a stream", [frame(1, 1, &[]), frame(2, 1, &[0; 8])].concat()),
        ("a window without end", frame(4, 0, &[0xff; 4])),
        ("a frame on a stream where it does not belong", frame(6, 1, &[0; 8])),
    ];
    let mut relay = relay().await;
    for (what, bytes) in cases {
        let (mut stream, session) = member(&mut relay).await;
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        let error = soon(session.closed()).await;
        assert_eq!(error, SessionError::BrokenByPeer { what }, "{what}");
        assert_eq!(error.code(), "POUCH-NET-77");
        // It is told why.
        let mut told = Vec::new();
        soon(stream.read_to_end(&mut told)).await.ok();
        let close = [&CloseCode::Protocol.number().to_be_bytes()[..], what.as_bytes()].concat();
        assert!(told.ends_with(&frame(8, 0, &close)), "{what}: {told:?}");
    }
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_member_that_asks_without_end_and_never_reads_is_owed_one_word() {
    let mut relay = relay().await;
    let (mut stream, session) = member(&mut relay).await;
    let pings: Vec<u8> = (0..200_000u64).flat_map(|n| frame(6, 0, &n.to_be_bytes())).collect();
    stream.write_all(&pings).await.unwrap();
    stream.write_all(&frame(8, 0, &[0; 8])).await.unwrap();
    stream.flush().await.unwrap();
    let over = soon(session.closed()).await;
    assert_eq!(over, SessionError::ClosedByPeer { code: CloseCode::Done, reason: String::new() });
}

/// A member that lets the relay open streams, and reads nothing: what the relay sends is stuck on the line.
async fn stuck_member(relay: &mut Relay) -> (TlsStream<TcpStream>, Session) {
    let (mut stream, session) = member(relay).await;
    stream.write_all(&frame(5, 0, &[0, 0, 0, 16])).await.unwrap();
    stream.flush().await.unwrap();
    let within = Duration::from_millis(300);
    let mut sending = soon(session.open()).await.unwrap().with_deadline(within);
    let mut taken = 0;
    let error = loop {
        match soon(sending.send_payload(&[7; 64 * 1024])).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, StreamError::TooSlow { what: "sending", within });
    assert!(taken < 4, "not by the stream's window of 256 KiB, but by the line");
    (stream, session)
}

#[tokio::test]
async fn a_member_that_reads_nothing_keeps_no_place_once_its_session_is_closed() {
    let mut relay = relay().await;
    let (_stream, session) = stuck_member(&mut relay).await;
    session.close(CloseCode::NoLongerKnown, "key no longer in the directory");
    assert_eq!(soon(session.closed()).await, SessionError::ClosedHere);
    until_nothing_is_kept(&relay.listener).await;
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_shutdown_waits_for_no_member_that_reads_nothing_and_for_no_stranger_that_says_nothing() {
    // The stranger's handshake alone might take a minute.
    let limits = Limits { handshake: Duration::from_secs(60), ..Limits::default() };
    let mut relay = Relay::with_tcp(local(), limits).await;
    let (_stream, _session) = stuck_member(&mut relay).await;
    let _idle = TcpStream::connect(relay.addr()).await.unwrap();
    soon(async {
        while relay.listener.half_open() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(soon(relay.listener.shutdown(Duration::from_secs(15))).await, Ok(()));
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::Session(SessionError::ClosedHere));
}
