//! Fields that are read as a body are written as fields of the same body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notice;

fuzz_target!(|data: &[u8]| notice::notice_toml(data));
