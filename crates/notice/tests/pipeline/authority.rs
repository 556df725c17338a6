//! "Validly signed, but not authorised to say this" is a result of its own: mandates, as recipients judge
//! them.

use pouch_directory::{Audience, Mandate};
use pouch_notice::{Clause, Facts, Notice, State};
use pouch_wire::{Environment, NoticeType, Precedence, Timestamp, Tlp};

use crate::logs::Logged;
use crate::post::{ACCEPTED, BA, MD, NL, facts, holds, honest, in_state, only, refused, reserved};
use crate::world::{DAY, HOUR, NOW, World, drill_key, earlier, later, mandate, office, set};

/// NL/technical's mandate was changed, ten hours ago.
fn world_with(change: impl FnOnce(&mut Mandate)) -> World {
    let mut world = World::new();
    let mut mandate = mandate();
    change(&mut mandate);
    world.authorise(office(NL, NL, Environment::Live, mandate), earlier(10 * HOUR));
    world
}

fn audience(codes: &[&str]) -> Audience {
    let members: Vec<_> = codes.iter().map(|code| code.parse().unwrap()).collect();
    Audience::Members(set(&members))
}

/// A bound that covers the honest notice, and the same bound a step narrower.
fn bounded(within: fn(&mut Mandate), beyond: fn(&mut Mandate), words: &str) {
    let world = world_with(within);
    assert!(holds(&honest(&world).posted().received(&world, MD)), "{words}");
    let world = world_with(beyond);
    let posted = honest(&world).posted();
    // A relay is blind to it: the notice is authentic, and goes to whoever may judge it.
    assert!(posted.admitted(&world, ACCEPTED).is_ok());
    let Err(refused) = posted.received(&world, MD) else { panic!("{words}") };
    assert_eq!(in_state(&refused.verdict, State::Fails), [(Clause::Mandate, "POUCH-VER-40")], "{words}");
    let found = refused.verdict.decisive().unwrap();
    let expected = format!("Authentic, but NL/technical is not authorised to say this: {words}.");
    assert_eq!(found.words, expected);
    assert_eq!(found.exit, 11);
    let signatures = refused.verdict.clauses.iter().filter(|c| c.clause == Clause::Signature);
    assert!(signatures.map(|c| c.state).eq([State::Holds, State::Holds]), "it is validly signed");
}

#[test]
fn a_type_outside_the_mandate_is_not_the_state_s_word() {
    bounded(
        |m| m.types = set(&[NoticeType::FreeText]),
        |m| m.types = set(&[NoticeType::Update, NoticeType::CommCheck]),
        "it may not send free-text",
    );
}

#[test]
fn a_precedence_above_the_mandate_is_not_the_state_s_word() {
    bounded(
        |m| (m.highest_precedence, m.until) = (Precedence::Flash, later(50 * DAY)),
        |m| m.highest_precedence = Precedence::Immediate,
        "it may send immediate at most, and this is flash",
    );
}

#[test]
fn a_label_stricter_or_more_open_than_the_mandate_is_not_the_state_s_word() {
    bounded(|m| m.strictest_tlp = Tlp::Amber, |m| m.strictest_tlp = Tlp::Green, "it may not use TLP:AMBER");
    bounded(
        |m| m.most_open_tlp = Tlp::Amber,
        |m| m.most_open_tlp = Tlp::AmberStrict,
        "it may not use TLP:AMBER",
    );
}

#[test]
fn an_addressee_outside_the_mandate_even_for_information_is_not_the_state_s_to_write_to() {
    bounded(
        |m| m.audience = audience(&["BA", "MD"]),
        |m| m.audience = audience(&["MD"]),
        "it may not write to BA/technical",
    );
}

#[test]
fn a_date_outside_the_mandate_is_not_covered() {
    bounded(|m| m.from = NOW, |m| m.from = Timestamp(NOW.0 + 1), "its mandate does not cover this date");
    bounded(|m| m.until = Timestamp(NOW.0 + 1), |m| m.until = NOW, "its mandate does not cover this date");
}

