//! One file that proves a joint statement to anybody who has the charter: the proposal and every signature,
//! each as it was delivered, logged and witnessed, under one directory.
//!
//! Checking it is checking each part as evidence, and counting what holds. A part that does not hold spoils the
//! file: whoever made it changed something. That nobody withdrew since is not proved by it.

use pouch_directory::SignedCharter;
use pouch_wire::{Blob, Canonical as _, EncodeError, List, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::evidence::{Entries, EvidenceFile, EvidenceRefused, Proven};
use crate::joint::JointState;
use crate::notice::Notice;
use crate::safe_text::visible;
use crate::stanza::StanzaSecret;
use crate::verify::Verified;

/// Most parts: the proposal, and a signature of each of 64 members, with room for what does not count.
const PARTS_MAX: usize = 128;

/// One notice of a joint statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    arrived: Blob<{ limits::PAYLOAD_BYTES + 128 * 1024 }>,
    secret: StanzaSecret,
    tlog_proof: Blob<{ limits::CHECKPOINT_BYTES }>,
}

/// A joint statement with its signatures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JointFile {
    version: u16,
    entries: Entries,
    directory_checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
    parts: List<Part, PARTS_MAX>,
}
canonical!(JointFile, "joint statement file", limits::EVIDENCE_BYTES + limits::PAYLOAD_BYTES);

/// Why such a file does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JointRefused {
    /// It is of another version of the format.
    #[error("version {0}; this program knows 1")]
    Version(u16),
    /// Its first part is not a notice that proposes a joint statement.
    #[error("its first part proposes no joint statement")]
    NoStatement,
    /// A part of it does not hold.
    #[error("part {place} of it does not hold: {why}")]
    Part {
        /// Which, counted from 1.
        place: usize,
        /// Why.
        why: EvidenceRefused,
    },
}

impl JointRefused {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Version(_) => "POUCH-JNT-31",
            Self::NoStatement => "POUCH-JNT-32",
            Self::Part { .. } => "POUCH-JNT-33",
        }
    }
}

/// What such a file proves.
#[derive(Debug)]
pub struct JointProven {
    statement: Proven,
    state: JointState,
}

impl JointFile {
    /// Joins what a node has: the proposal first, each with the proof that it is logged.
    ///
    /// # Errors
    /// When it would be larger than such a file may be.
    pub fn new(
        entries: Vec<Vec<u8>>,
        directory_checkpoint: Vec<u8>,
        parts: &[(&Verified<Notice>, Vec<u8>)],
    ) -> Result<Self, EncodeError> {
        let too_large = |_| EncodeError { name: Self::NAME, max: Self::MAX_BYTES };
        let entries = entries.into_iter().map(Blob::new).collect::<Result<Vec<_>, _>>().map_err(too_large)?;
        let part = |(verified, proof): &(&Verified<Notice>, Vec<u8>)| {
            Ok(Part {
                arrived: Blob::new(verified.arrived().to_bytes()?).map_err(too_large)?,
                secret: verified.secret().clone(),
                tlog_proof: Blob::new(proof.clone()).map_err(too_large)?,
            })
        };
        let parts: Vec<Part> = parts.iter().map(part).collect::<Result<_, EncodeError>>()?;
        Ok(Self {
            version: 1,
            entries: List::new(entries).map_err(too_large)?,
            directory_checkpoint: Blob::new(directory_checkpoint).map_err(too_large)?,
            parts: List::new(parts).map_err(too_large)?,
        })
    }

    /// Checks every part with the charter alone, and counts.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, charter: &SignedCharter) -> Result<JointProven, JointRefused> {
        if self.version != 1 {
            return Err(JointRefused::Version(self.version));
        }
        let mut proven = Vec::new();
        for (place, part) in (1_usize..).zip(&self.parts) {
            let evidence = EvidenceFile::of_part(
                self.entries.clone(),
                self.directory_checkpoint.clone(),
                (part.arrived.clone(), part.secret.clone()),
                part.tlog_proof.clone(),
            );
            proven.push(evidence.verify(charter).map_err(|why| JointRefused::Part { place, why })?);
        }
        let mut proven = proven.into_iter();
        let statement = proven.next().ok_or(JointRefused::NoStatement)?;
        let others: Vec<Verified<Notice>> = proven.map(Proven::into_verified).collect();
        let state = JointState::gather(statement.verified(), &others.iter().collect::<Vec<_>>())
            .ok_or(JointRefused::NoStatement)?;
        Ok(JointProven { statement, state })
    }
}

impl JointProven {
    /// How the statement stands, by this file.
    #[must_use]
    pub const fn state(&self) -> &JointState {
        &self.state
    }

    /// The proposal.
    pub const fn statement(&self) -> &Proven {
        &self.statement
    }

    /// What is proved, in words, with the statement's printed form.
    #[must_use]
    pub fn words(&self) -> String {
        let mut lines = vec![format!("{}: {}", self.statement.number(), self.state.words())];
        for counted in &self.state.signed {
            lines.push(format!("  signed by {} with {}", counted.by, visible(&counted.number, true)));
        }
        for left in &self.state.left_out {
            lines.push(format!("  NOT COUNTED: a notice of {}: {} ({})", left.by, left.why, left.why.code()));
        }
        lines.push(self.statement.words());
        lines.join("\n")
    }
}
