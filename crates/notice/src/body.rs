//! What a notice says, by type. Field names are those of the TOML that people write.
//!
//! [`Body::check`] refuses what says nothing or contradicts itself; the sender's draft and the recipient's
//! verification both call it. [`Body::fields`] is the one order in which fields are shown.

mod dialogue;
mod incident;
mod moment;
mod statement;
mod vocabulary;

use pouch_wire::{NoticeType, Text};
use serde::{Deserialize, Serialize};

use crate::sentences::NO_ATTRIBUTION;

pub use dialogue::{Answered, Assistance, Check, Inquiry, Invitation, Response};
pub use incident::{Incident, Indicator};
pub use moment::{Moment, NotAMoment};
pub use statement::{Corrected, Correction, Joint, Plain, Vulnerability};
pub use vocabulary::{AnswerKind, AssistanceKind, Cap, CapSeverity, Certainty, Sector, Severity, Urgency};

/// A long text.
pub type Prose = Text<{ 16 * 1024 }>;
/// A short text.
pub type Line = Text<256>;

type Fields = Vec<(&'static str, String)>;

/// Why fields say nothing, or contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// A field that is needed is blank.
    #[error("{0} is blank; say it, or leave the field out where it may be")]
    Blank(&'static str),
    /// A list that is needed is empty.
    #[error("{0} is empty; give at least one")]
    None(&'static str),
    /// One question has two answers.
    #[error("question {0} is answered twice; put both into one answer")]
    AnsweredTwice(u16),
    /// A joint statement could never be valid, or would be one member's.
    #[error("{threshold} of {invited} signers; at least 2, and at most all that are invited, must sign")]
    Threshold {
        /// How many must sign.
        threshold: u8,
        /// How many are invited.
        invited: usize,
    },
    /// It was noticed before it began.
    #[error("noticed at {detected}, before it began at {started}; one of the two is wrong")]
    DetectedBeforeStart {
        /// When it began.
        started: Moment,
        /// When it was noticed.
        detected: Moment,
    },
}

impl BodyError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Blank(_) => "POUCH-NOT-40",
            Self::None(_) => "POUCH-NOT-41",
            Self::AnsweredTwice(_) => "POUCH-NOT-42",
            Self::Threshold { .. } => "POUCH-NOT-43",
            Self::DetectedBeforeStart { .. } => "POUCH-NOT-44",
        }
    }
}

/// What a notice says. The order of the variants is that of [`NoticeType`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Something happened.
    IncidentNotice(Box<Incident>),
    /// Numbered questions.
    Inquiry(Inquiry),
    /// Asks for help.
    RequestAssistance(Assistance),
    /// Answers.
    Response(Response),
    /// Adds to an earlier notice.
    Update(Plain),
    /// Says what is right instead.
    Correction(Correction),
    /// Withdraws an earlier notice, and says why.
    Cancellation(Plain),
    /// It is over.
    AllClear(Plain),
    /// Invites to talk.
    ConsultationInvite(Invitation),
    /// Tells of a vulnerability.
    VulnerabilityNotice(Vulnerability),
    /// One text of several members.
    JointStatement(Joint),
    /// Are you there?
    CommCheck(Check),
    /// Anything else.
    FreeText(Plain),
}

impl Body {
    /// Its type.
    #[must_use]
    pub const fn notice_type(&self) -> NoticeType {
        match self {
            Self::IncidentNotice(_) => NoticeType::IncidentNotice,
            Self::Inquiry(_) => NoticeType::Inquiry,
            Self::RequestAssistance(_) => NoticeType::RequestAssistance,
            Self::Response(_) => NoticeType::Response,
            Self::Update(_) => NoticeType::Update,
            Self::Correction(_) => NoticeType::Correction,
            Self::Cancellation(_) => NoticeType::Cancellation,
            Self::AllClear(_) => NoticeType::AllClear,
            Self::ConsultationInvite(_) => NoticeType::ConsultationInvite,
            Self::VulnerabilityNotice(_) => NoticeType::VulnerabilityNotice,
            Self::JointStatement(_) => NoticeType::JointStatement,
            Self::CommCheck(_) => NoticeType::CommCheck,
            Self::FreeText(_) => NoticeType::FreeText,
        }
    }

    /// Sentences that must stand in the signed bytes of such a notice.
    #[must_use]
    pub fn sentences(&self) -> &'static [&'static str] {
        match self {
            Self::IncidentNotice(incident) if incident.apparent_origin.is_some() => &[NO_ATTRIBUTION],
            _ => &[],
        }
    }

    /// Checks that it says something and does not contradict itself.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self) -> Result<(), BodyError> {
        match self {
            Self::IncidentNotice(incident) => incident.check(),
            Self::Inquiry(inquiry) => inquiry.check(),
            Self::RequestAssistance(asked) => asked.check(),
            Self::Response(response) => response.check(),
            Self::Correction(correction) => correction.check(),
            Self::Update(text) | Self::Cancellation(text) | Self::AllClear(text) | Self::FreeText(text) => {
                text.check()
            }
            Self::ConsultationInvite(invitation) => invitation.check(),
            Self::VulnerabilityNotice(vulnerability) => vulnerability.check(),
            Self::JointStatement(joint) => joint.check(),
            Self::CommCheck(_) => Ok(()),
        }
    }

    /// Labels and texts in their fixed order, as shown.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        match self {
            Self::IncidentNotice(incident) => incident.fields(&mut out),
            Self::Inquiry(inquiry) => inquiry.fields(&mut out),
            Self::RequestAssistance(asked) => asked.fields(&mut out),
            Self::Response(response) => response.fields(&mut out),
            Self::Update(text) => out.push(("Update", text.text.to_string())),
            Self::Correction(correction) => correction.fields(&mut out),
            Self::Cancellation(text) => out.push(("Cancelled because", text.text.to_string())),
            Self::AllClear(text) => out.push(("All clear", text.text.to_string())),
            Self::ConsultationInvite(invitation) => invitation.fields(&mut out),
            Self::VulnerabilityNotice(vulnerability) => vulnerability.fields(&mut out),
            Self::JointStatement(joint) => joint.fields(&mut out),
            Self::CommCheck(check) => check.fields(&mut out),
            Self::FreeText(text) => out.push(("Text", text.text.to_string())),
        }
        out
    }
}

fn push(out: &mut Fields, label: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        out.push((label, value.to_owned()));
    }
}

fn push_time(out: &mut Fields, label: &'static str, value: Option<Moment>) {
    if let Some(value) = value {
        out.push((label, value.to_string()));
    }
}

fn filled(field: &'static str, text: &str) -> Result<(), BodyError> {
    if text.trim().is_empty() { Err(BodyError::Blank(field)) } else { Ok(()) }
}

fn some<T>(field: &'static str, list: &[T]) -> Result<(), BodyError> {
    if list.is_empty() { Err(BodyError::None(field)) } else { Ok(()) }
}
