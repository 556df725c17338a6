//! Contact points, officers and release rules, as of every size of the log.

use pouch_directory::{
    Audience, ContactPointEntry, Mandate, NotInRole, OfficerEntry, ReleaseRule, StatementRefused as Refused,
    TransportOwner,
};
use pouch_wire::{Environment, List, NoticeType, Precedence, Set, Timestamp, Tlp};

use crate::acts::{
    authorise, authorise_officer, change_network, contact_point, mandate, office, officer, release_rule,
    release_rules, revoke,
};
use crate::world::{HOUR, World, id, key, members, point, set, text};

const LIVE: Environment = Environment::Live;

fn nl() -> pouch_wire::ContactPoint {
    point("NL/technical")
}

#[test]
fn an_office_speaks_with_its_key_and_mandate_from_its_entry_on() {
    let mut world = World::founded();
    let entry = ContactPointEntry {
        mandate: Mandate { audience: Audience::Members(members(&["MD"])), ..mandate() },
        ..office("NL/technical", "one")
    };
    let index = world.does(contact_point(entry.clone()), &["NL root"]);
    let before = world.directory.as_of(index);
    assert!(before.contact_point(&nl(), LIVE).is_none());
    // As of then nothing is known of what came after, not even that it would.
    let nowhere = NotInRole::NoContactPoint(nl());
    assert_eq!(before.may_sign(&nl(), LIVE, id("one")), Err(nowhere));
    let view = world.directory.as_of(index + 1);
    let authority = view.may_sign(&nl(), LIVE, id("one")).unwrap();
    assert_eq!((authority.key, authority.since_index), (key("one").public(), index));
    assert_eq!((authority.since, authority.superseded), (world.now, None));
    assert_eq!(authority.mandate, entry.mandate);
    assert_eq!(view.contact_point(&nl(), LIVE), Some(&entry));
    let homes: Vec<&str> = view.home_relays(&nl()).iter().map(|relay| &*relay.name).collect();
    assert_eq!(homes, ["relay-1"]);
    assert_eq!(view.contact_points(LIVE).count(), 1);
}

#[test]
fn an_office_that_was_never_authorised_has_no_key() {
    let world = World::new();
    let view = world.directory.now_view();
    for office in [point("NL/policy"), point("FR/policy")] {
        let nowhere = NotInRole::NoContactPoint(office.clone());
        assert_eq!(view.may_sign(&office, LIVE, id("NL/technical")).unwrap_err(), nowhere);
        assert_eq!(view.officer(&office, LIVE, id("NL/technical")).unwrap_err(), nowhere);
    }
}

#[test]
fn a_rotated_key_speaks_as_of_its_time_and_no_longer() {
    let mut world = World::founded();
    let first = world.does(authorise("NL/technical", "one"), &["NL root"]);
    world.wait(HOUR);
    let second = world.does(authorise("NL/technical", "two"), &["NL root"]);
    let then = world.directory.as_of(second).may_sign(&nl(), LIVE, id("one")).unwrap();
    assert_eq!((then.since_index, then.superseded), (first, Some(world.now)));
    let view = world.directory.now_view();
    let superseded = NotInRole::Superseded { contact_point: nl(), key: id("one") };
    assert_eq!(view.may_sign(&nl(), LIVE, id("one")), Err(superseded));
    assert_eq!(view.may_sign(&nl(), LIVE, id("two")).unwrap().since_index, second);
    let periods: Vec<_> = view.key_history(&nl(), LIVE);
    assert_eq!((periods[0].from_index, periods[0].until_index), (first, Some(second)));
    assert_eq!((periods[1].from_index, periods[1].until_index), (second, None));
}

