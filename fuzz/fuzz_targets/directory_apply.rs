//! Whatever stands in the log, the fold is the same for everyone: no key speaks before its entry, no
//! revocation is undone, what breaks a rule changes nothing, and no past answer changes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::script;

fuzz_target!(|data: &[u8]| script::directory_apply(data));
