//! Notice, content, receipt, evidence and kept state are the one value of their bytes, or refused; what
//! can be shown fits its lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::notice;

fuzz_target!(|data: &[u8]| notice::notice_decode(data));
