//! Who signed, for what, where: foreign domains, foreign networks, other keys, altered signatures, a message
//! that comes again.

use pouch_crypto::{Context, Domain, Signature};
use pouch_envelope::Refusal;
use pouch_notice::{Clause, Notice, OpenError, Order, SequenceState, open};
use pouch_wire::{Environment, Fixed, Precedence, Timestamp};

use crate::post::{
    ACCEPTED, BA, MD, NL, NOTHING_BEFORE, drill, holds, honest, letter, only, refused, seal_to,
};
use crate::world::{DAY, HOUR, World, key, later, point, prekey};

#[test]
fn a_signature_for_another_purpose_signs_no_notice() {
    let world = World::new();
    for purpose in Domain::ALL {
        let received = honest(&world).with(|l| l.purpose = purpose).posted().received(&world, MD);
        if purpose == Domain::Notice {
            assert!(holds(&received));
        } else {
            assert_eq!(refused(received), only(Clause::Signature, "POUCH-VER-11"), "{purpose:?}");
        }
    }
}

#[test]
fn a_signature_for_another_purpose_signs_no_envelope() {
    let world = World::new();
    let posted = honest(&world).posted();
    let context = world.directory.context(Environment::Live);
    for purpose in Domain::ALL {
        let signature = key(NL).sign(purpose, &context, &posted.header_bytes());
        let signed = posted.clone().altered(|p| p.signature = signature);
        if purpose == Domain::Envelope {
            assert!(signed.admitted(&world, ACCEPTED).is_ok());
            assert!(holds(&signed.received(&world, MD)));
        } else {
            assert_eq!(signed.admitted(&world, ACCEPTED).unwrap_err(), Refusal::BadSignature, "{purpose:?}");
            assert_eq!(refused(signed.received(&world, MD)), only(Clause::Signature, "POUCH-ADM-15"));
        }
    }
}

#[test]
fn a_signature_made_for_another_network_or_environment_signs_nothing_here() {
    let world = World::new();
    let other = World::founded("Another network");
    let live = Environment::Live;
    let foreign = [other.directory.context(live), world.directory.context(world.drill()), Context::CHARTER];
    for context in foreign {
        let inside = honest(&world).with(|l| l.context = context).posted();
        assert_eq!(refused(inside.received(&world, MD)), only(Clause::Signature, "POUCH-VER-11"));
        let outside = honest(&world).posted();
        let signature = key(NL).sign(Domain::Envelope, &context, &outside.header_bytes());
        let outside = outside.altered(|p| p.signature = signature);
        assert_eq!(outside.admitted(&world, ACCEPTED).unwrap_err(), Refusal::BadSignature);
        assert_eq!(refused(outside.received(&world, MD)), only(Clause::Signature, "POUCH-ADM-15"));
    }
    let drill_as_live = drill(&world).with(|l| l.context = world.directory.context(live)).posted();
    assert_eq!(refused(drill_as_live.received(&world, MD)), only(Clause::Signature, "POUCH-VER-11"));
}

#[test]
fn a_message_of_another_network_is_refused_as_such() {
    let world = World::new();
    let mut other = World::founded("Another network");
    other.exercise = world.exercise;
    let posted = honest(&other).with(|l| l.route.directory_size = 1).posted();
    assert_eq!(posted.header.network, other.directory.network());
    assert_eq!(posted.admitted(&world, ACCEPTED).unwrap_err(), Refusal::OtherNetwork);
    let verdict = refused(posted.received(&world, MD));
    assert_eq!(verdict, only(Clause::Addressed, "POUCH-ADM-11"));
    // And it does not become one of ours by another name on the envelope.
    let renamed = posted.altered(|p| {
        p.header.network = world.directory.network();
        p.header.directory_size = world.directory.size();
    });
    let renamed = renamed.signed_by(&key(NL));
    assert!(renamed.admitted(&world, ACCEPTED).is_ok());
    assert_eq!(renamed.opened(&world, MD).unwrap_err(), OpenError::DoesNotOpen);
}

