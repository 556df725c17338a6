//! What a notice says, by type. Field names are those of the TOML that people write.

use pouch_wire::{List, Member, NoticeType, Set, Text};
use serde::{Deserialize, Serialize};

use crate::sentences::NO_ATTRIBUTION;

/// A long text.
pub type Prose = Text<{ 16 * 1024 }>;
/// A short text.
pub type Line = Text<256>;
/// A moment as people write it: RFC 3339.
pub type Moment = Text<40>;

/// How severe the sender finds it; states' scales differ, so the scale is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Severity {
    /// The scale's name.
    pub scale: Line,
    /// The level on it.
    pub level: Line,
    /// The level's label.
    pub label: Line,
}

macro_rules! cap {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

cap!(
    /// CAP 1.2 urgency.
    Urgency {
        /// Act now.
        Immediate = "immediate",
        /// Within the hour.
        Expected = "expected",
        /// In the near future.
        Future = "future",
        /// No longer.
        Past = "past",
        /// Not known.
        Unknown = "unknown",
    }
);
cap!(
    /// CAP 1.2 severity.
    CapSeverity {
        /// Extraordinary threat.
        Extreme = "extreme",
        /// Significant threat.
        Severe = "severe",
        /// Possible threat.
        Moderate = "moderate",
        /// Minimal threat.
        Minor = "minor",
        /// Not known.
        Unknown = "unknown",
    }
);
cap!(
    /// CAP 1.2 certainty.
    Certainty {
        /// It happened, or is happening.
        Observed = "observed",
        /// More likely than not.
        Likely = "likely",
        /// Not likely, but possible.
        Possible = "possible",
        /// Not expected.
        Unlikely = "unlikely",
        /// Not known.
        Unknown = "unknown",
    }
);

/// The three words of CAP 1.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// How soon to act.
    pub urgency: Urgency,
    /// How bad.
    pub severity: CapSeverity,
    /// How sure.
    pub certainty: Certainty,
}

/// A trace to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// `sha256`, `domain`, `ipv4`, `url` ...
    pub kind: Line,
    /// The value.
    pub value: Line,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What happened.
    pub what_happened: Prose,
    /// When it began, as far as known.
    #[serde(default)]
    pub started: Option<Moment>,
    /// When it was noticed.
    #[serde(default)]
    pub detected: Option<Moment>,
    /// Which sectors.
    #[serde(default)]
    pub sectors: List<Line, 16>,
    /// Whether critical infrastructure is affected.
    #[serde(default)]
    pub critical_infrastructure: bool,
    /// Where it seems to come from. Naming it attributes nothing; the sentence stands with it.
    #[serde(default)]
    pub apparent_origin: Option<Prose>,
    /// How severe.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// In the words of CAP 1.2.
    #[serde(default)]
    pub cap: Option<Cap>,
    /// What to look for.
    #[serde(default)]
    pub indicators: List<Indicator, 256>,
    /// What was done.
    #[serde(default)]
    pub measures_taken: Option<Prose>,
    /// What is asked of the reader.
    #[serde(default)]
    pub asked: Option<Prose>,
    /// By when an answer is hoped for.
    #[serde(default)]
    pub reply_by: Option<Moment>,
    /// Whom to call.
    #[serde(default)]
    pub call_back: Option<Line>,
    /// Further reading.
    #[serde(default)]
    pub references: List<Line, 32>,
}

/// Numbered questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inquiry {
    /// The questions, in order; they are numbered from 1.
    pub questions: List<Prose, 64>,
    /// By when an answer is hoped for.
    #[serde(default)]
    pub reply_by: Option<Moment>,
}

/// Asks for help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assistance {
    /// What is needed.
    pub needed: Prose,
    /// Until when it helps.
    #[serde(default)]
    pub until: Option<Moment>,
    /// Whom to call.
    #[serde(default)]
    pub call_back: Option<Line>,
}

/// What kind of answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    /// More will follow.
    Interim,
    /// This is the answer.
    Substantive,
    /// There will be none.
    Decline,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// Which question; 0 for the notice as a whole.
    #[serde(default)]
    pub question: u16,
    /// What kind of answer.
    pub kind: AnswerKind,
    /// The answer.
    pub text: Prose,
}

/// Answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// By question.
    pub answers: List<Answered, 64>,
}

/// One text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// The text.
    pub text: Prose,
}

/// Invites to talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// When.
    pub when: Moment,
    /// Where, or by what means.
    pub means: Line,
    /// About what.
    pub topics: List<Line, 32>,
}

/// Tells of a vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vulnerability {
    /// Its identifiers (CVE and others).
    pub identifiers: List<Line, 16>,
    /// In what.
    pub product: Line,
    /// In which versions.
    #[serde(default)]
    pub versions: Option<Line>,
    /// What it allows.
    pub description: Prose,
    /// Whether it is being exploited.
    pub exploited: bool,
    /// What helps.
    #[serde(default)]
    pub mitigation: Option<Prose>,
    /// Until when to keep it quiet.
    #[serde(default)]
    pub embargo_until: Option<Moment>,
}

