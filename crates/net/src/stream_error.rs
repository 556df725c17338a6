//! What can go wrong on one stream. The session and its other streams go on, unless it says
//! otherwise.

use core::time::Duration;

use pouch_wire::{EncodeError, FrameError, FrameKind};

use crate::code::ResetCode;
use crate::session::SessionError;

/// Why a stream did not carry what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The peer sent what is no frame, or another one than was expected.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The stream ended within a frame. The peer is at fault.
    #[error("the stream ended after {came} of {expected} bytes of a frame")]
    Truncated {
        /// Bytes that came, head included.
        came: usize,
        /// Bytes that the frame has.
        expected: usize,
    },
    /// The stream ended where a frame was expected.
    #[error("the stream ended where a frame {expected:?} was expected")]
    Ended {
        /// What should have come.
        expected: FrameKind,
    },
    /// A frame came after the last that was expected.
    #[error("a frame {kind:?} came after the last")]
    Trailing {
        /// What came.
        kind: FrameKind,
    },
    /// The peer was too slow to send or to take.
    #[error("{what} not over within {within:?}")]
    TooSlow {
        /// What was under way.
        what: &'static str,
        /// The limit.
        within: Duration,
    },
    /// The peer cut off its direction; what it had sent may be lost.
    #[error("the peer broke off: {code}")]
    Reset {
        /// Why.
        code: ResetCode,
    },
    /// The peer wants no more of what we send. An answer may still come.
    #[error("the peer stopped reading: {code}")]
    Stopped {
        /// Why.
        code: ResetCode,
    },
    /// The payload that the peer announced is larger than this request may have.
    #[error("payload of {len} bytes, at most {max} allowed")]
    PayloadTooLarge {
        /// The announced length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// More came than was announced.
    #[error("the payload is longer than the announced {announced} bytes")]
    PayloadTooLong {
        /// The announced length.
        announced: u64,
    },
    /// Less came than was announced.
    #[error("the payload ended after {came} of {announced} bytes")]
    PayloadTooShort {
        /// The announced length.
        announced: u64,
        /// What came.
        came: u64,
    },
    /// A piece of payload that is not the last must be full.
    #[error("a piece of payload with {len} bytes where {expected} were due")]
    PartialPiece {
        /// The piece's length.
        len: usize,
        /// The length that it should have.
        expected: usize,
    },
    /// Our own value is larger than its kind may be.
    #[error(transparent)]
    TooLarge(#[from] EncodeError),
    /// We send on a stream that we finished, reset, or left within a frame.
    #[error("this end of the stream is closed")]
    Closed,
    /// The whole session is over.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl StreamError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Frame(FrameError::UnknownKind { .. }) => "POUCH-NET-40",
            Self::Frame(FrameError::TooLong { .. }) => "POUCH-NET-41",
            Self::Frame(FrameError::Unexpected { .. }) => "POUCH-NET-42",
            Self::Frame(FrameError::Body(_)) => "POUCH-NET-43",
            Self::Truncated { .. } => "POUCH-NET-44",
            Self::Ended { .. } => "POUCH-NET-45",
            Self::Trailing { .. } => "POUCH-NET-46",
            Self::TooSlow { .. } => "POUCH-NET-47",
            Self::Reset { .. } => "POUCH-NET-48",
            Self::Stopped { .. } => "POUCH-NET-49",
            Self::PayloadTooLarge { .. } => "POUCH-NET-50",
            Self::PayloadTooLong { .. } => "POUCH-NET-51",
            Self::PayloadTooShort { .. } => "POUCH-NET-52",
            Self::PartialPiece { .. } => "POUCH-NET-53",
            Self::TooLarge(_) => "POUCH-NET-54",
            Self::Closed => "POUCH-NET-55",
            Self::Session(error) => error.code(),
        }
    }
}
