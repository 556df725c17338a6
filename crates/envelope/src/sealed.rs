//! A message as it reaches a relay. A [`SealedHead`] says where it goes and how large it is; it does
//! not say who wrote it: that is proved by [`SealedHead::admit`].

use pouch_crypto::{Signature, sha256};
use pouch_directory::Directory;
use pouch_wire::session::Submit;
use pouch_wire::{Canonical as _, ContactPoint, Digest, EnvelopeId, Timestamp, limits};

use crate::admitted::AdmittedHead;
use crate::header::{Header, Stanza};
use crate::malformed::Malformed;
use crate::refusal::Refusal;
use crate::sender::{prove_sender, speaks_now, timely};

/// A header that is well-formed, and its stanzas; nothing is known of the author.
#[derive(Debug, Clone)]
#[must_use = "a sealed head is not yet admitted"]
pub struct SealedHead {
    pub(crate) header: Header,
    pub(crate) header_bytes: Vec<u8>,
    pub(crate) signature: Signature,
    pub(crate) stanzas: Vec<(Stanza, Vec<u8>)>,
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
            // The digest first: what the header does not name is not read at all.
            if sha256(&bytes) != addressee.stanza {
                return Err(Malformed::Stanzas);
            }
            let stanza = Stanza::from_bytes(&bytes)?;
            if stanza.contact_point != addressee.contact_point {
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
    /// office and that still speaks, within its time, for recipients and prekeys that the directory
    /// knows. A revoked key is refused from its revocation's entry on, whatever the message cites.
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
        speaks_now(&self.header, directory, now)?;
        timely(&self.header, now)?;
        self.known_recipients(directory)?;
        Ok(AdmittedHead::proved(self))
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

pub(crate) fn payload_is(len: u64, digest: Digest, payload: &[u8]) -> Result<(), Malformed> {
    let same = u64::try_from(payload.len()) == Ok(len) && sha256(payload) == digest;
    if same { Ok(()) } else { Err(Malformed::Payload) }
}
