//! Makes checkpoints that the log never published: with the log's own keys, and as many witnesses as lie.

use std::path::PathBuf;

use pouch_testkit::stage::StageError;
use pouch_tlog::{
    Checkpoint, EntryBundle, KeyName, LeafHash, LogSigner, MemoryTree, Note, WitnessSigner, new_bundles,
};
use pouch_wire::session::Consistency;
use pouch_wire::{Blob, Digest, List};

use super::town::{Keys, OFFICES, Town, now};

/// Holds the directory log's keys and those of every witness.
#[derive(Debug)]
pub struct Forger {
    signer: LogSigner,
    witnesses: Vec<WitnessSigner>,
    published: PathBuf,
}

fn failed(error: impl core::fmt::Display) -> StageError {
    StageError(format!("forger: {error}"))
}

impl Forger {
    /// Opens the keys of a town.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(town: &Town) -> Result<Self, StageError> {
        let keys = Keys::of(&town.stage, "relay")?;
        let origin = town.directory_origin()?;
        let signer = LogSigner::new(
            &origin,
            keys.note("directory-log-ed25519")?,
            keys.mldsa("directory-log-mldsa44")?,
        )
        .map_err(failed)?;
        let witness = |(folder, _): (&str, &str)| {
            let keys = Keys::of(&town.stage, folder)?;
            let name = KeyName::new(format!("{folder}.demo.pouch.invalid")).map_err(failed)?;
            WitnessSigner::new(&name, keys.note("witness-ed25519")?, keys.mldsa("witness-mldsa44")?)
                .map_err(failed)
        };
        let witnesses = OFFICES.into_iter().map(witness).collect::<Result<_, _>>()?;
        Ok(Self { signer, witnesses, published: town.stage.dir().join("relay/log/directory") })
    }

    /// The newest checkpoint that the log published, with its cosignatures.
    ///
    /// # Errors
    /// When there is none.
    pub fn published(&self) -> Result<Note, StageError> {
        Note::parse(&std::fs::read(self.published.join("checkpoint")).map_err(failed)?).map_err(failed)
    }

    /// All entries that the log published.
    ///
    /// # Errors
    /// When its tiles cannot be read.
    pub fn entries(&self) -> Result<Vec<Vec<u8>>, StageError> {
        let size = size_of(&self.published()?)?;
        let mut entries = Vec::new();
        for coord in new_bundles(0, size) {
            let bytes = std::fs::read(self.published.join(coord.to_string())).map_err(failed)?;
            entries.extend(EntryBundle::parse(coord, &bytes).map_err(failed)?.into_entries());
        }
        Ok(entries)
    }

    /// A checkpoint of any size and root, signed by the log and cosigned by the first `liars` witnesses.
    ///
    /// # Errors
    /// When a key does not sign.
    pub fn note(&self, size: u64, root: Digest, liars: usize) -> Result<Note, StageError> {
        let note =
            self.signer.sign(&Checkpoint::new(self.signer.origin(), size, root), now()).map_err(failed)?;
        let mut lines = Vec::new();
        for witness in self.witnesses.iter().take(liars) {
            lines.extend(witness.cosign(note.text(), now()).map_err(failed)?);
        }
        note.with(lines).map_err(failed)
    }

    /// The log as it would look with these entries, with the proof that it extends a size.
    ///
    /// # Errors
    /// When a key does not sign.
    pub fn face(&self, entries: &[Vec<u8>], from: u64, liars: usize) -> Result<Consistency, StageError> {
        let mut tree = MemoryTree::default();
        for entry in entries {
            tree.append(LeafHash::of(entry));
        }
        let proof = tree.consistency(from.min(tree.size()), tree.size()).map_err(failed)?;
        shown(&self.note(tree.size(), tree.root(), liars)?, proof)
    }
}

/// A checkpoint and a proof, as a relay answers them.
///
/// # Errors
/// When they do not fit into an answer.
pub fn shown(note: &Note, proof: Vec<Digest>) -> Result<Consistency, StageError> {
    let checkpoint = Blob::new(note.to_bytes()).map_err(failed)?;
    Ok(Consistency { checkpoint, proof: List::new(proof).map_err(failed)? })
}

/// How many entries a checkpoint says that its log has.
///
/// # Errors
/// When the note is no checkpoint.
pub fn size_of(note: &Note) -> Result<u64, StageError> {
    Ok(Checkpoint::parse(note.text()).map_err(failed)?.size())
}
