//! What a client accepts of a log's history: only what extends the last it accepted, never back.
//!
//! Two trees of one size with two roots, both signed by the log, are a fork. They prove that the log
//! lied to somebody, and are handed up with both notes so that they can be kept and shown.

use pouch_wire::{Digest, Timestamp};

use crate::{
    Checkpoint, KeyName, Note, Policy, PolicyError, PolicyMet, ProofError, empty_root, verify_consistency,
};

/// A checkpoint that met a policy. Made only by a policy's check, alone or with history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedCheckpoint {
    met: PolicyMet,
}

impl From<PolicyMet> for AcceptedCheckpoint {
    fn from(met: PolicyMet) -> Self {
        Self { met }
    }
}

impl AcceptedCheckpoint {
    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.met.checkpoint().origin()
    }

    /// How many entries the log has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.met.checkpoint().size()
    }

    /// The tree's root.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.met.checkpoint().root()
    }

    /// The latest time at or after which a whole quorum cosigned it; none when no witness is asked.
    #[must_use]
    pub const fn cosigned_at(&self) -> Option<Timestamp> {
        self.met.cosigned_at()
    }

    /// The names of the witnesses that cosigned it with all their keys.
    #[must_use]
    pub fn witnesses(&self) -> &[KeyName] {
        self.met.witnesses()
    }

    /// All that the policy found.
    #[must_use]
    pub const fn policy_met(&self) -> &PolicyMet {
        &self.met
    }
}

/// Two notes by which one log claims two trees of one size: evidence that it lied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The note that was accepted before.
    pub accepted: Note,
    /// The note that contradicts it, signed by the same log.
    pub other: Note,
}

/// How many forks are kept as evidence: one is enough to prove that a log lied.
pub const FORKS_KEPT: usize = 16;

impl Fork {
    /// Whether it is worth keeping beside those whose other notes are these: one for each tree that was claimed,
    /// whoever signs it how often, and [`FORKS_KEPT`] in all.
    #[must_use]
    pub fn adds_to<'a>(&self, kept: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let claimed = |note: &Note| Checkpoint::parse(note.text()).ok().map(|c| (c.size(), c.root()));
        let kept: Vec<_> =
            kept.into_iter().map(|other| Note::parse(other).ok().and_then(|n| claimed(&n))).collect();
        kept.len() < FORKS_KEPT && !kept.contains(&claimed(&self.other))
    }
}

/// Why a new checkpoint was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The note does not meet the policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The checkpoint is another log's.
    #[error("a checkpoint of another log")]
    OtherOrigin,
    /// The log says that it has fewer entries than we saw. An older checkpoint, or a rewritten log.
    #[error("a checkpoint of {found} entries after one of {accepted}")]
    Back {
        /// The size accepted before.
        accepted: u64,
        /// The size offered.
        found: u64,
    },
    /// It was not proved that the log only grew.
    #[error("the log was not proved to extend what was accepted: {0}")]
    Proof(#[from] ProofError),
    /// The empty tree has another root than the empty tree's.
    #[error("an empty log with a root of its own")]
    EmptyRoot,
    /// The log signed two trees of this size.
    #[error("the log forked at {size} entries")]
    Forked {
        /// The size of both.
        size: u64,
        /// Both notes.
        fork: Box<Fork>,
    },
}

impl AcceptError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Policy(error) => error.code(),
            Self::OtherOrigin => "POUCH-TLG-90",
            Self::Back { .. } => "POUCH-TLG-91",
            Self::Proof(error) => error.code(),
            Self::EmptyRoot => "POUCH-TLG-92",
            Self::Forked { .. } => "POUCH-TLG-93",
        }
    }
}

/// What a client last accepted of one log. It is changed only by accepting more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAccepted {
    origin: KeyName,
    last: Option<(Note, Checkpoint)>,
}

impl LastAccepted {
    /// Nothing accepted yet of this log.
    #[must_use]
    pub const fn nothing(origin: KeyName) -> Self {
        Self { origin, last: None }
    }

    /// What the caller's own store kept of [`LastAccepted::note`]. Its signatures are not checked
    /// again: keys and witnesses may have changed since.
    ///
    /// # Errors
    /// When the note is no checkpoint of this log: the store is damaged.
    pub fn restore(origin: KeyName, note: Note) -> Result<Self, AcceptError> {
        let checkpoint = Checkpoint::parse(note.text()).map_err(PolicyError::from)?;
        if checkpoint.origin() != origin.as_str() {
            return Err(AcceptError::OtherOrigin);
        }
        Ok(Self { origin, last: Some((note, checkpoint)) })
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        &self.origin
    }

    /// The note last accepted, to be stored.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        self.last.as_ref().map(|(note, _)| note)
    }

    /// The checkpoint last accepted.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.last.as_ref().map(|(_, checkpoint)| checkpoint)
    }

    /// How many entries the log had when last accepted; zero when nothing was. The consistency proof
    /// to ask for starts here.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.checkpoint().map_or(0, Checkpoint::size)
    }

    /// Accepts a note if the policy holds, with both of the log's signatures, and the proof shows that
    /// it extends what was accepted. Gives what to keep from now on: store it before relying on it.
    ///
    /// # Errors
    /// When it does not, or it forks; this value stays as it is.
    pub fn accept(
        &self,
        policy: &Policy,
        note: Note,
        consistency: &[Digest],
    ) -> Result<(Self, AcceptedCheckpoint), AcceptError> {
        // Before the quorum is counted: a fork that the log signed is evidence without any witness.
        let offered = policy.log_signed(&note, true)?.checkpoint;
        if offered.origin() != self.origin.as_str() {
            return Err(AcceptError::OtherOrigin);
        }
        if offered.size() == 0 && offered.root() != empty_root() {
            return Err(AcceptError::EmptyRoot);
        }
        if let Some((accepted, last)) = &self.last {
            if offered.size() == last.size() && offered.root() != last.root() {
                let fork = Box::new(Fork { accepted: accepted.clone(), other: note });
                return Err(AcceptError::Forked { size: last.size(), fork });
            }
            if offered.size() < last.size() {
                return Err(AcceptError::Back { accepted: last.size(), found: offered.size() });
            }
        }
        let (size, root) = self.checkpoint().map_or((0, empty_root()), |last| (last.size(), last.root()));
        verify_consistency(size, &root, offered.size(), &offered.root(), consistency)?;
        let met = policy.check_strict(&note)?;
        Ok((Self { origin: self.origin.clone(), last: Some((note, offered)) }, met.into()))
    }
}
