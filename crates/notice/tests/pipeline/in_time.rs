//! Keys that were rotated or revoked, members that were suspended: what came first, and how sure that is.

use pouch_envelope::Refusal;
use pouch_notice::{Clause, Facts, State};
use pouch_wire::{Environment, Timestamp, limits};

use crate::logs::Logged;
use crate::post::{ACCEPTED, MD, NL, Posted, READ, facts, holds, honest, in_state, only, refused, reserved};
use crate::world::{DAY, HOUR, NOW, World, earlier, key, later, mandate, office};

const NEXT: &str = "NL/technical, the next";

fn long_valid(world: &World) -> Posted {
    honest(world).saying(|n| n.not_after = later(5 * DAY)).posted()
}

/// The same world, in which NL's key is revoked with effect from a time.
fn revoked(world: &World, effective: Timestamp) -> World {
    let mut world = world.clone();
    world.revoke(NL, effective, later(10 * HOUR));
    world
}

#[test]
fn what_witnesses_saw_before_a_revocation_took_effect_still_counts() {
    let world = World::new();
    let posted = honest(&world).posted();
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let just_before = Timestamp(ACCEPTED.0 + limits::CLOCK_SKEW_MS_MAX + 1);
    for effective in [just_before, later(HOUR)] {
        assert!(holds(&logged.received(&revoked(&world, effective), &posted, MD)));
    }
}

#[test]
fn what_came_after_a_revocation_took_effect_is_refused() {
    let world = World::new();
    let posted = honest(&world).posted();
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let just_after = Timestamp(ACCEPTED.0 - limits::CLOCK_SKEW_MS_MAX - 1);
    for effective in [just_after, earlier(HOUR), earlier(9 * DAY)] {
        let world = revoked(&world, effective);
        let verdict = refused(logged.received(&world, &posted, MD));
        assert_eq!(verdict, only(Clause::KeyInTime, "POUCH-VER-30"));
        assert_eq!(refused(posted.received(&world, MD)), only(Clause::KeyInTime, "POUCH-VER-30"));
    }
}

#[test]
fn what_came_at_about_that_time_is_doubtful() {
    let world = World::new();
    let posted = honest(&world).posted();
    let logged = Logged::new(&world, &posted, ACCEPTED);
    for effective in [
        Timestamp(ACCEPTED.0 - limits::CLOCK_SKEW_MS_MAX),
        ACCEPTED,
        Timestamp(ACCEPTED.0 + limits::CLOCK_SKEW_MS_MAX),
    ] {
        let received = logged.received(&revoked(&world, effective), &posted, MD);
        assert_eq!(reserved(received), only(Clause::KeyInTime, "POUCH-VER-31"));
    }
}

#[test]
fn what_rests_on_the_relay_s_word_alone_is_doubtful() {
    let world = World::new();
    let posted = honest(&world).posted();
    let received = posted.received(&revoked(&world, later(HOUR)), MD);
    assert_eq!(reserved(received), only(Clause::KeyInTime, "POUCH-VER-32"));
}

#[test]
fn a_revoked_key_signs_nothing_more() {
    let before = World::new();
    let after = revoked(&before, later(HOUR));
    let cites_revocation = honest(&after).posted();
    assert_eq!(cites_revocation.admitted(&after, ACCEPTED).unwrap_err().code(), "POUCH-DIR-43");
    assert_eq!(refused(cites_revocation.received(&after, MD)), only(Clause::Binding, "POUCH-DIR-43"));
    // No relay takes it, whatever directory it cites.
    let cites_before = honest(&before).posted();
    assert!(cites_before.admitted(&before, ACCEPTED).is_ok());
    assert_eq!(cites_before.admitted(&after, ACCEPTED).unwrap_err().code(), "POUCH-DIR-43");
    // And the office goes on with another key.
    let mut after = after;
    after.authorise(office(NL, NEXT, Environment::Live, mandate()), later(11 * HOUR));
    let next = honest(&after).with(|l| (l.inside_key, l.outside_key) = (NEXT.into(), NEXT.into())).posted();
    assert!(next.admitted(&after, ACCEPTED).is_ok());
    assert!(holds(&next.received(&after, MD)));
}

