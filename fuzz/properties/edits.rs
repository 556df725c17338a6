//! Changes that a fuzzer can steer: what it must not find is a changed thing that still counts.

use arbitrary::{Result, Unstructured};

/// Changes bytes in up to eight places, and perhaps their end.
///
/// # Errors
/// Never; what is asked of an exhausted input is zero.
pub fn edited(from: &mut Unstructured<'_>, genuine: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = genuine.to_vec();
    for _ in 0..from.int_in_range(0..=8)? {
        let (place, change) = (from.arbitrary::<u32>()? as usize, from.arbitrary::<u8>()?);
        let len = bytes.len();
        match from.int_in_range(0..=5)? {
            0..=2 if len > 0 => bytes[place % len] ^= change,
            3 => bytes.truncate(place % (len + 1)),
            4 => bytes.extend(core::iter::repeat_n(change, place % 40_000)),
            5 if len > 0 => drop(bytes.remove(place % len)),
            _ => {}
        }
    }
    Ok(bytes)
}
