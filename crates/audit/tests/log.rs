//! A whole log in a folder, and what an auditor says when one thing in it is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests stop where they fail"
)]

use std::fs;
use std::path::PathBuf;

use pouch_audit::{Finding, FolderError, LogError, LogFolder, LogReport, verify_log};
use pouch_crypto::{MlDsaKey, NoteKey, sha256};
use pouch_tlog::{
    Checkpoint, EntryBundle, KeyName, LeafHash, LogSigner, MemoryTree, NetworkWitness, Note, Policy,
    PolicyError, SelfCheckError, VerifierKey, WitnessSigner, new_bundles, new_tiles, print_tile, tile_of,
};
use pouch_wire::{Digest, Timestamp};

const ORIGIN: &str = "log.example/messages";
const WITNESSES: [&str; 3] = ["a.example/w", "b.example/w", "c.example/w"];
const NOW: Timestamp = Timestamp(1_795_489_200_000);
/// More than a full tile, so that there is a second level.
const SIZE: usize = 300;

fn seed(name: &str) -> [u8; 32] {
    *sha256(name.as_bytes()).as_bytes()
}

fn keys(name: &str) -> (KeyName, NoteKey, MlDsaKey) {
    let mldsa = MlDsaKey::from_seed(&seed(&format!("{name} ml-dsa-44"))).unwrap();
    (KeyName::new(name).unwrap(), NoteKey::from_seed(&seed(name)), mldsa)
}

fn policy() -> Policy {
    let (name, ed25519, mldsa) = keys(ORIGIN);
    let log = [
        VerifierKey::ed25519(name.clone(), ed25519.public()).unwrap(),
        VerifierKey::mldsa44(name, mldsa.public().clone()).unwrap(),
    ];
    let witnesses = WITNESSES.map(|witness| {
        let (name, ed25519, mldsa) = keys(witness);
        NetworkWitness {
            ed25519: VerifierKey::cosignature_ed25519(name.clone(), ed25519.public()).unwrap(),
            mldsa: VerifierKey::mldsa44(name.clone(), mldsa.public().clone()).unwrap(),
            name: KeyName::new(witness.split('.').next().unwrap()).unwrap(),
        }
    });
    Policy::for_network(&log, &witnesses, 2).unwrap()
}

fn entry(n: usize) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

/// Signed by the log and cosigned by these witnesses.
fn note(size: usize, root: Digest, witnesses: &[&str]) -> Note {
    let (name, ed25519, mldsa) = keys(ORIGIN);
    let checkpoint = Checkpoint::new(&name, u64::try_from(size).unwrap(), root);
    let mut note = LogSigner::new(&name, ed25519, mldsa).unwrap().sign(&checkpoint, NOW).unwrap();
    for witness in witnesses {
        let (name, ed25519, mldsa) = keys(witness);
        let lines = WitnessSigner::new(&name, ed25519, mldsa).unwrap().cosign(note.text(), NOW).unwrap();
        note = note.with(lines).unwrap();
    }
    note
}

/// A log in a folder.
struct Log(tempfile::TempDir);

impl Log {
    /// As a relay leaves it that published two sizes.
    fn new() -> Self {
        let log = Self(tempfile::tempdir().unwrap());
        log.write(0, 100);
        let root = log.write(100, SIZE);
        log.put("checkpoint", &note(SIZE, root, &WITNESSES[..2]).to_bytes());
        log
    }

    fn write(&self, old: usize, size: usize) -> Digest {
        let mut tree = MemoryTree::default();
        for n in 0..size {
            tree.append(LeafHash::of(&entry(n)));
        }
        let (old, new) = (u64::try_from(old).unwrap(), u64::try_from(size).unwrap());
        for coord in new_bundles(old, new) {
            let first = usize::try_from(coord.index()).unwrap() * 256;
            let entries = (first..first + usize::from(coord.width())).map(entry).collect();
            self.put(&coord.to_string(), &EntryBundle::new(entries).unwrap().encode());
        }
        for coord in new_tiles(old, new) {
            self.put(&coord.to_string(), &print_tile(&tile_of(&tree, coord).unwrap()));
        }
        tree.root()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        self.put(name, &bytes);
    }

