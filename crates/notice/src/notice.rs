//! A notice: what people read, and exactly what is signed.

use core::fmt;
use core::str::FromStr;

use pouch_crypto::sha256;
use pouch_wire::{
    ContactPoint, Digest, Environment, List, NetworkId, NoticeId, NoticeType, Precedence, Set, Text,
    Timestamp, Tlp, canonical, limits,
};
use serde::{Deserialize, Serialize};

use crate::body::Body;

/// A notice's number: the year and a count per sender and addressee list, so that it tells nobody of
/// other correspondence. Written `2026-0001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoticeNumber {
    /// The year, UTC.
    pub year: u16,
    /// The count, from 1.
    pub n: u32,
}

impl fmt::Display for NoticeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:04}", self.year, self.n)
    }
}

/// A text that is no notice number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a number like 2026-0001")]
pub struct NotANumber;

impl FromStr for NoticeNumber {
    type Err = NotANumber;
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let (year, n) = text.split_once('-').ok_or(NotANumber)?;
        // `parse` alone would take a sign.
        if year.len() != 4 || !year.bytes().chain(n.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(NotANumber);
        }
        let n = n.parse().ok().filter(|n| *n > 0).ok_or(NotANumber)?;
        Ok(Self { year: year.parse().map_err(|_| NotANumber)?, n })
    }
}

/// Names another notice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Who sent it.
    pub sender: ContactPoint,
    /// Its number.
    pub number: NoticeNumber,
    /// Its id.
    pub id: NoticeId,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sender, self.number)
    }
}

/// A file that goes with a notice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name, without folders.
    pub name: Text<128>,
    /// Its media type.
    pub media_type: Text<96>,
    /// Its length in bytes.
    pub len: u64,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// In which network.
    pub network: NetworkId,
    /// Live, or an exercise.
    pub environment: Environment,
    /// Who says it.
    pub sender: ContactPoint,
    /// Its number.
    pub number: NoticeNumber,
    /// Who must act.
    pub to: Set<ContactPoint, { limits::RECIPIENTS }>,
    /// Who should know.
    pub info: Set<ContactPoint, { limits::RECIPIENTS }>,
    /// What it answers, corrects, cancels or adds to.
    pub concerns: Option<Reference>,
    /// When it was signed.
    pub created: Timestamp,
    /// Until when it may be acted on.
    pub not_after: Timestamp,
    /// How urgent.
    pub precedence: Precedence,
    /// With whom it may be shared.
    pub tlp: Tlp,
    /// BCP 47 language of the text.
    pub language: Text<16>,
    /// The subject line.
    pub subject: Text<200>,
    /// What it says, by type.
    pub body: Body,
    /// Files.
    pub attachments: List<Attachment, { limits::ATTACHMENTS }>,
    /// Released by one officer in an emergency; shown at both ends.
    pub break_glass: bool,
    /// Sentences that belong to such a notice, word for word ([`crate::sentences`]).
    pub sentences: List<Text<200>, 4>,
}
canonical!(Notice, "notice", limits::NOTICE_BYTES);

impl Notice {
    /// The id of a notice with these bytes.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> NoticeId {
        NoticeId(sha256(bytes))
    }

    /// Its type.
    #[must_use]
    pub const fn notice_type(&self) -> NoticeType {
        self.body.notice_type()
    }

    /// The number with its sender, as printed: `NL/technical 2026-0001`.
    #[must_use]
    pub fn full_number(&self) -> String {
        format!("{} {}", self.sender, self.number)
    }

    /// All addressees, `to` and `info`.
    pub fn addressees(&self) -> impl Iterator<Item = &ContactPoint> {
        self.to.iter().chain(self.info.iter())
    }
}
