//! Frames: how values follow each other on a stream.
//!
//! A frame is one byte of kind, four bytes of length (big-endian) and that many bytes of body. A kind
//! that is not known, or a length over the kind's limit, ends the stream before a byte of body is
//! kept. However the bytes are cut into pieces, the frames that come out are the same.

use crate::{Canonical, DecodeError, EncodeError, limits};

/// What a frame carries. The numbers are part of the protocol and are never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// A piece of a payload.
    Chunk = 1,
    /// [`crate::session::Submit`].
    Submit = 2,
    /// [`crate::session::Accepted`].
    Accepted = 3,
    /// [`crate::session::Refused`].
    Refused = 4,
    /// [`crate::session::Deliver`].
    Deliver = 5,
    /// [`crate::session::Taken`].
    Taken = 6,
    /// [`crate::session::Attach`].
    Attach = 7,
    /// [`crate::session::Attached`].
    Attached = 8,
    /// [`crate::session::Changed`].
    Changed = 9,
    /// [`crate::session::ReadLog`].
    ReadLog = 10,
    /// [`crate::session::LogEntries`].
    LogEntries = 11,
    /// [`crate::session::ReadProof`].
    ReadProof = 12,
    /// [`crate::session::Proof`].
    Proof = 13,
    /// [`crate::session::Publish`].
    Publish = 14,
    /// [`crate::session::Published`].
    Published = 15,
    /// [`crate::session::Cosign`].
    Cosign = 16,
    /// [`crate::session::Cosigned`].
    Cosigned = 17,
    /// [`crate::session::ReadConsistency`].
    ReadConsistency = 18,
    /// [`crate::session::Consistency`].
    Consistency = 19,
    /// [`crate::session::Beacon`].
    Beacon = 20,
    /// [`crate::session::BeaconKept`].
    BeaconKept = 21,
    /// [`crate::session::BeaconFor`].
    BeaconFor = 22,
}

impl FrameKind {
    /// All kinds.
    pub const ALL: [Self; 22] = [
        Self::Chunk,
        Self::Submit,
        Self::Accepted,
        Self::Refused,
        Self::Deliver,
        Self::Taken,
        Self::Attach,
        Self::Attached,
        Self::Changed,
        Self::ReadLog,
        Self::LogEntries,
        Self::ReadProof,
        Self::Proof,
        Self::Publish,
        Self::Published,
        Self::Cosign,
        Self::Cosigned,
        Self::ReadConsistency,
        Self::Consistency,
        Self::Beacon,
        Self::BeaconKept,
        Self::BeaconFor,
    ];

    /// The kind of a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The longest body of this kind, in bytes.
    #[must_use]
    pub const fn body_bytes_max(self) -> usize {
        match self {
            Self::Chunk => limits::FRAME_BYTES,
            Self::Submit | Self::Deliver => limits::HEAD_BYTES,
            Self::Accepted | Self::Proof => limits::CHECKPOINT_BYTES,
            Self::Refused | Self::Taken | Self::Attach | Self::Attached | Self::Changed => 2048,
            Self::ReadLog | Self::ReadProof | Self::Published | Self::ReadConsistency | Self::BeaconKept => {
                256
            }
            Self::LogEntries => limits::LOG_ANSWER_BYTES,
            Self::Publish => limits::STATEMENT_BYTES + 64,
            Self::Cosign | Self::Cosigned | Self::Consistency => limits::CHECKPOINT_BYTES + 4096,
            Self::Beacon => limits::BEACON_BYTES + limits::BEACON_PEERS * 104 + 128,
            Self::BeaconFor => limits::BEACON_BYTES + limits::PROOF_HASHES * 32 + 256,
        }
    }
}

/// Why bytes are not a frame, or a frame not the value that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No kind has this number.
    #[error("unknown frame kind {number}")]
    UnknownKind {
        /// The number that came.
        number: u8,
    },
    /// The length is over the kind's limit.
    #[error("frame {kind:?}: {len} bytes, at most {max} allowed")]
    TooLong {
        /// The frame's kind.
        kind: FrameKind,
        /// The announced length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Another kind was expected here.
    #[error("expected a frame {expected:?}, got {got:?}")]
    Unexpected {
        /// What should have come.
        expected: FrameKind,
        /// What came.
        got: FrameKind,
    },
    /// The body is not the canonical form of its kind's value.
    #[error(transparent)]
    Body(#[from] DecodeError),
}

/// A kind and a body within its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    kind: FrameKind,
    body: Vec<u8>,
}

/// Bytes before the body: kind and length.
const HEAD: usize = 5;

/// A value that travels as one frame.
pub trait Message: Canonical {
    /// The kind of frame that carries it.
    const KIND: FrameKind;
}

impl Frame {
    /// The frame of a value.
    ///
    /// # Errors
    /// When the value is larger than its kind may be.
    pub fn of<M: Message>(message: &M) -> Result<Self, EncodeError> {
        Ok(Self { kind: M::KIND, body: message.to_bytes()? })
    }

    /// A piece of payload, of at most [`limits::FRAME_BYTES`].
    ///
    /// # Errors
    /// When the piece is longer.
    pub fn chunk(piece: &[u8]) -> Result<Self, EncodeError> {
        if piece.len() > limits::FRAME_BYTES {
            return Err(EncodeError { name: "chunk", max: limits::FRAME_BYTES });
        }
        Ok(Self { kind: FrameKind::Chunk, body: piece.to_vec() })
    }

