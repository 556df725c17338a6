//! What must hold whatever the bytes are: one function per fuzz target, each of which panics when its
//! property does not hold. Nothing here needs a fuzzer, so the tests replay every kept input through
//! the same functions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a property that does not hold is a panic; that is how a fuzzer and a test see it"
)]

mod canonical;
pub mod courier;
pub mod directory;
pub mod edits;
pub mod envelope;
pub mod frames;
pub mod memory;
#[path = "../../crates/tlog/tests/rules/naive.rs"]
#[allow(dead_code, reason = "shared with the tests of pouch-tlog")]
mod naive;
pub mod notes;
pub mod notice;
pub mod proofs;
pub mod script;
pub mod sealing;
#[path = "../../crates/notice/tests/inside/stage.rs"]
#[allow(dead_code, reason = "shared with the tests of pouch-notice")]
pub mod stage;
pub mod words;
#[path = "../../crates/envelope/tests/rules/world.rs"]
#[allow(dead_code, reason = "shared with the tests of pouch-envelope")]
pub mod world;

/// What must hold for any bytes.
pub type Property = fn(&[u8]);

/// Every target by its name: the file in `fuzz_targets/`, the folder in `corpus/`.
pub const ALL: &[(&str, Property)] = &[
    ("charter_decode", directory::charter_decode),
    ("checkpoint_note", notes::checkpoint_note),
    ("codec_memory", memory::codec_memory),
    ("content_open", sealing::content_open),
    ("control_line", words::control_line),
    ("courier_file", courier::courier_file),
    ("directory_apply", script::directory_apply),
    ("envelope_decode", envelope::envelope_decode),
    ("frame_stream", frames::frame_stream),
    ("kem_open", sealing::kem_open),
    ("keyfile_parse", sealing::keyfile_parse),
    ("names", words::names),
    ("notice_decode", notice::notice_decode),
    ("notice_toml", notice::notice_toml),
    ("policy_text", notes::policy_text),
    ("proof_consistency", proofs::proof_consistency),
    ("proof_file", notes::proof_file),
    ("proof_inclusion", proofs::proof_inclusion),
    ("quorum", notes::quorum),
    ("session_messages", frames::session_messages),
    ("spoken_digits", words::spoken_digits_heard),
    ("text_render", words::text_render),
    ("tile_files", notes::tile_files),
    ("witness_request", notes::witness_request),
];
