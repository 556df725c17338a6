//! What an office confirms again under a key that is good: a doubt about the old key ends, and nobody
//! else, and nothing that is itself in doubt, ends it.

use pouch_directory::{Act, Mandate, ReleaseRule};
use pouch_notice::{
    Body, Clause, Colour, Confirmation, Effect, Facts, Misquote, Notice, NoticeNumber, Reference, Refused,
    Verified, body, effect, sentences, standing,
};
use pouch_wire::{Canonical as _, Environment, List, NoticeId, NoticeType, Precedence, Text, Timestamp};

use crate::logs::Logged;
use crate::post::{
    ACCEPTED, BA, Letter, MD, NL, Posted, facts, holds, honest, letter, only, refused, reserved,
};
use crate::world::{DAY, HOUR, World, earlier, key, later, mandate, office, point, set};

const NEXT: &str = "NL/technical, the next";
/// When the confirmation is written and read.
const AGAIN: u64 = 11 * HOUR;

/// NL's key was revoked with effect from a time, and NL has another.
fn world(effective: Timestamp) -> (World, World) {
    let before = World::new();
    let mut after = before.clone();
    after.revoke(NL, effective, later(10 * HOUR));
    after.authorise(office(NL, NEXT, Environment::Live, mandate()), later(10 * HOUR));
    (before, after)
}

/// The notice that is in doubt, and what names it.
fn doubted(world: &World) -> (Letter, Reference) {
    let letter = honest(world).saying(|n| n.not_after = later(5 * DAY));
    let reference = reference(&letter.notice);
    (letter, reference)
}

fn reference(notice: &Notice) -> Reference {
    let id = Notice::id_of(&notice.to_bytes().unwrap());
    Reference { sender: notice.sender.clone(), number: notice.number, id }
}

/// An update of an office about a notice, which confirms it.
fn confirming(world: &World, from: &str, environment: Environment, of: Reference) -> Letter {
    let to = if from == MD { BA } else { MD };
    letter(world, environment, from, &[to], &[]).saying(|n| {
        n.body = Body::Update(body::Plain { text: Text::new("It is ours.").unwrap() });
        n.concerns = Some(of);
        n.number = NoticeNumber { year: 2026, n: 9 };
        n.sentences = List::new(vec![Text::new(sentences::CONFIRMS).unwrap()]).unwrap();
        (n.created, n.not_after) = (later(AGAIN), later(5 * DAY));
    })
}

fn by_next(letter: Letter) -> Letter {
    letter.with(|l| (l.inside_key, l.outside_key) = (NEXT.into(), NEXT.into()))
}

/// A confirmation as its recipient has it.
fn received(world: &World, letter: &Letter) -> Verified<Notice> {
    let to = letter.notice.to.iter().next().unwrap().to_string();
    letter.posted().received_at(world, &to, later(AGAIN + 1000)).unwrap()
}

fn confirmation(world: &World, letter: &Letter) -> Option<Confirmation> {
    Confirmation::of(&received(world, letter))
}

/// The doubted notice as its recipient judges it with these confirmations at hand.
fn judged(
    world: &World,
    posted: &Posted,
    logged: &Logged,
    confirmations: &[Confirmation],
) -> Result<Verified<Notice>, Refused> {
    let facts = Facts { inclusion: Some(&logged.inclusion), ..facts(world, later(AGAIN + HOUR)) };
    posted.opened_with(MD, &logged.receipt).unwrap().verify_confirmed(&facts, confirmations)
}

#[test]
fn a_doubtful_notice_holds_again_when_its_office_confirms_it() {
    let (before, after) = world(ACCEPTED);
    let (letter, of) = doubted(&before);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    assert_eq!(reserved(judged(&after, &posted, &logged, &[])), only(Clause::KeyInTime, "POUCH-VER-31"));
    let confirmed = confirmation(&after, &by_next(confirming(&after, NL, Environment::Live, of))).unwrap();
    let again = judged(&after, &posted, &logged, std::slice::from_ref(&confirmed));
    assert!(holds(&again));
    let words = |v: &Verified<Notice>| {
        v.verdict().clauses.iter().find(|c| c.clause == Clause::KeyInTime).unwrap().words.clone()
    };
    assert!(words(&again.unwrap()).contains("NL/technical 2026-0009, under a key that is good"));
}

