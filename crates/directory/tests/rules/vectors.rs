//! The bytes of the charter and of every statement, and bytes that look like them and are refused. A
//! changed byte is a changed protocol, and must be meant.

use std::collections::BTreeMap;

use pouch_directory::{
    Act, Audience, Charter, CharterFile, ContactPointEntry, DisplayName, Mandate, NetworkChange,
    SignedCharter, SignedStatement, Statement, Witness,
};
use pouch_wire::{Blob, Canonical, DecodeError, Environment, List, Set};

use crate::acts::{
    admit, authorise_in, authorise_officer, change_network, contact_point, day_key, mandate, no_change,
    office, officer, open_exercise, prekeys, recover, reinstate, release_rule, release_rules, revoke, rotate,
    suspend, veto,
};
use crate::vectors_file::held;
use crate::world::{FOUNDERS, World, charter_of, key, log, members, relay, set, text, witness};

/// An office with everything that an entry can say.
fn full_office() -> Act {
    let name = |language, name| DisplayName { language: text(language), name: text(name) };
    contact_point(ContactPointEntry {
        home_relays: List::new(vec![text("relay-2"), text("relay-1")]).unwrap(),
        display_names: Set::new([name("en", "Crisis desk"), name("nl", "Crisisbureau")]).unwrap(),
        mandate: Mandate { audience: Audience::Members(members(&["BA", "MD"])), ..mandate() },
        ..office("NL/technical", "NL/technical")
    })
}

/// Everything that a change can say: a witness that attaches by itself joins, the log has new keys.
fn everything_changes() -> Act {
    let own = Witness { transport: Some(key("witness transport").public()), ..witness("fr.example/w") };
    Act::ChangeNetwork(Box::new(NetworkChange {
        since: 7,
        drop_relays: set(&[text("relay-1")]),
        relays: List::new(vec![relay("relay-2"), relay("relay-3")]).unwrap(),
        first_relay: Some(text("relay-3")),
        drop_witnesses: set(&[text("ba.example/w"), text("md.example/w")]),
        witnesses: Set::new([own, witness("lu.example/w")]).unwrap(),
        directory_log: Some(log("relay-3.example/directory")),
        ..no_change()
    }))
}

fn acts(world: &World) -> Vec<(&'static str, Act)> {
    let exercise = world.directory.now_view().exercises().next().unwrap().id;
    let (live, now) = (Environment::Live, world.now);
    vec![
        ("statement_admit-member", admit("FR")),
        ("statement_authorise-contact-point", full_office()),
        ("statement_authorise-contact-point-in-exercise", authorise_in("NL/technical", "drill", exercise)),
        ("statement_authorise-officer", authorise_officer(officer("officer"))),
        ("statement_set-release-rules", release_rules(vec![release_rule(2)])),
        ("statement_publish-prekeys", prekeys("NL/technical", live, vec![day_key("one", now)])),
        ("statement_rotate-root", rotate("NL", "NL next root", "third")),
        ("statement_recover-root", recover("new root", "new next")),
        ("statement_veto-recovery", veto("NL next root")),
        ("statement_revoke-key", revoke("NL/technical")),
        ("statement_open-exercise", open_exercise("Blue Heron", &["MD", "NL"], now)),
        ("statement_close-exercise", Act::CloseExercise { exercise }),
        ("statement_suspend-member", suspend("NL")),
        ("statement_reinstate-member", reinstate("NL")),
        ("statement_change-network", change_network()),
        ("statement_change-network-in-everything", everything_changes()),
    ]
}

fn world() -> World {
    let mut world = World::founded();
    world.opens_exercise("Grey Wolf");
    world
}

fn accepted() -> BTreeMap<String, Vec<u8>> {
    let world = world();
    let mut files: BTreeMap<String, Vec<u8>> = acts(&world)
        .into_iter()
        .map(|(name, act)| (name.to_owned(), world.statement(act).to_bytes().unwrap()))
        .collect();
    let signed = world.signed(admit("FR"), &["BA root", "NL root", "FR root"]);
    let first_statements = vec![Blob::new(world.entries[1].clone()).unwrap()];
    let file = CharterFile {
        charter: world.charter.clone(),
        first_statements: List::new(first_statements).unwrap(),
    };
    let Act::AuthoriseContactPoint(entry) = full_office() else { panic!() };
    for (name, bytes) in [
        ("charter", charter_of(&FOUNDERS).to_bytes()),
        ("signed-charter", world.charter.to_bytes()),
        ("charter-file", file.to_bytes()),
        ("signed-statement", signed.to_bytes()),
        ("contact-point-entry", entry.to_bytes()),
    ] {
        files.insert(name.to_owned(), bytes.unwrap());
    }
    files
}

/// Reads bytes as the type that the name begins with; what they encode as again.
fn read(name: &str, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    fn again<T: Canonical>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(T::from_bytes(bytes)?.to_bytes().unwrap())
    }
    match name.split('_').next().unwrap() {
        "charter" => again::<Charter>(bytes),
        "signed-charter" => again::<SignedCharter>(bytes),
        "charter-file" => again::<CharterFile>(bytes),
        "statement" => again::<Statement>(bytes),
        "signed-statement" => again::<SignedStatement>(bytes),
        "contact-point-entry" => again::<ContactPointEntry>(bytes),
        other => panic!("no type {other}"),
    }
}

#[test]
fn the_charter_and_every_statement_have_the_bytes_on_file() {
    for (name, bytes) in held("directory", "accept", &accepted()) {
        assert_eq!(read(&name, &bytes).as_deref(), Ok(bytes.as_slice()), "{name}");
    }
}

