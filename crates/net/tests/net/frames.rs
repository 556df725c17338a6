//! What a stream refuses, each with its own error, and that the session goes on.

use std::time::Duration;

use pouch_net::{Limits, ResetCode, Session, Stream, StreamError};
use pouch_wire::session::{Published, ReadLog};
use pouch_wire::{DecodeError, Frame, FrameError, FrameKind};
use quinn::{Connection, Endpoint, SendStream};

use crate::ends::*;
use crate::raw::RawClient;

/// A client that writes bytes as it likes, and the relay's session with it.
struct Wild {
    _relay: Relay,
    _endpoint: Endpoint,
    connection: Connection,
    session: Session,
}

impl Wild {
    async fn start(limits: Limits) -> Self {
        let mut relay = Relay::with(local(), limits);
        let (endpoint, connection) = RawClient::honest(NL).connect(relay.addr()).await;
        let session = relay.session().await;
        Self { _relay: relay, _endpoint: endpoint, connection: connection.unwrap(), session }
    }

    /// Writes bytes on a new stream, and what the relay has of it.
    async fn write(&self, bytes: &[u8]) -> (SendStream, Stream) {
        let (mut send, _recv) = soon(self.connection.open_bi()).await.unwrap();
        send.write_all(bytes).await.unwrap();
        (send, soon(self.session.accept()).await.unwrap())
    }

    async fn write_and_finish(&self, bytes: &[u8]) -> Stream {
        let (mut send, _recv) = soon(self.connection.open_bi()).await.unwrap();
        send.write_all(bytes).await.unwrap();
        send.finish().unwrap();
        soon(self.session.accept()).await.unwrap()
    }

    /// Whatever happened on other streams, the next one works.
    async fn next_stream_works(&self) {
        let frame = Frame::of(&Published { index: 7 }).unwrap();
        let mut stream = self.write_and_finish(&frame.to_bytes()).await;
        assert_eq!(soon(stream.recv_message::<Published>()).await, Ok(Published { index: 7 }));
        assert_eq!(soon(stream.recv()).await, Ok(None));
    }
}

