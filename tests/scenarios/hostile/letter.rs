//! Messages made by hand. A [`Pen`] writes what an honest program would write; a test changes the one
//! thing that it is about and leaves the rest, so that nothing else can be the reason of a refusal.

use std::collections::BTreeMap;
use std::sync::Arc;

use pouch_crypto::{Context, Domain, Signature, SigningKey};
use pouch_directory::Directory;
use pouch_envelope::{Header, MessageLeaf};
use pouch_notice::{
    Approval, Content, Notice, NoticeNumber, Route, SealTo, SignedNotice, body_from_toml, seal, year_of,
};
use pouch_store::NewMessage;
use pouch_wire::session::{Deliver, Submit};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Digest, EnvelopeId, Environment, List, NoticeType, Precedence, Set,
    Text, Timestamp, Tlp,
};

use super::scene::now;

pub(crate) const HOUR_MS: u64 = 3600 * 1000;
const NOTHING_BEFORE: EnvelopeId = EnvelopeId(Digest::new([0; 32]));

/// What one office's program knows when it writes.
#[derive(Debug)]
pub(crate) struct Pen {
    pub(crate) office: ContactPoint,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) directory: Directory,
    pub(crate) environment: Environment,
    places: BTreeMap<ContactPoint, (u64, EnvelopeId)>,
    written: u32,
}

impl Pen {
    pub(crate) fn new(office: &str, key: SigningKey, directory: Directory) -> Self {
        Self {
            office: office.parse().unwrap(),
            key: Arc::new(key),
            directory,
            environment: Environment::Live,
            places: BTreeMap::new(),
            written: 0,
        }
    }

    /// A letter with nothing wrong in it.
    pub(crate) fn letter(&mut self, to: &[&str], text: &str) -> Letter {
        self.written += 1;
        let to: Vec<ContactPoint> = to.iter().map(|point| point.parse().unwrap()).collect();
        let created = now();
        let notice = Notice {
            network: self.directory.network(),
            environment: self.environment,
            sender: self.office.clone(),
            number: NoticeNumber { year: year_of(created), n: self.written },
            to: Set::new(to.clone()).unwrap(),
            info: Set::default(),
            concerns: None,
            created,
            not_after: Timestamp(created.0 + HOUR_MS),
            precedence: Precedence::Routine,
            tlp: Tlp::Amber,
            language: Text::new("en").unwrap(),
            subject: Text::new(text).unwrap(),
            body: body_from_toml(NoticeType::FreeText, &format!("text = {text:?}\n")).unwrap(),
            attachments: List::default(),
            break_glass: false,
            sentences: List::default(),
        };
        let sealed_to = to.iter().map(|point| self.seal_to(point)).collect();
        Letter {
            route: self.route(&notice),
            notice,
            to: sealed_to,
            inside: (self.key.clone(), Domain::Notice),
            outside: (self.key.clone(), Domain::Envelope),
            approvals: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The outside that belongs to a notice.
    pub(crate) fn route(&self, notice: &Notice) -> Route {
        Route {
            network: notice.network,
            environment: notice.environment,
            sender: notice.sender.clone(),
            directory_size: self.directory.size(),
            directory_root: self.directory.root_at(self.directory.size()).unwrap(),
            precedence: notice.precedence,
            created: notice.created,
            not_after: notice.not_after,
        }
    }

    /// A recipient's prekey of today, and the next place in the sequence to it.
    pub(crate) fn seal_to(&self, recipient: &ContactPoint) -> SealTo {
        let (n, previous) = self.places.get(recipient).copied().unwrap_or((1, NOTHING_BEFORE));
        let view = self.directory.now_view();
        let prekey = view.prekeys(recipient, self.environment, now()).into_iter().next();
        let public = prekey.expect("a prekey of the recipient").public.clone();
        SealTo { recipient: recipient.clone(), prekey: public.id(), public, epoch: 1, n, previous }
    }

    /// The message stands in its recipients' sequences: the next one comes after it.
    pub(crate) fn stands(&mut self, parcel: &Parcel) {
        for addressee in &parcel.header.recipients {
            let place = self.places.entry(addressee.contact_point.clone()).or_insert((1, NOTHING_BEFORE));
            *place = (place.0 + 1, parcel.id());
        }
    }
}

/// A letter before it is sealed: all that may be wrong with one.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) notice: Notice,
    pub(crate) route: Route,
    pub(crate) to: Vec<SealTo>,
    /// Who signs the notice, and in which domain.
    pub(crate) inside: (Arc<SigningKey>, Domain),
    /// Who signs the envelope, and in which domain.
    pub(crate) outside: (Arc<SigningKey>, Domain),
    pub(crate) approvals: Vec<Approval>,
    /// The files that travel with it, whatever the notice says of them.
    pub(crate) files: Vec<Vec<u8>>,
}

impl Letter {
    /// Changes the notice, and the outside with it.
    pub(crate) fn dated(mut self, created: Timestamp, not_after: Timestamp) -> Self {
        (self.notice.created, self.notice.not_after) = (created, not_after);
        (self.route.created, self.route.not_after) = (created, not_after);
        self
    }

