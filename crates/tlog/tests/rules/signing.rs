//! Signing and verifying checkpoints and cosignatures of both kinds.

use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, LogError, LogVerifier, Note, NoteError, PolicyError, ProofFile,
    SignError, VerifierKey, VkeyError, WitnessSigner,
};
use pouch_wire::Timestamp;
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, proptest};
use proptest::sample::Index;

use crate::parties::{self, NOW, name};

#[test]
fn a_log_signs_with_both_kinds_and_both_verify() {
    let (log, checkpoint) = (parties::log(), parties::checkpoint(7));
    let note = log.sign(&checkpoint, NOW).unwrap();
    assert_eq!(Note::parse(&note.to_bytes()).as_ref(), Ok(&note));
    let verifier = LogVerifier::new(log.vkeys().clone()).unwrap();
    assert_eq!(verifier.verify(&note).unwrap().checkpoint(), &checkpoint);
    let [ed25519, mldsa] = note.signatures() else { panic!("two lines") };
    assert_eq!(log.vkeys()[0].verify(note.text(), &checkpoint, ed25519), Ok(None));
    assert_eq!(log.vkeys()[1].verify(note.text(), &checkpoint, mldsa), Ok(Some(NOW)));
    assert_eq!((ed25519.bytes().len(), mldsa.bytes().len()), (64, 8 + 2420));
}

#[test]
fn a_checkpoint_that_lacks_one_of_the_log_s_signatures_is_refused() {
    let (log, note) = (parties::log(), parties::log().sign(&parties::checkpoint(7), NOW).unwrap());
    let verifier = LogVerifier::new(log.vkeys().clone()).unwrap();
    for (left, missing) in [(0, 1), (1, 0)] {
        let half = Note::new(note.text(), vec![note.signatures()[left].clone()]).unwrap();
        let key = Box::new(log.vkeys()[missing].clone());
        assert_eq!(verifier.verify(&half), Err(LogError::Unsigned { key }));
    }
    assert!(verifier.verify(&note).is_ok());
}

#[test]
fn a_log_is_verified_by_two_kinds_of_key_under_one_name() {
    let ([a, b], [c, _]) = (parties::log().vkeys().clone(), parties::log_named("other").vkeys().clone());
    assert!(LogVerifier::new([a.clone(), a.clone()]).is_none());
    assert!(LogVerifier::new([c, b.clone()]).is_none());
    assert!(LogVerifier::new([b.clone(), a.clone()]).is_none());
    assert!(LogVerifier::new([a, b]).is_some());
}

#[test]
fn nobody_signs_another_log_s_checkpoint_or_at_no_time() {
    let (log, witness) = (parties::log(), parties::witness("nl"));
    let other = Checkpoint::new(&name("other"), 0, pouch_tlog::empty_root());
    assert_eq!(log.sign(&other, NOW), Err(SignError::OtherOrigin));
    let ours = parties::checkpoint(3);
    assert_eq!(log.sign(&ours, Timestamp(999)), Err(SignError::NoTime { seconds: 0 }));
    assert_eq!(witness.cosign(&ours.to_string(), Timestamp(999)), Err(SignError::NoTime { seconds: 0 }));
    assert!(matches!(witness.cosign("no\n", NOW), Err(SignError::Checkpoint(_))));
    let long = ours.to_string().replace(parties::ORIGIN, &"o".repeat(256));
    assert_eq!(witness.cosign(&long, NOW), Err(SignError::OriginTooLong));
    assert!(log.sign(&ours, Timestamp(1000)).is_ok());
    assert!(witness.cosign(&ours.to_string(), Timestamp(1000)).is_ok());
}

