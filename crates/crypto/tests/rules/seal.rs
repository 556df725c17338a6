//! Sealing to a prekey: HPKE with X-Wing.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR};
use pouch_crypto::{BadPrekey, OpenFailed, PREKEY_BYTES, PrekeyPublic, PrekeySecret, open, seal, sha256};
use pouch_wire::{Canonical as _, DecodeError, canonical};
use serde::{Deserialize, Serialize};
use x_wing::Decapsulate as _;

use crate::vectors::{Scripted, records, rng};

const X_WING: &str = include_str!("../../../../tests/vectors/crypto/x-wing.txt");
const HPKE: &str = include_str!("../../../../tests/vectors/crypto/hpke.txt");

/// A message that carries a prekey.
#[derive(Debug, Serialize, Deserialize)]
struct Carried(PrekeyPublic);
canonical!(Carried, "carried", PREKEY_BYTES);

#[test]
fn the_draft_s_answers_for_x_wing_hold() {
    for record in records(X_WING) {
        let secret = PrekeySecret::from_seed(&record.array("sk"));
        assert_eq!(secret.public().as_bytes().as_slice(), record.bytes("pk"));
        assert_eq!(PrekeyPublic::from_bytes(record.array("pk")).as_ref(), Ok(secret.public()));
        let mut eseed = Scripted::new(record.bytes("eseed"));
        let (enc, _) = seal(secret.public(), b"", b"", b"", &mut eseed).unwrap();
        assert_eq!(enc.0.as_slice(), record.bytes("ct"));
        let key = x_wing::DecapsulationKey::from(record.array::<32>("sk"));
        assert_eq!(key.decapsulate(&enc.0.into()).as_slice(), record.bytes("ss"));
    }
}

#[test]
fn a_second_implementation_of_hpke_gives_the_same_bytes() {
    for record in records(HPKE) {
        let secret = PrekeySecret::from_seed(&record.array("seed"));
        let (info, aad) = (record.bytes("info"), record.bytes("aad"));
        let plaintext = record.bytes("plaintext");
        let mut eseed = Scripted::new(record.bytes("eseed"));
        let (enc, ciphertext) = seal(secret.public(), &info, &aad, &plaintext, &mut eseed).unwrap();
        assert_eq!(ciphertext, record.bytes("ciphertext"));
        assert_eq!(*open(&secret, &info, &aad, &enc, &ciphertext).unwrap(), plaintext);
    }
}

/// RFC 9180, appendix A.2.1.1: the same library and suite with the RFC's own KEM.
#[test]
fn the_rfc_s_answer_for_base_mode_holds() {
    let bytes = |text: &str| hex::decode(text).unwrap();
    let secret = bytes("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
    let enc = bytes("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
    let info = bytes("4f6465206f6e2061204772656369616e2055726e");
    let aad = bytes("436f756e742d30");
    let ciphertext =
        bytes("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28");
    let plaintext = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &<X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&secret).unwrap(),
        &<X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&enc).unwrap(),
        &info,
        &ciphertext,
        &aad,
    );
    assert_eq!(plaintext.unwrap(), b"Beauty is truth, truth beauty");
}

#[test]
fn it_opens_with_its_key_info_and_aad_only() {
    let mut rng = rng(1);
    let secret = PrekeySecret::generate(&mut rng);
    let (enc, ciphertext) = seal(secret.public(), b"info", b"aad", b"content key", &mut rng).unwrap();
    assert_eq!(open(&secret, b"info", b"aad", &enc, &ciphertext).unwrap().as_slice(), b"content key");

    let other = PrekeySecret::generate(&mut rng);
    assert_eq!(open(&other, b"info", b"aad", &enc, &ciphertext), Err(OpenFailed));
    assert_eq!(open(&secret, b"other", b"aad", &enc, &ciphertext), Err(OpenFailed));
    assert_eq!(open(&secret, b"info", b"other", &enc, &ciphertext), Err(OpenFailed));
    // Nothing slides from one to the other.
    assert_eq!(open(&secret, b"infoa", b"ad", &enc, &ciphertext), Err(OpenFailed));
}

#[test]
fn a_flipped_bit_or_a_cut_is_refused() {
    let mut rng = rng(2);
    let secret = PrekeySecret::generate(&mut rng);
    let (mut enc, mut ciphertext) = seal(secret.public(), b"info", b"aad", b"secret", &mut rng).unwrap();
    for at in 0..enc.0.len() {
        enc.0[at] ^= 1 << (at % 8);
        assert_eq!(open(&secret, b"info", b"aad", &enc, &ciphertext), Err(OpenFailed), "enc {at}");
        enc.0[at] ^= 1 << (at % 8);
    }
    for bit in 0..ciphertext.len() * 8 {
        ciphertext[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&secret, b"info", b"aad", &enc, &ciphertext), Err(OpenFailed), "bit {bit}");
        ciphertext[bit / 8] ^= 1 << (bit % 8);
    }
    for cut in 0..ciphertext.len() {
        assert_eq!(open(&secret, b"info", b"aad", &enc, &ciphertext[..cut]), Err(OpenFailed));
    }
    assert!(open(&secret, b"info", b"aad", &enc, &ciphertext).is_ok());
}

#[test]
fn the_same_secret_seals_differently_each_time() {
    let mut rng = rng(3);
    let secret = PrekeySecret::generate(&mut rng);
    let (first, _) = seal(secret.public(), b"", b"", b"secret", &mut rng).unwrap();
    let (second, _) = seal(secret.public(), b"", b"", b"secret", &mut rng).unwrap();
    assert_ne!(first, second);
}

#[test]
fn a_key_outside_the_field_is_refused_where_it_enters() {
    let good = PrekeySecret::generate(&mut rng(4));
    let mut bytes = *good.public().as_bytes();
    assert!(PrekeyPublic::from_bytes(bytes).is_ok());
    // The first two coefficients, 12 bits each, are 4095: more than 3329.
    bytes[..3].copy_from_slice(&[0xff; 3]);
    assert_eq!(PrekeyPublic::from_bytes(bytes), Err(BadPrekey));
    assert_eq!(PrekeyPublic::from_bytes([0xff; PREKEY_BYTES]), Err(BadPrekey));
    assert!(matches!(Carried::from_bytes(&bytes), Err(DecodeError::Malformed { .. })));
}

#[test]
fn a_prekey_survives_the_wire_as_its_bytes() {
    let good = PrekeySecret::generate(&mut rng(5));
    let encoded = Carried(good.public().clone()).to_bytes().unwrap();
    assert_eq!(encoded, good.public().as_bytes());
    let Carried(decoded) = Carried::from_bytes(&encoded).unwrap();
    assert_eq!(&decoded, good.public());
    assert_eq!(decoded.id(), good.public().id());
    assert_eq!(decoded.id().0, sha256(&[b"x-wing\0", encoded.as_slice()].concat()));
}

#[test]
fn a_seed_brings_the_same_key_back() {
    let secret = PrekeySecret::generate(&mut rng(6));
    let again = PrekeySecret::from_seed(&secret.seed());
    assert_eq!(again.public(), secret.public());
}
