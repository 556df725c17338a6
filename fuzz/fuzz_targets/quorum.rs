//! A checkpoint counts exactly when the log and enough distinct witnesses signed it, each counted once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notes;

fuzz_target!(|data: &[u8]| notes::quorum(data));
