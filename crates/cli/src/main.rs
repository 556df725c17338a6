//! The `pouch` binary.
fn main() {}
