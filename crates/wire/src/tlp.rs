//! The Traffic Light Protocol 2.0 (FIRST, August 2022): with whom a text may be shared.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// A TLP 2.0 label. They sort strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tlp {
    /// For the named recipients only.
    #[serde(rename = "TLP:RED")]
    Red,
    /// For the recipients' organisation only.
    #[serde(rename = "TLP:AMBER+STRICT")]
    AmberStrict,
    /// For the recipients' organisation and its clients, need to know.
    #[serde(rename = "TLP:AMBER")]
    Amber,
    /// For the community, not for the public.
    #[serde(rename = "TLP:GREEN")]
    Green,
    /// No limit on sharing.
    #[serde(rename = "TLP:CLEAR")]
    Clear,
}

impl Tlp {
    /// All, strictest first.
    pub const ALL: [Self; 5] = [Self::Red, Self::AmberStrict, Self::Amber, Self::Green, Self::Clear];

    /// The label as FIRST writes it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Red => "TLP:RED",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Amber => "TLP:AMBER",
            Self::Green => "TLP:GREEN",
            Self::Clear => "TLP:CLEAR",
        }
    }

    /// What the reader may do with the text, in plain words.
    #[must_use]
    pub const fn plain_words(self) -> &'static str {
        match self {
            Self::Red => "For the named recipients only. Do not pass it on to anybody.",
            Self::AmberStrict => {
                "Only within your own organisation, to those who need to know. Not to clients or partners."
            }
            Self::Amber => {
                "Within your own organisation and to its clients, to those who need to know. No further."
            }
            Self::Green => "Within the community of contact points and partners. Not on public channels.",
            Self::Clear => "May be shared without limit.",
        }
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A word that names no TLP label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown TLP label; say red, amber+strict, amber, green or clear")]
pub struct UnknownTlp;

impl FromStr for Tlp {
    type Err = UnknownTlp;
    /// Reads a label with or without `TLP:`, in any case; `WHITE` (TLP 1.0) is read as `CLEAR`.
    fn from_str(word: &str) -> Result<Self, UnknownTlp> {
        let upper = word.to_ascii_uppercase();
        match upper.strip_prefix("TLP:").unwrap_or(&upper) {
            "RED" => Ok(Self::Red),
            "AMBER+STRICT" => Ok(Self::AmberStrict),
            "AMBER" => Ok(Self::Amber),
            "GREEN" => Ok(Self::Green),
            "CLEAR" | "WHITE" => Ok(Self::Clear),
            _ => Err(UnknownTlp),
        }
    }
}
