//! Storage in domain words, and SQLite behind it.
//!
//! What a caller is told is stored is on the disk: requests are gathered, run in one transaction, and
//! answered after its commit reached the disk. A commit that fails is fatal: nothing is answered after
//! it. The store sees sealed bytes and never what is inside.

mod agent;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod contracts;
mod db;
mod entries;
mod error;
mod relay;
mod rows;
#[cfg(test)]
mod tests;
mod witness;

pub use agent::AgentStore;
pub use contracts::{
    Answer, Checkpoints, Courier, DirectoryLog, Drafts, Epoch, EventLog, Followed, Gossip, Inbox, Ladder,
    Lookup, Mailboxes, MessageLog, Mirror, Numbers, Outbox, Prekeys, Promises, Rejudging, SmallValues,
    StoredWhole, Watching, WitnessLife, WitnessMemory,
};
pub use error::StoreError;
pub use relay::RelayStore;
pub use rows::{
    AcceptedCheckpoint, AcceptedRow, Announced, Arrival, ArrivalEntry, ArrivalRow, Burden, Carriage,
    CitedRow, ContradictionRow, Draft, Equivocation, EventRow, Expired, FollowedStep, ForkRow, Handed,
    HandedRow, Kept, LostLeaf, MirrorStep, NewContradiction, NewEvent, NewMessage, NewRefusal, Outgoing,
    OutgoingRow, OverdueRow, Parcel, Pending, PrekeyRow, PromiseRow, PublishedRow, Rejudged, RejudgedRow,
    Rung, RungRow, Sequence, SignatureRow, SignedRow, Standing, StepRow, UncarriedRow, UndeliveredRow,
    Unkeyed, Usage, Was, WitnessBirth,
};
