//! Policies: who has to have signed, and how that is counted.

use std::collections::BTreeSet;

use pouch_tlog::{
    Note, NoteSignature, Policy, PolicyDefect, PolicyError, PolicyTextError, SignatureKind, VerifierKey,
};
use pouch_wire::Timestamp;
use proptest::prelude::{any, prop_assert_eq, proptest};

use crate::parties::{self, NOW, WITNESSES, name, network_witness};

fn text_error(defect: PolicyDefect) -> PolicyTextError {
    PolicyTextError { line: 0, defect }
}

fn log_note() -> Note {
    parties::log().sign(&parties::checkpoint(7), NOW).unwrap()
}

#[test]
fn a_network_s_policy_prints_and_parses_as_itself() {
    let policy = parties::policy();
    let parsed = Policy::parse(&policy.to_bytes()).unwrap().requiring_both_log_signatures();
    assert_eq!(parsed, policy);
    assert_eq!((policy.log_keys().count(), policy.witness_keys().count()), (2, 6));
    assert!(policy.to_string().ends_with(&format!(
        "group quorum 2 nl md fr\ngroup log-and-quorum all {}/ml-dsa-44 quorum\nquorum log-and-quorum\n",
        parties::ORIGIN
    )));
}

#[test]
fn a_network_needs_a_quorum_that_can_be_met() {
    let log = parties::log();
    let make = |quorum| Policy::for_network(log.vkeys(), &WITNESSES.map(network_witness), quorum);
    for quorum in 1..=3 {
        assert!(make(quorum).is_ok());
    }
    for quorum in [0, 4] {
        assert_eq!(make(quorum), Err(text_error(PolicyDefect::Threshold { members: 3 })));
    }
    let none = Policy::for_network(log.vkeys(), &[], 1);
    assert_eq!(none, Err(text_error(PolicyDefect::Threshold { members: 0 })));
}

#[test]
fn a_network_s_keys_serve_once_each() {
    let log = parties::log();
    let make = |witnesses: &[_]| Policy::for_network(log.vkeys(), witnesses, 1).map(drop);
    let log_mldsa = parties::mldsa(&format!("{} 6", parties::ORIGIN));
    let nl_mldsa = parties::mldsa("nl.pouch.example/witness 6");
    let (nl, md) = (network_witness("nl"), network_witness("md"));
    assert_eq!(make(&[nl.clone(), md.clone()]), Ok(()));
    assert_eq!(make(&[nl.clone(), nl.clone()]), Err(text_error(PolicyDefect::DuplicateKey)));
    let mut shared = md.clone();
    shared.mldsa = VerifierKey::mldsa44(md.mldsa.name().clone(), nl_mldsa.public().clone()).unwrap();
    assert_eq!(make(&[nl.clone(), shared]), Err(text_error(PolicyDefect::DuplicateKey)));
    // The log as its own witness.
    let mut own = md.clone();
    own.mldsa = VerifierKey::mldsa44(md.mldsa.name().clone(), log_mldsa.public().clone()).unwrap();
    assert_eq!(make(&[nl.clone(), own]), Err(text_error(PolicyDefect::DuplicateKey)));
    let mut same_name = md;
    same_name.name = name("nl");
    assert_eq!(make(&[nl.clone(), same_name]), Err(text_error(PolicyDefect::NameTaken)));
    assert_eq!(Policy::parse(&vec![b'#'; 1024 * 1024 + 1]), Err(text_error(PolicyDefect::TooLarge)));
}