#[test]
fn a_mandate_that_was_over_when_a_relay_accepted_it_is_not_revived_by_a_date() {
    let world = world_with(|m| m.until = later(HOUR));
    let posted = honest(&world).saying(|n| n.not_after = later(5 * DAY)).posted();
    assert!(holds(&posted.received(&world, MD)));
    // What is under way has a day.
    assert!(holds(&posted.received_at(&world, MD, later(DAY + HOUR - 1001))));
    let read_later = posted.received_at(&world, MD, later(DAY + HOUR - 1000));
    assert_eq!(reserved(read_later), only(Clause::Mandate, "POUCH-VER-45"), "by the relay's word alone");
    let dated_back = posted.received_at(&world, MD, later(DAY + HOUR));
    assert_eq!(refused(dated_back), only(Clause::Mandate, "POUCH-VER-43"));
}

#[test]
fn a_sender_does_not_choose_the_mandate_that_it_is_judged_by() {
    // Two days ago the state took free text away; the sender cites the directory of before.
    let mut world = World::new();
    let wide = world.directory.size();
    let mut narrow = mandate();
    narrow.types = set(&[NoticeType::CommCheck]);
    world.authorise(office(NL, NL, Environment::Live, narrow), later(0));
    let cites_old = honest(&world).saying(|n| n.not_after = later(3 * DAY)).citing(&world, wide).posted();
    assert!(holds(&cites_old.received(&world, MD)), "it had not heard of it yet");
    assert!(holds(&cites_old.received_at(&world, MD, later(DAY - 1001))));
    let a_day_later = cites_old.received_at(&world, MD, later(DAY));
    assert!(a_day_later.as_ref().is_err_and(|refused| !refused.is_final()), "by that relay's time alone");
    assert_eq!(refused(a_day_later), only(Clause::Mandate, "POUCH-VER-47"));
    // Nor does a relay that dates back choose it for the sender.
    let dated_back = cites_old.opened(&world, MD).unwrap().verify(&facts(&world, later(2 * DAY)));
    assert_eq!(reserved(dated_back), only(Clause::Mandate, "POUCH-VER-45"));
    let late = Logged::seen(&world, "relay-1", cites_old.id(), ACCEPTED, later(2 * DAY));
    let proved = Facts { inclusion: Some(&late.inclusion), ..facts(&world, later(2 * DAY)) };
    let dated_back = cites_old.opened_with(MD, &late.receipt).unwrap().verify(&proved);
    assert_eq!(reserved(dated_back), only(Clause::Mandate, "POUCH-VER-45"));
    let logged = Logged::new(&world, &cites_old, ACCEPTED);
    let proved = Facts { inclusion: Some(&logged.inclusion), ..facts(&world, later(2 * DAY)) };
    assert!(holds(&cites_old.opened_with(MD, &logged.receipt).unwrap().verify(&proved)));
    // And whoever cites the newer one is bound at once.
    let cites_new = honest(&world).posted();
    assert_eq!(refused(cites_new.received(&world, MD)), only(Clause::Mandate, "POUCH-VER-40"));
}

#[test]
fn a_drill_is_judged_by_the_drill_s_mandate() {
    let mut world = World::new();
    let mut narrow = mandate();
    narrow.types = set(&[NoticeType::CommCheck]);
    let drill = world.drill();
    world.authorise(office(NL, &drill_key(NL), drill, narrow), earlier(10 * HOUR));
    assert!(holds(&honest(&world).posted().received(&world, BA)));
    let posted = crate::post::drill(&world).posted();
    assert_eq!(refused(posted.received(&world, MD)), only(Clause::Mandate, "POUCH-VER-40"));
}

#[test]
fn the_label_is_inside_and_only_the_mandate_bounds_it() {
    let world = World::new();
    for tlp in Tlp::ALL {
        let says = |notice: &mut Notice| notice.tlp = tlp;
        assert!(holds(&honest(&world).saying(says).posted().received(&world, MD)), "{}", tlp.label());
    }
    let world = world_with(|m| (m.strictest_tlp, m.most_open_tlp) = (Tlp::Amber, Tlp::Green));
    for (tlp, allowed) in [
        (Tlp::Red, false),
        (Tlp::AmberStrict, false),
        (Tlp::Amber, true),
        (Tlp::Green, true),
        (Tlp::Clear, false),
    ] {
        let received = honest(&world).saying(|n| n.tlp = tlp).posted().received(&world, MD);
        assert_eq!(holds(&received), allowed, "{}", tlp.label());
        if !allowed {
            assert_eq!(refused(received), only(Clause::Mandate, "POUCH-VER-40"));
        }
    }
}
