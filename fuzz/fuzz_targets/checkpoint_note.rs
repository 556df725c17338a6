//! A signed note, a checkpoint, a key line and signature lines are their bytes: equal text, equal bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notes;

fuzz_target!(|data: &[u8]| notes::checkpoint_note(data));
