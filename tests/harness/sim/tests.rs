use crate::defences::Defences;
use crate::run::run;

#[test]
fn a_seed_replays_identically() {
    for seed in 0..4 {
        let (first, second) = (run(seed, Defences::ALL, false), run(seed, Defences::ALL, false));
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
    }
}
