//! The release rule that the sender's state publishes, as every recipient checks it.

use pouch_crypto::{Context, Domain};
use pouch_notice::{Approval, Clause, Colour, Facts};
use pouch_wire::{Canonical as _, Environment, Timestamp};

use crate::logs::Logged;
use crate::post::{ACCEPTED, Letter, MD, NL, facts, holds, honest, only, refused, reserved};
use crate::world::{DAY, HOUR, World, earlier, key, later, mandate};

const OFFICERS: [(&str, &str); 4] = [
    ("director", "director"),
    ("director's second key", "director"),
    ("duty", "duty officer"),
    ("deputy", "deputy"),
];

fn world(officers: u8, break_glass: bool) -> World {
    let mut world = World::new();
    for (name, person) in OFFICERS {
        world.authorise_officer(name, person, mandate(), earlier(2 * DAY));
    }
    world.demand(officers, break_glass, earlier(2 * DAY));
    world
}

/// Released by these officers' keys: whether it holds, else that it fails for want of release alone.
fn released(world: &World, letter: &Letter) -> bool {
    let received = letter.posted().received(world, MD);
    if holds(&received) {
        return true;
    }
    assert_eq!(refused(received), only(Clause::Release, "POUCH-VER-42"));
    false
}

#[test]
fn two_officers_are_two_persons_to_every_recipient() {
    let world = world(2, false);
    let by = |names: &[&str]| released(&world, &honest(&world).approved(names));
    assert!(by(&["director", "duty"]));
    assert!(by(&["director", "duty", "deputy"]));
    assert!(!by(&[]));
    assert!(!by(&["duty"]), "one officer only");
    assert!(!by(&["director", "director's second key"]), "the same person twice");
    assert!(!by(&["director", "a stranger"]));
    assert!(!by(&["director", NL]), "the office is no officer");
    assert!(by(&["director", "director's second key", "duty"]));
}

#[test]
fn no_state_is_bound_by_a_rule_that_it_did_not_make() {
    let world = World::new();
    assert!(released(&world, &honest(&world)));
}

#[test]
fn an_approval_is_of_one_notice() {
    let world = world(2, false);
    let other = honest(&world).saying(|n| n.number.n += 1).approved(&["director", "duty"]);
    assert!(released(&world, &other));
    let moved = honest(&world).with(|l| l.approvals = other.approvals.clone());
    assert!(!released(&world, &moved), "approved for another notice");
    let edited =
        honest(&world).approved(&["director", "duty"]).saying(|n| n.not_after = Timestamp(n.not_after.0 + 1));
    assert!(!released(&world, &edited), "edited after it was approved");
    let reduced = honest(&world).approved(&["director", "duty"]).with(|l| l.approvals.truncate(1));
    assert!(!released(&world, &reduced), "an approval was taken away");
}

#[test]
fn an_approval_is_a_signature_for_that_purpose_network_and_environment() {
    let world = world(1, false);
    let letter = honest(&world);
    let bytes = letter.notice.to_bytes().unwrap();
    let network = letter.notice.network;
    let signed = |purpose: Domain, context: Context| {
        let officer = key("duty");
        let signature = officer.sign(purpose, &context, &bytes);
        let approvals = vec![Approval { officer: officer.public().id(), signature }];
        released(&world, &honest(&world).with(|l| l.approvals = approvals))
    };
    let live = Context::of(network, Environment::Live);
    for purpose in Domain::ALL {
        assert_eq!(signed(purpose, live), purpose == Domain::Approval, "{purpose:?}");
    }
    assert!(!signed(Domain::Approval, Context::of(network, world.drill())));
    let other = World::founded("Another network").directory.context(Environment::Live);
    assert!(!signed(Domain::Approval, other));
    // And by the key that it names.
    let mut borrowed = honest(&world).approved(&["deputy"]).approvals;
    borrowed[0].officer = key("duty").public().id();
    assert!(!released(&world, &honest(&world).with(|l| l.approvals = borrowed)));
}

