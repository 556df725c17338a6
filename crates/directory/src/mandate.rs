//! What an office or officer may say, to whom, until when; and how many must agree to it.

use pouch_wire::{Member, NoticeType, Precedence, Set, Timestamp, Tlp};
use serde::{Deserialize, Serialize};

/// Who may be addressed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Audience {
    /// Every member.
    Everyone,
    /// Only contact points of these members.
    Members(Set<Member, 64>),
}

/// The bounds within which a contact point or an officer speaks for its member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mandate {
    /// The types it may send.
    pub types: Set<NoticeType, 16>,
    /// The most urgent precedence it may use.
    pub highest_precedence: Precedence,
    /// The strictest label it may use.
    pub strictest_tlp: Tlp,
    /// The most open label it may use.
    pub most_open_tlp: Tlp,
    /// Whom it may address.
    pub audience: Audience,
    /// From when on.
    pub from: Timestamp,
    /// Until when (not included).
    pub until: Timestamp,
}

/// How many officers must approve, for some types at some precedences.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReleaseRule {
    /// The types that it covers.
    pub types: Set<NoticeType, 16>,
    /// It covers this precedence and more urgent ones.
    pub at_or_above: Precedence,
    /// How many different persons must approve.
    pub officers: u8,
    /// Whether one officer may release alone in an emergency; the notice is then marked so.
    pub break_glass: bool,
}
