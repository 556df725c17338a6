//! What tests with real processes share, and the harnesses of `cargo xtask prove`.

pub mod evil;
pub mod oracle;
pub mod outsider;
