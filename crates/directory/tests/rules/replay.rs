//! Whatever a log holds, the fold goes on, is the same for everyone, and takes nothing back.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use pouch_directory::{Act, Directory, NotInRole, RevocationReason, View};
use pouch_wire::{Environment, ExerciseId, KeyId, Timestamp};
use proptest::prelude::*;

use crate::acts::{
    admit, authorise, authorise_officer, change_network, day_key, officer, open_exercise, prekeys, recover,
    reinstate, release_rule, release_rules, rotate, suspend, veto,
};
use crate::world::{DAY, FOUNDED, World, id, point, prekey};

const OFFICES: [&str; 4] = ["NL/technical", "MD/technical", "BA/technical", "FR/technical"];
const KEYS: [&str; 6] = ["one", "two", "three", "four", "NL root", "NL/technical"];
const SIGNERS: [&str; 10] = [
    "NL root",
    "MD root",
    "BA root",
    "NL next root",
    "FR root",
    "one",
    "two",
    "three",
    "NL/technical",
    "third",
];
const ROOTS: [&str; 4] = ["NL next root", "third", "fourth", "one"];

/// What a statement may be about: few enough things that statements meet.
#[derive(Debug, Clone)]
struct Draw {
    kind: u8,
    office: usize,
    key: usize,
    root: usize,
    signers: u16,
    wait: u64,
}

fn draw() -> impl Strategy<Value = Draw> {
    let wait = prop_oneof![Just(0), Just(DAY), Just(8 * DAY)];
    let parts = (0..15u8, 0..OFFICES.len(), 0..KEYS.len(), 0..ROOTS.len(), any::<u16>(), wait);
    parts.prop_map(|(kind, office, key, root, signers, wait)| Draw { kind, office, key, root, signers, wait })
}

fn act(world: &World, draw: &Draw) -> Act {
    let (office, key, root) = (OFFICES[draw.office], KEYS[draw.key], ROOTS[draw.root]);
    let member = &office[..2];
    let exercise = world.directory.now_view().exercises().next().map(|found| found.id);
    match draw.kind {
        0 | 1 => authorise(office, key),
        2 => authorise_officer(officer(key)),
        3 => release_rules(vec![release_rule(draw.key as u8)]),
        4 => prekeys(office, Environment::Live, vec![day_key(key, world.now)]),
        5 => admit(member),
        6 => rotate(member, root, KEYS[draw.key]),
        7 => recover(root, key),
        8 => veto(root),
        9 | 10 => Act::RevokeKey { key: id(key), reason: RevocationReason::Lost, effective: world.now },
        11 => open_exercise(key, &["MD", "NL"], world.now),
        12 => Act::CloseExercise { exercise: exercise.unwrap_or(ExerciseId(pouch_crypto::sha256(b""))) },
        13 if draw.key.is_multiple_of(2) => suspend(member),
        13 => reinstate(member),
        _ => change_network(),
    }
}

/// Enters what was drawn, signed by those of the signers that were drawn; most often by all.
fn enter(world: &mut World, draw: &Draw) {
    world.wait(draw.wait);
    let all = !draw.signers.is_multiple_of(4);
    let drawn = |place: usize| all || draw.signers >> (place + 2) & 1 == 1;
    let signers: Vec<&str> =
        SIGNERS.iter().enumerate().filter(|(place, _)| drawn(*place)).map(|(_, name)| *name).collect();
    let entry = world.entry(act(world, draw), &signers);
    world.enter(entry);
}

fn replayed(world: &World) -> Directory {
    let mut directory = Directory::found(&world.charter).unwrap();
    for (index, entry) in world.entries.iter().enumerate().skip(1) {
        directory.apply(index as u64, entry);
    }
    directory
}

