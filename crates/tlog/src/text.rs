//! How C2SP texts write numbers, bytes and hashes: one way each, and no other is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pouch_wire::Digest;

/// An ASCII decimal without leading zeroes, unless it is `0`.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if plain && !leading_zero { text.parse().ok() } else { None }
}

/// Standard base64 with canonical padding and no stray bits.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Standard base64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A SHA-256 value in base64.
pub(crate) fn hash_from_base64(text: &str) -> Option<Digest> {
    from_base64(text)?.try_into().ok().map(Digest::new)
}

/// A SHA-256 value as base64.
pub(crate) fn hash_to_base64(hash: &Digest) -> String {
    to_base64(hash.as_bytes())
}
