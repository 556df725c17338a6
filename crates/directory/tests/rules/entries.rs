//! What every entry must be, whatever it says: whole, of this network, new, and signed as statements are.

use pouch_crypto::{Context, Domain, Signature, sha256};
use pouch_directory::{Outcome, SignedStatement, Statement, StatementRefused as Refused, StatementSignature};
use pouch_wire::{Blob, Canonical as _, DecodeError, Environment, Fixed, NetworkId, Set, Timestamp, limits};

use crate::acts::{authorise, authorise_in};
use crate::world::{FOUNDED, World, id, key};

fn act() -> pouch_directory::Act {
    authorise("NL/technical", "NL/technical")
}

#[test]
fn an_honest_entry_has_its_effect() {
    let mut world = World::founded();
    world.does(act(), &["NL root"]);
    assert!(world.speaks("NL/technical"));
}

#[test]
fn bytes_that_are_no_statement_are_counted_and_have_no_effect() {
    let mut world = World::founded();
    let good = world.entry(act(), &["NL root"]);
    let cut = good[..good.len() - 1].to_vec();
    let name = "signed statement";
    assert_eq!(world.refuses_entry(cut), Refused::Malformed(DecodeError::Malformed { name }));
    let longer = [good.as_slice(), &[0]].concat();
    let trailing = DecodeError::Trailing { name, extra: 1 };
    assert_eq!(world.refuses_entry(longer), Refused::Malformed(trailing));
    let (len, max) = (limits::STATEMENT_BYTES + 1, limits::STATEMENT_BYTES);
    let too_long = DecodeError::TooLong { name, len, max };
    assert_eq!(world.refuses_entry(vec![0; len]), Refused::Malformed(too_long));
    // Well signed, but what is signed is no statement.
    let inside =
        SignedStatement { statement: Blob::new(b"hello".as_slice()).unwrap(), signatures: Set::default() };
    let refused = world.refuses_entry(inside.to_bytes().unwrap());
    assert_eq!(refused, Refused::Malformed(DecodeError::Malformed { name: "statement" }));
    assert_eq!(world.directory.size(), 5);
    assert_eq!(world.enter(good), Outcome::Applied);
}

#[test]
fn a_statement_of_another_network_is_refused() {
    let mut world = World::founded();
    let other = Statement { network: NetworkId(sha256(b"another")), ..world.statement(act()) };
    let entry = other.sign(&[&key("NL root")]).unwrap().to_bytes().unwrap();
    assert_eq!(world.refuses_entry(entry), Refused::OtherNetwork);
}

#[test]
fn a_statement_drafted_before_the_charter_is_refused() {
    let mut world = World::founded();
    world.now = Timestamp(FOUNDED.0 - 1);
    assert_eq!(world.refuses(act(), &["NL root"]), Refused::BeforeCharter);
    world.now = FOUNDED;
    world.does(act(), &["NL root"]);
}

#[test]
fn a_statement_has_its_effect_once_however_it_is_signed() {
    let mut world = World::founded();
    let signed = world.signed(act(), &["NL root"]);
    assert_eq!(world.enter(signed.to_bytes().unwrap()), Outcome::Applied);
    assert_eq!(world.refuses_entry(signed.to_bytes().unwrap()), Refused::Repeated(1));
    let more = signed.endorse(world.directory.network(), &key("MD root")).unwrap();
    assert_eq!(world.refuses_entry(more.to_bytes().unwrap()), Refused::Repeated(1));
}

#[test]
fn a_statement_that_had_no_effect_may_come_again_with_the_signature_that_it_lacked() {
    let mut world = World::founded();
    let signed = world.signed(act(), &[]);
    assert_eq!(world.refuses_entry(signed.to_bytes().unwrap()), Refused::NotSignedBy(id("NL root")));
    let signed = signed.endorse(world.directory.network(), &key("NL root")).unwrap();
    assert_eq!(world.enter(signed.to_bytes().unwrap()), Outcome::Applied);
}

#[test]
fn a_statement_out_of_its_signers_authority_is_refused() {
    let mut world = World::new();
    let needed = Refused::NotSignedBy(id("NL root"));
    for signer in ["MD root", "NL/technical", "NL next root", "stranger"] {
        assert_eq!(world.refuses(authorise("NL/policy", "NL/policy"), &[signer]), needed, "{signer}");
    }
    world.does(authorise("NL/policy", "NL/policy"), &["NL root"]);
}

/// The honest statement, with another signature under the root's name.
fn resigned(world: &World, signature: Signature) -> Vec<u8> {
    let signatures = Set::new([StatementSignature { key: id("NL root"), signature }]).unwrap();
    SignedStatement { signatures, ..world.signed(act(), &[]) }.to_bytes().unwrap()
}

#[test]
fn a_signature_of_another_domain_network_environment_or_key_is_refused() {
    let mut world = World::founded();
    let bytes = world.statement(act()).to_bytes().unwrap();
    let (root, here) = (key("NL root"), world.directory.context(Environment::Live));
    let elsewhere = Context::of(NetworkId(sha256(b"another")), Environment::Live);
    let exercise = world.opens_exercise("Blue Heron");
    let drill = world.directory.context(Environment::Exercise(exercise));
    let mut bad = vec![
        root.sign(Domain::Statement, &elsewhere, &bytes),
        root.sign(Domain::Statement, &drill, &bytes),
        root.sign(Domain::Statement, &Context::CHARTER, &bytes),
        key("MD root").sign(Domain::Statement, &here, &bytes),
        root.sign(Domain::Statement, &here, b"something else"),
        Signature(Fixed([0; 64])),
    ];
    for domain in [Domain::Charter, Domain::Notice, Domain::Envelope, Domain::Receipt, Domain::Approval] {
        bad.push(root.sign(domain, &here, &bytes));
    }
    for signature in bad {
        let entry = resigned(&world, signature);
        assert_eq!(world.refuses_entry(entry), Refused::BadSignature(id("NL root")));
    }
    let bytes = world.statement(act()).to_bytes().unwrap();
    let good = root.sign(Domain::Statement, &here, &bytes);
    let entry = resigned(&world, good);
    assert_eq!(world.enter(entry), Outcome::Applied);
}

#[test]
fn a_key_signs_a_statement_once() {
    // Otherwise a bad signature that sorts first could hide the good one, and whoever carries a statement
    // could spoil it while its bytes stay canonical.
    let mut world = World::founded();
    let honest = world.signed(act(), &["NL root"]);
    let junk = StatementSignature { key: id("NL root"), signature: Signature(Fixed([0; 64])) };
    let signatures = Set::new(honest.signatures.iter().cloned().chain([junk])).unwrap();
    let spoiled = SignedStatement { signatures, ..honest.clone() }.to_bytes().unwrap();
    assert_eq!(world.refuses_entry(spoiled), Refused::SignedTwice(id("NL root")));
    assert_eq!(world.enter(honest.to_bytes().unwrap()), Outcome::Applied);
}

#[test]
fn an_entry_without_effect_is_counted_and_the_next_honest_one_works() {
    let mut world = World::new();
    let exercise = world.opens_exercise("Blue Heron");
    world.refuses_entry(vec![1, 2, 3]);
    world.refuses(authorise("NL/policy", "NL/policy"), &["MD root"]);
    let index = world.does(authorise("NL/policy", "NL/policy"), &["NL root"]);
    assert_eq!(index, 7);
    world.does(authorise_in("NL/policy", "NL/policy drill", exercise), &["NL root"]);
    assert_eq!(world.directory.now_view().logged_from(5), None);
    assert_eq!(world.directory.now_view().logged_from(index), Some(world.now));
}
