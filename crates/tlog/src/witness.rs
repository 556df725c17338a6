//! What a witness does with a checkpoint (C2SP tlog-witness, `add-checkpoint`), without HTTP.
//!
//! A witness cosigns only what extends what it cosigned before. It keeps one size and root for each
//! log; whoever runs it stores them before a cosignature leaves.

use core::fmt;
use std::collections::BTreeMap;

use pouch_wire::{Digest, Timestamp, limits};

use crate::{
    BadNoteSignature, Checkpoint, CheckpointError, KeyName, Note, NoteError, NoteSignature, ProofError,
    SignError, VerifierKey, WitnessSigner, empty_root, text, verify_consistency,
};

/// Most lines of a consistency proof in a request (tlog-witness).
const PROOF_LINES_MAX: usize = 63;
/// Largest request: the largest note and its proof.
const BYTES_MAX: usize = limits::CHECKPOINT_BYTES + 64 * 64;

/// Why bytes are not an `add-checkpoint` request; answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddCheckpointError {
    /// Larger than any request may be.
    #[error("a request of {found} bytes; at most {BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        found: usize,
    },
    /// The first line is not `old` and a size.
    #[error("a request with a malformed old size")]
    OldSize,
    /// A line of the proof is not 32 bytes in base64.
    #[error("hash {line} of the proof is malformed")]
    Hash {
        /// Which, from 1.
        line: usize,
    },
    /// More lines of proof than allowed.
    #[error("a proof of more than {PROOF_LINES_MAX} hashes")]
    ProofTooLong,
    /// No empty line before the checkpoint.
    #[error("a request without a checkpoint")]
    NoCheckpoint,
    /// What follows is not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl AddCheckpointError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "POUCH-TLG-77",
            Self::OldSize => "POUCH-TLG-78",
            Self::Hash { .. } => "POUCH-TLG-79",
            Self::ProofTooLong => "POUCH-TLG-80",
            Self::NoCheckpoint => "POUCH-TLG-81",
            Self::Note(error) => error.code(),
        }
    }
}

/// A request to cosign: the size that the witness cosigned last, a consistency proof from there, and
/// the new checkpoint. Shown as the request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: Vec<Digest>,
    note: Note,
}

impl AddCheckpoint {
    /// Largest body of a request.
    pub const BYTES_MAX: usize = BYTES_MAX;

    /// Puts a request together.
    ///
    /// # Errors
    /// When the proof is too long.
    pub fn new(old_size: u64, proof: Vec<Digest>, note: Note) -> Result<Self, AddCheckpointError> {
        if proof.len() > PROOF_LINES_MAX {
            return Err(AddCheckpointError::ProofTooLong);
        }
        Ok(Self { old_size, proof, note })
    }

    /// Reads a request's body.
    ///
    /// # Errors
    /// When it is too large or not written exactly as tlog-witness says.
    pub fn parse(bytes: &[u8]) -> Result<Self, AddCheckpointError> {
        if bytes.len() > BYTES_MAX {
            return Err(AddCheckpointError::TooLarge { found: bytes.len() });
        }
        let all = core::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        let (head, note) = all.split_once("\n\n").ok_or(AddCheckpointError::NoCheckpoint)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| text::decimal(line.strip_prefix("old ")?));
        let old_size = old_size.ok_or(AddCheckpointError::OldSize)?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_LINES_MAX {
                return Err(AddCheckpointError::ProofTooLong);
            }
            let number = proof.len().saturating_add(1);
            proof.push(text::hash_from_base64(line).ok_or(AddCheckpointError::Hash { line: number })?);
        }
        Ok(Self { old_size, proof, note: Note::parse(note.as_bytes())? })
    }

    /// The size that the witness is said to have cosigned last.
    #[must_use]
    pub const fn old_size(&self) -> u64 {
        self.old_size
    }

    /// The consistency proof.
    #[must_use]
    pub fn proof(&self) -> &[Digest] {
        &self.proof
    }

    /// The checkpoint, as a signed note.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The request's body.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", text::hash_to_base64(hash)))?;
        write!(f, "\n{}", self.note)
    }
}