#[test]
fn a_refused_notice_is_shown_again_with_a_reservation_when_its_office_confirms_it() {
    let (before, after) = world(earlier(HOUR));
    let (letter, of) = doubted(&before);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    assert_eq!(refused(judged(&after, &posted, &logged, &[])), only(Clause::KeyInTime, "POUCH-VER-30"));
    let confirmed = confirmation(&after, &by_next(confirming(&after, NL, Environment::Live, of))).unwrap();
    let again = judged(&after, &posted, &logged, &[confirmed]);
    assert_eq!(reserved(again), only(Clause::KeyInTime, "POUCH-VER-36"));
}

#[test]
fn nothing_but_this_very_notice_is_confirmed() {
    let (before, after) = world(ACCEPTED);
    let (letter, of) = doubted(&before);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    let other_id = Reference { id: NoticeId(pouch_crypto::sha256(b"another")), ..of.clone() };
    let other_number = Reference { number: NoticeNumber { year: 2026, n: 99 }, ..of };
    for wrong in [other_id, other_number] {
        let letter = by_next(confirming(&after, NL, Environment::Live, wrong));
        let confirmed = confirmation(&after, &letter).unwrap();
        assert_eq!(
            reserved(judged(&after, &posted, &logged, &[confirmed])),
            only(Clause::KeyInTime, "POUCH-VER-31")
        );
    }
}

#[test]
fn nobody_confirms_what_another_office_said() {
    let (before, after) = world(ACCEPTED);
    let (_, of) = doubted(&before);
    // Said openly, it breaks the form.
    let openly = confirming(&after, MD, Environment::Live, of.clone());
    let refusal = openly.posted().received_at(&after, BA, later(AGAIN + 1000));
    assert_eq!(refused(refusal), only(Clause::Whole, "POUCH-NOT-10"));
    // Said as if the notice were its own, it names no such notice.
    let disguised = Reference { sender: point(MD), ..of.clone() };
    let disguised = received(&after, &confirming(&after, MD, Environment::Live, disguised));
    let notice = doubted(&before).0.notice;
    assert_eq!(effect(&disguised, &notice, of.id), Err(Misquote::OtherNumber));
    let confirmed = Confirmation::of(&disguised).unwrap();
    let (posted, logged) = {
        let posted = doubted(&before).0.posted();
        let logged = Logged::new(&before, &posted, ACCEPTED);
        (posted, logged)
    };
    assert_eq!(
        reserved(judged(&after, &posted, &logged, &[confirmed])),
        only(Clause::KeyInTime, "POUCH-VER-31")
    );
}

#[test]
fn a_key_that_is_itself_in_doubt_confirms_nothing() {
    let (before, after) = world(ACCEPTED);
    let (letter, of) = doubted(&before);
    // By the revoked key, at about the same time: whoever has it would vouch for itself.
    let own = letter_of_the_thief(&before, of.clone());
    let verified = own.posted().received(&after, MD).unwrap();
    assert_eq!(verified.verdict().colour(), Colour::Amber);
    assert_eq!(Confirmation::of(&verified), None);
    assert_eq!(standing(&letter.notice, of.id, [&verified]), pouch_notice::Standing::default());
    // And the next key's word is worth nothing once that is revoked too.
    let mut later_on = after.clone();
    later_on.revoke(NEXT, later(AGAIN), later(12 * HOUR));
    let confirming = by_next(confirming(&after, NL, Environment::Live, of));
    assert_eq!(confirmation(&later_on, &confirming), None);
}

