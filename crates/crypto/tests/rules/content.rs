//! Content encryption: known answers, round trips, and refusal of everything that was touched.

use pouch_crypto::{
    CHUNK_BYTES, CONTENT_HEADER_BYTES, ContentError, ContentKey, Decryptor, Encryptor, SEALED_CHUNK_BYTES,
    ciphertext_len, decrypt, encrypt, sha256,
};
use proptest::prelude::*;
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};

use crate::vectors::{records, rng};

const CONTEXT: &[u8] = b"a context";
/// Lengths around the ends of chunks.
const BOUNDARIES: [usize; 7] = [0, 1, 16_383, 16_384, 16_385, 32_767, 32_768];

fn key() -> ContentKey {
    ContentKey::from_bytes(&[0x42; 32])
}

fn plaintext(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng(len as u64).fill_bytes(&mut bytes);
    bytes
}

fn encrypted(len: usize) -> Vec<u8> {
    encrypt(&key(), [9; 24], CONTEXT, &plaintext(len)).unwrap()
}

#[test]
fn a_second_implementation_gives_the_same_bytes() {
    for record in records(include_str!("../../../../tests/vectors/crypto/content.txt")) {
        let len = record.number("length");
        let plaintext = shake256(record.text("label").as_bytes(), len);
        let key = ContentKey::from_bytes(&record.array("key"));
        let context = record.bytes("context");
        let ciphertext = encrypt(&key, record.array("salt"), &context, &plaintext).unwrap();
        assert_eq!(ciphertext.len(), record.number("ciphertext-length"));
        assert_eq!(ciphertext_len(len as u64), ciphertext.len() as u64);
        assert_eq!(ciphertext[..CONTENT_HEADER_BYTES], record.bytes("header"));
        assert_eq!(sha256(&ciphertext).as_bytes().as_slice(), record.bytes("ciphertext-sha256"));
        assert!(*decrypt(&key, &context, &ciphertext).unwrap() == plaintext);
    }
}

fn shake256(label: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut shake = Shake256::default();
    shake.update(label);
    shake.finalize_xof().read(&mut bytes);
    bytes
}