/// Why a witness did not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessRefusal {
    /// The note is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The witness does not know this log.
    #[error("an unknown log")]
    UnknownLog,
    /// A known key's signature is wrong.
    #[error(transparent)]
    BadSignature(#[from] BadNoteSignature),
    /// No known key of the log signed, or not all of those that must.
    #[error("not signed by the log")]
    Unsigned,
    /// The checkpoint is smaller than the old size named with it.
    #[error("a checkpoint of {new} entries after one of {old}")]
    Shrunk {
        /// The old size named.
        old: u64,
        /// The checkpoint's size.
        new: u64,
    },
    /// The witness cosigned another size last; the log tries again from there.
    #[error("the last checkpoint cosigned has {size} entries, not {named}")]
    Conflict {
        /// The size that was cosigned last.
        size: u64,
        /// The size that the request named.
        named: u64,
    },
    /// The empty tree has another root than the empty tree's.
    #[error("an empty log with a root of its own")]
    EmptyRoot,
    /// The log signed another root for the size that was cosigned last: it forked.
    #[error("the log forked at {size} entries")]
    Forked {
        /// The size of both.
        size: u64,
    },
    /// It was not proved that the log only grew.
    #[error("not proved consistent: {0}")]
    BadProof(#[from] ProofError),
    /// This witness's own keys cosigned more than it remembers: it lost its memory, and must stop.
    #[error("this witness cosigned {cosigned} entries and remembers {remembered}")]
    Forgotten {
        /// The size that it is shown its own cosignature for.
        cosigned: u64,
        /// The size that it remembers.
        remembered: u64,
    },
    /// Signing failed here; nothing is wrong with the request.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl WitnessRefusal {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(error) => error.code(),
            Self::UnknownLog => "POUCH-TLG-82",
            Self::BadSignature(error) => error.code(),
            Self::Unsigned => "POUCH-TLG-83",
            Self::Shrunk { .. } => "POUCH-TLG-84",
            Self::Conflict { .. } => "POUCH-TLG-85",
            Self::EmptyRoot => "POUCH-TLG-86",
            Self::Forked { .. } => "POUCH-TLG-87",
            Self::BadProof(error) => error.code(),
            Self::Forgotten { .. } => "POUCH-TLG-88",
            Self::Sign(error) => error.code(),
        }
    }

    /// The HTTP status that tlog-witness asks for. With 409 goes the size of [`Self::Conflict`] in
    /// decimal and a newline, as `text/x.tlog.size`.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::Checkpoint(_) | Self::Shrunk { .. } => 400,
            Self::UnknownLog => 404,
            Self::BadSignature(_) | Self::Unsigned => 403,
            Self::Conflict { .. } => 409,
            Self::EmptyRoot | Self::Forked { .. } | Self::BadProof(_) => 422,
            Self::Forgotten { .. } | Self::Sign(_) => 500,
        }
    }
}

/// A log that a witness serves, and the keys it trusts for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLog {
    keys: Vec<VerifierKey>,
    all: bool,
}

impl KnownLog {
    /// A log of which any one key's signature is enough, as tlog-witness says.
    #[must_use]
    pub const fn any_of(keys: Vec<VerifierKey>) -> Self {
        Self { keys, all: false }
    }

    /// A log that has to sign with all of its keys, as ours do.
    #[must_use]
    pub const fn all_of(keys: Vec<VerifierKey>) -> Self {
        Self { keys, all: true }
    }

    fn verify(&self, note: &Note, checkpoint: &Checkpoint) -> Result<(), WitnessRefusal> {
        let mut signed = 0_usize;
        for key in &self.keys {
            let mut by_key = note.signatures().iter().filter(|line| key.is_named_by(line)).peekable();
            signed = signed.saturating_add(usize::from(by_key.peek().is_some()));
            for signature in by_key {
                key.verify(note.text(), checkpoint, signature)?;
            }
        }
        let enough = signed > 0 && (!self.all || signed == self.keys.len());
        if enough { Ok(()) } else { Err(WitnessRefusal::Unsigned) }
    }
}

