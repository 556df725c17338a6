//! The words in which it is told that somebody is not heard of, or something does not come.

use pouch_control::EventKind;
use pouch_notice::{Moment, OpenGap, Turn};
use pouch_wire::{ContactPoint, Timestamp};

use crate::events::Happening;

const ASK: &str = "Ask the office by telephone what it sent.";

/// What a turn is told as. `since` is when the sender was last heard.
pub(super) fn of(sender: &ContactPoint, turn: &Turn, since: Option<Timestamp>) -> Option<Happening> {
    let (kind, code, words) = match turn {
        Turn::Withheld => (
            EventKind::Alarm,
            "POUCH-BCN-20",
            format!(
                "Withheld: {sender} says that a relay accepted a message for us, and it does not come, or only \
                 in a state that cannot be judged. {ASK}"
            ),
        ),
        Turn::Came => {
            (EventKind::Contact, "POUCH-BCN-21", format!("what was withheld of {sender}'s messages came"))
        }
        Turn::Over => (
            EventKind::Contact,
            "POUCH-BCN-22",
            format!(
                "{sender} announced and took back: what it said a relay had accepted for us never came, and is \
                 announced no more"
            ),
        ),
        Turn::Doubtful => (
            EventKind::Contact,
            "POUCH-BCN-24",
            format!(
                "{sender} says that a relay accepted a message for us, and it does not come; within the last hour \
                 it announced and took back another, so that this is no alarm yet. {ASK}"
            ),
        ),
        Turn::Missing(gap) => (EventKind::Alarm, "POUCH-ORD-01", missing(sender, gap)),
        Turn::NotYet(gap) => (
            EventKind::Contact,
            "POUCH-BCN-23",
            format!(
                "{} from {sender} to us did not come yet; later ones did, and the way is poor",
                count(gap)
            ),
        ),
        Turn::Lost => (EventKind::Contact, "POUCH-BCN-30", lost(sender, since)),
        Turn::Back => (EventKind::Contact, "POUCH-BCN-31", format!("in contact with {sender} again")),
        _ => return None,
    };
    Some(Happening::new(kind, code, words))
}

fn count(gap: &OpenGap) -> String {
    match gap.to.saturating_sub(gap.from).saturating_add(1) {
        1 => "1 message".to_owned(),
        n => format!("{n} messages"),
    }
}

fn missing(sender: &ContactPoint, gap: &OpenGap) -> String {
    match gap.to.saturating_sub(gap.from).saturating_add(1) {
        1 => format!(
            "A message from {sender} to us is missing: somebody holds it back, or it is under way. {ASK}"
        ),
        n => format!(
            "{n} messages from {sender} to us are missing: somebody holds them back, or they are under way. {ASK}"
        ),
    }
}

fn lost(sender: &ContactPoint, since: Option<Timestamp>) -> String {
    match since {
        Some(since) => format!("no contact with {sender} since {}", Moment(since)),
        None => format!("no contact with {sender} since this node began"),
    }
}

/// That nothing can be heard of anybody.
pub(super) fn alone(since: Timestamp) -> Happening {
    let words = format!("no relay has been reachable since {}: nothing is heard of anybody", Moment(since));
    Happening::new(EventKind::Contact, "POUCH-BCN-32", words)
}

/// That it can be heard again.
pub(super) fn no_longer_alone() -> Happening {
    Happening::new(EventKind::Contact, "POUCH-BCN-33", "a relay is reachable again")
}
