//! Keys and signatures of the wrong shape: small order, not canonical, valid for one verifier only.
//!
//! Chalkias, Garillot, Nikolaenko: "Taming the many EdDSAs" (SSR 2020) lists where verifiers differ;
//! here each of those doors is shut.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use pouch_crypto::{BadSignature, NoteKey, NotePublic, PublicKey, Signature, WeakKey};
use pouch_wire::Fixed;
use sha2::{Digest as _, Sha512};

/// The canonical encodings of the eight points of small order, as other lists write them.
const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

fn refused(bytes: [u8; 32]) {
    assert_eq!(PublicKey::from_bytes(bytes), Err(WeakKey), "{}", hex::encode(bytes));
    assert_eq!(NotePublic::from_bytes(bytes), Err(WeakKey), "{}", hex::encode(bytes));
}

#[test]
fn keys_of_small_order_are_refused() {
    for (text, point) in SMALL_ORDER.into_iter().zip(EIGHT_TORSION) {
        assert_eq!(hex::encode(point.compress().0), text);
        refused(point.compress().0);
    }
    refused(CompressedEdwardsY::default().0);
}

/// 2^255 - 19 + k is y = k once more, for k from 0 to 18, with either sign; and x = 0 has one sign.
#[test]
fn keys_that_are_not_canonical_are_refused() {
    let mut on_the_curve = 0;
    for k in 0..19u8 {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + k;
        for last in [0x7f, 0xff] {
            bytes[31] = last;
            on_the_curve += usize::from(CompressedEdwardsY(bytes).decompress().is_some());
            refused(bytes);
        }
    }
    // Some of them would have been keys: the test tests something.
    assert!(on_the_curve > 10, "{on_the_curve}");

    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    refused(one);
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    refused(minus_one);
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    let mut refusals = 0;
    for y in 2..100u8 {
        let mut bytes = [0; 32];
        bytes[0] = y;
        match CompressedEdwardsY(bytes).decompress() {
            None => {
                refused(bytes);
                refusals += 1;
            }
            Some(_) => assert!(PublicKey::from_bytes(bytes).is_ok()),
        }
    }
    assert!(refusals > 30);
}

fn challenge(r: &[u8], a: &[u8], message: &[u8]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest([r, a, message].concat()).into())
}

fn signature(r: [u8; 32], s: [u8; 32]) -> Signature {
    Signature(Fixed([r, s].concat().try_into().unwrap()))
}

/// A signature by `secret` under the key `secret * B + torsion`, with the commitment `nonce * B`.
fn sign(secret: &Scalar, nonce: &Scalar, torsion: &EdwardsPoint, message: &[u8]) -> ([u8; 32], Signature) {
    let a = (ED25519_BASEPOINT_POINT * secret + torsion).compress().0;
    let r = (ED25519_BASEPOINT_POINT * nonce).compress().0;
    let s = nonce + challenge(&r, &a, message) * secret;
    (a, signature(r, s.to_bytes()))
}

#[test]
fn a_signature_that_only_a_cofactored_verifier_accepts_is_refused() {
    let (secret, nonce) = (Scalar::from(12_345u64), Scalar::from(67_890u64));
    let (a, honest) = sign(&secret, &nonce, &EIGHT_TORSION[0], b"message");
    assert_eq!(NotePublic::from_bytes(a).unwrap().verify(b"message", &honest), Ok(()));

    // With a key that has a part of small order, 8(sB - R - hA) = 0 always, sB - R - hA = 0 if 8 divides h.
    let mut refusals = 0;
    for number in 0..32u8 {
        let (a, mixed) = sign(&secret, &nonce, &EIGHT_TORSION[1], &[number]);
        let h = challenge(&mixed.0.0[..32], &a, &[number]);
        let found = NotePublic::from_bytes(a).unwrap().verify(&[number], &mixed);
        if !h.to_bytes()[0].is_multiple_of(8) {
            assert_eq!(found, Err(BadSignature));
            refusals += 1;
        }
    }
    assert!(refusals > 16);
}

#[test]
fn a_commitment_of_small_order_is_refused() {
    // R of small order and s = h * secret: the equation holds up to the cofactor, or exactly for R = 0.
    let secret = Scalar::from(12_345u64);
    let a = (ED25519_BASEPOINT_POINT * secret).compress().0;
    for r in EIGHT_TORSION {
        let r = r.compress().0;
        let forged = signature(r, (challenge(&r, &a, b"message") * secret).to_bytes());
        assert_eq!(NotePublic::from_bytes(a).unwrap().verify(b"message", &forged), Err(BadSignature));
    }
}

#[test]
fn a_scalar_that_is_not_reduced_is_refused() {
    let key = NoteKey::from_seed(&[1; 32]);
    let honest = key.sign(b"message");
    assert_eq!(key.public().verify(b"message", &honest), Ok(()));
    // L, the order of the group, little-endian: s + L means the same and is written differently.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut other = honest;
    let mut carry = 0u16;
    for (byte, add) in other.0.0[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(key.public().verify(b"message", &other), Err(BadSignature));
}
