//! A message made by hand, so that a test can make it wrong in one place and sign and seal it all the same.

use pouch_crypto::{Context, Domain, Signature, SigningKey};
use pouch_envelope::{Admitted, Arrived, Header, Malformed, Refusal, SealedHead};
use pouch_notice::{
    Approval, Clause, Content, Facts, Notice, OpenError, Opened, Refused, Route, SealTo, SealedOut,
    SignedNotice, StanzaSecret, State, Verdict, Verified, open, seal_with_secrets,
};
use pouch_wire::session::{Deliver, Submit};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Digest, EnvelopeId, Environment, List, Precedence, Set, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::stage;
use crate::world::{HOUR, NOW, World, drill_key, key, later, point, prekey, set};

pub(crate) const NL: &str = "NL/technical";
pub(crate) const MD: &str = "MD/technical";
pub(crate) const BA: &str = "BA/technical";

/// When the relay accepts what a test does not time itself, and when it is read.
pub(crate) const ACCEPTED: Timestamp = Timestamp(NOW.0 + 1000);
pub(crate) const READ: Timestamp = Timestamp(NOW.0 + 2000);

pub(crate) const NOTHING_BEFORE: EnvelopeId = EnvelopeId(Digest::new([0; 32]));

/// A letter, still to be signed and sealed.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) notice: Notice,
    pub(crate) attachments: Vec<Vec<u8>>,
    pub(crate) approvals: Vec<Approval>,
    /// The names of the keys that sign inside and outside.
    pub(crate) inside_key: String,
    pub(crate) outside_key: String,
    /// For which purpose, in which network and environment the inside is signed.
    pub(crate) purpose: Domain,
    pub(crate) context: Context,
    pub(crate) route: Route,
    pub(crate) to: Vec<SealTo>,
    pub(crate) seed: u8,
}

/// From NL/technical to MD/technical, for the knowledge of BA/technical.
pub(crate) fn honest(world: &World) -> Letter {
    letter(world, Environment::Live, NL, &[MD], &[BA])
}

/// The same in the exercise, where BA takes no part.
pub(crate) fn drill(world: &World) -> Letter {
    letter(world, world.drill(), NL, &[MD], &[])
}

/// A letter in which everything is as it should be.
pub(crate) fn letter(
    world: &World,
    environment: Environment,
    from: &str,
    to: &[&str],
    info: &[&str],
) -> Letter {
    let points = |names: &[&str]| names.iter().map(|name| point(name)).collect::<Vec<_>>();
    let notice = Notice {
        network: world.directory.network(),
        environment,
        sender: point(from),
        to: set(&points(to)),
        info: set(&points(info)),
        created: NOW,
        not_after: later(HOUR),
        precedence: Precedence::Flash,
        ..stage::notice(stage::text("Substations in two regions are down."))
    };
    let signer = key_name(from, environment);
    Letter {
        attachments: Vec::new(),
        approvals: Vec::new(),
        inside_key: signer.clone(),
        outside_key: signer,
        purpose: Domain::Notice,
        context: Context::of(notice.network, environment),
        route: route(world, &notice),
        to: notice.addressees().map(|to| seal_to(to, environment, 1, NOTHING_BEFORE)).collect(),
        notice,
        seed: 1,
    }
}

pub(crate) fn key_name(office: &str, environment: Environment) -> String {
    match environment {
        Environment::Live => office.to_owned(),
        Environment::Exercise(_) => drill_key(office),
    }
}

pub(crate) fn seal_to(to: &ContactPoint, environment: Environment, n: u64, previous: EnvelopeId) -> SealTo {
    let public = prekey(&key_name(&to.to_string(), environment)).public().clone();
    SealTo { recipient: to.clone(), prekey: public.id(), public, epoch: 1, n, previous }
}

fn route(world: &World, notice: &Notice) -> Route {
    Route {
        network: notice.network,
        environment: notice.environment,
        sender: notice.sender.clone(),
        directory_size: world.directory.size(),
        directory_root: world.directory.root_at(world.directory.size()).unwrap(),
        precedence: notice.precedence,
        created: notice.created,
        not_after: notice.not_after,
    }
}

