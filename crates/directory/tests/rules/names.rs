//! Names that show what they are: in every act and in the charter.

use pouch_directory::{
    Act, CharterRefused, ContactPointEntry, Directory, DisplayName, NetworkChange, OfficerEntry,
    StatementRefused as Refused,
};
use pouch_wire::List;

use crate::acts::{admit, authorise_officer, contact_point, no_change, office, officer, open_exercise};
use crate::world::{FOUNDERS, World, charter_of, founder, id, key, member, relay, set, signed, text};

const HONEST: [&str; 4] = ["Österreich", "Türkiye", "Молдова", "Côte d’Ivoire"];
const HIDING: [&str; 6] = [
    "Blue\nHeron",
    "Blue\tHeron",
    "Blue\u{202e}noreH",
    "Blue\u{200b}Heron",
    "Blue\u{2028}Heron",
    "Blue \u{2066}Heron\u{2069}",
];

fn named(name: &str) -> Vec<(Act, Vec<&'static str>)> {
    let entry = |edit: fn(&mut ContactPointEntry, &str)| {
        let mut entry = office("NL/technical", "NL/technical");
        edit(&mut entry, name);
        (contact_point(entry), vec!["NL root"])
    };
    let as_officer = |edit: fn(&mut OfficerEntry, &str), signing: &str| {
        let mut entry = officer(signing);
        edit(&mut entry, name);
        (authorise_officer(entry), vec!["NL root"])
    };
    let newcomer = Act::AdmitMember {
        member: member("FR"),
        name: text(name),
        root: key("FR root").public(),
        next_root: id("FR next root"),
    };
    let mut second = relay("relay-3");
    second.name = text(name);
    let relays = List::new(vec![second]).unwrap();
    let network = Act::ChangeNetwork(Box::new(NetworkChange { relays, ..no_change() }));
    vec![
        entry(|entry, name| entry.telephone = text(name)),
        entry(|entry, name| {
            entry.display_names = set(&[DisplayName { language: text("en"), name: text(name) }]);
        }),
        as_officer(|officer, name| officer.title = text(name), "first officer"),
        (newcomer, vec!["MD root", "NL root", "FR root"]),
        (network, vec!["MD root", "NL root"]),
    ]
}

#[test]
fn a_name_that_hides_something_is_refused_in_every_act() {
    for hiding in HIDING {
        let mut world = World::new();
        let unplain = Refused::NotPlain(hiding.into());
        for (act, keys) in named(hiding) {
            assert_eq!(world.refuses(act, &keys), unplain, "{hiding:?}");
        }
        let exercise = open_exercise(hiding, &["MD", "NL"], world.now);
        assert_eq!(world.refuses(exercise, &["NL root"]), unplain);
        let person = OfficerEntry { person: text(hiding), ..officer("second officer") };
        assert_eq!(world.refuses(authorise_officer(person), &["NL root"]), unplain);
        world.does(admit("FR"), &["MD root", "NL root", "FR root"]);
    }
}

#[test]
fn a_name_in_the_letters_of_its_language_is_taken_in_every_act() {
    for honest in HONEST {
        let mut world = World::new();
        for (act, keys) in named(honest) {
            world.does(act, &keys);
        }
        world.opens_exercise(honest);
    }
}

#[test]
fn a_charter_with_a_name_that_hides_something_is_refused() {
    for hiding in HIDING {
        let unplain = CharterRefused::NotPlain(hiding.into());
        let mut charter = charter_of(&FOUNDERS);
        charter.name = text(hiding);
        assert_eq!(Directory::found(&signed(&charter)).unwrap_err(), unplain);
        let mut charter = charter_of(&["BA", "MD"]);
        let named = pouch_directory::Founder { name: text(hiding), ..founder("NL") };
        charter.founders = set(&[founder("BA"), founder("MD"), named]);
        assert_eq!(Directory::found(&signed(&charter)).unwrap_err(), unplain);
        let mut charter = charter_of(&FOUNDERS);
        let named = pouch_directory::Relay { name: text(hiding), ..relay("relay-1") };
        charter.relays = List::new(vec![named]).unwrap();
        assert_eq!(Directory::found(&signed(&charter)).unwrap_err(), unplain);
    }
    let mut charter = charter_of(&FOUNDERS);
    charter.name = text("Österreich, Türkiye, Молдова");
    assert!(Directory::found(&signed(&charter)).is_ok());
}