#[test]
fn a_changed_entry_keeps_its_keys_and_their_beginning() {
    let mut world = World::founded();
    let first = world.does(authorise("NL/technical", "one"), &["NL root"]);
    let entry = ContactPointEntry {
        home_relays: List::new(vec![text("relay-2"), text("relay-1")]).unwrap(),
        ..office("NL/technical", "one")
    };
    world.does(contact_point(entry), &["NL root"]);
    let view = world.directory.now_view();
    assert_eq!(view.may_sign(&nl(), LIVE, id("one")).unwrap().since_index, first);
    let homes: Vec<&str> = view.home_relays(&nl()).iter().map(|relay| &*relay.name).collect();
    assert_eq!(homes, ["relay-2", "relay-1"]);
    assert_eq!(world.directory.as_of(first + 1).home_relays(&nl()).len(), 1);
    assert_eq!(view.key_history(&nl(), LIVE).len(), 1);
}

#[test]
fn a_transport_key_has_sessions_while_it_is_the_offices() {
    let mut world = World::founded();
    let first = world.does(authorise("NL/technical", "one"), &["NL root"]);
    let moved = ContactPointEntry { transport: key("T2").public(), ..office("NL/technical", "one") };
    let second = world.does(contact_point(moved), &["NL root"]);
    let (t1, t2) = (key("NL/technical transport").public(), key("T2").public());
    let own = Some(TransportOwner::ContactPoint(nl()));
    let view = world.directory.now_view();
    assert_eq!((view.who_has_transport(&t1), view.who_has_transport(&t2)), (None, own.clone()));
    let then = world.directory.as_of(second);
    assert_eq!((then.who_has_transport(&t1), then.who_has_transport(&t2)), (own, None));
    assert_eq!(world.directory.as_of(first).who_has_transport(&t1), None);
    // Not as a transport key of the same office again.
    let refused = world.refuses(authorise("NL/technical", "one"), &["NL root"]);
    assert_eq!(refused, Refused::KeyTaken(t1.id()));
}

#[test]
fn relays_and_nobody_else_have_sessions_beside_offices() {
    let world = World::new();
    let view = world.directory.now_view();
    let relay = key("relay-1 transport").public();
    assert_eq!(view.who_has_transport(&relay), Some(TransportOwner::Relay("relay-1".into())));
    for other in ["relay-1 receipts", "NL root", "NL/technical", "stranger"] {
        assert_eq!(view.who_has_transport(&key(other).public()), None, "{other}");
    }
}

#[test]
fn a_key_that_is_bound_to_anyone_is_refused() {
    let mut world = World::new();
    world.does(authorise_officer(officer("officer")), &["NL root"]);
    for bound in
        ["NL root", "MD next root", "MD/technical", "BA/technical transport", "officer", "relay-2 receipts"]
    {
        let taken = Refused::KeyTaken(id(bound));
        assert_eq!(world.refuses(authorise("NL/policy", bound), &["NL root"]), taken, "{bound}");
        let entry = ContactPointEntry { transport: key(bound).public(), ..office("NL/policy", "one") };
        assert_eq!(world.refuses(contact_point(entry), &["NL root"]), taken, "{bound}");
        assert_eq!(world.refuses(authorise_officer(officer(bound)), &["NL root"]), taken, "{bound}");
    }
    let twice = ContactPointEntry { transport: key("one").public(), ..office("NL/policy", "one") };
    assert_eq!(world.refuses(contact_point(twice), &["NL root"]), Refused::KeyTaken(id("one")));
    world.does(authorise("NL/policy", "one"), &["NL root"]);
}

#[test]
fn a_key_that_was_rotated_out_does_not_come_back() {
    let mut world = World::new();
    world.does(authorise("NL/technical", "two"), &["NL root"]);
    let refused = world.refuses(authorise("NL/technical", "NL/technical"), &["NL root"]);
    assert_eq!(refused, Refused::KeyTaken(id("NL/technical")));
}

#[test]
fn a_revoked_key_does_not_come_back() {
    let mut world = World::new();
    world.does(revoke("NL/technical"), &["NL root"]);
    let changed =
        ContactPointEntry { telephone: text("+31 70 555 0199"), ..office("NL/technical", "NL/technical") };
    let refused = world.refuses(contact_point(changed), &["NL root"]);
    assert_eq!(refused, Refused::KeyRevoked(id("NL/technical")));
    world.does(revoke("NL/technical transport"), &["NL root"]);
    let refused = world.refuses(authorise("NL/technical", "two"), &["NL root"]);
    assert_eq!(refused, Refused::KeyRevoked(id("NL/technical transport")));
    let new = ContactPointEntry { transport: key("T2").public(), ..office("NL/technical", "two") };
    world.does(contact_point(new), &["NL root"]);
}