impl Letter {
    /// Says something else; the outside goes with it.
    pub(crate) fn saying(mut self, change: impl FnOnce(&mut Notice)) -> Self {
        change(&mut self.notice);
        let notice = &self.notice;
        self.route = Route {
            precedence: notice.precedence,
            created: notice.created,
            not_after: notice.not_after,
            ..self.route
        };
        self
    }

    /// Says something else inside than outside.
    pub(crate) fn saying_inside(mut self, change: impl FnOnce(&mut Notice)) -> Self {
        change(&mut self.notice);
        self
    }

    /// Cites the directory of another size.
    pub(crate) fn citing(mut self, world: &World, size: u64) -> Self {
        self.route.directory_size = size;
        self.route.directory_root = world.directory.root_at(size).unwrap();
        self
    }

    /// Changes how it is made.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// With approvals over the notice as it is now, by these officers' keys.
    pub(crate) fn approved(mut self, officers: &[&str]) -> Self {
        let bytes = self.notice.to_bytes().unwrap();
        let approve = |name: &&str| Approval::sign(&bytes, &key(name)).unwrap();
        self.approvals = officers.iter().map(approve).collect();
        self
    }

    pub(crate) fn signed(&self) -> SignedNotice {
        let bytes = self.notice.to_bytes().unwrap();
        let signer = key(&self.inside_key);
        SignedNotice {
            signature: signer.sign(self.purpose, &self.context, &bytes),
            notice: Blob::new(bytes).unwrap(),
            key: signer.public().id(),
            approvals: Set::new(self.approvals.clone()).unwrap(),
        }
    }

    pub(crate) fn content(&self) -> Content {
        let attachments = self.attachments.iter().map(|bytes| Blob::new(bytes.clone()).unwrap());
        Content::Notice {
            signed: self.signed(),
            attachments: List::new(attachments.collect::<Vec<_>>()).unwrap(),
        }
    }

    pub(crate) fn posted(&self) -> Posted {
        self.post(&self.content())
    }

    /// Seals other content than the letter's own.
    pub(crate) fn post(&self, content: &Content) -> Posted {
        let mut rng = ChaCha20Rng::from_seed([self.seed; 32]);
        let sealed = seal_with_secrets(content, &self.route, &self.to, &key(&self.outside_key), &mut rng);
        let (sealed, secrets) = sealed.unwrap();
        Posted { secrets, ..Posted::from(&sealed) }
    }
}

/// A sealed message in its parts.
#[derive(Clone)]
pub(crate) struct Posted {
    pub(crate) header: Header,
    pub(crate) signature: Signature,
    pub(crate) stanzas: Vec<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
    pub(crate) secrets: Vec<StanzaSecret>,
}

impl From<&SealedOut> for Posted {
    fn from(sealed: &SealedOut) -> Self {
        Self {
            header: Header::from_bytes(sealed.header_bytes()).unwrap(),
            signature: sealed.signature(),
            stanzas: sealed.stanzas().iter().map(|stanza| stanza.to_vec()).collect(),
            payload: sealed.payload().to_vec(),
            secrets: Vec::new(),
        }
    }
}

impl Posted {
    pub(crate) fn header_bytes(&self) -> Vec<u8> {
        self.header.to_bytes().unwrap()
    }

    pub(crate) fn id(&self) -> EnvelopeId {
        Header::id_of(&self.header_bytes())
    }

