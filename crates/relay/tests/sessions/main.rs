//! A whole relay over real QUIC, and agents that behave, or do not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests stop where they fail"
)]

mod harness;
#[path = "../../../envelope/tests/rules/message.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the crate that it belongs to")]
mod message;
#[path = "../../../envelope/tests/rules/world.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the crate that it belongs to")]
mod world;

mod beacons;
mod delivering;
mod flooding;
mod keeping;
mod lying;
mod naming;
mod restoring;
