//! The outside of a message: all that relay, log and auditor may see, and what a relay admits.
//!
//! Nothing here can open a message; the key that could is never here.

mod arrived;
mod header;
mod receipt;
mod sealed;

pub use arrived::Arrived;
pub use header::{Addressee, Header, Stanza};
pub use receipt::{AcceptedReceipt, MessageLeaf, ReceiptRefused, SignedReceipt};
pub use sealed::{Admitted, AdmittedHead, Malformed, Parts, Refusal, SealedHead, prove_sender};
