//! Reading and writing tlog-policy files (C2SP tlog-policy).
//!
//! Names are octets, not text: whether a policy holds must never depend on a Unicode table. A line
//! that is not understood is refused with its number; nothing is skipped but comments.

use pouch_wire::limits;

use crate::policy::{Part, PolicyGroup, PolicyLog, PolicyWitness};
use crate::{Policy, SignatureKind, VerifierKey, VkeyError};

/// Why a policy's text is refused: the line (from 1; 0 when it is none in particular) and the defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("policy line {line}: {defect}")]
pub struct PolicyTextError {
    /// The line's number.
    pub line: usize,
    /// What is wrong there.
    pub defect: PolicyDefect,
}

impl PolicyTextError {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.defect.code()
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyDefect {
    /// Larger than any policy may be.
    #[error("a policy of more than {} bytes", limits::POLICY_BYTES)]
    TooLarge,
    /// An octet that a policy may not have.
    #[error("a control character")]
    ControlCharacter,
    /// The last line does not end in a newline.
    #[error("a line without its newline")]
    Unfinished,
    /// Neither log, witness, group nor quorum.
    #[error("an unknown keyword")]
    Keyword,
    /// Too few or too many words for this kind of line.
    #[error("too few or too many words")]
    Words,
    /// Not a verifier key.
    #[error("{0}")]
    Vkey(VkeyError),
    /// A log with a key for cosignatures (0x04), or a witness with a key for notes (0x01).
    #[error("a key of kind {found:?} has no place here")]
    KeyKind {
        /// The key's kind.
        found: SignatureKind,
    },
    /// Two keys of one party under two names.
    #[error("two keys of one party under two names")]
    OtherName,
    /// The same public key in two lines.
    #[error("a key that is listed already")]
    DuplicateKey,
    /// Two different keys that note signatures cannot tell apart.
    #[error("two keys with one name and id")]
    KeyCollision,
    /// A name that is defined already, or `none`.
    #[error("a name that is taken")]
    NameTaken,
    /// A name that no line before defines, or `none` in a group.
    #[error("a name that is not defined before")]
    NameUndefined,
    /// A name that is a member already, of this group or another.
    #[error("a name that is a member already")]
    MemberTwice,
    /// Not `all`, `any` or a number from 1 to the number of members.
    #[error("a threshold that is not from 1 to {members}")]
    Threshold {
        /// How many members there are.
        members: usize,
    },
    /// A second quorum line.
    #[error("a second quorum")]
    SecondQuorum,
    /// No quorum line.
    #[error("no quorum")]
    NoQuorum,
    /// More logs, witnesses or groups than a policy may have.
    #[error("more than {} of a kind", limits::POLICY_ENTRIES)]
    TooMany,
}

impl PolicyDefect {
    /// The defect's stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "POUCH-TLG-53",
            Self::ControlCharacter => "POUCH-TLG-54",
            Self::Unfinished => "POUCH-TLG-55",
            Self::Keyword => "POUCH-TLG-56",
            Self::Words => "POUCH-TLG-57",
            Self::Vkey(error) => error.code(),
            Self::KeyKind { .. } => "POUCH-TLG-58",
            Self::OtherName => "POUCH-TLG-68",
            Self::DuplicateKey => "POUCH-TLG-59",
            Self::KeyCollision => "POUCH-TLG-60",
            Self::NameTaken => "POUCH-TLG-61",
            Self::NameUndefined => "POUCH-TLG-62",
            Self::MemberTwice => "POUCH-TLG-63",
            Self::Threshold { .. } => "POUCH-TLG-64",
            Self::SecondQuorum => "POUCH-TLG-65",
            Self::NoQuorum => "POUCH-TLG-66",
            Self::TooMany => "POUCH-TLG-67",
        }
    }
}

/// A policy while its lines come in.
#[derive(Debug, Default)]
pub(crate) struct Build {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    quorum: Option<Option<Part>>,
    line: usize,
}

type Step = Result<(), PolicyTextError>;