#[test]
fn home_relays_are_relays_of_the_network_each_once() {
    let mut world = World::founded();
    let mut with = |names: &[&str]| {
        let home_relays = List::new(names.iter().map(|n| text(n)).collect::<Vec<_>>()).unwrap();
        let entry = ContactPointEntry { home_relays, ..office("NL/technical", "one") };
        world.refuses(contact_point(entry), &["NL root"])
    };
    assert_eq!(with(&["relay-1", "relay-3"]), Refused::NoRelay("relay-3".into()));
    assert_eq!(with(&["relay-1", "relay-1"]), Refused::Names("relay-1".into()));
    assert_eq!(with(&[]), Refused::Empty);
}

#[test]
fn a_home_relay_that_left_the_network_is_none() {
    let mut world = World::new();
    let index = world.does(change_network(), &["MD root", "NL root"]);
    assert!(world.directory.now_view().home_relays(&nl()).is_empty());
    assert_eq!(world.directory.as_of(index).home_relays(&nl()).len(), 1);
    let changed =
        ContactPointEntry { telephone: text("+31 70 555 0199"), ..office("NL/technical", "NL/technical") };
    assert_eq!(world.refuses(contact_point(changed), &["NL root"]), Refused::NoRelay("relay-1".into()));
}

#[test]
fn a_mandate_that_covers_nothing_is_refused() {
    let mut world = World::new();
    let bad = [
        (Mandate { until: mandate().from, ..mandate() }, Refused::Span("mandate")),
        (Mandate { types: Set::default(), ..mandate() }, Refused::Empty),
        (Mandate { strictest_tlp: Tlp::Clear, most_open_tlp: Tlp::Red, ..mandate() }, Refused::Empty),
    ];
    for (mandate, reason) in bad {
        let entry = ContactPointEntry { mandate: mandate.clone(), ..office("NL/policy", "one") };
        assert_eq!(world.refuses(contact_point(entry), &["NL root"]), reason);
        let entry = OfficerEntry { mandate, ..officer("officer") };
        assert_eq!(world.refuses(authorise_officer(entry), &["NL root"]), reason);
    }
    let one_moment = Mandate { until: Timestamp(mandate().from.0 + 1), ..mandate() };
    let entry = ContactPointEntry { mandate: one_moment, ..office("NL/policy", "one") };
    world.does(contact_point(entry), &["NL root"]);
}

#[test]
fn an_entry_that_changes_nothing_is_refused() {
    let mut world = World::new();
    let same = world.refuses(authorise("NL/technical", "NL/technical"), &["NL root"]);
    assert_eq!(same, Refused::NoChange);
}

#[test]
fn an_officer_approves_for_its_office_from_its_entry_on() {
    let mut world = World::new();
    let index = world.does(authorise_officer(officer("officer")), &["NL root"]);
    let unknown = NotInRole::Unknown { contact_point: nl(), key: id("officer") };
    let before = world.directory.as_of(index).officer(&nl(), LIVE, id("officer"));
    assert_eq!(before, Err(unknown));
    let view = world.directory.now_view();
    let found = view.officer(&nl(), LIVE, id("officer")).unwrap();
    assert_eq!((found.key, found.person.as_str()), (key("officer").public(), "person-1"));
    assert_eq!((found.title.as_str(), found.mandate), ("Head of the crisis desk", mandate()));
    // For no other office, and it does not sign for its own.
    let other = view.officer(&point("MD/technical"), LIVE, id("officer"));
    assert!(matches!(other, Err(NotInRole::Unknown { .. })));
    assert!(!world.speaks("officer"));
    world.does(revoke("officer"), &["NL root"]);
    let view = world.directory.now_view();
    let revoked = NotInRole::Revoked { key: id("officer"), index: index + 1 };
    assert_eq!(view.officer(&nl(), LIVE, id("officer")), Err(revoked));
    assert!(view.officers(&nl(), LIVE).is_empty());
    assert_eq!(world.directory.as_of(index + 1).officers(&nl(), LIVE).len(), 1);
}

