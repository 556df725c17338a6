//! The rules of tlog-witness at both doors, in one memory, over restarts and side by side.
//!
//! The cases of sizes and proofs are those that litewitness (FiloSottile/torchwood, internal/witness) and
//! the text of c2sp.org/tlog-witness name; the logs and the trees are ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pouch_crypto::{MlDsaKey, NoteKey};
use pouch_net::HttpAnswer;
use pouch_store::{AgentStore, WitnessMemory as _};
use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, KnownLog, LeafHash, LogSigner, MemoryTree, Note, NoteSignature,
    VerifierKey, WitnessRefusal, WitnessSigner, empty_root,
};
use pouch_wire::{Digest, Timestamp};

use super::cosigner::{Cosigner, NotCosigned};
use super::{WitnessUnfit, begin_witness_memory};
use crate::error::AgentError;
use crate::keys::WitnessKeys;

const NOW: Timestamp = Timestamp(1_764_000_000_000);
const ORIGIN: &str = "log.example/witnessed";

fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

fn keys(seed: u8) -> WitnessKeys {
    WitnessKeys {
        name: "witness.example".into(),
        ed25519: NoteKey::from_seed(&[seed; 32]),
        mldsa: MlDsaKey::from_seed(&[seed; 32]).unwrap(),
    }
}

fn signer(seed: u8) -> WitnessSigner {
    let WitnessKeys { name: named, ed25519, mldsa } = keys(seed);
    WitnessSigner::new(&name(&named), ed25519, mldsa).unwrap()
}

fn log() -> LogSigner {
    LogSigner::new(&name(ORIGIN), NoteKey::from_seed(&[8; 32]), MlDsaKey::from_seed(&[9; 32]).unwrap())
        .unwrap()
}

fn logs() -> BTreeMap<KeyName, KnownLog> {
    BTreeMap::from([(name(ORIGIN), KnownLog::any_of(log().vkeys().to_vec()))])
}

fn tree(size: u64) -> MemoryTree {
    (0..size).map(|n| LeafHash::of(&n.to_be_bytes())).collect()
}

fn signed(size: u64, root: Digest) -> Note {
    log().sign(&Checkpoint::new(&name(ORIGIN), size, root), NOW).unwrap()
}

fn at(size: u64) -> Note {
    signed(size, tree(size).root())
}

fn grown(old: u64, new: u64) -> AddCheckpoint {
    let proof = if old == 0 { Vec::new() } else { tree(new).consistency(old, new).unwrap() };
    AddCheckpoint::new(old, proof, at(new)).unwrap()
}

async fn begun(database: &Path) {
    let own = keys(1);
    begin_witness_memory(database, &own.name, own.ed25519.public(), own.mldsa.public()).await.unwrap();
}

async fn awake(database: &Path) -> Cosigner {
    Cosigner::wake(keys(1), AgentStore::open(database).unwrap()).await.unwrap()
}

/// A witness in a folder of its own that begins now.
async fn fresh() -> (tempfile::TempDir, Cosigner) {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("witness.sqlite");
    begun(&database).await;
    let cosigner = awake(&database).await;
    (dir, cosigner)
}

async fn post(cosigner: &Cosigner, body: impl AsRef<[u8]>) -> HttpAnswer {
    cosigner.over_http(body.as_ref(), || Arc::new(logs()), NOW).await
}

fn said(answer: &HttpAnswer) -> &str {
    core::str::from_utf8(&answer.body).unwrap()
}

/// An answer in words has this status and code, and no line of a signature.
fn refuses(answer: &HttpAnswer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", said(answer));
    assert!(said(answer).starts_with(&format!("{code} ")), "{}", said(answer));
    assert!(!said(answer).contains('\u{2014}'), "{}", said(answer));
}

/// An answer is good cosignatures by both keys on this note, not dated zero.
fn cosigns(answer: &HttpAnswer, note: &Note) {
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain; charset=utf-8"));
    let lines = NoteSignature::parse_lines(&answer.body).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(lines.len(), 2);
    for (key, line) in signer(1).vkeys().iter().zip(&lines) {
        assert_eq!(key.verify(note.text(), &checkpoint, line), Ok(Some(NOW)));
    }
}

