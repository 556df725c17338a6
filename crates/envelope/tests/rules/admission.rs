//! What a relay admits: each rule broken once, beside the message that keeps it.

use pouch_crypto::Domain;
use pouch_directory::{Directory, NotInRole};
use pouch_envelope::{AdmittedHead, Malformed, Refusal, SealedHead};
use pouch_wire::{Environment, NetworkId, Timestamp, limits};
use proptest::prelude::*;

use crate::message::{Message, drill, honest};
use crate::world::{
    DAY, HOUR, NOW, SECOND, World, drill_key, earlier, key, later, mandate, office, point, prekey,
};

fn admit_at(message: &Message, directory: &Directory, now: Timestamp) -> Result<AdmittedHead, Refusal> {
    message.head().unwrap().admit(&point("NL/technical"), directory, now)
}

fn admit(message: &Message, world: &World) -> Result<AdmittedHead, Refusal> {
    admit_at(message, &world.directory, later(2 * SECOND))
}

fn rotated(world: &mut World, at: Timestamp) {
    world.authorise(office("NL/technical", "NL/technical 2", Environment::Live, mandate()), at);
}

#[test]
fn an_honest_message_is_admitted_whole() {
    let world = World::new();
    let message = honest(&world);
    let admitted = admit(&message, &world).unwrap();
    assert_eq!(admitted.header(), &message.header);
    let parts = admitted.with_payload(message.payload.clone()).unwrap().into_parts();
    assert_eq!(parts.header_bytes, message.header_bytes());
    assert_eq!(parts.stanzas, message.stanza_bytes());
    assert_eq!((parts.payload, parts.signature), (message.payload.clone(), message.signature()));
}

#[test]
fn naming_somebody_else_as_sender_is_refused() {
    let world = World::new();
    let refused = honest(&world).head().unwrap().admit(&point("MD/technical"), &world.directory, NOW);
    let named = Refusal::NamesAnother { named: point("NL/technical"), session: point("MD/technical") };
    assert_eq!(refused.unwrap_err(), named);
    assert_eq!(named.code(), "POUCH-ADM-12");
    assert!(admit(&honest(&world), &world).is_ok());
}

#[test]
fn another_version_or_network_is_refused() {
    let world = World::new();
    let other = honest(&world).with(|header| header.version = 2);
    assert_eq!(admit(&other, &world).unwrap_err(), Refusal::Version(2));
    let network = NetworkId(pouch_crypto::sha256(b"another"));
    let other = honest(&world).with(|header| header.network = network);
    assert_eq!(admit(&other, &world).unwrap_err(), Refusal::OtherNetwork);
}

#[test]
fn a_sender_with_a_newer_directory_is_asked_to_come_again() {
    let world = World::new();
    let size = world.directory.size();
    let ahead = honest(&world).with(|header| header.directory_size = size + 1);
    let refused = Refusal::DirectoryAhead { cited: size + 1, have: size };
    assert_eq!(admit(&ahead, &world).unwrap_err(), refused);
}

#[test]
fn a_key_that_was_never_bound_to_the_office_is_refused() {
    let world = World::new();
    let mut other = honest(&world).with(|header| header.sender_key = key("MD/technical").public().id());
    other.signer = "MD/technical".into();
    let unknown =
        NotInRole::Unknown { contact_point: point("NL/technical"), key: key("MD/technical").public().id() };
    assert_eq!(admit(&other, &world).unwrap_err(), Refusal::NotInRole(unknown));
}

#[test]
fn a_signature_by_another_key_or_for_another_purpose_is_refused() {
    let world = World::new();
    let mut by_another = honest(&world);
    by_another.signer = "MD/technical".into();
    assert_eq!(admit(&by_another, &world).unwrap_err(), Refusal::BadSignature);
    for domain in [Domain::Notice, Domain::Receipt, Domain::Approval, Domain::Statement, Domain::Beacon] {
        let mut foreign = honest(&world);
        foreign.domain = domain;
        assert_eq!(admit(&foreign, &world).unwrap_err(), Refusal::BadSignature, "{domain:?}");
    }
}

#[test]
fn an_altered_recipient_list_is_refused() {
    let world = World::new();
    let message = honest(&world);
    let signature = message.signature();
    let mut shorter = honest(&world);
    shorter.stanzas.pop();
    let shorter = shorter.addressed();
    let head = SealedHead::parse(&shorter.header_bytes(), signature, shorter.stanza_bytes()).unwrap();
    let refused = head.admit(&point("NL/technical"), &world.directory, NOW).unwrap_err();
    assert_eq!(refused, Refusal::BadSignature);
    assert!(admit(&shorter, &world).is_ok());
}

