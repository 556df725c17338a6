//! A witness cosigns what extends what it cosigned before, and answers as tlog-witness says.

use std::collections::BTreeMap;

use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, KnownLog, LeafHash, Note, NoteSignature, ProofError, SignError,
    WitnessRefusal, WitnessState,
};
use pouch_wire::{Digest, Timestamp};

use crate::parties::{self, NOW, ORIGIN, name};

fn logs() -> BTreeMap<KeyName, KnownLog> {
    BTreeMap::from([(name(ORIGIN), KnownLog::all_of(parties::log().vkeys().to_vec()))])
}

fn signed(checkpoint: &Checkpoint) -> Note {
    parties::log().sign(checkpoint, NOW).unwrap()
}

fn ask(
    state: &mut WitnessState,
    old: u64,
    proof: Vec<Digest>,
    note: Note,
) -> Result<Vec<NoteSignature>, WitnessRefusal> {
    let request = AddCheckpoint::new(old, proof, note).unwrap();
    assert_eq!(AddCheckpoint::parse(&request.to_bytes()).as_ref(), Ok(&request));
    state.add_checkpoint(&request, &logs(), &parties::witness("nl"), NOW)
}

fn at(size: u64) -> WitnessState {
    WitnessState::restore([(name(ORIGIN), size, parties::tree(size).root())])
}

#[test]
fn a_witness_follows_a_log_as_it_grows() {
    let (mut state, tree) = (WitnessState::default(), parties::tree(300));
    let mut old = 0;
    for size in [0, 1, 7, 7, 256, 300] {
        let note = signed(&parties::checkpoint(size));
        let lines = ask(&mut state, old, tree.consistency(old, size).unwrap(), note.clone()).unwrap();
        for (key, line) in parties::witness("nl").vkeys().iter().zip(&lines) {
            let checkpoint = parties::checkpoint(size);
            assert_eq!(key.verify(note.text(), &checkpoint, line), Ok(Some(NOW)));
        }
        assert_eq!(lines.len(), 2);
        assert_eq!(state.latest(&name(ORIGIN)), Some((size, tree.root_at(size).unwrap())));
        old = size;
    }
}

#[test]
fn a_witness_never_cosigns_back() {
    let mut state = at(20);
    let refused = ask(&mut state, 7, Vec::new(), signed(&parties::checkpoint(7))).unwrap_err();
    assert_eq!(refused, WitnessRefusal::Conflict { size: 20, named: 7 });
    assert_eq!(refused.http_status(), 409);
    let refused = ask(&mut state, 20, Vec::new(), signed(&parties::checkpoint(7))).unwrap_err();
    assert_eq!((&refused, refused.http_status()), (&WitnessRefusal::Shrunk { old: 20, new: 7 }, 400));
    assert_eq!(state, at(20));
}

#[test]
fn a_witness_does_not_cosign_a_fork() {
    let mut state = at(20);
    let root = LeafHash::of(b"another history").digest();
    let fork = signed(&Checkpoint::new(&name(ORIGIN), 20, root));
    let refused = ask(&mut state, 20, Vec::new(), fork).unwrap_err();
    assert_eq!((&refused, refused.http_status()), (&WitnessRefusal::Forked { size: 20 }, 422));
    assert_eq!(state, at(20));
    assert!(ask(&mut state, 20, Vec::new(), signed(&parties::checkpoint(20))).is_ok());
}

#[test]
fn a_witness_does_not_cosign_what_is_not_proved() {
    let mut state = at(7);
    let note = signed(&parties::checkpoint(20));
    let proof = parties::tree(20).consistency(7, 20).unwrap();
    let refused = ask(&mut state, 7, proof[1..].to_vec(), note.clone()).unwrap_err();
    assert!(matches!(refused, WitnessRefusal::BadProof(_)));
    assert_eq!(refused.http_status(), 422);
    let mut fresh = WitnessState::default();
    let needless = ask(&mut fresh, 0, proof.clone(), note.clone()).unwrap_err();
    assert_eq!(needless, WitnessRefusal::BadProof(ProofError::WrongLength { found: proof.len() }));
    assert_eq!((&state, &fresh), (&at(7), &WitnessState::default()));
    assert!(ask(&mut state, 7, proof, note).is_ok());
}

