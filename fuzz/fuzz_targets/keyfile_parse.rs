//! A key file gives the expected key or an error that says what is wrong with the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::sealing;

fuzz_target!(|data: &[u8]| sealing::keyfile_parse(data));
