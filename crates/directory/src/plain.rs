//! Names that say what they show: on one line, with nothing hidden in them and nothing that turns the
//! direction of what follows.
//!
//! Names stand in verdicts beside the program's own words, and two that look the same must be the same.
//! What is refused is a rule of the fold, so this list never changes, whatever Unicode adds.

use crate::charter::{Charter, Relay, Witness};
use crate::statement::Act;

/// Control characters, line and paragraph separators, and what Unicode 14 lets a display ignore: soft
/// hyphens, joiners, marks of direction, fillers, variation selectors, tags. And the blank of Braille.
const HIDDEN: [(char, char); 20] = [
    ('\u{0}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| !HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&c)))
}

/// Whether a person is named as one must be: 1 to 64 small letters a to z, digits and hyphens. One person
/// has one vote, so that no two may be written as one, or one as two.
#[must_use]
pub fn is_person(person: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=64).contains(&person.len()) && person.bytes().all(plain)
}

/// The first name of the act that is not plain.
pub(crate) fn unplain_of_act(act: &Act) -> Option<&str> {
    match act {
        Act::AdmitMember { name, .. } => unplain([name.as_str()]),
        Act::AuthoriseContactPoint(entry) => {
            let shown = entry.display_names.iter().flat_map(|d| [d.language.as_str(), d.name.as_str()]);
            unplain(shown.chain([entry.telephone.as_str()]))
        }
        Act::AuthoriseOfficer(entry) => unplain([entry.title.as_str(), entry.person.as_str()]),
        Act::OpenExercise { name, .. } => unplain([name.as_str()]),
        Act::ChangeNetwork(change) => {
            let log = change.directory_log.iter().map(|log| log.origin.as_str());
            unplain(of_services(&change.relays, &change.witnesses).chain(log))
        }
        _ => None,
    }
}

/// The first name of the charter that is not plain.
pub(crate) fn unplain_of_charter(charter: &Charter) -> Option<&str> {
    let names = [charter.name.as_str(), charter.directory_log.origin.as_str()];
    let founders = charter.founders.iter().map(|founder| founder.name.as_str());
    unplain(names.into_iter().chain(founders).chain(of_services(&charter.relays, &charter.witnesses)))
}

fn of_services<'a>(relays: &'a [Relay], witnesses: &'a [Witness]) -> impl Iterator<Item = &'a str> {
    let relays = relays
        .iter()
        .flat_map(|relay| [relay.name.as_str(), relay.address.as_str(), relay.message_log.origin.as_str()]);
    relays.chain(witnesses.iter().map(|witness| witness.name.as_str()))
}

fn unplain<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names.into_iter().find(|name| !is_plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_script_is_plain_and_what_hides_is_not() {
        for name in [
            "Österreich",
            "Türkiye",
            "Молдова",
            "Ελλάδα",
            "საქართველო",
            "Հայաստան",
            "日本",
            "مصر",
            "ישראל",
            "Côte d’Ivoire",
            "Bosna i Hercegovina",
            "Quoi\u{a0}? 10\u{202f}000",
            "O\u{308}sterreich",
            "भारत",
        ] {
            assert!(is_plain(name), "{name}");
        }
        for c in "\n\t\0\u{7f}\u{85}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{202e}\u{2060}\u{2066}\u{2069}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{fff9}\u{e0041}"
            .chars()
        {
            assert!(!is_plain(&format!("Blue{c}Heron")), "{c:?}");
        }
    }
}
