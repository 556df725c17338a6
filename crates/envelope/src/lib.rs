//! The outside of a message: all that relay, log and auditor may see, and what a relay admits.
//!
//! Nothing here can open a message; the key that could is never here.

mod admitted;
mod arrived;
mod beacon;
mod header;
mod malformed;
mod receipt;
mod record;
mod refusal;
mod sealed;
mod sender;

pub use admitted::{Admitted, AdmittedHead, Parts};
pub use arrived::Arrived;
pub use beacon::{AdmittedBeacon, Beacon, BeaconFacts, BeaconLeaf, BeaconRefused, Early, HeardBeacon, Place};
pub use header::{Addressee, Header, Stanza};
pub use malformed::Malformed;
pub use receipt::{AcceptedReceipt, DemotedReceipt, Demotion, MessageLeaf, ReceiptRefused, SignedReceipt};
pub use record::SignatureRecord;
pub use refusal::Refusal;
pub use sealed::SealedHead;
pub use sender::{long_superseded, prove_sender, prove_signer, speaks_now};