#[test]
fn a_network_s_parties_have_one_name_and_one_key_of_each_kind() {
    let log = parties::log();
    let (nl, md) = (network_witness("nl"), network_witness("md"));
    let make = |log: &[_; 2], witness| Policy::for_network(log, &[witness], 1).map(drop);
    assert_eq!(make(log.vkeys(), nl.clone()), Ok(()));
    let key_of = |found| Err(text_error(PolicyDefect::KeyKind { found }));
    let [ed25519, mldsa] = log.vkeys().clone();
    assert_eq!(make(&[mldsa.clone(), ed25519.clone()], nl.clone()), key_of(SignatureKind::MlDsa44));
    // Two Ed25519 keys would be a quorum without any ML-DSA-44.
    let mut weak = nl.clone();
    weak.mldsa =
        VerifierKey::cosignature_ed25519(nl.ed25519.name().clone(), parties::ed25519("2").public()).unwrap();
    assert_eq!(make(log.vkeys(), weak), key_of(SignatureKind::CosignatureEd25519));
    let mut mixed = nl.clone();
    mixed.mldsa = md.mldsa.clone();
    assert_eq!(make(log.vkeys(), mixed), Err(text_error(PolicyDefect::OtherName)));
    let other = parties::log_named("other.example").vkeys()[1].clone();
    assert_eq!(make(&[ed25519, other], nl), Err(text_error(PolicyDefect::OtherName)));
}

#[test]
fn of_a_note_with_more_than_enough_enough_is_kept() {
    let (policy, note) = (parties::policy(), log_note());
    let text = Policy::parse(&policy.to_bytes()).unwrap();
    let lines = [
        cosign("nl", &note, 1),
        cosign("md", &note, 600),
        cosign("fr", &note, 700),
        cosign("md", &note, 2),
        cosign("zz", &note, 0),
    ];
    let much = note.with(lines.concat()).unwrap();
    let enough = policy.sufficient(&much).unwrap();
    assert_eq!(
        enough,
        note.with([cosign_of(&much, "md", 600), cosign_of(&much, "fr", 700)].concat()).unwrap()
    );
    assert_eq!(policy.check(&enough).unwrap().cosigned_at(), policy.check(&much).unwrap().cosigned_at());
    assert_eq!(policy.sufficient(&enough), Ok(enough.clone()));
    // Every line that is left is needed.
    for left_out in 0..6 {
        let mut lines = enough.signatures().to_vec();
        lines.remove(left_out);
        let note = Note::new(note.text(), lines).unwrap();
        assert!(policy.check(&note).is_err());
        // Of that nobody has to be told beside the policy's text.
        assert!(text.check(&note).is_err());
    }
    assert_eq!(policy.sufficient(&note), Err(PolicyError::NoQuorum { cosigned: 0, known: 6 }));
}

/// The lines in a note of a country's witness at a time.
fn cosign_of(note: &Note, country: &str, later: u64) -> Vec<NoteSignature> {
    let witness = parties::witness(country);
    let seconds = (NOW.as_secs() + later).to_be_bytes();
    let is_its = |line: &&NoteSignature| line.name() == witness.name() && line.bytes()[..8] == seconds;
    note.signatures().iter().filter(is_its).cloned().collect()
}

#[test]
fn thirty_two_witnesses_are_not_too_many() {
    let many = |count: u32| -> Vec<_> {
        let countries = (0..count).map(|i| format!("c{i}"));
        countries.map(|country| network_witness(&country)).collect()
    };
    let (log, witnesses) = (parties::log(), many(33));
    assert!(Policy::for_network(log.vkeys(), &witnesses[..32], 17).is_ok());
    let refused = Policy::for_network(log.vkeys(), &witnesses, 17);
    assert_eq!(refused, Err(text_error(PolicyDefect::TooMany)));
}

#[test]
fn an_error_names_its_line() {
    let refused = Policy::parse(b"# one\n\nquorum none\nlog\n");
    assert_eq!(refused, Err(PolicyTextError { line: 4, defect: PolicyDefect::Words }));
    assert_eq!(refused.unwrap_err().to_string(), "policy line 4: too few or too many words");
}

#[test]
fn a_note_that_a_quorum_cosigned_is_accepted_and_says_when_and_by_whom() {
    let met = parties::policy().check(&parties::cosigned(&parties::checkpoint(7))).unwrap();
    assert_eq!(met.checkpoint(), &parties::checkpoint(7));
    assert_eq!(met.cosigned_at(), Some(Timestamp(NOW.0 + 5000)));
    assert_eq!(met.newest_at(), Some(Timestamp(NOW.0 + 9000)));
    let names = ["md.pouch.example/witness", "nl.pouch.example/witness"];
    assert_eq!(met.witnesses(), names.map(name));
}

