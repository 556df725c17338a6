//! How sessions end, and how an end is noticed.

use std::time::Duration;

use pouch_net::{CloseCode, ConnectError, Limits, SessionError, StreamError, Transport};
use pouch_wire::session::Published;

use crate::ends::*;

async fn a_closed_session_says_why_at_both_ends(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    theirs.close(CloseCode::Replaced, "newer session\x1b[2J");
    let expected =
        SessionError::ClosedByPeer { code: CloseCode::Replaced, reason: "newer session?[2J".into() };
    assert_eq!(soon(ours.closed()).await, expected);
    assert_eq!(ours.why_closed(), Some(expected.clone()));
    assert_eq!(theirs.why_closed(), Some(SessionError::ClosedHere));
    assert_eq!(soon(ours.accept()).await.unwrap_err(), expected);
    if by == Transport::Quic {
        // The stream that was opened while connecting knows it as well.
        let mut first = soon(ours.open()).await.unwrap();
        let error = soon(first.send_message(&Published { index: 1 })).await.unwrap_err();
        assert_eq!(error, StreamError::Session(expected.clone()));
    }
    assert_eq!(soon(ours.open()).await.unwrap_err(), expected);
}

async fn a_session_ends_when_its_last_handle_is_dropped(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let stream = soon(ours.open()).await.unwrap();
    let clone = ours.clone();
    drop(ours);
    drop(clone);
    assert_eq!(theirs.why_closed(), None);
    drop(stream);
    let done = SessionError::ClosedByPeer { code: CloseCode::Done, reason: String::new() };
    assert_eq!(soon(theirs.closed()).await, done);
}

async fn shutdown_tells_the_peers_and_ends_accepting(by: Transport) {
    let (relay, dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (addr, listener) = (relay.addr(), std::sync::Arc::clone(&relay.listener));
    soon(listener.shutdown(Duration::from_secs(15))).await.unwrap();
    let told = SessionError::ClosedByPeer { code: CloseCode::ShuttingDown, reason: "shutting down".into() };
    assert_eq!(soon(ours.closed()).await, told);
    assert_eq!(theirs.why_closed(), Some(SessionError::ClosedHere));
    soon(relay.no_more()).await;
    soon(dialer.shutdown(Duration::from_secs(15))).await.unwrap();
    assert_eq!(soon(dialer.connect(addr, key(RELAY))).await.unwrap_err(), ConnectError::ShuttingDown);
}

#[tokio::test]
async fn a_listener_that_stops_accepting_keeps_its_sessions() {
    let (relay, _dialer, ours, theirs) = pair(Limits::default()).await;
    relay.listener.stop_accepting();
    let error = soon(dialer(MD).connect(relay.addr(), key(RELAY))).await.unwrap_err();
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

/// A relay that dies without a word and comes back on the same port with the same secrets: its
/// clients learn of it with the next packet, not after the idle limit.
#[tokio::test]
async fn a_restarted_relay_resets_its_old_sessions_at_once() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first_life = runtime();
    let relay = first_life.spawn(async { Relay::start() }).await.unwrap();
    let addr = relay.addr();
    let dialer = dialer(NL);
    let ours = soon(dialer.connect(addr, key(RELAY))).await.unwrap();
    // Killed: its tasks end where they are and nobody is told. All are gone before its handles are, or one would
    // still say so.
    let killed = move || first_life.shutdown_timeout(Duration::from_secs(30));
    tokio::task::spawn_blocking(killed).await.unwrap();
    drop(relay);

    let second_life = runtime();
    let relay = soon(second_life.spawn(async move {
        loop {
            // The port is free once the first life's last task is gone.
            match std::net::UdpSocket::bind(addr) {
                Ok(probe) => {
                    drop(probe);
                    break Relay::with(addr, Limits::default());
                }
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }))
    .await
    .unwrap();
    let mut stream = soon(ours.open()).await.unwrap();
    // Whether this goes through is up to the reset's speed.
    stream.send_message(&Published { index: 1 }).await.ok();
    assert_eq!(soon(ours.closed()).await, SessionError::PeerRestarted);
    assert!(soon(dialer.connect(addr, key(RELAY))).await.is_ok());
    drop(relay);
    second_life.shutdown_background();
}

on_both! {
    a_closed_session_says_why_at_both_ends
    a_session_ends_when_its_last_handle_is_dropped
    shutdown_tells_the_peers_and_ends_accepting
}
