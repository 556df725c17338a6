//! Scenarios: real `pouch` processes on real sockets, driven by the commands that people type.
//!
//! Nothing here sleeps or looks at a clock to decide: every wait is for an event, with a deadline
//! that only a failure reaches.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    reason = "tests: a story is told in one piece"
)]

mod contained;
mod courier;
mod drills;
mod handbook;
mod hostile;
mod joint;
mod life;
mod life_away;
mod life_keys;
mod life_ladder;
mod life_many;
mod life_member;
mod life_rejudged;
mod life_release;
mod network;
mod relays;
mod silence;
mod surfaces_files;
mod surfaces_socket;
mod surfaces_wire;
mod surfaces_words;
mod walk;
mod walk_demo;
mod witnesses;