#[test]
fn names_are_not_longer_than_a_cosignature_can_say() {
    let make = |length| {
        WitnessSigner::new(&name(&"n".repeat(length)), parties::ed25519("a"), parties::mldsa("a")).map(drop)
    };
    assert_eq!(make(255), Ok(()));
    assert_eq!(make(256), Err(VkeyError::NameTooLong { found: 256 }));
    for bad in ["", "a b", "a+b", "a\u{a0}b", "a\nb", "a\u{1}b"] {
        assert!(KeyName::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_cosignature_holds_for_its_checkpoint_and_its_time_only() {
    let witness = parties::witness("nl");
    let (text, other) = (parties::checkpoint(7), parties::checkpoint(8));
    for (key, line) in witness.vkeys().iter().zip(witness.cosign(&text.to_string(), NOW).unwrap()) {
        assert_eq!(key.verify(&text.to_string(), &text, &line), Ok(Some(NOW)));
        assert!(key.verify(&other.to_string(), &other, &line).is_err());
        assert!(key.verify_text(&text.to_string(), &line).is_err());
    }
}

#[test]
fn a_key_for_one_kind_does_not_verify_another_kind() {
    let key = parties::ed25519("one key");
    let note_key = VerifierKey::ed25519(name("n"), key.public()).unwrap();
    let cosigner = VerifierKey::cosignature_ed25519(name("n"), key.public()).unwrap();
    assert_ne!(note_key.key_id(), cosigner.key_id());
    let signer = WitnessSigner::new(&name("n"), key, parties::mldsa("m")).unwrap();
    let checkpoint = parties::checkpoint(7);
    let lines = signer.cosign(&checkpoint.to_string(), NOW).unwrap();
    assert!(cosigner.verify(&checkpoint.to_string(), &checkpoint, &lines[0]).is_ok());
    assert!(note_key.verify(&checkpoint.to_string(), &checkpoint, &lines[0]).is_err());
    assert!(signer.vkeys()[1].verify(&checkpoint.to_string(), &checkpoint, &lines[0]).is_err());
}

#[test]
fn no_flipped_bit_in_a_checkpoint_is_accepted() {
    let policy = parties::policy();
    let note = parties::cosigned(&parties::checkpoint(7));
    assert!(policy.check(&note).is_ok());
    let bytes = note.to_bytes();
    let text = note.text().len();
    let short = |at: usize| {
        // Within the long base64 of ML-DSA-44 every byte is alike: take one in 29.
        at < text + 400 || at.is_multiple_of(29) || bytes.get(at).is_none_or(|b| !b.is_ascii_alphanumeric())
    };
    let mut refused = 0;
    for at in (0..bytes.len()).filter(|at| short(*at)) {
        for bit in 0..8 {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << bit;
            let checked =
                Note::parse(&altered).map_err(PolicyError::from).and_then(|note| policy.check(&note));
            assert!(checked.is_err(), "bit {bit} of byte {at}");
            refused += 1;
        }
    }
    assert!(refused > 4000, "{refused}");
}

#[test]
fn a_note_is_made_only_if_it_parses_as_itself() {
    let note = parties::log().sign(&parties::checkpoint(7), NOW).unwrap();
    let lines = note.signatures().to_vec();
    assert_eq!(Note::new(note.text(), lines.clone()).as_ref(), Ok(&note));
    assert!(Note::new("two\n\nparts\n", lines.clone()).is_ok());
    assert_eq!(Note::new("no newline", lines.clone()), Err(NoteError::NoSeparator));
    assert_eq!(Note::new("", lines.clone()), Err(NoteError::NoSeparator));
    assert_eq!(Note::new("a\tb\n", lines), Err(NoteError::ControlCharacter));
    assert_eq!(Note::new("text\n", Vec::new()), Err(NoteError::Unsigned));
}

proptest! {
    #[test]
    fn what_parses_prints_as_it_was_read(cuts in vec((any::<Index>(), any::<u8>()), 1..4), kind in 0..3_u8) {
        let note = parties::log().sign(&parties::checkpoint(3), NOW).unwrap();
        let note = Note::new(note.text(), vec![note.signatures()[0].clone()]).unwrap();
        let path = parties::tree(3).inclusion(1, 3).unwrap();
        let mut bytes = match kind {
            0 => note.to_bytes(),
            1 => ProofFile::new(1, path, note).unwrap().with_extra(vec![1, 2]).unwrap().to_bytes(),
            _ => AddCheckpoint::new(1, path, note).unwrap().to_bytes(),
        };
        for (at, byte) in cuts {
            // Mostly characters that mean something here.
            let meaning = b"\n\n\n0=+/ A-o";
            let byte = meaning.get(usize::from(byte) / 8).copied().unwrap_or(byte);
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let printed = match kind {
            0 => Note::parse(&bytes).ok().map(|note| note.to_bytes()),
            1 => ProofFile::parse(&bytes).ok().map(|proof| proof.to_bytes()),
            _ => AddCheckpoint::parse(&bytes).ok().map(|request| request.to_bytes()),
        };
        prop_assert!(printed.is_none_or(|printed| printed == bytes));
    }
}

#[test]
fn lines_are_added_once() {
    let note = parties::log().sign(&parties::checkpoint(7), NOW).unwrap();
    let lines = parties::cosign("nl", &note, 0);
    let more = note.with(lines.clone()).unwrap();
    assert_eq!(more.signatures().len(), 4);
    assert_eq!(more.with(lines.clone()).as_ref(), Ok(&more));
    let printed = pouch_tlog::NoteSignature::print_lines(&lines);
    assert_eq!(pouch_tlog::NoteSignature::parse_lines(printed.as_bytes()), Ok(lines));
}
