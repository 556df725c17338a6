//! A log and three witnesses with the keys of `tests/vectors/tlog/make.py`.

use pouch_crypto::{MlDsaKey, NoteKey, sha256};
use pouch_tlog::{
    Checkpoint, KeyName, LogSigner, MemoryTree, NetworkWitness, Note, NoteSignature, Policy, WitnessSigner,
};
use pouch_wire::Timestamp;

use crate::naive;

pub(crate) const ORIGIN: &str = "log.pouch.example/messages";
pub(crate) const NOW: Timestamp = Timestamp(1_764_000_000_000);
pub(crate) const WITNESSES: [&str; 3] = ["nl", "md", "fr"];

pub(crate) fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

pub(crate) fn ed25519(label: &str) -> NoteKey {
    NoteKey::from_seed(sha256(format!("pouch-tlog vector {label}").as_bytes()).as_bytes())
}

pub(crate) fn mldsa(label: &str) -> MlDsaKey {
    MlDsaKey::from_seed(sha256(format!("pouch-tlog vector {label}").as_bytes()).as_bytes()).unwrap()
}

pub(crate) fn log() -> LogSigner {
    log_named(ORIGIN)
}

pub(crate) fn log_named(origin: &str) -> LogSigner {
    let keys = (ed25519(&format!("{origin} 1")), mldsa(&format!("{origin} 6")));
    LogSigner::new(&name(origin), keys.0, keys.1).unwrap()
}

pub(crate) fn witness(country: &str) -> WitnessSigner {
    let full = format!("{country}.pouch.example/witness");
    WitnessSigner::new(&name(&full), ed25519(&format!("{full} 4")), mldsa(&format!("{full} 6"))).unwrap()
}

pub(crate) fn network_witness(country: &str) -> NetworkWitness {
    let [ed25519, mldsa] = witness(country).vkeys().clone();
    NetworkWitness { name: name(country), ed25519, mldsa }
}

/// Two of three witnesses.
pub(crate) fn policy() -> Policy {
    Policy::for_network(log().vkeys(), &WITNESSES.map(network_witness), 2).unwrap()
}

pub(crate) fn tree(size: u64) -> MemoryTree {
    naive::leaves(size).into_iter().collect()
}

pub(crate) fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint::new(&name(ORIGIN), size, tree(size).root())
}

pub(crate) fn cosign(country: &str, note: &Note, seconds_later: u64) -> Vec<NoteSignature> {
    let now = Timestamp(NOW.0 + 1000 * seconds_later);
    witness(country).cosign(note.text(), now).unwrap()
}

/// A checkpoint that the log signed and two witnesses cosigned.
pub(crate) fn cosigned(checkpoint: &Checkpoint) -> Note {
    let note = log().sign(checkpoint, NOW).unwrap();
    let lines = [cosign("nl", &note, 5), cosign("md", &note, 9)].concat();
    note.with(lines).unwrap()
}
