//! A message as it reaches its recipient: complete and addressed to us; nothing is known of the author.

use pouch_crypto::{Signature, sha256};
use pouch_directory::Directory;
use pouch_wire::session::Deliver;
use pouch_wire::{Blob, Canonical as _, ContactPoint, EnvelopeId, Fixed, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::header::{Header, Stanza};
use crate::malformed::Malformed;
use crate::receipt::{AcceptedReceipt, Demotion, ReceiptRefused, SignedReceipt};
use crate::sealed::{header_is, payload_is};

/// What is kept of an arrival: the sealed bytes, so that it verifies again whenever it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredArrival {
    recipient: ContactPoint,
    header: Blob<{ limits::HEADER_BYTES }>,
    signature: Fixed<64>,
    stanza: Blob<{ limits::STANZA_BYTES }>,
    receipt: Blob<{ limits::RECEIPT_BYTES }>,
    payload: Blob<{ limits::PAYLOAD_BYTES }>,
}
canonical!(StoredArrival, "stored arrival", limits::PAYLOAD_BYTES + 128 * 1024);

/// A delivered message: its header names us, its stanza and its payload are those that it names.
#[derive(Debug, Clone)]
#[must_use = "an arrived message is not yet opened"]
pub struct Arrived {
    header: Header,
    stanza: Stanza,
    stored: StoredArrival,
}

impl Arrived {
    /// How long a delivery's payload is.
    ///
    /// # Errors
    /// When its header is not well-formed.
    pub fn payload_len(deliver: &Deliver) -> Result<u64, Malformed> {
        Ok(header_is(&deliver.header)?.payload_len)
    }

    /// Takes a delivery and its payload.
    ///
    /// # Errors
    /// When it is not well-formed, or not for `me`.
    pub fn parse(me: &ContactPoint, deliver: Deliver, payload: Vec<u8>) -> Result<Self, Malformed> {
        let payload = Blob::new(payload).map_err(|_| Malformed::Payload)?;
        let Deliver { header, signature, stanza, receipt } = deliver;
        Self::check(StoredArrival { recipient: me.clone(), header, signature, stanza, receipt, payload })
    }

    /// Reads what [`Arrived::to_bytes`] kept.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::check(StoredArrival::from_bytes(bytes)?)
    }

    fn check(stored: StoredArrival) -> Result<Self, Malformed> {
        let header = header_is(&stored.header)?;
        let ours = header.recipients.iter().find(|a| a.contact_point == stored.recipient);
        let ours = ours.ok_or_else(|| Malformed::NotForUs(stored.recipient.clone()))?;
        if ours.stanza != sha256(&stored.stanza) {
            return Err(Malformed::Stanzas);
        }
        let stanza = Stanza::from_bytes(&stored.stanza)?;
        if stanza.contact_point != stored.recipient {
            return Err(Malformed::Stanzas);
        }
        payload_is(header.payload_len, header.payload_digest, &stored.payload)?;
        Ok(Self { header, stanza, stored })
    }

    /// Bytes to keep.
    ///
    /// # Errors
    /// Never for what was parsed; the codec says so.
    pub fn to_bytes(&self) -> Result<Vec<u8>, pouch_wire::EncodeError> {
        self.stored.to_bytes()
    }

    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        Header::id_of(&self.stored.header)
    }

    /// Whom it was delivered to.
    #[must_use]
    pub const fn recipient(&self) -> &ContactPoint {
        &self.stored.recipient
    }

    /// What it claims.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The header's bytes.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        &self.stored.header
    }

    /// The sender's signature over them, not yet checked.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        Signature(self.stored.signature)
    }

    /// Our stanza.
    #[must_use]
    pub const fn stanza(&self) -> &Stanza {
        &self.stanza
    }

    /// The relay's signed receipt, not yet checked.
    #[must_use]
    pub fn receipt(&self) -> &[u8] {
        &self.stored.receipt
    }

    /// The same message with another relay's receipt, not yet checked: of a message that came without one.
    ///
    /// # Errors
    /// When the receipt is larger than one may be.
    pub fn with_receipt(mut self, receipt: &[u8]) -> Result<Self, Malformed> {
        let too_long = |_| pouch_wire::DecodeError::Malformed { name: "signed receipt" };
        self.stored.receipt = Blob::new(receipt).map_err(too_long)?;
        Ok(self)
    }

    /// The relay's receipt, once it is proved to be for this message and by a relay that the network
    /// has, or had when the message was made.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn accepted(&self, directory: &Directory) -> Result<AcceptedReceipt, ReceiptRefused> {
        let signed = SignedReceipt::from_bytes(&self.stored.receipt)?;
        signed.of_relay(directory, self.header.directory_size)?.for_message(directory.network(), self.id())
    }

    /// In which lower class a relay carried it, by a receipt that counts.
    #[must_use]
    pub fn demotion(&self, directory: &Directory) -> Option<Demotion> {
        self.accepted(directory).ok()?;
        SignedReceipt::from_bytes(&self.stored.receipt).ok()?.demotion()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.stored.payload
    }
}