/// The last size and root that a witness cosigned, for each log by its origin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WitnessState {
    latest: BTreeMap<KeyName, (u64, Digest)>,
}

impl WitnessState {
    /// Takes what was stored: origin, size and root of each log.
    #[must_use]
    pub fn restore(stored: impl IntoIterator<Item = (KeyName, u64, Digest)>) -> Self {
        Self { latest: stored.into_iter().map(|(origin, size, root)| (origin, (size, root))).collect() }
    }

    /// The size and root that were cosigned last for a log.
    #[must_use]
    pub fn latest(&self, origin: &KeyName) -> Option<(u64, Digest)> {
        self.latest.get(origin).copied()
    }

    /// Looks for this witness's own good cosignature on more than it remembers, or on another root. Who
    /// finds one has lost its memory: what it would cosign might contradict what it cosigned.
    ///
    /// # Errors
    /// [`WitnessRefusal::Forgotten`]; or that the note is no checkpoint.
    pub fn remembers(&self, note: &Note, signer: &WitnessSigner) -> Result<(), WitnessRefusal> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let known = self.latest.iter().find(|(origin, _)| origin.as_str() == checkpoint.origin());
        let (remembered, root) = known.map_or((0, empty_root()), |(_, latest)| *latest);
        let cosigned = checkpoint.size();
        let beyond = cosigned > remembered || (cosigned == remembered && checkpoint.root() != root);
        if beyond && signer.has_cosigned(note, &checkpoint) {
            return Err(WitnessRefusal::Forgotten { cosigned, remembered });
        }
        Ok(())
    }

    /// Checks a request and cosigns its checkpoint with both keys.
    ///
    /// `logs` has the logs that the witness serves, by origin. On success this state has moved on: the
    /// caller stores [`WitnessState::latest`] durably **before** the cosignatures leave, and holds
    /// other requests for this log until then.
    ///
    /// # Errors
    /// When it refuses; the state is as before.
    pub fn add_checkpoint(
        &mut self,
        request: &AddCheckpoint,
        logs: &BTreeMap<KeyName, KnownLog>,
        signer: &WitnessSigner,
        now: Timestamp,
    ) -> Result<Vec<NoteSignature>, WitnessRefusal> {
        let AddCheckpoint { old_size, proof, note } = request;
        let checkpoint = Checkpoint::parse(note.text())?;
        let log = logs.iter().find(|(origin, _)| origin.as_str() == checkpoint.origin());
        let (origin, log) = log.ok_or(WitnessRefusal::UnknownLog)?;
        log.verify(note, &checkpoint)?;
        self.remembers(note, signer)?;
        let (old_root, new) = (self.admit(origin, *old_size, &checkpoint)?, &checkpoint);
        verify_consistency(*old_size, &old_root, new.size(), &new.root(), proof)?;
        let signatures = signer.cosign(note.text(), now)?;
        self.latest.insert(origin.clone(), (new.size(), new.root()));
        Ok(signatures)
    }

    /// The root that was cosigned last, if the request starts from there.
    fn admit(&self, origin: &KeyName, old: u64, new: &Checkpoint) -> Result<Digest, WitnessRefusal> {
        if old > new.size() {
            return Err(WitnessRefusal::Shrunk { old, new: new.size() });
        }
        let (size, root) = self.latest(origin).unwrap_or((0, empty_root()));
        if old != size {
            return Err(WitnessRefusal::Conflict { size, named: old });
        }
        if new.size() == 0 && new.root() != empty_root() {
            return Err(WitnessRefusal::EmptyRoot);
        }
        if new.size() == size && new.root() != root {
            return Err(WitnessRefusal::Forked { size });
        }
        Ok(root)
    }
}
