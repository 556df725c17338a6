//! Padding, so that a length says little: Padmé (Nikitin et al., "Reducing Metadata Leakage from
//! Encrypted Files and Communication with PURBs", PoPETs 2019), from a floor of 4 KiB.
//!
//! Below the floor all lengths look the same; above it, a length L shows O(log log L) bits, and the
//! padding costs less than a sixteenth. Unpadding takes one form only: nothing can hide in the padding.

use pouch_wire::limits::PADDED_BYTES_MIN;
use zeroize::Zeroizing;

const LENGTH_BYTES: usize = 4;

/// The content is longer than its four-byte length can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes are too many to pad")]
pub struct TooLong {
    /// How many there are.
    pub len: usize,
}

/// The bytes are not what padding gives: the length in them is none, not the least that pads to
/// this, or the padding is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not padded as it should be")]
pub struct BadPadding;

/// The padded length of so many bytes: the floor, or the length with its low bits rounded up, so
/// that as many high bits stay as its exponent has. Saturates at the largest length there is.
#[must_use]
pub fn padded_len(len: usize) -> usize {
    let len = len.max(PADDED_BYTES_MIN);
    let exponent = len.ilog2();
    let kept = exponent.checked_ilog2().unwrap_or(0).saturating_add(1);
    let low = 1usize.checked_shl(exponent.saturating_sub(kept)).unwrap_or(1).saturating_sub(1);
    len.checked_add(low).map_or(usize::MAX, |len| len & !low)
}

/// Pads content: its length in four bytes, big-endian, the content, and zeros up to the
/// [`padded_len`] of both. Zeroized when dropped.
///
/// # Errors
/// When it is 4 GiB or longer.
pub fn pad(content: &[u8]) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    let too_long = TooLong { len: content.len() };
    let length = u32::try_from(content.len()).map_err(|_| too_long)?;
    let total = padded_len(content.len().checked_add(LENGTH_BYTES).ok_or(too_long)?);
    let mut padded = Zeroizing::new(Vec::with_capacity(total));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(content);
    padded.resize(total, 0);
    Ok(padded)
}

/// The content in padded bytes.
///
/// # Errors
/// When [`pad`] would not have given these bytes.
pub fn unpad(padded: &[u8]) -> Result<&[u8], BadPadding> {
    let (length, rest) = padded.split_first_chunk::<LENGTH_BYTES>().ok_or(BadPadding)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BadPadding)?;
    let (content, zeros) = rest.split_at_checked(length).ok_or(BadPadding)?;
    let least = padded_len(length.checked_add(LENGTH_BYTES).ok_or(BadPadding)?);
    if least == padded.len() && zeros.iter().all(|byte| *byte == 0) { Ok(content) } else { Err(BadPadding) }
}
