//! What a member decided about its own offices, as its own people read it and carry it to where the
//! root key lies.

use pouch_wire::{ContactPoint, KeyId, Member, NetworkId, NoticeType, Precedence, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// A member's offices, and who may say what for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceView {
    /// The network.
    pub network: NetworkId,
    /// The member.
    pub member: Member,
    /// Its name.
    pub name: String,
    /// Its root key.
    pub root: KeyId,
    /// How many entries the directory has of which this is true.
    pub size: u64,
    /// When the node looked.
    pub at: Timestamp,
    /// The network's relays, which offices may collect at.
    pub relays: Vec<String>,
    /// Its offices.
    pub offices: Vec<OfficeView>,
}

/// One office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeView {
    /// Which.
    pub contact_point: ContactPoint,
    /// Its names, with the language of each.
    pub names: Vec<(String, String)>,
    /// Its telephone.
    pub telephone: String,
    /// Where it collects its messages.
    pub home_relays: Vec<String>,
    /// The key that signs for it.
    pub signing_key: KeyId,
    /// What it may say, in words.
    pub mandate: String,
    /// Until when.
    pub until: Timestamp,
    /// The directory's entry, as canonical bytes: what the next one begins from.
    pub entry: Bytes,
    /// Its officers, also those who no longer count.
    pub officers: Vec<OfficerView>,
    /// Its release rules.
    pub rules: Vec<RuleView>,
}

/// One officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficerView {
    /// The key.
    pub key: KeyId,
    /// The title.
    pub title: String,
    /// Names the person: one person, one vote.
    pub person: String,
    /// What the officer may approve, in words.
    pub mandate: String,
    /// From when.
    pub from: Timestamp,
    /// Until when (not included).
    pub until: Timestamp,
    /// Whether it is a delegation: authorised for a year at most.
    pub delegation: bool,
    /// Whether approvals count now.
    pub counts: bool,
    /// In words: `may approve`, `not yet`, `over since ...`, `revoked by entry N (reason) ...`.
    pub state: String,
    /// By which entry of the directory.
    pub entry: u64,
}

/// One release rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// The types that it covers.
    pub types: Vec<NoticeType>,
    /// It covers this precedence and more urgent ones.
    pub at_or_above: Precedence,
    /// How many different persons must approve.
    pub officers: u8,
    /// Whether one may release alone in an emergency.
    pub break_glass: bool,
    /// The rule in words.
    pub words: String,
}