#[test]
fn an_officer_approves_within_an_own_mandate_only() {
    let mut world = World::new();
    let mut narrow = mandate();
    narrow.highest_precedence = pouch_wire::Precedence::Immediate;
    world.authorise_officer("duty", "duty", narrow, earlier(2 * DAY));
    world.demand(1, false, earlier(2 * DAY));
    let calm = honest(&world).saying(|n| n.precedence = pouch_wire::Precedence::Immediate);
    assert!(released(&world, &calm.approved(&["duty"])));
    assert!(!released(&world, &honest(&world).approved(&["duty"])), "flash is beyond this officer");
}

#[test]
fn an_officer_of_a_live_office_does_not_release_a_drill() {
    let world = world(1, false);
    let drill = crate::post::drill(&world).approved(&["duty"]);
    assert!(!released(&world, &drill));
}

#[test]
fn breaking_the_glass_is_allowed_by_the_rule_marked_and_never_green() {
    let allowed = world(2, true);
    let marked =
        |world: &World, names: &[&str]| honest(world).saying(|n| n.break_glass = true).approved(names);
    let by_one = marked(&allowed, &["duty"]).posted();
    assert_eq!(reserved(by_one.received(&allowed, MD)), only(Clause::Release, "POUCH-VER-41"));
    let verified = by_one.received(&allowed, MD).unwrap();
    assert_eq!(verified.verdict().colour(), Colour::Amber);
    assert!(!released(&allowed, &marked(&allowed, &[])), "not by nobody");
    assert!(!released(&allowed, &honest(&allowed).approved(&["duty"])), "not unmarked");
    assert!(released(&allowed, &marked(&allowed, &["duty", "director"])), "two are two");
    let forbidden = world(2, false);
    assert!(!released(&forbidden, &marked(&forbidden, &["duty"])));
    assert!(released(&forbidden, &honest(&forbidden).approved(&["duty", "director"])));
}

/// The duty officer's key was revoked with effect from an hour after the notice, or another time.
fn revoked(world: &World, effective: Timestamp) -> World {
    let mut later_on = world.clone();
    later_on.revoke("duty", effective, later(10 * HOUR));
    later_on
}

#[test]
fn an_officer_whose_key_was_revoked_approved_before_after_or_at_about_that_time() {
    let world = world(2, false);
    let letter = honest(&world).approved(&["director", "duty"]);
    let posted = letter.posted();
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let judged = |effective: u64| logged.received(&revoked(&world, later(effective)), &posted, MD);
    assert!(holds(&judged(HOUR)), "witnesses saw it before");
    assert_eq!(reserved(judged(100_000)), only(Clause::Release, "POUCH-VER-44"));
    let long_before = logged.received(&revoked(&world, earlier(HOUR)), &posted, MD);
    // By that relay's time alone: another may have accepted it earlier.
    assert_eq!(refused(long_before), only(Clause::Release, "POUCH-VER-48"));
    let by_one_relay = posted.received(&revoked(&world, earlier(HOUR)), MD);
    assert!(by_one_relay.is_err_and(|refused| !refused.is_final()));
    // Without a witness, that it came before is the relay's word.
    let by_word = posted.received(&revoked(&world, later(HOUR)), MD);
    assert_eq!(reserved(by_word), only(Clause::Release, "POUCH-VER-44"));
    // With a third officer it does not matter.
    let posted = honest(&world).approved(&["director", "duty", "deputy"]).posted();
    assert!(holds(&posted.received(&revoked(&world, earlier(HOUR)), MD)));
}

#[test]
fn an_officer_whose_revocation_the_sender_cites_counts_for_nothing() {
    let mut world = world(2, false);
    world.revoke("duty", earlier(HOUR), earlier(HOUR));
    assert!(!released(&world, &honest(&world).approved(&["director", "duty"])));
    assert!(released(&world, &honest(&world).approved(&["director", "deputy"])));
}

