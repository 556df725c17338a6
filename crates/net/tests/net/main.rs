//! Sessions over real QUIC on the loopback: who gets one, what it carries, how it ends.
//!
//! Nothing sleeps; every wait has a deadline, and no test passes because of how long something took.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod codes;
mod door;
mod ends;
mod frames;
mod handshake;
mod http;
mod life;
mod payload;
mod raw;
mod requests;
mod urgency;
