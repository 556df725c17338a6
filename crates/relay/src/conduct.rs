//! What a relay does with what it hands on: the one door through which it could lie.
//!
//! Nobody trusts a relay for more than its being there, so that the network must bear one that lies. The
//! tests make such relays out of this one, by answering here other than it would; every default is the
//! honest relay, and [`Honest`] is what the product runs. What is decided here is what a relay *can* decide:
//! whether, when and how often it hands something over, and what it answers. What it cannot, signing for
//! others and opening messages, stays out of its reach.

use core::fmt;
use core::time::Duration;

use pouch_envelope::{Beacon, Header};
use pouch_net::Limits;
use pouch_store::Pending;
use pouch_wire::ContactPoint;
use pouch_wire::session::{
    Attached, Changed, Consistency, LogEntries, Proof, ReadConsistency, ReadLog, ReadProof, Refused,
};

use crate::session::Peer;

/// What a relay does with what it hands on. Called from many tasks at once; no method may block.
pub trait Conduct: fmt::Debug + Send + Sync + 'static {
    /// What the door lets in. Asked once, when the relay starts.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Before a message goes to a recipient. Asked anew each time that its turn could come.
    fn hands_over(&self, to: &ContactPoint, message: &Pending) -> Handing {
        let _ = (to, message);
        Handing::Now
    }

    /// What it does against a flood. A harness takes one away, to show that the flood was one.
    fn defences(&self) -> Defences {
        Defences::ALL
    }

    /// After a recipient said that it has a message.
    fn forgets(&self, to: &ContactPoint, message: &Pending) -> Keeping {
        let _ = (to, message);
        Keeping::Forget
    }

    /// Before a message that may be accepted is stored.
    fn accepts(&self, from: &Peer, header: &Header) -> Accepting {
        let _ = (from, header);
        Accepting::Keep
    }

    /// Whether it drops what expired by its own clock alone, whatever the witnesses say of it.
    fn drops_by_its_own_clock(&self) -> bool {
        false
    }

    /// Before a statement that would have an effect enters the directory's log. `next` is the index that it
    /// would have.
    fn enters(&self, from: &Peer, statement: &[u8], next: u64) -> Entering {
        let _ = (from, statement, next);
        Entering::Enter
    }

    /// Before a sender's newest beacon goes to a reader, with the reader's leaf.
    fn hands_beacon(&self, to: &ContactPoint, beacon: &Beacon) -> Handing {
        let _ = (to, beacon);
        Handing::Now
    }

    /// The answer to who attaches.
    fn welcomes(&self, to: &Peer, honest: Attached) -> Attached {
        let _ = to;
        honest
    }

    /// What one who is attached is told of the directory; nothing at all when it is `None`.
    fn tells(&self, to: &Peer, honest: Changed) -> Option<Changed> {
        let _ = to;
        Some(honest)
    }

    /// The newest checkpoint of a log, and that it extends an earlier one.
    fn consistency(
        &self,
        to: &Peer,
        asked: &ReadConsistency,
        honest: Given<Consistency>,
    ) -> Given<Consistency> {
        let _ = (to, asked);
        honest
    }

    /// Entries of a log.
    fn entries(&self, to: &Peer, asked: &ReadLog, honest: Given<LogEntries>) -> Given<LogEntries> {
        let _ = (to, asked);
        honest
    }

    /// The proof that an entry is in a log.
    fn proof(&self, to: &Peer, asked: &ReadProof, honest: Given<Proof>) -> Given<Proof> {
        let _ = (to, asked);
        honest
    }
}

/// What a relay does against a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defences {
    /// A sender has so much here and no more, and brings it so fast and no faster.
    pub quotas: bool,
    /// What is urgent goes first.
    pub precedence: bool,
    /// Of one class, senders take turns.
    pub turns: bool,
}

impl Defences {
    /// All of them, as the product's relay has.
    pub const ALL: Self = Self { quotas: true, precedence: true, turns: true };
}

/// The conduct of the product's relay: it does what it says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Conduct for Honest {}

/// What becomes of a message or a beacon whose turn could come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handing {
    /// It goes in its turn.
    Now,
    /// It does not go, and keeps no other waiting; asked again after this time.
    Hold(Duration),
    /// It never goes: forgotten as if it had been taken.
    Drop,
}

/// What becomes of a message that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// It is forgotten.
    Forget,
    /// It is kept, and its turn comes once more: [`Conduct::hands_over`] says when.
    Keep,
}

/// What becomes of a message that may be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepting {
    /// It is stored and logged, and the receipt says so.
    Keep,
    /// The receipt says so, and it is neither stored nor logged.
    Promise,
    /// The receipt says so, and so much later it is stored and logged.
    AnswerFirst(Duration),
}

/// What becomes of a statement that would have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entering {
    /// It enters the log; the answer is its index.
    Enter,
    /// The answer is this index, and the log never has it.
    Promise(u64),
}

/// What is given to one who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given<A> {
    /// This.
    Answer(A),
    /// A refusal.
    Refuse(Refused),
    /// This, so much later.
    Late(A, Duration),
    /// Nothing, for as long as the session lasts.
    Nothing,
}
