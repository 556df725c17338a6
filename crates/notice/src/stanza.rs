//! What is sealed to one recipient: the content key, and the message's place in the sequence.

use core::fmt;

use pouch_crypto::Context;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Fixed, canonical};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

/// What a stanza holds. The key is zeroized when dropped and never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StanzaSecret {
    pub(crate) content_key: Fixed<32>,
    /// The sender's epoch; it rises when the sender was restored from a backup.
    pub epoch: u64,
    /// The message's number to this recipient in the epoch, from 1.
    pub n: u64,
    /// The message before; zeros for the first.
    pub previous: EnvelopeId,
}
canonical!(StanzaSecret, "stanza secret", 128);

impl StanzaSecret {
    pub(crate) const fn new(content_key: [u8; 32], epoch: u64, n: u64, previous: EnvelopeId) -> Self {
        Self { content_key: Fixed(content_key), epoch, n, previous }
    }
}

impl Drop for StanzaSecret {
    fn drop(&mut self) {
        self.content_key.0.zeroize();
    }
}

impl fmt::Debug for StanzaSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StanzaSecret(epoch {}, n {})", self.epoch, self.n)
    }
}

/// HPKE's info: purpose, network and environment, salt, sender, recipient.
pub(crate) fn info(
    context: &Context,
    salt: &[u8; 32],
    sender: &ContactPoint,
    recipient: &ContactPoint,
) -> Vec<u8> {
    // The names cannot hold a zero byte, so the parts cannot run into each other.
    let names = format!("{sender}\0{recipient}\0");
    [b"pouch v1 stanza\0".as_slice(), context.as_bytes(), salt, names.as_bytes()].concat()
}

/// The context of the content's encryption: network and environment, salt, sender.
pub(crate) fn content_context(context: &Context, salt: &[u8; 32], sender: &ContactPoint) -> Vec<u8> {
    let sender = format!("{sender}\0");
    [b"pouch v1 content\0".as_slice(), context.as_bytes(), salt, sender.as_bytes()].concat()
}

/// The salt of the content's encryption: the first 24 bytes of the header's.
pub(crate) fn content_salt(salt: &[u8; 32]) -> [u8; 24] {
    let mut out = [0; 24];
    out.iter_mut().zip(salt).for_each(|(to, from)| *to = *from);
    out
}

/// The id before the first message.
pub(crate) const NOTHING_BEFORE: EnvelopeId = EnvelopeId(Digest::new([0; 32]));
