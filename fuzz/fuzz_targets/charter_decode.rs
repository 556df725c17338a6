//! A charter, charter file or statement is the one value of its bytes, or refused; a charter founds the
//! network of its own hash, alike for everyone, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::directory;

fuzz_target!(|data: &[u8]| directory::charter_decode(data));