#[test]
fn a_key_that_was_rotated_out_may_finish_what_was_under_way_and_no_more() {
    let mut world = World::new();
    let under_way = long_valid(&world);
    world.authorise(office(NL, NEXT, Environment::Live, mandate()), later(0));
    let grace = limits::SUPERSEDED_GRACE_MS;
    assert!(under_way.admitted(&world, later(grace)).is_ok());
    assert!(holds(&under_way.received_at(&world, MD, later(grace - 1001))), "read within the day");
    let about = under_way.received_at(&world, MD, later(grace));
    assert_eq!(reserved(about), only(Clause::Binding, "POUCH-VER-35"));
    let refusal = under_way.admitted(&world, later(grace + 1)).unwrap_err();
    let Refusal::LongSuperseded { key: replaced, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!(replaced, key(NL).public().id());
    let too_late = under_way.received_at(&world, MD, later(grace + limits::CLOCK_SKEW_MS_MAX + 1));
    assert_eq!(refused(too_late), only(Clause::Binding, "POUCH-ADM-14"));

    // Whoever knows of the new key does not use the old one.
    let old_key = honest(&world).posted();
    assert_eq!(old_key.admitted(&world, ACCEPTED).unwrap_err().code(), "POUCH-DIR-42");
    assert_eq!(refused(old_key.received(&world, MD)), only(Clause::Binding, "POUCH-DIR-42"));
    let new_key =
        honest(&world).with(|l| (l.inside_key, l.outside_key) = (NEXT.into(), NEXT.into())).posted();
    assert!(new_key.admitted(&world, ACCEPTED).is_ok());
    assert!(holds(&new_key.received(&world, MD)));
    // Nor does the new key speak before it was authorised.
    let too_early = honest(&world)
        .with(|l| (l.inside_key, l.outside_key) = (NEXT.into(), NEXT.into()))
        .citing(&world, world.directory.size() - 1)
        .posted();
    assert_eq!(refused(too_early.received(&world, MD)), only(Clause::Binding, "POUCH-DIR-41"));
}

#[test]
fn a_relay_s_false_time_does_not_make_a_retired_key_speak_again() {
    let mut world = World::new();
    let posted = honest(&world).saying(|n| n.not_after = later(20 * DAY)).posted();
    world.authorise(office(NL, NEXT, Environment::Live, mandate()), later(DAY));
    let ten_days_on = facts(&world, later(10 * DAY));
    // Made ten days later, with the old key, and dated back by a relay that helps.
    let unproved = posted.opened_at(&world, MD, ACCEPTED).unwrap().verify(&ten_days_on);
    assert_eq!(reserved(unproved), only(Clause::Binding, "POUCH-VER-35"));
    let late = Logged::seen(&world, "relay-1", posted.id(), ACCEPTED, later(10 * DAY));
    let proved = Facts { inclusion: Some(&late.inclusion), ..ten_days_on };
    let dated_back = posted.opened_with(MD, &late.receipt).unwrap().verify(&proved);
    assert_eq!(reserved(dated_back), only(Clause::Binding, "POUCH-VER-35"));
    // What witnesses saw in time is as good ten days later.
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let proved = Facts { inclusion: Some(&logged.inclusion), ..ten_days_on };
    assert!(holds(&posted.opened_with(MD, &logged.receipt).unwrap().verify(&proved)));
    // A clock that nobody confirms does not stand in for witnesses.
    let unsure = Facts { time_is_sure: false, ..facts(&world, later(HOUR)) };
    let by_our_clock = posted.opened_at(&world, MD, ACCEPTED).unwrap().verify(&unsure);
    assert_eq!(reserved(by_our_clock)[0], (Clause::Binding, "POUCH-VER-35".to_owned()));
    assert!(holds(&posted.opened_at(&world, MD, ACCEPTED).unwrap().verify(&facts(&world, later(HOUR)))));
}

#[test]
fn what_fails_by_one_relay_s_time_alone_may_hold_by_another_s() {
    let mut world = World::new();
    let posted = long_valid(&world);
    world.authorise(office(NL, NEXT, Environment::Live, mandate()), later(0));
    world.revoke(NL, later(HOUR), later(10 * HOUR));
    let read = later(3 * DAY);
    let from = |accepted| posted.opened_at(&world, MD, accepted).unwrap().verify(&facts(&world, read));
    let Err(refused) = from(later(2 * DAY)) else { panic!("it was verified") };
    let codes: Vec<_> = refused.verdict.failing().map(|clause| clause.code.as_str()).collect();
    assert_eq!(codes, ["POUCH-ADM-14", "POUCH-VER-30"]);
    assert!(!refused.is_final(), "that relay may have written a false time");
    assert!(from(ACCEPTED).is_ok());
    // A relay whose log witnesses saw is held to its time.
    let logged = Logged::new(&world, &posted, later(2 * DAY));
    let Err(refused) = logged.received(&world, &posted, MD) else { panic!("it was verified") };
    assert!(refused.is_final());
}

#[test]
fn a_receipt_whose_time_cannot_be_true_is_none_and_costs_no_message() {
    let world = World::new();
    let posted = long_valid(&world);
    let skew = limits::CLOCK_SKEW_MS_MAX;
    let read = |accepted| posted.opened_at(&world, MD, accepted).unwrap().verify(&facts(&world, READ));
    for possible in [Timestamp(NOW.0 - skew), ACCEPTED, Timestamp(READ.0 + skew)] {
        assert!(holds(&read(possible)));
    }
    for impossible in
        [Timestamp(NOW.0 - skew - 1), Timestamp(READ.0 + skew + 1), later(20 * DAY), Timestamp(0)]
    {
        let Err(not_yet) = read(impossible) else { panic!("it was verified") };
        assert!(!not_yet.is_final());
        assert_eq!(refused::<pouch_notice::Notice>(Err(not_yet)), only(Clause::Log, "POUCH-VER-60"));
    }
}

#[test]
fn a_suspended_member_speaks_for_nobody_from_then_on() {
    let world = World::new();
    let posted = long_valid(&world);
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let mut suspended = world.clone();
    suspended.suspend("NL", later(HOUR));
    assert!(holds(&logged.received(&suspended, &posted, MD)), "witnesses saw it before");
    let by_word = posted.received(&suspended, MD);
    assert_eq!(reserved(by_word), only(Clause::Binding, "POUCH-VER-34"));
    let about = posted.received_at(&suspended, MD, later(HOUR));
    assert_eq!(reserved(about), only(Clause::Binding, "POUCH-VER-34"));
    let after = posted.received_at(&suspended, MD, later(HOUR + limits::CLOCK_SKEW_MS_MAX + 1));
    assert_eq!(refused(after), only(Clause::Binding, "POUCH-VER-33"));
    assert_eq!(posted.admitted(&suspended, later(HOUR)).unwrap_err().code(), "POUCH-DIR-44");
    let cites_it = honest(&suspended).posted();
    assert_eq!(refused(cites_it.received(&suspended, MD)), only(Clause::Binding, "POUCH-DIR-44"));
    // The others go on.
    let other = crate::post::letter(&suspended, Environment::Live, MD, &[crate::post::BA], &[]).posted();
    assert!(holds(&other.received(&suspended, crate::post::BA)));
}

#[test]
fn a_message_is_judged_anew_by_what_became_known_since() {
    let world = World::new();
    let posted = honest(&world).posted();
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let first = logged.received(&world, &posted, MD).unwrap();
    assert!(in_state(first.verdict(), State::Fails).is_empty());
    let kept = first.arrived().clone();
    let again = pouch_notice::reopen(kept, first.secret().clone()).unwrap();
    let thief_since = revoked(&world, earlier(HOUR));
    let verdict = refused(again.verify(&logged.facts(&thief_since)));
    assert_eq!(verdict, only(Clause::KeyInTime, "POUCH-VER-30"));
}
