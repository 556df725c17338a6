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
        let (value, used) =
            Self::decode_bounded(bytes).map_err(|NotDecoded| DecodeError::Malformed { name })?;
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
                // WHY: borrowing, texts and blobs are looked at where they stand. Owned, they would be
                // allocated as long as a peer says they are before it is known whether they are there.
                bincode::serde::borrow_decode_from_slice(bytes, config)
                    .map_err(|_| $crate::macros::NotDecoded)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blob, ContactPoint, Digest, Environment, ExerciseId, Fixed, List, Set, Text, session};
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        number: u64,
        text: Text<8>,
        blob: Blob<4>,
        set: Set<u32, 3>,
        fixed: Fixed<3>,
    }
    crate::canonical!(Sample, "sample", 64);

    fn sample() -> Sample {
        Sample {
            number: 5,
            text: Text::new("abc").unwrap(),
            blob: Blob::new([1, 2]).unwrap(),
            set: Set::new([3, 1]).unwrap(),
            fixed: Fixed([7, 8, 9]),
        }
    }

    #[test]
    fn the_layout_is_what_the_specification_says() {
        assert_eq!(hex::encode(sample().to_bytes().unwrap()), "0503616263020102020103070809");
    }

    #[test]
    fn a_value_comes_back_from_its_bytes() {
        assert_eq!(Sample::from_bytes(&sample().to_bytes().unwrap()), Ok(sample()));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = sample().to_bytes().unwrap();
        bytes.push(0);
        assert_eq!(Sample::from_bytes(&bytes), Err(DecodeError::Trailing { name: "sample", extra: 1 }));
    }

    #[test]
    fn a_non_minimal_integer_is_refused() {
        let bytes = hex::decode("fb050003616263020102020103070809").unwrap();
        assert_eq!(Sample::from_bytes(&bytes), Err(DecodeError::NotCanonical { name: "sample" }));
    }

    #[test]
    fn unsorted_and_repeated_set_members_are_refused() {
        for set in ["020301", "020101"] {
            let bytes = hex::decode(format!("0503616263020102{set}070809")).unwrap();
            assert_eq!(Sample::from_bytes(&bytes), Err(DecodeError::Malformed { name: "sample" }));
        }
    }

    #[test]
    fn every_bound_is_kept() {
        for hex_bytes in [
            "0509616161616161616161020102020103070809", // text of 9
            "05036162630501020304050201030708090000",   // blob of 5
            "0503616263020102040102030407080900",       // set of 4
            "0503616263020102fdffffffffffffffff070809", // set of 2^64-1
            "05036162630201020201030708",               // cut short
            "0503610763020102020103070809",             // control character
        ] {
            let bytes = hex::decode(hex_bytes).unwrap();
            assert_eq!(
                Sample::from_bytes(&bytes),
                Err(DecodeError::Malformed { name: "sample" }),
                "{hex_bytes}"
            );
        }
        let long = vec![0; 65];
        assert_eq!(Sample::from_bytes(&long), Err(DecodeError::TooLong { name: "sample", len: 65, max: 64 }));
    }

    #[test]
    fn an_unknown_tag_is_refused() {
        assert_eq!(Environment::from_bytes(&[2]), Err(DecodeError::Malformed { name: "environment" }));
        let exercise = Environment::Exercise(ExerciseId(Digest::new([1; 32])));
        assert_eq!(Environment::from_bytes(&exercise.to_bytes().unwrap()), Ok(exercise));
    }

    #[test]
    fn a_value_over_its_limit_has_no_bytes() {
        let list = session::LogEntries {
            checkpoint: Blob::default(),
            entries: List::new(vec![Blob::new(vec![0; 65_000]).unwrap(); 20]).unwrap(),
        };
        assert!(list.to_bytes().is_err());
    }

    #[test]
    fn a_contact_point_is_text_in_json_and_two_names_on_the_wire() {
        let point: ContactPoint = "NL/technical".parse().unwrap();
        let bytes = bincode::serde::encode_to_vec(&point, bincode::config::standard()).unwrap();
        assert_eq!(bytes, b"\x02NL\x09technical");
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = Sample::from_bytes(&bytes) {
                prop_assert_eq!(value.to_bytes().unwrap(), bytes);
            }
        }
    }
}
