//! Sealing keys: who publishes them, for how long they are live.

use pouch_directory::{Prekey, StatementRefused as Refused};
use pouch_wire::{Environment, KeyId, Timestamp};

use crate::acts::{authorise, day_key, prekeys, revoke};
use crate::world::{DAY, HOUR, World, id, member, point, prekey};

const LIVE: Environment = Environment::Live;

fn publish(names: &[(&str, Timestamp)]) -> pouch_directory::Act {
    prekeys("NL/technical", LIVE, names.iter().map(|(name, from)| day_key(name, *from)).collect())
}

fn at(world: &World, ms: u64) -> Timestamp {
    Timestamp(world.now.0 + ms)
}

/// Which keys senders use.
fn live(world: &World, size: u64, now: Timestamp) -> Vec<KeyId> {
    let view = world.directory.as_of(size);
    view.prekeys(&point("NL/technical"), LIVE, now).iter().map(|prekey| prekey.public.id()).collect()
}

fn public(name: &str) -> KeyId {
    prekey(name).public().id()
}

#[test]
fn a_prekey_is_live_from_its_entry_on_within_its_day() {
    let mut world = World::new();
    let start = world.now;
    let index = world.does(publish(&[("one", start), ("two", at(&world, 23 * HOUR))]), &["NL/technical"]);
    assert!(live(&world, index, start).is_empty());
    assert_eq!(live(&world, index + 1, start), [public("one")]);
    assert!(live(&world, index + 1, Timestamp(start.0 - 1)).is_empty());
    let both = live(&world, index + 1, at(&world, 23 * HOUR + 1));
    assert_eq!(both, [public("two"), public("one")], "the longest usable first");
    assert_eq!(live(&world, index + 1, at(&world, DAY)), [public("two")]);
    let view = world.directory.now_view();
    let (office, environment, found) = view.prekey(public("one")).unwrap();
    assert_eq!((office, environment, found.usable_from), (&point("NL/technical"), LIVE, start));
    assert!(world.directory.as_of(index).prekey(public("one")).is_none());
}

#[test]
fn only_the_offices_current_key_publishes_prekeys() {
    let mut world = World::new();
    world.does(authorise("NL/technical", "two"), &["NL root"]);
    let one = [("one", world.now)];
    for signer in ["NL/technical", "NL root", "MD/technical"] {
        assert_eq!(world.refuses(publish(&one), &[signer]), Refused::NotSignedBy(id("two")), "{signer}");
    }
    world.does(publish(&one), &["two"]);
}

#[test]
fn a_revoked_key_publishes_no_prekeys() {
    let mut world = World::new();
    world.does(revoke("NL/technical"), &["NL root"]);
    let refused = world.refuses(publish(&[("one", world.now)]), &["NL/technical"]);
    assert_eq!(refused, Refused::KeyRevoked(id("NL/technical")));
}

#[test]
fn prekeys_of_a_rotated_key_stay_live_and_those_of_a_revoked_key_do_not() {
    // A thief of a signing key publishes prekeys of its own. They were still offered while no other key
    // had taken the office.
    let mut world = World::new();
    let now = world.now;
    world.does(publish(&[("one", now)]), &["NL/technical"]);
    let mut rotated = world.clone();
    rotated.does(authorise("NL/technical", "two"), &["NL root"]);
    assert_eq!(live(&rotated, rotated.directory.size(), now), [public("one")]);
    let index = world.does(revoke("NL/technical"), &["NL root"]);
    assert!(live(&world, index + 1, now).is_empty());
    assert_eq!(live(&world, index, now), [public("one")]);
}

