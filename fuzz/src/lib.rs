//! What the fuzz targets have in common: their properties, and a count of the memory that one takes.
#![forbid(unsafe_code)]

#[path = "../properties/mod.rs"]
pub mod properties;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs a decoder's property. At no time does it hold more memory than four times its input and 64 KiB:
/// no length that a stranger writes makes anyone allocate for it.
pub fn within_memory(data: &[u8], property: impl FnOnce(&[u8])) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    property(data);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    let most = data.len() * 4 + 64 * 1024;
    assert!(peak <= most, "{peak} bytes for an input of {}, at most {most}", data.len());
}
