//! Two ends in memory, and hostile ones.

#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::tcp::frame::{Broken, DATA_MAX, Frame, Signal};

/// Both ends of a session, and what is on its way.
struct Pair {
    near: Mux,
    far: Mux,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self { near: Mux::new(End::Dials, 16), far: Mux::new(End::Answers, 16) };
        pair.settle();
        pair
    }

    /// Carries everything over that may go.
    fn settle(&mut self) {
        loop {
            let (one, other) = (self.near.next_frame(), self.far.next_frame());
            if one.is_none() && other.is_none() {
                return;
            }
            one.into_iter().for_each(|frame| self.far.on_frame(frame).unwrap());
            other.into_iter().for_each(|frame| self.near.on_frame(frame).unwrap());
        }
    }

    /// A stream, known at both ends.
    fn stream(&mut self) -> (u64, u64) {
        let near = self.near.open().unwrap();
        assert_eq!(self.near.write(near, &Bytes::from_static(b"!")), Wrote::Taken);
        self.settle();
        let far = self.far.accept().unwrap();
        assert_eq!(self.far.read(far, 9), Read::Bytes(Bytes::from_static(b"!")));
        (near, far)
    }
}

fn bytes(len: usize) -> Bytes {
    Bytes::from(vec![7; len])
}

fn held(mux: &Mux) -> usize {
    mux.lines.values().map(|line| line.inbox.len()).sum()
}

#[test]
fn the_one_who_dials_is_silent_until_it_is_accepted() {
    let mut near = Mux::new(End::Dials, 16);
    near.ping(1);
    assert_eq!(near.open(), None);
    assert_eq!(near.next_frame(), None);
    near.on_frame(Frame::of(0, Signal::Streams(16))).unwrap();
    assert_eq!(near.next_frame(), Some(Frame::of(0, Signal::Streams(16))));
    assert_eq!(near.next_frame(), Some(Frame::of(0, Signal::Ping(1))));
}

#[test]
fn the_more_urgent_goes_first_and_within_a_message() {
    let mut pair = Pair::new();
    let ((large, _), (flash, _)) = (pair.stream(), pair.stream());
    pair.near.set_priority(flash, 3);
    assert_eq!(pair.near.write(large, &bytes(64 * 1024)), Wrote::Taken);
    let number = |frame: Frame| (frame.stream, matches!(frame.signal, Signal::Data(_)));
    assert_eq!(pair.near.next_frame().map(number), Some((1, true)));
    assert_eq!(pair.near.write(flash, &bytes(6000)), Wrote::Taken);
    let next: Vec<_> = (0..3).filter_map(|_| pair.near.next_frame().map(number)).collect();
    assert_eq!(next, [(3, true), (3, true), (1, true)]);
}

#[test]
fn streams_of_one_precedence_take_turns() {
    let mut pair = Pair::new();
    let ((one, _), (other, _)) = (pair.stream(), pair.stream());
    pair.near.write(one, &bytes(16 * 1024));
    pair.near.write(other, &bytes(16 * 1024));
    let turns: Vec<_> = (0..6).filter_map(|_| pair.near.next_frame().map(|frame| frame.stream)).collect();
    assert_eq!(turns, [1, 3, 1, 3, 1, 3]);
}

#[test]
fn an_urgent_stream_that_nobody_reads_holds_up_no_other() {
    let mut pair = Pair::new();
    let ((flash, _), (routine, far)) = (pair.stream(), pair.stream());
    pair.near.set_priority(flash, 3);
    // Nobody reads the flash: it fills its window, and waits.
    while pair.near.write(flash, &bytes(64 * 1024)) == Wrote::Taken {
        pair.settle();
    }
    assert_eq!(pair.near.write(routine, &bytes(100)), Wrote::Taken);
    pair.settle();
    assert_eq!(pair.far.read(far, 1000), Read::Bytes(bytes(100)));
    assert!(held(&pair.far) <= STREAM_WINDOW as usize);
}