#[test]
fn a_prekey_is_published_once_and_revoked_for_ever() {
    let mut world = World::new();
    let now = world.now;
    world.does(publish(&[("one", now), ("two", now)]), &["NL/technical"]);
    let taken = Refused::KeyTaken(public("one"));
    assert_eq!(world.refuses(publish(&[("one", now)]), &["NL/technical"]), taken);
    let elsewhere = prekeys("MD/technical", LIVE, vec![day_key("one", now)]);
    assert_eq!(world.refuses(elsewhere, &["MD/technical"]), taken);
    let three = public("three");
    let twice = publish(&[("three", now), ("three", now)]);
    assert_eq!(world.refuses(twice, &["NL/technical"]), Refused::KeyTaken(three));
    let act = pouch_directory::Act::RevokeKey {
        key: public("one"),
        reason: pouch_directory::RevocationReason::Lost,
        effective: now,
    };
    world.does(act, &["NL root"]);
    assert_eq!(live(&world, world.directory.size(), now), [public("two")]);
    let refused = world.refuses(publish(&[("one", now)]), &["NL/technical"]);
    assert_eq!(refused, Refused::KeyRevoked(public("one")));
}

#[test]
fn a_prekeys_life_is_a_day_and_begins_soon() {
    let mut world = World::new();
    let now = world.now.0;
    let mut with = |usable_from: u64, usable_until: u64| {
        let prekey = Prekey {
            usable_from: Timestamp(usable_from),
            usable_until: Timestamp(usable_until),
            ..day_key("one", Timestamp(now))
        };
        world.refuses(prekeys("NL/technical", LIVE, vec![prekey]), &["NL/technical"])
    };
    let span = Refused::Span("prekey");
    assert_eq!(with(now, now), span);
    assert_eq!(with(now + 1, now), span);
    assert_eq!(with(now, now + 26 * HOUR + 1), span);
    assert_eq!(with(now - HOUR, now), span, "over before it was published");
    assert_eq!(with(now + 14 * DAY + 1, now + 15 * DAY), span, "too far ahead");
    assert_eq!(with(0, u64::MAX), span);
    let from = Timestamp(now + 14 * DAY);
    let longest = Prekey { usable_until: Timestamp(from.0 + 26 * HOUR), ..day_key("one", from) };
    world.does(prekeys("NL/technical", LIVE, vec![longest]), &["NL/technical"]);
}

#[test]
fn no_prekeys_are_refused_and_so_are_those_of_no_office() {
    let mut world = World::new();
    assert_eq!(world.refuses(publish(&[]), &["NL/technical"]), Refused::Empty);
    let nowhere = prekeys("NL/policy", LIVE, vec![day_key("one", world.now)]);
    assert_eq!(world.refuses(nowhere, &["NL/policy"]), Refused::NoContactPoint(point("NL/policy")));
    let nobody = prekeys("FR/policy", LIVE, vec![day_key("one", world.now)]);
    assert_eq!(world.refuses(nobody, &["FR/policy"]), Refused::NoMember(member("FR")));
}

/// So many keys, usable from this moment for so long, in statements of ten.
fn flood(world: &mut World, label: &str, from: Timestamp, span: u64, signer: &str) -> (usize, Refused) {
    for count in 0.. {
        let made = day_key(&format!("{label} {count}"), from);
        let made = Prekey { usable_until: Timestamp(from.0 + span), ..made };
        let entry = world.entry(prekeys("NL/technical", LIVE, vec![made]), &[signer]);
        match world.enter(entry) {
            pouch_directory::Outcome::Applied => {}
            pouch_directory::Outcome::NoEffect(refused) => return (count, refused),
        }
    }
    panic!("it is never refused")
}

#[test]
fn no_office_fills_the_directory_with_prekeys() {
    let full = Refused::TooManyPrekeys(point("NL/technical"));
    // Whether they begin as late as they may, or end at once.
    for (ahead, span) in [(14 * DAY, 26 * HOUR), (0, 1)] {
        let mut world = World::new();
        let from = at(&world, ahead);
        assert_eq!(flood(&mut world, "a", from, span, "NL/technical"), (32, full.clone()));
        // A later date, or an earlier one, is no way around it.
        world.wait(DAY);
        let now = world.now;
        assert_eq!(flood(&mut world, "b", now, 1, "NL/technical"), (0, full.clone()));
        world.now = Timestamp(world.now.0 - DAY - HOUR / 2);
        let now = world.now;
        assert_eq!(flood(&mut world, "b", now, DAY, "NL/technical"), (0, full.clone()));
        // Other offices have their own room.
        world.does(prekeys("MD/technical", LIVE, vec![day_key("MD", world.now)]), &["MD/technical"]);
        // A week after their end there is room again.
        world.now = Timestamp(from.0 + span + 7 * DAY);
        world.does(publish(&[("late", world.now)]), &["NL/technical"]);
    }
}

