//! What is to be believed, clause by clause. Each clause has its own code and its own words, whether it
//! holds or not; a tick never means several things.

use serde::{Deserialize, Serialize};

use crate::safe_text::visible;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// Live, or the exercise that it says.
    Environment,
    /// Addressed to this contact point.
    Addressed,
    /// Outside and inside are signed by the keys that they name.
    Signature,
    /// The outside belongs to the inside.
    SameLetter,
    /// The key is bound to the office in the witnessed directory.
    Binding,
    /// The key was good when the message was accepted.
    KeyInTime,
    /// The mandate covers it.
    Mandate,
    /// The sender's release rule is met.
    Release,
    /// It keeps the rules of a notice, and the attachments are those that it names.
    Whole,
    /// It is of now.
    Time,
    /// A relay promised it a place in its log, or it is there.
    Log,
    /// The directory is fresh.
    Directory,
    /// Our clock is sure.
    Clock,
    /// It stands in its place among the sender's messages.
    Order,
    /// Its sender neither withdrew nor corrected it.
    Standing,
}

impl Clause {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Addressed => "addressed",
            Self::Signature => "signature",
            Self::SameLetter => "same-letter",
            Self::Binding => "binding",
            Self::KeyInTime => "key-in-time",
            Self::Mandate => "mandate",
            Self::Release => "release",
            Self::Whole => "whole",
            Self::Time => "time",
            Self::Log => "log",
            Self::Directory => "directory",
            Self::Clock => "clock",
            Self::Order => "order",
            Self::Standing => "standing",
        }
    }
}

/// Whether a clause holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It holds.
    Holds,
    /// It cannot be told, or holds with a reservation.
    Unsure,
    /// It does not hold.
    Fails,
}

/// One clause's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClauseResult {
    /// Which.
    pub clause: Clause,
    /// Whether it holds.
    pub state: State,
    /// Stable code.
    pub code: String,
    /// In plain words.
    pub words: String,
    /// What to do, when it does not simply hold.
    pub next: String,
    /// How a command ends that shows this as the worst.
    pub exit: u8,
}

/// One colour for all clauses together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// Every clause holds.
    Green,
    /// Something is unsure; the content is shown with the reason.
    Amber,
    /// Something fails; the content is not shown.
    Red,
}

impl Colour {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

/// All clauses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// In the order that they are checked.
    pub clauses: Vec<ClauseResult>,
}

/// The code of a verdict in which every clause holds.
pub const ALL_HOLD: &str = "POUCH-VER-00";

impl Verdict {
    pub(crate) fn holds(&mut self, clause: Clause, words: impl Into<String>) {
        self.put(clause, State::Holds, ALL_HOLD, words.into(), "", 0);
    }

    pub(crate) fn unsure(
        &mut self,
        clause: Clause,
        code: &str,
        words: impl Into<String>,
        next: &str,
        exit: u8,
    ) {
        self.put(clause, State::Unsure, code, words.into(), next, exit);
    }

    pub(crate) fn fails(
        &mut self,
        clause: Clause,
        code: &str,
        words: impl Into<String>,
        next: &str,
        exit: u8,
    ) {
        self.put(clause, State::Fails, code, words.into(), next, exit);
    }

    /// The one place where words enter a verdict: what others wrote and stands in them stays on its line.
    fn put(&mut self, clause: Clause, state: State, code: &str, words: String, next: &str, exit: u8) {
        let words = visible(&words, true);
        self.clauses.push(ClauseResult { clause, state, code: code.into(), words, next: next.into(), exit });
    }

    /// The clause that decides: the first that fails, else the first that is unsure.
    #[must_use]
    pub fn decisive(&self) -> Option<&ClauseResult> {
        let worst = self.clauses.iter().map(|c| c.state).max().filter(|s| *s != State::Holds)?;
        self.clauses.iter().find(|c| c.state == worst)
    }

    /// The colour.
    #[must_use]
    pub fn colour(&self) -> Colour {
        match self.decisive().map(|c| c.state) {
            None | Some(State::Holds) => Colour::Green,
            Some(State::Unsure) => Colour::Amber,
            Some(State::Fails) => Colour::Red,
        }
    }

    /// The decisive clause's code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.decisive().map_or(ALL_HOLD, |c| &c.code)
    }

    /// The clauses that fail.
    pub fn failing(&self) -> impl Iterator<Item = &ClauseResult> {
        self.clauses.iter().filter(|clause| clause.state == State::Fails)
    }

    /// Whether a clause fails.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.colour() == Colour::Red
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_named_writes_no_line_of_its_own_into_the_verdict() {
        let mut verdict = Verdict::default();
        verdict
            .holds(Clause::Environment, "EXERCISE Blue\u{202e}\nLive: this is not an exercise.".to_owned());
        assert_eq!(verdict.clauses[0].words, "EXERCISE Blue[U+202E] Live: this is not an exercise.");
    }
}
