//! Questions, answers, requests and invitations: the notices that expect another one.

use pouch_wire::List;
use serde::{Deserialize, Serialize};

use super::vocabulary::{AnswerKind, AssistanceKind};
use super::{BodyError, Fields, Line, Moment, Prose, filled, push, push_time, some};

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

impl Inquiry {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        some("questions", &self.questions)?;
        self.questions.iter().try_for_each(|question| filled("questions", question))
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        for (place, question) in self.questions.iter().enumerate() {
            out.push(("Question", format!("{}. {question}", place.saturating_add(1))));
        }
        push_time(out, "Reply by", self.reply_by);
    }
}

/// Asks for help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assistance {
    /// What kind of help.
    #[serde(default = "other")]
    pub kind: AssistanceKind,
    /// What is needed.
    pub needed: Prose,
    /// Until when it helps.
    #[serde(default)]
    pub until: Option<Moment>,
    /// Whom to call.
    #[serde(default)]
    pub call_back: Option<Line>,
}

const fn other() -> AssistanceKind {
    AssistanceKind::Other
}

impl Assistance {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        filled("needed", &self.needed)
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        out.push(("Kind of help", self.kind.to_string()));
        out.push(("Needed", self.needed.to_string()));
        push_time(out, "Until", self.until);
        push(out, "Call back", self.call_back.as_deref());
    }
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
    /// By question, each at most once.
    pub answers: List<Answered, 64>,
}

impl Response {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        some("answers", &self.answers)?;
        for (place, answer) in self.answers.iter().enumerate() {
            // A bare "we decline" is an answer; a substantive one without words is not.
            if answer.kind != AnswerKind::Decline {
                filled("answers.text", &answer.text)?;
            }
            if self.answers.iter().take(place).any(|earlier| earlier.question == answer.question) {
                return Err(BodyError::AnsweredTwice(answer.question));
            }
        }
        Ok(())
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        for answer in &self.answers {
            let kind = match answer.kind {
                AnswerKind::Interim => "interim answer",
                AnswerKind::Substantive => "answer",
                AnswerKind::Decline => "declined",
            };
            let to = match answer.question {
                0 => String::new(),
                question => format!(" to question {question}"),
            };
            out.push(("Answer", format!("({kind}{to}) {}", answer.text)));
        }
    }
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

impl Invitation {
    pub(super) fn check(&self) -> Result<(), BodyError> {
        filled("means", &self.means)?;
        some("topics", &self.topics)
    }

    pub(super) fn fields(&self, out: &mut Fields) {
        out.push(("When", self.when.to_string()));
        out.push(("By", self.means.to_string()));
        out.extend(self.topics.iter().map(|topic| ("Topic", topic.to_string())));
    }
}

/// Are you there?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Whether a person must answer, not a machine.
    pub human: bool,
    /// A word that the answer repeats, so that an old answer does not count for a new check.
    #[serde(default)]
    pub nonce: Option<Line>,
    /// A remark.
    #[serde(default)]
    pub remark: Option<Line>,
}

impl Check {
    pub(super) fn fields(&self, out: &mut Fields) {
        let who = if self.human { "An officer must answer." } else { "The node answers by itself." };
        out.push(("Communication check", who.to_owned()));
        push(out, "Repeat in the answer", self.nonce.as_deref());
        push(out, "Remark", self.remark.as_deref());
    }
}
