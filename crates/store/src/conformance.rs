//! What every implementation of the contracts must hold, as a suite that any of them can be put through.
//!
//! Each function is one promise and asserts it on fresh storage; [`relay::all`] and [`agent::all`] run
//! them one after the other. What only one engine can show (how it waits for the disk, what it does
//! with a damaged file) is tested beside that engine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test suite: a broken promise ends it")]

pub mod agent;
pub mod arrivals;
pub mod courier;
pub mod exercises;
pub mod gossip;
pub mod rejudged;
pub mod relay;
pub mod sending;

use std::future::Future;

use pouch_wire::{ContactPoint, Digest, EnvelopeId};

/// Storage of one engine, empty at first.
pub trait Engine: Sync {
    /// What it gives.
    type Store: Clone + Send + Sync + 'static;

    /// Opens the storage, as a program does when it starts.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;

    /// Ends the program that uses it and starts the next: what was answered before is there after it.
    fn restart(&self, store: Self::Store) -> impl Future<Output = Self::Store> + Send;
}

fn point(name: &str) -> ContactPoint {
    name.parse().unwrap()
}

fn digest(n: u8) -> Digest {
    Digest::new([n; 32])
}

fn id(n: u8) -> EnvelopeId {
    EnvelopeId(digest(n))
}
