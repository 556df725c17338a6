//! Encrypted content opens untouched or not at all, whole and by the chunk alike; padding and wrapped
//! secrets come off only where they were put on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::sealing;

fuzz_target!(|data: &[u8]| sealing::content_open(data));
