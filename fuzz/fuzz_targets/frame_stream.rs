//! However a stream is cut into pieces, the same frames or the same error come out of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pouch_fuzz::properties::frames;

fuzz_target!(|data: &[u8]| frames::frame_stream(data));
