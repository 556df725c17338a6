//! The directory's log with its real keys, honest or with two faces, and the witnesses that cosign it.

use std::collections::BTreeMap;

use pouch_directory::{Directory, SignedStatement, Statement};
use pouch_tlog::{
    AddCheckpoint, Checkpoint, KeyName, KnownLog, LeafHash, LogSigner, MemoryTree, Note, Policy,
    WitnessSigner, WitnessState,
};
use pouch_wire::{Canonical as _, Digest, Timestamp, limits};

use crate::founding::Founding;
use crate::plan::Plan;

/// A tree that the log shows to some.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) tree: MemoryTree,
    pub(crate) directory: Directory,
    /// Every checkpoint that was published, oldest first.
    pub(crate) published: Vec<(u64, Note)>,
    /// When the newest was cosigned.
    pub(crate) cosigned_at: u64,
}

impl Face {
    fn append(&mut self, entry: Vec<u8>) -> u64 {
        let index = self.tree.append(LeafHash::of(&entry));
        self.directory.apply(index, &entry);
        self.entries.push(entry);
        index
    }

    /// Whether there are entries that no published checkpoint covers.
    pub(crate) fn is_behind(&self) -> bool {
        self.newest().is_none_or(|(size, _)| *size < self.tree.size())
    }

    pub(crate) fn newest(&self) -> Option<&(u64, Note)> {
        self.published.last()
    }
}

/// A witness with its memory, or one that cosigns anything.
#[derive(Debug)]
pub(crate) struct Witness {
    signer: WitnessSigner,
    state: WitnessState,
    lies: bool,
}

/// The log and what it was made to look like.
#[derive(Debug)]
pub(crate) struct DirectoryLog {
    signer: LogSigner,
    origin: KeyName,
    known: BTreeMap<KeyName, KnownLog>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) faces: Vec<Face>,
    /// Which face each node, and each relay after the first, is shown.
    pub(crate) face_of_node: Vec<usize>,
    pub(crate) face_of_relay: Vec<usize>,
    /// What makes a checkpoint one that may be published: the plan's quorum, and the charter's.
    honest: Policy,
    charter: Policy,
}

impl DirectoryLog {
    pub(crate) fn new(founding: &Founding, plan: &Plan, honest: Policy) -> Self {
        let signer = founding.log_signer();
        let origin = signer.origin().clone();
        let known = KnownLog::all_of(signer.vkeys().to_vec());
        let mut tree = MemoryTree::default();
        let entries = founding.entries();
        entries.iter().for_each(|entry| {
            tree.append(LeafHash::of(entry));
        });
        let directory = founding.directory();
        let charter = directory.now_view().directory_policy();
        let face = Face { entries, tree, directory, published: Vec::new(), cosigned_at: 0 };
        let witness = |(n, lies): (usize, &bool)| Witness {
            signer: founding.witness_signer(n),
            state: WitnessState::default(),
            lies: *lies,
        };
        Self {
            signer,
            known: BTreeMap::from([(origin.clone(), known)]),
            origin,
            witnesses: plan.lying_witnesses.iter().enumerate().map(witness).collect(),
            faces: vec![face],
            face_of_node: vec![0; plan.nodes],
            face_of_relay: vec![0; plan.relays],
            honest,
            charter,
        }
    }

    /// Takes a statement into a face, if it would have an effect and is of this time; its index.
    pub(crate) fn enter(&mut self, face: usize, bytes: &[u8], now: Timestamp) -> Result<u64, &'static str> {
        let face = &mut self.faces[face];
        let signed = SignedStatement::from_bytes(bytes).map_err(|_| "malformed")?;
        let statement = Statement::from_bytes(&signed.statement).map_err(|_| "malformed")?;
        if statement.created.0 > now.0 + limits::CLOCK_SKEW_MS_MAX {
            return Err("POUCH-DIR-90");
        }
        face.directory.check(bytes).map_err(|refused| refused.code())?;
        Ok(face.append(bytes.to_vec()))
    }

    /// From now on there are two faces: the second has an entry that the first does not have, and each
    /// grows by itself.
    pub(crate) fn fork(&mut self, face_of_node: Vec<usize>, face_of_relay: Vec<usize>) {
        let mut other = self.faces[0].clone();
        // It has no effect, and is another leaf.
        let noise = [other.entries.last().cloned().unwrap_or_default(), b"again".to_vec()].concat();
        other.append(noise);
        self.faces.push(other);
        (self.face_of_node, self.face_of_relay) = (face_of_node, face_of_relay);
    }

    /// Signs a face's tree and asks the witnesses that answer. Whether it is published now.
    pub(crate) fn gather(&mut self, face: usize, answers: &[bool], now: Timestamp, lies: bool) -> bool {
        let (count, shown) = (self.faces.len(), &self.faces[face]);
        let (size, root) = (shown.tree.size(), shown.tree.root());
        let checkpoint = Checkpoint::new(&self.origin, size, root);
        let Ok(note) = self.signer.sign(&checkpoint, now) else { return false };
        let mut cosigned = note.clone();
        for (n, witness) in self.witnesses.iter_mut().enumerate() {
            // A log with two faces shows each honest witness one of them.
            let asked = witness.lies || count == 1 || n % count == face;
            if !answers[n] || !asked {
                continue;
            }
            if let Some(lines) = witness.cosign(&note, &shown.tree, &self.origin, &self.known, now) {
                cosigned = cosigned.with(lines).unwrap();
            }
            let policy = if lies { &self.charter } else { &self.honest };
            if policy.check_strict(&cosigned).is_ok() {
                let sufficient = policy.sufficient(&cosigned).unwrap();
                self.faces[face].published.push((size, sufficient));
                return true;
            }
        }
        false
    }

    /// A checkpoint of a size that nobody has entries for, with the cosignatures of those who lie.
    pub(crate) fn absurd(&mut self, now: Timestamp) -> Note {
        let checkpoint = Checkpoint::new(&self.origin, 1 << 63, Digest::new([7; 32]));
        let note = self.signer.sign(&checkpoint, now).unwrap();
        let lines = self.witnesses.iter().filter(|w| w.lies).flat_map(|w| w.signer.cosign(note.text(), now));
        note.with(lines.flatten().collect::<Vec<_>>()).unwrap()
    }
}

impl Witness {
    fn cosign(
        &mut self,
        note: &Note,
        tree: &MemoryTree,
        origin: &KeyName,
        known: &BTreeMap<KeyName, KnownLog>,
        now: Timestamp,
    ) -> Option<Vec<pouch_tlog::NoteSignature>> {
        if self.lies {
            return self.signer.cosign(note.text(), now).ok();
        }
        let old = self.state.latest(origin).map_or(0, |(size, _)| size);
        let proof = if old == 0 { Vec::new() } else { tree.consistency(old, tree.size()).ok()? };
        let request = AddCheckpoint::new(old, proof, note.clone()).ok()?;
        self.state.add_checkpoint(&request, known, &self.signer, now).ok()
    }
}

/// The entries from one index to another, as far as there are any.
pub(crate) fn between(entries: &[Vec<u8>], from: u64, to: u64) -> Vec<Vec<u8>> {
    let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
    entries.get(from..to.min(entries.len())).unwrap_or_default().to_vec()
}
