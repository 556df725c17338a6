//! Who gets a session, and what ends in the handshake.

use std::sync::Arc;
use std::time::Duration;

use pouch_net::{ConnectError, Dialer, HandshakeError, Limits, Listener, SessionError};
use tokio::net::UdpSocket;

use crate::ends::*;
use crate::raw::{RawClient, Shows, server, shows, spki};

/// After whatever happened, the relay serves the next honest client.
async fn still_serves(relay: &mut Relay) {
    let dialer = dialer(MD);
    let session = soon(dialer.connect(relay.addr(), key(RELAY))).await.unwrap();
    assert_eq!(relay.session().await.peer(), key(MD));
    assert_eq!(session.peer(), key(RELAY));
}

#[tokio::test]
async fn both_ends_see_each_others_key() {
    let (relay, _dialer, ours, theirs) = pair(Limits::default()).await;
    assert_eq!(ours.peer(), key(RELAY));
    assert_eq!(theirs.peer(), key(NL));
    assert_eq!(ours.peer_addr(), relay.addr());
    assert_ne!(ours.id(), theirs.id());
    assert_eq!(ours.why_closed(), None);
}

#[tokio::test]
async fn a_key_that_the_directory_does_not_know_ends_in_the_handshake() {
    let mut relay = Relay::start();
    let dialer = dialer(STRANGER);
    let error = soon(dialer.connect(relay.addr(), key(RELAY))).await.unwrap_err();
    assert_eq!(error, ConnectError::NotKnown { addr: relay.addr() });
    assert_eq!(error.code(), "POUCH-NET-13");
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::UnknownKey);
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_key_that_was_forgotten_gets_no_second_session() {
    let mut relay = Relay::start();
    let dialer = dialer(NL);
    let _session = soon(dialer.connect(relay.addr(), key(RELAY))).await.unwrap();
    assert_eq!(relay.session().await.peer(), key(NL));
    relay.known.0.lock().unwrap().remove(&key(NL));
    let error = soon(dialer.connect(relay.addr(), key(RELAY))).await.unwrap_err();
    assert_eq!(error, ConnectError::NotKnown { addr: relay.addr() });
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::UnknownKey);
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_client_refuses_a_server_with_another_key() {
    let mut relay = Relay::start();
    let dialer = dialer(NL);
    let error = soon(dialer.connect(relay.addr(), key(MD))).await.unwrap_err();
    assert_eq!(error, ConnectError::OtherKey { addr: relay.addr(), expected: key(MD).id() });
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::NotWanted);
    assert!(soon(dialer.connect(relay.addr(), key(RELAY))).await.is_ok());
}

#[tokio::test]
async fn another_protocol_is_refused() {
    let mut relay = Relay::start();
    let client = RawClient { alpn: vec![b"pouch/2".to_vec()], ..RawClient::honest(NL) };
    let (_endpoint, connection) = client.connect(relay.addr()).await;
    assert!(connection.is_err());
    // no_application_protocol
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::OtherProtocol { alert: 120 });
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_client_refuses_a_server_of_another_protocol() {
    let other = server(shows(vec![spki(RELAY)], RELAY), true, b"h3");
    let addr = other.local_addr().unwrap();
    let error = soon(dialer(NL).connect(addr, key(RELAY))).await.unwrap_err();
    assert_eq!(error, ConnectError::OtherProtocol { addr, alert: 120 });
}

