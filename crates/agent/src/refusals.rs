//! What a user is told when the agent does not do what was asked: what happened, why, what to do next.

use pouch_control::Refusal;
use pouch_notice::{DraftError, FieldsError, visible};

use crate::desk::request_code;
use crate::error::AgentError;

/// A refusal in words.
pub(crate) fn refusal(code: &str, exit: u8, what: impl Into<String>, why: &str, next: &str) -> Refusal {
    Refusal { code: code.into(), what: what.into(), why: why.into(), next: next.into(), exit }
}

pub(crate) fn not_found(what: &str) -> Refusal {
    refusal("POUCH-AGT-30", 4, format!("nothing here is called {what:?}"), "", "pouch inbox; pouch outbox")
}

/// Several things are called so: the person says which, by the beginning of its id.
pub(crate) fn ambiguous(what: &str, ids: impl IntoIterator<Item = String>) -> Refusal {
    let ids: Vec<String> = ids.into_iter().collect();
    refusal(
        "POUCH-AGT-31",
        4,
        format!("{what:?} is more than one: {}", ids.join(", ")),
        "numbers count per list of addressees, so that they tell nobody of other correspondence",
        "give the beginning of an id instead; the lists show them: pouch inbox, pouch outbox",
    )
}

/// A step of composing, or anything else that a user asked, did not work.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The user is told.
    Told(Box<Refusal>),
    /// Something underneath failed.
    Agent(AgentError),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Told(Box::new(refusal))
    }
}

impl<E: Into<AgentError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Agent(error.into())
    }
}

impl Failed {
    /// What the user is told.
    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Told(refusal) => *refusal,
            Self::Agent(AgentError::NoRelay) => refusal(
                "POUCH-AGT-06",
                20,
                "no relay is reachable now",
                "what needs a relay cannot be done without one",
                "look at `pouch status`; try again",
            ),
            Self::Agent(AgentError::Request(error)) => refusal(
                &visible(&request_code(&error), true),
                23,
                // A relay chooses its words.
                visible(&format!("the relay refused: {error}"), true),
                "",
                &format!("pouch explain {}", request_code(&error)),
            ),
            Self::Agent(error) if error.is_storage() => refusal(
                error.code(),
                25,
                error.to_string(),
                "nothing is acknowledged that is not stored",
                "look at the disk",
            ),
            Self::Agent(error) => refusal(error.code(), 1, error.to_string(), "", "look at the node's log"),
        }
    }
}

pub(crate) fn draft(error: &DraftError) -> Refusal {
    let (why, next) = match error {
        DraftError::NotOurs(_) => (
            "whoever wrote a notice takes it back; others say what they think of it",
            "answer it: pouch reply ID --text TEXT",
        ),
        _ => ("", "change it and try again"),
    };
    refusal(error.code(), 2, format!("this cannot be a notice: {error}"), why, next)
}

pub(crate) fn fields(error: &FieldsError) -> Refusal {
    let next = format!("pouch send --template --type {}", error.kind);
    refusal(
        error.code(),
        2,
        error.to_string(),
        "unknown and malformed fields are never dropped silently",
        &next,
    )
}

#[cfg(test)]
mod tests {
    use pouch_net::RequestError;

    use super::*;

    #[test]
    fn a_relays_reason_is_one_visible_line() {
        let said = pouch_wire::session::Refused {
            code: pouch_wire::Text::new("POUCH\n\u{2066}X").unwrap(),
            reason: pouch_wire::Text::new("no\nOK: sent\u{202e}").unwrap(),
            retry_after_ms: None,
        };
        let told = Failed::Agent(AgentError::Request(RequestError::Refused(said))).into_refusal();
        assert_eq!(told.code, "POUCH [U+2066]X");
        assert!(told.what.ends_with("no OK: sent[U+202E]"), "{}", told.what);
    }
}
