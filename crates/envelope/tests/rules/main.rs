//! What pouch-envelope promises of the outside of a message, tested through what it exports. Beside each
//! refusal stands its honest twin. The bytes of every type are files in `tests/vectors/envelope`;
//! `POUCH_BLESS=1` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod admission;
mod arrival;
mod beacons;
mod message;
mod receipts;
mod records;
mod shape;
mod vectors;
mod vectors_file;
#[allow(dead_code, reason = "shared with pouch-notice, which uses the rest")]
mod world;
