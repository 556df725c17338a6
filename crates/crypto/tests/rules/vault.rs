//! Wrapped secrets.

use pouch_crypto::{VaultError, VaultKey};

use crate::vectors::{Scripted, records, rng};

#[test]
fn a_second_implementation_wraps_to_the_same_bytes() {
    for record in records(include_str!("../../../../tests/vectors/crypto/vault.txt")) {
        let key = VaultKey::derive(&record.array("seed"), &record.bytes("vault-label")).unwrap();
        let (label, secret) = (record.bytes("label"), record.bytes("secret"));
        let wrapped = key.wrap(&label, &secret, &mut Scripted::new(record.bytes("nonce"))).unwrap();
        assert_eq!(wrapped, record.bytes("wrapped"));
        assert_eq!(*key.unwrap(&label, &wrapped).unwrap(), secret);
    }
}

#[test]
fn a_wrapped_secret_opens_with_its_key_and_label_only() {
    let key = VaultKey::derive(&[1; 32], b"prekeys").unwrap();
    let wrapped = key.wrap(b"prekey 1", b"secret", &mut rng(1)).unwrap();
    assert_eq!(key.unwrap(b"prekey 1", &wrapped).unwrap().as_slice(), b"secret");

    let refused = Some(VaultError::DoesNotOpen);
    assert_eq!(key.unwrap(b"prekey 2", &wrapped).err(), refused);
    let other_label = VaultKey::derive(&[1; 32], b"journal").unwrap();
    assert_eq!(other_label.unwrap(b"prekey 1", &wrapped).err(), refused);
    let other_seed = VaultKey::derive(&[2; 32], b"prekeys").unwrap();
    assert_eq!(other_seed.unwrap(b"prekey 1", &wrapped).err(), refused);
}

#[test]
fn a_touched_or_cut_wrapping_is_refused() {
    let key = VaultKey::derive(&[1; 32], b"prekeys").unwrap();
    let mut wrapped = key.wrap(b"label", &[3; 32], &mut rng(1)).unwrap();
    assert_eq!(wrapped.len(), 32 + 40);
    for cut in 0..wrapped.len() {
        assert_eq!(key.unwrap(b"label", &wrapped[..cut]).err(), Some(VaultError::DoesNotOpen));
    }
    for bit in 0..wrapped.len() * 8 {
        wrapped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.unwrap(b"label", &wrapped).err(), Some(VaultError::DoesNotOpen));
        wrapped[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(key.unwrap(b"label", &wrapped).is_ok());
}

#[test]
fn the_same_secret_wraps_differently_each_time() {
    let key = VaultKey::derive(&[1; 32], b"prekeys").unwrap();
    let mut rng = rng(1);
    assert_ne!(key.wrap(b"l", b"s", &mut rng).unwrap(), key.wrap(b"l", b"s", &mut rng).unwrap());
}

#[test]
fn errors_carry_their_code() {
    for error in [VaultError::DoesNotOpen, VaultError::Failed] {
        assert!(error.to_string().starts_with(error.code()));
    }
}