impl Build {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Policy, PolicyTextError> {
        let mut build = Self::default();
        if bytes.len() > limits::POLICY_BYTES {
            return Err(build.refuse(PolicyDefect::TooLarge));
        }
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            build.line = build.line.saturating_add(1);
            build.take(line)?;
        }
        build.line = 0;
        build.finish()
    }

    fn take(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\n").ok_or_else(|| self.refuse(PolicyDefect::Unfinished))?;
        if line.iter().any(|b| matches!(b, 0..=8 | 10..=0x1f | 0x7f)) {
            return Err(self.refuse(PolicyDefect::ControlCharacter));
        }
        let words: Vec<&[u8]> =
            line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        let Some((keyword, words)) = words.split_first() else { return Ok(()) };
        if keyword.starts_with(b"#") {
            return Ok(());
        }
        match (*keyword, words) {
            (b"log", [key]) => self.log(self.vkey(key)?, None),
            (b"log", [key, url]) => self.log(self.vkey(key)?, Some(url)),
            (b"witness", [name, key]) => self.witness(name, self.vkey(key)?, None),
            (b"witness", [name, key, url]) => self.witness(name, self.vkey(key)?, Some(url)),
            (b"group", [name, threshold, members @ ..]) if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            (b"quorum", [name]) => self.quorum(name),
            (b"log" | b"witness" | b"group" | b"quorum", _) => Err(self.refuse(PolicyDefect::Words)),
            _ => Err(self.refuse(PolicyDefect::Keyword)),
        }
    }

    pub(crate) fn log(&mut self, key: VerifierKey, url: Option<&[u8]>) -> Step {
        if !matches!(key.kind(), SignatureKind::Ed25519 | SignatureKind::MlDsa44) {
            return Err(self.refuse(PolicyDefect::KeyKind { found: key.kind() }));
        }
        self.fresh_key(&key, self.logs.iter().map(|log| &log.key))?;
        self.room(self.logs.len())?;
        self.logs.push(PolicyLog { key, url: url.map(<[u8]>::to_vec) });
        Ok(())
    }

    pub(crate) fn witness(&mut self, name: &[u8], key: VerifierKey, url: Option<&[u8]>) -> Step {
        if !matches!(key.kind(), SignatureKind::CosignatureEd25519 | SignatureKind::MlDsa44) {
            return Err(self.refuse(PolicyDefect::KeyKind { found: key.kind() }));
        }
        self.fresh_key(&key, self.witnesses.iter().map(|witness| &witness.key))?;
        self.fresh_name(name)?;
        self.room(self.witnesses.len())?;
        self.witnesses.push(PolicyWitness { name: name.to_vec(), key, url: url.map(<[u8]>::to_vec) });
        Ok(())
    }

    pub(crate) fn group(&mut self, name: &[u8], threshold: &[u8], members: &[impl AsRef<[u8]>]) -> Step {
        self.fresh_name(name)?;
        self.room(self.groups.len())?;
        let mut parts = Vec::new();
        for member in members {
            let part = self.find(member.as_ref())?;
            if parts.contains(&part) || self.groups.iter().any(|group| group.members.contains(&part)) {
                return Err(self.refuse(PolicyDefect::MemberTwice));
            }
            parts.push(part);
        }
        let threshold = parse_threshold(threshold, parts.len())
            .ok_or_else(|| self.refuse(PolicyDefect::Threshold { members: parts.len() }))?;
        self.groups.push(PolicyGroup { name: name.to_vec(), threshold, members: parts });
        Ok(())
    }

    pub(crate) fn quorum(&mut self, name: &[u8]) -> Step {
        if self.quorum.is_some() {
            return Err(self.refuse(PolicyDefect::SecondQuorum));
        }
        self.quorum = Some(if name == b"none" { None } else { Some(self.find(name)?) });
        Ok(())
    }

    /// The two keys of a network's log or witness: of one name, and of these kinds.
    pub(crate) fn pair(&self, keys: [&VerifierKey; 2], kinds: [SignatureKind; 2]) -> Step {
        let [a, b] = keys;
        if a.name() != b.name() {
            return Err(self.refuse(PolicyDefect::OtherName));
        }
        match keys.into_iter().zip(kinds).find(|(key, kind)| key.kind() != *kind) {
            Some((key, _)) => Err(self.refuse(PolicyDefect::KeyKind { found: key.kind() })),
            None => Ok(()),
        }
    }

    /// Refuses a network in which one public key serves twice, in any two roles.
    pub(crate) fn refuse_shared_keys(&self) -> Step {
        let logs = self.logs.iter().map(|log| log.key.public_bytes());
        let mut keys: Vec<&[u8]> =
            logs.chain(self.witnesses.iter().map(|witness| witness.key.public_bytes())).collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        if keys.len() == all { Ok(()) } else { Err(self.refuse(PolicyDefect::DuplicateKey)) }
    }

    pub(crate) fn finish(self) -> Result<Policy, PolicyTextError> {
        let quorum = self.quorum.ok_or_else(|| self.refuse(PolicyDefect::NoQuorum))?;
        let Self { logs, witnesses, groups, .. } = self;
        Ok(Policy { logs, witnesses, groups, quorum, both_log_kinds: false, until: None })
    }

    const fn refuse(&self, defect: PolicyDefect) -> PolicyTextError {
        PolicyTextError { line: self.line, defect }
    }

    fn vkey(&self, text: &[u8]) -> Result<VerifierKey, PolicyTextError> {
        let text = core::str::from_utf8(text).map_err(|_| VkeyError::Malformed);
        text.and_then(str::parse).map_err(|error| self.refuse(PolicyDefect::Vkey(error)))
    }

    fn room(&self, taken: usize) -> Step {
        if taken < limits::POLICY_ENTRIES { Ok(()) } else { Err(self.refuse(PolicyDefect::TooMany)) }
    }

    fn fresh_key<'a>(&self, key: &VerifierKey, mut listed: impl Iterator<Item = &'a VerifierKey>) -> Step {
        if listed.any(|other| other.public_bytes() == key.public_bytes()) {
            return Err(self.refuse(PolicyDefect::DuplicateKey));
        }
        let logs = self.logs.iter().map(|log| &log.key);
        let mut all = logs.chain(self.witnesses.iter().map(|witness| &witness.key));
        let alike = |k: &VerifierKey| k.name() == key.name() && k.key_id() == key.key_id() && k != key;
        if all.any(alike) { Err(self.refuse(PolicyDefect::KeyCollision)) } else { Ok(()) }
    }

    fn fresh_name(&self, name: &[u8]) -> Step {
        // A name that a policy's line could not hold would not be read back.
        let writable = !name.is_empty() && !name.iter().any(|b| *b <= b' ' || *b == 0x7f);
        if !writable || name == b"none" || self.find(name).is_ok() {
            return Err(self.refuse(PolicyDefect::NameTaken));
        }
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Result<Part, PolicyTextError> {
        let witness = self.witnesses.iter().position(|witness| witness.name == name).map(Part::Witness);
        let group = || self.groups.iter().position(|group| group.name == name).map(Part::Group);
        witness.or_else(group).ok_or_else(|| self.refuse(PolicyDefect::NameUndefined))
    }
}