#[test]
fn nobody_speaks_for_another_office() {
    let world = World::new();
    // MD's key, with MD's own letter, under NL's name.
    let forged = honest(&world).with(|l| (l.inside_key, l.outside_key) = (MD.into(), MD.into())).posted();
    assert_eq!(forged.admitted(&world, ACCEPTED).unwrap_err().code(), "POUCH-DIR-41");
    let md = point(MD);
    let admitted =
        pouch_envelope::SealedHead::parse(&forged.header_bytes(), forged.signature, forged.stanzas.clone())
            .unwrap()
            .admit(&md, &world.directory, ACCEPTED);
    assert_eq!(admitted.unwrap_err(), Refusal::NamesAnother { named: point(NL), session: md });
    assert_eq!(refused(forged.received(&world, MD)), only(Clause::Binding, "POUCH-DIR-41"));
    // A key that nobody knows, a relay's, and the root's: an office is spoken for by its own key.
    for stranger in ["a stranger", "relay-1 receipts", "NL root"] {
        let forged = honest(&world)
            .with(|l| (l.inside_key, l.outside_key) = (stranger.into(), stranger.into()))
            .posted();
        assert_eq!(refused(forged.received(&world, MD)), only(Clause::Binding, "POUCH-DIR-41"));
    }
    // Two keys, one of them right.
    let inside = honest(&world).with(|l| l.inside_key = MD.into()).posted();
    assert_eq!(
        refused(inside.received(&world, MD)),
        [(Clause::SameLetter, "POUCH-VER-10".to_owned()), (Clause::Signature, "POUCH-VER-11".to_owned()),]
    );
}

#[test]
fn an_office_that_the_directory_does_not_know_says_nothing() {
    let world = World::new();
    let unknown = letter(&world, Environment::Live, "NL/policy", &[MD], &[]);
    let unknown = unknown.with(|l| (l.inside_key, l.outside_key) = (NL.into(), NL.into())).posted();
    assert_eq!(unknown.admitted(&world, ACCEPTED).unwrap_err().code(), "POUCH-DIR-40");
    assert_eq!(refused(unknown.received(&world, MD)), only(Clause::Binding, "POUCH-DIR-40"));
}

/// The same signature with the group's order added to its second half: some verifiers take it.
fn malleated(signature: Signature) -> Signature {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = signature.0.0;
    let mut carry = 0_u16;
    for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    Signature(Fixed(bytes))
}

#[test]
fn an_altered_signature_makes_no_second_message() {
    let world = World::new();
    let posted = honest(&world).posted();
    let twin = posted.clone().altered(|p| p.signature = malleated(p.signature));
    assert_ne!(twin.signature, posted.signature);
    assert_eq!(twin.id(), posted.id(), "ids are of what is signed");
    assert_eq!(twin.admitted(&world, ACCEPTED).unwrap_err(), Refusal::BadSignature);
    assert_eq!(refused(twin.received(&world, MD)), only(Clause::Signature, "POUCH-ADM-15"));

    let letter = honest(&world);
    let honest_id = letter.posted().received(&world, MD).unwrap().notice_id();
    let pouch_notice::Content::Notice { mut signed, attachments } = letter.content() else {
        panic!("no notice")
    };
    signed.signature = malleated(signed.signature);
    assert_eq!(Notice::id_of(&signed.notice), honest_id);
    let twin = letter.post(&pouch_notice::Content::Notice { signed, attachments });
    assert_eq!(refused(twin.received(&world, MD)), only(Clause::Signature, "POUCH-VER-11"));
}

#[test]
fn the_same_message_again_is_one_message() {
    let world = World::new();
    let posted = honest(&world).posted();
    let mut sequence = SequenceState::default();
    let mut orders = Vec::new();
    // Once by each of two relays, and the first again.
    for relay in ["relay-1", "relay-2", "relay-1"] {
        let receipt = world.receipt(relay, posted.id(), 4, ACCEPTED);
        let opened = open(posted.delivered(MD, &receipt).unwrap(), &prekey(MD)).unwrap();
        let verified = opened.verify(&crate::post::facts(&world, later(2000))).unwrap();
        let secret = verified.secret();
        let (id, place) = (verified.arrived().id(), (secret.epoch, secret.n, secret.previous));
        orders.push(sequence.accept(place.0, place.1, place.2, id));
    }
    assert_eq!(orders, [Order::First, Order::Repeated, Order::Repeated]);
}

#[test]
fn a_second_message_in_the_same_place_is_no_repetition() {
    let world = World::new();
    let first = honest(&world).posted();
    let second = honest(&world).with(|l| l.seed = 2).posted();
    let mut sequence = SequenceState::default();
    assert_eq!(sequence.accept(1, 1, NOTHING_BEFORE, first.id()), Order::First);
    let order = sequence.accept(1, 1, NOTHING_BEFORE, second.id());
    assert_eq!(order, Order::Contradiction { other: first.id() });
    let verified = second.received(&world, MD).unwrap().with_order(&order);
    assert!(verified.verdict().is_refusal());
    assert_eq!(verified.verdict().code(), "POUCH-ORD-03");
}