    /// Makes it as urgent as this, inside and outside.
    pub(crate) fn urgent(mut self, precedence: Precedence) -> Self {
        (self.notice.precedence, self.route.precedence) = (precedence, precedence);
        self
    }

    /// Puts it into a place of the sequence to its only recipient.
    pub(crate) fn placed(mut self, n: u64, previous: EnvelopeId) -> Self {
        (self.to[0].n, self.to[0].previous) = (n, previous);
        self
    }

    /// An officer approves it as it is now.
    pub(crate) fn approved_by(mut self, officer: &SigningKey) -> Self {
        self.approvals.push(Approval::sign(&self.notice.to_bytes().unwrap(), officer).unwrap());
        self
    }

    /// The signed inside.
    pub(crate) fn signed(&self) -> SignedNotice {
        let bytes = self.notice.to_bytes().unwrap();
        let context = Context::of(self.notice.network, self.notice.environment);
        let (key, domain) = &self.inside;
        SignedNotice {
            signature: key.sign(*domain, &context, &bytes),
            key: key.public().id(),
            notice: Blob::new(bytes).unwrap(),
            approvals: Set::new(self.approvals.clone()).unwrap(),
        }
    }

    /// Seals it and signs the outside.
    pub(crate) fn seal(&self) -> Parcel {
        let (key, domain) = &self.outside;
        let files: Vec<_> = self.files.iter().map(|file| Blob::new(file.clone()).unwrap()).collect();
        let content = Content::Notice { signed: self.signed(), attachments: List::new(files).unwrap() };
        Parcel::of(&content, &self.route, &self.to, key).signed(key, *domain)
    }
}

/// A sealed message, as it is submitted, stored or delivered.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) header: Header,
    pub(crate) signature: Signature,
    pub(crate) stanzas: Vec<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
}

impl Parcel {
    /// Seals a signed notice, whoever signed it.
    pub(crate) fn seal(signed: SignedNotice, route: &Route, to: &[SealTo], key: &SigningKey) -> Self {
        Self::of(&Content::Notice { signed, attachments: List::default() }, route, to, key)
    }

    /// Seals any content.
    pub(crate) fn of(content: &Content, route: &Route, to: &[SealTo], key: &SigningKey) -> Self {
        let sealed = seal(content, route, to, key, &mut rand::rng()).unwrap();
        Self {
            header: Header::from_bytes(sealed.header_bytes()).unwrap(),
            signature: sealed.signature(),
            stanzas: sealed.stanzas().iter().map(|stanza| stanza.to_vec()).collect(),
            payload: sealed.payload().to_vec(),
        }
    }

    /// What a node submitted.
    pub(crate) fn submitted(submit: &Submit, payload: Vec<u8>) -> Self {
        Self {
            header: Header::from_bytes(&submit.header).unwrap(),
            signature: Signature(submit.signature),
            stanzas: submit.stanzas.iter().map(|stanza| stanza.to_vec()).collect(),
            payload,
        }
    }

    /// Signs the outside as it is now.
    pub(crate) fn signed(mut self, key: &SigningKey, domain: Domain) -> Self {
        let context = Context::of(self.header.network, self.header.environment);
        self.signature = key.sign(domain, &context, &self.header_bytes());
        self
    }

    /// Alters the outside, and leaves the signature as it was.
    pub(crate) fn altered(mut self, alter: impl FnOnce(&mut Header)) -> Self {
        alter(&mut self.header);
        self
    }

    pub(crate) fn header_bytes(&self) -> Vec<u8> {
        self.header.to_bytes().unwrap()
    }

    pub(crate) fn id(&self) -> EnvelopeId {
        Header::id_of(&self.header_bytes())
    }

    /// For a relay to accept.
    pub(crate) fn submit(&self) -> Submit {
        let stanzas: Vec<_> = self.stanzas.iter().map(|stanza| Blob::new(stanza.clone()).unwrap()).collect();
        Submit {
            header: Blob::new(self.header_bytes()).unwrap(),
            signature: self.signature.0,
            stanzas: List::new(stanzas).unwrap(),
        }
    }

    /// For its first recipient, with a relay's receipt.
    pub(crate) fn deliver(&self, receipt: Vec<u8>) -> Deliver {
        Deliver {
            header: Blob::new(self.header_bytes()).unwrap(),
            signature: self.signature.0,
            stanza: Blob::new(self.stanzas[0].clone()).unwrap(),
            receipt: Blob::new(receipt).unwrap(),
        }
    }

    /// For a relay's database, as if the relay had accepted it now.
    pub(crate) fn stored(&self) -> NewMessage {
        let accepted_at = now();
        let leaf = MessageLeaf { envelope: self.id(), accepted_at };
        let recipients = self.header.recipients.iter().map(|addressee| addressee.contact_point.clone());
        NewMessage {
            envelope: self.id(),
            header: self.header_bytes(),
            signature: self.signature.0.0,
            sender: self.header.sender.clone(),
            precedence: self.header.precedence,
            demotion: None,
            not_after: self.header.not_after,
            stanzas: recipients.zip(self.stanzas.iter().cloned()).collect(),
            payload: self.payload.clone(),
            leaf: leaf.to_bytes().unwrap(),
            accepted_at,
        }
    }
}