    fn verify(&self) -> Result<LogReport, LogError> {
        verify_log(&LogFolder::new(self.0.path()), &policy(), |_, _| {})
    }

    fn findings(&self) -> Vec<Finding> {
        match self.verify() {
            Err(LogError::Findings(findings)) => findings,
            other => panic!("no findings: {other:?}"),
        }
    }
}

const FULL: &str = "tile/0/000";
const PARTIAL: &str = "tile/0/001.p/44";
const ABOVE: &str = "tile/1/000.p/1";
const ENTRIES: &str = "tile/entries/000";
const ENTRIES_PARTIAL: &str = "tile/entries/001.p/44";

#[test]
fn a_log_that_holds_gives_every_entry_in_order() {
    let mut seen = Vec::new();
    let log = Log::new();
    let report =
        verify_log(&LogFolder::new(log.0.path()), &policy(), |n, bytes| seen.push((n, bytes.to_vec())))
            .unwrap();
    assert_eq!((report.size, report.origin.as_str()), (300, ORIGIN));
    assert_eq!(report.witnesses, WITNESSES[..2]);
    assert_eq!(report.cosigned_at, Some(NOW));
    assert_eq!(seen.len(), SIZE);
    assert!(seen.iter().all(|(n, bytes)| *bytes == entry(usize::try_from(*n).unwrap())));
}

#[test]
fn one_bit_of_any_file_is_enough() {
    let log = Log::new();
    let files = LogFolder::new(log.0.path()).files().unwrap();
    assert_eq!(files.len(), 8, "{files:?}");
    for name in files {
        let len = fs::read(log.path(&name)).unwrap().len();
        for at in [0, len / 2, len - 1] {
            log.change(&name, |bytes| bytes[at] ^= 1);
            assert!(log.verify().is_err(), "{name} byte {at}");
            log.change(&name, |bytes| bytes[at] ^= 1);
        }
    }
    log.verify().unwrap();
}

#[test]
fn a_wrong_hash_in_a_tile_is_placed() {
    let log = Log::new();
    log.change(FULL, |bytes| bytes[7 * 32] ^= 1);
    let refused = log.verify();
    let placed = |at: usize, coord: &str| matches!(&refused, Err(LogError::Contents(SelfCheckError::Hash { coord: c, at: a })) if *a == at && c.to_string() == coord);
    assert!(placed(7, FULL), "{refused:?}");
}

#[test]
fn a_wrong_hash_above_is_placed_too() {
    let log = Log::new();
    log.change(ABOVE, |bytes| bytes[0] ^= 1);
    let refused = log.verify();
    assert!(matches!(&refused, Err(LogError::Contents(SelfCheckError::Hash { at: 0, .. }))), "{refused:?}");
}

