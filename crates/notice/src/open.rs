//! Opening: what comes out is authentic to our key; its author is still only a claim.

use pouch_crypto::{ContentKey, Context, PrekeySecret};
use pouch_envelope::{Arrived, Header};
use pouch_wire::{Canonical as _, KeyId, Timestamp};

use crate::content::Content;
use crate::stanza::{StanzaSecret, content_context, info};

/// Why a message does not open. Which of its parts is wrong is not said to whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The sealing key is unknown, or was destroyed when its time was over.
    #[error("sealed to a key that this node does not have, or no longer: ask to send it again")]
    NoPrekey,
    /// It does not open with the key that it names.
    #[error("does not open: it was altered, or made for another network, environment, sender or recipient")]
    DoesNotOpen,
    /// It opens, and what comes out is no notice and no receipt.
    #[error("opens, and holds neither a notice nor a receipt")]
    NoContent,
}

impl OpenError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoPrekey => "POUCH-OPN-01",
            Self::DoesNotOpen => "POUCH-OPN-02",
            Self::NoContent => "POUCH-OPN-03",
        }
    }
}

/// A message that opened.
#[derive(Debug)]
#[must_use = "an opened message is not yet verified"]
pub struct Opened {
    pub(crate) arrived: Arrived,
    pub(crate) secret: StanzaSecret,
    pub(crate) content: Content,
    /// Since when this node has it, when a courier brought it.
    pub(crate) carried: Option<Timestamp>,
}

/// Opens a message with the prekey that its stanza names.
///
/// # Errors
/// When it does not open.
pub fn open(arrived: Arrived, prekey: &PrekeySecret) -> Result<Opened, OpenError> {
    if prekey.public().id() != arrived.stanza().prekey {
        return Err(OpenError::NoPrekey);
    }
    let header = arrived.header();
    let context = Context::of(header.network, header.environment);
    let info = info(&context, &header.salt.0, &header.sender, arrived.recipient());
    let stanza = arrived.stanza();
    let secret = pouch_crypto::open(prekey, &info, &[], &stanza.enc, &stanza.ciphertext)
        .map_err(|_| OpenError::DoesNotOpen)?;
    let secret = StanzaSecret::from_bytes(&secret).map_err(|_| OpenError::DoesNotOpen)?;
    reopen(arrived, secret)
}

/// Opens a message again with what its stanza held.
///
/// # Errors
/// When it does not open.
pub fn reopen(arrived: Arrived, secret: StanzaSecret) -> Result<Opened, OpenError> {
    let content = decrypt(arrived.header(), arrived.payload(), &secret)?;
    Ok(Opened { arrived, secret, content, carried: None })
}

pub(crate) fn decrypt(header: &Header, payload: &[u8], secret: &StanzaSecret) -> Result<Content, OpenError> {
    let context = Context::of(header.network, header.environment);
    let bound = content_context(&context, &header.salt.0, &header.sender);
    let key = ContentKey::from_bytes(&secret.content_key.0);
    // The header's salt is the encryption's: another header does not go with this payload.
    if payload.get(..24) != header.salt.0.get(..24) {
        return Err(OpenError::DoesNotOpen);
    }
    let padded = pouch_crypto::decrypt(&key, &bound, payload).map_err(|_| OpenError::DoesNotOpen)?;
    let content = pouch_crypto::unpad(&padded).map_err(|_| OpenError::NoContent)?;
    Content::from_bytes(content).map_err(|_| OpenError::NoContent)
}

impl Opened {
    /// Says that a courier brought it, and since when this node has it. Only who took it out of a courier's
    /// file may say so: what a relay delivers without its promise is not carried by courier.
    pub const fn by_courier(mut self, since: Timestamp) -> Self {
        self.carried = Some(since);
        self
    }

    /// The envelope that it came in.
    pub const fn arrived(&self) -> &Arrived {
        &self.arrived
    }

    /// What the stanza held: to be kept, wrapped, so that the message opens again later.
    #[must_use]
    pub const fn secret(&self) -> &StanzaSecret {
        &self.secret
    }

    /// The keys that its signatures claim: the office's, and of a notice its officers'. None is proved here.
    #[must_use]
    pub fn claimed_keys(&self) -> Vec<KeyId> {
        let officers = match &self.content {
            Content::Notice { signed, .. } => signed.approvals.to_vec(),
            Content::Receipt(_) => Vec::new(),
        };
        let officers = officers.into_iter().map(|approval| approval.officer);
        std::iter::once(self.arrived.header().sender_key).chain(officers).collect()
    }

    /// Whether it is a receipt, not a notice.
    #[must_use]
    pub const fn is_receipt(&self) -> bool {
        matches!(self.content, Content::Receipt(_))
    }
}

impl Opened {
    /// The relay's receipt, once its signature holds and it is for this message.
    #[must_use]
    pub fn accepted(
        &self,
        directory: &pouch_directory::Directory,
    ) -> Option<pouch_envelope::AcceptedReceipt> {
        self.arrived.accepted(directory).ok()
    }
}
