//! Joint statements as users see them.

use pouch_wire::{ContactPoint, Member, NoticeId, Timestamp};
use serde::{Deserialize, Serialize};

/// A signature under a joint statement that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointSignatureView {
    /// The office that signed for its member.
    pub contact_point: ContactPoint,
    /// The notice that is its signature.
    pub notice: NoticeId,
    /// That notice's number.
    pub number: String,
    /// When a relay accepted it.
    pub at: Timestamp,
}

/// A notice that would sign a joint statement, and does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCountedView {
    /// Whose it is.
    pub contact_point: ContactPoint,
    /// Which notice; absent when it is refused now.
    pub notice: Option<NoticeId>,
    /// Stable code of the reason.
    pub code: String,
    /// The reason in words.
    pub why: String,
}

/// How a joint statement stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointView {
    /// The statement's id: that of the notice that proposed it.
    pub statement: NoticeId,
    /// That notice's number.
    pub number: String,
    /// Its subject, made safe to show.
    pub subject: String,
    /// The text, made safe to show.
    pub text: String,
    /// The name of the exercise that it belongs to; absent when it is live.
    pub exercise: Option<String>,
    /// How many members must sign.
    pub threshold: u8,
    /// Everybody who was invited to.
    pub invited: Vec<Member>,
    /// What counts; one of a member at most.
    pub signed: Vec<JointSignatureView>,
    /// Who said no.
    pub declined: Vec<Member>,
    /// What does not count, and why.
    pub not_counted: Vec<NotCountedView>,
    /// Whether it is in force. Never below the threshold.
    pub in_force: bool,
    /// Since when.
    pub in_force_since: Option<Timestamp>,
    /// How many members have still to sign.
    pub missing: usize,
    /// All of it in one sentence.
    pub sentence: String,
}
