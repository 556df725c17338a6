//! Sealing: content encrypted once, its key sealed to each recipient's prekey, the outside signed.

use pouch_crypto::{ContentKey, Context, Domain, PrekeyPublic, SealFailed, Signature, SigningKey, sha256};
use pouch_envelope::{Addressee, Header, Stanza};
use pouch_wire::session::Submit;
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Digest, EncodeError, EnvelopeId, Environment, Fixed, KeyId, List,
    NetworkId, OutOfBounds, Precedence, Set, Timestamp, canonical, limits,
};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::stanza::{StanzaSecret, content_context, content_salt, info};

/// Where a message goes from, how, and until when.
#[derive(Debug, Clone)]
pub struct Route {
    /// In which network.
    pub network: NetworkId,
    /// Live, or an exercise.
    pub environment: Environment,
    /// Who sends.
    pub sender: ContactPoint,
    /// How many entries the directory has that the sender uses.
    pub directory_size: u64,
    /// The root of the newest checkpoint that the sender accepted.
    pub directory_root: Digest,
    /// How urgent.
    pub precedence: Precedence,
    /// When it is signed.
    pub created: Timestamp,
    /// Until when anyone may act on it.
    pub not_after: Timestamp,
}

/// One recipient, its prekey, and the message's place in the sequence to it.
#[derive(Debug, Clone)]
pub struct SealTo {
    /// Whom.
    pub recipient: ContactPoint,
    /// The prekey's id.
    pub prekey: KeyId,
    /// The prekey.
    pub public: PrekeyPublic,
    /// The epoch.
    pub epoch: u64,
    /// The number.
    pub n: u64,
    /// The message before.
    pub previous: EnvelopeId,
}

/// Why a message could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Content and attachments are larger than a message may be.
    #[error("the message is larger than {max} bytes", max = limits::PAYLOAD_BYTES)]
    TooLarge,
    /// A prekey could not be used.
    #[error(transparent)]
    Seal(#[from] SealFailed),
    /// A part is too large.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// There are too many recipients.
    #[error(transparent)]
    Bounds(#[from] OutOfBounds),
}

impl SealError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "POUCH-NOT-20",
            Self::Seal(_) => "POUCH-NOT-21",
            Self::Encode(_) => "POUCH-NOT-22",
            Self::Bounds(_) => "POUCH-NOT-23",
        }
    }
}

/// A sealed message, as the sender keeps it until it is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedOut {
    header: Blob<{ limits::HEADER_BYTES }>,
    signature: Fixed<64>,
    stanzas: List<Blob<{ limits::STANZA_BYTES }>, { limits::RECIPIENTS }>,
    payload: Blob<{ limits::PAYLOAD_BYTES }>,
}
canonical!(SealedOut, "sealed message", limits::PAYLOAD_BYTES + limits::HEAD_BYTES);

impl SealedOut {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        Header::id_of(&self.header)
    }

    /// What a relay is asked to accept; the payload follows it.
    #[must_use]
    pub fn submit(&self) -> Submit {
        Submit { header: self.header.clone(), signature: self.signature, stanzas: self.stanzas.clone() }
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The header's bytes.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        &self.header
    }

    /// The sender's signature over them.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        Signature(self.signature)
    }

    /// The stanzas' bytes, in the header's order.
    #[must_use]
    pub fn stanzas(&self) -> &[Blob<{ limits::STANZA_BYTES }>] {
        &self.stanzas
    }
}

/// Seals content to its recipients and signs the outside.
///
/// # Errors
/// When it is too large or a prekey cannot be used.
pub fn seal(
    content: &Content,
    route: &Route,
    recipients: &[SealTo],
    key: &SigningKey,
    rng: &mut impl CryptoRng,
) -> Result<SealedOut, SealError> {
    let context = Context::of(route.network, route.environment);
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    let content_key = ContentKey::generate(rng);
    let plaintext = pouch_crypto::pad(&content.to_bytes()?).map_err(|_| SealError::TooLarge)?;
    let bound = content_context(&context, &salt, &route.sender);
    let payload = pouch_crypto::encrypt(&content_key, content_salt(&salt), &bound, &plaintext)
        .map_err(|_| SealError::TooLarge)?;
    let payload = Blob::new(payload).map_err(|_| SealError::TooLarge)?;
    let mut sorted: Vec<&SealTo> = recipients.iter().collect();
    sorted.sort_by(|a, b| a.recipient.cmp(&b.recipient));
    let mut stanzas = Vec::new();
    let mut addressees = Vec::new();
    for to in sorted {
        let secret = StanzaSecret::new(*content_key.as_bytes(), to.epoch, to.n, to.previous);
        let info = info(&context, &salt, &route.sender, &to.recipient);
        let plaintext = zeroize::Zeroizing::new(secret.to_bytes()?);
        let (enc, ciphertext) = pouch_crypto::seal(&to.public, &info, &[], &plaintext, rng)?;
        let contact_point = to.recipient.clone();
        let stanza = Stanza {
            contact_point: contact_point.clone(),
            prekey: to.prekey,
            enc,
            ciphertext: Blob::new(ciphertext)?,
        };
        let bytes = stanza.to_bytes()?;
        addressees.push(Addressee { contact_point, stanza: sha256(&bytes) });
        stanzas.push(Blob::new(bytes)?);
    }
    let header = Header {
        version: 1,
        network: route.network,
        environment: route.environment,
        salt: Fixed(salt),
        sender: route.sender.clone(),
        sender_key: key.public().id(),
        directory_size: route.directory_size,
        directory_root: route.directory_root,
        precedence: route.precedence,
        created: route.created,
        not_after: route.not_after,
        recipients: Set::new(addressees)?,
        payload_len: u64::try_from(payload.len()).unwrap_or(u64::MAX),
        payload_digest: sha256(&payload),
    };
    let header = header.to_bytes()?;
    let signature = key.sign(Domain::Envelope, &context, &header);
    Ok(SealedOut {
        header: Blob::new(header)?,
        signature: signature.0,
        stanzas: List::new(stanzas)?,
        payload,
    })
}
