//! The codec's promise, held for one type at a time.

use pouch_wire::{Canonical, DecodeError};

/// Reads bytes as a value. What is read is the only reading of these bytes, and these are its only
/// bytes: it encodes to them, one byte less is refused, one byte more is refused.
pub(crate) fn canonical<T: Canonical>(data: &[u8]) -> Option<T> {
    let value = T::from_bytes(data).ok()?;
    assert!(data.len() <= T::MAX_BYTES, "{} of {} bytes", T::NAME, data.len());
    assert_eq!(value.to_bytes().as_deref(), Ok(data), "{} encodes to what was read", T::NAME);
    if let Some((_, cut)) = data.split_last() {
        let refused = T::from_bytes(cut).err();
        assert_eq!(refused, Some(DecodeError::Malformed { name: T::NAME }), "cut short");
    }
    let longer = [data, &[0]].concat();
    let refused = match T::from_bytes(&longer) {
        Err(DecodeError::Trailing { extra, .. }) => extra == 1,
        Err(DecodeError::TooLong { len, .. }) => len == longer.len(),
        _ => false,
    };
    assert!(refused, "{} with a byte after its end", T::NAME);
    Some(value)
}
