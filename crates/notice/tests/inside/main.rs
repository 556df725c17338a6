//! What pouch-notice promises of the inside of a message: bodies and their TOML, the rules of form, mandates
//! and release rules, and the printed form, tested through what it exports. Beside each refusal stands its
//! honest twin. The printed form and the bytes of one notice of each type are files in
//! `tests/vectors/notice`; `POUCH_WRITE_VECTORS=1` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod bodies;
mod form;
mod nasty;
mod printed;
mod release;
mod stage;
mod vectors;
