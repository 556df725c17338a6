//! A witness that refuses stays where it was; one that cosigns has moved to what it was asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notes;

fuzz_target!(|data: &[u8]| notes::witness_request(data));
