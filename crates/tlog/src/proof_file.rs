//! Proofs of one entry that stand alone (C2SP tlog-proof): index, path and cosigned checkpoint.
//!
//! A file proves nothing until it is verified against a leaf that the verifier computed and a policy
//! that the verifier chose. Its extra bytes are signed by nobody.

use core::fmt;

use pouch_wire::{Digest, limits};

use crate::{
    AcceptedCheckpoint, Inclusion, LeafHash, Note, NoteError, PROOF_HASHES_MAX, Policy, PolicyError,
    ProofError, text,
};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Largest file: the largest note, its path, and as much of extra bytes again.
const BYTES_MAX: usize = 2 * limits::CHECKPOINT_BYTES;

/// Why bytes are not a proof file. Whoever wrote them is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileError {
    /// Larger than any proof may be.
    #[error("a proof of {found} bytes; at most {BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        found: usize,
    },
    /// The first line is another.
    #[error("not a tlog-proof of version 1")]
    Header,
    /// The extra line is not base64, or is empty.
    #[error("a proof with a malformed extra line")]
    Extra,
    /// The index line is missing or malformed.
    #[error("a proof with a malformed index")]
    Index,
    /// A line of the path is not 32 bytes in base64.
    #[error("hash {line} of the path is malformed")]
    Hash {
        /// Which, from 1.
        line: usize,
    },
    /// The path is longer than any tree is high.
    #[error("a path of more than {PROOF_HASHES_MAX} hashes")]
    PathTooLong,
    /// No empty line before the checkpoint.
    #[error("a proof without a checkpoint")]
    NoCheckpoint,
    /// What follows is not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl ProofFileError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "POUCH-TLG-70",
            Self::Header => "POUCH-TLG-71",
            Self::Extra => "POUCH-TLG-72",
            Self::Index => "POUCH-TLG-73",
            Self::Hash { .. } => "POUCH-TLG-74",
            Self::PathTooLong => "POUCH-TLG-75",
            Self::NoCheckpoint => "POUCH-TLG-76",
            Self::Note(error) => error.code(),
        }
    }
}

/// Why a proof file does not prove that a leaf was logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFileRefused {
    /// Its checkpoint does not meet the policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Its path does not lead from the leaf to the root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ProofFileRefused {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Policy(error) => error.code(),
            Self::Proof(error) => error.code(),
        }
    }
}

/// A proof that travels by itself. Shown as its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    extra: Option<Vec<u8>>,
    index: u64,
    path: Vec<Digest>,
    note: Note,
}

impl ProofFile {
    /// Puts a proof together; it is not verified.
    ///
    /// # Errors
    /// When the path is too long.
    pub fn new(index: u64, path: Vec<Digest>, note: Note) -> Result<Self, ProofFileError> {
        if path.len() > PROOF_HASHES_MAX {
            return Err(ProofFileError::PathTooLong);
        }
        Ok(Self { extra: None, index, path, note })
    }

    /// The same proof with extra bytes, which nobody signs.
    ///
    /// # Errors
    /// When they are none, or the file would be too large.
    pub fn with_extra(self, extra: Vec<u8>) -> Result<Self, ProofFileError> {
        if extra.is_empty() {
            return Err(ProofFileError::Extra);
        }
        let file = Self { extra: Some(extra), ..self };
        let found = file.to_bytes().len();
        if found > BYTES_MAX { Err(ProofFileError::TooLarge { found }) } else { Ok(file) }
    }

    /// Reads a proof file.
    ///
    /// # Errors
    /// When it is too large or not written exactly as tlog-proof says.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > BYTES_MAX {
            return Err(ProofFileError::TooLarge { found: bytes.len() });
        }
        let all = core::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        let rest = all.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let (head, note) =
            rest.ok_or(ProofFileError::Header)?.split_once("\n\n").ok_or(ProofFileError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(parse_extra).transpose()?;
        let index = lines.next().and_then(|line| text::decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(ProofFileError::Index)?;
        let path = parse_path(lines)?;
        Ok(Self { extra, index, path, note: Note::parse(note.as_bytes())? })
    }

    /// Checks that this leaf is in a checkpoint that meets the policy.
    ///
    /// # Errors
    /// When the checkpoint does not meet it, or the path leads elsewhere.
    pub fn verify(&self, leaf: LeafHash, policy: &Policy) -> Result<Inclusion, ProofFileRefused> {
        let checkpoint = AcceptedCheckpoint::from(policy.check(&self.note)?);
        Ok(Inclusion::verify(leaf, self.index, &self.path, &checkpoint)?)
    }

    /// Extra bytes, to be trusted by nobody.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The entry's index in the log, from zero.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The path, from the leaf's sibling to the root's child.
    #[must_use]
    pub fn path(&self) -> &[Digest] {
        &self.path
    }

    /// The checkpoint, as a signed note.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", text::to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", text::hash_to_base64(hash)))?;
        write!(f, "\n{}", self.note)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, ProofFileError> {
    let extra = line.strip_prefix("extra ").and_then(text::from_base64);
    extra.filter(|extra| !extra.is_empty()).ok_or(ProofFileError::Extra)
}

fn parse_path<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Digest>, ProofFileError> {
    let mut path = Vec::new();
    for line in lines {
        if path.len() == PROOF_HASHES_MAX {
            return Err(ProofFileError::PathTooLong);
        }
        let number = path.len().saturating_add(1);
        path.push(text::hash_from_base64(line).ok_or(ProofFileError::Hash { line: number })?);
    }
    Ok(path)
}
