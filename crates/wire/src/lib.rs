//! Canonical bytes: one value, one encoding, and every limit in one place.
//!
//! This is the only crate that knows byte layout. It has no clock, no randomness, no files and no
//! sockets. What it hands out has passed its limits and would encode to the very bytes it came from;
//! it proves nothing about who wrote them.

mod bounded;
mod codec;
mod digest;
mod environment;
mod frame;
pub mod limits;
mod notice_type;
mod party;
mod precedence;
pub mod session;
mod time;
mod tlp;

pub use bounded::{Blob, Fixed, List, OutOfBounds, Set, Text};
pub use codec::{Canonical, DecodeError, EncodeError};
pub use digest::{Digest, EnvelopeId, KeyId, NetworkId, NotADigest, NoticeId, decode_hex, encode_hex};
pub use environment::{Environment, ExerciseId};
pub use frame::{Frame, FrameError, FrameKind, FrameReader, Message};
pub use notice_type::{NoticeType, UnknownNoticeType};
pub use party::{ContactPoint, Member, Office, PartyError};
pub use precedence::{Precedence, UnknownPrecedence};
pub use time::Timestamp;
pub use tlp::{Tlp, UnknownTlp};

#[doc(hidden)]
pub mod macros {
    pub use crate::codec::NotDecoded;
    pub use bincode;
}