#[test]
fn a_swapped_payload_is_refused() {
    let world = World::new();
    let message = honest(&world);
    let mut other = message.payload.clone();
    other[0] ^= 1;
    let refused = admit(&message, &world).unwrap().with_payload(other).unwrap_err();
    assert_eq!(refused, Refusal::Malformed(Malformed::Payload));
    let longer = [message.payload.as_slice(), &[0]].concat();
    let refused = admit(&message, &world).unwrap().with_payload(longer).unwrap_err();
    assert_eq!((refused.code(), &refused), ("POUCH-ADM-05", &Refusal::Malformed(Malformed::Payload)));
}

#[test]
fn a_rotated_key_in_flight_is_admitted_for_a_day() {
    let mut world = World::new();
    let message = honest(&world);
    rotated(&mut world, NOW);
    assert!(admit_at(&message, &world.directory, later(HOUR / 2)).is_ok());
    let long = message.with(|header| header.not_after = later(3 * DAY));
    assert!(admit_at(&long, &world.directory, later(limits::SUPERSEDED_GRACE_MS)).is_ok());
    let late = admit_at(&long, &world.directory, later(limits::SUPERSEDED_GRACE_MS + SECOND)).unwrap_err();
    assert!(matches!(late, Refusal::LongSuperseded { ago_s: 86_401, .. }), "{late:?}");
}

#[test]
fn a_rotated_key_does_not_sign_for_a_directory_in_which_it_is_replaced() {
    let mut world = World::new();
    rotated(&mut world, NOW);
    let old = honest(&world);
    assert!(matches!(admit(&old, &world).unwrap_err(), Refusal::NotInRole(NotInRole::Superseded { .. })));
    let mut new = honest(&world).with(|header| header.sender_key = key("NL/technical 2").public().id());
    new.signer = "NL/technical 2".into();
    assert!(admit(&new, &world).is_ok());
}

#[test]
fn a_rotation_that_is_dated_back_does_not_cut_off_what_is_in_flight() {
    let mut world = World::new();
    let message = honest(&world);
    rotated(&mut world, earlier(5 * DAY));
    assert!(admit(&message, &world).is_ok());
}

#[test]
fn a_revoked_key_is_refused_from_its_entry_on_whatever_the_message_cites() {
    let mut world = World::new();
    let before = honest(&world);
    assert!(admit(&before, &world).is_ok());
    // With effect from a week ahead: a relay does not wait for it.
    let index = world.revoke("NL/technical", later(7 * DAY), NOW);
    let revoked = Refusal::NotInRole(NotInRole::Revoked { key: key("NL/technical").public().id(), index });
    assert_eq!(admit(&before, &world).unwrap_err(), revoked);
    assert_eq!(admit(&honest(&world), &world).unwrap_err(), revoked);
}

#[test]
fn a_suspended_member_speaks_for_nobody_from_that_entry_on() {
    let mut world = World::new();
    let before = honest(&world);
    world.suspend("NL", NOW);
    let suspended = Refusal::NotInRole(NotInRole::Suspended("NL".parse().unwrap()));
    assert_eq!(admit(&before, &world).unwrap_err(), suspended);
    assert_eq!(admit(&honest(&world), &world).unwrap_err(), suspended);
}

#[test]
fn a_message_is_of_its_time() {
    let world = World::new();
    let at = |now| admit_at(&honest(&world), &world.directory, now);
    assert!(at(earlier(limits::CLOCK_SKEW_MS_MAX)).is_ok());
    let early = at(earlier(limits::CLOCK_SKEW_MS_MAX + SECOND)).unwrap_err();
    assert_eq!(early, Refusal::FromTheFuture { ahead_s: 121 });
    assert!(at(later(HOUR - 1)).is_ok());
    assert_eq!(at(later(HOUR)).unwrap_err(), Refusal::Expired { late_s: 0 });
    assert_eq!(at(later(HOUR + 5 * SECOND)).unwrap_err(), Refusal::Expired { late_s: 5 });
}

#[test]
fn a_message_lives_between_no_time_and_thirty_days() {
    let world = World::new();
    let until = |until| admit(&honest(&world).with(|header| header.not_after = until), &world);
    assert!(until(later(limits::LIFE_MS_MAX)).is_ok());
    assert_eq!(until(NOW).unwrap_err(), Refusal::Life { life_s: 0 });
    assert_eq!(until(earlier(HOUR)).unwrap_err(), Refusal::Life { life_s: 0 });
    let long = until(later(limits::LIFE_MS_MAX + SECOND)).unwrap_err();
    assert_eq!(long, Refusal::Life { life_s: 30 * 86_400 + 1 });
}

#[test]
fn a_recipient_that_the_directory_does_not_know_is_refused() {
    let world = World::new();
    let mut message = honest(&world);
    message.stanzas[1].contact_point = point("MD/policy");
    let refused = admit(&message.addressed(), &world).unwrap_err();
    assert_eq!(refused, Refusal::UnknownRecipient(point("MD/policy")));
}

#[test]
fn a_suspended_recipient_gets_nothing() {
    let mut world = World::new();
    world.suspend("MD", NOW);
    let refused = admit(&honest(&world), &world).unwrap_err();
    assert_eq!(refused, Refusal::UnknownRecipient(point("MD/technical")));
}

