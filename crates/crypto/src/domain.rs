//! What a signature is for, and where: a signature made for one purpose, network or environment
//! verifies in no other.

use pouch_wire::{Canonical, Digest, Environment, NetworkId};

use crate::sha256_parts;

/// The purpose of a signature. It stands, by name, in the signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A founding root signs the charter.
    Charter,
    /// A root, contact point key or endorsing member signs a statement of the directory.
    Statement,
    /// A contact point signs a notice.
    Notice,
    /// An officer approves a notice.
    Approval,
    /// A contact point signs an envelope's header.
    Envelope,
    /// A relay or recipient signs a receipt.
    Receipt,
    /// A node signs a beacon.
    Beacon,
}

impl Domain {
    /// All domains.
    pub const ALL: [Self; 7] = [
        Self::Charter,
        Self::Statement,
        Self::Notice,
        Self::Approval,
        Self::Envelope,
        Self::Receipt,
        Self::Beacon,
    ];

    /// The name in the signed bytes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charter => "charter",
            Self::Statement => "statement",
            Self::Notice => "notice",
            Self::Approval => "approval",
            Self::Envelope => "envelope",
            Self::Receipt => "receipt",
            Self::Beacon => "beacon",
        }
    }
}

/// Where a signature counts: one network and one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context(Digest);

impl Context {
    /// The context of a charter, which exists before its network has an id: 32 zero bytes.
    pub const CHARTER: Self = Self(Digest::new([0; 32]));

    /// SHA-256 of the network id's 32 bytes and the environment's canonical bytes.
    #[must_use]
    pub fn of(network: NetworkId, environment: Environment) -> Self {
        // An environment always fits its limit, so there are always bytes to hash.
        let environment = environment.to_bytes().unwrap_or_default();
        Self(sha256_parts(&[network.as_bytes(), &environment]))
    }

    /// The 32 bytes that stand in signed bytes and in sealing contexts.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}
