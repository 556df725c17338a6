//! Whose word makes a checkpoint acceptable (C2SP tlog-policy): logs, witnesses and a quorum.
//!
//! A signature by a known key either verifies or spoils the whole note; one by an unknown key counts
//! for nothing. A witness counts once however often it signed.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use pouch_wire::Timestamp;

use crate::policy_text::{Build, PolicyTextError};
use crate::{
    BadNoteSignature, Checkpoint, CheckpointError, KeyName, Note, NoteError, SignatureKind, VerifierKey,
};

/// Why a note is not acceptable under a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A known key's signature is wrong: the note was altered.
    #[error(transparent)]
    Signature(#[from] BadNoteSignature),
    /// No log of the policy signed under this origin.
    #[error("no known log signed this checkpoint")]
    NoLog,
    /// The log signed, but not with this kind of key too.
    #[error("the log did not sign with its {missing:?} key")]
    OneLogSignature {
        /// The kind that is missing.
        missing: SignatureKind,
    },
    /// Too few witnesses cosigned, or not the right ones.
    #[error("no quorum: {cosigned} of {known} witness keys cosigned")]
    NoQuorum {
        /// How many of the policy's witness keys cosigned.
        cosigned: usize,
        /// How many the policy knows.
        known: usize,
    },
}

impl PolicyError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Note(error) => error.code(),
            Self::Checkpoint(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::NoLog => "POUCH-TLG-50",
            Self::OneLogSignature { .. } => "POUCH-TLG-51",
            Self::NoQuorum { .. } => "POUCH-TLG-52",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyLog {
    pub(crate) key: VerifierKey,
    pub(crate) url: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyWitness {
    pub(crate) name: Vec<u8>,
    pub(crate) key: VerifierKey,
    pub(crate) url: Option<Vec<u8>>,
}

/// What a group or the quorum counts, by its place in the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Witness(usize),
    Group(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyGroup {
    pub(crate) name: Vec<u8>,
    pub(crate) threshold: usize,
    pub(crate) members: Vec<Part>,
}

/// A witness of a network: its name and both of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkWitness {
    /// What the policy's text calls it: no space, no control character. It need not be the keys' name.
    pub name: KeyName,
    /// Its key for Ed25519 cosignatures (0x04).
    pub ed25519: VerifierKey,
    /// Its key for ML-DSA-44 cosignatures (0x06).
    pub mldsa: VerifierKey,
}

/// Logs, witnesses and the quorum; every name is defined and every threshold can be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) logs: Vec<PolicyLog>,
    pub(crate) witnesses: Vec<PolicyWitness>,
    pub(crate) groups: Vec<PolicyGroup>,
    pub(crate) quorum: Option<Part>,
    pub(crate) both_log_kinds: bool,
    pub(crate) until: Option<Timestamp>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When it is not written as tlog-policy says, with the line and what is wrong there.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyTextError> {
        Build::parse(bytes)
    }

    /// The policy as a file, without comments: logs, witnesses, groups, then the quorum.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::policy_text::print(self)
    }

    /// The policy of a network for one of its logs: signed by the log with both keys, and by at least
    /// `quorum` witnesses, each with both of its keys.
    ///
    /// Of several log lines any one is enough, so the log's ML-DSA-44 key, whose signatures are
    /// cosignatures, stands among the witnesses and is part of the quorum. Whoever reads the text
    /// demands both, and a log's line that is damaged beyond recognition is missed.
    ///
    /// # Errors
    /// When the quorum cannot be met or is zero, a key is listed twice or is of the wrong kind, one
    /// party's keys have two names, or there are too many. The log's keys are Ed25519, then ML-DSA-44.
    pub fn for_network(
        log: &[VerifierKey; 2],
        witnesses: &[NetworkWitness],
        quorum: usize,
    ) -> Result<Self, PolicyTextError> {
        let mut build = Build::default();
        let [ed25519, mldsa] = log;
        build.pair([ed25519, mldsa], [SignatureKind::Ed25519, SignatureKind::MlDsa44])?;
        build.log(ed25519.clone(), None)?;
        let own = [mldsa.name().as_str().as_bytes(), b"/ml-dsa-44"].concat();
        build.witness(&own, mldsa.clone(), None)?;
        let mut members = Vec::new();
        for witness in witnesses {
            let kinds = [SignatureKind::CosignatureEd25519, SignatureKind::MlDsa44];
            build.pair([&witness.ed25519, &witness.mldsa], kinds)?;
            let name = witness.name.as_str().as_bytes();
            let ed25519 = [name, b"/ed25519"].concat();
            let mldsa = [name, b"/ml-dsa-44"].concat();
            build.witness(&ed25519, witness.ed25519.clone(), None)?;
            build.witness(&mldsa, witness.mldsa.clone(), None)?;
            members.push((name, ed25519, mldsa));
        }
        for (name, ed25519, mldsa) in &members {
            build.group(name, b"all", &[ed25519, mldsa])?;
        }
        let names: Vec<&[u8]> = members.iter().map(|(name, ..)| *name).collect();
        build.group(b"quorum", quorum.to_string().as_bytes(), &names)?;
        build.group(b"log-and-quorum", b"all", &[own.as_slice(), b"quorum"])?;
        build.quorum(b"log-and-quorum")?;
        build.refuse_shared_keys()?;
        Ok(build.finish()?.requiring_both_log_signatures())
    }

    /// The same policy, under which a log has to sign with Ed25519 and with ML-DSA-44, whether or not its
    /// text says so as that of [`Policy::for_network`] does.
    #[must_use]
    pub fn requiring_both_log_signatures(self) -> Self {
        Self { both_log_kinds: true, ..self }
    }

    /// The same policy of a network that has changed since: a witness's cosignature counts when it says that
    /// it was made at this time or before. The policy's text does not say so.
    #[must_use]
    pub fn counting_until(self, until: Timestamp) -> Self {
        Self { until: Some(until), ..self }
    }

    /// Checks a note: a known log signed it under its origin, and witnesses enough cosigned it.
    ///
    /// # Errors
    /// When it is not a checkpoint, a known key's signature is wrong, or signatures are missing.
    pub fn check(&self, note: &Note) -> Result<PolicyMet, PolicyError> {
        let signed = self.log_signed(note, self.both_log_kinds)?;
        self.witnessed(signed)
    }

    /// As [`Policy::check`], and the log signed with both kinds of key.
    ///
    /// # Errors
    /// As [`Policy::check`].
    pub fn check_strict(&self, note: &Note) -> Result<PolicyMet, PolicyError> {
        let signed = self.log_signed(note, true)?;
        self.witnessed(signed)
    }

    /// The same checkpoint with the log's signatures and one quorum's newest cosignatures, and no other
    /// line. Signature lines that no policy needs are ignored when they are damaged; a log that
    /// publishes this has no byte that may change unseen.
    ///
    /// # Errors
    /// As [`Policy::check`].
    pub fn sufficient(&self, note: &Note) -> Result<Note, PolicyError> {
        let LogSigned { own, mut cosigned, .. } = self.log_signed(note, self.both_log_kinds)?;
        let no_quorum = self.no_quorum(&cosigned);
        let met =
            |cosigned: &_| self.quorum.is_none_or(|q| self.met(q, &own, cosigned, Timestamp::default()));
        if !met(&cosigned) {
            return Err(no_quorum);
        }
        let mut oldest_first: Vec<(Timestamp, usize)> = cosigned.iter().map(|(i, t)| (*t, *i)).collect();
        oldest_first.sort_unstable();
        for (time, index) in oldest_first {
            cosigned.remove(&index);
            if !met(&cosigned) {
                cosigned.insert(index, time);
            }
        }
        let mut keys: Vec<&VerifierKey> = self.log_keys().collect();
        keys.extend(cosigned.keys().filter_map(|index| self.witnesses.get(*index)).map(|w| &w.key));
        // All lines by one key verified; the last is the newest by the time that it carries.
        let newest = |key: &VerifierKey| {
            let lines = note.signatures().iter().filter(|line| key.is_named_by(line));
            lines.max_by_key(|line| line.bytes().first_chunk::<8>()).cloned()
        };
        let mut lines = Vec::new();
        for line in keys.into_iter().filter_map(newest) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        Ok(Note::new(note.text(), lines)?)
    }

    /// Verifies every signature by a known key, and requires the log's.
    pub(crate) fn log_signed(&self, note: &Note, both: bool) -> Result<LogSigned, PolicyError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let (mut log_signed, mut kinds) = (false, Vec::new());
        let (mut own, mut cosigned) = (BTreeSet::new(), BTreeMap::new());
        for signature in note.signatures() {
            for log in self.logs.iter().filter(|log| log.key.is_named_by(signature)) {
                log.key.verify(note.text(), &checkpoint, signature)?;
                if log.key.name().as_str() == checkpoint.origin() {
                    log_signed = true;
                    kinds.push(log.key.kind());
                }
            }
            let named = |(_, witness): &(usize, &PolicyWitness)| witness.key.is_named_by(signature);
            for (index, witness) in self.witnesses.iter().enumerate().filter(named) {
                let time = witness.key.verify(note.text(), &checkpoint, signature)?.unwrap_or_default();
                if self.is_log_s(&witness.key) {
                    own.insert(index);
                    if witness.key.name().as_str() == checkpoint.origin() {
                        kinds.push(witness.key.kind());
                    }
                    continue;
                }
                if self.until.is_some_and(|until| time > until) {
                    continue;
                }
                // Twice the same witness is one witness, last seen when it last signed.
                let newest = cosigned.entry(index).or_insert(time);
                *newest = time.max(*newest);
            }
        }
        if kinds.is_empty() {
            return Err(PolicyError::NoLog);
        }
        let wanted = [SignatureKind::Ed25519, SignatureKind::MlDsa44];
        match wanted.into_iter().find(|kind| both && !kinds.contains(kind)) {
            Some(missing) => Err(PolicyError::OneLogSignature { missing }),
            None if !log_signed => Err(PolicyError::NoLog),
            None => Ok(LogSigned { checkpoint, own, cosigned }),
        }
    }

    fn witnessed(&self, signed: LogSigned) -> Result<PolicyMet, PolicyError> {
        let LogSigned { checkpoint, own, cosigned } = signed;
        let no_quorum = self.no_quorum(&cosigned);
        let cosigned_at = match self.quorum {
            None => None,
            Some(quorum) => Some(self.freshest(quorum, &own, &cosigned).ok_or(no_quorum)?),
        };
        let newest_at = cosigned.values().max().copied();
        let witnesses = self.whole_witnesses(&cosigned);
        Ok(PolicyMet { checkpoint, cosigned_at, newest_at, witnesses })
    }

    fn no_quorum(&self, cosigned: &BTreeMap<usize, Timestamp>) -> PolicyError {
        PolicyError::NoQuorum { cosigned: cosigned.len(), known: self.witness_keys().count() }
    }

    /// Whether a key that stands among the witnesses is a log's: it counts for the quorum, but it
    /// witnesses nothing, so neither time nor report speaks of it.
    fn is_log_s(&self, key: &VerifierKey) -> bool {
        self.logs.iter().any(|log| log.key.name() == key.name())
    }

    /// The latest time such that the quorum is met by the witnesses' cosignatures from then on alone.
    fn freshest(
        &self,
        quorum: Part,
        own: &BTreeSet<usize>,
        cosigned: &BTreeMap<usize, Timestamp>,
    ) -> Option<Timestamp> {
        let mut times: Vec<Timestamp> = cosigned.values().copied().collect();
        times.sort_unstable();
        times.into_iter().rev().find(|since| self.met(quorum, own, cosigned, *since))
    }

    fn met(
        &self,
        quorum: Part,
        own: &BTreeSet<usize>,
        cosigned: &BTreeMap<usize, Timestamp>,
        since: Timestamp,
    ) -> bool {
        let mut groups: Vec<bool> = Vec::new();
        let counts = |part: &Part, groups: &[bool]| match part {
            Part::Witness(index) => {
                own.contains(index) || cosigned.get(index).is_some_and(|time| *time >= since)
            }
            Part::Group(index) => groups.get(*index).copied().unwrap_or(false),
        };
        // A group names only what is defined before it, so one pass settles all.
        for group in &self.groups {
            let count = group.members.iter().filter(|part| counts(part, &groups)).count();
            groups.push(count >= group.threshold);
        }
        counts(&quorum, &groups)
    }

    /// Names of the keys of those witnesses of which every key in the policy cosigned.
    fn whole_witnesses(&self, cosigned: &BTreeMap<usize, Timestamp>) -> Vec<KeyName> {
        let mut whole: BTreeMap<&KeyName, bool> = BTreeMap::new();
        let witnesses = self.witnesses.iter().enumerate();
        for (index, witness) in witnesses.filter(|(_, witness)| !self.is_log_s(&witness.key)) {
            let all = whole.entry(witness.key.name()).or_insert(true);
            *all = *all && cosigned.contains_key(&index);
        }
        whole.into_iter().filter(|(_, all)| *all).map(|(name, _)| name.clone()).collect()
    }

    /// The logs' verifier keys, those that stand among the witnesses too.
    pub fn log_keys(&self) -> impl Iterator<Item = &VerifierKey> {
        let own = self.witnesses.iter().map(|witness| &witness.key).filter(|key| self.is_log_s(key));
        self.logs.iter().map(|log| &log.key).chain(own)
    }

    /// The witnesses' verifier keys.
    pub fn witness_keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.witnesses.iter().map(|witness| &witness.key).filter(|key| !self.is_log_s(key))
    }
}

