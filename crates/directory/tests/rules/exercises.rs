//! Exercises: opened, closed, and a world of keys of their own.

use pouch_crypto::sha256;
use pouch_directory::{
    Act, ContactPointEntry, NotInRole, OfficerEntry, StatementRefused as Refused, TransportOwner,
};
use pouch_wire::{Environment, ExerciseId, Timestamp};

use crate::acts::{
    authorise, authorise_in, authorise_officer, contact_point, day_key, office, officer, open_exercise,
    prekeys, revoke,
};
use crate::world::{DAY, HOUR, World, id, key, member, members, point, text};

fn nl() -> pouch_wire::ContactPoint {
    point("NL/technical")
}

#[test]
fn an_exercise_has_its_id_participants_and_dates() {
    let mut world = World::new();
    let index = world.directory.size();
    let exercise = world.opens_exercise("Blue Heron");
    assert!(world.directory.as_of(index).exercise(exercise).is_none());
    let view = world.directory.now_view();
    let found = view.exercise(exercise).unwrap();
    assert_eq!((&*found.name, &found.opened_by), ("Blue Heron", &member("NL")));
    assert_eq!(found.participants, members(&["MD", "NL"]));
    assert_eq!((found.from, found.until), (world.now, Timestamp(world.now.0 + 7 * DAY)));
    assert_eq!(view.exercises().count(), 1);
    assert_eq!(view.exercise_over(exercise), Some(found.until));
}

#[test]
fn keys_of_an_exercise_speak_in_it_and_nowhere_else() {
    let mut world = World::new();
    let exercise = world.opens_exercise("Blue Heron");
    let drill = Environment::Exercise(exercise);
    world.does(authorise_in("NL/technical", "drill", exercise), &["NL root"]);
    let view = world.directory.now_view();
    assert!(view.may_sign(&nl(), drill, id("drill")).is_ok());
    let unknown = |name: &str| Err(NotInRole::Unknown { contact_point: nl(), key: id(name) });
    assert_eq!(view.may_sign(&nl(), Environment::Live, id("drill")), unknown("drill"));
    assert_eq!(view.may_sign(&nl(), drill, id("NL/technical")), unknown("NL/technical"));
    // The live key is not taken over, nor the drill's key into the live world.
    let refused = world.refuses(authorise_in("NL/policy", "NL/technical", exercise), &["NL root"]);
    assert_eq!(refused, Refused::KeyTaken(id("NL/technical")));
    assert_eq!(world.refuses(authorise("NL/policy", "drill"), &["NL root"]), Refused::KeyTaken(id("drill")));
    let prekey = prekeys("NL/technical", drill, vec![day_key("one", world.now)]);
    assert_eq!(world.refuses(prekey.clone(), &["NL/technical"]), Refused::NotSignedBy(id("drill")));
    world.does(prekey, &["drill"]);
    let view = world.directory.now_view();
    assert_eq!(view.prekeys(&nl(), drill, world.now).len(), 1);
    assert!(view.prekeys(&nl(), Environment::Live, world.now).is_empty());
    let entry = OfficerEntry { environment: drill, ..officer("officer") };
    world.does(authorise_officer(entry), &["NL root"]);
    let view = world.directory.now_view();
    assert!(view.officer(&nl(), drill, id("officer")).is_ok());
    let elsewhere = view.officer(&nl(), Environment::Live, id("officer"));
    assert!(matches!(elsewhere, Err(NotInRole::Unknown { .. })));
}

#[test]
fn nothing_speaks_in_an_exercise_that_is_closed() {
    let mut world = World::new();
    let exercise = world.opens_exercise("Blue Heron");
    let drill = Environment::Exercise(exercise);
    world.does(authorise_in("NL/technical", "drill", exercise), &["NL root"]);
    world.wait(HOUR);
    let index = world.does(Act::CloseExercise { exercise }, &["NL root"]);
    let view = world.directory.now_view();
    assert_eq!(view.may_sign(&nl(), drill, id("drill")), Err(NotInRole::ExerciseClosed));
    assert_eq!(view.officer(&nl(), drill, id("drill")), Err(NotInRole::ExerciseClosed));
    assert_eq!(view.exercise_over(exercise), Some(world.now));
    assert!(world.directory.as_of(index).may_sign(&nl(), drill, id("drill")).is_ok());
    let over = Refused::NoExercise(exercise);
    assert_eq!(world.refuses(Act::CloseExercise { exercise }, &["NL root"]), over);
    assert_eq!(world.refuses(authorise_in("NL/policy", "one", exercise), &["NL root"]), over);
    let prekey = prekeys("NL/technical", drill, vec![day_key("one", world.now)]);
    assert_eq!(world.refuses(prekey, &["drill"]), over);
}

#[test]
fn an_exercise_that_nobody_opened_is_refused() {
    let mut world = World::new();
    let exercise = ExerciseId(sha256(b"none"));
    let unknown = Refused::NoExercise(exercise);
    assert_eq!(world.refuses(authorise_in("NL/technical", "one", exercise), &["NL root"]), unknown);
    assert_eq!(world.refuses(Act::CloseExercise { exercise }, &["NL root"]), unknown);
    let view = world.directory.now_view();
    let drill = Environment::Exercise(exercise);
    assert_eq!(view.may_sign(&nl(), drill, id("one")), Err(NotInRole::ExerciseClosed));
}

