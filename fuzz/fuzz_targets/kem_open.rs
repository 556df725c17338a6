//! Whatever is put in place of a sealed key does not open, with one error for every cause.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::sealing;

fuzz_target!(|data: &[u8]| sealing::kem_open(data));
