//! The kept inputs of `codec_memory`, in a program that counts its memory. It has one test: with a
//! second one beside it, the count would be of both.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

#[path = "../../fuzz/properties/mod.rs"]
mod properties;

use std::path::PathBuf;

#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

#[test]
fn no_decoder_takes_memory_for_what_a_stranger_only_says_is_coming() {
    let before = MEMORY.current_usage();
    let counted = vec![0_u8; 1 << 20];
    assert!(MEMORY.current_usage() - before >= counted.len());

    let fuzz: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "fuzz"].iter().collect();
    let folders = [fuzz.join("corpus/codec_memory"), fuzz.join("regressions/codec_memory")];
    for entry in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        properties::memory::codec_memory(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}