/// The file's text; octets that are not UTF-8 are replaced, so print [`Policy::to_bytes`] to a file.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

/// A checkpoint that a known log signed, and what known witnesses said of it.
#[derive(Debug)]
pub(crate) struct LogSigned {
    pub(crate) checkpoint: Checkpoint,
    /// Those places among the witnesses that are the log's own and signed.
    own: BTreeSet<usize>,
    cosigned: BTreeMap<usize, Timestamp>,
}

/// A checkpoint that met a policy. Made only by checking one; it says nothing of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyMet {
    checkpoint: Checkpoint,
    cosigned_at: Option<Timestamp>,
    newest_at: Option<Timestamp>,
    witnesses: Vec<KeyName>,
}

impl PolicyMet {
    /// The checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The latest time at or after which a whole quorum cosigned (whole seconds): the oldest
    /// cosignature of the freshest quorum. None when the policy asks for no witness.
    #[must_use]
    pub const fn cosigned_at(&self) -> Option<Timestamp> {
        self.cosigned_at
    }

    /// The newest cosignature by any known witness. One witness alone can make it what it likes.
    #[must_use]
    pub const fn newest_at(&self) -> Option<Timestamp> {
        self.newest_at
    }

    /// The names of the keys of those witnesses of which every key in the policy cosigned, in order.
    #[must_use]
    pub fn witnesses(&self) -> &[KeyName] {
        &self.witnesses
    }
}
