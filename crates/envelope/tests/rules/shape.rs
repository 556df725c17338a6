//! What is a message at all: told from the bytes alone.

use pouch_crypto::{Signature, sha256};
use pouch_envelope::{Header, Malformed, SealedHead};
use pouch_wire::{DecodeError, Fixed, Set, limits};

use crate::message::honest;
use crate::world::{World, point};

const UNSIGNED: Signature = Signature(Fixed([0; 64]));

#[test]
fn a_message_is_its_header_and_its_id_is_the_header_s_hash() {
    let message = honest(&World::new());
    let head = message.head().unwrap();
    assert_eq!(head.header(), &message.header);
    assert_eq!(head.id().0, sha256(&message.header_bytes()));
}

#[test]
fn another_signature_does_not_make_another_message() {
    let message = honest(&World::new());
    let forged = SealedHead::parse(&message.header_bytes(), UNSIGNED, message.stanza_bytes()).unwrap();
    assert_eq!(forged.id(), message.head().unwrap().id());
}

#[test]
fn bytes_after_the_header_are_refused() {
    let message = honest(&World::new());
    let mut bytes = message.header_bytes();
    bytes.push(0);
    let refused = SealedHead::parse(&bytes, UNSIGNED, message.stanza_bytes()).unwrap_err();
    assert_eq!(refused, Malformed::Decode(DecodeError::Trailing { name: "header", extra: 1 }));
    assert_eq!(refused.code(), "POUCH-ADM-01");
}

#[test]
fn a_message_to_nobody_is_refused() {
    let mut message = honest(&World::new());
    message.stanzas.clear();
    assert_eq!(message.addressed().head().unwrap_err(), Malformed::NoRecipient);
}

#[test]
fn a_recipient_that_stands_twice_is_refused() {
    let mut message = honest(&World::new());
    let mut twin = message.stanzas[0].clone();
    twin.enc = Fixed([8; 1120]);
    message.stanzas.insert(1, twin);
    message = message.addressed();
    message.stanzas.sort_by_key(|s| {
        let digest = sha256(&pouch_wire::Canonical::to_bytes(s).unwrap());
        (s.contact_point.clone(), digest)
    });
    assert_eq!(message.head().unwrap_err(), Malformed::RecipientTwice);
}

#[test]
fn stanzas_are_those_that_the_header_names_in_its_order() {
    let message = honest(&World::new());
    let header = message.header_bytes();
    let all = message.stanza_bytes();
    let parse = |stanzas: Vec<Vec<u8>>| SealedHead::parse(&header, UNSIGNED, stanzas).map(|_| ());
    assert_eq!(parse(all.clone()), Ok(()));
    assert_eq!(parse(vec![all[0].clone()]), Err(Malformed::Stanzas));
    assert_eq!(parse(vec![all[1].clone(), all[0].clone()]), Err(Malformed::Stanzas));
    assert_eq!(parse([all.clone(), vec![all[0].clone()]].concat()), Err(Malformed::Stanzas));
    let mut changed = all;
    changed[1][40] ^= 1;
    assert_eq!(parse(changed), Err(Malformed::Stanzas));
}

#[test]
fn a_stanza_of_somebody_else_under_a_recipient_s_name_is_refused() {
    let message = honest(&World::new());
    let swapped = message.stanza_bytes();
    let message = message.with(|header| {
        let mut addressees = header.recipients.to_vec();
        let digests = [addressees[1].stanza, addressees[0].stanza];
        addressees.iter_mut().zip(digests).for_each(|(a, digest)| a.stanza = digest);
        header.recipients = Set::new(addressees).unwrap();
    });
    let stanzas = vec![swapped[1].clone(), swapped[0].clone()];
    let refused = SealedHead::parse(&message.header_bytes(), UNSIGNED, stanzas).unwrap_err();
    assert_eq!(refused, Malformed::Stanzas);
}

#[test]
fn a_payload_of_no_bytes_or_of_too_many_is_refused_before_it_is_asked_for() {
    let world = World::new();
    let max = limits::PAYLOAD_BYTES as u64;
    for len in [0, max + 1, u64::MAX] {
        let refused = honest(&world).with(|header| header.payload_len = len).head().unwrap_err();
        assert_eq!(refused, Malformed::PayloadLength(len));
    }
    assert!(honest(&world).with(|header| header.payload_len = max).head().is_ok());
}

#[test]
fn a_header_larger_than_its_limit_is_refused_unread() {
    let refused = SealedHead::parse(&vec![0; limits::HEADER_BYTES + 1], UNSIGNED, Vec::new()).unwrap_err();
    assert!(matches!(refused, Malformed::Decode(DecodeError::TooLong { .. })));
}

#[test]
fn the_largest_list_of_recipients_fits_into_a_header() {
    let message = honest(&World::new()).with(|header| {
        let addressees = (0..limits::RECIPIENTS).map(|n| pouch_envelope::Addressee {
            contact_point: point(&format!("ABCDEFGH/abcdefghijklmnopqrstu{n:03}")),
            stanza: sha256(&n.to_be_bytes()),
        });
        header.recipients = Set::new(addressees).unwrap();
    });
    let bytes = message.header_bytes();
    assert!(bytes.len() < limits::HEADER_BYTES);
    assert_eq!(Header::id_of(&bytes).0, sha256(&bytes));
}