#[test]
fn a_statement_does_not_bring_more_prekeys_than_there_is_room_for() {
    let mut world = World::new();
    let now = world.now;
    let ten = |label: &str| {
        let keys = (0..10).map(|n| day_key(&format!("{label} {n}"), now)).collect();
        prekeys("NL/technical", LIVE, keys)
    };
    for label in ["a", "b", "c"] {
        world.does(ten(label), &["NL/technical"]);
    }
    let full = Refused::TooManyPrekeys(point("NL/technical"));
    assert_eq!(world.refuses(ten("d"), &["NL/technical"]), full);
    assert_eq!(world.refuses(publish(&[("1", now), ("2", now), ("3", now)]), &["NL/technical"]), full);
    world.does(publish(&[("1", now), ("2", now)]), &["NL/technical"]);
    assert_eq!(world.refuses(publish(&[("3", now)]), &["NL/technical"]), full);
}

#[test]
fn a_node_that_makes_a_key_each_day_as_far_ahead_as_it_may_always_has_room() {
    let mut world = World::new();
    for day in 0..15 {
        let from = at(&world, day * DAY);
        world.does(publish(&[(&format!("ahead {day}"), Timestamp(from.0 - HOUR))]), &["NL/technical"]);
    }
    for day in 0..100 {
        world.wait(DAY);
        let from = at(&world, 14 * DAY - HOUR);
        world.does(publish(&[(&format!("day {day}"), from)]), &["NL/technical"]);
        if day % 30 == 0 {
            // Its machine burnt down, and it begins anew.
            let anew: Vec<String> = (0..4).map(|n| format!("anew {day} {n}")).collect();
            let anew: Vec<(&str, Timestamp)> =
                anew.iter().zip(0..).map(|(name, n)| (name.as_str(), at(&world, n * DAY))).collect();
            world.does(publish(&anew), &["NL/technical"]);
        }
    }
}

#[test]
fn an_office_whose_stolen_key_filled_its_room_has_room_again_when_it_is_revoked() {
    let mut world = World::new();
    let from = at(&world, 14 * DAY);
    let full = Refused::TooManyPrekeys(point("NL/technical"));
    assert_eq!(flood(&mut world, "thief", from, DAY, "NL/technical"), (32, full.clone()));
    world.does(authorise("NL/technical", "two"), &["NL root"]);
    assert_eq!(world.refuses(publish(&[("own", world.now)]), &["two"]), full);
    world.does(revoke("NL/technical"), &["NL root"]);
    world.does(publish(&[("own", world.now)]), &["two"]);
    assert_eq!(live(&world, world.directory.size(), world.now), [public("own")]);
}

#[test]
fn a_prekey_long_over_is_forgotten_and_its_key_never_free() {
    let mut world = World::new();
    let start = world.now;
    let index = world.does(publish(&[("one", start)]), &["NL/technical"]);
    // A message sealed to it in time lives for at most 30 days.
    world.wait(60 * DAY);
    world.does(publish(&[("two", world.now)]), &["NL/technical"]);
    assert!(world.directory.now_view().prekey(public("one")).is_some());
    world.wait(2 * DAY);
    assert_eq!(
        world.refuses(publish(&[("two", world.now)]), &["NL/technical"]),
        Refused::KeyTaken(public("two"))
    );
    assert!(world.directory.now_view().prekey(public("one")).is_some(), "what has no effect forgets nothing");
    world.does(publish(&[("three", world.now)]), &["NL/technical"]);
    assert!(world.directory.now_view().prekey(public("one")).is_none());
    assert!(world.directory.as_of(index + 1).prekey(public("one")).is_none());
    assert!(world.directory.now_view().prekey(public("two")).is_some());
    let taken = Refused::KeyTaken(public("one"));
    for office in ["NL/technical", "MD/technical"] {
        let again = prekeys(office, LIVE, vec![day_key("one", world.now)]);
        assert_eq!(world.refuses(again, &[office]), taken, "{office}");
    }
}