#[tokio::test]
async fn sizes_and_proofs_are_answered_as_the_specification_says() {
    let (leaf, empty) = (LeafHash::of(&0_u64.to_be_bytes()).digest(), empty_root());
    // What it knows, the old size named, the new size, the root, the proof; the status.
    for (known, old, new, root, proof, status) in [
        (0, 0, 0, empty, vec![], 200),
        (0, 0, 0, leaf, vec![], 422),
        (0, 0, 0, Digest::new([0; 32]), vec![], 422),
        (0, 0, 0, empty, vec![leaf], 422),
        (0, 0, 1, leaf, vec![], 200),
        (0, 0, 1, leaf, vec![leaf], 422),
        (1, 0, 1, leaf, vec![], 409),
        (1, 1, 0, empty, vec![], 400),
        (1, 1, 1, leaf, vec![], 200),
        (1, 1, 1, empty, vec![], 422),
        (1, 1, 2, tree(2).root(), vec![], 422),
        (1, 1, 2, tree(2).root(), tree(2).consistency(1, 2).unwrap(), 200),
        (1, 2, 3, tree(3).root(), tree(3).consistency(2, 3).unwrap(), 409),
        (2, 3, 1, leaf, vec![], 400),
    ] {
        let (_dir, cosigner) = fresh().await;
        if known > 0 {
            cosigner.cosign(&grown(0, known), &logs(), NOW).await.unwrap();
        }
        let note = signed(new, root);
        let request = AddCheckpoint::new(old, proof, note.clone()).unwrap();
        let answer = post(&cosigner, request.to_bytes()).await;
        assert_eq!(answer.status, status, "{known} {old} {new}: {}", said(&answer));
        match status {
            200 => cosigns(&answer, &note),
            409 => {
                assert_eq!(
                    (answer.content_type.as_str(), said(&answer)),
                    ("text/x.tlog.size", &*format!("{known}\n"))
                );
            }
            _ => assert!(!said(&answer).contains('\u{2014}'), "{}", said(&answer)),
        }
        let expected = if status == 200 { new } else { known };
        let next = post(&cosigner, grown(expected, 9).to_bytes()).await;
        assert_eq!(next.status, 200, "{known} {old} {new}: {}", said(&next));
    }
}