#[test]
fn a_witness_knows_its_logs_and_their_keys() {
    let mut state = WitnessState::default();
    let other = parties::log_named("other.example");
    let checkpoint = Checkpoint::new(&name("other.example"), 0, pouch_tlog::empty_root());
    let note = other.sign(&checkpoint, NOW).unwrap();
    let refused = ask(&mut state, 0, Vec::new(), note.clone()).unwrap_err();
    assert_eq!((&refused, refused.http_status()), (&WitnessRefusal::UnknownLog, 404));
    // Our text under another's signatures, and one of two signatures.
    let good = signed(&parties::checkpoint(0));
    let foreign = Note::new(good.text(), note.signatures().to_vec()).unwrap();
    let half = Note::new(good.text(), good.signatures()[..1].to_vec()).unwrap();
    for unsigned in [foreign, half.clone()] {
        let refused = ask(&mut state, 0, Vec::new(), unsigned).unwrap_err();
        assert_eq!((&refused, refused.http_status()), (&WitnessRefusal::Unsigned, 403));
    }
    // For others' logs one key is enough.
    let any = BTreeMap::from([(name(ORIGIN), KnownLog::any_of(parties::log().vkeys().to_vec()))]);
    let request = AddCheckpoint::new(0, Vec::new(), half).unwrap();
    let cosigned = state.add_checkpoint(&request, &any, &parties::witness("nl"), NOW);
    assert_eq!(cosigned.map(|lines| lines.len()), Ok(2));
}

#[test]
fn a_known_key_s_wrong_signature_is_refused_by_a_witness() {
    let mut state = WitnessState::default();
    let wrong = signed(&parties::checkpoint(3));
    let good = signed(&parties::checkpoint(0));
    let mixed = good.with([wrong.signatures()[1].clone()]).unwrap();
    let refused = ask(&mut state, 0, Vec::new(), mixed).unwrap_err();
    assert!(matches!(refused, WitnessRefusal::BadSignature(_)));
    assert_eq!(refused.http_status(), 403);
    assert!(ask(&mut state, 0, Vec::new(), good).is_ok());
}

#[test]
fn an_empty_log_has_the_empty_root_and_a_witness_has_a_clock() {
    let mut state = WitnessState::default();
    let odd = signed(&Checkpoint::new(&name(ORIGIN), 0, LeafHash::of(b"").digest()));
    let refused = ask(&mut state, 0, Vec::new(), odd).unwrap_err();
    assert_eq!((&refused, refused.http_status()), (&WitnessRefusal::EmptyRoot, 422));
    let request = AddCheckpoint::new(0, Vec::new(), signed(&parties::checkpoint(5))).unwrap();
    let refused = state.add_checkpoint(&request, &logs(), &parties::witness("nl"), Timestamp(0)).unwrap_err();
    assert_eq!(refused, WitnessRefusal::Sign(SignError::NoTime { seconds: 0 }));
    assert_eq!((refused.http_status(), state.latest(&name(ORIGIN))), (500, None));
}

#[test]
fn a_witness_s_own_cosignature_on_more_than_it_remembers_is_found() {
    let (us, note) = (parties::witness("nl"), signed(&parties::checkpoint(20)));
    let ours = note.with(us.cosign(note.text(), NOW).unwrap()).unwrap();
    let theirs = note.with(parties::cosign("md", &note, 0)).unwrap();
    let one_key = note.with(us.cosign(note.text(), NOW).unwrap().into_iter().take(1)).unwrap();
    for (remembered, found) in [(0, true), (7, true), (19, true), (20, false), (300, false)] {
        let refused = |shown: &Note| at(remembered).remembers(shown, &us);
        let forgotten = Err(WitnessRefusal::Forgotten { cosigned: 20, remembered });
        let expected = if found { forgotten } else { Ok(()) };
        assert_eq!(refused(&ours), expected, "{remembered}");
        assert_eq!(refused(&one_key), expected, "one line is enough to know: {remembered}");
        assert_eq!(refused(&theirs), Ok(()), "{remembered}");
    }
    // It stops before it looks at sizes and proofs, and stays where it was.
    let mut state = at(7);
    let refused = ask(&mut state, 7, Vec::new(), ours).unwrap_err();
    assert_eq!((refused.http_status(), refused.code()), (500, "POUCH-TLG-88"));
    assert_eq!(state, at(7));
    // A line with our name that is not good says nothing of us.
    let elsewhere = signed(&parties::checkpoint(21));
    let forged = note.with(us.cosign(elsewhere.text(), NOW).unwrap()).unwrap();
    assert_eq!(at(7).remembers(&forged, &us), Ok(()));
}
