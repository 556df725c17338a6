//! The two logs that stand behind a message, as their operators and witnesses make them.

use pouch_envelope::MessageLeaf;
use pouch_notice::{Facts, Notice, Refused, Verified};
use pouch_tlog::{
    AcceptedCheckpoint, Checkpoint, Inclusion, KeyName, LeafHash, LogSigner, MemoryTree, Note, ProofFile,
    WitnessSigner,
};
use pouch_wire::{Canonical as _, Digest, EnvelopeId, Timestamp};

use crate::post::{ACCEPTED, Posted, facts};
use crate::world::{DIRECTORY_LOG, World, message_log, mldsa_key, note_key};

/// The witnesses that are enough.
pub(crate) const QUORUM: [&str; 2] = ["ba.example/w", "md.example/w"];

/// A checkpoint of a tree, signed by its log and cosigned by these witnesses.
pub(crate) fn cosigned(origin: &str, tree: &MemoryTree, witnesses: &[&str], at: Timestamp) -> Note {
    let name = KeyName::new(origin).unwrap();
    let log = LogSigner::new(&name, note_key(origin), mldsa_key(origin)).unwrap();
    let note = log.sign(&Checkpoint::new(&name, tree.size(), tree.root()), at).unwrap();
    let lines = witnesses.iter().flat_map(|witness| {
        let name = KeyName::new(*witness).unwrap();
        let signer = WitnessSigner::new(&name, note_key(witness), mldsa_key(witness)).unwrap();
        signer.cosign(note.text(), at).unwrap()
    });
    note.with(lines.collect::<Vec<_>>()).unwrap()
}

pub(crate) fn leaf(envelope: EnvelopeId, accepted_at: Timestamp) -> LeafHash {
    LeafHash::of(&MessageLeaf { envelope, accepted_at }.to_bytes().unwrap())
}

/// The directory's checkpoint, as its witnesses last cosigned it.
pub(crate) fn directory_note(world: &World, witnesses: &[&str], at: Timestamp) -> Note {
    let tree: MemoryTree = world.entries.iter().map(|entry| LeafHash::of(entry)).collect();
    cosigned(DIRECTORY_LOG, &tree, witnesses, at)
}

/// A log with a message at place 2 of 5, and the path to it.
fn between_others(id: EnvelopeId, accepted: Timestamp) -> (MemoryTree, Vec<Digest>) {
    let other = |n: u8| leaf(EnvelopeId(pouch_crypto::sha256(&[n])), accepted);
    let tree: MemoryTree = [other(0), other(1), leaf(id, accepted), other(2), other(3)].into_iter().collect();
    let path = tree.inclusion(2, tree.size()).unwrap();
    (tree, path)
}

/// A message that stands in a relay's log between others.
pub(crate) struct Logged {
    pub(crate) accepted: Timestamp,
    pub(crate) receipt: Vec<u8>,
    pub(crate) proof: ProofFile,
    pub(crate) inclusion: Inclusion,
}

impl Logged {
    /// Accepted by relay-1, whose witnesses saw it a second later.
    pub(crate) fn new(world: &World, posted: &Posted, accepted: Timestamp) -> Self {
        Self::by(world, "relay-1", posted.id(), accepted)
    }

    pub(crate) fn by(world: &World, relay: &str, id: EnvelopeId, accepted: Timestamp) -> Self {
        Self::seen(world, relay, id, accepted, Timestamp(accepted.0 + 1000))
    }

    /// Accepted by a relay's word at one time, and seen by its witnesses at another.
    pub(crate) fn seen(
        world: &World,
        relay: &str,
        id: EnvelopeId,
        accepted: Timestamp,
        witnessed: Timestamp,
    ) -> Self {
        let (tree, path) = between_others(id, accepted);
        let note = cosigned(&message_log(relay), &tree, &QUORUM, witnessed);
        let view = world.directory.now_view();
        let policy = view.message_policy(view.relay(relay).unwrap());
        let checkpoint = AcceptedCheckpoint::from(policy.check(&note).unwrap());
        let inclusion = Inclusion::verify(leaf(id, accepted), 2, &path, &checkpoint).unwrap();
        let proof = ProofFile::new(2, path, note).unwrap();
        Self { accepted, receipt: world.receipt(relay, id, 2, accepted), proof, inclusion }
    }

    /// Accepted by relay-1; its log's checkpoint is cosigned by these, whether or not they are enough.
    pub(crate) fn cosigned_by(world: &World, posted: &Posted, witnesses: &[&str]) -> Self {
        let honest = Self::new(world, posted, ACCEPTED);
        let (tree, path) = between_others(posted.id(), ACCEPTED);
        let note = cosigned(&message_log("relay-1"), &tree, witnesses, Timestamp(ACCEPTED.0 + 1000));
        Self { proof: ProofFile::new(2, path, note).unwrap(), ..honest }
    }

    pub(crate) fn facts<'a>(&'a self, world: &'a World) -> Facts<'a> {
        let now = Timestamp(self.accepted.0 + 2000);
        Facts { inclusion: Some(&self.inclusion), ..facts(world, now) }
    }

    /// The message with this proof, to a recipient that reads it two seconds after it was accepted.
    pub(crate) fn received(
        &self,
        world: &World,
        posted: &Posted,
        to: &str,
    ) -> Result<Verified<Notice>, Refused> {
        posted.opened_with(to, &self.receipt).unwrap().verify(&self.facts(world))
    }
}
