//! What relay and agent rely on, one contract per use, in domain words.
//!
//! A contract names no engine. Whoever implements one must hold every promise of
//! `crate::conformance` (feature `conformance`): what is answered is on durable storage, and a restart forgets nothing.

mod agent;
mod courier;
mod gossip;
mod rejudged;
mod relay;

use std::future::Future;

use pouch_wire::Digest;

pub use agent::{Drafts, EventLog, Inbox, Ladder, Lookup, Mirror, Numbers, Outbox, Prekeys, Watching};
pub use courier::Courier;
pub use gossip::{Gossip, Promises};
pub use rejudged::Rejudging;
pub use relay::{Checkpoints, DirectoryLog, Epoch, Followed, Mailboxes, MessageLog, SmallValues};

use crate::error::StoreError;
use crate::rows::WitnessBirth;

/// What a contract's request comes to.
pub trait Answer<T>: Future<Output = Result<T, StoreError>> + Send {}

impl<T, F: Future<Output = Result<T, StoreError>> + Send> Answer<T> for F {}

/// Whether what is stored is what was stored. A damaged record is left out of what is answered, named, and
/// kept as it is.
pub trait StoredWhole {
    /// Reads everything that is stored, and gives the names of what is damaged. It disturbs nobody, and may
    /// take minutes.
    ///
    /// # Errors
    /// When storage failed, or was closed meanwhile.
    fn scrub(&self) -> impl Answer<Vec<String>>;

    /// The names of the damaged records that were met since the start.
    fn damaged(&self) -> Vec<String>;

    /// Waits until others are damaged than are known; the names of all.
    fn until_more_damage(&self, known: &[String]) -> impl Future<Output = Vec<String>> + Send;
}

/// What a witness cosigned last, per log.
pub trait WitnessMemory {
    /// What this witness cosigned last of a log: size and root.
    ///
    /// # Errors
    /// When storage failed.
    fn witness_state(&self, origin: &str) -> impl Answer<Option<(u64, Digest)>>;

    /// Remembers what this witness cosigns, before it answers.
    ///
    /// # Errors
    /// When another size was remembered meanwhile, it would go back, or give one size a second root.
    fn put_witness_state(&self, origin: &str, old: Option<u64>, size: u64, root: Digest) -> impl Answer<()>;
}

/// Whose memory this is, from its beginning on. A witness that lost its memory must not begin a new one.
pub trait WitnessLife {
    /// How this memory began, and whether it ended; `None` when no witness began it.
    ///
    /// # Errors
    /// When storage failed.
    fn witness_birth(&self) -> impl Answer<Option<WitnessBirth>>;

    /// Begins the memory of the witness whose keys have this mark. A memory of before there were marks
    /// takes it too.
    ///
    /// # Errors
    /// When it is another witness's.
    fn begin_witness(&self, mark: Digest) -> impl Answer<()>;

    /// Ends it for ever. The first reason stays.
    ///
    /// # Errors
    /// When storage failed, or no witness began it.
    fn stop_witness(&self, reason: &str) -> impl Answer<()>;
}
