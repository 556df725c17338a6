//! Digits that people compare.

use pouch_crypto::{KeyFingerprint, NotAFingerprint, SigningKey, spoken_digits};
use pouch_wire::{Digest, KeyId};

use crate::vectors::records;

#[test]
fn a_second_implementation_reads_the_same_digits() {
    for record in records(include_str!("../../../../tests/vectors/crypto/digits.txt")) {
        assert_eq!(spoken_digits(&Digest::new(record.array("digest"))), record.text("digits"));
    }
}

#[test]
fn a_fingerprint_is_the_digits_of_the_key_id() {
    let id = SigningKey::from_seed(&[1; 32]).public().id();
    let fingerprint = KeyFingerprint::of(&id);
    assert_eq!(fingerprint.as_str(), spoken_digits(&id.0));
    assert_eq!(fingerprint.to_string(), fingerprint.as_str());
    assert_ne!(fingerprint, KeyFingerprint::of(&SigningKey::from_seed(&[2; 32]).public().id()));
}

#[test]
fn typed_digits_compare_whatever_stands_between_them() {
    let fingerprint = KeyFingerprint::of(&KeyId(Digest::new([7; 32])));
    let text = fingerprint.as_str();
    for typed in [text.to_owned(), text.replace(' ', ""), text.replace(' ', " - "), format!(" {text}\n")] {
        assert_eq!(typed.parse(), Ok(fingerprint.clone()));
    }
}

#[test]
fn what_is_not_thirty_digits_is_no_fingerprint() {
    let digits = "123456789012345678901234567890";
    assert!(digits.parse::<KeyFingerprint>().is_ok());
    // The last one has as many characters, in digits of another script.
    let arabic = "\u{661}".repeat(30);
    for text in ["", &digits[1..], &format!("{digits}0"), &digits.replace('9', "x"), &arabic] {
        assert_eq!(text.parse::<KeyFingerprint>(), Err(NotAFingerprint), "{text}");
    }
    assert_eq!(NotAFingerprint.code(), "POUCH-KEY-30");
    assert!(NotAFingerprint.to_string().starts_with(NotAFingerprint.code()));
}
