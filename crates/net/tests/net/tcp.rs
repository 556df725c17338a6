//! Sessions over TCP: who gets one, what carries, what passes what.

use std::time::Duration;

use pouch_net::{Carrier, CloseCode, ConnectError, Dialer, HandshakeError, Limits, SessionError, Transport};
use pouch_wire::Precedence;
use pouch_wire::session::Published;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use crate::ends::*;

async fn relay() -> Relay {
    Relay::with_tcp(local(), Limits::default()).await
}

#[tokio::test]
async fn both_ends_see_each_others_key_and_what_carries() {
    let (relay, _dialer, ours, theirs) = pair_by(Limits::default(), Transport::Tcp).await;
    assert_eq!((ours.peer(), theirs.peer()), (key(RELAY), key(NL)));
    assert_eq!(ours.peer_addr(), relay.addr());
    assert_eq!((ours.carrier(), theirs.carrier()), (Carrier::Tcp, Carrier::Tcp));
    assert_eq!(ours.why_closed(), None);
    assert!(ours.round_trip() > Duration::ZERO);
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), Transport::Quic).await;
    assert_eq!((ours.carrier(), theirs.carrier()), (Carrier::Quic, Carrier::Quic));
}

#[tokio::test]
async fn an_unknown_key_ends_in_the_handshake() {
    let mut relay = relay().await;
    let error =
        soon(dialer(STRANGER).connect_by(relay.addr(), key(RELAY), Transport::Tcp)).await.unwrap_err();
    assert_eq!(error, ConnectError::NotKnown { addr: relay.addr() });
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::UnknownKey);
    assert_eq!(relay.listener.half_open(), 0);
}

#[tokio::test]
async fn a_client_refuses_a_server_with_another_key() {
    let mut relay = relay().await;
    let error = soon(dialer(NL).connect_by(relay.addr(), key(MD), Transport::Tcp)).await.unwrap_err();
    assert_eq!(error, ConnectError::OtherKey { addr: relay.addr(), expected: key(MD).id() });
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::NotWanted);
}

#[tokio::test]
async fn a_relay_that_stops_accepting_says_that_it_is_busy_and_keeps_its_sessions() {
    let (relay, _dialer, ours, theirs) = pair_by(Limits::default(), Transport::Tcp).await;
    relay.listener.stop_accepting();
    let error = soon(dialer(MD).connect_by(relay.addr(), key(RELAY), Transport::Tcp)).await.unwrap_err();
    assert_eq!(error, ConnectError::Busy { addr: relay.addr() });
    let serving = async {
        let mut stream = theirs.accept().await.unwrap();
        let question = stream.recv_message::<Published>().await.unwrap();
        stream.answer(&question).await.unwrap();
    };
    let asking = ours.request::<_, Published>(&Published { index: 4 }, Duration::from_secs(15));
    let ((), answer) = soon(async { tokio::join!(serving, asking) }).await;
    assert_eq!(answer, Ok(Published { index: 4 }));
}

#[tokio::test]
async fn without_udp_a_session_comes_up_over_tcp_and_pinned_to_quic_none_does() {
    // Swallows every packet, as a firewall does.
    let silent = UdpSocket::bind(local()).await.unwrap();
    let addr = silent.local_addr().unwrap();
    let Ok(door) = TcpListener::bind(addr).await else { return Box::pin(retry()).await };
    let mut relay = relay().await;
    let to = relay.addr();
    let forward = tokio::spawn(async move {
        loop {
            let (mut near, _) = door.accept().await.unwrap();
            let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await.ok() });
        }
    });
    let session = soon(dialer(NL).connect(addr, key(RELAY))).await.unwrap();
    assert_eq!(session.carrier(), Carrier::Tcp);
    assert_eq!(relay.session().await.peer(), key(NL));
    let limits = Limits { connect: Duration::from_secs(1), ..Limits::default() };
    let pinned = Dialer::bind(local(), identity(NL), limits).unwrap();
    let error = soon(pinned.connect_by(addr, key(RELAY), Transport::Quic)).await.unwrap_err();
    assert_eq!(error, ConnectError::TooSlow { addr, within: Duration::from_secs(1) });
    forward.abort();
}

/// The number was taken for TCP: another one.
async fn retry() {
    let silent = UdpSocket::bind(local()).await.unwrap();
    TcpListener::bind(silent.local_addr().unwrap()).await.expect("two numbers taken in a row");
}

