//! A client accepts what extends the last it accepted, and keeps the evidence when a log forks.

use pouch_tlog::{
    AcceptError, AcceptedCheckpoint, Checkpoint, FORKS_KEPT, Fork, Inclusion, LastAccepted, LeafHash, Note,
    PolicyError, ProofError, empty_root,
};
use pouch_wire::{Digest, Timestamp};

use crate::naive;
use crate::parties::{self, NOW, ORIGIN, cosigned, name, policy};

fn accepted(size: u64) -> LastAccepted {
    let note = cosigned(&parties::checkpoint(size));
    LastAccepted::nothing(name(ORIGIN)).accept(&policy(), note, &[]).unwrap().0
}

fn forged(size: u64, root: &[u8]) -> Checkpoint {
    Checkpoint::new(&name(ORIGIN), size, LeafHash::of(root).digest())
}

#[test]
fn a_checkpoint_that_extends_the_last_is_accepted_and_becomes_the_last() {
    let last = accepted(7);
    assert_eq!(last.size(), 7);
    let proof = parties::tree(20).consistency(7, 20).unwrap();
    let (next, checkpoint) = last.accept(&policy(), cosigned(&parties::checkpoint(20)), &proof).unwrap();
    assert_eq!((next.size(), checkpoint.size()), (20, 20));
    assert_eq!((checkpoint.origin(), checkpoint.root()), (ORIGIN, parties::tree(20).root()));
    assert_eq!(checkpoint.witnesses().len(), 2);
    // The same again changes nothing.
    let again = next.accept(&policy(), cosigned(&parties::checkpoint(20)), &[]).unwrap();
    assert_eq!(again.1.size(), 20);
    let kept = LastAccepted::restore(name(ORIGIN), next.note().unwrap().clone());
    assert_eq!(kept, Ok(next));
}

#[test]
fn history_never_goes_back() {
    let last = accepted(20);
    let refused = last.accept(&policy(), cosigned(&parties::checkpoint(7)), &[]);
    assert_eq!(refused.unwrap_err(), AcceptError::Back { accepted: 20, found: 7 });
}

#[test]
fn growth_that_is_not_proved_is_refused() {
    let last = accepted(7);
    let offer = |proof: &[Digest]| {
        last.accept(&policy(), cosigned(&parties::checkpoint(20)), proof).map(|(_, c)| c.size())
    };
    let proof = parties::tree(20).consistency(7, 20).unwrap();
    assert_eq!(offer(&proof), Ok(20));
    assert_eq!(offer(&[]), Err(AcceptError::Proof(ProofError::WrongLength { found: 0 })));
    let other = parties::tree(20).consistency(6, 20).unwrap();
    assert!(matches!(offer(&other), Err(AcceptError::Proof(_))));
}

#[test]
fn a_fork_is_refused_and_both_notes_are_kept() {
    let last = accepted(7);
    // The log's signatures alone are evidence; no witness needs to have been fooled.
    let other = parties::log().sign(&forged(7, b"another history"), NOW).unwrap();
    let Err(AcceptError::Forked { size: 7, fork }) = last.accept(&policy(), other.clone(), &[]) else {
        panic!("a fork");
    };
    assert_eq!((&fork.accepted, &fork.other), (last.note().unwrap(), &other));
}

#[test]
fn of_forks_one_for_each_tree_is_kept_and_not_more_than_enough() {
    let last = accepted(7);
    let fork = |history: &[u8], at: Timestamp| {
        let other = parties::log().sign(&forged(7, history), at).unwrap();
        match last.accept(&policy(), other, &[]) {
            Err(AcceptError::Forked { fork, .. }) => *fork,
            other => panic!("a fork: {other:?}"),
        }
    };
    let one = fork(b"another history", NOW);
    let mut kept = vec![one.other.to_bytes()];
    let adds = |fork: &Fork, kept: &[Vec<u8>]| fork.adds_to(kept.iter().map(|note| &**note));
    assert!(one.adds_to([]) && !adds(&one, &kept));
    let signed_again = fork(b"another history", Timestamp(NOW.0 + 5000));
    assert_ne!(signed_again.other, one.other);
    assert!(!adds(&signed_again, &kept), "it proves nothing more");
    for n in 1..FORKS_KEPT {
        let another = fork(&n.to_be_bytes(), NOW);
        assert!(adds(&another, &kept), "{n}");
        kept.push(another.other.to_bytes());
    }
    assert!(!adds(&fork(b"one too many", NOW), &kept));
}

#[test]
fn what_the_log_did_not_sign_is_no_fork() {
    let (last, other) = (accepted(7), parties::log_named("other.example"));
    let mallory = other.sign(&Checkpoint::new(&name("other.example"), 7, empty_root()), NOW).unwrap();
    let text = forged(7, b"another history").to_string();
    let note = Note::new(text, mallory.signatures().to_vec()).unwrap();
    assert_eq!(last.accept(&policy(), note, &[]).unwrap_err(), AcceptError::Policy(PolicyError::NoLog));
}

#[test]
fn a_checkpoint_without_a_quorum_is_not_accepted() {
    let nothing = LastAccepted::nothing(name(ORIGIN));
    let alone = parties::log().sign(&parties::checkpoint(7), NOW).unwrap();
    let refused = PolicyError::NoQuorum { cosigned: 0, known: 6 };
    assert_eq!(nothing.accept(&policy(), alone, &[]).unwrap_err(), AcceptError::Policy(refused));
}

#[test]
fn another_log_and_an_empty_log_with_a_root_are_refused() {
    let other = LastAccepted::nothing(name("other.example"));
    let note = cosigned(&parties::checkpoint(7));
    assert_eq!(other.accept(&policy(), note.clone(), &[]).unwrap_err(), AcceptError::OtherOrigin);
    assert_eq!(LastAccepted::restore(name("other.example"), note), Err(AcceptError::OtherOrigin));
    let nothing = LastAccepted::nothing(name(ORIGIN));
    let odd = nothing.accept(&policy(), cosigned(&forged(0, b"not empty")), &[]);
    assert_eq!(odd.unwrap_err(), AcceptError::EmptyRoot);
    assert!(nothing.accept(&policy(), cosigned(&parties::checkpoint(0)), &[]).is_ok());
}

#[test]
fn an_inclusion_says_which_leaf_it_proves() {
    let tree = parties::tree(20);
    let note = cosigned(&parties::checkpoint(20));
    let checkpoint = AcceptedCheckpoint::from(policy().check_strict(&note).unwrap());
    let path = tree.inclusion(5, 20).unwrap();
    let (leaf, other) = (LeafHash::of(&naive::entry(5)), LeafHash::of(b"another"));
    let inclusion = Inclusion::verify(leaf, 5, &path, &checkpoint).unwrap();
    assert_eq!((inclusion.leaf(), inclusion.index()), (&leaf, 5));
    assert_eq!(inclusion.checkpoint(), &checkpoint);
    assert_ne!(inclusion.leaf(), &other);
    assert_eq!(Inclusion::verify(other, 5, &path, &checkpoint), Err(ProofError::WrongRoot));
    assert_eq!(Inclusion::verify(leaf, 6, &path, &checkpoint), Err(ProofError::WrongRoot));
}
