//! A relay's receipt: it has the message on durable storage, and promises it a place in its log.

use pouch_crypto::{BadSignature, Context, Domain, PublicKey, Signature, SigningKey};
use pouch_wire::{
    Blob, Canonical as _, DecodeError, EncodeError, EnvelopeId, KeyId, NetworkId, Text, Timestamp, canonical,
    limits,
};
use serde::{Deserialize, Serialize};

/// What a relay says of a message that it accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedReceipt {
    /// In which network.
    pub network: NetworkId,
    /// Which message.
    pub envelope: EnvelopeId,
    /// Which relay.
    pub relay: Text<64>,
    /// The message's index in the relay's message log.
    pub index: u64,
    /// When it was accepted: the log-anchored time.
    pub at: Timestamp,
}
canonical!(AcceptedReceipt, "accepted receipt", 1024);

/// A receipt's bytes with a signature (domain `receipt`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReceipt {
    /// The receipt's canonical bytes.
    pub receipt: Blob<{ limits::RECEIPT_BYTES }>,
    /// By which key.
    pub key: KeyId,
    /// Over the bytes.
    pub signature: Signature,
}
canonical!(SignedReceipt, "signed receipt", limits::RECEIPT_BYTES);

/// Why a receipt does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefused {
    /// It is not well-formed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is not signed by the key that it should be.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

impl AcceptedReceipt {
    /// Signs it with the relay's receipt key.
    ///
    /// # Errors
    /// When it is too large.
    pub fn sign(&self, key: &SigningKey, context: &Context) -> Result<SignedReceipt, EncodeError> {
        SignedReceipt::over(self.to_bytes()?, key, context)
    }
}

impl SignedReceipt {
    /// Signs a receipt's canonical bytes.
    ///
    /// # Errors
    /// When they are too many.
    pub fn over(bytes: Vec<u8>, key: &SigningKey, context: &Context) -> Result<Self, EncodeError> {
        let signature = key.sign(Domain::Receipt, context, &bytes);
        let receipt =
            Blob::new(bytes).map_err(|_| EncodeError { name: "receipt", max: limits::RECEIPT_BYTES })?;
        Ok(Self { receipt, key: key.public().id(), signature })
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// When it is not this key's over these bytes.
    pub fn verify(&self, key: &PublicKey, context: &Context) -> Result<(), BadSignature> {
        if key.id() != self.key {
            return Err(BadSignature);
        }
        key.verify(Domain::Receipt, context, &self.receipt, &self.signature)
    }

    /// The relay's receipt inside, once the signature holds.
    ///
    /// # Errors
    /// When the signature does not, or it is another kind of receipt.
    pub fn accepted(&self, key: &PublicKey, context: &Context) -> Result<AcceptedReceipt, ReceiptRefused> {
        self.verify(key, context)?;
        Ok(AcceptedReceipt::from_bytes(&self.receipt)?)
    }
}

/// What stands in a relay's message log for one message: nothing that tells who wrote to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLeaf {
    /// Which message (a salted hash).
    pub envelope: EnvelopeId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}
canonical!(MessageLeaf, "message leaf", 64);