#[tokio::test]
async fn a_client_without_a_key_is_refused() {
    let mut relay = Relay::start();
    let (_endpoint, connection) = RawClient::showing(Shows::Nothing).connect(relay.addr()).await;
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::NoKey);
    if let Ok(connection) = connection {
        soon(connection.closed()).await;
    }
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_clients_certificate_is_refused_even_with_a_known_key() {
    let mut relay = Relay::start();
    // As far as our end is concerned a certificate is bytes of another type.
    let client = RawClient::showing(Shows::Certificate(shows(vec![vec![0x30, 0x00]], NL)));
    let (_endpoint, connection) = client.connect(relay.addr()).await;
    assert!(connection.is_err());
    let error = relay.handshake().await.unwrap_err();
    assert!(matches!(error, HandshakeError::OtherProtocol { .. }), "{error:?}");
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_client_that_wants_a_certificate_is_refused() {
    let mut relay = Relay::start();
    let client = RawClient { wants_raw: false, ..RawClient::honest(NL) };
    let (_endpoint, connection) = client.connect(relay.addr()).await;
    assert!(connection.is_err());
    let error = relay.handshake().await.unwrap_err();
    assert!(matches!(error, HandshakeError::OtherProtocol { .. }), "{error:?}");
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn a_servers_certificate_is_refused() {
    let other = server(shows(vec![vec![0x30, 0x00]], RELAY), false, b"pouch/1");
    let addr = other.local_addr().unwrap();
    let error = soon(dialer(NL).connect(addr, key(RELAY))).await.unwrap_err();
    assert!(matches!(error, ConnectError::OtherProtocol { .. }), "{error:?}");
}

#[tokio::test]
async fn bytes_that_are_no_ed25519_key_are_refused() {
    let mut relay = Relay::start();
    let mut other_algorithm = spki(NL);
    other_algorithm[8] = 0x6e; // X25519
    let mut longer = spki(NL);
    longer.push(0);
    for shown in [vec![other_algorithm], vec![longer], vec![spki(NL), spki(MD)], vec![vec![]]] {
        let client = RawClient::showing(Shows::RawKey(shows(shown, NL)));
        let (_endpoint, connection) = client.connect(relay.addr()).await;
        let error = relay.handshake().await.unwrap_err();
        assert!(matches!(error, HandshakeError::OtherProtocol { .. }), "{error:?}");
        if let Ok(connection) = connection {
            soon(connection.closed()).await;
        }
    }
    still_serves(&mut relay).await;
}

#[tokio::test]
async fn somebody_elses_public_key_is_not_enough() {
    let mut relay = Relay::start();
    let client = RawClient::showing(Shows::RawKey(shows(vec![spki(NL)], STRANGER)));
    let (_endpoint, _connection) = client.connect(relay.addr()).await;
    // decrypt_error: the signature over the transcript is not that key's.
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::OtherProtocol { alert: 51 });
    // The honest twin, made by the same means.
    let (_endpoint, connection) = RawClient::honest(NL).connect(relay.addr()).await;
    assert!(connection.is_ok());
    assert_eq!(relay.session().await.peer(), key(NL));
}

#[tokio::test]
async fn a_server_that_holds_the_key_is_accepted_whatever_its_software() {
    let other = server(shows(vec![spki(RELAY)], RELAY), true, b"pouch/1");
    let session = soon(dialer(NL).connect(other.local_addr().unwrap(), key(RELAY))).await.unwrap();
    assert_eq!(session.peer(), key(RELAY));
}

#[tokio::test]
async fn a_server_without_the_keys_secret_is_refused() {
    let impostor = server(shows(vec![spki(RELAY)], STRANGER), true, b"pouch/1");
    let addr = impostor.local_addr().unwrap();
    let error = soon(dialer(NL).connect(addr, key(RELAY))).await.unwrap_err();
    assert_eq!(error, ConnectError::OtherProtocol { addr, alert: 51 });
}

#[tokio::test]
async fn a_client_may_open_no_stream_before_its_key_is_known() {
    let mut relay = Relay::start();
    let client = RawClient::showing(Shows::RawKey(shows(vec![spki(STRANGER)], STRANGER)));
    let (_endpoint, connection) = client.connect(relay.addr()).await;
    if let Ok(connection) = connection {
        assert!(soon(connection.open_bi()).await.is_err());
    }
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::UnknownKey);
}

