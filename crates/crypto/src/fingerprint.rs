//! Digits that two people read to each other, to compare keys or notices over the telephone.
//!
//! Thirty decimal digits carry about 99 bits: enough that nobody finds a second key with the same
//! digits, few enough to read aloud. Never shorten them for display.

use core::fmt;
use core::str::FromStr;

use pouch_wire::{Digest, KeyId};

const GROUPS: usize = 6;
const GROUP_DIGITS: usize = 5;
const DIGITS: usize = GROUPS * GROUP_DIGITS;
const MODULUS: u128 = 10u128.pow(30);

/// Thirty digits of a digest: its 32 bytes as one big-endian number, modulo 10^30, in six groups of
/// five (`12345 67890 ...`).
#[must_use]
pub fn spoken_digits(digest: &Digest) -> String {
    // 10^30 * 256 is less than 2^108: the intermediate value never wraps.
    let number = digest
        .as_bytes()
        .iter()
        .fold(0u128, |number, byte| number.wrapping_mul(256).wrapping_add(u128::from(*byte)) % MODULUS);
    grouped(&format!("{number:0DIGITS$}"))
}

fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(DIGITS.saturating_add(GROUPS));
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && place.checked_rem(GROUP_DIGITS) == Some(0) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// What is read aloud of a key: the [`spoken_digits`] of its id.
///
/// Two compare equal when their digits do; one typed in parses with any spaces or dashes between the
/// digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyFingerprint(String);

impl KeyFingerprint {
    /// The fingerprint of a key.
    #[must_use]
    pub fn of(key: &KeyId) -> Self {
        Self(spoken_digits(&key.0))
    }

    /// The six groups of five digits, with spaces between.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFingerprint({self})")
    }
}

/// Text that is not thirty digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("POUCH-KEY-30 not a fingerprint of 30 digits")]
pub struct NotAFingerprint;

impl NotAFingerprint {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "POUCH-KEY-30"
    }
}

impl FromStr for KeyFingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAFingerprint);
        }
        Ok(Self(grouped(&digits)))
    }
}
