//! Sealing: content encrypted once, its key sealed to each recipient's prekey, the outside signed.

use pouch_crypto::{ContentKey, Context, Domain, PrekeyPublic, SealFailed, Signature, SigningKey, sha256};
use pouch_envelope::{Addressee, Arrived, Header, Malformed, Stanza};
use pouch_wire::session::{Deliver, Submit};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, DecodeError, Digest, EncodeError, EnvelopeId, Environment, Fixed,
    KeyId, List, NetworkId, OutOfBounds, Precedence, Set, Timestamp, canonical, limits,
};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

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
    /// There is no recipient.
    #[error("no recipient")]
    NoRecipient,
    /// A recipient stands twice.
    #[error("{0} stands twice among the recipients")]
    RecipientTwice(ContactPoint),
    /// A prekey has another id than it should.
    #[error("the sealing key for {0} is not the one that its id names")]
    OtherPrekey(ContactPoint),
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
            Self::NoRecipient => "POUCH-NOT-24",
            Self::RecipientTwice(_) => "POUCH-NOT-25",
            Self::OtherPrekey(_) => "POUCH-NOT-26",
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

    /// The message as a recipient gets it, with a relay's signed receipt: what the sender itself needs to
    /// open and verify it again, with what its stanza holds.
    ///
    /// # Errors
    /// When it is not addressed to that recipient.
    pub fn as_delivered(&self, recipient: &ContactPoint, receipt: &[u8]) -> Result<Arrived, Malformed> {
        let header = Header::from_bytes(&self.header)?;
        let place = header.recipients.iter().position(|a| a.contact_point == *recipient);
        let stanza = place.and_then(|place| self.stanzas.get(place));
        let deliver = Deliver {
            header: self.header.clone(),
            signature: self.signature,
            stanza: stanza.ok_or_else(|| Malformed::NotForUs(recipient.clone()))?.clone(),
            receipt: Blob::new(receipt).map_err(|_| DecodeError::Malformed { name: "signed receipt" })?,
        };
        Arrived::parse(recipient, deliver, self.payload.to_vec())
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
    seal_with_secrets(content, route, recipients, key, rng).map(|(sealed, _)| sealed)
}

/// As [`seal`], and gives what each recipient's stanza holds, in the header's order: a sender that keeps
/// one, wrapped, can prove later what it sent.
///
/// # Errors
/// As [`seal`].
pub fn seal_with_secrets(
    content: &Content,
    route: &Route,
    recipients: &[SealTo],
    key: &SigningKey,
    rng: &mut impl CryptoRng,
) -> Result<(SealedOut, Vec<StanzaSecret>), SealError> {
    let mut sorted: Vec<&SealTo> = recipients.iter().collect();
    sorted.sort_by(|a, b| a.recipient.cmp(&b.recipient));
    if sorted.is_empty() {
        return Err(SealError::NoRecipient);
    }
    if let Some([twice, _]) =
        sorted.windows(2).find(|pair| matches!(pair, [a, b] if a.recipient == b.recipient))
    {
        return Err(SealError::RecipientTwice(twice.recipient.clone()));
    }
    let context = Context::of(route.network, route.environment);
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    let content_key = ContentKey::generate(rng);
    let payload =
        seal_payload(content, &content_key, &content_context(&context, &salt, &route.sender), &salt)?;
    let (mut stanzas, mut addressees, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
    for to in sorted {
        let secret = StanzaSecret::new(*content_key.as_bytes(), to.epoch, to.n, to.previous);
        let info = info(&context, &salt, &route.sender, &to.recipient);
        let stanza = seal_stanza(&secret, to, &info, rng)?;
        addressees.push(Addressee { contact_point: to.recipient.clone(), stanza: sha256(&stanza) });
        stanzas.push(stanza);
        secrets.push(secret);
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
    let signature = key.sign(Domain::Envelope, &context, &header).0;
    let (header, stanzas) = (Blob::new(header)?, List::new(stanzas)?);
    Ok((SealedOut { header, signature, stanzas, payload }, secrets))
}

fn seal_payload(
    content: &Content,
    key: &ContentKey,
    bound: &[u8],
    salt: &[u8; 32],
) -> Result<Blob<{ limits::PAYLOAD_BYTES }>, SealError> {
    let content = Zeroizing::new(content.to_bytes()?);
    let plaintext = pouch_crypto::pad(&content).map_err(|_| SealError::TooLarge)?;
    let payload =
        pouch_crypto::encrypt(key, content_salt(salt), bound, &plaintext).map_err(|_| SealError::TooLarge)?;
    Blob::new(payload).map_err(|_| SealError::TooLarge)
}

fn seal_stanza(
    secret: &StanzaSecret,
    to: &SealTo,
    info: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Blob<{ limits::STANZA_BYTES }>, SealError> {
    if to.public.id() != to.prekey {
        return Err(SealError::OtherPrekey(to.recipient.clone()));
    }
    let plaintext = Zeroizing::new(secret.to_bytes()?);
    let (enc, ciphertext) = pouch_crypto::seal(&to.public, info, &[], &plaintext, rng)?;
    let ciphertext = Blob::new(ciphertext)?;
    let stanza = Stanza { contact_point: to.recipient.clone(), prekey: to.prekey, enc, ciphertext };
    Ok(Blob::new(stanza.to_bytes()?)?)
}