/// What the directory answers about the keys of this universe, without what came after.
fn answers(view: View<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for office in OFFICES.map(point) {
        for key in IDS.iter().take(KEYS.len()).copied() {
            let signs = view.may_sign(&office, Environment::Live, key);
            all.push(format!("{:?}", signs.map(|authority| (authority.since_index, authority.mandate))));
            all.push(format!("{:?}", view.officer(&office, Environment::Live, key)));
        }
        let now = Timestamp(FOUNDED.0 + DAY);
        all.push(format!("{:?}", view.prekeys(&office, Environment::Live, now)));
        all.push(format!("{:?}", view.home_relays(&office)));
    }
    all.push(format!("{:?}", view.members().collect::<Vec<_>>()));
    all.push(format!("{:?} {:?}", view.relays(), view.thresholds()));
    all
}

/// The ids of the keys of this universe, computed once.
static IDS: LazyLock<Vec<KeyId>> = LazyLock::new(|| {
    KEYS.iter().chain(&SIGNERS).map(|name| id(name)).chain(KEYS.map(|n| prekey(n).public().id())).collect()
});

/// No key speaks before its entry, and none after its revocation.
fn check_keys(world: &World) -> Result<(), TestCaseError> {
    let directory = &world.directory;
    let newest = directory.now_view();
    for size in 1..=directory.size() {
        let view = directory.as_of(size);
        for office in OFFICES.map(point) {
            for key in IDS.iter().copied() {
                let signs = view.may_sign(&office, Environment::Live, key);
                if let Ok(authority) = &signs {
                    prop_assert!(authority.since_index < size);
                }
                let revoked = newest.revocation(key).filter(|revocation| revocation.index < size);
                prop_assert_eq!(view.revocation(key), revoked);
                if revoked.is_some() {
                    prop_assert!(signs.is_err());
                    let approves = view.officer(&office, Environment::Live, key);
                    prop_assert!(approves.is_err());
                }
                if let Err(NotInRole::Revoked { index, .. }) = signs {
                    prop_assert_eq!(Some(index), revoked.map(|revocation| revocation.index));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_statements_gives_everyone_the_same_directory(
        draws in proptest::collection::vec(draw(), 1..24)
    ) {
        let mut world = World::founded();
        let mut then = BTreeMap::new();
        for draw in &draws {
            enter(&mut world, draw);
            let size = world.directory.size();
            then.insert(size, answers(world.directory.now_view()));
        }
        prop_assert_eq!(replayed(&world).state_digest(), world.directory.state_digest());
        for (size, answered) in then {
            // As of any size the answers stay what they were.
            prop_assert_eq!(answers(world.directory.as_of(size)), answered);
        }
        check_keys(&world)?;
    }

    #[test]
    fn junk_between_statements_changes_nothing_but_the_count(
        draws in proptest::collection::vec(draw(), 1..12),
        junk in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 12),
    ) {
        let mut world = World::founded();
        for (draw, junk) in draws.iter().zip(junk) {
            enter(&mut world, draw);
            let before = answers(world.directory.now_view());
            world.refuses_entry(junk);
            prop_assert_eq!(answers(world.directory.now_view()), before);
        }
        prop_assert_eq!(world.directory.size(), 1 + 2 * draws.len() as u64);
        prop_assert_eq!(replayed(&world).state_digest(), world.directory.state_digest());
    }

    #[test]
    fn a_statement_with_any_byte_changed_has_no_effect(place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut world = World::new();
        let mut entry = world.entry(authorise("NL/policy", "one"), &["NL root"]);
        let place = place.index(entry.len());
        entry[place] ^= 1 << bit;
        world.refuses_entry(entry);
    }
}

#[test]
fn the_draws_reach_every_outcome_that_the_properties_speak_of() {
    // The properties would hold of a fold that refuses everything.
    let mut world = World::founded();
    let kinds = [1, 9, 5, 6, 3, 11, 14];
    for kind in kinds {
        let office = if kind == 5 { 3 } else { 0 };
        let key = if kind == 6 { 2 } else { 1 };
        enter(&mut world, &Draw { kind, office, key, root: 0, signers: 1, wait: 0 });
    }
    let view = world.directory.now_view();
    assert!(view.revocation(id("two")).is_some());
    assert_eq!(view.members().count(), 4);
    assert_eq!(view.exercises().count(), 1);
    assert_eq!(view.relays().len(), 1);
    assert!(world.root_is("NL", "NL next root"));
}
