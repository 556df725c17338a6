//! What pouch-tlog promises, tested through what it exports: the RFC's and C2SP's own examples, the
//! vectors of a second implementation (`tests/vectors/tlog/make.py`), a naive tree, and a refusal
//! beside every acceptance.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod accept;
mod naive;
mod parties;
mod policy;
mod rfc6962;
mod self_check;
mod signing;
mod tiles;
mod tree;
mod vectors;
mod witness;
