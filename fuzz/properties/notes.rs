//! The texts of C2SP: notes, checkpoints, keys, policies, proofs, tiles and what a witness is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use pouch_crypto::{MlDsaKey, NoteKey};
use pouch_tlog::{
    AddCheckpoint, BundleCoord, Checkpoint, EntryBundle, KeyName, KnownLog, LeafHash, Note, NoteSignature,
    Policy, ProofFile, TileCoord, VerifierKey, WitnessRefusal, WitnessSigner, WitnessState, parse_tile,
    print_tile,
};
use pouch_wire::Timestamp;

use super::naive;

const POLICY: &[u8] = include_bytes!("../../tests/vectors/tlog/accept/policy.network.txt");
const SIGNED: &[u8] = include_bytes!("../../tests/vectors/tlog/accept/signed.quorum-of-two.txt");
const THIRD: &[u8] = include_bytes!("../../tests/vectors/tlog/accept/signed.third-witness-with-one-key.txt");
const AGAIN: &[u8] = include_bytes!("../../tests/vectors/tlog/accept/signed.same-witness-again.txt");

fn network() -> &'static Policy {
    static NETWORK: OnceLock<Policy> = OnceLock::new();
    NETWORK.get_or_init(|| Policy::parse(POLICY).unwrap().requiring_both_log_signatures())
}

/// A note is its bytes and nothing else; so are the checkpoint and the signature lines in it.
pub fn checkpoint_note(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_bytes(), data);
        assert_eq!(note.with(note.signatures().to_vec()).as_ref(), Ok(&note), "no line is added twice");
        if let Ok(met) = network().check(&note) {
            assert_eq!(met.checkpoint().to_string(), note.text());
            let witnesses: BTreeSet<&str> = met.witnesses().iter().map(KeyName::as_str).collect();
            assert!(witnesses.len() >= 2 && witnesses.len() == met.witnesses().len());
        }
    }
    if let Ok(lines) = NoteSignature::parse_lines(data) {
        assert_eq!(NoteSignature::print_lines(&lines).as_bytes(), data);
    }
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
}

/// Lines that count: two of the log, and of each witness one or two.
fn lines() -> &'static [NoteSignature] {
    static LINES: OnceLock<Vec<NoteSignature>> = OnceLock::new();
    LINES.get_or_init(|| {
        let mut lines: Vec<NoteSignature> = Vec::new();
        for file in [SIGNED, THIRD, AGAIN] {
            let note = Note::parse(file).unwrap();
            assert_eq!(note.text(), Note::parse(SIGNED).unwrap().text());
            lines.extend(
                note.signatures().iter().filter(|line| !lines.contains(line)).cloned().collect::<Vec<_>>(),
            );
        }
        lines
    })
}

/// Whatever lines stand under a checkpoint, in whatever order and however often: it counts exactly when
/// the log signed with both keys, two distinct witnesses did, and no line of a known key is false.
pub fn quorum(data: &[u8]) {
    chosen(&mut Unstructured::new(data)).unwrap_or_default();
}

fn chosen(from: &mut Unstructured<'_>) -> Result<()> {
    let mut shown: Vec<NoteSignature> = Vec::new();
    let mut falsified = false;
    while shown.len() < 12 && !from.is_empty() {
        let (choice, at) = (from.arbitrary::<u8>()?, from.arbitrary::<u8>()?);
        let mut line = lines()[usize::from(choice & 15) % lines().len()].clone();
        if choice >= 240 {
            line = damaged(&line, at);
            falsified = true;
        }
        shown.push(line);
    }
    let text = Note::parse(SIGNED).unwrap().text().to_owned();
    let Ok(note) = Note::new(text, shown.clone()) else {
        assert!(shown.is_empty());
        return Ok(());
    };
    let keys: BTreeSet<_> = shown.iter().map(|line| (line.name().as_str(), line.key_id())).collect();
    let whole = |name: &str| keys.iter().filter(|(n, _)| *n == name).count() == 2;
    let witnesses: BTreeSet<&str> = network().witness_keys().map(|key| key.name().as_str()).collect();
    let signed = network().log_keys().all(|key| whole(key.name().as_str()));
    let cosigned = witnesses.into_iter().filter(|name| whole(name)).count();
    let met = network().check(&note);
    assert_eq!(met.is_ok(), signed && cosigned >= 2 && !falsified, "{cosigned} witnesses: {met:?}");
    if let Ok(met) = met {
        assert_eq!(met.witnesses().len(), cosigned);
        let least = network().sufficient(&note).unwrap();
        assert!(network().check(&least).is_ok(), "what suffices is enough");
    }
    Ok(())
}

/// The line with one bit of its signature changed.
fn damaged(line: &NoteSignature, at: u8) -> NoteSignature {
    let printed = NoteSignature::print_lines(core::slice::from_ref(line));
    let signs = printed.trim_end().len();
    // The last signs of base64 may be padding; what is changed stands well before them.
    let place = signs - 8 - usize::from(at % 40);
    let other = if &printed[place..=place] == "A" { "B" } else { "A" };
    let text = format!("{}{other}{}", &printed[..place], &printed[place + 1..]);
    NoteSignature::parse_lines(text.as_bytes()).unwrap().remove(0)
}

