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
