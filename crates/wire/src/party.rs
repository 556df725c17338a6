//! Members and their contact points: `NL`, `OSCE`, `NL/technical`.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded::read_text;
use crate::limits;

/// A text that names no member or contact point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartyError {
    /// A member is two capitals (ISO 3166-1 alpha-2) or an institution's 3 to 8 capitals.
    #[error("a member is 2 capital letters (a state) or 3 to 8 (an institution)")]
    Member,
    /// An office is 2 to 24 lower-case letters, digits or hyphens, beginning with a letter.
    #[error("an office is 2 to 24 lower-case letters, digits or hyphens, beginning with a letter")]
    Office,
    /// A contact point is `MEMBER/office`.
    #[error("a contact point is MEMBER/office, for example NL/technical")]
    ContactPoint,
}

/// A state (ISO 3166-1 alpha-2, `NL`) or an institution (3 to 8 capitals, `OSCE`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Member(String);

/// The name of a member's office: `policy`, `technical`, or another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Office(String);

/// What a message is sent from and to: an office of a member, `NL/technical`.
///
/// On the wire the member and the office; in JSON the text `NL/technical`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactPoint {
    /// Whose office it is.
    pub member: Member,
    /// Which office it is.
    pub office: Office,
}

impl Member {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Office {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Member {
    type Err = PartyError;
    fn from_str(code: &str) -> Result<Self, PartyError> {
        let fits =
            (2..=limits::MEMBER_BYTES).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase());
        if fits { Ok(Self(code.to_owned())) } else { Err(PartyError::Member) }
    }
}

impl FromStr for Office {
    type Err = PartyError;
    fn from_str(name: &str) -> Result<Self, PartyError> {
        let fits = (2..=limits::OFFICE_BYTES).contains(&name.len())
            && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(name.to_owned())) } else { Err(PartyError::Office) }
    }
}

impl FromStr for ContactPoint {
    type Err = PartyError;
    fn from_str(text: &str) -> Result<Self, PartyError> {
        let (member, office) = text.split_once('/').ok_or(PartyError::ContactPoint)?;
        Ok(Self { member: member.parse()?, office: office.parse()? })
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, str::parse)
    }
}

impl<'de> Deserialize<'de> for Office {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, str::parse)
    }
}

impl Serialize for ContactPoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (&self.member, &self.office).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ContactPoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return read_text(deserializer, str::parse);
        }
        let (member, office) = Deserialize::deserialize(deserializer)?;
        Ok(Self { member, office })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ContactPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.member, self.office)
    }
}

impl fmt::Debug for ContactPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
