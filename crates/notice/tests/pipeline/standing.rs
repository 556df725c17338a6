//! What later notices do to earlier ones, once they are verified: nobody takes back what another said.

use pouch_notice::{Clause, Effect, Misquote, Notice, NoticeNumber, Reference, Verified, effect, standing};
use pouch_wire::{Canonical as _, Environment, NoticeId, NoticeType};

use crate::post::{BA, Letter, MD, NL, letter, only, refused};
use crate::stage;
use crate::world::{World, point};

/// NL's notice to MD and BA, and its id.
fn earlier(world: &World) -> (Notice, NoticeId) {
    let notice = letter(world, Environment::Live, NL, &[MD, BA], &[]).notice;
    let id = Notice::id_of(&notice.to_bytes().unwrap());
    (notice, id)
}

fn reference(world: &World) -> Reference {
    let (notice, id) = earlier(world);
    Reference { sender: notice.sender, number: notice.number, id }
}

/// A later notice of a type that names the earlier one, or something like it.
fn later(
    world: &World,
    from: &str,
    environment: Environment,
    kind: NoticeType,
    concerns: Reference,
) -> Letter {
    let to = if from == MD { NL } else { MD };
    letter(world, environment, from, &[to], &[]).saying(|n| {
        (n.body, n.concerns) = (stage::body(kind), Some(concerns));
        n.number = NoticeNumber { year: 2026, n: 8 };
    })
}

fn verified(world: &World, letter: &Letter) -> Verified<Notice> {
    let to = letter.notice.to.iter().next().unwrap().to_string();
    letter.posted().received(world, &to).unwrap()
}

#[test]
fn each_later_type_does_what_its_name_says() {
    let world = World::new();
    let (notice, id) = earlier(&world);
    for (from, kind, expected) in [
        (NL, NoticeType::Correction, Effect::Corrects),
        (NL, NoticeType::Cancellation, Effect::Cancels),
        (NL, NoticeType::Update, Effect::Follows),
        (NL, NoticeType::AllClear, Effect::Follows),
        (MD, NoticeType::Response, Effect::Answers),
        (MD, NoticeType::Update, Effect::Follows),
    ] {
        let later = verified(&world, &later(&world, from, Environment::Live, kind, reference(&world)));
        assert_eq!(effect(&later, &notice, id), Ok(Some(expected)), "{kind} from {from}");
    }
}

#[test]
fn another_member_corrects_and_cancels_nothing() {
    let world = World::new();
    let (notice, id) = earlier(&world);
    for kind in [NoticeType::Correction, NoticeType::Cancellation] {
        // Said openly, no recipient believes it.
        let openly = later(&world, MD, Environment::Live, kind, reference(&world));
        assert_eq!(refused(openly.posted().received(&world, NL)), only(Clause::Whole, "POUCH-NOT-06"));
        // Said as if the earlier notice were its own, it concerns no such notice.
        let disguised = Reference { sender: point(MD), ..reference(&world) };
        let disguised = verified(&world, &later(&world, MD, Environment::Live, kind, disguised));
        assert_eq!(effect(&disguised, &notice, id), Err(Misquote::OtherNumber));
        assert_eq!(standing(&notice, id, [&disguised]), pouch_notice::Standing::default());
    }
}

#[test]
fn a_notice_is_named_by_its_number_and_its_id() {
    let world = World::new();
    let (notice, id) = earlier(&world);
    let kind = NoticeType::Cancellation;
    let number = Reference { number: NoticeNumber { year: 2026, n: 9 }, ..reference(&world) };
    let other_number = verified(&world, &later(&world, NL, Environment::Live, kind, number));
    assert_eq!(effect(&other_number, &notice, id), Err(Misquote::OtherNumber));
    let office = Reference { sender: point("NL/policy"), ..reference(&world) };
    let other_office = verified(&world, &later(&world, NL, Environment::Live, kind, office));
    assert_eq!(effect(&other_office, &notice, id), Err(Misquote::OtherNumber));
    let other_id = Reference { id: NoticeId(pouch_crypto::sha256(b"another")), ..reference(&world) };
    let other_id = verified(&world, &later(&world, NL, Environment::Live, kind, other_id));
    assert_eq!(effect(&other_id, &notice, id), Ok(None));
}

#[test]
fn a_drill_takes_nothing_back_that_was_said_live() {
    let world = World::new();
    let (notice, id) = earlier(&world);
    let kind = NoticeType::Cancellation;
    let drilled = verified(&world, &later(&world, NL, world.drill(), kind, reference(&world)));
    assert_eq!(effect(&drilled, &notice, id), Err(Misquote::OtherEnvironment));
    assert_eq!(standing(&notice, id, [&drilled]), pouch_notice::Standing::default());
}

#[test]
fn what_became_of_a_notice_is_told_in_the_order_in_which_it_came() {
    let world = World::new();
    let (notice, id) = earlier(&world);
    let says = |from, kind, n| {
        let letter = later(&world, from, Environment::Live, kind, reference(&world));
        verified(&world, &letter.saying(|notice| notice.number.n = n))
    };
    let all = [
        says(MD, NoticeType::Response, 1),
        says(NL, NoticeType::Correction, 2),
        says(NL, NoticeType::Cancellation, 3),
        says(NL, NoticeType::Correction, 4),
        says(NL, NoticeType::Cancellation, 5),
        says(NL, NoticeType::Update, 6),
    ];
    let became = standing(&notice, id, &all);
    let numbers = |of: &[Reference]| of.iter().map(|r| r.number.n).collect::<Vec<_>>();
    assert_eq!(became.cancelled_by.map(|r| r.number.n), Some(3), "the first that withdrew it");
    assert_eq!(numbers(&became.corrected_by), [2, 4]);
    assert_eq!(numbers(&became.answered_by), [1]);
}