    /// What it carries.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The body's bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The value inside, if the frame is of its kind.
    ///
    /// # Errors
    /// When the kind is another, or the body is not canonical.
    pub fn read<M: Message>(&self) -> Result<M, FrameError> {
        if self.kind != M::KIND {
            return Err(FrameError::Unexpected { expected: M::KIND, got: self.kind });
        }
        Ok(M::from_bytes(&self.body)?)
    }

    /// The five bytes that stand before the body.
    #[must_use]
    pub fn head(&self) -> [u8; HEAD] {
        let len = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        let [a, b, c, d] = len.to_be_bytes();
        [self.kind.number(), a, b, c, d]
    }

    /// Kind, length and body.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len().saturating_add(HEAD));
        bytes.extend_from_slice(&self.head());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Reads a frame's five first bytes: its kind and the length of its body.
    ///
    /// # Errors
    /// When the kind is unknown or the length over its limit.
    pub fn parse_head(head: [u8; HEAD]) -> Result<(FrameKind, usize), FrameError> {
        let [number, a, b, c, d] = head;
        let kind = FrameKind::from_number(number).ok_or(FrameError::UnknownKind { number })?;
        let max = kind.body_bytes_max();
        let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if len > max { Err(FrameError::TooLong { kind, len, max }) } else { Ok((kind, len)) }
    }

    /// Joins a head that was parsed and the body that followed it.
    ///
    /// # Errors
    /// When the body is over the kind's limit.
    pub fn from_parts(kind: FrameKind, body: Vec<u8>) -> Result<Self, FrameError> {
        let max = kind.body_bytes_max();
        if body.len() > max {
            return Err(FrameError::TooLong { kind, len: body.len(), max });
        }
        Ok(Self { kind, body })
    }
}

/// Turns pieces of a stream into frames, whatever the pieces are.
#[derive(Debug, Default)]
pub struct FrameReader {
    pending: Vec<u8>,
    broken: Option<FrameError>,
}

impl FrameReader {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        if self.broken.is_none() {
            self.pending.extend_from_slice(piece);
        }
    }

    /// The next whole frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The first error ends the stream: the same is returned from then on.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.take().inspect_err(|error| {
            self.pending = Vec::new();
            self.broken = Some(error.clone());
        })
    }

    /// Whether every byte so far belonged to a whole frame.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.pending.is_empty() && self.broken.is_none()
    }

    fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some((head, rest)) = self.pending.split_first_chunk::<HEAD>() else { return Ok(None) };
        let (kind, len) = Frame::parse_head(*head)?;
        let Some(body) = rest.get(..len) else { return Ok(None) };
        let frame = Frame::from_parts(kind, body.to_vec())?;
        self.pending.drain(..HEAD.saturating_add(len));
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{LogName, Published, ReadLog};
    use proptest::prelude::*;

    fn stream() -> Vec<Frame> {
        vec![
            Frame::of(&Published { index: 7 }).unwrap(),
            Frame::chunk(&[1; 300]).unwrap(),
            Frame::of(&ReadLog { log: LogName::Directory, from: 1, count: 2 }).unwrap(),
            Frame::chunk(&[]).unwrap(),
        ]
    }

    #[test]
    fn numbers_are_distinct_and_found_again() {
        for kind in FrameKind::ALL {
            assert_eq!(FrameKind::from_number(kind.number()), Some(kind));
        }
        assert_eq!(FrameKind::from_number(0), None);
        assert_eq!(FrameKind::from_number(0xee), None);
    }

    #[test]
    fn an_unknown_kind_ends_the_stream() {
        let mut reader = FrameReader::new();
        reader.push(&[0xee, 0, 0, 0, 0]);
        assert_eq!(reader.next_frame(), Err(FrameError::UnknownKind { number: 0xee }));
        reader.push(&stream()[0].to_bytes());
        assert_eq!(reader.next_frame(), Err(FrameError::UnknownKind { number: 0xee }));
    }

    #[test]
    fn a_length_over_the_limit_ends_the_stream_before_its_body() {
        let mut reader = FrameReader::new();
        reader.push(&[FrameKind::Chunk.number(), 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(reader.next_frame(), Err(FrameError::TooLong { kind: FrameKind::Chunk, .. })));
    }

    #[test]
    fn another_kind_than_expected_is_refused() {
        let frame = &stream()[0];
        assert_eq!(
            frame.read::<ReadLog>(),
            Err(FrameError::Unexpected { expected: FrameKind::ReadLog, got: FrameKind::Published })
        );
        assert_eq!(frame.read::<Published>(), Ok(Published { index: 7 }));
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(cuts in proptest::collection::vec(1usize..40, 1..60)) {
            let bytes: Vec<u8> = stream().iter().flat_map(Frame::to_bytes).collect();
            let mut reader = FrameReader::new();
            let mut got = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                reader.push(piece);
                rest = later;
                while let Some(frame) = reader.next_frame().unwrap() { got.push(frame); }
            }
            prop_assert_eq!(got, stream());
            prop_assert!(reader.is_between_frames());
        }
    }
}
