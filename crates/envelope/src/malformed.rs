//! Why bytes are not a message: what can be told without any directory.

use pouch_wire::{ContactPoint, DecodeError, limits};

/// Why bytes are not a message. Whoever made them is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The header or a stanza is not canonical.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The header names no recipient.
    #[error("no recipient")]
    NoRecipient,
    /// The stanzas are not those that the header names, in its order.
    #[error("the stanzas are not those that the header names")]
    Stanzas,
    /// A recipient stands twice.
    #[error("a recipient stands twice")]
    RecipientTwice,
    /// The payload is not the one that the header names.
    #[error("the payload is not the one that the header names")]
    Payload,
    /// The header does not name the contact point that it was delivered to.
    #[error("not addressed to {0}")]
    NotForUs(ContactPoint),
    /// The header announces more payload than a message may have, or none.
    #[error("a payload of {0} bytes; 1 to {max} are allowed", max = limits::PAYLOAD_BYTES)]
    PayloadLength(u64),
}

impl Malformed {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Decode(_) => "POUCH-ADM-01",
            Self::NoRecipient => "POUCH-ADM-02",
            Self::Stanzas => "POUCH-ADM-03",
            Self::RecipientTwice => "POUCH-ADM-04",
            Self::Payload => "POUCH-ADM-05",
            Self::NotForUs(_) => "POUCH-ADM-06",
            Self::PayloadLength(_) => "POUCH-ADM-07",
        }
    }
}
