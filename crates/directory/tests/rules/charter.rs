//! What founds a network, and each reason why a charter founds none.

use pouch_crypto::{Context, Domain};
use pouch_directory::{
    Charter, CharterFile, CharterRefused, CharterSignature, Directory, SignedCharter, StatementRefused,
    Thresholds,
};
use pouch_wire::{Blob, Canonical as _, DecodeError, Environment, List, Set};

use crate::acts::authorise;
use crate::world::{
    FOUNDERS, THRESHOLDS, World, charter_of, founder, id, key, log, member, point, relay, set, signed, text,
    witnesses,
};

fn refused(edit: impl FnOnce(&mut Charter)) -> CharterRefused {
    let mut charter = charter_of(&FOUNDERS);
    edit(&mut charter);
    Directory::found(&signed(&charter)).unwrap_err()
}

#[test]
fn a_charter_signed_by_all_its_founders_founds_a_network() {
    let charter = charter_of(&FOUNDERS);
    let directory = Directory::found(&signed(&charter)).unwrap();
    assert_eq!(directory.size(), 1);
    assert_eq!(directory.network(), charter.network_id().unwrap());
    assert_eq!(directory.charter(), &charter);
    let view = directory.now_view();
    let codes: Vec<&str> = view.members().map(|record| record.member.as_str()).collect();
    assert_eq!(codes, FOUNDERS);
    assert_eq!(view.relays().len(), 2);
    assert_eq!((view.quorum(), view.witnesses().len()), (2, 3));
    assert_eq!(view.thresholds(), THRESHOLDS);
    assert_eq!(view.contact_points(Environment::Live).count(), 0);
}

#[test]
fn bytes_that_are_no_charter_are_refused() {
    let mut other = signed(&charter_of(&FOUNDERS));
    other.charter = Blob::new([other.charter.to_vec(), vec![0]].concat()).unwrap();
    let trailing = DecodeError::Trailing { name: "charter", extra: 1 };
    assert_eq!(Directory::found(&other).unwrap_err(), CharterRefused::Malformed(trailing));
}

#[test]
fn a_charter_of_another_version_is_refused() {
    assert_eq!(refused(|charter| charter.version = 2), CharterRefused::Version(2));
}

#[test]
fn one_founder_is_too_few_and_two_are_not() {
    assert_eq!(refused(|c| c.founders = set(&[founder("NL")])), CharterRefused::TooFew);
    let mut two = charter_of(&["MD", "NL"]);
    two.thresholds = Thresholds { admission: 1, network: 1, recovery_after_veto: 1, ..THRESHOLDS };
    assert!(Directory::found(&signed(&two)).is_ok());
}

#[test]
fn founders_whose_codes_look_alike_are_refused() {
    let alike = CharterRefused::Confusable(member("OSCIE"));
    assert_eq!(refused(|c| c.founders = charter_of(&["NL", "OSCIE", "OSCLE"]).founders), alike);
    assert!(Directory::found(&signed(&charter_of(&["NL", "OSCE", "NATO"]))).is_ok());
}

#[test]
fn a_key_that_is_used_twice_is_refused() {
    let twice = refused(|c| {
        let mut nl = founder("NL");
        nl.next_root = nl.root.id();
        c.founders = set(&[founder("BA"), founder("MD"), nl]);
    });
    assert_eq!(twice, CharterRefused::KeyTwice(id("NL root")));
    let twice = refused(|c| {
        let mut second = relay("relay-2");
        second.receipts = second.transport;
        c.relays = List::new(vec![relay("relay-1"), second]).unwrap();
    });
    assert_eq!(twice, CharterRefused::KeyTwice(id("relay-2 transport")));
}

fn with_signatures(signatures: Vec<CharterSignature>) -> SignedCharter {
    SignedCharter { signatures: Set::new(signatures).unwrap(), ..signed(&charter_of(&FOUNDERS)) }
}

#[test]
fn a_charter_that_a_founder_has_not_signed_is_refused() {
    let mut signatures = signed(&charter_of(&FOUNDERS)).signatures.to_vec();
    signatures.retain(|signature| signature.member != member("MD"));
    let refused = Directory::found(&with_signatures(signatures)).unwrap_err();
    assert_eq!(refused, CharterRefused::Unsigned(member("MD")));
}

#[test]
fn a_signature_by_another_key_a_stranger_or_for_another_purpose_is_refused() {
    let charter = charter_of(&FOUNDERS);
    let good = signed(&charter).signatures.to_vec();
    let bytes = charter.to_bytes().unwrap();
    let statement = key("NL root").sign(Domain::Statement, &Context::CHARTER, &bytes);
    let elsewhere = Context::of(charter.network_id().unwrap(), Environment::Live);
    let context = key("NL root").sign(Domain::Charter, &elsewhere, &bytes);
    let another = key("NL next root").sign(Domain::Charter, &Context::CHARTER, &bytes);
    for signature in [statement, context, another] {
        let mut signatures = good.clone();
        signatures.retain(|s| s.member != member("NL"));
        signatures.push(CharterSignature { member: member("NL"), signature });
        let refused = Directory::found(&with_signatures(signatures)).unwrap_err();
        assert_eq!(refused, CharterRefused::BadSignature(member("NL")));
    }
    let stranger = charter.sign(member("FR"), &key("FR root")).unwrap();
    let signatures = good.iter().cloned().chain([stranger]).collect();
    let refused = Directory::found(&with_signatures(signatures)).unwrap_err();
    assert_eq!(refused, CharterRefused::BadSignature(member("FR")));
    assert!(Directory::found(&with_signatures(good)).is_ok());
}

