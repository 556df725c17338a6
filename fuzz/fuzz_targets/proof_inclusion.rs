//! A path proves a leaf's place exactly when a naive oracle rebuilds the root from it, never another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::proofs;

fuzz_target!(|data: &[u8]| proofs::proof_inclusion(data));
