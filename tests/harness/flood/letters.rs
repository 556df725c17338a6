//! Messages as a relay sees them: the outside is signed by a good key, and the inside, which no relay can
//! open, is noise.

use pouch_crypto::{Context, Domain, SigningKey, sha256};
use pouch_envelope::{Addressee, Header, Stanza};
use pouch_tests::evil::town::now;
use pouch_wire::session::Submit;
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, EnvelopeId, Environment, Fixed, List, Precedence, Set, Timestamp,
};
use rand::Rng as _;

use crate::ground::{self, Ground};

const HOUR_MS: u64 = 3600 * 1000;

/// Writes for one office.
#[derive(Debug)]
pub(crate) struct Pen {
    office: ContactPoint,
    key: SigningKey,
}

/// A message, ready to be submitted.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) id: EnvelopeId,
    pub(crate) submit: Submit,
    pub(crate) payload: Vec<u8>,
    pub(crate) precedence: Precedence,
}

impl Pen {
    pub(crate) fn of(office: &ContactPoint) -> Self {
        Self { office: office.clone(), key: ground::signing(office) }
    }

    /// A message with a payload of so many bytes.
    pub(crate) fn parcel(
        &self,
        ground: &Ground,
        to: &[ContactPoint],
        precedence: Precedence,
        bytes: usize,
    ) -> Parcel {
        let mut rng = rand::rng();
        let (mut salt, mut payload) = ([0; 32], vec![0; bytes]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut payload);
        let mut to = to.to_vec();
        to.sort();
        let stanzas: Vec<Vec<u8>> = to.iter().map(stanza).collect();
        let addressee = |(point, stanza): (&ContactPoint, &Vec<u8>)| Addressee {
            contact_point: point.clone(),
            stanza: sha256(stanza),
        };
        let directory = &ground.directory;
        let created = now();
        let header = Header {
            version: 1,
            network: directory.network(),
            environment: Environment::Live,
            salt: Fixed(salt),
            sender: self.office.clone(),
            sender_key: self.key.public().id(),
            directory_size: directory.size(),
            directory_root: directory.root_at(directory.size()).unwrap(),
            precedence,
            created,
            not_after: Timestamp(created.0 + HOUR_MS),
            recipients: Set::new(to.iter().zip(&stanzas).map(addressee).collect::<Vec<_>>()).unwrap(),
            payload_len: bytes as u64,
            payload_digest: sha256(&payload),
        };
        let header = header.to_bytes().unwrap();
        let context = Context::of(directory.network(), Environment::Live);
        let signature = self.key.sign(Domain::Envelope, &context, &header).0;
        let id = Header::id_of(&header);
        let stanzas: Vec<_> = stanzas.into_iter().map(|stanza| Blob::new(stanza).unwrap()).collect();
        let submit =
            Submit { header: Blob::new(header).unwrap(), signature, stanzas: List::new(stanzas).unwrap() };
        Parcel { id, submit, payload, precedence }
    }
}

fn stanza(to: &ContactPoint) -> Vec<u8> {
    let mut enc = [0; 1120];
    rand::rng().fill_bytes(&mut enc);
    let ciphertext = Blob::new(vec![7; 128]).unwrap();
    let stanza =
        Stanza { contact_point: to.clone(), prekey: ground::prekey(to), enc: Fixed(enc), ciphertext };
    stanza.to_bytes().unwrap()
}
