//! What a listener typed counts only when all thirty digits agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::words;

fuzz_target!(|data: &[u8]| words::spoken_digits_heard(data));