#[test]
fn the_time_is_that_of_the_freshest_quorum() {
    let note = log_note();
    let lines = [cosign("nl", &note, 1), cosign("md", &note, 600), cosign("fr", &note, 700)].concat();
    let met = parties::policy().check(&note.with(lines).unwrap()).unwrap();
    assert_eq!(met.cosigned_at(), Some(Timestamp(NOW.0 + 600_000)));
    // A witness that lives in the future moves nothing without another.
    let lines = [cosign("nl", &note, 1), cosign("md", &note, 9_000_000)].concat();
    let met = parties::policy().check(&note.with(lines).unwrap()).unwrap();
    assert_eq!(met.cosigned_at(), Some(Timestamp(NOW.0 + 1000)));
}

fn cosign(country: &str, note: &Note, later: u64) -> Vec<NoteSignature> {
    parties::cosign(country, note, later)
}

#[test]
fn a_witness_that_signs_twice_counts_once() {
    let (policy, note) = (parties::policy(), log_note());
    let twice = note.with([cosign("nl", &note, 1), cosign("nl", &note, 2)].concat()).unwrap();
    assert_eq!(twice.signatures().len(), 6);
    assert_eq!(policy.check(&twice), Err(PolicyError::NoQuorum { cosigned: 2, known: 6 }));
    let two = twice.with(cosign("md", &note, 0)).unwrap();
    assert_eq!(policy.check(&two).unwrap().cosigned_at(), Some(NOW));
}

#[test]
fn a_witness_counts_with_both_keys_only() {
    let (policy, note) = (parties::policy(), log_note());
    let [nl, md] = ["nl", "md"].map(|country| cosign(country, &note, 0));
    for one in &md {
        let half = note.with([nl.clone(), vec![one.clone()]].concat()).unwrap();
        assert_eq!(policy.check(&half), Err(PolicyError::NoQuorum { cosigned: 3, known: 6 }));
    }
    let whole = note.with([nl, md].concat()).unwrap();
    assert_eq!(policy.check(&whole).unwrap().witnesses().len(), 2);
}

#[test]
fn one_wrong_signature_of_a_known_key_spoils_the_note() {
    let (policy, good) = (parties::policy(), parties::cosigned(&parties::checkpoint(7)));
    let other = parties::log().sign(&parties::checkpoint(8), NOW).unwrap();
    for wrong in cosign("fr", &other, 0) {
        let spoiled = good.with([wrong]).unwrap();
        assert!(matches!(policy.check(&spoiled), Err(PolicyError::Signature(_))));
    }
    // The same lines by somebody unknown are nothing.
    let unknown = good.with(cosign("zz", &other, 0)).unwrap();
    assert!(policy.check(&unknown).is_ok());
}

#[test]
fn a_log_signs_its_own_origin_with_both_keys() {
    let log = parties::log();
    let lenient =
        Policy::parse(format!("log {}\nlog {}\nquorum none\n", log.vkeys()[0], log.vkeys()[1]).as_bytes());
    let lenient = lenient.unwrap();
    let note = log_note();
    assert_eq!(lenient.check_strict(&note).unwrap().cosigned_at(), None);
    let missing = [SignatureKind::MlDsa44, SignatureKind::Ed25519];
    for (signature, missing) in note.signatures().iter().zip(missing) {
        let half = Note::new(note.text(), vec![signature.clone()]).unwrap();
        assert!(lenient.check(&half).is_ok());
        let refused = Err(PolicyError::OneLogSignature { missing });
        assert_eq!(lenient.check_strict(&half), refused);
        assert_eq!(lenient.clone().requiring_both_log_signatures().check(&half), refused);
    }
    // A known log's key over another log's name is no signature of that log.
    let text = note.text().replace(parties::ORIGIN, "another.example");
    let key = parties::ed25519(&format!("{} 1", parties::ORIGIN));
    let line = format!("\u{2014} {} ", parties::ORIGIN);
    let id = log.vkeys()[0].key_id().0;
    let bytes = [id.as_slice(), &key.sign(text.as_bytes()).0.0].concat();
    let line =
        format!("{line}{}\n", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes));
    let other = Note::parse(format!("{text}\n{line}").as_bytes()).unwrap();
    assert_eq!(lenient.check(&other), Err(PolicyError::NoLog));
}

