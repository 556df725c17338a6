//! What pouch-notice promises of a message on its way: drafted, approved, signed, sealed, opened, verified,
//! placed in its order, proved to outsiders. Beside each refusal stands its honest twin, and each refusal is
//! held to its own clause and code. The bytes of every type are files in `tests/vectors/notice/accept`;
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

mod answers;
mod authority;
mod confirmations;
mod courier;
mod drills;
mod evidence;
mod flips;
mod forged;
mod former_networks;
mod honest;
mod in_time;
mod joint;
mod letters;
mod logs;
mod order;
mod post;
mod receipts;
mod release;
mod sealing;
mod secrets;
mod silence;
#[path = "../inside/stage.rs"]
#[allow(dead_code, reason = "shared with the other tests, which use the rest")]
mod stage;
mod standing;
mod surroundings;
mod vectors;
#[path = "../../../envelope/tests/rules/vectors_file.rs"]
mod vectors_file;
#[path = "../../../envelope/tests/rules/world.rs"]
#[allow(dead_code, reason = "shared with pouch-envelope, which uses the rest")]
mod world;