/// A policy prints as a policy that is the same and prints the same.
pub fn policy_text(data: &[u8]) {
    if let Ok(policy) = Policy::parse(data) {
        let printed = policy.to_bytes();
        let again = Policy::parse(&printed).expect("what is printed can be read");
        assert_eq!(again.to_bytes(), printed);
        assert_eq!(again, policy);
    }
}

/// A proof file is its bytes, and proves an entry only within its checkpoint's size.
pub fn proof_file(data: &[u8]) {
    if let Ok(proof) = ProofFile::parse(data) {
        assert_eq!(proof.to_bytes(), data);
        if let Ok(inclusion) = proof.verify(LeafHash::of(&naive::entry(5)), network()) {
            assert_eq!(inclusion.index(), 5, "the tree of the vectors has this entry there only");
        }
    }
}

/// A place has one path, a tile and a bundle are their bytes. The first byte is the width.
pub fn tile_files(data: &[u8]) {
    if let Ok(text) = core::str::from_utf8(data) {
        if let Ok(coord) = text.parse::<TileCoord>() {
            assert_eq!(coord.to_string(), text);
        }
        if let Ok(coord) = text.parse::<BundleCoord>() {
            assert_eq!(coord.to_string(), text);
        }
    }
    let Some((width, bytes)) = data.split_first() else { return };
    let bundle = BundleCoord::new(0, u16::from(*width) + 1).unwrap();
    if let Ok(entries) = EntryBundle::parse(bundle, bytes) {
        assert_eq!(entries.encode(), bytes);
        assert_eq!(entries.leaf_hashes().len(), usize::from(bundle.width()));
    }
    if let Ok(hashes) = parse_tile(bundle.tile(), bytes) {
        assert_eq!(print_tile(&hashes), bytes);
    }
}

fn witness() -> &'static (WitnessSigner, BTreeMap<KeyName, KnownLog>) {
    static WITNESS: OnceLock<(WitnessSigner, BTreeMap<KeyName, KnownLog>)> = OnceLock::new();
    WITNESS.get_or_init(|| {
        let name = KeyName::new("nl.pouch.example/witness").unwrap();
        let keys = (NoteKey::from_seed(&[1; 32]), MlDsaKey::from_seed(&[1; 32]).unwrap());
        let log: Vec<VerifierKey> = network().log_keys().cloned().collect();
        let logs = BTreeMap::from([(log[0].name().clone(), KnownLog::all_of(log))]);
        (WitnessSigner::new(&name, keys.0, keys.1).unwrap(), logs)
    })
}

/// A request is its bytes; a witness that refuses stays where it was, and one that cosigns has moved to
/// just what it was asked.
pub fn witness_request(data: &[u8]) {
    let Ok(request) = AddCheckpoint::parse(data) else { return };
    assert_eq!(request.to_bytes(), data);
    let (signer, logs) = witness();
    let mut state = WitnessState::default();
    let before = state.clone();
    match state.add_checkpoint(&request, logs, signer, Timestamp(1_764_000_000_000)) {
        Ok(signatures) => {
            let checkpoint = Checkpoint::parse(request.note().text()).unwrap();
            let origin = KeyName::new(checkpoint.origin()).unwrap();
            assert_eq!(state.latest(&origin), Some((checkpoint.size(), checkpoint.root())));
            assert_eq!((signatures.len(), request.old_size()), (2, 0));
            // The same again starts from where the witness no longer is.
            let again = state.add_checkpoint(&request, logs, signer, Timestamp(1_764_000_001_000));
            assert!(again.is_err() || checkpoint.size() == 0);
        }
        Err(refused) => {
            assert_eq!(state, before);
            assert!(matches!(refused.http_status(), 400 | 403 | 404 | 409 | 422 | 500), "{refused}");
            // The smallest size of all is known to be none: nobody has cosigned anything for us.
            let forgotten =
                matches!(state.remembers(request.note(), signer), Err(WitnessRefusal::Forgotten { .. }));
            assert!(refused.http_status() != 500 && !forgotten, "{refused}");
        }
    }
    // Our own cosignature under the same text is more than an empty memory knows.
    let Ok(lines) = signer.cosign(request.note().text(), Timestamp(1_764_000_000_000)) else { return };
    let Ok(shown) = request.note().with(lines) else { return };
    let size = Checkpoint::parse(shown.text()).unwrap().size();
    assert_eq!(before.remembers(&shown, signer).is_err(), size > 0 || before_root_differs(&shown));
}

/// An empty log with another root than the empty tree's is more than anybody may have cosigned.
fn before_root_differs(note: &Note) -> bool {
    Checkpoint::parse(note.text()).is_ok_and(|checkpoint| checkpoint.root() != pouch_tlog::empty_root())
}