#[test]
fn every_threshold_is_at_least_one_and_below_those_who_can_agree() {
    let with = |edit: fn(&mut Thresholds)| refused(|charter| edit(&mut charter.thresholds));
    for (edit, of) in [
        ((|t| t.admission = 0) as fn(&mut Thresholds), "admission"),
        (|t| t.admission = 3, "admission"),
        (|t| t.network = 0, "changes of the network"),
        (|t| t.network = 3, "changes of the network"),
        (|t| t.recovery = 0, "recovery"),
        (|t| t.recovery = 2, "recovery"),
        (|t| t.recovery_after_veto = 1, "recovery after a veto"),
        (|t| t.recovery_after_veto = 3, "recovery after a veto"),
    ] {
        assert_eq!(with(edit), CharterRefused::Thresholds(of));
    }
}

#[test]
fn after_a_veto_not_all_others_are_needed_where_fewer_are_more_than_before() {
    let mut five = charter_of(&["BA", "FR", "MD", "NL", "ZA"]);
    five.thresholds.recovery = 2;
    for (needed, good) in [(2, false), (3, true), (4, false)] {
        five.thresholds.recovery_after_veto = needed;
        let found = Directory::found(&signed(&five)).map(|_| ());
        let expected = CharterRefused::Thresholds("recovery after a veto");
        assert_eq!(found, if good { Ok(()) } else { Err(expected) }, "{needed}");
    }
}

#[test]
fn a_quorum_leaves_one_witness_to_spare() {
    for quorum in [0, 3, 4] {
        assert_eq!(refused(|charter| charter.quorum = quorum), CharterRefused::Quorum);
    }
    assert_eq!(refused(|charter| charter.witnesses = Set::default()), CharterRefused::Quorum);
    let mut alone = charter_of(&FOUNDERS);
    alone.witnesses = set(&witnesses()[..1]);
    alone.quorum = 1;
    assert!(Directory::found(&signed(&alone)).is_ok());
}

#[test]
fn a_network_without_a_relay_is_refused() {
    assert_eq!(refused(|charter| charter.relays = List::default()), CharterRefused::Relays);
}

#[test]
fn a_name_used_twice_or_unfit_or_without_an_address_is_refused() {
    let named = |name: &str| CharterRefused::Names(name.to_owned());
    let relays = |edit: fn(&mut pouch_directory::Relay)| {
        refused(|charter| {
            let mut second = relay("relay-2");
            edit(&mut second);
            charter.relays = List::new(vec![relay("relay-1"), second]).unwrap();
        })
    };
    assert_eq!(relays(|second| second.name = text("relay-1")), named("relay-1"));
    assert_eq!(relays(|second| second.name = text(" ")), named(" "));
    for address in ["localhost", ":4433", "localhost:0", "localhost:65536"] {
        let refused = refused(|charter| {
            let mut second = relay("relay-2");
            second.address = text(address);
            charter.relays = List::new(vec![relay("relay-1"), second]).unwrap();
        });
        assert_eq!(refused, named("relay-2"), "{address}");
    }
    // One origin for two logs, each with keys of its own.
    let mut directory_log = log("relay-1.example/directory");
    directory_log.origin = text("relay-1.example/messages");
    let twice = refused(|charter| charter.directory_log = directory_log);
    assert_eq!(twice, named("relay-1.example/messages"));
}

fn file(statements: Vec<Vec<u8>>) -> CharterFile {
    let first: Vec<Blob<{ pouch_wire::limits::STATEMENT_BYTES }>> =
        statements.into_iter().map(|bytes| Blob::new(bytes).unwrap()).collect();
    CharterFile { charter: signed(&charter_of(&FOUNDERS)), first_statements: List::new(first).unwrap() }
}

#[test]
fn a_charter_file_brings_the_founders_first_statements() {
    let world = World::new();
    let directory = file(world.entries[1..].to_vec()).found().unwrap();
    assert_eq!(directory.state_digest(), world.directory.state_digest());
    assert!(directory.now_view().contact_point(&point("NL/technical"), Environment::Live).is_some());
}

#[test]
fn a_first_statement_without_effect_is_refused_with_the_charter() {
    let world = World::founded();
    let good = world.entry(authorise("NL/technical", "NL/technical"), &["NL root"]);
    let bad = world.entry(authorise("MD/technical", "MD/technical"), &["NL root"]);
    let refused = file(vec![good.clone(), bad]).found().unwrap_err();
    let reason = StatementRefused::NotSignedBy(id("MD root"));
    assert_eq!(refused, CharterRefused::FirstStatement(2, reason));
    assert!(file(vec![good]).found().is_ok());
}
