//! The published vectors of chunked encryption, through the code that Pouch uses with another AEAD.
//!
//! Project Wycheproof has vectors for AES-256-GCM; Pouch uses ChaCha20-Poly1305. Only [`Suite`]
//! differs. What is specific to Pouch is tested in `tests/rules/content.rs`.

use aes_gcm::Aes256Gcm;
use sha2::{Digest as _, Sha512};
use wycheproof::chunked_encryption::{TestFlag, TestName, TestSet};

use super::*;

struct AesGcm;

impl Suite for AesGcm {
    const NAME: &'static [u8] = b"AEAD_AES_256_GCM";
    type Aead = Aes256Gcm;
}

#[test]
fn the_published_vectors_of_chunked_encryption_hold() {
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    let (mut opened, mut refused, mut unfit) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // A key of another length is no `ContentKey`.
        let Ok(key) = <&[u8; 32]>::try_from(test.key.as_ref()) else {
            assert!(test.flags.contains(&TestFlag::InvalidKeySize), "case {}", test.tc_id);
            unfit += 1;
            continue;
        };
        let key = ContentKey::from_bytes(key);
        let ciphertext = miniz_oxide::inflate::decompress_to_vec_zlib(&test.ct).unwrap();
        let plaintext = decrypt_with::<AesGcm>(&key, &test.ctx, &ciphertext);
        if test.result.must_fail() {
            assert!(plaintext.is_err(), "case {}: {}", test.tc_id, test.comment);
            refused += 1;
            continue;
        }
        let plaintext = plaintext.unwrap();
        assert_eq!(Some(plaintext.len()), test.msg_length, "case {}", test.tc_id);
        let digest = test.msg_sha512.as_ref().unwrap();
        assert_eq!(Sha512::digest(&plaintext).as_slice(), digest.as_ref(), "case {}", test.tc_id);
        let salt = ciphertext[..CONTENT_SALT_BYTES].try_into().unwrap();
        let again = encrypt_with::<AesGcm>(&key, salt, &test.ctx, &plaintext).unwrap();
        assert!(again == ciphertext, "case {}", test.tc_id);
        opened += 1;
    }
    assert!(
        opened >= 10 && refused >= 20,
        "{opened} opened, {refused} refused, {unfit} with another key size"
    );
}

#[test]
fn no_chunk_comes_after_the_last_number() {
    let key = ContentKey::from_bytes(&[7; 32]);
    let (mut chunks, _) = Chunks::<ChaCha>::derive(&key, &[0; 24], b"").unwrap();
    chunks.next = CHUNKS_MAX - 1;
    let mut out = Vec::new();
    chunks.seal(b"last", &mut out).unwrap();
    assert_eq!(chunks.seal(b"one more", &mut out), Err(ContentError::TooLong));
    assert_eq!(chunks.unseal(&out, &mut Vec::new()), Err(ContentError::TooLong));
}

#[test]
fn every_chunk_has_a_nonce_of_its_own() {
    let key = ContentKey::from_bytes(&[7; 32]);
    let (mut chunks, _) = Chunks::<ChaCha>::derive(&key, &[0; 24], b"").unwrap();
    let base = u128::from_be_bytes([&[0; 4][..], &chunks.base_nonce].concat().try_into().unwrap());
    for number in [0, 1, 255, 256, 65_535, 65_536, 1 << 32, CHUNKS_MAX - 1] {
        chunks.next = number;
        let (found, nonce) = chunks.advance().unwrap();
        assert_eq!(found, number);
        let expected = (base ^ u128::from(number)).to_be_bytes();
        assert_eq!(nonce.as_slice(), &expected[4..]);
    }
}
