//! A message whose sender is proved: what a relay stores and delivers. It cannot be made in any other
//! way than by [`SealedHead::admit`].

use pouch_crypto::Signature;
use pouch_wire::EnvelopeId;

use crate::header::Header;
use crate::refusal::Refusal;
use crate::sealed::{SealedHead, payload_is};

/// Only [`SealedHead::admit`] makes one.
#[derive(Debug, Clone)]
struct SenderProved(());

/// A head whose sender is proved; the payload is still to come.
#[derive(Debug, Clone)]
#[must_use = "an admitted head waits for its payload"]
pub struct AdmittedHead {
    head: SealedHead,
    _sender: SenderProved,
}

impl AdmittedHead {
    pub(crate) const fn proved(head: SealedHead) -> Self {
        Self { head, _sender: SenderProved(()) }
    }

    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        self.head.id()
    }

    /// What it says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.head.header
    }

    /// How many bytes it brings: its payload and its stanzas.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let stanzas =
            self.head.stanzas.iter().map(|(_, bytes)| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        stanzas.fold(self.header().payload_len, u64::saturating_add)
    }

    /// Takes the payload that the header names.
    ///
    /// # Errors
    /// When it is another.
    pub fn with_payload(self, payload: Vec<u8>) -> Result<Admitted, Refusal> {
        payload_is(self.header().payload_len, self.header().payload_digest, &payload)?;
        Ok(Admitted { head: self.head, payload })
    }
}

/// A whole message whose sender is proved.
#[derive(Debug, Clone)]
#[must_use = "an admitted message is to be stored"]
pub struct Admitted {
    head: SealedHead,
    payload: Vec<u8>,
}

/// What a relay stores of a message.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The header.
    pub header: Header,
    /// Its bytes.
    pub header_bytes: Vec<u8>,
    /// The sender's signature over them.
    pub signature: Signature,
    /// Each recipient's stanza, in the header's order.
    pub stanzas: Vec<Vec<u8>>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Admitted {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        self.head.id()
    }

    /// What it says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.head.header
    }

    /// What is to be stored.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        let SealedHead { header, header_bytes, signature, stanzas } = self.head;
        let stanzas = stanzas.into_iter().map(|(_, bytes)| bytes).collect();
        Parts { header, header_bytes, signature, stanzas, payload: self.payload }
    }
}
