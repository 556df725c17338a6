//! Proofs that were made under a network that has changed since: what its witnesses saw stays seen, and they see
//! nothing new.

use pouch_directory::{Relay, Witness};
use pouch_notice::{Clause, EvidenceRefused, NotLogged, prove_logged};
use pouch_tlog::{PolicyError, ProofFileRefused};
use pouch_wire::{Blob, Timestamp, limits};

use crate::evidence::{Case, entry, note};
use crate::logs::{Logged, QUORUM, directory_note};
use crate::post::{ACCEPTED, MD, NL, Posted, honest, only, reserved};
use crate::world::{HOUR, World, mldsa_key, note_key, relay, witness, witnesses};

const NEW_QUORUM: [&str; 2] = ["fr.example/w", "nl.example/w"];
/// When the change was drafted, and when the statement after it.
const DRAFTED: Timestamp = Timestamp(ACCEPTED.0 + HOUR);
const NEXT: Timestamp = Timestamp(ACCEPTED.0 + 2 * HOUR);
/// The last moment at which a former witness may say that it saw something.
const OVER: Timestamp = Timestamp(NEXT.0 + limits::CLOCK_SKEW_MS_MAX);

/// NL stays; FR and SE come for BA and MD.
fn others() -> Vec<Witness> {
    ["fr.example/w", "nl.example/w", "se.example/w"].map(witness).to_vec()
}

/// The first relay with new keys for its log.
fn with_new_log_keys() -> Relay {
    let mut relay = relay("relay-1");
    relay.message_log.ed25519 = note_key("new log").public();
    relay.message_log.mldsa = mldsa_key("new log").public().clone();
    relay
}

fn changed(before: &World, relays: &[Relay], witnesses: &[Witness]) -> World {
    let mut world = before.clone();
    world.change_network(relays, witnesses, DRAFTED);
    world
}

/// The same, and something is entered after it.
fn moved_on(world: &World) -> World {
    let mut world = world.clone();
    world.close_exercise(NEXT);
    world
}

/// Each way in which what proved it then proves nothing by the network as it is.
fn changes(before: &World) -> [World; 3] {
    [
        changed(before, &[relay("relay-1"), relay("relay-2")], &others()),
        changed(before, &[with_new_log_keys(), relay("relay-2")], &witnesses()),
        changed(before, &[relay("relay-2")], &witnesses()),
    ]
}

fn proved(world: &World, posted: &Posted, logged: &Logged) -> Result<(), NotLogged> {
    let arrived = posted.delivered(MD, &logged.receipt).unwrap();
    prove_logged(&logged.proof.to_bytes(), &arrived, &world.directory).map(drop)
}

fn no_quorum(refused: Result<(), NotLogged>) -> bool {
    matches!(refused, Err(NotLogged::Proof(ProofFileRefused::Policy(PolicyError::NoQuorum { .. }))))
}

#[test]
fn what_a_former_network_s_witnesses_saw_stays_proved() {
    let before = World::new();
    let posted = honest(&before).posted();
    let logged = Logged::new(&before, &posted, ACCEPTED);
    for after in changes(&before) {
        proved(&after, &posted, &logged).unwrap();
        proved(&moved_on(&after), &posted, &logged).unwrap();
    }
}

#[test]
fn a_revocation_after_a_change_of_the_network_finds_the_proof_of_before() {
    let before = World::new();
    let posted = honest(&before).posted();
    let logged = Logged::new(&before, &posted, ACCEPTED);
    for after in changes(&before) {
        let mut world = moved_on(&after);
        world.revoke(NL, DRAFTED, OVER);
        logged.received(&world, &posted, MD).unwrap();
        let by_word = posted.opened_with(MD, &logged.receipt).unwrap();
        let by_word = by_word.verify(&crate::post::facts(&world, Timestamp(ACCEPTED.0 + 2000)));
        assert_eq!(reserved(by_word), only(Clause::KeyInTime, "POUCH-VER-32"), "the twin: without its proof");
    }
}

#[test]
fn former_witnesses_see_nothing_new() {
    let before = World::new();
    let posted = honest(&before).posted();
    let after = moved_on(&changed(&before, &[relay("relay-1"), relay("relay-2")], &others()));
    let seen = |at| Logged::seen(&before, "relay-1", posted.id(), ACCEPTED, at);
    // Cosignatures tell whole seconds.
    proved(&after, &posted, &seen(OVER)).unwrap();
    assert!(no_quorum(proved(&after, &posted, &seen(Timestamp(OVER.0 + 1000)))));
    // Until something follows the change, nobody can tell when it was entered.
    let just_changed = changed(&before, &[relay("relay-1"), relay("relay-2")], &others());
    proved(&just_changed, &posted, &seen(Timestamp(OVER.0 + 1000))).unwrap();
}

#[test]
fn a_log_whose_policy_did_not_change_counts_as_before() {
    let before = World::new();
    let posted = honest(&before).posted();
    let mut moved = relay("relay-2");
    moved.address = pouch_wire::Text::new("elsewhere:4433").unwrap();
    let after = moved_on(&changed(&before, &[relay("relay-1"), moved], &witnesses()));
    let late = Logged::seen(&before, "relay-1", posted.id(), ACCEPTED, Timestamp(OVER.0 + HOUR));
    proved(&after, &posted, &late).unwrap();
    assert_eq!(after.directory.now_view().message_policies("relay-1").len(), 1);
}

#[test]
fn a_former_and_a_new_witness_are_no_quorum_together() {
    let before = World::new();
    let posted = honest(&before).posted();
    let after = changed(&before, &[relay("relay-1"), relay("relay-2")], &others());
    let by = |witnesses| Logged::cosigned_by(&before, &posted, witnesses);
    assert!(no_quorum(proved(&after, &posted, &by(&["ba.example/w", "fr.example/w"]))));
    proved(&after, &posted, &by(&QUORUM)).unwrap();
    proved(&after, &posted, &by(&NEW_QUORUM)).unwrap();
}

#[test]
fn evidence_is_judged_by_the_network_that_it_was_logged_under() {
    let case = Case::new();
    let after = moved_on(&changed(&case.world, &[relay("relay-1"), relay("relay-2")], &others()));
    let mut parts = case.parts();
    parts.entries = after.entries.iter().map(|bytes| entry(bytes.clone())).collect();
    parts.checkpoint = note(&directory_note(&after, &NEW_QUORUM, OVER));
    let proven = case.check(&parts).unwrap();
    assert_eq!(proven.number(), "NL/technical 2026-0007");
    // Exchanged for what the same witnesses said when they were none any more.
    let late = Logged::seen(&case.world, "relay-1", case.posted.id(), ACCEPTED, Timestamp(OVER.0 + 1000));
    parts.proof = Blob::new(late.proof.to_bytes()).unwrap();
    let refused = case.check(&parts).unwrap_err();
    assert!(matches!(refused, EvidenceRefused::Log(_)), "{refused}");
}
