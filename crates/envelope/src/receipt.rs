//! A relay's receipt: it has the message on durable storage, and promises it a place in its log.

use pouch_crypto::{BadSignature, Context, Domain, PublicKey, Signature, SigningKey};
use pouch_directory::{Directory, Relay};
use pouch_wire::{
    Blob, Canonical as _, DecodeError, EncodeError, EnvelopeId, Environment, KeyId, NetworkId, Precedence,
    Text, Timestamp, canonical, limits,
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

/// That a relay carries a message in a lower class than its sender marked it, and why: the sender had marked
/// more of them than its rate allows. The header keeps what the sender signed; this says what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demotion {
    /// The class in which it is carried.
    pub to: Precedence,
    /// How many messages the sender had marked so, this one among them.
    pub sent: u32,
    /// Within how many seconds.
    pub within_s: u32,
}
canonical!(Demotion, "demotion", 16);

/// What a relay says of a message that it accepted and carries in a lower class. Its bytes are those of the
/// receipt with the demotion after them: a receipt without one never reads as this, nor this as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemotedReceipt {
    /// That it was accepted.
    pub receipt: AcceptedReceipt,
    /// And how it is carried.
    pub demotion: Demotion,
}
canonical!(DemotedReceipt, "demoted receipt", 1024);

impl DemotedReceipt {
    /// Signs it with the relay's receipt key.
    ///
    /// # Errors
    /// When it is too large.
    pub fn sign(&self, key: &SigningKey, context: &Context) -> Result<SignedReceipt, EncodeError> {
        SignedReceipt::over(self.to_bytes()?, key, context)
    }
}

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
#[non_exhaustive]
pub enum ReceiptRefused {
    /// It is not well-formed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// No relay of the network has this key.
    #[error("no relay of the network has key {0}")]
    NoRelay(KeyId),
    /// It is not signed by the key that it should be.
    #[error("the receipt's signature does not verify")]
    Signature(#[from] BadSignature),
    /// It names another relay than the one that signed it.
    #[error("names another relay than the one that signed it")]
    OtherRelay,
    /// It is for another message, or of another network.
    #[error("a receipt for another message")]
    OtherMessage,
    /// It says that the message was accepted at a time that has not come.
    #[error("the relay dates its receipt {ahead_s} s in the future")]
    FromTheFuture {
        /// How far ahead.
        ahead_s: u64,
    },
    /// It says that the message was accepted before it was made.
    #[error("the relay dates its receipt {ahead_s} s before the message was made")]
    BeforeItsMessage {
        /// How much earlier.
        ahead_s: u64,
    },
}

impl ReceiptRefused {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decode(_) => "POUCH-ADM-40",
            Self::NoRelay(_) => "POUCH-ADM-41",
            Self::Signature(_) => "POUCH-ADM-42",
            Self::OtherRelay => "POUCH-ADM-43",
            Self::OtherMessage => "POUCH-ADM-44",
            Self::FromTheFuture { .. } => "POUCH-ADM-45",
            Self::BeforeItsMessage { .. } => "POUCH-ADM-46",
        }
    }
}

impl AcceptedReceipt {
    /// Signs it with the relay's receipt key.
    ///
    /// # Errors
    /// When it is too large.
    pub fn sign(&self, key: &SigningKey, context: &Context) -> Result<SignedReceipt, EncodeError> {
        SignedReceipt::over(self.to_bytes()?, key, context)
    }

    /// This receipt, if it is for a message.
    ///
    /// # Errors
    /// When it is for another.
    pub fn for_message(self, network: NetworkId, envelope: EnvelopeId) -> Result<Self, ReceiptRefused> {
        let ours = self.network == network && self.envelope == envelope;
        if ours { Ok(self) } else { Err(ReceiptRefused::OtherMessage) }
    }

    /// This receipt, if its time can be true: not before the message was made, nor after now. A relay that
    /// writes another has to give a better one; its word must cost no message.
    ///
    /// # Errors
    /// When it cannot.
    pub fn timely(self, created: Timestamp, now: Timestamp) -> Result<Self, ReceiptRefused> {
        let past = |late: Timestamp, early: Timestamp| {
            let ms = late.0.saturating_sub(early.0);
            (ms > limits::CLOCK_SKEW_MS_MAX).then_some(ms / 1000)
        };
        if let Some(ahead_s) = past(self.at, now) {
            return Err(ReceiptRefused::FromTheFuture { ahead_s });
        }
        match past(created, self.at) {
            Some(ahead_s) => Err(ReceiptRefused::BeforeItsMessage { ahead_s }),
            None => Ok(self),
        }
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
        match AcceptedReceipt::from_bytes(&self.receipt) {
            Ok(receipt) => Ok(receipt),
            Err(error) => match DemotedReceipt::from_bytes(&self.receipt) {
                Ok(demoted) => Ok(demoted.receipt),
                Err(_) => Err(error.into()),
            },
        }
    }

    /// That the message is carried in a lower class. Only for a receipt whose signature holds.
    #[must_use]
    pub fn demotion(&self) -> Option<Demotion> {
        DemotedReceipt::from_bytes(&self.receipt).ok().map(|demoted| demoted.demotion)
    }

    /// The relay's receipt inside, once it is proved to be by the relay that it names: one that the
    /// network has, or had when `cited` entries of its directory counted. A relay that was replaced
    /// since does not take its receipts with it.
    ///
    /// # Errors
    /// When no such relay signed it.
    pub fn of_relay(&self, directory: &Directory, cited: u64) -> Result<AcceptedReceipt, ReceiptRefused> {
        let ours = |relay: &&Relay| relay.receipts.id() == self.key;
        let newest = directory.now_view().relays().iter().find(ours);
        let relay = newest.or_else(|| directory.as_of(cited).relays().iter().find(ours));
        let relay = relay.ok_or(ReceiptRefused::NoRelay(self.key))?;
        let receipt = self.accepted(&relay.receipts, &directory.context(Environment::Live))?;
        if *receipt.relay == *relay.name { Ok(receipt) } else { Err(ReceiptRefused::OtherRelay) }
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
