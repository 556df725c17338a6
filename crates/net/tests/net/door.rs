//! The door under attack: what is turned away, what it costs, and who gets in all the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pouch_net::{
    CloseCode, ConnectError, Dialer, HandshakeError, Limits, Rate, ResetCode, Session, SessionError,
    StreamError, Transport,
};
use pouch_wire::session::Published;

use crate::ends::*;
use crate::raw::RawClient;

/// How many streams a client tries for that says nothing on them.
const STREAMS: usize = 200;
const ONCE: Rate = Rate { per_second: 0, burst: 2 };

/// From another address of this machine.
fn dialer_at(seed: u8, address: &str) -> Dialer {
    let addr: SocketAddr = address.parse().unwrap();
    Dialer::bind(addr, identity(seed), Limits::default()).unwrap()
}

#[tokio::test]
async fn a_prefix_that_had_its_share_is_turned_away_and_another_is_not() {
    // Every address is proved: only then it is counted.
    let limits = Limits { half_open_retry: 0, initials_retry: 0, per_prefix: ONCE, ..Limits::default() };
    let relay = Relay::with(local(), limits);
    let connect = async |dialer: Dialer| soon(dialer.connect(relay.addr(), key(RELAY))).await.map(drop);
    assert_eq!(connect(dialer_at(NL, "127.0.0.1:0")).await, Ok(()));
    assert_eq!(connect(dialer_at(NL, "127.0.0.2:0")).await, Ok(()));
    let busy = Err(ConnectError::Busy { addr: relay.addr() });
    assert_eq!(connect(dialer_at(NL, "127.0.0.3:0")).await, busy);
    assert_eq!(connect(dialer_at(NL, "127.0.7.1:0")).await, Ok(()));
}

#[tokio::test]
async fn an_address_that_was_not_proved_in_time_is_not_proved() {
    let limits =
        Limits { half_open_retry: 0, initials_retry: 0, address_proof: Duration::ZERO, ..Limits::default() };
    let relay = Relay::with(local(), limits);
    let error = soon(dialer(NL).connect(relay.addr(), key(RELAY))).await.unwrap_err();
    // QUIC's INVALID_TOKEN.
    assert_eq!(error, ConnectError::Session(SessionError::Transport { code: 0xb }));
    assert_eq!(Limits::default().address_proof, Duration::from_secs(10));
}

async fn a_known_key_that_connects_too_often_waits_and_others_do_not(by: Transport) {
    let limits = Limits { per_key: ONCE, ..Limits::default() };
    let mut relay = Relay::with_tcp(local(), limits).await;
    let (addr, dialer_nl) = (relay.addr(), dialer(NL));
    let mut sessions = Vec::new();
    for _ in 0..2 {
        sessions.push(soon(dialer_nl.connect_by(addr, key(RELAY), by)).await.unwrap());
        relay.session().await;
    }
    let busy = SessionError::ClosedByPeer { code: CloseCode::Busy, reason: "connecting too often".into() };
    let error = soon(dialer_nl.connect_by(addr, key(RELAY), by)).await.unwrap_err();
    assert_eq!(error, ConnectError::Session(busy));
    assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::TooOften);
    assert!(soon(dialer(MD).connect_by(addr, key(RELAY), by)).await.is_ok());
}

on_both! {
    a_known_key_that_connects_too_often_waits_and_others_do_not
}

#[tokio::test]
async fn what_comes_over_one_carrier_does_not_close_the_door_of_the_other() {
    // Asked for proof over QUIC, nobody could give it.
    let limits = Limits { initials_retry: 2, address_proof: Duration::ZERO, ..Limits::default() };
    let mut relay = Relay::with_tcp(local(), limits).await;
    for _ in 0..5 {
        soon(dialer(NL).connect_by(relay.addr(), key(RELAY), Transport::Tcp)).await.unwrap();
        relay.session().await;
    }
    assert!(soon(dialer(NL).connect_by(relay.addr(), key(RELAY), Transport::Quic)).await.is_ok());

    let relay = Relay::with_tcp(local(), Limits { half_open_max: 0, ..Limits::default() }).await;
    let full = soon(dialer(NL).connect_by(relay.addr(), key(RELAY), Transport::Quic)).await.unwrap_err();
    assert_eq!(full, ConnectError::Busy { addr: relay.addr() });
    assert!(soon(dialer(NL).connect_by(relay.addr(), key(RELAY), Transport::Tcp)).await.is_ok());
}

