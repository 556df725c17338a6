//! What a verdict rests on besides the message: a relay's promise and its log, a fresh directory, a sure
//! clock. What only cannot be told yet is never called refused for good.

use pouch_notice::{Clause, Doubt, Facts, Notice, Refused, State, Verified};
use pouch_wire::{EnvelopeId, Timestamp};

use crate::logs::Logged;
use crate::post::{ACCEPTED, MD, Posted, READ, facts, holds, honest, in_state, only, refused, reserved};
use crate::world::{HOUR, World, key};

fn with_receipt(world: &World, posted: &Posted, receipt: &[u8]) -> Result<Verified<Notice>, Refused> {
    posted.opened_with(MD, receipt).unwrap().verify(&facts(world, READ))
}

/// Refused for want of a relay's promise, and not for good.
fn not_promised(received: Result<Verified<Notice>, Refused>) {
    let Err(refused) = received else { panic!("it was verified") };
    assert_eq!(in_state(&refused.verdict, State::Fails), [(Clause::Log, "POUCH-VER-60")]);
    assert!(!refused.is_final(), "another relay may bring it");
}

#[test]
fn without_a_relay_s_promise_nothing_is_shown_until_one_comes() {
    let world = World::new();
    let posted = honest(&world).posted();
    let by = |names, signs, id| world.signed_receipt(names, signs, id, 0, ACCEPTED);
    let bytes = |receipt: pouch_envelope::SignedReceipt| pouch_wire::Canonical::to_bytes(&receipt).unwrap();
    not_promised(with_receipt(&world, &posted, b""));
    let another = EnvelopeId(pouch_crypto::sha256(b"another"));
    not_promised(with_receipt(&world, &posted, &bytes(by("relay-1", "relay-1", another))));
    not_promised(with_receipt(&world, &posted, &bytes(by("relay-1", "relay-2", posted.id()))));
    not_promised(with_receipt(&world, &posted, &bytes(by("relay-1", "MD/technical", posted.id()))));
    for relay in ["relay-1", "relay-2"] {
        assert!(holds(&with_receipt(&world, &posted, &bytes(by(relay, relay, posted.id())))));
    }
}

#[test]
fn the_verdict_says_promised_until_the_proof_is_there_and_then_logged() {
    let world = World::new();
    let posted = honest(&world).posted();
    let words = |received: Result<Verified<Notice>, Refused>| {
        let verified = received.unwrap();
        let log = verified.verdict().clauses.iter().find(|c| c.clause == Clause::Log).unwrap();
        assert_eq!(log.state, State::Holds);
        log.words.clone()
    };
    let promised = words(posted.received(&world, MD));
    assert_eq!(promised, "relay-1 promised it entry 0 of its log; the proof follows.");
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let proved = words(logged.received(&world, &posted, MD));
    assert_eq!(proved, "Logged: entry 2 of relay-1's witnessed log.");
}

#[test]
fn a_proof_of_another_message_place_or_log_is_none() {
    let world = World::new();
    let posted = honest(&world).posted();
    let ours = Logged::new(&world, &posted, ACCEPTED);
    assert!(holds(&ours.received(&world, &posted, MD)));
    let other_message = Logged::by(&world, "relay-1", EnvelopeId(pouch_crypto::sha256(b"x")), ACCEPTED);
    let other_log = Logged::by(&world, "relay-2", posted.id(), ACCEPTED);
    let other_time = Logged::new(&world, &posted, Timestamp(ACCEPTED.0 - 1));
    for other in [&other_message, &other_log, &other_time] {
        let opened = posted.opened_with(MD, &ours.receipt).unwrap();
        let facts = Facts { inclusion: Some(&other.inclusion), ..ours.facts(&world) };
        assert_eq!(refused(opened.verify(&facts)), only(Clause::Log, "POUCH-VER-61"));
    }
    let other_place = world.receipt("relay-1", posted.id(), 3, ACCEPTED);
    let opened = posted.opened_with(MD, &other_place).unwrap();
    assert_eq!(refused(opened.verify(&ours.facts(&world))), only(Clause::Log, "POUCH-VER-61"));
}

#[test]
fn a_sender_with_a_newer_directory_is_waited_for() {
    let mut world = World::new();
    let behind = world.clone();
    world.authorise_officer("duty", "duty", crate::world::mandate(), crate::world::NOW);
    let posted = honest(&world).posted();
    let refusal = posted.admitted(&behind, ACCEPTED).unwrap_err();
    let (cited, have) = (world.directory.size(), behind.directory.size());
    assert_eq!(refusal, pouch_envelope::Refusal::DirectoryAhead { cited, have });
    let Err(refused) = posted.received(&behind, MD) else { panic!("it was verified") };
    assert_eq!(in_state(&refused.verdict, State::Fails), [(Clause::Directory, "POUCH-VER-70")]);
    assert!(!refused.is_final());
    assert!(holds(&posted.received(&world, MD)));
}

#[test]
fn what_is_wrong_is_refused_for_good() {
    let world = World::new();
    let forged = honest(&world).posted().signed_by(&key(MD));
    let Err(refused) = forged.received(&world, MD) else { panic!("it was verified") };
    assert!(refused.is_final());
    // Also beside a reason that might pass.
    let Err(refused) = with_receipt(&world, &forged, b"") else { panic!("it was verified") };
    assert!(refused.is_final());
}

