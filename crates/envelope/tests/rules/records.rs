//! What a relay keeps for auditors, and what they find out with it.

use pouch_crypto::Signature;
use pouch_directory::NotInRole;
use pouch_envelope::{MessageLeaf, Refusal, SignatureRecord};
use pouch_wire::{Blob, Canonical as _, Environment, Fixed};

use crate::message::{Message, honest};
use crate::world::{DAY, World, key, later, mandate, office};

fn record(message: &Message) -> SignatureRecord {
    SignatureRecord {
        header: Blob::new(message.header_bytes()).unwrap(),
        signature: message.signature(),
        index: 12,
        accepted_at: later(2000),
    }
}

#[test]
fn a_record_shows_who_wrote_to_whom_and_its_leaf_shows_nothing_of_it() {
    let world = World::new();
    let message = honest(&world);
    let record = record(&message);
    let (header, authority) = record.verify(&world.directory).unwrap();
    assert_eq!((&header, authority.key), (&message.header, key("NL/technical").public()));
    let id = message.head().unwrap().id();
    assert_eq!(record.leaf(), MessageLeaf { envelope: id, accepted_at: later(2000) });
    assert_eq!(record.leaf().to_bytes().unwrap().len(), 32 + 9);
}

#[test]
fn a_record_with_another_signature_or_header_is_refused() {
    let world = World::new();
    let forged = SignatureRecord { signature: Signature(Fixed([1; 64])), ..record(&honest(&world)) };
    assert_eq!(forged.verify(&world.directory).unwrap_err(), Refusal::BadSignature);
    let later_header = honest(&world).with(|header| header.created = later(1)).header_bytes();
    let altered = SignatureRecord { header: Blob::new(later_header).unwrap(), ..record(&honest(&world)) };
    assert_eq!(altered.verify(&world.directory).unwrap_err(), Refusal::BadSignature);
}

#[test]
fn a_record_is_judged_by_the_directory_of_its_time() {
    let mut world = World::new();
    let before = record(&honest(&world));
    world.authorise(office("NL/technical", "NL/technical 2", Environment::Live, mandate()), later(DAY));
    world.revoke("NL/technical", later(2 * DAY), later(2 * DAY));
    assert!(before.verify(&world.directory).is_ok());

    let after = record(&honest(&world));
    let refused = after.verify(&world.directory).unwrap_err();
    assert!(matches!(refused, Refusal::NotInRole(NotInRole::Revoked { .. })), "{refused:?}");
}
