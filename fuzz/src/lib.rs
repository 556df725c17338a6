//! What the fuzz targets have in common: their properties, and an allocator that counts.
#![forbid(unsafe_code)]

#[path = "../properties/mod.rs"]
pub mod properties;

#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
