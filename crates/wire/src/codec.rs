//! The one codec: bincode 2 behind a door that only canonical bytes pass.
//!
//! bincode alone accepts trailing bytes and non-minimal integers; [`Canonical::from_bytes`] refuses
//! both by re-encoding what it decoded and comparing. Limits hold before anything is allocated.

use serde::{Serialize, de::DeserializeOwned};

/// Why bytes are not the canonical form of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than a value of this kind may have. The sender is at fault.
    #[error("{name}: {len} bytes, at most {max} allowed")]
    TooLong {
        /// The kind of value.
        name: &'static str,
        /// How many bytes came.
        len: usize,
        /// How many may come.
        max: usize,
    },
    /// The bytes are cut short, carry an unknown tag, or break a limit inside.
    #[error("{name}: malformed")]
    Malformed {
        /// The kind of value.
        name: &'static str,
    },
    /// Bytes follow the value.
    #[error("{name}: {extra} bytes after the end")]
    Trailing {
        /// The kind of value.
        name: &'static str,
        /// How many bytes are left over.
        extra: usize,
    },
    /// The bytes decode, but the value encodes differently (for example a non-minimal integer).
    #[error("{name}: not in canonical form")]
    NotCanonical {
        /// The kind of value.
        name: &'static str,
    },
}

/// Why a value has no canonical bytes: it is larger than its kind may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: more than {max} bytes")]
pub struct EncodeError {
    /// The kind of value.
    pub name: &'static str,
    /// How many bytes it may have.
    pub max: usize,
}

/// What [`Canonical::decode_bounded`] says of bytes that it cannot read; the caller names the kind.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct NotDecoded;

/// A value with exactly one encoding, of at most [`Canonical::MAX_BYTES`].
///
/// Implemented with [`canonical!`](crate::canonical); the layout of each type is written down in
/// `docs/PROTOCOL.md` and pinned by the files in `tests/vectors/wire/`.
pub trait Canonical: Serialize + DeserializeOwned + Sized {
    /// What the value is called in errors and documentation.
    const NAME: &'static str;
    /// The largest encoding that is read or written, in bytes.
    const MAX_BYTES: usize;

    #[doc(hidden)]
    fn decode_bounded(bytes: &[u8]) -> Result<(Self, usize), NotDecoded>;

    /// The canonical bytes.
    ///
    /// # Errors
    /// When the value is larger than its kind may be.
    fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let too_large = EncodeError { name: Self::NAME, max: Self::MAX_BYTES };
        let bytes = bincode::serde::encode_to_vec(self, bincode::config::standard())
            .map_err(|_| too_large.clone())?;
        if bytes.len() > Self::MAX_BYTES { Err(too_large) } else { Ok(bytes) }
    }

    /// Reads a value from exactly its canonical bytes.
    ///
    /// # Errors
    /// When the bytes are too many, malformed, followed by others, or not canonical.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let name = Self::NAME;
        if bytes.len() > Self::MAX_BYTES {
            return Err(DecodeError::TooLong { name, len: bytes.len(), max: Self::MAX_BYTES });
        }
        let (value, used) = Self::decode_bounded(bytes).map_err(|NotDecoded| DecodeError::Malformed { name })?;
        let extra = bytes.len().saturating_sub(used);
        if extra > 0 {
            return Err(DecodeError::Trailing { name, extra });
        }
        match value.to_bytes() {
            Ok(again) if again == bytes => Ok(value),
            _ => Err(DecodeError::NotCanonical { name }),
        }
    }
}

/// Implements [`Canonical`] for a serde type: `canonical!(Header, "header", limits::HEADER_BYTES);`
#[macro_export]
macro_rules! canonical {
    ($type:ty, $name:literal, $max:expr) => {
        impl $crate::Canonical for $type {
            const NAME: &'static str = $name;
            const MAX_BYTES: usize = $max;
            fn decode_bounded(bytes: &[u8]) -> Result<(Self, usize), $crate::macros::NotDecoded> {
                use $crate::macros::bincode;
                // WHY: bincode counts decoded memory as well as input; the factor covers values that
                // are wider in memory than on the wire. The input itself is bounded before this.
                const LIMIT: usize = ($max) * 8 + 4096;
                let config = bincode::config::standard().with_limit::<LIMIT>();
                bincode::serde::decode_from_slice(bytes, config).map_err(|_| $crate::macros::NotDecoded)
            }
        }
    };
}