/// One text of several members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// The text.
    pub text: Prose,
    /// How many must sign.
    pub threshold: u8,
    /// Who was invited to sign.
    pub invited: Set<Member, 64>,
}

/// Are you there?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Whether a person must answer, not a machine.
    pub human: bool,
    /// A remark.
    #[serde(default)]
    pub remark: Option<Line>,
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
    Correction(Plain),
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

    /// Labels and texts in their fixed order, as shown.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        match self {
            Self::IncidentNotice(incident) => incident.fields(&mut out),
            Self::Inquiry(inquiry) => {
                for (place, question) in inquiry.questions.iter().enumerate() {
                    out.push(("Question", format!("{}. {question}", place.saturating_add(1))));
                }
                push(&mut out, "Reply by", inquiry.reply_by.as_deref());
            }
            Self::RequestAssistance(asked) => {
                out.push(("Needed", asked.needed.to_string()));
                push(&mut out, "Until", asked.until.as_deref());
                push(&mut out, "Call back", asked.call_back.as_deref());
            }
            Self::Response(response) => {
                for answer in &response.answers {
                    let kind = match answer.kind {
                        AnswerKind::Interim => "interim answer",
                        AnswerKind::Substantive => "answer",
                        AnswerKind::Decline => "declined",
                    };
                    let to = if answer.question == 0 {
                        String::new()
                    } else {
                        format!(" to question {}", answer.question)
                    };
                    out.push(("Answer", format!("({kind}{to}) {}", answer.text)));
                }
            }
            Self::Update(text) => out.push(("Update", text.text.to_string())),
            Self::Correction(text) => out.push(("Correction", text.text.to_string())),
            Self::Cancellation(text) => out.push(("Cancelled because", text.text.to_string())),
            Self::AllClear(text) => out.push(("All clear", text.text.to_string())),
            Self::ConsultationInvite(invitation) => {
                out.push(("When", invitation.when.to_string()));
                out.push(("By", invitation.means.to_string()));
                out.extend(invitation.topics.iter().map(|topic| ("Topic", topic.to_string())));
            }
            Self::VulnerabilityNotice(vulnerability) => vulnerability.fields(&mut out),
            Self::JointStatement(joint) => {
                out.push(("Statement", joint.text.to_string()));
                let invited: Vec<&str> = joint.invited.iter().map(Member::as_str).collect();
                out.push((
                    "Valid when",
                    format!("{} of {} have signed", joint.threshold, invited.join(", ")),
                ));
            }
            Self::CommCheck(check) => {
                let who = if check.human { "An officer must answer." } else { "The node answers by itself." };
                out.push(("Communication check", who.to_owned()));
                push(&mut out, "Remark", check.remark.as_deref());
            }
            Self::FreeText(text) => out.push(("Text", text.text.to_string())),
        }
        out
    }
}

fn push(out: &mut Vec<(&'static str, String)>, label: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        out.push((label, value.to_owned()));
    }
}

impl Incident {
    fn fields(&self, out: &mut Vec<(&'static str, String)>) {
        out.push(("What happened", self.what_happened.to_string()));
        push(out, "Started", self.started.as_deref());
        push(out, "Detected", self.detected.as_deref());
        if !self.sectors.is_empty() {
            let sectors: Vec<&str> = self.sectors.iter().map(|s| s.as_str()).collect();
            out.push(("Sectors", sectors.join(", ")));
        }
        let critical = if self.critical_infrastructure { "affected" } else { "not known to be affected" };
        out.push(("Critical infrastructure", critical.to_owned()));
        push(out, "Apparent origin", self.apparent_origin.as_deref());
        if let Some(severity) = &self.severity {
            out.push((
                "Severity",
                format!("{} ({}, scale: {})", severity.label, severity.level, severity.scale),
            ));
        }
        if let Some(cap) = &self.cap {
            let words = [cap.urgency.as_str(), cap.severity.as_str(), cap.certainty.as_str()];
            out.push(("Urgency, severity, certainty", words.join(", ")));
        }
        push(out, "Measures taken", self.measures_taken.as_deref());
        push(out, "Asked", self.asked.as_deref());
        push(out, "Reply by", self.reply_by.as_deref());
        push(out, "Call back", self.call_back.as_deref());
        out.extend(self.indicators.iter().map(|i| ("Indicator", format!("{} {}", i.kind, i.value))));
        out.extend(self.references.iter().map(|r| ("Reference", r.to_string())));
    }
}

impl Vulnerability {
    fn fields(&self, out: &mut Vec<(&'static str, String)>) {
        out.extend(self.identifiers.iter().map(|id| ("Identifier", id.to_string())));
        out.push(("Product", self.product.to_string()));
        push(out, "Versions", self.versions.as_deref());
        out.push(("Description", self.description.to_string()));
        let exploited = if self.exploited { "yes" } else { "not known" };
        out.push(("Being exploited", exploited.to_owned()));
        push(out, "Mitigation", self.mitigation.as_deref());
        push(out, "Embargo until", self.embargo_until.as_deref());
    }
}
