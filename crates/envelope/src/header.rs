//! What a relay may see of a message, and nothing more: where it goes, how urgent and how large it is.

use pouch_crypto::sha256;
use pouch_wire::{
    ContactPoint, Digest, EnvelopeId, Environment, Fixed, KeyId, NetworkId, Precedence, Set, Timestamp,
    canonical, limits,
};
use serde::{Deserialize, Serialize};

/// A recipient and the digest of its stanza.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Addressee {
    /// Whom.
    pub contact_point: ContactPoint,
    /// SHA-256 of the stanza's canonical bytes.
    pub stanza: Digest,
}

/// The outside of a message, signed by the sender (domain `envelope`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The protocol's version: 1.
    pub version: u16,
    /// In which network.
    pub network: NetworkId,
    /// Live, or an exercise.
    pub environment: Environment,
    /// Random: makes the id tell nothing, and every key derivation its own.
    pub salt: Fixed<32>,
    /// Who sends, to be proved.
    pub sender: ContactPoint,
    /// The sender's signing key.
    pub sender_key: KeyId,
    /// How many entries the directory had that the sender used.
    pub directory_size: u64,
    /// The root of the sender's newest accepted directory checkpoint: two nodes that talk discover a
    /// split view.
    pub directory_root: Digest,
    /// How urgent.
    pub precedence: Precedence,
    /// When it was signed.
    pub created: Timestamp,
    /// Until when anyone may act on it.
    pub not_after: Timestamp,
    /// To whom.
    pub recipients: Set<Addressee, { limits::RECIPIENTS }>,
    /// Length of the payload, in bytes.
    pub payload_len: u64,
    /// SHA-256 of the payload.
    pub payload_digest: Digest,
}
canonical!(Header, "header", limits::HEADER_BYTES);

impl Header {
    /// The id of the message with these header bytes.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> EnvelopeId {
        EnvelopeId(sha256(bytes))
    }
}

/// What one recipient needs to open the payload, sealed to its prekey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stanza {
    /// For whom.
    pub contact_point: ContactPoint,
    /// Which of its prekeys.
    pub prekey: KeyId,
    /// The encapsulated key (X-Wing).
    pub enc: Fixed<1120>,
    /// The sealed content key and place in the sequence.
    pub ciphertext: pouch_wire::Blob<256>,
}
canonical!(Stanza, "stanza", limits::STANZA_BYTES);
