//! A message as it reaches a relay. A [`SealedHead`] says where it goes and how large it is; it does
//! not say who wrote it: that is proved by [`SealedHead::admit`].

use pouch_crypto::{Domain, Signature, sha256};
use pouch_directory::{Directory, NotInRole};
use pouch_wire::session::Submit;
use pouch_wire::{Canonical as _, ContactPoint, DecodeError, Digest, EnvelopeId, KeyId, Timestamp, limits};

use crate::header::{Header, Stanza};

/// Why bytes are not a message.
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

/// Why a message is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no message.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is of another version of the protocol.
    #[error("version {0}; this program knows 1")]
    Version(u16),
    /// It is of another network.
    #[error("made for another network")]
    OtherNetwork,
    /// It names another sender than the one whose session brought it.
    #[error("names {named} as its sender, and was brought by {session}")]
    NamesAnother {
        /// Whom it names.
        named: ContactPoint,
        /// Whose session it is.
        session: ContactPoint,
    },
    /// The sender used a newer directory than this one.
    #[error("made with a directory of {cited} entries; this one has {have}")]
    DirectoryAhead {
        /// What it cites.
        cited: u64,
        /// What is here.
        have: u64,
    },
    /// The key does not speak for the sender.
    #[error(transparent)]
    NotInRole(#[from] NotInRole),
    /// The key was rotated out too long ago.
    #[error("key {key} was replaced {ago_s} s ago; messages under way may use it for {max_s} s")]
    LongSuperseded {
        /// Which key.
        key: KeyId,
        /// How long ago.
        ago_s: u64,
        /// For how long.
        max_s: u64,
    },
    /// The signature is not the sender's over these bytes.
    #[error("the envelope's signature does not verify")]
    BadSignature,
    /// It was signed in the future, by our clock.
    #[error("signed {ahead_s} s in the future; check the clocks")]
    FromTheFuture {
        /// How far ahead.
        ahead_s: u64,
    },
    /// Nobody may act on it any more.
    #[error("expired {late_s} s ago")]
    Expired {
        /// How long ago.
        late_s: u64,
    },
    /// Its life is empty or longer than allowed.
    #[error("valid for {life_s} s; more than 0 and at most {max_s} are allowed", max_s = limits::LIFE_MS_MAX / 1000)]
    Life {
        /// How long.
        life_s: u64,
    },
    /// A recipient is not in the directory.
    #[error("no contact point {0}")]
    UnknownRecipient(ContactPoint),
    /// A stanza is sealed to a key that is not the recipient's, or that the directory does not know.
    #[error("the stanza of {0} is sealed to a key that is not its own")]
    UnknownPrekey(ContactPoint),
}

impl Refusal {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code(),
            Self::Version(_) => "POUCH-ADM-10",
            Self::OtherNetwork => "POUCH-ADM-11",
            Self::NamesAnother { .. } => "POUCH-ADM-12",
            Self::DirectoryAhead { .. } => "POUCH-ADM-13",
            Self::NotInRole(error) => error.code(),
            Self::LongSuperseded { .. } => "POUCH-ADM-14",
            Self::BadSignature => "POUCH-ADM-15",
            Self::FromTheFuture { .. } => "POUCH-ADM-16",
            Self::Expired { .. } => "POUCH-ADM-17",
            Self::Life { .. } => "POUCH-ADM-18",
            Self::UnknownRecipient(_) => "POUCH-ADM-19",
            Self::UnknownPrekey(_) => "POUCH-ADM-20",
        }
    }
}

/// A header that is well-formed, and its stanzas; nothing is known of the author.
#[derive(Debug, Clone)]
#[must_use = "a sealed head is not yet admitted"]
pub struct SealedHead {
    header: Header,
    header_bytes: Vec<u8>,
    signature: Signature,
    stanzas: Vec<(Stanza, Vec<u8>)>,
}