#[test]
fn windows_open_again_as_the_peer_reads() {
    let mut pair = Pair::new();
    let (near, far) = pair.stream();
    let (mut sent, mut came) = (0, 0);
    while came < 20 * 1024 * 1024 {
        if pair.near.write(near, &bytes(64 * 1024)) == Wrote::Taken {
            sent += 64 * 1024;
        }
        pair.settle();
        while let Read::Bytes(bytes) = pair.far.read(far, 10_000) {
            came += bytes.len();
        }
    }
    assert!(sent >= came);
}

#[test]
fn what_is_thrown_away_is_granted_anew() {
    let mut pair = Pair::new();
    for _ in 0..100 {
        let (near, far) = pair.stream();
        pair.near.write(near, &bytes(64 * 1024));
        pair.settle();
        // Unread, and nobody wants it: ten times the session's window in all.
        pair.far.stop(far, 1);
        pair.far.reset(far, 1);
        pair.far.leave(far);
        pair.settle();
        assert_eq!(pair.near.write(near, &bytes(1)), Wrote::Stopped(1));
        pair.near.stop(near, 0);
        pair.near.leave(near);
        pair.settle();
    }
    assert_eq!((pair.near.streams(), pair.far.streams()), (0, 0));
}

#[test]
fn an_end_frees_the_place_of_its_stream_and_nothing_before_it() {
    let mut pair = Pair::new();
    let streams: Vec<_> = (0..16).map(|_| pair.stream()).collect();
    assert_eq!(pair.near.open(), None, "a seventeenth");
    let (near, far) = streams[4];
    assert!(pair.near.finish(near));
    pair.settle();
    assert_eq!(pair.far.read(far, 9), Read::End);
    assert_eq!(pair.near.open(), None, "the answer is not there yet");
    assert!(pair.far.finish(far));
    pair.far.leave(far);
    pair.settle();
    assert!(pair.near.open().is_some());
}

#[test]
fn a_stream_that_was_never_used_is_no_stream() {
    let mut pair = Pair::new();
    for _ in 0..100 {
        let near = pair.near.open().unwrap();
        pair.near.reset(near, 1);
        pair.near.stop(near, 1);
        pair.near.leave(near);
        pair.settle();
    }
    assert_eq!(pair.far.accept(), None);
    assert_eq!(pair.near.streams(), 0);
}

#[test]
fn a_reset_is_no_end_and_takes_what_was_not_read_with_it() {
    let mut pair = Pair::new();
    let (near, far) = pair.stream();
    pair.near.write(near, &bytes(100));
    pair.settle();
    pair.near.reset(near, 4);
    pair.settle();
    assert_eq!(pair.far.read(far, 9), Read::Reset(4));
    assert_eq!(pair.near.write(near, &bytes(1)), Wrote::Closed);
    assert!(!pair.near.finish(near));
}

#[test]
fn after_the_last_word_there_is_silence() {
    let mut pair = Pair::new();
    let (near, _) = pair.stream();
    pair.near.write(near, &bytes(100));
    pair.near.close(5, b"busy");
    let last = pair.near.next_frame().unwrap();
    assert_eq!(last, Frame::of(0, Signal::Close { code: 5, reason: Bytes::from_static(b"busy") }));
    assert_eq!(pair.near.next_frame(), None);
    pair.far.on_frame(last).unwrap();
    assert_eq!(pair.far.closed_by_peer(), Some(&(5, Bytes::from_static(b"busy"))));
}

#[test]
fn a_number_of_streams_is_not_taken_back() {
    let mut pair = Pair::new();
    let broken = pair.near.on_frame(Frame::of(0, Signal::Streams(15)));
    assert_eq!(broken, Err(Broken("a number of streams that was taken back")));
}

/// What two ends may do with a stream.
#[derive(Debug, Clone)]
enum Act {
    Open,
    Write(usize, usize),
    Finish(usize),
    Read(usize, usize),
    Carry(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Open),
        (0usize..8, 1usize..70_000).prop_map(|(at, len)| Act::Write(at, len)),
        (0usize..8).prop_map(Act::Finish),
        (0usize..8, 1usize..70_000).prop_map(|(at, len)| Act::Read(at, len)),
        (1usize..60).prop_map(Act::Carry),
    ]
}