#[test]
fn an_officer_or_rule_of_an_office_that_does_not_exist_is_refused() {
    let mut world = World::new();
    let nowhere = Refused::NoContactPoint(point("NL/policy"));
    let entry = OfficerEntry { contact_point: point("NL/policy"), ..officer("officer") };
    assert_eq!(world.refuses(authorise_officer(entry), &["NL root"]), nowhere);
    let rules = pouch_directory::Act::SetReleaseRules {
        contact_point: point("NL/policy"),
        rules: List::new(vec![release_rule(2)]).unwrap(),
    };
    assert_eq!(world.refuses(rules, &["NL root"]), nowhere);
}

#[test]
fn another_states_root_sets_no_officer_and_no_rule() {
    let mut world = World::new();
    let needed = Refused::NotSignedBy(id("NL root"));
    assert_eq!(world.refuses(authorise_officer(officer("officer")), &["MD root"]), needed);
    assert_eq!(world.refuses(release_rules(vec![release_rule(2)]), &["MD root"]), needed);
}

#[test]
fn the_release_rule_that_demands_most_holds_as_of_its_entry() {
    let mut world = World::new();
    let index = world.does(release_rules(vec![release_rule(1), release_rule(2)]), &["NL root"]);
    let asks = |size: u64, notice_type, precedence| {
        world.directory.as_of(size).release_rule(&nl(), notice_type, precedence).map(|rule| rule.officers)
    };
    let (incident, flash) = (NoticeType::IncidentNotice, Precedence::Flash);
    assert_eq!(asks(index, incident, flash), None);
    assert_eq!(asks(index + 1, incident, flash), Some(2));
    assert_eq!(asks(index + 1, incident, Precedence::Immediate), Some(2));
    assert_eq!(asks(index + 1, incident, Precedence::Priority), None);
    assert_eq!(asks(index + 1, NoticeType::CommCheck, flash), None);
    world.does(release_rules(vec![]), &["NL root"]);
    assert!(world.directory.now_view().release_rule(&nl(), incident, flash).is_none());
    let then = world.directory.as_of(index + 1).release_rule(&nl(), incident, flash).unwrap();
    assert!(then.break_glass);
}

#[test]
fn a_release_rule_of_nothing_or_of_nobody_is_refused() {
    let mut world = World::new();
    assert_eq!(world.refuses(release_rules(vec![release_rule(0)]), &["NL root"]), Refused::Empty);
    let nothing = ReleaseRule { types: set(&[]), ..release_rule(1) };
    assert_eq!(world.refuses(release_rules(vec![nothing]), &["NL root"]), Refused::Empty);
}

#[test]
fn of_two_rules_that_demand_as_many_the_one_without_break_glass_holds() {
    let strict = ReleaseRule { break_glass: false, ..release_rule(2) };
    for rules in [vec![release_rule(2), strict.clone()], vec![strict.clone(), release_rule(2)]] {
        let mut world = World::new();
        world.does(release_rules(rules), &["NL root"]);
        let view = world.directory.now_view();
        let rule = view.release_rule(&nl(), NoticeType::IncidentNotice, Precedence::Flash);
        assert_eq!(rule, Some(strict.clone()));
    }
}

#[test]
fn a_person_is_written_in_one_way() {
    // One person was two by a capital, a space or a letter of another script, and had two votes.
    let mut world = World::new();
    for person in ["Anna", "anna ", "anna berg", "anna_berg", "\u{430}nna", "anna\u{301}", "", "a.b"] {
        let entry = OfficerEntry { person: text(person), ..officer("officer") };
        assert_eq!(world.refuses(authorise_officer(entry), &["NL root"]), Refused::Person(person.into()));
    }
    let longest = "a".repeat(64);
    for (person, key) in [("anna", "one"), ("anna-berg-2", "two"), (longest.as_str(), "three")] {
        world.does(authorise_officer(OfficerEntry { person: text(person), ..officer(key) }), &["NL root"]);
    }
}
