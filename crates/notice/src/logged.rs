//! Whether a message lies in the log of the relay that accepted it, where that relay promised.

use pouch_directory::Directory;
use pouch_envelope::{AcceptedReceipt, Arrived, MessageLeaf, ReceiptRefused};
use pouch_tlog::{Inclusion, LeafHash, ProofFile, ProofFileError, ProofFileRefused};
use pouch_wire::{Canonical as _, EncodeError};

/// Why a proof does not prove that a message is logged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotLogged {
    /// It is no proof.
    #[error(transparent)]
    Malformed(#[from] ProofFileError),
    /// No relay promised it a place.
    #[error("no relay promised it a place: {0}")]
    Receipt(#[from] ReceiptRefused),
    /// The proof does not hold under any network that named the relay; of the newest, why.
    #[error("{0}")]
    Proof(#[from] ProofFileRefused),
    /// No network named the relay.
    #[error("an unknown relay")]
    UnknownRelay,
    /// It is proved to be at another place than the one promised.
    #[error("it lies at place {found} of the log, and place {promised} was promised")]
    OtherPlace {
        /// Where it is.
        found: u64,
        /// Where its relay promised it.
        promised: u64,
    },
    /// The leaf is too large.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Checks that a message is logged where its relay promised, by a checkpoint of the network as it is or of one
/// before it; the promise, too.
///
/// # Errors
/// Why it is not proved.
pub fn prove_logged(
    proof: &[u8],
    arrived: &Arrived,
    directory: &Directory,
) -> Result<(Inclusion, AcceptedReceipt), NotLogged> {
    let proof = ProofFile::parse(proof)?;
    let receipt = arrived.accepted(directory)?;
    let leaf = MessageLeaf { envelope: receipt.envelope, accepted_at: receipt.at };
    let leaf = LeafHash::of(&leaf.to_bytes()?);
    let mut first = None;
    for policy in directory.now_view().message_policies(&receipt.relay) {
        match proof.verify(leaf, &policy.requiring_both_log_signatures()) {
            Ok(inclusion) if inclusion.index() == receipt.index => return Ok((inclusion, receipt)),
            Ok(inclusion) => {
                return Err(NotLogged::OtherPlace { found: inclusion.index(), promised: receipt.index });
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.map_or(NotLogged::UnknownRelay, NotLogged::Proof))
}