proptest! {
    /// Whatever is written, in whatever order it is carried and read, comes out whole and in order.
    #[test]
    fn every_stream_brings_its_bytes_in_order(acts in proptest::collection::vec(act(), 1..120)) {
        let mut pair = Pair::new();
        let mut streams: Vec<(u64, u64, usize, usize, bool)> = Vec::new();
        let pattern = |from: usize, len: usize| -> Bytes {
            (from..from + len).map(|at| (at % 251) as u8).collect()
        };
        for act in acts {
            let at = |n: usize| (!streams.is_empty()).then(|| n % streams.len().max(1));
            match act {
                Act::Open => if streams.len() < 8 {
                    let (near, far) = pair.stream();
                    streams.push((near, far, 0, 0, false));
                },
                Act::Write(n, len) => if let Some(at) = at(n) {
                    let (near, _, sent, _, _) = &mut streams[at];
                    if pair.near.write(*near, &pattern(*sent, len)) == Wrote::Taken { *sent += len; }
                },
                Act::Finish(n) => if let Some(at) = at(n) {
                    streams[at].4 |= pair.near.finish(streams[at].0);
                },
                Act::Read(n, max) => if let Some(at) = at(n) {
                    let (_, far, _, came, _) = &mut streams[at];
                    if let Read::Bytes(got) = pair.far.read(*far, max) {
                        prop_assert_eq!(&got, &pattern(*came, got.len()));
                        *came += got.len();
                    }
                },
                Act::Carry(count) => for _ in 0..count {
                    if let Some(frame) = pair.near.next_frame() { pair.far.on_frame(frame).unwrap(); }
                    if let Some(frame) = pair.far.next_frame() { pair.near.on_frame(frame).unwrap(); }
                },
            }
            prop_assert!(held(&pair.far) <= SESSION_WINDOW as usize);
        }
        for (_, far, sent, mut came, finished) in streams {
            loop {
                pair.settle();
                match pair.far.read(far, 100_000) {
                    Read::Bytes(got) => {
                        prop_assert_eq!(&got, &pattern(came, got.len()));
                        came += got.len();
                    }
                    end => {
                        prop_assert_eq!(end, if finished { Read::End } else { Read::Wait });
                        break;
                    }
                }
            }
            prop_assert_eq!(came, sent);
        }
    }

    /// Whatever a peer sends, what it makes us hold is bounded.
    #[test]
    fn a_hostile_peer_costs_no_more_than_its_windows(
        frames in proptest::collection::vec((0u32..40, 0u8..9, any::<u32>(), 1usize..DATA_MAX), 1..400),
    ) {
        let mut mux = Mux::new(End::Answers, 16);
        let mut keys = Vec::new();
        for (stream, kind, n, len) in frames {
            let signal = match kind {
                0 | 6 | 7 => Signal::Data(bytes(len)),
                1 => Signal::End,
                2 => Signal::Reset(n.into()),
                3 => Signal::Stop(n.into()),
                4 => Signal::Window(n % 100_000),
                _ => Signal::Ping(n.into()),
            };
            let session = matches!(signal, Signal::Ping(_)) || (kind == 4 && n % 2 == 0);
            if mux.on_frame(Frame::of(if session { 0 } else { stream.max(1) }, signal)).is_err() {
                break;
            }
            keys.extend(mux.accept());
            if n % 7 == 0 && let Some(key) = keys.pop() {
                mux.reset(key, 0);
                mux.stop(key, 0);
                mux.leave(key);
            }
            if n % 3 == 0 { mux.next_frame(); }
            prop_assert!(held(&mux) <= SESSION_WINDOW as usize);
            prop_assert!(mux.lines.len() <= 16, "{}", mux.lines.len());
        }
    }
}