impl SealedHead {
    /// Reads a head: the header's bytes, its signature, and all stanzas' bytes in the header's order.
    ///
    /// # Errors
    /// When it is not well-formed.
    pub fn parse(
        header_bytes: &[u8],
        signature: Signature,
        stanzas: Vec<Vec<u8>>,
    ) -> Result<Self, Malformed> {
        let header = header_is(header_bytes)?;
        if stanzas.len() != header.recipients.len() {
            return Err(Malformed::Stanzas);
        }
        let mut parsed = Vec::new();
        for (addressee, bytes) in header.recipients.iter().zip(stanzas) {
            let stanza = Stanza::from_bytes(&bytes)?;
            if sha256(&bytes) != addressee.stanza || stanza.contact_point != addressee.contact_point {
                return Err(Malformed::Stanzas);
            }
            parsed.push((stanza, bytes));
        }
        Ok(Self { header, header_bytes: header_bytes.to_vec(), signature, stanzas: parsed })
    }

    /// Reads a head from a submission.
    ///
    /// # Errors
    /// When it is not well-formed.
    pub fn from_submit(submit: Submit) -> Result<Self, Malformed> {
        let stanzas = submit.stanzas.into_vec().into_iter().map(pouch_wire::Blob::into_vec).collect();
        Self::parse(&submit.header, Signature(submit.signature), stanzas)
    }

    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        Header::id_of(&self.header_bytes)
    }

    /// What it claims.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Admits it: brought by the sender it names, signed by a key that the directory binds to that
    /// office, within its time, for recipients and prekeys that the directory knows.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn admit(
        self,
        session: &ContactPoint,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<AdmittedHead, Refusal> {
        if self.header.sender != *session {
            let named = self.header.sender.clone();
            return Err(Refusal::NamesAnother { named, session: session.clone() });
        }
        prove_sender(&self.header, &self.header_bytes, &self.signature, directory, now)?;
        timely(&self.header, now)?;
        self.known_recipients(directory)?;
        Ok(AdmittedHead { head: self, _sender: SenderProved(()) })
    }

    fn known_recipients(&self, directory: &Directory) -> Result<(), Refusal> {
        let view = directory.now_view();
        for (stanza, _) in &self.stanzas {
            let point = &stanza.contact_point;
            if view.contact_point(point, self.header.environment).is_none() {
                return Err(Refusal::UnknownRecipient(point.clone()));
            }
            let known = view.prekey(stanza.prekey);
            if !known.is_some_and(|(owner, e, _)| owner == point && e == self.header.environment) {
                return Err(Refusal::UnknownPrekey(point.clone()));
            }
        }
        Ok(())
    }
}

pub(crate) fn header_is(bytes: &[u8]) -> Result<Header, Malformed> {
    let header = Header::from_bytes(bytes)?;
    if header.recipients.is_empty() {
        return Err(Malformed::NoRecipient);
    }
    let twice =
        header.recipients.windows(2).any(|pair| matches!(pair, [a, b] if a.contact_point == b.contact_point));
    if twice {
        return Err(Malformed::RecipientTwice);
    }
    let max = u64::try_from(limits::PAYLOAD_BYTES).unwrap_or(u64::MAX);
    if header.payload_len == 0 || header.payload_len > max {
        return Err(Malformed::PayloadLength(header.payload_len));
    }
    Ok(header)
}

