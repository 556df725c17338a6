//! Project Wycheproof's vectors, through our own types where they are the door, and through the
//! libraries underneath where they are not.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use ml_kem::{Decapsulate as _, DecapsulationKey, KeyExport as _, MlKem768, Seed};
use pouch_crypto::{MlDsaPublic, NotePublic, PREKEY_BYTES, PrekeyPublic, Signature};
use pouch_wire::Fixed;
use wycheproof::{aead, eddsa, mldsa_verify, mlkem, xdh};

/// Counts of what was accepted and refused, so that a set that does not run is noticed.
#[derive(Default)]
struct Seen {
    accepted: usize,
    refused: usize,
}

impl Seen {
    fn check(&mut self, tc_id: usize, comment: &str, accepted: bool, must_fail: bool) {
        assert_ne!(accepted, must_fail, "case {tc_id}: {comment}");
        if accepted { self.accepted += 1 } else { self.refused += 1 }
    }

    fn at_least(&self, accepted: usize, refused: usize) {
        assert!(
            self.accepted >= accepted && self.refused >= refused,
            "{} accepted, {} refused",
            self.accepted,
            self.refused
        );
    }
}

/// No valid signature is refused by the strict rules: there are no exceptions to list.
#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = Seen::default();
    for group in &set.test_groups {
        let key = NotePublic::from_bytes(group.key.pk.as_ref().try_into().unwrap()).unwrap();
        for test in &group.tests {
            let signature = <[u8; 64]>::try_from(test.sig.as_ref());
            let found = signature.is_ok_and(|bytes| key.verify(&test.msg, &Signature(Fixed(bytes))).is_ok());
            seen.check(test.tc_id, &test.comment, found, test.result.must_fail());
        }
    }
    seen.at_least(88, 63);
}

/// The classical half of X-Wing. Acceptable ones (low order, twist) give the stated result too: X-Wing
/// hashes it with the other half and needs no contributory behaviour.
#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut seen = Seen::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let private = test.private_key.as_ref().try_into().unwrap();
        let public = test.public_key.as_ref().try_into().unwrap();
        let shared = x25519_dalek::x25519(private, public);
        let found = shared.as_slice() == test.shared_secret.as_ref();
        seen.check(test.tc_id, &test.comment, found, test.result.must_fail());
    }
    seen.at_least(518, 0);
}

fn run_aead<A: Aead + KeyInit>(name: aead::TestName) -> Seen {
    let set = aead::TestSet::load(name).unwrap();
    let mut seen = Seen::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let cipher = A::new_from_slice(&test.key).unwrap();
        let ciphertext = [test.ct.as_ref(), test.tag.as_ref()].concat();
        let found = test.nonce.as_ref().try_into().is_ok_and(|nonce| {
            let opened = cipher.decrypt(nonce, Payload { msg: &ciphertext, aad: &test.aad });
            let sealed = cipher.encrypt(nonce, Payload { msg: &test.pt, aad: &test.aad }).unwrap();
            opened.is_ok_and(|plaintext| plaintext == test.pt.as_ref() && sealed == ciphertext)
        });
        seen.check(test.tc_id, &test.comment, found, test.result.must_fail());
    }
    seen
}

#[test]
fn chacha20_poly1305() {
    run_aead::<ChaCha20Poly1305>(aead::TestName::ChaCha20Poly1305).at_least(256, 69);
}

#[test]
fn xchacha20_poly1305() {
    run_aead::<XChaCha20Poly1305>(aead::TestName::XChaCha20Poly1305).at_least(246, 69);
}

/// Ours is the empty context; a signature made with another one must not count.
#[test]
fn ml_dsa_44() {
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa44Verify).unwrap();
    let mut seen = Seen::default();
    for group in &set.test_groups {
        let key = <[u8; 1312]>::try_from(group.pubkey.as_ref()).map(MlDsaPublic::from_bytes);
        for test in &group.tests {
            let found = key.as_ref().is_ok_and(|key| key.verify(&test.msg, &test.sig).is_ok());
            let other_context = test.ctx.as_ref().is_some_and(|context| !context.is_empty());
            seen.check(test.tc_id, &test.comment, found, test.result.must_fail() || other_context);
        }
    }
    seen.at_least(70, 103);
}

/// The post-quantum half of X-Wing: decapsulation, with the key of each seed.
#[test]
fn ml_kem_768_decapsulation() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap();
    let mut seen = Seen::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let seed = Seed::try_from(test.seed.as_ref().unwrap().as_ref());
        let found = seed.is_ok_and(|seed| {
            let key = DecapsulationKey::<MlKem768>::from_seed(seed);
            let public = test.encaps_key.as_ref().unwrap();
            let shared = key.decapsulate_slice(test.ct.as_ref().unwrap());
            key.encapsulation_key().to_bytes().as_slice() == public.as_ref()
                && shared
                    .is_ok_and(|shared| shared.as_slice() == test.shared_secret.as_ref().unwrap().as_ref())
        });
        seen.check(test.tc_id, &test.comment, found, test.result.must_fail());
    }
    seen.at_least(161, 40);
}

/// Which public keys may be used at all: [`PrekeyPublic::from_bytes`] decides.
#[test]
fn ml_kem_768_public_keys() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768Encaps).unwrap();
    let mut seen = Seen::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let bytes = [test.encaps_key.as_ref().unwrap().as_ref(), &[9; 32]].concat();
        let found =
            <[u8; PREKEY_BYTES]>::try_from(bytes).is_ok_and(|key| PrekeyPublic::from_bytes(key).is_ok());
        seen.check(test.tc_id, &test.comment, found, test.result.must_fail());
    }
    seen.at_least(133, 132);
}

#[test]
fn ml_kem_768_key_generation() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768KeyGenSeed).unwrap();
    let mut seen = Seen::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let seed = Seed::try_from(test.seed.as_ref().unwrap().as_ref()).unwrap();
        let key = DecapsulationKey::<MlKem768>::from_seed(seed);
        let found =
            key.encapsulation_key().to_bytes().as_slice() == test.encaps_key.as_ref().unwrap().as_ref();
        seen.check(test.tc_id, &test.comment, found, test.result.must_fail());
    }
    seen.at_least(100, 0);
}