#[test]
fn every_kind_of_statement_is_on_file() {
    // The act's number stands after network, time and nonce.
    let world = world();
    let at = 32 + 9 + 32;
    let numbers: std::collections::BTreeSet<u8> =
        acts(&world).into_iter().map(|(_, act)| world.statement(act).to_bytes().unwrap()[at]).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (0..14).collect::<Vec<u8>>());
    let mut unknown = world.statement(admit("FR")).to_bytes().unwrap();
    unknown[at] = 14;
    assert_eq!(Statement::from_bytes(&unknown), Err(DecodeError::Malformed { name: "statement" }));
}

fn edited(bytes: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    edit(&mut bytes);
    bytes
}

/// Where a part of a value stands in its bytes.
fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

/// Puts other bytes in the place of some.
fn replaced(bytes: &[u8], part: &[u8], other: &[u8]) -> Vec<u8> {
    let at = find(bytes, part);
    edited(bytes, |b| drop(b.splice(at..at + part.len(), other.iter().copied())))
}

/// The point of order two and a coordinate that is not below the prime.
const SMALL_ORDER: [u8; 32] = {
    let mut y = [0; 32];
    y[0] = 1;
    y
};
const NOT_REDUCED: [u8; 32] = {
    let mut y = [0xff; 32];
    y[0] = 0xee;
    y[31] = 0x7f;
    y
};

fn refused() -> BTreeMap<String, Vec<u8>> {
    let good = accepted();
    let (charter, signed) = (&good["charter"], &good["signed-statement"]);
    let (admit, drill) = (&good["statement_admit-member"], &good["statement_open-exercise"]);
    let root = *key("FR root").public().as_bytes();
    let founder = *key("NL root").public().as_bytes();
    let files = [
        ("charter_trailing-byte", edited(charter, |b| b.push(0))),
        ("charter_cut-short", edited(charter, |b| b.truncate(b.len() - 1))),
        ("charter_empty", Vec::new()),
        ("charter_integer-not-minimal", edited(charter, |b| drop(b.splice(0..1, [251, 1, 0])))),
        ("charter_founders-unsorted", replaced(charter, b"\x02BA\x02BA", b"\x02ZZ\x02BA")),
        ("charter_founder-in-small-letters", replaced(charter, b"\x02BA\x02BA", b"\x02ba\x02BA")),
        ("charter_weak-root", replaced(charter, &founder, &SMALL_ORDER)),
        ("charter_non-canonical-root", replaced(charter, &founder, &NOT_REDUCED)),
        ("signed-charter_trailing-byte", edited(&good["signed-charter"], |b| b.push(0))),
        ("charter-file_trailing-byte", edited(&good["charter-file"], |b| b.push(0))),
        ("statement_trailing-byte", edited(admit, |b| b.push(0))),
        ("statement_cut-short", edited(admit, |b| b.truncate(b.len() - 1))),
        ("statement_empty", Vec::new()),
        ("statement_unknown-act", edited(admit, |b| b[73] = 14)),
        // The act's number in three bytes.
        ("statement_integer-not-minimal", edited(admit, |b| drop(b.splice(73..74, [251, 0, 0])))),
        ("statement_weak-key", replaced(admit, &root, &SMALL_ORDER)),
        ("statement_non-canonical-key", replaced(admit, &root, &NOT_REDUCED)),
        ("statement_member-in-small-letters", replaced(admit, b"\x02FR", b"\x02fr")),
        ("statement_member-of-nine-letters", replaced(admit, b"\x02FR", b"\x09ABCDEFGHI")),
        ("statement_participants-unsorted", replaced(drill, b"\x02MD\x02NL", b"\x02NL\x02MD")),
        ("statement_participant-repeated", replaced(drill, b"\x02MD\x02NL", b"\x02NL\x02NL")),
        ("statement_control-character", replaced(drill, b"Blue Heron", b"Blue\x07Heron")),
        ("statement_name-not-utf8", replaced(drill, b"Blue Heron", b"Blue\xffHeron")),
        ("signed-statement_trailing-byte", edited(signed, |b| b.push(0))),
        ("signed-statement_cut-short", edited(signed, |b| b.truncate(b.len() - 1))),
        // Three signatures of 96 bytes each stand at the end.
        (
            "signed-statement_signatures-unsorted",
            edited(signed, |b| {
                let at = b.len() - 2 * 96;
                b[at..].rotate_left(96);
            }),
        ),
        (
            "signed-statement_signature-repeated",
            edited(signed, |b| {
                let at = b.len() - 96;
                let last = b[at..].to_vec();
                b[at - 96..at].copy_from_slice(&last);
            }),
        ),
        ("signed-statement_over-16-kib", vec![0; 16 * 1024 + 1]),
    ];
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

#[test]
fn what_only_looks_like_a_charter_or_statement_is_refused() {
    for (name, bytes) in held("directory", "refuse", &refused()) {
        let error = read(&name, &bytes).unwrap_err();
        let expected = match name.split('_').nth(1).unwrap() {
            "trailing-byte" => matches!(error, DecodeError::Trailing { extra: 1, .. }),
            "integer-not-minimal" => matches!(error, DecodeError::NotCanonical { .. }),
            "over-16-kib" => matches!(error, DecodeError::TooLong { max: 16_384, .. }),
            _ => matches!(error, DecodeError::Malformed { .. }),
        };
        assert!(expected, "{name}: {error:?}");
    }
}
