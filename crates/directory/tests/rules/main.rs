//! What pouch-directory promises: what each statement does, and every rule that it must keep, tested
//! through what the crate exports. Beside each refusal stands its honest twin. The bytes of the charter
//! and of every statement are files in `tests/vectors/directory`; `POUCH_BLESS=1` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod acts;
mod charter;
mod entries;
mod exercises;
mod members;
mod names;
mod network;
mod offices;
mod prekeys;
mod recovery;
mod replay;
mod revocation;
mod roots;
mod time;
mod vectors;
#[path = "../../../envelope/tests/rules/vectors_file.rs"]
mod vectors_file;
mod world;
