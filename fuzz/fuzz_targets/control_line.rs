//! A line of the local API is a call or refused; what was read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::words;

fuzz_target!(|data: &[u8]| words::control_line(data));