#[tokio::test]
async fn nobody_may_open_one_way_streams_or_send_datagrams() {
    let mut relay = Relay::start();
    let (_endpoint, connection) = RawClient::honest(NL).connect(relay.addr()).await;
    let connection = connection.unwrap();
    let _session = relay.session().await;
    soon(connection.open_bi()).await.unwrap();
    let opened = tokio::select! {
        biased;
        opened = connection.open_uni() => Some(opened.is_ok()),
        () = std::future::ready(()) => None,
    };
    assert_eq!(opened, None);
    assert_eq!(connection.max_datagram_size(), None);
}

#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let within = Duration::from_millis(1500);
    let limits = Limits { handshake: within, ..Limits::default() };
    let mut relay = Relay::with(local(), limits);
    // Passes packets on to the relay and nothing back: the client cannot go on.
    let sink = UdpSocket::bind(local()).await.unwrap();
    let addr = sink.local_addr().unwrap();
    let (to, out) = (relay.addr(), UdpSocket::bind(local()).await.unwrap());
    let forward = tokio::spawn(async move {
        let mut packet = vec![0; 2048];
        loop {
            let (len, _) = sink.recv_from(&mut packet).await.unwrap();
            out.send_to(&packet[..len], to).await.unwrap();
        }
    });
    let limits = Limits { connect: Duration::from_secs(3), ..Limits::default() };
    let silent = Dialer::bind(local(), identity(NL), limits).unwrap();
    let connecting = tokio::spawn(async move { silent.connect(addr, key(RELAY)).await });
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::TooSlow { within });
    assert_eq!(relay.listener.half_open(), 0);
    still_serves(&mut relay).await;
    let error = soon(connecting).await.unwrap().unwrap_err();
    assert_eq!(error, ConnectError::TooSlow { addr, within: Duration::from_secs(3) });
    forward.abort();
}

#[tokio::test]
async fn under_pressure_an_address_must_be_proved_and_honest_clients_get_in() {
    let limits = Limits { half_open_retry: 0, ..Limits::default() };
    let listener =
        Arc::new(Listener::bind(local(), &identity(RELAY), Known::both(), &secrets(), limits).unwrap());
    let addr = listener.local_addr();
    let connect = |seed| tokio::spawn(async move { dialer(seed).connect(addr, key(RELAY)).await });

    let first = connect(NL);
    let waiting = soon(listener.accept()).await.unwrap();
    assert!(!waiting.is_address_proved());
    assert_eq!(listener.half_open(), 1);

    let second = connect(MD);
    let proved = soon(listener.accept()).await.unwrap();
    assert!(proved.is_address_proved());
    let session = soon(proved.handshake()).await.unwrap();
    assert_eq!(session.peer(), key(MD));
    assert!(soon(second).await.unwrap().is_ok());

    let _first = soon(waiting.handshake()).await.unwrap();
    assert!(soon(first).await.unwrap().is_ok());
    assert_eq!(listener.half_open(), 0);
}

#[tokio::test]
async fn without_room_a_client_is_told_that_the_relay_is_busy() {
    let limits = Limits { half_open_max: 0, ..Limits::default() };
    let relay = Relay::with(local(), limits);
    let error = soon(dialer(NL).connect(relay.addr(), key(RELAY))).await.unwrap_err();
    assert_eq!(error, ConnectError::Busy { addr: relay.addr() });
}

#[tokio::test]
async fn an_address_that_cannot_be_is_refused_at_once() {
    let addr = "127.0.0.1:0".parse().unwrap();
    let error = soon(dialer(NL).connect(addr, key(RELAY))).await.unwrap_err();
    assert_eq!(error, ConnectError::Address { addr });
}

#[tokio::test]
async fn the_default_dialer_reaches_ipv4_relays() {
    let mut relay = Relay::start();
    let dialer = Dialer::new(identity(NL), Limits::default()).unwrap();
    let session = soon(dialer.connect(relay.addr(), key(RELAY))).await.unwrap();
    let theirs = relay.session().await;
    drop(session);
    assert!(matches!(soon(theirs.closed()).await, SessionError::ClosedByPeer { .. }));
}
