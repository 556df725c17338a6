//! Checkpoints (C2SP tlog-checkpoint): what a log says its tree is, signed with both of its keys.
//!
//! The Ed25519 line signs the note's text; the ML-DSA-44 line is a cosignature by the log itself, so
//! that a tree head stays good after Ed25519 does not. A log never signs what it did not check.

use core::fmt;

use pouch_crypto::{MlDsaKey, NoteKey};
use pouch_wire::{Digest, Timestamp};

use crate::cosignature::{sign_mldsa, sign_text};
use crate::{
    BadNoteSignature, KeyName, Note, NoteError, SignError, SignatureKind, VerifierKey, VkeyError, text,
};

/// Why a note's text is not a checkpoint. Whoever wrote it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// An empty line, or no newline at the end.
    #[error("a checkpoint with an empty or unfinished line")]
    Line,
    /// Fewer than three lines.
    #[error("a checkpoint without origin, size and root")]
    TooShort,
    /// The second line is not a decimal number without leading zeroes.
    #[error("a checkpoint with a malformed size")]
    Size,
    /// The third line is not 32 bytes in base64.
    #[error("a checkpoint with a malformed root")]
    Root,
}

impl CheckpointError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Line => "POUCH-TLG-36",
            Self::TooShort => "POUCH-TLG-37",
            Self::Size => "POUCH-TLG-38",
            Self::Root => "POUCH-TLG-39",
        }
    }
}

/// A log's tree at one size. Shown as the text of its note.
///
/// Signatures are checked over the text that came, never over a checkpoint printed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// Names a log's tree: its origin (the name of the log's keys), size and root. No extension lines.
    #[must_use]
    pub fn new(origin: &KeyName, size: u64, root: Digest) -> Self {
        Self { origin: origin.to_string(), size, root, extensions: Vec::new() }
    }

    /// Reads a note's text.
    ///
    /// # Errors
    /// When it is not written exactly as tlog-checkpoint says.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Line)?;
        if lines.split('\n').any(str::is_empty) {
            return Err(CheckpointError::Line);
        }
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::TooShort);
        };
        let size = text::decimal(size).ok_or(CheckpointError::Size)?;
        let root = text::hash_from_base64(root).ok_or(CheckpointError::Root)?;
        Ok(Self { origin: origin.into(), size, root, extensions: lines.map(str::to_owned).collect() })
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// Lines after the first three. ML-DSA-44 does not sign them; our logs write none.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, text::hash_to_base64(&self.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A log's two keys, under the log's origin as their name.
#[derive(Debug)]
pub struct LogSigner {
    ed25519: NoteKey,
    mldsa: MlDsaKey,
    vkeys: [VerifierKey; 2],
}

impl LogSigner {
    /// Takes a log's keys.
    ///
    /// # Errors
    /// When the origin is too long to name a key.
    pub fn new(origin: &KeyName, ed25519: NoteKey, mldsa: MlDsaKey) -> Result<Self, VkeyError> {
        let vkeys = [
            VerifierKey::ed25519(origin.clone(), ed25519.public())?,
            VerifierKey::mldsa44(origin.clone(), mldsa.public().clone())?,
        ];
        Ok(Self { ed25519, mldsa, vkeys })
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        let [ed25519, _] = &self.vkeys;
        ed25519.name()
    }

    /// The verifier keys: Ed25519 (0x01), then ML-DSA-44 (0x06).
    #[must_use]
    pub const fn vkeys(&self) -> &[VerifierKey; 2] {
        &self.vkeys
    }

    /// Signs a checkpoint with both keys, at a time in whole seconds.
    ///
    /// The caller has reread and rehashed the tree ([`self_check`](fn@crate::self_check)), and has never signed
    /// another that this one does not extend.
    ///
    /// # Errors
    /// When the checkpoint is another log's, the time is none, or the library fails.
    pub fn sign(&self, checkpoint: &Checkpoint, now: Timestamp) -> Result<Note, SignError> {
        if checkpoint.origin() != self.origin().as_str() {
            return Err(SignError::OtherOrigin);
        }
        let text = checkpoint.to_string();
        let [ed25519, mldsa] = &self.vkeys;
        let signatures =
            vec![sign_text(ed25519, &self.ed25519, &text), sign_mldsa(mldsa, &self.mldsa, checkpoint, now)?];
        Note::new(text, signatures).map_err(|_| SignError::Unprintable)
    }
}

/// Why a note is not a checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint of another log.
    #[error("a checkpoint of another log")]
    OtherOrigin,
    /// A signature of one of the log's keys is wrong.
    #[error(transparent)]
    Signature(#[from] BadNoteSignature),
    /// One of the log's keys did not sign.
    #[error("no signature by {key:?}")]
    Unsigned {
        /// The key.
        key: Box<VerifierKey>,
    },
}

impl LogError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Note(error) => error.code(),
            Self::Checkpoint(error) => error.code(),
            Self::OtherOrigin => "POUCH-TLG-40",
            Self::Signature(error) => error.code(),
            Self::Unsigned { .. } => "POUCH-TLG-41",
        }
    }
}

/// A log's two public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogVerifier {
    vkeys: [VerifierKey; 2],
}

impl LogVerifier {
    /// Takes a log's verifier keys, Ed25519 (0x01) and ML-DSA-44 (0x06), both with the log's origin as
    /// their name; none when they are not such a pair.
    #[must_use]
    pub fn new(vkeys: [VerifierKey; 2]) -> Option<Self> {
        let [ed25519, mldsa] = &vkeys;
        let kinds = [ed25519.kind(), mldsa.kind()] == [SignatureKind::Ed25519, SignatureKind::MlDsa44];
        (kinds && ed25519.name() == mldsa.name()).then_some(Self { vkeys })
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        let [first, _] = &self.vkeys;
        first.name()
    }

    /// Checks that a note is this log's checkpoint, signed with both keys. It says nothing of history
    /// and of witnesses.
    ///
    /// # Errors
    /// When it is another log's, a signature is wrong, or one is missing.
    pub fn verify(&self, note: &Note) -> Result<BothSigned, LogError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin() != self.origin().as_str() {
            return Err(LogError::OtherOrigin);
        }
        for key in &self.vkeys {
            let mut signed = false;
            for signature in note.signatures().iter().filter(|s| key.is_named_by(s)) {
                key.verify(note.text(), &checkpoint, signature)?;
                signed = true;
            }
            if !signed {
                return Err(LogError::Unsigned { key: Box::new(key.clone()) });
            }
        }
        Ok(BothSigned { checkpoint })
    }
}

/// A checkpoint that its log signed with both keys. Made only by [`LogVerifier::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BothSigned {
    checkpoint: Checkpoint,
}

impl BothSigned {
    /// The checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}
