//! Exercises are separated by keys: nothing made in one is accepted, opened or believed outside it, nor the
//! reverse.

use pouch_crypto::sha256;
use pouch_envelope::Refusal;
use pouch_notice::{Clause, Facts, OpenError, SealTo, open};
use pouch_wire::{Environment, ExerciseId, limits};

use crate::logs::Logged;
use crate::post::{
    ACCEPTED, BA, Letter, MD, NL, NOTHING_BEFORE, drill, facts, holds, honest, letter, only, refused,
    reserved, seal_to,
};
use crate::world::{DAY, HOUR, World, drill_key, later, point, prekey};

/// Signed in one environment with keys of the other.
fn with_key(letter: Letter, name: &str) -> Letter {
    letter.with(|l| (l.inside_key, l.outside_key) = (name.into(), name.into()))
}

#[test]
fn a_live_key_says_nothing_in_an_exercise_and_the_reverse() {
    let world = World::new();
    let drill_by_live = with_key(drill(&world), NL).posted();
    let live_by_drill = with_key(honest(&world), &drill_key(NL)).posted();
    for mixed in [drill_by_live, live_by_drill] {
        assert_eq!(mixed.admitted(&world, ACCEPTED).unwrap_err().code(), "POUCH-DIR-41");
        assert_eq!(refused(mixed.received(&world, MD)), only(Clause::Binding, "POUCH-DIR-41"));
    }
    for honest in [drill(&world).posted(), honest(&world).posted()] {
        assert!(honest.admitted(&world, ACCEPTED).is_ok());
        assert!(holds(&honest.received(&world, MD)));
    }
}

#[test]
fn a_relay_cannot_pass_a_drill_off_as_live_nor_the_reverse() {
    let world = World::new();
    let flipped = [
        (drill(&world).posted(), Environment::Live),
        (honest(&world).posted(), world.drill()),
        (honest(&world).posted(), Environment::Exercise(ExerciseId(sha256(b"another exercise")))),
    ];
    for (posted, environment) in flipped {
        let made_in = posted.header.environment;
        let passed_off = posted.altered(|p| p.header.environment = environment);
        let refusal = passed_off.admitted(&world, ACCEPTED).unwrap_err();
        assert!(matches!(refusal, Refusal::NotInRole(_)), "{refusal:?}");
        // Even with the very key that it was sealed to.
        let key = prekey(&crate::post::key_name(MD, made_in));
        let opened = open(passed_off.delivered(MD, b"").unwrap(), &key);
        assert_eq!(opened.unwrap_err(), OpenError::DoesNotOpen);
        // And the key of the environment that it pretends is another.
        let key = prekey(&crate::post::key_name(MD, environment));
        let opened = open(passed_off.delivered(MD, b"").unwrap(), &key);
        assert_eq!(opened.unwrap_err(), OpenError::NoPrekey);
    }
}

#[test]
fn sealing_keys_are_of_one_environment() {
    let world = World::new();
    let live_key = seal_to(&point(MD), Environment::Live, 1, NOTHING_BEFORE);
    let drill_s_key = seal_to(&point(MD), world.drill(), 1, NOTHING_BEFORE);
    let sealed = |letter: Letter, to: SealTo| letter.with(|l| l.to = vec![to]).posted();
    let live = letter(&world, Environment::Live, NL, &[MD], &[]);
    assert!(sealed(live.clone(), live_key.clone()).admitted(&world, ACCEPTED).is_ok());
    assert!(sealed(drill(&world), drill_s_key.clone()).admitted(&world, ACCEPTED).is_ok());
    for mixed in [sealed(live, drill_s_key), sealed(drill(&world), live_key)] {
        assert_eq!(mixed.admitted(&world, ACCEPTED).unwrap_err(), Refusal::UnknownPrekey(point(MD)));
    }
}

#[test]
fn who_takes_no_part_is_no_recipient_of_a_drill() {
    let world = World::new();
    let posted = letter(&world, world.drill(), NL, &[MD], &[BA]).posted();
    assert_eq!(posted.admitted(&world, ACCEPTED).unwrap_err(), Refusal::UnknownRecipient(point(BA)));
    assert!(drill(&world).posted().admitted(&world, ACCEPTED).is_ok());
}