fn letter_of_the_thief(world: &World, of: Reference) -> Letter {
    honest(world).saying(|n| {
        n.body = Body::Update(body::Plain { text: Text::new("It is ours.").unwrap() });
        (n.concerns, n.number.n) = (Some(of), 10);
        n.sentences = List::new(vec![Text::new(sentences::CONFIRMS).unwrap()]).unwrap();
    })
}

#[test]
fn an_update_without_the_sentence_confirms_nothing() {
    let (before, after) = world(ACCEPTED);
    let (letter, of) = doubted(&before);
    let plain =
        confirming(&after, NL, Environment::Live, of.clone()).saying(|n| n.sentences = List::default());
    let verified = received(&after, &by_next(plain));
    assert_eq!(Confirmation::of(&verified), None);
    assert_eq!(effect(&verified, &letter.notice, of.id), Ok(Some(Effect::Follows)));
}

#[test]
fn a_confirmation_is_named_in_what_became_of_a_notice() {
    let (before, after) = world(ACCEPTED);
    let (letter, of) = doubted(&before);
    let verified = received(&after, &by_next(confirming(&after, NL, Environment::Live, of.clone())));
    assert_eq!(effect(&verified, &letter.notice, of.id), Ok(Some(Effect::Confirms)));
    let numbers = standing(&letter.notice, of.id, [&verified]).confirmed_by;
    assert_eq!(numbers.iter().map(|r| r.number.n).collect::<Vec<_>>(), [9]);
}

#[test]
fn a_suspended_member_lifts_no_doubt_about_itself() {
    let before = World::new();
    let (letter, of) = doubted(&before);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    let confirmed = confirmation(&before, &confirming(&before, NL, Environment::Live, of)).unwrap();
    let mut suspended = before.clone();
    suspended.suspend("NL", ACCEPTED);
    let again = judged(&suspended, &posted, &logged, &[confirmed]);
    assert!(again.is_err() || again.unwrap().verdict().colour() == Colour::Amber);
}

/// Two officers must approve; NL's signing key is good, and one officer's is revoked.
fn officers() -> (World, World) {
    let mut before = World::new();
    for name in ["director", "duty", "deputy"] {
        before.authorise_officer(name, name, mandate(), earlier(2 * DAY));
    }
    // Only what the doubted notice is; an update leaves without officers.
    let rule = ReleaseRule {
        types: set(&[NoticeType::FreeText]),
        at_or_above: Precedence::Routine,
        officers: 2,
        break_glass: false,
    };
    let rules = List::new(vec![rule]).unwrap();
    let act = Act::SetReleaseRules { contact_point: point(NL), rules };
    before.log(act, earlier(2 * DAY), &[&key("NL root")]);
    let mut after = before.clone();
    after.revoke("duty", ACCEPTED, later(10 * HOUR));
    (before, after)
}

#[test]
fn an_officer_s_doubtful_approval_is_made_good_by_as_many_officers_again() {
    let (before, after) = officers();
    let (letter, of) = doubted(&before);
    let letter = letter.approved(&["director", "duty"]);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    assert_eq!(reserved(judged(&after, &posted, &logged, &[])), only(Clause::Release, "POUCH-VER-44"));
    let again = |names: &[&str]| {
        let calm = confirming(&after, NL, Environment::Live, of.clone()).approved(names);
        judged(&after, &posted, &logged, &[confirmation(&after, &calm).unwrap()])
    };
    // An update leaves without officers; it does not make good what needed two.
    assert_eq!(reserved(again(&[])), only(Clause::Release, "POUCH-VER-44"));
    assert_eq!(reserved(again(&["director"])), only(Clause::Release, "POUCH-VER-44"));
    assert!(holds(&again(&["director", "deputy"])));
}

/// A mandate for updates of routine precedence and nothing else.
fn narrow() -> Mandate {
    Mandate { types: set(&[NoticeType::Update]), highest_precedence: Precedence::Routine, ..mandate() }
}

