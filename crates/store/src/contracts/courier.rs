//! What a node remembers of couriers: what it handed to them, and what of that which they brought a relay has
//! promised since.

use pouch_wire::{ContactPoint, EnvelopeId, Timestamp};

use super::Answer;
use crate::rows::{Handed, HandedRow, UndeliveredRow};

/// Messages that are carried by hand.
pub trait Courier {
    /// Who has not confirmed which sent message that somebody may still act on, in the order of sending.
    ///
    /// # Errors
    /// When storage failed.
    fn undelivered(&self, now: Timestamp) -> impl Answer<Vec<UndeliveredRow>>;

    /// Remembers that messages were written into a courier file. It moves nobody's rung: that a file was
    /// written says nothing of its coming. What was not sent to whom it names is left out.
    ///
    /// # Errors
    /// When storage failed.
    fn hand_over(&self, handed: Handed) -> impl Answer<()>;

    /// For whom a sent message was handed to a courier, and when last.
    ///
    /// # Errors
    /// When storage failed.
    fn handed_over(&self, envelope: EnvelopeId) -> impl Answer<Vec<HandedRow>>;

    /// The newest verified message of a sender, as it is kept.
    ///
    /// # Errors
    /// When storage failed.
    fn newest_of(&self, sender: &ContactPoint) -> impl Answer<Option<Vec<u8>>>;

    /// A relay promises a place in its log to a message that a courier had brought: what is kept of it
    /// from now on. Whether something changed: of a message that a relay promised already nothing does.
    ///
    /// # Errors
    /// When storage failed.
    fn promised_since(&self, envelope: EnvelopeId, stored: Vec<u8>, log: (String, u64)) -> impl Answer<bool>;
}
