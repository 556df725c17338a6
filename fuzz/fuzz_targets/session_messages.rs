//! Whatever a peer sends as a kind of message is that message's one encoding or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::frames;

fuzz_target!(|data: &[u8]| frames::session_messages(data));