#[test]
fn an_old_directory_or_an_unsure_clock_is_a_reservation_and_never_green() {
    let world = World::new();
    let judged = |cosigned_ago: Option<u64>, time_is_sure: bool| {
        let cosigned_at = cosigned_ago.map(|ago| Timestamp(READ.0 - ago));
        let facts = Facts { cosigned_at, time_is_sure, ..facts(&world, READ) };
        honest(&world).posted().opened(&world, MD).unwrap().verify(&facts)
    };
    assert!(holds(&judged(Some(HOUR), true)));
    let directory = |code| only(Clause::Directory, code);
    assert_eq!(reserved(judged(Some(HOUR + 1), true)), directory("POUCH-VER-71"));
    assert_eq!(reserved(judged(Some(24 * HOUR), true)), directory("POUCH-VER-71"));
    // From then on nothing new is believed; the relay keeps it, and it may hold when the directory is fresh.
    for old in [Some(24 * HOUR + 1), None] {
        let waits = judged(old, true);
        assert!(waits.as_ref().is_err_and(|refused| !refused.is_final()));
        assert_eq!(refused(waits), directory("POUCH-VER-72"));
    }
    // A clock that nobody confirms cannot say that a day is over.
    let unsure = reserved(judged(Some(24 * HOUR + 1), false));
    assert_eq!(unsure, [directory("POUCH-VER-71"), only(Clause::Clock, "POUCH-VER-73")].concat());
    assert_eq!(reserved(judged(Some(0), false)), only(Clause::Clock, "POUCH-VER-73"));
}

#[test]
fn what_is_refused_leaves_no_word_of_its_content_behind() {
    let world = World::new();
    let secret_words = "Substations in two regions";
    let letter = honest(&world).saying(|n| n.subject = crate::world::text(secret_words));
    let letter = letter.with(|l| l.inside_key = MD.into());
    let Err(refused) = letter.posted().received(&world, MD) else { panic!("it was verified") };
    let all = format!("{refused:?}");
    assert!(!all.contains(secret_words) && !all.contains("regions are down"), "{all}");
}

#[test]
fn what_was_verified_under_a_fresh_directory_stays_readable_when_it_has_grown_old() {
    let world = World::new();
    let again = |cosigned_at: Option<Timestamp>| {
        let facts = Facts { cosigned_at, ..facts(&world, READ) };
        honest(&world).posted().opened(&world, MD).unwrap().verify_again(&facts)
    };
    assert!(holds(&again(Some(Timestamp(READ.0 - HOUR)))));
    let old = |code| only(Clause::Directory, code);
    assert_eq!(reserved(again(Some(Timestamp(READ.0 - 24 * HOUR)))), old("POUCH-VER-71"));
    for ago in [Some(Timestamp(READ.0 - 24 * HOUR - 1)), Some(Timestamp(0)), None] {
        assert_eq!(reserved(again(ago)), old("POUCH-VER-77"));
    }
    // What does not hold for another reason does not hold again either.
    let forged = honest(&world).posted().signed_by(&key(MD));
    let facts = Facts { cosigned_at: None, ..facts(&world, READ) };
    assert!(forged.opened(&world, MD).unwrap().verify_again(&facts).is_err());
}

#[test]
fn a_sender_that_is_shown_another_directory_is_not_called_verified() {
    let world = World::new();
    let lies = |size: u64| {
        let letter = honest(&world).with(|l| {
            l.route.directory_size = size;
            l.route.directory_root = pouch_crypto::sha256(b"another past");
        });
        letter.posted().received(&world, MD)
    };
    let size = world.directory.size();
    for size in [size, size - 1] {
        let waits = lies(size);
        // Which of the two was deceived is not known yet: it is not refused for good.
        assert!(waits.as_ref().is_err_and(|refused| !refused.is_final()));
        let verdict = refused(waits);
        assert_eq!(verdict, only(Clause::Directory, "POUCH-VER-74"));
    }
    // Of somebody who is not proved to be the sender nothing is compared.
    let letter = honest(&world).with(|l| l.route.directory_root = pouch_crypto::sha256(b"another past"));
    let forged = letter.posted().signed_by(&key(MD)).received(&world, MD);
    assert_eq!(refused(forged), only(Clause::Signature, "POUCH-ADM-15"));
}

#[test]
fn what_others_dispute_is_a_reservation_for_what_rests_on_it() {
    let world = World::new();
    let since = honest(&world).posted().received(&world, MD).unwrap().authority().unwrap().since_index;
    let doubted = |undisputed: Option<u64>, held_back: bool| {
        let verified = honest(&world).posted().received(&world, MD).unwrap();
        Ok(verified.with_doubt(Doubt { undisputed, held_back }))
    };
    assert!(holds(&doubted(None, false)));
    assert!(holds(&doubted(Some(since + 1), false)), "its key is older than the dispute");
    assert_eq!(reserved(doubted(Some(since), false)), only(Clause::Directory, "POUCH-VER-75"));
    assert_eq!(reserved(doubted(Some(0), false)), only(Clause::Directory, "POUCH-VER-75"));
    assert_eq!(reserved(doubted(None, true)), only(Clause::Directory, "POUCH-VER-76"));
}
