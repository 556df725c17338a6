//! Logs that are too large for a demonstration: full tiles, tiles of tiles, and the partial tiles of
//! earlier checkpoints beside them.

use std::fs;
use std::path::Path;

use pouch_crypto::{MlDsaKey, NoteKey, sha256};
use pouch_tlog::{
    Checkpoint, EntryBundle, KeyName, LeafHash, LogSigner, MemoryTree, NetworkWitness, Policy, WitnessSigner,
    new_bundles, new_tiles, print_tile, tile_of,
};
use pouch_wire::Timestamp;

use crate::outsider;

/// Just before, at and just after a full tile and a full tile of tiles, and a size far beyond both.
const SIZES: [u64; 9] = [1, 255, 256, 257, 600, 65_535, 65_536, 65_537, 70_000];
const NOW: Timestamp = Timestamp(1_764_000_000_000);

fn keys(label: &str) -> (KeyName, NoteKey, MlDsaKey) {
    let seed = |kind: &str| *sha256(format!("outsider {label} {kind}").as_bytes()).as_bytes();
    let mldsa = MlDsaKey::from_seed(&seed("ml-dsa-44")).unwrap();
    (KeyName::new(label).unwrap(), NoteKey::from_seed(&seed("ed25519")), mldsa)
}

fn entry(index: u64) -> Vec<u8> {
    // Lengths differ, and one in every thousand entries is empty.
    format!("{index} ").repeat(usize::try_from(index % 1000).unwrap().min(7)).into_bytes()
}

/// A log in a folder, as a relay writes it.
struct Grown {
    tree: MemoryTree,
    signer: LogSigner,
    witness: WitnessSigner,
}

impl Grown {
    fn new() -> Self {
        let (name, ed25519, mldsa) = keys("log.example/grown");
        let signer = LogSigner::new(&name, ed25519, mldsa).unwrap();
        let (name, ed25519, mldsa) = keys("witness.example");
        Self {
            tree: MemoryTree::default(),
            signer,
            witness: WitnessSigner::new(&name, ed25519, mldsa).unwrap(),
        }
    }

    fn policy(&self) -> Policy {
        let [ed25519, mldsa] = self.witness.vkeys().clone();
        let witness = NetworkWitness { name: KeyName::new("only").unwrap(), ed25519, mldsa };
        Policy::for_network(self.signer.vkeys(), &[witness], 1).unwrap()
    }

    /// Appends up to a size, writes what is new and publishes a checkpoint. Nothing is removed.
    fn grow(&mut self, folder: &Path, size: u64) {
        let old = self.tree.size();
        for index in old..size {
            self.tree.append(LeafHash::of(&entry(index)));
        }
        let put = |path: String, bytes: Vec<u8>| {
            fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
            fs::write(folder.join(path), bytes).unwrap();
        };
        for coord in new_bundles(old, size) {
            let from = coord.index() * 256;
            let entries = (from..from + u64::from(coord.width())).map(entry).collect();
            put(coord.to_string(), EntryBundle::new(entries).unwrap().encode());
        }
        for coord in new_tiles(old, size) {
            put(coord.to_string(), print_tile(&tile_of(&self.tree, coord).unwrap()));
        }
        let checkpoint = Checkpoint::new(self.signer.origin(), size, self.tree.root());
        let note = self.signer.sign(&checkpoint, NOW).unwrap();
        let note = note.with(self.witness.cosign(note.text(), NOW).unwrap()).unwrap();
        put("checkpoint".to_owned(), note.to_bytes());
    }
}

#[test]
fn a_stranger_accepts_a_log_of_every_shape_and_notices_a_bit_in_each_of_its_kinds_of_file() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, policy) = (dir.path().join("log"), dir.path().join("policy.txt"));
    let mut log = Grown::new();
    fs::write(&policy, log.policy().to_bytes()).unwrap();
    let outsider = outsider();
    let judged = || outsider.verify(&["--strict"], &folder, &policy).unwrap();
    for size in SIZES {
        log.grow(&folder, size);
        let judged = judged();
        assert!(judged.status.success(), "{size}: {}", String::from_utf8_lossy(&judged.stderr));
        let said = String::from_utf8(judged.stdout).unwrap();
        assert!(
            said.contains(&format!(" size {size} root {} ", hex::encode(log.tree.root().as_bytes()))),
            "{said}"
        );
    }
    for path in [
        "tile/entries/000",
        "tile/entries/273.p/112",
        "tile/0/255",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        // Left from a smaller log.
        "tile/entries/002.p/88",
        "tile/1/000.p/2",
    ] {
        let mut bytes = fs::read(folder.join(path)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(folder.join(path), &bytes).unwrap();
        assert_eq!(judged().status.code(), Some(1), "{path}");
        bytes[middle] ^= 1;
        fs::write(folder.join(path), &bytes).unwrap();
    }
    assert!(judged().status.success());
}
