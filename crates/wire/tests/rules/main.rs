//! What pouch-wire promises of bytes, tested through what it exports: one value has one encoding, a
//! stream is the same however it is cut, and no limit is found out by allocating. The bytes of every type
//! are files in `tests/vectors/wire`; `POUCH_BLESS=1` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod canonical;
mod limits;
mod streams;
mod vectors;
#[path = "../../../envelope/tests/rules/vectors_file.rs"]
mod vectors_file;
mod words;
