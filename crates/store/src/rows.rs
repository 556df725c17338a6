//! What goes into the store and comes out of it, in domain words.
//!
//! Plain rows: they prove nothing. Whoever reads one back decodes and verifies it like anything that
//! comes from outside.

mod arrival;
mod courier;
mod gossip;
mod node;
mod outgoing;
mod rejudged;
mod relayed;

pub use arrival::{Arrival, ArrivalEntry, ArrivalRow, Equivocation, Kept, NewRefusal, Standing};
pub use courier::{Handed, HandedRow, UndeliveredRow};
pub use gossip::{CitedRow, ContradictionRow, NewContradiction, PromiseRow};
pub use node::{AcceptedCheckpoint, Draft, EventRow, ForkRow, MirrorStep, NewEvent, PrekeyRow, WitnessBirth};
pub use outgoing::{
    Announced, Carriage, Outgoing, OutgoingRow, OverdueRow, Rung, RungRow, Sequence, StepRow, UncarriedRow,
};
pub use rejudged::{Rejudged, RejudgedRow, Unkeyed, Was};
pub use relayed::{
    AcceptedRow, Burden, Expired, FollowedStep, LostLeaf, NewMessage, Parcel, Pending, PublishedRow,
    SignatureRow, SignedRow, Usage,
};
