//! What a node remembers of what others say: of the directory's log, and of places in it that were
//! promised.

use pouch_wire::{ContactPoint, Timestamp};

use super::Answer;
use crate::rows::{CitedRow, ContradictionRow, NewContradiction, NewEvent, PromiseRow};

/// What offices say of the directory's log.
pub trait Gossip {
    /// Keeps what an office says of more entries than this node has: the newest of each office.
    ///
    /// # Errors
    /// When storage failed.
    fn put_cited(&self, row: CitedRow) -> impl Answer<()>;

    /// What cannot be compared yet, by office.
    ///
    /// # Errors
    /// When storage failed.
    fn cited(&self) -> impl Answer<Vec<CitedRow>>;

    /// Forgets what an office said of no more than so many entries: it was compared.
    ///
    /// # Errors
    /// When storage failed.
    fn forget_cited(&self, office: &ContactPoint, size: u64) -> impl Answer<()>;

    /// Keeps that an office cited so many entries, which no quorum can have seen; what waits of it is forgotten
    /// in the same step.
    ///
    /// # Errors
    /// When storage failed.
    fn put_refuted(&self, office: &ContactPoint, size: u64) -> impl Answer<()>;

    /// What offices cited that no quorum can have seen.
    ///
    /// # Errors
    /// When storage failed.
    fn refuted(&self) -> impl Answer<Vec<(ContactPoint, u64)>>;

    /// An office agrees on as many entries.
    ///
    /// # Errors
    /// When storage failed.
    fn forget_refuted(&self, office: &ContactPoint) -> impl Answer<()>;

    /// Keeps, for good, that an office contradicts this node's log, with what proves it, and what is told
    /// of it, all or nothing; the events' numbers. Of one office a few are kept; then the newest stands
    /// again.
    ///
    /// # Errors
    /// When storage failed.
    fn put_contradiction(&self, new: NewContradiction) -> impl Answer<Vec<u64>>;

    /// An office that contradicted says what this node says of at least as many entries; the event's number.
    ///
    /// # Errors
    /// When storage failed.
    fn settle_contradiction(
        &self,
        office: &ContactPoint,
        at: Timestamp,
        event: NewEvent,
    ) -> impl Answer<Vec<u64>>;

    /// All contradictions that were ever found, in that order.
    ///
    /// # Errors
    /// When storage failed.
    fn contradictions(&self) -> impl Answer<Vec<ContradictionRow>>;
}

/// Places in the directory's log that relays promised to statements of this node.
pub trait Promises {
    /// Remembers a promise until it is kept.
    ///
    /// # Errors
    /// When storage failed.
    fn put_promise(&self, row: PromiseRow) -> impl Answer<()>;

    /// Promises that are not kept yet, in the order of their places.
    ///
    /// # Errors
    /// When storage failed.
    fn promises(&self) -> impl Answer<Vec<PromiseRow>>;

    /// The statement stands where it was promised.
    ///
    /// # Errors
    /// When storage failed.
    fn keep_promise(&self, row: &PromiseRow) -> impl Answer<()>;

    /// The promise was broken, and that is told; it stays as evidence, also when it is kept late. The
    /// event's number, the first time.
    ///
    /// # Errors
    /// When storage failed.
    fn break_promise(&self, row: &PromiseRow, at: Timestamp, event: NewEvent) -> impl Answer<Vec<u64>>;

    /// Promises that were broken, kept late or never.
    ///
    /// # Errors
    /// When storage failed.
    fn broken_promises(&self) -> impl Answer<Vec<PromiseRow>>;
}
