//! The kinds of notice. They stand here because mandates and release rules name them too.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! notice_types {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What a notice is for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum NoticeType {
            $($(#[$doc])* $name),+
        }

        impl NoticeType {
            /// All types, in the order of their numbers on the wire.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// All words, for a person who used another.
            const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word, as used on every surface.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }
        }
    };
}

notice_types! {
    /// Something happened: the notice of the crisis itself.
    IncidentNotice = "incident-notice",
    /// Numbered questions.
    Inquiry = "inquiry",
    /// Asks for help.
    RequestAssistance = "request-assistance",
    /// Answers by question number: interim, substantive or declining.
    Response = "response",
    /// Adds to an earlier notice.
    Update = "update",
    /// Replaces what an earlier notice said.
    Correction = "correction",
    /// Withdraws an earlier notice.
    Cancellation = "cancellation",
    /// The incident is over.
    AllClear = "all-clear",
    /// Invites to talk.
    ConsultationInvite = "consultation-invite",
    /// Tells of a vulnerability.
    VulnerabilityNotice = "vulnerability-notice",
    /// One text of several members, valid at its threshold.
    JointStatement = "joint-statement",
    /// Are you there? A communication check.
    CommCheck = "comm-check",
    /// Anything else, in words.
    FreeText = "free-text",
}

impl fmt::Display for NoticeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no notice type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown notice type; there are {}", NoticeType::WORDS.join(", "))]
pub struct UnknownNoticeType;

impl FromStr for NoticeType {
    type Err = UnknownNoticeType;
    fn from_str(word: &str) -> Result<Self, UnknownNoticeType> {
        Self::ALL.iter().copied().find(|t| t.as_str() == word).ok_or(UnknownNoticeType)
    }
}
