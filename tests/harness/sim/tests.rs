//! A few seeds, so that every run of the tests has seen the simulation work: every promise kept, every
//! control failing, and each seed the same twice.

use crate::defences::Defences;
use crate::run::run;

/// Enough for every control to fail.
const SEEDS: u64 = 24;

#[test]
fn a_seed_replays_identically() {
    for seed in [0, 2, 5] {
        let (first, second) = (run(seed, Defences::ALL, false), run(seed, Defences::ALL, false));
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
    }
    assert_ne!(run(0, Defences::ALL, false).hash, run(1, Defences::ALL, false).hash);
}

#[test]
fn honest_and_hostile_worlds_keep_every_promise() {
    let mut presented = 0;
    for seed in 0..SEEDS / 3 {
        let outcome = run(seed, Defences::ALL, false);
        assert_eq!(outcome.violations, [], "seed {seed}");
        presented += outcome.counts.get("presented").copied().unwrap_or_default();
    }
    assert!(presented > 50, "{presented} notices presented: too little happened that could go wrong");
}

#[test]
fn without_any_one_defence_a_promise_of_its_own_is_broken() {
    for (name, promises, defences) in Defences::CONTROLS {
        let broken = (0..SEEDS).any(|seed| {
            let violations = run(seed, defences, false).violations;
            violations.iter().any(|violation| promises.contains(&violation.invariant))
        });
        assert!(broken, "without {name} no seed breaks any of {promises:?}");
    }
}