/// A policy over five witnesses with Ed25519 keys only, and a note that some of them cosigned.
fn small(rest: &str, signers: &BTreeSet<usize>) -> Result<(), PolicyError> {
    let key = parties::ed25519("small log");
    let vkey = VerifierKey::ed25519(name("log"), key.public()).unwrap();
    let keys: Vec<_> = (0..5).map(|i| parties::ed25519(&format!("small witness {i}"))).collect();
    let vkeys: Vec<_> = (0..5)
        .map(|i| VerifierKey::cosignature_ed25519(name(&format!("w{i}")), keys[i].public()).unwrap())
        .collect();
    let mut text = format!("log {vkey}\n");
    for (i, vkey) in vkeys.iter().enumerate() {
        text += &format!("witness w{i} {vkey}\n");
    }
    let policy = Policy::parse((text + rest).as_bytes()).unwrap();
    let body = format!("log\n0\n{}\n", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    let line = |vkey: &VerifierKey, bytes: &[u8]| {
        let bytes = [vkey.key_id().0.as_slice(), bytes].concat();
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        format!("\u{2014} {} {text}\n", vkey.name())
    };
    let mut note = format!("{body}\n{}", line(&vkey, &key.sign(body.as_bytes()).0.0));
    for i in signers {
        let signature = keys[*i].sign(format!("cosignature/v1\ntime 77\n{body}").as_bytes());
        note += &line(&vkeys[*i], &[77_u64.to_be_bytes().as_slice(), &signature.0.0].concat());
    }
    policy.check(&Note::parse(note.as_bytes()).unwrap()).map(drop)
}

#[test]
fn groups_count_as_they_are_written() {
    let nested = "group x 2 w0 w1 w2\ngroup y any w3 w4\ngroup both all x y\nquorum both\n";
    let cases: [(&str, &[usize], bool); 15] = [
        ("quorum none\n", &[], true),
        ("quorum w2\n", &[2], true),
        ("quorum w2\n", &[0, 1, 3, 4], false),
        ("group g any w0 w1\nquorum g\n", &[1], true),
        ("group g any w0 w1\nquorum g\n", &[2, 3], false),
        ("group g all w0 w1\nquorum g\n", &[0, 1], true),
        ("group g all w0 w1\nquorum g\n", &[0], false),
        ("group g 2 w0 w1 w2\nquorum g\n", &[0, 2], true),
        ("group g 2 w0 w1 w2\nquorum g\n", &[0, 3, 4], false),
        (nested, &[0, 1, 3], true),
        (nested, &[1, 2, 4], true),
        (nested, &[0, 1, 2], false),
        (nested, &[0, 3, 4], false),
        (nested, &[], false),
        (nested, &[0, 1, 2, 3, 4], true),
    ];
    for (policy, signers, met) in cases {
        let result = small(policy, &signers.iter().copied().collect());
        let refused = PolicyError::NoQuorum { cosigned: signers.len(), known: 5 };
        assert_eq!(result, if met { Ok(()) } else { Err(refused) }, "{policy}{signers:?}");
    }
}

proptest! {
    #[test]
    fn more_cosignatures_never_make_a_quorum_fail(mask in 0..32_u8, extra in 0..5_usize, k in 1..=3_usize) {
        let policy = format!("group x {k} w0 w1 w2\ngroup y any w3 w4\ngroup z 1 x y\nquorum z\n");
        let mut signers: BTreeSet<usize> = (0..5).filter(|i| mask & (1 << i) != 0).collect();
        let first = signers.range(..3).count() >= k || signers.range(3..).count() >= 1;
        prop_assert_eq!(small(&policy, &signers).is_ok(), first);
        signers.insert(extra);
        let then = signers.range(..3).count() >= k || signers.range(3..).count() >= 1;
        prop_assert_eq!(small(&policy, &signers).is_ok(), then);
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop((Policy::parse(&bytes), Note::parse(&bytes), pouch_tlog::ProofFile::parse(&bytes)));
        drop((pouch_tlog::AddCheckpoint::parse(&bytes), NoteSignature::parse_lines(&bytes)));
    }
}
