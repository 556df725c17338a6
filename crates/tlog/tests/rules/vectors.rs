//! The vectors of the second implementation: each accepted one is accepted and prints as it was read,
//! each refused one is refused with its code.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pouch_tlog::{
    AddCheckpoint, BundleCoord, Checkpoint, LeafHash, Note, NoteSignature, Policy, ProofFile, TileCoord,
    VerifierKey,
};
use pouch_wire::Timestamp;

use crate::{naive, parties};

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "vectors", "tlog", name].iter().collect()
}

fn files(name: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder(name)).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

fn network() -> Policy {
    let bytes = std::fs::read(folder("accept").join("policy.network.txt")).unwrap();
    Policy::parse(&bytes).unwrap().requiring_both_log_signatures()
}

/// What a file prints as after it was read, or the code of its refusal.
fn read(file: &str, bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = || core::str::from_utf8(bytes).unwrap();
    match file.split_once('.').unwrap().0 {
        "note" => Note::parse(bytes).map(|note| note.to_bytes()).map_err(|e| e.code()),
        "checkpoint" => {
            Checkpoint::parse(text()).map(|found| found.to_string().into_bytes()).map_err(|e| e.code())
        }
        "vkey" => text().parse().map(|key: VerifierKey| key.to_string().into_bytes()).map_err(|e| e.code()),
        "place" if file.contains("entries") => {
            text().parse().map(|coord: BundleCoord| coord.to_string().into_bytes()).map_err(|e| e.code())
        }
        "place" => {
            text().parse().map(|coord: TileCoord| coord.to_string().into_bytes()).map_err(|e| e.code())
        }
        "policy" => {
            let policy = Policy::parse(bytes).map_err(|e| e.code())?;
            // Comments are not kept: the printed policy is the same policy, and prints as itself.
            let printed = policy.to_bytes();
            assert_eq!(Policy::parse(&printed), Ok(policy), "{file}");
            Ok(bytes.to_vec())
        }
        "proof" => ProofFile::parse(bytes).map(|proof| proof.to_bytes()).map_err(|e| e.code()),
        "request" => AddCheckpoint::parse(bytes).map(|request| request.to_bytes()).map_err(|e| e.code()),
        "signed" => {
            let note = Note::parse(bytes).unwrap();
            network().check(&note).map(|_| note.to_bytes()).map_err(|e| e.code())
        }
        "proved" => {
            let proof = ProofFile::parse(bytes).unwrap();
            let leaf = LeafHash::of(&naive::entry(5));
            let inclusion = proof.verify(leaf, &network()).map_err(|e| e.code())?;
            assert_eq!((inclusion.leaf(), inclusion.index()), (&leaf, 5));
            Ok(proof.to_bytes())
        }
        kind => panic!("no kind {kind}"),
    }
}

#[test]
fn every_vector_to_accept_is_accepted_and_prints_as_it_was_read() {
    let files = files("accept");
    assert!(files.len() > 40);
    for (file, bytes) in files {
        assert_eq!(read(&file, &bytes).as_deref(), Ok(bytes.as_slice()), "{file}");
    }
}

#[test]
fn every_vector_to_refuse_is_refused_for_its_own_reason() {
    let mut files = files("refuse");
    let codes = String::from_utf8(files.remove("codes.txt").unwrap()).unwrap();
    let codes: BTreeMap<&str, &str> = codes.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert!(files.keys().map(String::as_str).eq(codes.keys().copied()));
    for (file, bytes) in &files {
        assert_eq!(read(file, bytes), Err(codes[file.as_str()]), "{file}");
    }
}

#[test]
fn the_specification_s_key_verifies_the_specification_s_note() {
    let files = files("accept");
    let key: VerifierKey =
        String::from_utf8(files["vkey.c2sp-example.txt"].clone()).unwrap().parse().unwrap();
    let note = Note::parse(&files["note.c2sp-example.txt"]).unwrap();
    assert_eq!(key.verify_text(note.text(), &note.signatures()[0]), Ok(()));
    assert!(key.verify_text("Another message.\n", &note.signatures()[0]).is_err());
    let other = Note::parse(&files["note.c2sp-poem.txt"]).unwrap();
    assert!(key.verify_text(other.text(), &other.signatures()[0]).is_err());
}

#[test]
fn the_specification_s_checkpoints_have_what_they_show() {
    let files = files("accept");
    let note = Note::parse(&files["note.c2sp-cosigned.txt"]).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(checkpoint.to_string(), note.text());
    let cosignature = &note.signatures()[1];
    assert_eq!(cosignature.name().as_str(), "witness.example.com/w1");
    let seconds = u64::from_be_bytes(cosignature.bytes()[..8].try_into().unwrap());
    assert_eq!((seconds, cosignature.bytes().len()), (1_679_315_147, 72));
}

#[test]
fn our_signers_write_what_the_second_implementation_writes() {
    let files = files("accept");
    let vkey = |file: &str| String::from_utf8(files[file].clone()).unwrap();
    let (log, witness) = (parties::log(), parties::witness("nl"));
    assert_eq!(log.vkeys()[0].to_string(), vkey("vkey.log-ed25519.txt"));
    assert_eq!(log.vkeys()[1].to_string(), vkey("vkey.log-ml-dsa-44.txt"));
    assert_eq!(witness.vkeys()[0].to_string(), vkey("vkey.witness-ed25519.txt"));
    assert_eq!(witness.vkeys()[1].to_string(), vkey("vkey.witness-ml-dsa-44.txt"));
    assert_eq!(parties::policy().to_bytes(), files["policy.network.txt"]);

    let theirs = Note::parse(&files["signed.quorum-of-two.txt"]).unwrap();
    let ours = parties::cosigned(&parties::checkpoint(300));
    assert_eq!(ours.text(), theirs.text());
    // Ed25519 is deterministic: lines 0 (log), 2 and 4 (witnesses) are the very same bytes. Of
    // ML-DSA-44, which is not, name, key id, time and length are.
    let stamp = |s: &NoteSignature| (s.name().clone(), s.key_id(), s.bytes()[..8].to_vec(), s.bytes().len());
    for (index, (ours, theirs)) in ours.signatures().iter().zip(theirs.signatures()).enumerate() {
        if index == 1 || index == 3 || index == 5 {
            assert_eq!(stamp(ours), stamp(theirs));
        } else {
            assert_eq!(ours, theirs);
        }
    }
    let met = network().check(&theirs).unwrap();
    assert_eq!(met.cosigned_at(), Some(Timestamp(1_764_000_005_000)));
    assert_eq!(met.newest_at(), Some(Timestamp(1_764_000_009_000)));

    let proof = ProofFile::new(5, parties::tree(300).inclusion(5, 300).unwrap(), theirs).unwrap();
    assert_eq!(proof.to_bytes(), files["proof.plain.txt"]);
}