#[tokio::test]
async fn an_unknown_kind_is_refused_and_the_next_stream_works() {
    let wild = Wild::start(Limits::default()).await;
    let (send, mut stream) = wild.write(&[0xee, 0, 0, 0, 0]).await;
    let error = soon(stream.recv()).await.unwrap_err();
    assert_eq!(error, StreamError::Frame(FrameError::UnknownKind { number: 0xee }));
    assert_eq!(error.code(), "POUCH-NET-40");
    // The peer is told to stop, and why.
    let stopped = soon(send.stopped()).await.unwrap().unwrap();
    assert_eq!(ResetCode::from_number(stopped.into_inner()), ResetCode::Protocol);
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_length_over_its_limit_is_refused_before_the_body() {
    let wild = Wild::start(Limits::default()).await;
    let (_send, mut stream) = wild.write(&[FrameKind::Chunk.number(), 0xff, 0xff, 0xff, 0xff]).await;
    let error = soon(stream.recv()).await.unwrap_err();
    let expected = FrameError::TooLong { kind: FrameKind::Chunk, len: 0xffff_ffff, max: 65_536 };
    assert_eq!(error, StreamError::Frame(expected));
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_truncated_body_is_refused() {
    let wild = Wild::start(Limits::default()).await;
    let bytes = Frame::chunk(&[1; 100]).unwrap().to_bytes();
    let mut stream = wild.write_and_finish(&bytes[..50]).await;
    assert_eq!(soon(stream.recv()).await, Err(StreamError::Truncated { came: 50, expected: 105 }));
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_truncated_head_is_refused() {
    let wild = Wild::start(Limits::default()).await;
    let mut stream = wild.write_and_finish(&[FrameKind::Chunk.number(), 0]).await;
    assert_eq!(soon(stream.recv()).await, Err(StreamError::Truncated { came: 2, expected: 5 }));
    wild.next_stream_works().await;
}

#[tokio::test]
async fn an_empty_stream_is_an_end_and_not_a_message() {
    let wild = Wild::start(Limits::default()).await;
    let mut stream = wild.write_and_finish(&[]).await;
    assert_eq!(soon(stream.recv()).await, Ok(None));
    let mut stream = wild.write_and_finish(&[]).await;
    let error = soon(stream.recv_message::<ReadLog>()).await.unwrap_err();
    assert_eq!(error, StreamError::Ended { expected: FrameKind::ReadLog });
    wild.next_stream_works().await;
}

#[tokio::test]
async fn another_kind_than_expected_is_refused() {
    let wild = Wild::start(Limits::default()).await;
    let bytes = Frame::of(&Published { index: 7 }).unwrap().to_bytes();
    let mut stream = wild.write_and_finish(&bytes).await;
    let error = soon(stream.recv_message::<ReadLog>()).await.unwrap_err();
    let expected = FrameError::Unexpected { expected: FrameKind::ReadLog, got: FrameKind::Published };
    assert_eq!(error, StreamError::Frame(expected));
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_body_that_is_not_canonical_is_refused() {
    let wild = Wild::start(Limits::default()).await;
    // 7 as a three-byte integer.
    let bytes = [FrameKind::Published.number(), 0, 0, 0, 3, 0xfb, 7, 0];
    let mut stream = wild.write_and_finish(&bytes).await;
    let error = soon(stream.recv_message::<Published>()).await.unwrap_err();
    assert_eq!(error, StreamError::Frame(FrameError::Body(DecodeError::NotCanonical { name: "published" })));
    assert_eq!(error.code(), "POUCH-NET-43");
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_frame_after_the_last_is_refused() {
    let wild = Wild::start(Limits::default()).await;
    let frame = Frame::of(&Published { index: 7 }).unwrap().to_bytes();
    let mut stream = wild.write_and_finish(&[frame.clone(), frame].concat()).await;
    soon(stream.recv_message::<Published>()).await.unwrap();
    assert_eq!(soon(stream.recv_end()).await, Err(StreamError::Trailing { kind: FrameKind::Published }));
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_stream_that_is_cut_off_is_no_end() {
    let wild = Wild::start(Limits::default()).await;
    let (mut send, mut stream) = wild.write(&[FrameKind::Chunk.number()]).await;
    send.reset(4u32.into()).unwrap();
    assert_eq!(soon(stream.recv()).await, Err(StreamError::Reset { code: ResetCode::Refused }));
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_refused_at_its_deadline() {
    let head = Duration::from_millis(50);
    let wild = Wild::start(Limits { head, ..Limits::default() }).await;
    // An opened stream must be seen, so one byte of the head comes, and no more.
    let (_send, mut stream) = wild.write(&[FrameKind::Chunk.number()]).await;
    let error = soon(stream.recv()).await.unwrap_err();
    assert_eq!(error, StreamError::TooSlow { what: "receiving", within: head });
    assert_eq!(error.code(), "POUCH-NET-47");
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused_at_its_deadline() {
    let limits = Limits { head: Duration::from_millis(50), bytes_per_second: 1 << 20, ..Limits::default() };
    let wild = Wild::start(limits).await;
    let (_send, mut stream) = wild.write(&[FrameKind::Chunk.number(), 0, 1, 0, 0, 1, 2, 3]).await;
    let within = Duration::from_micros(112_000);
    let error = soon(stream.recv()).await.unwrap_err();
    assert_eq!(error, StreamError::TooSlow { what: "receiving", within });
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_deadline_of_the_callers_own_holds_instead() {
    let wild = Wild::start(Limits::default()).await;
    let (_send, stream) = wild.write(&[FrameKind::Chunk.number()]).await;
    let within = Duration::from_millis(50);
    let error = soon(stream.with_deadline(within).recv()).await.unwrap_err();
    assert_eq!(error, StreamError::TooSlow { what: "receiving", within });
    wild.next_stream_works().await;
}

#[tokio::test]
async fn a_receiver_that_was_cancelled_loses_no_byte() {
    let wild = Wild::start(Limits::default()).await;
    let bytes = Frame::of(&Published { index: 70_000 }).unwrap().to_bytes();
    let (mut send, mut stream) = wild.write(&bytes[..1]).await;
    for byte in &bytes[1..] {
        // Polled once and dropped: whatever had come by then must be kept.
        tokio::select! {
            biased;
            frame = stream.recv() => panic!("whole before its last byte: {frame:?}"),
            () = std::future::ready(()) => {}
        }
        send.write_all(&[*byte]).await.unwrap();
    }
    assert_eq!(soon(stream.recv_message::<Published>()).await, Ok(Published { index: 70_000 }));
}

#[tokio::test]
async fn a_peer_may_have_sixteen_streams_and_no_more() {
    let wild = Wild::start(Limits::default()).await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(wild.write(&[1]).await);
    }
    let opened = tokio::select! {
        biased;
        _ = wild.connection.open_bi() => true,
        () = std::future::ready(()) => false,
    };
    assert!(!opened, "a seventeenth stream");
    // Ended streams make room for others; QUIC says so once an eighth of them is over.
    for (mut send, stream) in streams.drain(..4) {
        send.finish().unwrap();
        drop(stream);
    }
    soon(wild.connection.open_bi()).await.unwrap();
}
