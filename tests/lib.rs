//! What tests with real processes share, and the harnesses of `cargo xtask prove`.

pub mod bare_tls;
pub mod evil;
pub mod files;
pub mod oracle;
pub mod outsider;
pub mod proving;
pub mod stored;
