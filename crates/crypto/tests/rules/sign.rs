//! Signatures: what was signed for one purpose, network or environment counts in no other.

use pouch_crypto::{
    BadSignature, Context, Domain, MlDsaKey, NoteKey, NotePublic, PublicKey, Signature, SigningKey, sha256,
};
use pouch_wire::{Digest, Environment, ExerciseId, Fixed, NetworkId};

use crate::vectors::rng;

fn contexts() -> Vec<Context> {
    let networks = [NetworkId(Digest::new([1; 32])), NetworkId(Digest::new([2; 32]))];
    let mut contexts = vec![Context::CHARTER];
    for network in networks {
        contexts.push(Context::of(network, Environment::Live));
        for exercise in [1, 2] {
            let exercise = ExerciseId(Digest::new([exercise; 32]));
            contexts.push(Context::of(network, Environment::Exercise(exercise)));
        }
    }
    contexts
}

#[test]
fn a_signature_counts_in_its_domain_and_context_alone() {
    let key = SigningKey::generate(&mut rng(1));
    let places: Vec<(Domain, Context)> =
        Domain::ALL.into_iter().flat_map(|domain| contexts().into_iter().map(move |c| (domain, c))).collect();
    for (domain, context) in &places {
        let signature = key.sign(*domain, context, b"bytes");
        for (other_domain, other_context) in &places {
            let same = domain == other_domain && context == other_context;
            let found = key.public().verify(*other_domain, other_context, b"bytes", &signature);
            assert_eq!(found, if same { Ok(()) } else { Err(BadSignature) }, "{domain:?} {other_domain:?}");
        }
    }
}

#[test]
fn domains_have_names_of_their_own_and_no_name_begins_another() {
    for a in Domain::ALL {
        for b in Domain::ALL {
            assert!(a == b || !a.as_str().starts_with(b.as_str()), "{a:?} {b:?}");
        }
    }
}

#[test]
fn other_bytes_keys_and_signatures_are_refused() {
    let mut rng = rng(2);
    let (key, other) = (SigningKey::generate(&mut rng), SigningKey::generate(&mut rng));
    let (domain, context) = (Domain::Notice, Context::of(NetworkId(Digest::new([1; 32])), Environment::Live));
    let signature = key.sign(domain, &context, b"bytes");
    assert_eq!(key.public().verify(domain, &context, b"bytes", &signature), Ok(()));
    assert_eq!(key.public().verify(domain, &context, b"byteS", &signature), Err(BadSignature));
    assert_eq!(other.public().verify(domain, &context, b"bytes", &signature), Err(BadSignature));
    for bit in 0..512 {
        let mut flipped = signature;
        flipped.0.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.public().verify(domain, &context, b"bytes", &flipped), Err(BadSignature), "bit {bit}");
    }
}

/// The layout is promised in `sign.rs`: a second implementation can sign.
#[test]
fn the_signed_bytes_are_as_documented() {
    let seed = [9; 32];
    let (key, note) = (SigningKey::from_seed(&seed), NoteKey::from_seed(&seed));
    let context = Context::of(NetworkId(Digest::new([1; 32])), Environment::Live);
    let digest = sha256(b"bytes");
    let message =
        [b"pouch v1\0envelope\0".as_slice(), context.as_bytes().as_slice(), digest.as_bytes()].concat();
    assert_eq!(key.sign(Domain::Envelope, &context, b"bytes"), note.sign(&message));
}

#[test]
fn a_note_key_and_a_signing_key_of_one_seed_have_different_ids() {
    let (key, note) = (SigningKey::from_seed(&[9; 32]), NoteKey::from_seed(&[9; 32]));
    assert_eq!(key.public().as_bytes(), note.public().as_bytes());
    assert_ne!(key.public().id(), note.public().id());
}

/// RFC 8032, section 7.1, test 2.
#[test]
fn the_rfc_s_signature_is_ours() {
    let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                     085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let key = NoteKey::from_seed(&hex::decode(seed).unwrap().try_into().unwrap());
    assert_eq!(hex::encode(key.public().as_bytes()), public);
    assert_eq!(hex::encode(key.sign(&[0x72]).0.0), signature);
}

#[test]
fn an_ml_dsa_signature_is_its_key_s_over_its_message() {
    let mut rng = rng(3);
    let (key, other) = (MlDsaKey::generate(&mut rng).unwrap(), MlDsaKey::generate(&mut rng).unwrap());
    let signature = key.sign(b"checkpoint").unwrap();
    assert_eq!(key.public().verify(b"checkpoint", &signature), Ok(()));
    assert_eq!(key.public().verify(b"checkpoinT", &signature), Err(BadSignature));
    assert_eq!(other.public().verify(b"checkpoint", &signature), Err(BadSignature));
    assert_eq!(key.public().verify(b"checkpoint", &signature[1..]), Err(BadSignature));
    let again = MlDsaKey::from_seed(&key.seed()).unwrap();
    assert_eq!(again.public(), key.public());
}

#[test]
fn public_keys_keep_their_bytes() {
    let key = SigningKey::generate(&mut rng(4));
    assert_eq!(PublicKey::from_bytes(*key.public().as_bytes()), Ok(key.public()));
    let note = NoteKey::generate(&mut rng(4));
    assert_eq!(NotePublic::from_bytes(*note.public().as_bytes()), Ok(note.public()));
    let signature = note.sign(b"note");
    assert_eq!(note.public().verify(b"note", &signature), Ok(()));
    assert_eq!(note.public().verify(b"note", &Signature(Fixed([0; 64]))), Err(BadSignature));
}
