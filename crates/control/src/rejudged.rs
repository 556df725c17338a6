//! Notices that are judged again because a key, or a member's right to speak, ended with effect from
//! some time: at those who received them, and at the office that sent them.

use pouch_wire::{ContactPoint, EnvelopeId, NoticeId, Precedence, Timestamp};
use serde::{Deserialize, Serialize};

/// A received notice that was judged again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejudgedView {
    /// The envelope.
    pub envelope: EnvelopeId,
    /// The notice.
    pub notice: Option<NoticeId>,
    /// `NL/technical 2026-0001`.
    pub number: String,
    /// Who sent it.
    pub sender: ContactPoint,
    /// How urgent.
    pub precedence: Precedence,
    /// When it came.
    pub received_at: Timestamp,
    /// When an officer acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// Whether a notice of ours answers or concerns it.
    pub acted_on: bool,
    /// `before`, `unclear` or `after`: how it stood to the end when that was heard of.
    pub was: String,
    /// The same now: a proof or a confirmation may have come.
    pub now: String,
    /// `green`, `amber` or `red`, now.
    pub colour: String,
    /// The code of the clause that decides now.
    pub code: String,
    /// The entry of the directory that made it judged again.
    pub entry: u64,
    /// What that entry ended, in words.
    pub why: String,
    /// The notices of the same office that confirm it.
    pub confirmed_by: Vec<String>,
    /// What to do, in words.
    pub next: String,
    /// The office's telephone.
    pub telephone: String,
    /// Thirty digits to compare by telephone.
    pub spoken_check: String,
    /// What to say on the telephone; empty when nothing needs to be asked.
    pub ask: String,
}

/// A notice of our own that was signed or approved with a key that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubtedView {
    /// The envelope.
    pub envelope: EnvelopeId,
    /// The notice.
    pub notice: NoticeId,
    /// `NL/technical 2026-0001`.
    pub number: String,
    /// How urgent.
    pub precedence: Precedence,
    /// The subject.
    pub subject: String,
    /// When a relay accepted it first; absent while none has.
    pub accepted_at: Option<Timestamp>,
    /// `before` (recipients who have the proof do not doubt it), `unclear` or `after`.
    pub state: String,
    /// What ended, in words.
    pub why: String,
    /// Who has it.
    pub recipients: Vec<ContactPoint>,
    /// The notices of ours that confirm it.
    pub confirmed_by: Vec<String>,
    /// The draft that waits to confirm it, by the beginning of its id.
    pub draft: Option<String>,
}
