//! A policy prints as the same policy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notes;

fuzz_target!(|data: &[u8]| notes::policy_text(data));
