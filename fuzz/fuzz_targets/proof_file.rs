//! A proof file is its bytes and proves nothing but what it was made for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notes;

fuzz_target!(|data: &[u8]| notes::proof_file(data));
