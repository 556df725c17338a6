//! A courier file is read as what it was written of, or refused for a reason that fits; its messages are handed
//! over whole or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::courier;

fuzz_target!(|data: &[u8]| courier::courier_file(data));