#[tokio::test]
async fn where_quic_works_it_carries() {
    let mut relay = relay().await;
    let session = soon(dialer(NL).connect(relay.addr(), key(RELAY))).await.unwrap();
    assert_eq!(session.carrier(), Carrier::Quic);
    assert_eq!(relay.session().await.carrier(), Carrier::Quic);
}

#[tokio::test]
async fn a_session_over_quic_comes_beside_one_over_tcp_as_soon_as_quic_works() {
    let limits = Limits {
        quic_again: Duration::from_millis(200),
        connect: Duration::from_secs(1),
        ..Limits::default()
    };
    let mut relay = relay().await;
    let to = relay.addr();
    // Swallows packets until it is told to pass them on.
    let front = UdpSocket::bind(local()).await.unwrap();
    let (addr, (open, mut opens)) = (front.local_addr().unwrap(), tokio::sync::watch::channel(false));
    let forward = tokio::spawn(async move {
        let back = UdpSocket::bind(local()).await.unwrap();
        let (mut there, mut here, mut client) = (vec![0; 2048], vec![0; 2048], None);
        loop {
            tokio::select! {
                came = front.recv_from(&mut there) => {
                    let (len, from) = came.unwrap();
                    client = Some(from);
                    if *opens.borrow_and_update() {
                        back.send_to(&there[..len], to).await.unwrap();
                    }
                }
                came = back.recv_from(&mut here) => {
                    front.send_to(&here[..came.unwrap().0], client.unwrap()).await.unwrap();
                }
            }
        }
    });
    let dialer = std::sync::Arc::new(Dialer::bind(local(), identity(NL), limits).unwrap());
    let tcp = soon(dialer.connect_by(to, key(RELAY), Transport::Tcp)).await.unwrap();
    let over_tcp = relay.session().await;
    let waiting = tokio::spawn({
        let dialer = dialer.clone();
        async move { dialer.until_quic(addr, key(RELAY)).await }
    });
    let asking = tcp.request::<_, Published>(&Published { index: 1 }, Duration::from_secs(15));
    let serving = async {
        let mut stream = over_tcp.accept().await.unwrap();
        let question = stream.recv_message::<Published>().await.unwrap();
        open.send(true).unwrap();
        let quic = soon(waiting).await.unwrap();
        assert_eq!(quic.carrier(), Carrier::Quic);
        assert_eq!(relay.session().await.peer(), key(NL));
        // What was asked on the old one is answered there.
        stream.answer(&question).await.unwrap();
        quic
    };
    let (_quic, answer) = soon(async { tokio::join!(serving, asking) }).await;
    assert_eq!(answer, Ok(Published { index: 1 }));
    soon(tcp.until_streams(0)).await;
    tcp.close(CloseCode::Done, "moved");
    soon(over_tcp.closed()).await;
    forward.abort();
}

#[tokio::test]
async fn a_relay_that_dies_is_noticed_at_once() {
    let (relay, _dialer, ours, theirs) = pair_by(Limits::default(), Transport::Tcp).await;
    let second = std::thread::spawn(move || drop((relay, theirs)));
    second.join().unwrap();
    let over = soon(ours.closed()).await;
    assert!(matches!(over, SessionError::ClosedByPeer { code: CloseCode::Done, .. }), "{over:?}");
}

#[tokio::test]
async fn a_connection_that_is_cut_off_ends_the_session_and_its_streams() {
    let relay = relay().await;
    let door = TcpListener::bind(local()).await.unwrap();
    let (addr, to) = (door.local_addr().unwrap(), relay.addr());
    let forward = tokio::spawn(async move {
        let (mut near, _) = door.accept().await.unwrap();
        let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
        tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
    });
    let session = soon(dialer(NL).connect_by(addr, key(RELAY), Transport::Tcp)).await.unwrap();
    let mut stream = soon(session.open()).await.unwrap();
    stream.send_message(&Published { index: 1 }).await.unwrap();
    forward.abort();
    let error = soon(stream.recv()).await.unwrap_err();
    assert_eq!(error, SessionError::CutOff.into());
    assert_eq!(error.code(), "POUCH-NET-76");
    assert_eq!(soon(session.closed()).await, SessionError::CutOff);
}