fn parse_threshold(word: &[u8], members: usize) -> Option<usize> {
    let threshold = match word {
        b"all" => members,
        b"any" => 1,
        number => usize::try_from(crate::text::decimal(core::str::from_utf8(number).ok()?)?).ok()?,
    };
    (1..=members).contains(&threshold).then_some(threshold)
}

pub(crate) fn print(policy: &Policy) -> Vec<u8> {
    let mut lines: Vec<Vec<Vec<u8>>> = Vec::new();
    for log in &policy.logs {
        lines.push(vec![b"log".to_vec(), log.key.to_string().into_bytes()]);
        extend_last(&mut lines, log.url.as_ref());
    }
    for witness in &policy.witnesses {
        let key = witness.key.to_string().into_bytes();
        lines.push(vec![b"witness".to_vec(), witness.name.clone(), key]);
        extend_last(&mut lines, witness.url.as_ref());
    }
    let name = |part: &Part| match part {
        Part::Witness(index) => policy.witnesses.get(*index).map(|witness| witness.name.clone()),
        Part::Group(index) => policy.groups.get(*index).map(|group| group.name.clone()),
    };
    for group in &policy.groups {
        let threshold = if group.threshold == group.members.len() {
            "all".to_owned()
        } else if group.threshold == 1 {
            "any".to_owned()
        } else {
            group.threshold.to_string()
        };
        lines.push(vec![b"group".to_vec(), group.name.clone(), threshold.into_bytes()]);
        extend_last(&mut lines, group.members.iter().filter_map(name).collect::<Vec<_>>().iter());
    }
    let quorum = policy.quorum.as_ref().and_then(name).unwrap_or_else(|| b"none".to_vec());
    lines.push(vec![b"quorum".to_vec(), quorum]);
    lines.iter().flat_map(|words| [words.join(&b' '), b"\n".to_vec()].concat()).collect()
}

fn extend_last<'a>(lines: &mut [Vec<Vec<u8>>], words: impl IntoIterator<Item = &'a Vec<u8>>) {
    if let Some(line) = lines.last_mut() {
        line.extend(words.into_iter().cloned());
    }
}
