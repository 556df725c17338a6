//! What is read as a name is written as it was read; nothing in it steers a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::words;

fuzz_target!(|data: &[u8]| words::names(data));
