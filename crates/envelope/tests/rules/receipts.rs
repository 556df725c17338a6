//! A relay's receipts: by that relay, for this message, of this network.

use pouch_crypto::{BadSignature, Domain};
use pouch_envelope::{AcceptedReceipt, Arrived, DemotedReceipt, Demotion, ReceiptRefused, SignedReceipt};
use pouch_wire::{Canonical as _, EnvelopeId, Environment, Precedence};

use crate::message::{Message, honest};
use crate::world::{NOW, World, key, later, point, text};

fn arrived(message: &Message, receipt: Vec<u8>) -> Arrived {
    let deliver = message.delivered(1, receipt);
    Arrived::parse(&point("MD/technical"), deliver, message.payload.clone()).unwrap()
}

#[test]
fn a_relay_s_receipt_for_this_message_counts() {
    let world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    for relay in ["relay-1", "relay-2"] {
        let receipt = world.receipt(relay, id, 7, later(2000));
        let accepted = arrived(&message, receipt).accepted(&world.directory).unwrap();
        assert_eq!((&*accepted.relay, accepted.index, accepted.at), (relay, 7, later(2000)));
    }
}

pub(crate) const DEMOTION: Demotion = Demotion { to: Precedence::Immediate, sent: 21, within_s: 120 };

/// What a relay answers that carries a message lower.
pub(crate) fn demoted(world: &World, envelope: EnvelopeId, signs: &str) -> SignedReceipt {
    let network = world.directory.network();
    let receipt = AcceptedReceipt { network, envelope, relay: text("relay-1"), index: 7, at: later(2000) };
    let context = world.directory.context(Environment::Live);
    let demoted = DemotedReceipt { receipt, demotion: DEMOTION };
    demoted.sign(&key(&format!("{signs} receipts")), &context).unwrap()
}

#[test]
fn a_message_that_is_carried_lower_is_accepted_all_the_same_and_that_is_signed() {
    let world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    let signed = demoted(&world, id, "relay-1");
    let arrived = |signed: &SignedReceipt| arrived(&message, signed.to_bytes().unwrap());
    let plain = world.signed_receipt("relay-1", "relay-1", id, 7, later(2000));
    assert_eq!(arrived(&signed).accepted(&world.directory), arrived(&plain).accepted(&world.directory));
    assert_eq!(arrived(&signed).demotion(&world.directory), Some(DEMOTION));
    assert_eq!(arrived(&plain).demotion(&world.directory), None);
    // Nobody else says so, and nobody cuts it off or puts it on.
    let foreign = demoted(&world, id, "relay-2");
    assert_eq!(arrived(&foreign).accepted(&world.directory), Err(ReceiptRefused::OtherRelay));
    assert_eq!(arrived(&foreign).demotion(&world.directory), None);
    let cut = SignedReceipt { receipt: plain.receipt.clone(), ..signed.clone() };
    let longer = SignedReceipt { receipt: signed.receipt.clone(), ..plain };
    for changed in [cut, longer] {
        let refused = arrived(&changed).accepted(&world.directory);
        assert_eq!(refused, Err(ReceiptRefused::Signature(BadSignature)));
        assert_eq!(arrived(&changed).demotion(&world.directory), None);
    }
}

#[test]
fn a_receipt_for_another_message_is_refused() {
    let world = World::new();
    let message = honest(&world);
    let other = EnvelopeId(pouch_crypto::sha256(b"another"));
    let refused = arrived(&message, world.receipt("relay-1", other, 7, NOW)).accepted(&world.directory);
    assert_eq!(refused.unwrap_err(), ReceiptRefused::OtherMessage);
}

#[test]
fn a_receipt_of_another_network_is_refused() {
    let world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    let mut other = World::founded("Another network");
    other.exercise = world.exercise;
    let receipt = other.receipt("relay-1", id, 7, NOW);
    let refused = arrived(&message, receipt).accepted(&world.directory).unwrap_err();
    assert_eq!(refused, ReceiptRefused::Signature(BadSignature));

    let foreign = AcceptedReceipt {
        network: other.directory.network(),
        envelope: id,
        relay: text("relay-1"),
        index: 7,
        at: NOW,
    };
    let context = world.directory.context(Environment::Live);
    let signed = foreign.sign(&key("relay-1 receipts"), &context).unwrap();
    let refused = arrived(&message, signed.to_bytes().unwrap()).accepted(&world.directory).unwrap_err();
    assert_eq!(refused, ReceiptRefused::OtherMessage);
}

#[test]
fn one_relay_does_not_sign_for_another() {
    let world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    let signed = world.signed_receipt("relay-1", "relay-2", id, 7, NOW);
    let refused = arrived(&message, signed.to_bytes().unwrap()).accepted(&world.directory).unwrap_err();
    assert_eq!(refused, ReceiptRefused::OtherRelay);
}

#[test]
fn a_key_that_is_no_relay_s_gives_no_receipt() {
    let world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    let context = world.directory.context(Environment::Live);
    let network = world.directory.network();
    let receipt = AcceptedReceipt { network, envelope: id, relay: text("relay-1"), index: 7, at: NOW };
    let signed = receipt.sign(&key("MD/technical"), &context).unwrap();
    let refused = arrived(&message, signed.to_bytes().unwrap()).accepted(&world.directory).unwrap_err();
    assert_eq!(refused, ReceiptRefused::NoRelay(key("MD/technical").public().id()));

    let named = SignedReceipt { key: key("relay-1 receipts").public().id(), ..signed };
    let refused = arrived(&message, named.to_bytes().unwrap()).accepted(&world.directory).unwrap_err();
    assert_eq!((refused.code(), refused), ("POUCH-ADM-42", ReceiptRefused::Signature(BadSignature)));
}

#[test]
fn a_signature_for_another_purpose_is_no_receipt() {
    let world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    let context = world.directory.context(Environment::Live);
    let honest = world.signed_receipt("relay-1", "relay-1", id, 7, NOW);
    let signature = key("relay-1 receipts").sign(Domain::Notice, &context, &honest.receipt);
    let foreign = SignedReceipt { signature, ..honest };
    let refused = arrived(&message, foreign.to_bytes().unwrap()).accepted(&world.directory).unwrap_err();
    assert_eq!(refused, ReceiptRefused::Signature(BadSignature));
}

#[test]
fn bytes_that_are_no_receipt_are_refused() {
    let world = World::new();
    let message = honest(&world);
    for bytes in [Vec::new(), b"receipt".to_vec()] {
        let refused = arrived(&message, bytes).accepted(&world.directory).unwrap_err();
        assert!(matches!(refused, ReceiptRefused::Decode(_)), "{refused:?}");
    }
}

#[test]
fn a_relay_that_was_replaced_does_not_take_its_receipts_with_it() {
    let mut world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    let receipt = world.receipt("relay-1", id, 7, NOW);
    world.drop_the_first_relay(later(1000));
    assert!(arrived(&message, receipt).accepted(&world.directory).is_ok());

    // But it gives none for messages that were made after it.
    let after = honest(&world);
    let receipt = world.receipt("relay-1", after.head().unwrap().id(), 8, later(2000));
    let refused = arrived(&after, receipt).accepted(&world.directory).unwrap_err();
    assert_eq!(refused, ReceiptRefused::NoRelay(key("relay-1 receipts").public().id()));
}
