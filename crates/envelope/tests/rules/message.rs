//! A message made by hand, so that a test can make it wrong in one place and sign it all the same.

use pouch_crypto::{Domain, Signature, sha256};
use pouch_envelope::{Addressee, Header, Malformed, SealedHead, Stanza};
use pouch_wire::session::Deliver;
use pouch_wire::{Blob, Canonical as _, Environment, Fixed, Precedence, Set, Timestamp};

use crate::world::{HOUR, NOW, World, drill_key, key, point, prekey};

pub(crate) struct Message {
    pub(crate) header: Header,
    /// The name of the key that signs.
    pub(crate) signer: String,
    pub(crate) domain: Domain,
    pub(crate) stanzas: Vec<Stanza>,
    pub(crate) payload: Vec<u8>,
}

/// From NL/technical to MD/technical and BA/technical, made at [`NOW`].
pub(crate) fn honest(world: &World) -> Message {
    let to = [("BA/technical", "BA/technical"), ("MD/technical", "MD/technical")];
    message(world, Environment::Live, "NL/technical", &to)
}

/// The same in the exercise, to MD/technical.
pub(crate) fn drill(world: &World) -> Message {
    let to = [("MD/technical", drill_key("MD/technical"))];
    message(world, world.drill(), &drill_key("NL/technical"), &to.map(|(a, b)| (a, b.leak() as &str)))
}

fn message(world: &World, environment: Environment, signer: &str, to: &[(&str, &str)]) -> Message {
    let payload = b"sealed bytes, which a relay cannot read".to_vec();
    let stanzas = to
        .iter()
        .map(|(recipient, prekey_of)| Stanza {
            contact_point: point(recipient),
            prekey: prekey(prekey_of).public().id(),
            enc: Fixed([7; 1120]),
            ciphertext: Blob::new(recipient.as_bytes()).unwrap(),
        })
        .collect();
    let header = Header {
        version: 1,
        network: world.directory.network(),
        environment,
        salt: Fixed([9; 32]),
        sender: point("NL/technical"),
        sender_key: key(signer).public().id(),
        directory_size: world.directory.size(),
        directory_root: sha256(b"root"),
        precedence: Precedence::Flash,
        created: NOW,
        not_after: Timestamp(NOW.0 + HOUR),
        recipients: Set::default(),
        payload_len: payload.len() as u64,
        payload_digest: sha256(&payload),
    };
    Message { header, signer: signer.into(), domain: Domain::Envelope, stanzas, payload }.addressed()
}

impl Message {
    /// Names the stanzas in the header.
    pub(crate) fn addressed(mut self) -> Self {
        let addressee = |stanza: &Stanza| Addressee {
            contact_point: stanza.contact_point.clone(),
            stanza: sha256(&stanza.to_bytes().unwrap()),
        };
        self.header.recipients = Set::new(self.stanzas.iter().map(addressee)).unwrap();
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }

    pub(crate) fn header_bytes(&self) -> Vec<u8> {
        self.header.to_bytes().unwrap()
    }

    pub(crate) fn signature(&self) -> Signature {
        let context = pouch_crypto::Context::of(self.header.network, self.header.environment);
        key(&self.signer).sign(self.domain, &context, &self.header_bytes())
    }

    pub(crate) fn stanza_bytes(&self) -> Vec<Vec<u8>> {
        self.stanzas.iter().map(|stanza| stanza.to_bytes().unwrap()).collect()
    }

    pub(crate) fn head(&self) -> Result<SealedHead, Malformed> {
        SealedHead::parse(&self.header_bytes(), self.signature(), self.stanza_bytes())
    }

    /// As a relay hands it to the recipient at this place among the stanzas.
    pub(crate) fn delivered(&self, place: usize, receipt: Vec<u8>) -> Deliver {
        Deliver {
            header: Blob::new(self.header_bytes()).unwrap(),
            signature: self.signature().0,
            stanza: Blob::new(self.stanza_bytes()[place].clone()).unwrap(),
            receipt: Blob::new(receipt).unwrap(),
        }
    }
}