#[tokio::test]
async fn each_rule_of_a_request_s_lines_is_answered_with_400() {
    let (_dir, cosigner) = fresh().await;
    let good = grown(0, 1).to_string();
    let hash = "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let with_proof = |lines: &str| good.replacen("old 0\n", &format!("old 0\n{lines}"), 1);
    for (body, code) in [
        (String::new(), "POUCH-TLG-81"),
        ("old 0\n".into(), "POUCH-TLG-81"),
        (good.replacen("old 0", "old 00", 1), "POUCH-TLG-78"),
        (good.replacen("old 0", "old -0", 1), "POUCH-TLG-78"),
        (good.replacen("old 0", "old  0", 1), "POUCH-TLG-78"),
        (good.replacen("old 0", "old 0 ", 1), "POUCH-TLG-78"),
        (good.replacen("old 0", "Old 0", 1), "POUCH-TLG-78"),
        (good.replacen("old 0\n", "old 0\r\n", 1), "POUCH-TLG-78"),
        (good.replacen("old 0", "old 18446744073709551616", 1), "POUCH-TLG-78"),
        (with_proof("KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"), "POUCH-TLG-79"),
        (with_proof("KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"), "POUCH-TLG-79"),
        (with_proof(" \n"), "POUCH-TLG-79"),
        (with_proof(&hash.repeat(64)), "POUCH-TLG-80"),
        (good.trim_end().into(), "POUCH-TLG-26"),
        (good.replace("\u{2014} ", "- "), "POUCH-TLG-26"),
        (good.replacen("\n1\n", "\n01\n", 1), "POUCH-TLG-"),
        (good.replacen("\n1\n", "\n", 1), "POUCH-TLG-"),
        (format!("{good}\u{1}"), "POUCH-TLG-22"),
    ] {
        let answer = post(&cosigner, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(said(&answer).starts_with(code), "{body}: {}", said(&answer));
    }
    assert_eq!(post(&cosigner, vec![b'a'; AddCheckpoint::BYTES_MAX + 1]).await.status, 400);
    // Sixty-three lines are allowed, so they are a matter of the proof.
    assert_eq!(post(&cosigner, with_proof(&hash.repeat(63))).await.status, 422);
    assert_eq!(post(&cosigner, &good).await.status, 200);
}

#[tokio::test]
async fn unknown_logs_and_keys_are_told_apart_and_a_known_key_s_bad_signature_spoils_all() {
    let (_dir, cosigner) = fresh().await;
    let stranger = LogSigner::new(
        &name("other.example"),
        NoteKey::from_seed(&[3; 32]),
        MlDsaKey::from_seed(&[3; 32]).unwrap(),
    );
    let other = stranger.unwrap();
    let foreign = other.sign(&Checkpoint::new(&name("other.example"), 0, empty_root()), NOW).unwrap();
    let ask = |note: Note| AddCheckpoint::new(0, Vec::new(), note).unwrap().to_bytes();
    refuses(&post(&cosigner, ask(foreign.clone())).await, 404, "POUCH-TLG-82");
    let good = at(1);
    let by_others = Note::new(good.text(), foreign.signatures().to_vec()).unwrap();
    refuses(&post(&cosigner, ask(by_others)).await, 403, "POUCH-TLG-83");
    let elsewhere = at(2).signatures()[0].clone();
    let spoiled = good.with([elsewhere]).unwrap();
    refuses(&post(&cosigner, ask(spoiled)).await, 403, "POUCH-TLG-47");
    // Signatures by keys that nobody here knows count for nothing, and spoil nothing. One good key is enough.
    for lines in [good.signatures()[..1].to_vec(), good.signatures()[1..].to_vec()] {
        let note = Note::new(good.text(), lines).unwrap().with(foreign.signatures().to_vec()).unwrap();
        let old = post(&cosigner, ask(note.clone())).await;
        let answer = match old.status {
            409 => post(&cosigner, AddCheckpoint::new(1, Vec::new(), note.clone()).unwrap().to_bytes()).await,
            _ => old,
        };
        cosigns(&answer, &note);
    }
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was_and_never_back() {
    let (dir, cosigner) = fresh().await;
    cosigner.cosign(&grown(0, 5), &logs(), NOW).await.unwrap();
    cosigner.close().await;
    let cosigner = awake(&dir.path().join("witness.sqlite")).await;
    for back in [grown(0, 1), grown(0, 5), grown(4, 5)] {
        let refused = cosigner.cosign(&back, &logs(), NOW).await.unwrap_err();
        assert!(
            matches!(refused, NotCosigned::Refused(WitnessRefusal::Conflict { size: 5, .. })),
            "{refused}"
        );
    }
    let fork = AddCheckpoint::new(5, Vec::new(), signed(5, tree(4).root())).unwrap();
    refuses(&post(&cosigner, fork.to_bytes()).await, 422, "POUCH-TLG-87");
    cosigner.cosign(&grown(5, 9), &logs(), NOW).await.unwrap();
}

#[tokio::test]
async fn of_two_pasts_that_are_shown_at_once_at_both_doors_one_is_cosigned() {
    let (_dir, cosigner) = fresh().await;
    let other = AddCheckpoint::new(0, Vec::new(), signed(3, tree(2).root())).unwrap();
    let (logs, body) = (logs(), other.to_bytes());
    let asked = grown(0, 3);
    let mut both = Vec::new();
    for _ in 0..8 {
        let (session, http) = tokio::join!(
            cosigner.cosign(&asked, &logs, NOW),
            cosigner.over_http(&body, || Arc::new(logs.clone()), NOW)
        );
        both.push((session.is_ok(), http.status == 200));
    }
    assert!(both[0].0 ^ both[0].1, "{both:?}");
    assert!(both[1..].iter().all(|(session, http)| !session && !http), "{both:?}");
}

#[tokio::test]
async fn a_smaller_step_that_races_a_larger_one_takes_nothing_back() {
    let (_dir, cosigner) = fresh().await;
    let logs = logs();
    cosigner.cosign(&grown(0, 1), &logs, NOW).await.unwrap();
    let (small, large) = (grown(1, 3), grown(1, 5));
    let (one, other) = tokio::join!(cosigner.cosign(&small, &logs, NOW), cosigner.cosign(&large, &logs, NOW));
    assert!(one.is_ok() ^ other.is_ok());
    let (size, root) = cosigner.store().witness_state(ORIGIN).await.unwrap().unwrap();
    assert_eq!((size, root), if one.is_ok() { (3, tree(3).root()) } else { (5, tree(5).root()) });
}

#[tokio::test]
async fn a_memory_belongs_to_its_keys_and_keys_without_one_cosign_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("witness.sqlite");
    let unfit = |woken: Result<Cosigner, AgentError>| match woken {
        Err(AgentError::Unfit(unfit)) => unfit,
        other => panic!("{other:?}"),
    };
    let empty = AgentStore::open(&database).unwrap();
    assert_eq!(unfit(Cosigner::wake(keys(1), empty.clone()).await), WitnessUnfit::NoMemory);
    empty.close().await.unwrap();
    begun(&database).await;
    let store = AgentStore::open(&database).unwrap();
    assert_eq!(unfit(Cosigner::wake(keys(2), store.clone()).await), WitnessUnfit::OtherMemory);
    // The same keys under another name are another witness too.
    let renamed = WitnessKeys { name: "other.example".into(), ..keys(1) };
    assert_eq!(unfit(Cosigner::wake(renamed, store.clone()).await), WitnessUnfit::OtherMemory);
    assert!(Cosigner::wake(keys(1), store).await.is_ok());
}

#[tokio::test]
async fn a_witness_that_is_shown_what_it_forgot_stops_for_ever() {
    let (dir, cosigner) = fresh().await;
    let database = dir.path().join("witness.sqlite");
    cosigner.cosign(&grown(0, 2), &logs(), NOW).await.unwrap();
    // A backup of before cosigned no more than two; this note has our own cosignature on three.
    let ours = at(3).with(signer(1).cosign(at(3).text(), NOW).unwrap()).unwrap();
    let others = at(3).with(signer(2).cosign(at(3).text(), NOW).unwrap()).unwrap();
    let proof = || tree(3).consistency(2, 3).unwrap();
    let forged = Note::new(at(3).text(), at(3).signatures().to_vec()).unwrap();
    let forged = forged.with(signer(1).cosign(at(4).text(), NOW).unwrap()).unwrap();
    assert!(cosigner.shown(&others).await.is_ok());
    assert!(cosigner.shown(&forged).await.is_ok(), "a line that is not good says nothing");
    let reminded = AddCheckpoint::new(2, proof(), ours).unwrap();
    refuses(&post(&cosigner, reminded.to_bytes()).await, 500, "POUCH-WIT-03");
    let why = cosigner.until_stopped().await;
    assert!(matches!(&why, WitnessUnfit::Stopped(reason) if reason.contains("cosigned 3 entries")), "{why}");
    refuses(&post(&cosigner, grown(2, 3).to_bytes()).await, 500, "POUCH-WIT-03");
    cosigner.close().await;
    let woken = Cosigner::wake(keys(1), AgentStore::open(&database).unwrap()).await;
    assert!(matches!(woken, Err(AgentError::Unfit(WitnessUnfit::Stopped(_)))), "{woken:?}");
}

#[tokio::test]
async fn its_own_cosignature_on_what_it_remembers_is_no_reason_to_stop() {
    let (_dir, cosigner) = fresh().await;
    for size in [1, 4, 6] {
        let old = cosigner.store().witness_state(ORIGIN).await.unwrap().map_or(0, |(size, _)| size);
        cosigner.cosign(&grown(old, size), &logs(), NOW).await.unwrap();
        for seen in 1..=size {
            let note = at(seen).with(signer(1).cosign(at(seen).text(), NOW).unwrap()).unwrap();
            assert!(cosigner.shown(&note).await.is_ok(), "{seen} of {size}");
        }
    }
    // The same size with another root is a past that it does not remember.
    let other = signed(6, tree(5).root());
    let other = other.with(signer(1).cosign(other.text(), NOW).unwrap()).unwrap();
    assert!(cosigner.shown(&other).await.is_err());
}

#[tokio::test]
async fn another_s_log_with_one_ed25519_key_is_cosigned() {
    let (_dir, cosigner) = fresh().await;
    let key = NoteKey::from_seed(&[4; 32]);
    let vkey = VerifierKey::ed25519(name("sumdb.example"), key.public()).unwrap();
    let note = LogSigner::new(&name("sumdb.example"), key, MlDsaKey::from_seed(&[4; 32]).unwrap())
        .unwrap()
        .sign(&Checkpoint::new(&name("sumdb.example"), 4, tree(4).root()), NOW)
        .unwrap();
    let known = BTreeMap::from([(name("sumdb.example"), KnownLog::any_of(vec![vkey]))]);
    let asked = AddCheckpoint::new(0, Vec::new(), note.clone()).unwrap();
    cosigns(&cosigner.over_http(&asked.to_bytes(), || Arc::new(known), NOW).await, &note);
}

#[tokio::test]
async fn a_body_that_is_no_request_makes_no_work() {
    let (_dir, cosigner) = fresh().await;
    let nothing = || -> Arc<BTreeMap<KeyName, KnownLog>> { panic!("nobody needs the logs") };
    for body in ["", "old 0", "old 0\n\nnot a note\n"] {
        assert_eq!(cosigner.over_http(body.as_bytes(), nothing, NOW).await.status, 400, "{body:?}");
    }
}