/// Places where something begins or ends, and a sample between: a tag covers all bytes of its chunk.
fn places(len: usize) -> impl Iterator<Item = (usize, bool)> {
    (0..len).filter_map(move |at| {
        let place = at.saturating_sub(CONTENT_HEADER_BYTES) % SEALED_CHUNK_BYTES;
        let inside = (16..CHUNK_BYTES).contains(&place) && at + 32 < len && at > CONTENT_HEADER_BYTES + 16;
        (!inside || at % 509 == 0).then_some((at, inside))
    })
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    for len in [0, 1, 16_383, 16_384, 16_385, 32_768] {
        let mut ciphertext = encrypted(len);
        assert!(*decrypt(&key(), CONTEXT, &ciphertext).unwrap() == plaintext(len));
        for (at, inside) in places(ciphertext.len()) {
            let expected = if at < CONTENT_HEADER_BYTES {
                ContentError::OtherKey
            } else {
                ContentError::Damaged { chunk: ((at - CONTENT_HEADER_BYTES) / SEALED_CHUNK_BYTES) as u64 }
            };
            // Every bit of the header and the tags, one bit elsewhere.
            let bits = if inside { at % 8..at % 8 + 1 } else { 0..8 };
            for bit in bits {
                ciphertext[at] ^= 1 << bit;
                assert_eq!(decrypt(&key(), CONTEXT, &ciphertext).err(), Some(expected), "byte {at} of {len}");
                ciphertext[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn content_cut_anywhere_is_refused() {
    for len in [0, 1, 16_383, 16_384, 16_385, 32_768] {
        let ciphertext = encrypted(len);
        for (cut, _) in places(ciphertext.len()) {
            let refused = decrypt(&key(), CONTEXT, &ciphertext[..cut]).unwrap_err();
            assert!(
                matches!(refused, ContentError::Truncated | ContentError::Damaged { .. }),
                "{refused} at {cut}"
            );
        }
        // At the ends of full chunks nothing else than the missing last chunk could show it.
        for chunks in 0..=len / CHUNK_BYTES {
            let cut = CONTENT_HEADER_BYTES + chunks * SEALED_CHUNK_BYTES;
            assert_eq!(decrypt(&key(), CONTEXT, &ciphertext[..cut]).err(), Some(ContentError::Truncated));
        }
    }
}

#[test]
fn what_is_added_moved_or_repeated_is_refused() {
    let ciphertext = encrypted(40_000);
    let (header, chunks) = ciphertext.split_at(CONTENT_HEADER_BYTES);
    let [a, b, c] = chunks.chunks(SEALED_CHUNK_BYTES).collect::<Vec<_>>().try_into().unwrap();
    let orders: [&[&[u8]]; 7] =
        [&[b, a, c], &[a, c], &[b, c], &[a, a, b, c], &[a, b, b, c], &[a, b, c, c], &[a, b, c, &[0]]];
    for order in orders {
        let other = [&[header], order].concat().concat();
        assert!(matches!(
            decrypt(&key(), CONTEXT, &other),
            Err(ContentError::Damaged { .. } | ContentError::Truncated)
        ));
    }
    assert!(decrypt(&key(), CONTEXT, &[header, a, b, c].concat()).is_ok());
}

#[test]
fn another_key_context_or_salt_is_refused_before_any_chunk() {
    let ciphertext = encrypted(100);
    let refused = Some(ContentError::OtherKey);
    assert_eq!(decrypt(&ContentKey::from_bytes(&[0x43; 32]), CONTEXT, &ciphertext).err(), refused);
    assert_eq!(decrypt(&key(), b"another context", &ciphertext).err(), refused);
    assert_eq!(decrypt(&key(), b"", &ciphertext).err(), refused);
    let other = encrypt(&key(), [8; 24], CONTEXT, &plaintext(100)).unwrap();
    let spliced = [&other[..24], &ciphertext[24..]].concat();
    assert_eq!(decrypt(&key(), CONTEXT, &spliced).err(), refused);
    assert!(decrypt(&key(), CONTEXT, &ciphertext).is_ok());
}

#[test]
fn by_the_chunk_is_the_same_as_at_once() {
    for len in BOUNDARIES {
        let plaintext = plaintext(len);
        let (mut encryptor, header) = Encryptor::new(&key(), [9; 24], CONTEXT).unwrap();
        let mut ciphertext = header.to_vec();
        let (full, rest) = plaintext.as_chunks::<CHUNK_BYTES>();
        for chunk in full {
            ciphertext.extend(encryptor.push(chunk).unwrap());
        }
        ciphertext.extend(encryptor.finish(rest).unwrap());
        assert!(ciphertext == encrypted(len));

        let (header, body) = ciphertext.split_first_chunk().unwrap();
        let mut decryptor = Decryptor::new(&key(), CONTEXT, header).unwrap();
        let mut found = Vec::new();
        let (full, rest) = body.as_chunks::<SEALED_CHUNK_BYTES>();
        for chunk in full {
            found.extend_from_slice(&decryptor.push(chunk).unwrap());
        }
        found.extend_from_slice(&decryptor.finish(rest).unwrap());
        assert!(found == plaintext);
    }
}

#[test]
fn the_last_chunk_is_never_a_full_one() {
    let (encryptor, header) = Encryptor::new(&key(), [9; 24], CONTEXT).unwrap();
    assert_eq!(encryptor.finish(&[0; CHUNK_BYTES]), Err(ContentError::TooLong));

    let (mut encryptor, _) = Encryptor::new(&key(), [9; 24], CONTEXT).unwrap();
    let chunk = encryptor.push(&[0; CHUNK_BYTES]).unwrap();
    let decryptor = Decryptor::new(&key(), CONTEXT, &header).unwrap();
    assert_eq!(decryptor.finish(&chunk).err(), Some(ContentError::Truncated));
    let decryptor = Decryptor::new(&key(), CONTEXT, &header).unwrap();
    assert_eq!(decryptor.finish(&[]).err(), Some(ContentError::Truncated));
}

#[test]
fn the_length_of_the_ciphertext_is_known_before() {
    assert_eq!(ciphertext_len(0), 56 + 16);
    assert_eq!(ciphertext_len(16_384), 56 + 16_384 + 32);
    assert_eq!(ciphertext_len(u64::MAX), u64::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encrypted_decrypts(
        secret: [u8; 32],
        salt: [u8; 24],
        context in proptest::collection::vec(any::<u8>(), 0..100),
        len in 0usize..50_000,
    ) {
        let key = ContentKey::from_bytes(&secret);
        let plaintext = plaintext(len);
        let ciphertext = encrypt(&key, salt, &context, &plaintext).unwrap();
        prop_assert_eq!(ciphertext.len() as u64, ciphertext_len(len as u64));
        prop_assert!(*decrypt(&key, &context, &ciphertext).unwrap() == plaintext);
    }

    #[test]
    fn no_bytes_make_decryption_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decrypt(&key(), CONTEXT, &bytes).is_err());
    }
}
