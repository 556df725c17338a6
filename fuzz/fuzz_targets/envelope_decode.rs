//! Header, stanza, receipts, record and kept arrival are the one value of their bytes, or refused, in
//! memory that their length bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::envelope;

fuzz_target!(|data: &[u8]| pouch_fuzz::within_memory(data, envelope::envelope_decode));
