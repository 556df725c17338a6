//! Revocation: by entry, for ever, and by nobody but the owner's root.

use pouch_directory::{Act, NotInRole, Revocation, RevocationReason, StatementRefused as Refused};
use pouch_wire::{Environment, Timestamp};

use crate::acts::{authorise, revoke, rotate};
use crate::world::{HOUR, World, id, key, log, point};

const LIVE: Environment = Environment::Live;

#[test]
fn a_revoked_key_is_refused_from_its_index_on_and_good_before() {
    let mut world = World::new();
    let effective = world.now;
    world.wait(HOUR);
    let act = Act::RevokeKey { key: id("NL/technical"), reason: RevocationReason::Lost, effective };
    let index = world.does(act, &["NL root"]);
    let office = point("NL/technical");
    let before = world.directory.as_of(index);
    assert!(before.may_sign(&office, LIVE, id("NL/technical")).is_ok());
    assert_eq!(before.revocation(id("NL/technical")), None);
    let view = world.directory.now_view();
    let revoked = NotInRole::Revoked { key: id("NL/technical"), index };
    assert_eq!(view.may_sign(&office, LIVE, id("NL/technical")), Err(revoked));
    let expected = Revocation { index, created: world.now, reason: RevocationReason::Lost, effective };
    assert_eq!(view.revocation(id("NL/technical")), Some(&expected));
    assert_eq!(view.key_history(&office, LIVE)[0].revoked, Some(expected));
}

#[test]
fn a_key_that_was_rotated_out_can_still_be_revoked() {
    let mut world = World::new();
    world.does(authorise("NL/technical", "two"), &["NL root"]);
    let index = world.does(revoke("NL/technical"), &["NL root"]);
    let refused = world.directory.now_view().may_sign(&point("NL/technical"), LIVE, id("NL/technical"));
    assert_eq!(refused, Err(NotInRole::Revoked { key: id("NL/technical"), index }));
    assert!(world.speaks("two"));
}

#[test]
fn a_revoked_transport_key_has_no_session() {
    let mut world = World::new();
    let index = world.does(revoke("NL/technical transport"), &["NL root"]);
    let transport = key("NL/technical transport").public();
    assert_eq!(world.directory.now_view().who_has_transport(&transport), None);
    assert!(world.directory.as_of(index).who_has_transport(&transport).is_some());
}

#[test]
fn a_key_is_revoked_once() {
    let mut world = World::new();
    world.does(revoke("NL/technical"), &["NL root"]);
    world.wait(HOUR);
    // Not even to move the time from which it has effect.
    let effective = Timestamp(world.now.0 + HOUR);
    let again = Act::RevokeKey { key: id("NL/technical"), reason: RevocationReason::Superseded, effective };
    assert_eq!(world.refuses(again, &["NL root"]), Refused::KeyRevoked(id("NL/technical")));
}

#[test]
fn only_the_owners_root_revokes() {
    let mut world = World::new();
    let not_yours = Refused::NotYourKey(id("NL/technical"));
    for signer in ["MD root", "NL/technical", "NL next root", "stranger"] {
        assert_eq!(world.refuses(revoke("NL/technical"), &[signer]), not_yours, "{signer}");
    }
    assert!(world.speaks("NL/technical"));
    world.does(revoke("NL/technical"), &["NL root"]);
}

#[test]
fn keys_of_nobody_and_of_services_are_not_revoked() {
    let mut world = World::new();
    assert_eq!(world.refuses(revoke("stranger"), &["NL root"]), Refused::NotYourKey(id("stranger")));
    for service in ["relay-1 transport", "relay-1 receipts"] {
        assert_eq!(world.refuses(revoke(service), &["NL root"]), Refused::NotYourKey(id(service)));
    }
    let witness = log("nl.example/w").mldsa.id();
    let act = Act::RevokeKey { key: witness, reason: RevocationReason::Lost, effective: world.now };
    assert_eq!(world.refuses(act, &["NL root"]), Refused::NotYourKey(witness));
}

#[test]
fn a_root_is_revoked_only_once_another_took_its_place() {
    let mut world = World::founded();
    for own in ["NL root", "NL next root"] {
        assert_eq!(world.refuses(revoke(own), &["NL root"]), Refused::NotYourKey(id(own)));
    }
    world.does(rotate("NL", "NL next root", "third"), &["NL next root"]);
    world.does(revoke("NL root"), &["NL next root"]);
    assert!(world.directory.now_view().revocation(id("NL root")).is_some());
}