#[test]
fn an_unknown_prekey_and_one_of_somebody_else_are_refused() {
    let world = World::new();
    for name in ["nobody", "BA/technical", "MD/technical in the exercise"] {
        let mut message = honest(&world);
        message.stanzas[1].prekey = prekey(name).public().id();
        let refused = admit(&message.addressed(), &world).unwrap_err();
        assert_eq!(refused, Refusal::UnknownPrekey(point("MD/technical")), "{name}");
    }
}

#[test]
fn a_drill_is_admitted_with_the_exercise_s_keys_and_no_others() {
    let world = World::new();
    assert!(admit(&drill(&world), &world).is_ok());
    let mut with_live_key =
        drill(&world).with(|header| header.sender_key = key("NL/technical").public().id());
    with_live_key.signer = "NL/technical".into();
    let refused = admit(&with_live_key, &world).unwrap_err();
    assert!(matches!(refused, Refusal::NotInRole(NotInRole::Unknown { .. })), "{refused:?}");

    let drill_key = drill_key("NL/technical");
    let mut live = honest(&world).with(|header| header.sender_key = key(&drill_key).public().id());
    live.signer = drill_key;
    let refused = admit(&live, &world).unwrap_err();
    assert!(matches!(refused, Refusal::NotInRole(NotInRole::Unknown { .. })), "{refused:?}");
}

#[test]
fn a_drill_s_signature_does_not_count_live() {
    let world = World::new();
    // The same header bytes but for the environment, signed for the exercise.
    let message = honest(&world);
    let context = world.directory.context(world.drill());
    let signature = key("NL/technical").sign(Domain::Envelope, &context, &message.header_bytes());
    let head = SealedHead::parse(&message.header_bytes(), signature, message.stanza_bytes()).unwrap();
    let refused = head.admit(&point("NL/technical"), &world.directory, NOW).unwrap_err();
    assert_eq!(refused, Refusal::BadSignature);
}

#[test]
fn an_exercise_that_was_closed_admits_nothing_more() {
    let mut world = World::new();
    let before = drill(&world);
    world.close_exercise(NOW);
    for message in [before, drill(&world)] {
        let refused = admit(&message, &world).unwrap_err();
        assert_eq!(refused, Refusal::NotInRole(NotInRole::ExerciseClosed));
    }
    assert!(admit(&honest(&world), &world).is_ok());
}

#[test]
fn an_exercise_admits_between_its_dates_alone() {
    let world = World::new();
    let at = |created: Timestamp| {
        let message = drill(&world).with(|header| {
            header.created = created;
            header.not_after = Timestamp(created.0 + HOUR);
        });
        admit_at(&message, &world.directory, created)
    };
    assert!(at(later(8 * DAY - SECOND)).is_ok());
    assert_eq!(at(later(8 * DAY)).unwrap_err(), Refusal::ExerciseOver { ago_s: 0 });
    let early = at(earlier(8 * DAY + HOUR)).unwrap_err();
    assert_eq!(early, Refusal::ExerciseNotBegun { ahead_s: 3600 });
}

#[test]
fn every_refusal_has_a_code_of_its_own() {
    let cp = || point("NL/technical");
    let key = key("NL/technical").public().id();
    let all = [
        Refusal::Malformed(Malformed::NoRecipient),
        Refusal::Malformed(Malformed::Stanzas),
        Refusal::Malformed(Malformed::RecipientTwice),
        Refusal::Malformed(Malformed::Payload),
        Refusal::Malformed(Malformed::NotForUs(cp())),
        Refusal::Malformed(Malformed::PayloadLength(0)),
        Refusal::Version(2),
        Refusal::OtherNetwork,
        Refusal::NamesAnother { named: cp(), session: cp() },
        Refusal::DirectoryAhead { cited: 2, have: 1 },
        Refusal::NotInRole(NotInRole::ExerciseClosed),
        Refusal::LongSuperseded { key, ago_s: 1, max_s: 0 },
        Refusal::BadSignature,
        Refusal::FromTheFuture { ahead_s: 1 },
        Refusal::Expired { late_s: 1 },
        Refusal::Life { life_s: 0 },
        Refusal::UnknownRecipient(cp()),
        Refusal::UnknownPrekey(cp()),
        Refusal::ExerciseOver { ago_s: 1 },
        Refusal::ExerciseNotBegun { ahead_s: 1 },
    ];
    let codes: std::collections::BTreeSet<&str> = all.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), all.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_changed_bit_of_a_header_is_admitted(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let world = World::new();
        let message = honest(&world);
        let mut bytes = message.header_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let head = SealedHead::parse(&bytes, message.signature(), message.stanza_bytes());
        let admitted = head.map(|h| h.admit(&point("NL/technical"), &world.directory, NOW).is_ok());
        prop_assert_ne!(admitted, Ok(true));
    }
}
