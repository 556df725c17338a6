//! What goes over a TCP connection: small frames, each of one stream or of the session itself.
//!
//! A head of seven bytes (kind, stream, length) and a body. Whatever is not exactly that ends the session;
//! nothing is held for a frame but what came of it.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Bytes of a head: kind, stream, length.
const HEAD: usize = 7;
/// The most that one frame of data carries.
pub(crate) const DATA_MAX: usize = 16 * 1024;
/// The most that a reason for closing has.
const REASON_MAX: usize = 120;

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Bytes of a stream.
    Data(Bytes),
    /// No more bytes of this stream.
    End,
    /// No more bytes of this stream, and not all that should have come.
    Reset(u64),
    /// Send no more on this stream.
    Stop(u64),
    /// So many more bytes may be sent: on this stream, or (stream 0) in all.
    Window(u32),
    /// So many streams may be opened, counted from the beginning.
    Streams(u32),
    /// Say that you are there.
    Ping(u64),
    /// I am here.
    Pong(u64),
    /// The session is over.
    Close {
        /// Why, as a number of the protocol.
        code: u64,
        /// For logs.
        reason: Bytes,
    },
}

/// A frame; stream 0 is the session itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) stream: u32,
    pub(crate) signal: Signal,
}

/// The peer broke the rules of this multiplexer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

impl Frame {
    pub(crate) const fn of(stream: u32, signal: Signal) -> Self {
        Self { stream, signal }
    }

    /// As it is sent.
    pub(crate) fn put(&self, out: &mut BytesMut) {
        let mut body = BytesMut::new();
        let kind = match &self.signal {
            Signal::Data(bytes) => return put(out, 0, self.stream, bytes),
            Signal::End => 1,
            Signal::Reset(code) => {
                body.put_u64(*code);
                2
            }
            Signal::Stop(code) => {
                body.put_u64(*code);
                3
            }
            Signal::Window(more) => {
                body.put_u32(*more);
                4
            }
            Signal::Streams(total) => {
                body.put_u32(*total);
                5
            }
            Signal::Ping(mark) => {
                body.put_u64(*mark);
                6
            }
            Signal::Pong(mark) => {
                body.put_u64(*mark);
                7
            }
            Signal::Close { code, reason } => {
                body.put_u64(*code);
                body.extend_from_slice(reason.get(..REASON_MAX).unwrap_or(reason));
                8
            }
        };
        put(out, kind, self.stream, &body);
    }
}

fn put(out: &mut BytesMut, kind: u8, stream: u32, body: &[u8]) {
    out.put_u8(kind);
    out.put_u32(stream);
    // No body is longer than DATA_MAX; a length that lied would break the session, not the peer.
    out.put_u16(u16::try_from(body.len()).unwrap_or(u16::MAX));
    out.extend_from_slice(body);
}

/// Bytes on their way in.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    bytes: BytesMut,
}

impl Decoder {
    /// Takes what came.
    pub(crate) fn push(&mut self, came: &[u8]) {
        self.bytes.extend_from_slice(came);
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Broken> {
        let Some(mut head) = self.bytes.get(..HEAD) else { return Ok(None) };
        let (kind, stream, len) = (head.get_u8(), head.get_u32(), usize::from(head.get_u16()));
        if !fits(kind, len) {
            return Err(Broken("a frame of no known kind and length"));
        }
        let whole = HEAD.saturating_add(len);
        if self.bytes.len() < whole {
            return Ok(None);
        }
        let mut body = self.bytes.split_to(whole).freeze();
        body.advance(HEAD);
        let signal = match kind {
            0 => Signal::Data(body),
            1 => Signal::End,
            2 => Signal::Reset(body.get_u64()),
            3 => Signal::Stop(body.get_u64()),
            4 => Signal::Window(body.get_u32()),
            5 => Signal::Streams(body.get_u32()),
            6 => Signal::Ping(body.get_u64()),
            7 => Signal::Pong(body.get_u64()),
            _ => Signal::Close { code: body.get_u64(), reason: body },
        };
        let of_session =
            matches!(signal, Signal::Streams(_) | Signal::Ping(_) | Signal::Pong(_) | Signal::Close { .. });
        // A window may be of either; all else is of one or the other.
        if !matches!(signal, Signal::Window(_)) && of_session != (stream == 0) {
            return Err(Broken("a frame on a stream where it does not belong"));
        }
        Ok(Some(Frame { stream, signal }))
    }
}

/// Whether a body of this kind may be so long.
const fn fits(kind: u8, len: usize) -> bool {
    match kind {
        0 => len >= 1 && len <= DATA_MAX,
        1 => len == 0,
        2 | 3 | 6 | 7 => len == 8,
        4 | 5 => len == 4,
        8 => len >= 8 && len <= 8 + REASON_MAX,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signal() -> impl Strategy<Value = Frame> {
        let data = proptest::collection::vec(any::<u8>(), 1..400);
        let reason = proptest::collection::vec(any::<u8>(), 0..=REASON_MAX);
        prop_oneof![
            (1u32.., data).prop_map(|(stream, data)| Frame::of(stream, Signal::Data(data.into()))),
            (1u32..).prop_map(|stream| Frame::of(stream, Signal::End)),
            (1u32.., any::<u64>()).prop_map(|(stream, code)| Frame::of(stream, Signal::Reset(code))),
            (1u32.., any::<u64>()).prop_map(|(stream, code)| Frame::of(stream, Signal::Stop(code))),
            (any::<u32>(), any::<u32>()).prop_map(|(stream, n)| Frame::of(stream, Signal::Window(n))),
            any::<u32>().prop_map(|n| Frame::of(0, Signal::Streams(n))),
            any::<u64>().prop_map(|n| Frame::of(0, Signal::Ping(n))),
            any::<u64>().prop_map(|n| Frame::of(0, Signal::Pong(n))),
            (any::<u64>(), reason)
                .prop_map(|(code, reason)| Frame::of(0, Signal::Close { code, reason: reason.into() })),
        ]
    }

    proptest! {
        #[test]
        fn frames_come_back_however_they_are_cut(
            frames in proptest::collection::vec(signal(), 1..12),
            cuts in proptest::collection::vec(1usize..90, 1..12),
        ) {
            let mut bytes = BytesMut::new();
            frames.iter().for_each(|frame| frame.put(&mut bytes));
            let (mut decoder, mut got, mut rest) = (Decoder::default(), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                decoder.push(piece);
                while let Some(frame) = decoder.next().unwrap() { got.push(frame); }
                rest = later;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(got, frames);
            prop_assert!(decoder.bytes.is_empty());
        }

        #[test]
        fn whatever_comes_is_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(frame)) = decoder.next() {
                let mut again = BytesMut::new();
                frame.put(&mut again);
                prop_assert!(again.len() >= HEAD && again.len() <= HEAD + DATA_MAX);
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_by_its_head_alone() {
        let refused = |head: [u8; HEAD]| {
            let mut decoder = Decoder::default();
            decoder.push(&head);
            decoder.next().unwrap_err().0
        };
        let no_such = "a frame of no known kind and length";
        assert_eq!(refused([9, 0, 0, 0, 1, 0, 0]), no_such);
        assert_eq!(refused([0, 0, 0, 0, 1, 0x40, 1]), no_such, "data beyond 16 KiB");
        assert_eq!(refused([0, 0, 0, 0, 1, 0, 0]), no_such, "data that is none");
        assert_eq!(refused([8, 0, 0, 0, 0, 0, 129]), no_such, "a reason that is a speech");
        assert_eq!(refused([1, 0, 0, 0, 0, 0, 0]), "a frame on a stream where it does not belong");
    }
}
