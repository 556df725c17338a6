//! Payloads in pieces: whole, exact, in time.

use std::time::Duration;

use pouch_net::{Limits, Session, Stream, StreamError, Transport};
use pouch_wire::session::Published;
use pouch_wire::{Frame, FrameError, FrameKind, Precedence, limits};

use crate::ends::*;

const MIB: usize = 1024 * 1024;

fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

/// A stream of `ours`, with one frame sent so that the peer knows of it, and the peer's end.
async fn stream(ours: &Session, theirs: &Session) -> (Stream, Stream) {
    let mut near = soon(ours.open()).await.unwrap();
    near.send_message(&Published { index: 1 }).await.unwrap();
    let mut far = soon(theirs.accept()).await.unwrap();
    soon(far.recv_message::<Published>()).await.unwrap();
    (near, far)
}

async fn a_payload_of_1_mib_arrives_intact(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (mut near, mut far) = stream(&ours, &theirs).await;
    let payload = sample(MIB + 17);
    let len = u64::try_from(payload.len()).unwrap();
    let sending = async {
        near.send_payload(&payload).await.unwrap();
        near.finish().unwrap();
    };
    let ((), got) = soon(async { tokio::join!(sending, far.recv_payload(len, len)) }).await;
    assert!(got.unwrap() == payload, "the payload changed on its way");
    assert_eq!(soon(far.recv()).await, Ok(None));
}

async fn the_relay_sends_payloads_too(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (mut near, mut far) = stream(&theirs, &ours).await;
    near.set_priority(Precedence::Flash);
    let payload = sample(3 * MIB);
    let len = u64::try_from(payload.len()).unwrap();
    let (sent, got) =
        soon(async { tokio::join!(near.send_payload(&payload), far.recv_payload(len, len)) }).await;
    sent.unwrap();
    assert!(got.unwrap() == payload, "the payload changed on its way");
}

async fn an_empty_payload_has_no_pieces(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (mut near, mut far) = stream(&ours, &theirs).await;
    near.send_payload(&[]).await.unwrap();
    near.finish().unwrap();
    assert_eq!(soon(far.recv_payload(0, 10)).await, Ok(Vec::new()));
    assert_eq!(soon(far.recv()).await, Ok(None));
}

async fn a_payload_longer_than_announced_is_refused_and_the_next_stream_works(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (mut near, mut far) = stream(&ours, &theirs).await;
    near.send_payload(&[1; 101]).await.unwrap();
    assert_eq!(soon(far.recv_payload(100, 1000)).await, Err(StreamError::PayloadTooLong { announced: 100 }));
    let (mut near, mut far) = stream(&ours, &theirs).await;
    near.send_payload(&[1; 100]).await.unwrap();
    assert_eq!(soon(far.recv_payload(100, 1000)).await, Ok(vec![1; 100]));
}

async fn a_payload_shorter_than_announced_is_refused(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (mut near, mut far) = stream(&ours, &theirs).await;
    near.send_payload(&vec![1; limits::FRAME_BYTES]).await.unwrap();
    near.finish().unwrap();
    let announced = 2 * u64::try_from(limits::FRAME_BYTES).unwrap();
    assert_eq!(
        soon(far.recv_payload(announced, announced)).await,
        Err(StreamError::PayloadTooShort { announced, came: announced / 2 })
    );
}

async fn a_payload_over_the_limit_is_refused_before_it_is_read(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (_near, mut far) = stream(&ours, &theirs).await;
    let error = soon(far.recv_payload(u64::MAX, 1000)).await.unwrap_err();
    assert_eq!(error, StreamError::PayloadTooLarge { len: u64::MAX, max: 1000 });
}

async fn crumbs_are_refused(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    for crumb in [&[][..], &[1]] {
        let (mut near, mut far) = stream(&ours, &theirs).await;
        near.send(&Frame::chunk(crumb).unwrap()).await.unwrap();
        assert_eq!(
            soon(far.recv_payload(100, 100)).await,
            Err(StreamError::PartialPiece { len: crumb.len(), expected: 100 })
        );
    }
}

async fn another_frame_within_a_payload_is_refused(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (mut near, mut far) = stream(&ours, &theirs).await;
    near.send_message(&Published { index: 1 }).await.unwrap();
    let expected = FrameError::Unexpected { expected: FrameKind::Chunk, got: FrameKind::Published };
    assert_eq!(soon(far.recv_payload(100, 100)).await, Err(StreamError::Frame(expected)));
}

async fn a_payload_that_does_not_come_is_refused_at_its_deadline(by: Transport) {
    let payload = Duration::from_millis(50);
    let limits = Limits { payload, bytes_per_second: 1 << 20, ..Limits::default() };
    let (_relay, _dialer, ours, theirs) = pair_by(limits, by).await;
    let (_near, mut far) = stream(&ours, &theirs).await;
    assert_eq!(
        soon(far.recv_payload(1 << 20, 1 << 20)).await,
        Err(StreamError::TooSlow { what: "receiving", within: Duration::from_millis(1050) })
    );
}

async fn a_peer_that_does_not_read_stops_the_sender_at_its_deadline(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (near, mut far) = stream(&ours, &theirs).await;
    let within = Duration::from_millis(300);
    let mut near = near.with_deadline(within);
    let error = soon(near.send_payload(&sample(8 * MIB))).await.unwrap_err();
    assert_eq!(error, StreamError::TooSlow { what: "sending", within });
    assert_eq!(near.finish(), Err(StreamError::Closed));
    // What the peer has is cut off, not ended.
    let len = u64::try_from(8 * MIB).unwrap();
    let error = soon(far.recv_payload(len, len)).await.unwrap_err();
    assert_eq!(error, StreamError::Reset { code: pouch_net::ResetCode::TooSlow });
}

async fn a_sender_that_was_cancelled_within_a_frame_sends_nothing_more(by: Transport) {
    let (_relay, _dialer, ours, theirs) = pair_by(Limits::default(), by).await;
    let (mut near, mut far) = stream(&ours, &theirs).await;
    let payload = sample(8 * MIB);
    // Polled until it must wait for the peer to read, and dropped there.
    tokio::select! {
        biased;
        sent = near.send_payload(&payload) => panic!("all sent and nothing read: {sent:?}"),
        () = std::future::ready(()) => {}
    }
    let error = soon(near.send_message(&Published { index: 2 })).await.unwrap_err();
    assert_eq!(error, StreamError::Closed);
    let len = u64::try_from(payload.len()).unwrap();
    let error = soon(far.recv_payload(len, len)).await.unwrap_err();
    assert_eq!(error, StreamError::Reset { code: pouch_net::ResetCode::Abandoned });
}

on_both! {
    a_payload_of_1_mib_arrives_intact
    the_relay_sends_payloads_too
    an_empty_payload_has_no_pieces
    a_payload_longer_than_announced_is_refused_and_the_next_stream_works
    a_payload_shorter_than_announced_is_refused
    a_payload_over_the_limit_is_refused_before_it_is_read
    crumbs_are_refused
    another_frame_within_a_payload_is_refused
    a_payload_that_does_not_come_is_refused_at_its_deadline
    a_peer_that_does_not_read_stops_the_sender_at_its_deadline
    a_sender_that_was_cancelled_within_a_frame_sends_nothing_more
}
