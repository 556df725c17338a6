//! What pouch-crypto promises, tested through what it exports: published vectors, known answers of a
//! second implementation (`tests/vectors/crypto/make.py`), and a refusal beside every acceptance.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod content;
mod fingerprint;
mod keyfile;
mod openssl;
mod padding;
mod seal;
mod secrecy;
mod sign;
mod vault;
mod vectors;
mod weak_keys;
mod wycheproof;
