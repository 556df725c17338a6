//! No decoder takes memory for what a stranger only says is coming: at most four times what came, and
//! 64 KiB.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::memory;

fuzz_target!(|data: &[u8]| memory::codec_memory(data));