    /// Alters it on the way: the signature stays what it was.
    pub(crate) fn altered(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Signs what the header says now.
    pub(crate) fn signed_by(mut self, signer: &SigningKey) -> Self {
        let context = Context::of(self.header.network, self.header.environment);
        self.signature = signer.sign(Domain::Envelope, &context, &self.header_bytes());
        self
    }

    /// What the relay says to it, brought by the sender that it names.
    pub(crate) fn admitted(&self, world: &World, now: Timestamp) -> Result<Admitted, Refusal> {
        let stanzas = self.stanzas.iter().map(|stanza| Blob::new(stanza.clone()).unwrap());
        let submit = Submit {
            header: Blob::new(self.header_bytes()).unwrap(),
            signature: self.signature.0,
            stanzas: List::new(stanzas.collect::<Vec<_>>()).unwrap(),
        };
        let head = SealedHead::from_submit(submit)?;
        let session = head.header().sender.clone();
        head.admit(&session, &world.directory, now)?.with_payload(self.payload.clone())
    }

    /// Handed to a recipient, with the stanza that the header names for it.
    pub(crate) fn delivered(&self, to: &str, receipt: &[u8]) -> Result<Arrived, Malformed> {
        let place = self.header.recipients.iter().position(|a| a.contact_point == point(to)).unwrap_or(0);
        let deliver = Deliver {
            header: Blob::new(self.header_bytes()).unwrap(),
            signature: self.signature.0,
            stanza: Blob::new(self.stanzas[place].clone()).unwrap(),
            receipt: Blob::new(receipt).unwrap(),
        };
        Arrived::parse(&point(to), deliver, self.payload.clone())
    }

    /// Accepted by a relay at a time, as entry 0 of its log, and opened by a recipient.
    pub(crate) fn opened_at(
        &self,
        world: &World,
        to: &str,
        accepted: Timestamp,
    ) -> Result<Opened, OpenError> {
        self.opened_with(to, &world.receipt("relay-1", self.id(), 0, accepted))
    }

    /// Opened by a recipient, with what a relay says of it.
    pub(crate) fn opened_with(&self, to: &str, receipt: &[u8]) -> Result<Opened, OpenError> {
        let arrived = self.delivered(to, receipt).unwrap();
        open(arrived, &prekey(&key_name(to, self.header.environment)))
    }

    pub(crate) fn opened(&self, world: &World, to: &str) -> Result<Opened, OpenError> {
        self.opened_at(world, to, ACCEPTED)
    }

    /// The whole way, to a recipient that reads it a second after a relay accepted it.
    pub(crate) fn received(&self, world: &World, to: &str) -> Result<Verified<Notice>, Refused> {
        self.received_at(world, to, ACCEPTED)
    }

    pub(crate) fn received_at(
        &self,
        world: &World,
        to: &str,
        accepted: Timestamp,
    ) -> Result<Verified<Notice>, Refused> {
        let now = Timestamp(accepted.0 + 1000);
        self.opened_at(world, to, accepted).unwrap().verify(&facts(world, now))
    }
}

/// The best that a node can know without a proof of the log.
pub(crate) fn facts(world: &World, now: Timestamp) -> Facts<'_> {
    Facts { directory: &world.directory, cosigned_at: Some(now), time_is_sure: true, inclusion: None, now }
}

/// The clauses in a state, with their codes, in the verdict's order.
pub(crate) fn in_state(verdict: &Verdict, state: State) -> Vec<(Clause, &str)> {
    let found = verdict.clauses.iter().filter(|clause| clause.state == state);
    found.map(|clause| (clause.clause, clause.code.as_str())).collect()
}

/// What a refusal rests on, and that it says nothing but that.
pub(crate) fn refused<T>(result: Result<Verified<T>, Refused>) -> Vec<(Clause, String)> {
    let Err(refused) = result else { panic!("it was verified") };
    in_state(&refused.verdict, State::Fails).into_iter().map(|(clause, code)| (clause, code.into())).collect()
}

/// The reservations of what is shown.
pub(crate) fn reserved<T>(result: Result<Verified<T>, Refused>) -> Vec<(Clause, String)> {
    let verified = result.unwrap_or_else(|refused| panic!("{:?}", refused.verdict));
    in_state(verified.verdict(), State::Unsure)
        .into_iter()
        .map(|(clause, code)| (clause, code.into()))
        .collect()
}

/// What [`refused`] or [`reserved`] should have found.
pub(crate) fn only(clause: Clause, code: &str) -> Vec<(Clause, String)> {
    vec![(clause, code.to_owned())]
}

/// Everything holds, without reservation.
pub(crate) fn holds<T>(result: &Result<Verified<T>, Refused>) -> bool {
    result.as_ref().is_ok_and(|verified| verified.verdict().decisive().is_none())
}
