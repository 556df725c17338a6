//! Padding: one form, few lengths, small cost.

use pouch_crypto::{BadPadding, pad, padded_len, unpad};
use pouch_wire::limits::PADDED_BYTES_MIN;
use proptest::prelude::*;

use crate::vectors::records;

#[test]
fn a_second_implementation_pads_to_the_same_lengths() {
    for record in records(include_str!("../../../../tests/vectors/crypto/padding.txt")) {
        assert_eq!(padded_len(record.number("length")), record.number("padded"), "{}", record.text("length"));
    }
}

#[test]
fn the_largest_lengths_do_not_overflow() {
    assert_eq!(padded_len(usize::MAX), usize::MAX);
    assert_eq!(padded_len(1 << 63), 1 << 63);
}

#[test]
fn bytes_that_padding_does_not_give_are_refused() {
    let padded = pad(&[5; 5000]).unwrap();
    assert_eq!(unpad(&padded), Ok([5; 5000].as_slice()));
    let next = padded_len(padded.len() + 1);

    let mut hidden = padded.to_vec();
    *hidden.last_mut().unwrap() = 1;
    let mut longer = padded.to_vec();
    longer.resize(next, 0);
    let mut says_more = padded.to_vec();
    says_more[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut says_less = padded.to_vec();
    says_less[..4].copy_from_slice(&4000u32.to_be_bytes());
    let cut = &padded[..padded.len() - 1];
    for refused in [&hidden, &longer, &says_more, &says_less, cut, &[], &[0; 3], &[0; 4]] {
        assert_eq!(unpad(refused), Err(BadPadding));
    }
}

#[test]
fn the_length_must_be_the_content_s_even_when_the_rest_is_zero() {
    // Content that ends in zeros: a smaller length that pads to as much is another content, not an error.
    let mut padded = pad(&[0; 100]).unwrap();
    assert_eq!(unpad(&padded).unwrap().len(), 100);
    padded[3] = 99;
    assert_eq!(unpad(&padded).unwrap().len(), 99);
}

proptest! {
    #[test]
    fn padded_lengths_are_stable_rising_and_cheap(len in 0usize..1 << 40, more in 0usize..1 << 20) {
        let padded = padded_len(len);
        prop_assert!(padded >= len && padded >= PADDED_BYTES_MIN);
        prop_assert_eq!(padded_len(padded), padded);
        prop_assert!(padded_len(len + more) >= padded);
        prop_assert!(len < PADDED_BYTES_MIN || (padded - len) * 16 < len);
    }

    #[test]
    fn few_lengths_are_seen(exponent in 12u32..40) {
        let (from, to) = (1usize << exponent, 1usize << (exponent + 1));
        let mut lengths = 0;
        let mut at = from;
        while at < to {
            lengths += 1;
            at = padded_len(at + 1);
        }
        prop_assert!(lengths <= 2 * exponent, "{lengths} lengths between 2^{exponent} and its double");
    }

    #[test]
    fn what_is_padded_unpads(content in proptest::collection::vec(any::<u8>(), 0..20_000)) {
        let padded = pad(&content).unwrap();
        prop_assert_eq!(padded.len(), padded_len(content.len() + 4));
        prop_assert_eq!(unpad(&padded), Ok(content.as_slice()));
    }

    #[test]
    fn what_unpads_was_padded_so(bytes in proptest::collection::vec(any::<u8>(), 0..64), len in 0usize..9000) {
        let mut padded = bytes;
        padded.resize(len, 0);
        if let Ok(content) = unpad(&padded) {
            prop_assert_eq!(&*pad(content).unwrap(), &padded);
        }
    }
}