#[tokio::test]
async fn a_peer_without_a_sign_of_life_is_given_up() {
    let limits = Limits {
        idle: Duration::from_millis(400),
        keep_alive: Duration::from_millis(100),
        ..Limits::default()
    };
    let relay = Relay::with_tcp(local(), limits.clone()).await;
    let door = TcpListener::bind(local()).await.unwrap();
    let (addr, to) = (door.local_addr().unwrap(), relay.addr());
    let (frozen, mut freeze) = tokio::sync::oneshot::channel::<()>();
    let forward = tokio::spawn(async move {
        let (mut near, _) = door.accept().await.unwrap();
        let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _ = &mut freeze => {}
        }
        // Nothing passes any more, and nothing is closed.
        std::future::pending::<()>().await;
    });
    let dialer = Dialer::bind(local(), identity(NL), limits).unwrap();
    let session = soon(dialer.connect_by(addr, key(RELAY), Transport::Tcp)).await.unwrap();
    // Kept alive far beyond the idle limit.
    let mut lived = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..6 {
        lived.tick().await;
        assert_eq!(session.why_closed(), None);
    }
    frozen.send(()).unwrap();
    assert_eq!(soon(session.closed()).await, SessionError::Silent);
    forward.abort();
}

/// A line of 32 KiB a second: the flash is there long before the large message that it overtakes.
#[tokio::test]
async fn a_flash_passes_a_large_message_of_the_same_session() {
    let relay = relay().await;
    let door = TcpListener::bind(local()).await.unwrap();
    let (addr, to) = (door.local_addr().unwrap(), relay.addr());
    let forward = tokio::spawn(async move {
        let (near, _) = door.accept().await.unwrap();
        socket2::SockRef::from(&near).set_recv_buffer_size(4096).unwrap();
        let far = tokio::net::TcpStream::connect(to).await.unwrap();
        let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(async move { tokio::io::copy(&mut far_in, &mut near_out).await.ok() });
        let mut line = tokio::time::interval(Duration::from_millis(10));
        let mut bytes = [0; 4096];
        while let Ok(len) = near_in.read(&mut bytes).await {
            if len == 0 || far_out.write_all(&bytes[..len]).await.is_err() {
                return;
            }
            line.tick().await;
        }
    });
    let mut relay = relay;
    let session = soon(dialer(NL).connect_by(addr, key(RELAY), Transport::Tcp)).await.unwrap();
    let theirs = relay.session().await;
    let (mut large, mut flash) = (session.open().await.unwrap(), session.open().await.unwrap());
    large.set_priority(Precedence::Routine);
    flash.set_priority(Precedence::Flash);
    let big = vec![1; 2 * 1024 * 1024];
    let sending = tokio::spawn(async move { large.send_payload(&big).await });
    // The large one is well under way.
    let mut far_large = soon(theirs.accept()).await.unwrap();
    soon(far_large.recv()).await.unwrap();
    flash.send_payload(&[2; 2048]).await.unwrap();
    flash.finish().unwrap();
    let mut far_flash = soon(theirs.accept()).await.unwrap();
    let arrived = soon(far_flash.recv_payload(2048, 2048)).await.unwrap();
    assert_eq!(arrived, vec![2; 2048]);
    assert!(!sending.is_finished(), "the large message is still on its way");
    drop(far_large);
    soon(sending).await.unwrap().unwrap_err();
    forward.abort();
}

#[tokio::test]
async fn an_end_that_shuts_down_tells_its_peers_over_tcp_too() {
    let (relay, dialer, ours, theirs) = pair_by(Limits::default(), Transport::Tcp).await;
    soon(relay.listener.shutdown(Duration::from_secs(15))).await.unwrap();
    let told = SessionError::ClosedByPeer { code: CloseCode::ShuttingDown, reason: "shutting down".into() };
    assert_eq!(soon(ours.closed()).await, told);
    assert_eq!(theirs.why_closed(), Some(SessionError::ClosedHere));
    soon(dialer.shutdown(Duration::from_secs(15))).await.unwrap();
    let error = soon(dialer.connect_by(relay.addr(), key(RELAY), Transport::Tcp)).await.unwrap_err();
    assert_eq!(error, ConnectError::ShuttingDown);
}

#[tokio::test]
async fn a_dialer_that_shuts_down_waits_for_no_relay_that_does_not_answer() {
    let silent = TcpListener::bind(local()).await.unwrap();
    let addr = silent.local_addr().unwrap();
    let limits = Limits { connect: Duration::from_secs(60), ..Limits::default() };
    let dialer = Dialer::bind(local(), identity(NL), limits).unwrap();
    let ending = async {
        let called = soon(silent.accept()).await.unwrap();
        assert_eq!(soon(dialer.shutdown(Duration::from_secs(15))).await, Ok(()));
        drop(called);
    };
    let connecting = soon(dialer.connect_by(addr, key(RELAY), Transport::Tcp));
    let (ended, ()) = tokio::join!(connecting, ending);
    assert_eq!(ended.unwrap_err(), ConnectError::ShuttingDown);
}
