//! Relays and logs that lie by flag: the product's relay with another conduct, between real nodes.
//!
//! Each run founds a network of its own, lets honest traffic flow, then begins to lie in one way and waits
//! until the person at a node is told. What must be told, where and within how long stands beside each
//! lie.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "harnesses speak to the terminal")]

pub mod codes;
pub mod figures;
pub mod forger;
pub mod journal;
pub mod liar;
pub mod log_lies;
pub mod relay_lies;
pub mod runs;
pub mod town;