#[test]
fn officers_who_may_only_approve_updates_make_good_nothing_else() {
    let (before, mut after) = officers();
    for name in ["clerk", "other clerk"] {
        after.authorise_officer(name, name, narrow(), later(10 * HOUR));
    }
    let (letter, of) = doubted(&before);
    let letter = letter.approved(&["director", "duty"]);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    let again = |names: &[&str]| {
        let calm = confirming(&after, NL, Environment::Live, of.clone())
            .saying(|n| n.precedence = Precedence::Routine)
            .approved(names);
        let verified = received(&after, &calm);
        // Each of them may approve the update itself.
        assert_eq!(verified.release().unwrap().approved_by.len(), names.len());
        judged(&after, &posted, &logged, &[Confirmation::of(&verified).unwrap()])
    };
    assert_eq!(reserved(again(&["clerk", "other clerk"])), only(Clause::Release, "POUCH-VER-44"));
    assert_eq!(reserved(again(&["director", "clerk"])), only(Clause::Release, "POUCH-VER-44"));
    assert!(holds(&again(&["director", "clerk", "deputy"])));
}

#[test]
fn of_two_confirmations_the_one_that_enough_officers_approved_counts() {
    let (before, after) = officers();
    let (letter, of) = doubted(&before);
    let letter = letter.approved(&["director", "duty"]);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    let with = |names: &[&str]| {
        let calm = confirming(&after, NL, Environment::Live, of.clone()).approved(names);
        confirmation(&after, &calm).unwrap()
    };
    let (few, enough) = (with(&[]), with(&["director", "deputy"]));
    assert!(holds(&judged(&after, &posted, &logged, &[few.clone(), enough.clone()])));
    assert!(holds(&judged(&after, &posted, &logged, &[enough, few])));
}

#[test]
fn an_office_that_may_only_send_updates_confirms_nothing_else() {
    let before = World::new();
    let mut after = before.clone();
    after.revoke(NL, ACCEPTED, later(10 * HOUR));
    after.authorise(office(NL, NEXT, Environment::Live, narrow()), later(10 * HOUR));
    let (letter, of) = doubted(&before);
    let (posted, logged) = (letter.posted(), Logged::new(&before, &letter.posted(), ACCEPTED));
    let calm = by_next(confirming(&after, NL, Environment::Live, of.clone()))
        .saying(|n| n.precedence = Precedence::Routine);
    let verified = received(&after, &calm);
    let confirmed = Confirmation::of(&verified).unwrap();
    // Its mandate is for updates, so what it once said stays in doubt.
    let again = judged(&after, &posted, &logged, &[confirmed]);
    assert_eq!(reserved(again), only(Clause::KeyInTime, "POUCH-VER-31"));
    assert_eq!(standing(&letter.notice, of.id, [&verified]).confirmed_by, []);
}

#[test]
fn a_confirmation_that_was_withdrawn_or_corrected_counts_no_more() {
    let (before, after) = world(ACCEPTED);
    let (_, of) = doubted(&before);
    let calm = by_next(confirming(&after, NL, Environment::Live, of.clone()));
    let of_the_confirmation = reference(&calm.notice);
    let verified = received(&after, &calm);
    let amending = |body: Body, of: Reference| {
        let letter = by_next(confirming(&after, NL, Environment::Live, of)).saying(|n| {
            (n.body, n.number.n, n.sentences) = (body, 10, List::default());
        });
        received(&after, &letter)
    };
    let text = || Text::new("It is not ours after all.").unwrap();
    let withdrawn = || Body::Cancellation(body::Plain { text: text() });
    let corrected = || Body::Correction(body::Correction { text: text(), corrected: List::default() });
    assert!(Confirmation::upheld(&verified, []).is_some());
    let cancels = amending(withdrawn(), of_the_confirmation.clone());
    assert_eq!(Confirmation::upheld(&verified, [&cancels]), None);
    let corrects = amending(corrected(), of_the_confirmation);
    assert_eq!(Confirmation::upheld(&verified, [&corrects]), None);
    // What withdraws another leaves it.
    let of_another = amending(withdrawn(), of);
    assert!(Confirmation::upheld(&verified, [&of_another]).is_some());
}
