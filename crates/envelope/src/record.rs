//! What a relay keeps of a message for auditors who may see who wrote to whom: the header, its
//! signature and its place in the log. Neither stanzas nor payload are in it.

use pouch_crypto::Signature;
use pouch_directory::{Authority, Directory};
use pouch_wire::{Blob, Canonical as _, DecodeError, EnvelopeId, Timestamp, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::receipt::MessageLeaf;
use crate::refusal::Refusal;
use crate::sealed::header_is;
use crate::sender::prove_sender;

/// A record of one accepted message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureRecord {
    /// The header's canonical bytes.
    pub header: Blob<{ limits::HEADER_BYTES }>,
    /// The sender's signature over them (domain `envelope`).
    pub signature: Signature,
    /// The message's index in the relay's message log.
    pub index: u64,
    /// When the relay accepted it.
    pub accepted_at: Timestamp,
}
canonical!(SignatureRecord, "signature record", limits::HEADER_BYTES + 128);

impl SignatureRecord {
    /// Which message it is of.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        Header::id_of(&self.header)
    }

    /// The leaf that must stand at [`SignatureRecord::index`] of the relay's message log.
    #[must_use]
    pub fn leaf(&self) -> MessageLeaf {
        MessageLeaf { envelope: self.id(), accepted_at: self.accepted_at }
    }

    /// What the header says; nothing is proved of it yet.
    ///
    /// # Errors
    /// When it is not canonical.
    pub fn header(&self) -> Result<Header, DecodeError> {
        Header::from_bytes(&self.header)
    }

    /// Checks the signature against the directory, as it was when the relay accepted the message. A
    /// revocation that came later is the caller's to judge, by what came first.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(&self, directory: &Directory) -> Result<(Header, Authority), Refusal> {
        let header = header_is(&self.header)?;
        let authority = prove_sender(&header, &self.header, &self.signature, directory, self.accepted_at)?;
        Ok((header, authority))
    }
}
