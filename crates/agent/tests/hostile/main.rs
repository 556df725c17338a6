//! A whole node, its users' socket, and relays that do what they like.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests stop where they fail"
)]

mod arriving;
mod carried;
mod mirroring;
mod node;
mod proving;
mod relay;
mod sending;
mod witnessing;
#[path = "../../../envelope/tests/rules/world.rs"]
#[allow(dead_code, reason = "shared with pouch-envelope, which uses the rest")]
mod world;