#[test]
fn an_exercise_that_is_over_says_nothing_more_and_live_messages_go_on() {
    let world = World::new();
    let posted = drill(&world).saying(|n| n.not_after = later(5 * DAY)).posted();
    let mut closed = world.clone();
    closed.close_exercise(later(HOUR));
    let last = later(HOUR + limits::CLOCK_SKEW_MS_MAX);
    assert!(holds(&posted.received(&closed, MD)), "it came while the exercise ran");
    let about = posted.received_at(&closed, MD, last);
    assert_eq!(reserved(about), only(Clause::Environment, "POUCH-VER-03"));
    let too_late = posted.received_at(&closed, MD, later(HOUR + limits::CLOCK_SKEW_MS_MAX + 1));
    assert_eq!(refused(too_late), only(Clause::Environment, "POUCH-VER-02"));
    assert_eq!(posted.admitted(&closed, later(HOUR)).unwrap_err().code(), "POUCH-DIR-45");
    // Whoever knows that it is over does not write in it.
    let cites_it = drill(&closed).posted();
    assert_eq!(refused(cites_it.received(&closed, MD)), only(Clause::Binding, "POUCH-DIR-45"));
    assert!(holds(&honest(&closed).posted().received(&closed, MD)));
}

#[test]
fn that_a_drill_came_before_the_end_is_sure_when_witnesses_saw_it_and_not_by_a_relay_s_word() {
    let world = World::new();
    let posted = drill(&world).saying(|n| n.not_after = later(5 * DAY)).posted();
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let mut closed = world.clone();
    closed.close_exercise(later(HOUR));
    assert!(holds(&logged.received(&closed, &posted, MD)), "witnesses saw it while the exercise ran");
    let read = |world: &World, at| posted.opened_at(world, MD, ACCEPTED).unwrap().verify(&facts(world, at));
    let by_word = reserved(read(&closed, later(2 * HOUR)));
    assert_eq!(by_word, only(Clause::Environment, "POUCH-VER-04"));
    assert!(holds(&read(&closed, later(HOUR - 1))), "who has it before the end needs nobody's word");
    let unsure = Facts { time_is_sure: false, ..facts(&closed, later(HOUR - 1)) };
    let read = posted.opened_at(&closed, MD, ACCEPTED).unwrap().verify(&unsure);
    assert!(reserved(read).contains(&(Clause::Environment, "POUCH-VER-04".to_owned())));
}

#[test]
fn an_exercise_ends_by_its_own_date_too() {
    let world = World::new();
    let end = 8 * DAY;
    let posted =
        drill(&world).saying(|n| (n.created, n.not_after) = (later(7 * DAY), later(9 * DAY))).posted();
    assert!(posted.admitted(&world, later(end - 1)).is_ok());
    assert_eq!(posted.admitted(&world, later(end)).unwrap_err(), Refusal::ExerciseOver { ago_s: 0 });
    assert!(holds(&posted.received_at(&world, MD, later(end - 1001))), "read before the end");
    let about = posted.received_at(&world, MD, later(end - 1));
    assert_eq!(reserved(about), only(Clause::Environment, "POUCH-VER-03"));
    let too_late = posted.received_at(&world, MD, later(end + limits::CLOCK_SKEW_MS_MAX + 1));
    assert_eq!(refused(too_late), only(Clause::Environment, "POUCH-VER-02"));
}

#[test]
fn an_exercise_that_nobody_opened_is_none() {
    let world = World::new();
    let unknown = Environment::Exercise(ExerciseId(sha256(b"another exercise")));
    let posted = letter(&world, unknown, NL, &[MD], &[]).posted();
    assert_eq!(posted.admitted(&world, ACCEPTED).unwrap_err().code(), "POUCH-DIR-45");
    let found = refused(posted.received(&world, MD));
    assert_eq!(
        found,
        [(Clause::Environment, "POUCH-VER-01".to_owned()), (Clause::Binding, "POUCH-DIR-45".to_owned()),]
    );
}
