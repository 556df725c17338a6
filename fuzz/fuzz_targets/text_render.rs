//! No text steers the terminal, outgrows its line, or changes a line of the form that is the program's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::words;

fuzz_target!(|data: &[u8]| words::text_render(data));
