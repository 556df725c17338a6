//! A proof that a log only grew counts exactly when a naive oracle rebuilds both roots from it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::proofs;

fuzz_target!(|data: &[u8]| proofs::proof_consistency(data));
