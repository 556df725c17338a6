//! A tile's place has one path; a tile and an entry bundle are their bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notes;

fuzz_target!(|data: &[u8]| notes::tile_files(data));