#[tokio::test]
async fn nothing_is_kept_of_a_handshake_that_failed() {
    let mut relay = Relay::start();
    let stranger = dialer(STRANGER);
    for _ in 0..20 {
        let error = soon(stranger.connect(relay.addr(), key(RELAY))).await.unwrap_err();
        assert_eq!(error, ConnectError::NotKnown { addr: relay.addr() });
        assert_eq!(relay.handshake().await.unwrap_err(), HandshakeError::UnknownKey);
    }
    assert_eq!(relay.listener.half_open(), 0);
    until_nothing_is_kept(&relay.listener).await;
}

/// A reader that allows everything and then is gone without a word: what waits for it does not grow.
#[tokio::test]
async fn a_reader_that_is_stuck_costs_its_send_window_and_no_more() {
    let elsewhere =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let limits = Limits { payload: Duration::from_secs(1), bytes_per_second: 0, ..Limits::default() };
    let mut relay = Relay::with(local(), limits);
    let addr = relay.addr();
    let greedy =
        Limits { stream_window: 256 * 1024 * 1024, receive_window: 512 * 1024 * 1024, ..Limits::default() };
    let connecting = elsewhere.spawn(async move {
        let dialer = Dialer::bind(local(), identity(NL), greedy).unwrap();
        let session = dialer.connect(addr, key(RELAY)).await.unwrap();
        (dialer, session)
    });
    let theirs = relay.session().await;
    let kept = soon(connecting).await.unwrap();
    // Its tasks end where they are: it reads nothing, acknowledges nothing and closes nothing.
    elsewhere.shutdown_background();

    let within = Duration::from_millis(500);
    let sent = Arc::new(AtomicUsize::new(0));
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut stream = soon(theirs.open()).await.unwrap().with_deadline(within);
        let sent = Arc::clone(&sent);
        sending.spawn(async move {
            loop {
                match stream.send_payload(&[7; 64 * 1024]).await {
                    Ok(()) => sent.fetch_add(64 * 1024, Ordering::Relaxed),
                    // What all have, before others get the room of the one that is cut.
                    Err(error) => break (error, sent.load(Ordering::Relaxed)),
                };
            }
        });
    }
    let (error, sent) = soon(sending.join_next()).await.unwrap().unwrap();
    assert_eq!(error, StreamError::TooSlow { what: "sending", within });
    let window = usize::try_from(Limits::default().send_window).unwrap();
    assert!((window / 2..=window).contains(&sent), "{sent} bytes of {window}");
    drop(kept);
}

/// A client that opens streams, says one byte on each and waits: each is cut, and the session serves on.
#[tokio::test]
async fn streams_that_say_nothing_are_cut_sixteen_at_a_time() {
    let limits = Limits { head: Duration::from_millis(20), ..Limits::default() };
    let mut relay = Relay::with(local(), limits.clone());
    let (_endpoint, connection) = RawClient::honest(NL).connect(relay.addr()).await;
    let connection = connection.unwrap();
    let theirs = relay.session().await;
    let serving = tokio::spawn(cut_all(theirs, limits.head));
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        let (mut send, recv) = loop {
            tokio::select! {
                biased;
                opened = connection.open_bi() => break opened.unwrap(),
                // It lets go only of what was cut, and of half of it at a time, when there are no more: QUIC says
                // that there is room once more than an eighth is over, and may keep as many back.
                () = core::future::ready(()), if open.len() >= 14 => {
                    for (_send, mut recv) in open.drain(..8) {
                        let recv: &mut quinn::RecvStream = &mut recv;
                        soon(recv.read_to_end(1)).await.unwrap_err();
                    }
                }
                () = soon(core::future::pending()) => {}
            }
        };
        // A byte of a head. One that the relay cut already takes none.
        send.write_all(&[1]).await.ok();
        open.push((send, recv));
    }
    let (cut, most) = soon(serving).await.unwrap();
    assert_eq!(cut, STREAMS);
    assert!(most <= 16, "{most} at a time");
}

/// Cuts streams until all were, as the relay does; how many, and how many there were at a time.
async fn cut_all(session: Session, head: Duration) -> (usize, usize) {
    let open = Arc::new(());
    let (mut cut, mut most) = (tokio::task::JoinSet::new(), 0);
    for _ in 0..STREAMS {
        let mut stream = session.accept().await.unwrap();
        let one = Arc::clone(&open);
        most = most.max(Arc::strong_count(&open) - 1);
        cut.spawn(async move {
            let error = stream.recv_message::<Published>().await.unwrap_err();
            assert_eq!(error, StreamError::TooSlow { what: "receiving", within: head });
            drop(one);
            stream.stop(ResetCode::TooSlow);
            stream.reset(ResetCode::TooSlow);
        });
    }
    let mut count = 0;
    while let Some(done) = cut.join_next().await {
        done.unwrap();
        count += 1;
    }
    (count, most)
}