#[test]
fn who_does_not_take_part_binds_no_key() {
    let mut world = World::new();
    let exercise = world.opens_exercise("Blue Heron");
    let refused = world.refuses(authorise_in("BA/technical", "drill", exercise), &["BA root"]);
    assert_eq!(refused, Refused::NotParticipant(member("BA")));
    world.does(authorise_in("MD/technical", "drill", exercise), &["MD root"]);
}

#[test]
fn only_a_participant_opens_and_only_the_opener_closes() {
    let mut world = World::new();
    let act = open_exercise("Blue Heron", &["MD", "NL"], world.now);
    assert_eq!(world.refuses(act.clone(), &["BA root"]), Refused::NotEnough(0, 1));
    assert_eq!(world.refuses(act, &["NL/technical"]), Refused::NotEnough(0, 1));
    let exercise = world.opens_exercise("Blue Heron");
    let close = Act::CloseExercise { exercise };
    assert_eq!(world.refuses(close.clone(), &["MD root"]), Refused::NotSignedBy(id("NL root")));
    world.does(close, &["NL root"]);
}

#[test]
fn an_exercise_without_a_name_of_its_own_is_refused() {
    let mut world = World::new();
    world.opens_exercise("Blue Heron");
    for name in ["Blue Heron", "", "  "] {
        let refused = world.refuses(open_exercise(name, &["MD", "NL"], world.now), &["NL root"]);
        assert_eq!(refused, Refused::Names(name.into()));
    }
}

#[test]
fn an_exercise_ends_after_it_begins_and_within_a_year() {
    let mut world = World::new();
    let now = world.now;
    let with = |until: u64| Act::OpenExercise {
        name: text("Blue Heron"),
        participants: members(&["MD", "NL"]),
        from: now,
        until: Timestamp(until),
    };
    for until in [0, now.0, now.0 + 366 * DAY + 1, u64::MAX] {
        assert_eq!(world.refuses(with(until), &["NL root"]), Refused::Span("exercise"), "{until}");
    }
    world.does(with(now.0 + 366 * DAY), &["NL root"]);
}

#[test]
fn an_exercise_has_the_live_transport_key_and_no_other() {
    // A key that an exercise bound had sessions as the office, and got and deleted its live messages.
    let mut world = World::new();
    let exercise = world.opens_exercise("Blue Heron");
    let drill = |transport: &str| {
        contact_point(ContactPointEntry {
            environment: Environment::Exercise(exercise),
            transport: key(transport).public(),
            ..office("NL/technical", "drill")
        })
    };
    let live = |transport: &str| {
        contact_point(ContactPointEntry {
            transport: key(transport).public(),
            ..office("NL/technical", "NL/technical")
        })
    };
    let owner = |world: &World, name: &str| world.directory.now_view().who_has_transport(&key(name).public());
    let own = Some(TransportOwner::ContactPoint(nl()));
    for other in ["T2", "MD/technical transport", "NL root"] {
        assert_eq!(
            world.refuses(drill(other), &["NL root"]),
            Refused::NotLiveTransport(id(other)),
            "{other}"
        );
    }
    assert_eq!(owner(&world, "T2"), None);
    world.does(drill("NL/technical transport"), &["NL root"]);
    assert_eq!(owner(&world, "NL/technical transport"), own);
    world.does(live("T2"), &["NL root"]);
    let old = Refused::NotLiveTransport(id("NL/technical transport"));
    assert_eq!(world.refuses(authorise_in("NL/technical", "second", exercise), &["NL root"]), old);
    world.does(drill("T2"), &["NL root"]);
    assert_eq!((owner(&world, "T2"), owner(&world, "NL/technical transport")), (own, None));
    world.does(revoke("T2"), &["NL root"]);
    assert_eq!(owner(&world, "T2"), None);
    let again = contact_point(ContactPointEntry {
        environment: Environment::Exercise(exercise),
        transport: key("T2").public(),
        ..office("NL/technical", "second")
    });
    assert_eq!(world.refuses(again, &["NL root"]), Refused::KeyRevoked(id("T2")));
}

#[test]
fn an_office_that_has_no_live_entry_takes_part_in_no_exercise() {
    let mut world = World::new();
    let exercise = world.opens_exercise("Blue Heron");
    let drill = authorise_in("NL/policy", "drill", exercise);
    assert_eq!(world.refuses(drill.clone(), &["NL root"]), Refused::NoContactPoint(point("NL/policy")));
    world.does(authorise("NL/policy", "NL/policy"), &["NL root"]);
    world.wait(1);
    world.does(drill, &["NL root"]);
}

#[test]
fn the_live_entry_lets_go_of_a_transport_key_that_an_exercise_shares() {
    let mut world = World::new();
    let exercise = world.opens_exercise("Blue Heron");
    world.does(authorise_in("NL/technical", "drill", exercise), &["NL root"]);
    let moved = ContactPointEntry { transport: key("T2").public(), ..office("NL/technical", "NL/technical") };
    world.does(contact_point(moved), &["NL root"]);
    let view = world.directory.now_view();
    assert_eq!(view.who_has_transport(&key("NL/technical transport").public()), None);
    let own = Some(TransportOwner::ContactPoint(nl()));
    assert_eq!(view.who_has_transport(&key("T2").public()), own);
}
