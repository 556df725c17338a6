//! Header, stanza, receipts, record and kept arrival are the one value of their bytes, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::envelope;

fuzz_target!(|data: &[u8]| envelope::envelope_decode(data));