#[test]
fn a_changed_entry_contradicts_its_tile() {
    let log = Log::new();
    log.change(ENTRIES_PARTIAL, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let refused = log.verify();
    assert!(matches!(&refused, Err(LogError::Contents(SelfCheckError::Hash { at: 43, .. }))), "{refused:?}");
}

#[test]
fn a_missing_tile_is_named() {
    for name in [FULL, PARTIAL, ABOVE, ENTRIES, ENTRIES_PARTIAL] {
        let log = Log::new();
        fs::remove_file(log.path(name)).unwrap();
        let refused = log.verify();
        assert!(
            matches!(&refused, Err(LogError::Contents(SelfCheckError::Read(FolderError::Io { path, .. }))) if *path == log.path(name)),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn a_truncated_bundle_is_named() {
    let log = Log::new();
    log.change(ENTRIES, |bytes| bytes.truncate(bytes.len() - 1));
    let refused = log.verify();
    assert!(
        matches!(&refused, Err(LogError::Contents(SelfCheckError::Bundle { coord, .. })) if coord.to_string() == ENTRIES),
        "{refused:?}"
    );
}

#[test]
fn a_truncated_tile_is_named() {
    let log = Log::new();
    log.change(PARTIAL, |bytes| bytes.truncate(bytes.len() - 32));
    let refused = log.verify();
    assert!(
        matches!(&refused, Err(LogError::Contents(SelfCheckError::Tile { coord, .. })) if coord.to_string() == PARTIAL),
        "{refused:?}"
    );
}

#[test]
fn files_that_have_no_place_are_all_found() {
    let log = Log::new();
    log.put("tile/0/002.p/1", &[0; 32]);
    log.put("tile/entries/001.p/45", b"newer");
    log.put("tile/0/000.p/5.new", b"half");
    log.put("readme", b"hello");
    let findings = log.findings();
    let ahead: Vec<_> = findings.iter().filter(|f| f.is_ahead()).map(|f| f.path.as_str()).collect();
    let other: Vec<_> = findings.iter().filter(|f| !f.is_ahead()).map(|f| f.path.as_str()).collect();
    assert_eq!(ahead, ["tile/0/002.p/1", "tile/entries/001.p/45"], "a relay that writes now");
    assert_eq!(other, ["readme", "tile/0/000.p/5.new"]);
}

#[test]
fn an_older_tile_that_tells_another_past_is_found() {
    for name in ["tile/0/000.p/100", "tile/entries/000.p/100"] {
        let log = Log::new();
        log.change(name, |bytes| *bytes.last_mut().unwrap() ^= 1);
        let findings = log.findings();
        assert_eq!((findings.len(), findings[0].path.as_str(), findings[0].is_ahead()), (1, name, false));
    }
}

#[test]
fn a_forged_checkpoint_is_refused_by_what_it_lacks() {
    let log = Log::new();
    let root = log.write(0, SIZE);
    log.put("checkpoint", &note(SIZE, root, &WITNESSES[..1]).to_bytes());
    let refused = log.verify();
    assert!(matches!(refused, Err(LogError::Policy(PolicyError::NoQuorum { .. }))), "{refused:?}");
    // The log's operator alone, with every key of its own.
    log.put("checkpoint", &note(SIZE, root, &[]).to_bytes());
    assert!(matches!(log.verify(), Err(LogError::Policy(PolicyError::NoQuorum { .. }))));
    let signed = note(SIZE, root, &WITNESSES);
    let ed25519_alone = Note::new(
        signed.text(),
        signed
            .signatures()
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != 1)
            .map(|(_, line)| line.clone())
            .collect(),
    );
    log.put("checkpoint", &ed25519_alone.unwrap().to_bytes());
    let refused = log.verify();
    assert!(matches!(refused, Err(LogError::Policy(PolicyError::OneLogSignature { .. }))), "{refused:?}");
    log.put("checkpoint", &signed.to_bytes()[..200]);
    assert!(matches!(log.verify(), Err(LogError::Note(_))));
    log.put("checkpoint", &signed.to_bytes());
    log.verify().unwrap();
}

#[test]
fn a_checkpoint_of_another_tree_is_refused() {
    let log = Log::new();
    log.put("checkpoint", &note(SIZE, sha256(b"another"), &WITNESSES).to_bytes());
    let refused = log.verify();
    assert!(matches!(refused, Err(LogError::Contents(SelfCheckError::Root { .. }))), "{refused:?}");
}

#[test]
fn a_checkpoint_that_is_too_large_is_not_read() {
    let log = Log::new();
    log.put("checkpoint", &vec![b'a'; 10 * 1024 * 1024]);
    assert!(matches!(log.verify(), Err(LogError::Folder(FolderError::TooLarge { .. }))));
}

#[cfg(unix)]
#[test]
fn links_are_neither_followed_nor_overlooked() {
    let log = Log::new();
    // Followed, it would lead back into itself without end.
    std::os::unix::fs::symlink(log.0.path(), log.path("tile/again")).unwrap();
    assert_eq!(log.findings().iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["tile/again"]);
    fs::remove_file(log.path("tile/again")).unwrap();
    // A tile that lies elsewhere is not in this folder.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(log.path(FULL), elsewhere.path().join("tile")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("tile"), log.path(FULL)).unwrap();
    let refused = log.verify();
    assert!(
        matches!(&refused, Err(LogError::Contents(SelfCheckError::Read(FolderError::NotAFile { .. })))),
        "{refused:?}"
    );
}