#[test]
fn what_has_expired_is_not_accepted_and_what_expired_since_is_kept_for_the_record() {
    let world = World::new();
    let posted = honest(&world).posted();
    let end = later(HOUR);
    assert!(posted.admitted(&world, Timestamp(end.0 - 1)).is_ok());
    assert_eq!(posted.admitted(&world, end).unwrap_err(), Refusal::Expired { late_s: 0 });
    // A relay that took it all the same says when.
    let too_late = posted.received_at(&world, MD, later(HOUR + 121_000));
    assert_eq!(refused(too_late), only(Clause::Time, "POUCH-VER-52"));
    // Accepted in time, read too late.
    let opened = posted.opened(&world, MD).unwrap();
    let read = opened.verify(&crate::post::facts(&world, end));
    assert_eq!(crate::post::reserved(read), only(Clause::Time, "POUCH-VER-51"));
    let opened = posted.opened(&world, MD).unwrap();
    assert!(holds(&opened.verify(&crate::post::facts(&world, Timestamp(end.0 - 1)))));
}

#[test]
fn what_is_dated_in_the_future_is_refused() {
    let world = World::new();
    let dated = |ahead: u64| {
        honest(&world).saying(|n| {
            n.precedence = Precedence::Immediate;
            n.created = later(2000 + ahead);
            n.not_after = later(DAY);
        })
    };
    let (just, over) = (dated(120_000).posted(), dated(120_001).posted());
    assert!(just.admitted(&world, later(2000)).is_ok());
    assert_eq!(over.admitted(&world, later(2000)).unwrap_err(), Refusal::FromTheFuture { ahead_s: 120 });
    // At a relay that took it all the same, and a second later here.
    assert!(holds(&just.received_at(&world, MD, later(2000))));
    let early = over.received_at(&world, MD, later(1));
    assert!(early.as_ref().is_err_and(|refused| !refused.is_final()), "the clock that is wrong may be ours");
    let found = [(Clause::Time, "POUCH-VER-50".to_owned()), (Clause::Log, "POUCH-VER-60".to_owned())];
    assert_eq!(refused(early), found);
    // Whoever reads it when its date has come sees that a relay had accepted it before.
    let read = |posted: &crate::post::Posted| {
        let opened = posted.opened_at(&world, MD, later(2000)).unwrap();
        opened.verify(&crate::post::facts(&world, later(HOUR)))
    };
    assert!(holds(&read(&just)));
    assert_eq!(refused(read(&over)), only(Clause::Log, "POUCH-VER-60"));
}

#[test]
fn a_prekey_that_the_directory_does_not_know_or_binds_to_another_is_not_carried() {
    let world = World::new();
    let sealed_to = |owner: &str| {
        honest(&world).with(|l| {
            let public = prekey(owner).public().clone();
            let to = l.to.iter_mut().find(|to| to.recipient == point(MD)).unwrap();
            (to.prekey, to.public) = (public.id(), public);
        })
    };
    assert!(sealed_to(MD).posted().admitted(&world, ACCEPTED).is_ok());
    for other in ["nobody", BA] {
        let refusal = sealed_to(other).posted().admitted(&world, ACCEPTED).unwrap_err();
        assert_eq!(refusal, Refusal::UnknownPrekey(point(MD)), "{other}");
    }
}

#[test]
fn what_was_sealed_to_a_destroyed_key_says_so() {
    let world = World::new();
    let posted = honest(&world).posted();
    // MD destroyed that one, and has the next.
    let refused = open(posted.delivered(MD, b"").unwrap(), &prekey("MD/technical, the next")).unwrap_err();
    assert_eq!((refused, refused.code()), (OpenError::NoPrekey, "POUCH-OPN-01"));
    assert!(open(posted.delivered(MD, b"").unwrap(), &prekey(MD)).is_ok());
}

#[test]
fn a_sealing_key_is_checked_against_its_id_before_anything_is_sealed() {
    let world = World::new();
    let mut to = seal_to(&point(MD), Environment::Live, 1, NOTHING_BEFORE);
    to.prekey = prekey(BA).public().id();
    let letter = honest(&world).with(|l| l.to[0] = to);
    let mut rng = <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::from_seed([1; 32]);
    let refused = pouch_notice::seal(&letter.content(), &letter.route, &letter.to, &key(NL), &mut rng);
    assert_eq!(refused.unwrap_err(), pouch_notice::SealError::OtherPrekey(point(MD)));
    assert!(
        pouch_notice::seal(&letter.content(), &letter.route, &honest(&world).to, &key(NL), &mut rng).is_ok()
    );
}
