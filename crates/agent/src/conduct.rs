//! What a node does with what relays hand it: the one door through which tests make a node that keeps its word
//! badly.
//!
//! A harness that kills nodes and finds nothing lost has shown little until it finds what a worse node would
//! lose. Such nodes are made out of this one, by answering here other than it would; every default is the
//! node of the product, and [`Careful`] is what the program runs: no option and no setting chooses another.

use core::fmt;
use core::time::Duration;

/// What a node does with what relays hand it. Called from many tasks at once; no method may block.
pub trait Conduct: fmt::Debug + Send + Sync + 'static {
    /// When a relay hears that a message is here, and may forget it.
    fn takes(&self) -> Taking {
        Taking::Kept
    }

    /// What becomes of a message that is here already when it comes again.
    fn repeats(&self) -> Repeating {
        Repeating::Known
    }
}

/// The conduct of the product's node: nothing is said to be here before it is, and nothing is new twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Careful;

impl Conduct for Careful {}

/// When a relay hears that a message is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// When it is on durable storage.
    Kept,
    /// At once; it is judged and stored so much later.
    Unkept(Duration),
}

/// What becomes of a message that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeating {
    /// It is known, and nobody is told of it.
    Known,
    /// It is told as new once more.
    New,
}