#[test]
fn a_sender_does_not_choose_the_rule_that_it_is_judged_by() {
    let mut world = World::new();
    for (name, person) in OFFICERS {
        world.authorise_officer(name, person, mandate(), earlier(5 * DAY));
    }
    world.demand(1, false, earlier(4 * DAY));
    let lax = world.directory.size();
    world.demand(2, false, later(0));
    let long = |l: Letter| l.saying(|n| n.not_after = later(3 * DAY));
    let cites_old = long(honest(&world)).citing(&world, lax).approved(&["duty"]).posted();
    assert!(holds(&cites_old.received_at(&world, MD, later(DAY - 1001))), "it had not heard of it yet");
    let a_day_later = cites_old.received_at(&world, MD, later(DAY));
    assert!(a_day_later.as_ref().is_err_and(|refused| !refused.is_final()), "by that relay's time alone");
    assert_eq!(refused(a_day_later), only(Clause::Release, "POUCH-VER-47"));
    // Nor does a relay that dates back choose it for the sender.
    let dated_back = cites_old.opened(&world, MD).unwrap().verify(&facts(&world, later(2 * DAY)));
    assert_eq!(reserved(dated_back), only(Clause::Release, "POUCH-VER-46"));
    let logged = Logged::new(&world, &cites_old, ACCEPTED);
    let proved = Facts { inclusion: Some(&logged.inclusion), ..facts(&world, later(2 * DAY)) };
    assert!(holds(&cites_old.opened_with(MD, &logged.receipt).unwrap().verify(&proved)));
    assert!(!released(&world, &honest(&world).approved(&["duty"])));
}

/// The deputy may approve until an hour after the notice's date, or another time.
fn delegated(until: Timestamp) -> World {
    let mut world = World::new();
    world.authorise_officer("director", "director", mandate(), earlier(2 * DAY));
    let ends = pouch_directory::Mandate { until, ..mandate() };
    world.authorise_officer("deputy", "deputy", ends, earlier(2 * DAY));
    world.demand(2, false, earlier(2 * DAY));
    world
}

#[test]
fn a_delegation_that_ran_out_counts_for_nothing_whatever_date_the_notice_has() {
    // The notice is dated before the end, and the relay accepted it long after: somebody dated it back.
    let world = delegated(later(HOUR));
    let letter = honest(&world).saying(|n| n.not_after = later(DAY)).approved(&["director", "deputy"]);
    let posted = letter.posted();
    assert!(holds(&posted.received(&world, MD)), "accepted and read before the end");
    let late = posted.received_at(&world, MD, later(2 * HOUR));
    assert!(late.as_ref().is_err_and(|refused| !refused.is_final()), "by that relay's time alone");
    assert_eq!(refused(late), only(Clause::Release, "POUCH-VER-48"));
    let about = posted.received_at(&world, MD, later(HOUR + 1000));
    assert_eq!(reserved(about), only(Clause::Release, "POUCH-VER-44"));
    // Read after the end: that it came before is witnessed, or the relay's word.
    let read_late =
        Facts { now: later(3 * HOUR), cosigned_at: Some(later(3 * HOUR)), ..facts(&world, ACCEPTED) };
    let by_word = posted.opened(&world, MD).unwrap().verify(&read_late);
    assert_eq!(reserved(by_word), only(Clause::Release, "POUCH-VER-44"));
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let proved = Facts { inclusion: Some(&logged.inclusion), ..read_late };
    assert!(holds(&posted.opened_with(MD, &logged.receipt).unwrap().verify(&proved)));
}

#[test]
fn an_office_s_own_node_counts_no_officer_whose_mandate_is_over_now() {
    let world = delegated(later(HOUR));
    let letter = honest(&world).approved(&["director", "deputy"]);
    let bytes = letter.notice.to_bytes().unwrap();
    let view = world.directory.now_view();
    let have = |now| {
        let judged = pouch_notice::Release::judge_now(&letter.notice, &bytes, &letter.approvals, &view, now);
        judged.approved_by.len()
    };
    assert_eq!(have(later(HOUR - 1)), 2);
    assert_eq!(have(later(HOUR)), 1);
}