/// Proves that a header is of this network and signed by a key that speaks for the sender it names.
///
/// A key that was rotated out (not revoked) counts for messages that cite a directory in which it was
/// current, until [`limits::SUPERSEDED_GRACE_MS`] after it was replaced; a revoked key never.
///
/// # Errors
/// Why it is not.
pub fn prove_sender(
    header: &Header,
    header_bytes: &[u8],
    signature: &Signature,
    directory: &Directory,
    now: Timestamp,
) -> Result<(), Refusal> {
    if header.version != 1 {
        return Err(Refusal::Version(header.version));
    }
    if header.network != directory.network() {
        return Err(Refusal::OtherNetwork);
    }
    if header.directory_size > directory.size() {
        return Err(Refusal::DirectoryAhead { cited: header.directory_size, have: directory.size() });
    }
    let newest = directory.now_view();
    if let Some(revocation) = newest.revocation(header.sender_key) {
        return Err(NotInRole::Revoked { key: header.sender_key, index: revocation.index }.into());
    }
    let cited = directory.as_of(header.directory_size);
    let authority = cited.may_sign(&header.sender, header.environment, header.sender_key)?;
    if newest.contact_point(&header.sender, header.environment).is_none() {
        return Err(NotInRole::NoContactPoint(header.sender.clone()).into());
    }
    if let Some(replaced) = authority.superseded {
        let ago = now.0.saturating_sub(replaced.0);
        if ago > limits::SUPERSEDED_GRACE_MS {
            let max_s = limits::SUPERSEDED_GRACE_MS / 1000;
            return Err(Refusal::LongSuperseded { key: header.sender_key, ago_s: ago / 1000, max_s });
        }
    }
    let context = directory.context(header.environment);
    authority
        .key
        .verify(Domain::Envelope, &context, header_bytes, signature)
        .map_err(|_| Refusal::BadSignature)
}

fn timely(header: &Header, now: Timestamp) -> Result<(), Refusal> {
    let life = header.not_after.0.saturating_sub(header.created.0);
    if life == 0 || life > limits::LIFE_MS_MAX {
        return Err(Refusal::Life { life_s: life / 1000 });
    }
    let ahead = header.created.0.saturating_sub(now.0);
    if ahead > limits::CLOCK_SKEW_MS_MAX {
        return Err(Refusal::FromTheFuture { ahead_s: ahead / 1000 });
    }
    if now >= header.not_after {
        return Err(Refusal::Expired { late_s: now.0.saturating_sub(header.not_after.0) / 1000 });
    }
    Ok(())
}

/// Only [`SealedHead::admit`] makes one.
#[derive(Debug, Clone)]
struct SenderProved(());

/// A head whose sender is proved; the payload is still to come.
#[derive(Debug, Clone)]
#[must_use = "an admitted head waits for its payload"]
pub struct AdmittedHead {
    head: SealedHead,
    _sender: SenderProved,
}

impl AdmittedHead {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        self.head.id()
    }

    /// What it says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.head.header
    }

    /// Takes the payload that the header names.
    ///
    /// # Errors
    /// When it is another.
    pub fn with_payload(self, payload: Vec<u8>) -> Result<Admitted, Refusal> {
        payload_is(self.header().payload_len, self.header().payload_digest, &payload)?;
        Ok(Admitted { head: self.head, payload })
    }
}

pub(crate) fn payload_is(len: u64, digest: Digest, payload: &[u8]) -> Result<(), Malformed> {
    let same = u64::try_from(payload.len()) == Ok(len) && sha256(payload) == digest;
    if same { Ok(()) } else { Err(Malformed::Payload) }
}

/// A whole message whose sender is proved.
#[derive(Debug, Clone)]
#[must_use = "an admitted message is to be stored"]
pub struct Admitted {
    head: SealedHead,
    payload: Vec<u8>,
}

/// What a relay stores of a message.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The header.
    pub header: Header,
    /// Its bytes.
    pub header_bytes: Vec<u8>,
    /// The sender's signature over them.
    pub signature: Signature,
    /// Each recipient's stanza, in the header's order.
    pub stanzas: Vec<Vec<u8>>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Admitted {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        self.head.id()
    }

    /// What it says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.head.header
    }

    /// What is to be stored.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        let SealedHead { header, header_bytes, signature, stanzas } = self.head;
        let stanzas = stanzas.into_iter().map(|(_, bytes)| bytes).collect();
        Parts { header, header_bytes, signature, stanzas, payload: self.payload }
    }
}
