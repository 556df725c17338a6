//! A relay: the product's rules of admission and its store, and what a hostile one makes of them.

use std::collections::BTreeMap;

use pouch_crypto::{Context, SigningKey};
use pouch_directory::Directory;
use pouch_envelope::{AcceptedReceipt, AdmittedBeacon, MessageLeaf, Refusal, SealedHead};
use pouch_store::{Mailboxes as _, NewMessage, RelayStore};
use pouch_wire::session::{Deliver, Submit};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, EnvelopeId, Environment, Fixed, NetworkId, Precedence, Timestamp,
    limits,
};
use rand::RngExt as _;
use rand_chacha::ChaCha20Rng;

use crate::clock::{MINUTE, SECOND};
use crate::founding::{Founding, text};
use crate::mirror::Mirror;
use crate::plan::Conduct;

/// How many messages are under way to one recipient, and as many flashes beside them.
const UNDER_WAY: usize = 4;

/// What a relay knows of one recipient's deliveries. In memory.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    busy: BTreeMap<EnvelopeId, (Precedence, ContactPoint)>,
    later: BTreeMap<EnvelopeId, (u64, u64)>,
}

/// A relay.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) name: String,
    pub(crate) skew: i64,
    pub(crate) up: bool,
    pub(crate) conduct: Conduct,
    /// On the disk.
    pub(crate) store: RelayStore,
    receipts: SigningKey,
    context: Context,
    network: NetworkId,
    /// A follower's copy of the directory; the first relay keeps the log itself.
    pub(crate) mirror: Mirror,
    pub(crate) deliveries: Vec<Delivery>,
    /// What a relay that replays keeps: to whom, and what.
    pub(crate) copies: Vec<(usize, EnvelopeId)>,
    /// What it decided about a message once, it does again.
    swallowed: BTreeMap<(EnvelopeId, usize), bool>,
    kept: BTreeMap<(EnvelopeId, usize), (Deliver, Vec<u8>)>,
    /// The newest beacon of each node, in memory.
    pub(crate) beacons: BTreeMap<usize, AdmittedBeacon>,
}

/// A message on its way to a recipient.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) envelope: EnvelopeId,
    pub(crate) deliver: Deliver,
    pub(crate) payload: Vec<u8>,
    /// Sent so often.
    pub(crate) times: usize,
    /// Sent after so long.
    pub(crate) wait: u64,
}

/// Why a submission was refused, and when it may come again.
pub(crate) type NotAccepted = (String, Option<u64>);

impl Relay {
    pub(crate) fn new(n: usize, skew: i64, conduct: Conduct, nodes: usize, founding: &Founding) -> Self {
        Self {
            name: Founding::relay_name(n),
            skew,
            up: true,
            conduct,
            store: RelayStore::in_memory().unwrap(),
            receipts: founding.receipts(n),
            context: founding.directory().context(Environment::Live),
            network: founding.directory().network(),
            beacons: BTreeMap::new(),
            mirror: Mirror::new(founding),
            deliveries: (0..nodes).map(|_| Delivery::default()).collect(),
            copies: Vec::new(),
            swallowed: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    pub(crate) fn crash(&mut self) {
        self.up = false;
        self.beacons.clear();
        self.deliveries.iter_mut().for_each(|delivery| *delivery = Delivery::default());
    }

    /// What was under way to a recipient whose session ended goes again on the next one.
    pub(crate) fn session_ended(&mut self, node: usize) {
        self.deliveries[node] = Delivery::default();
    }

    /// Admits a message and stores it; the signed receipt and for whom it is here.
    pub(crate) async fn accept(
        &self,
        session: &ContactPoint,
        submit: Submit,
        payload: Vec<u8>,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<(Vec<u8>, Vec<ContactPoint>), NotAccepted> {
        let head = SealedHead::from_submit(submit).map_err(|error| (error.code().to_owned(), None))?;
        let head =
            head.admit(session, directory, now).map_err(|error| (error.code().to_owned(), again(&error)))?;
        let view = directory.now_view();
        let here =
            |point: &ContactPoint| view.home_relays(point).iter().any(|relay| *relay.name == *self.name);
        let all = head.header().recipients.iter().map(|addressee| addressee.contact_point.clone());
        let homed: Vec<ContactPoint> = all.filter(here).collect();
        if homed.is_empty() {
            return Err(("POUCH-ADM-30".to_owned(), None));
        }
        let message = head.with_payload(payload).map_err(|error| (error.code().to_owned(), None))?;
        let envelope = message.id();
        let parts = message.into_parts();
        let addressed = parts.header.recipients.iter().zip(parts.stanzas);
        let stanzas = addressed
            .filter(|(addressee, _)| homed.contains(&addressee.contact_point))
            .map(|(addressee, stanza)| (addressee.contact_point.clone(), stanza))
            .collect();
        let done = self
            .store
            .accept(NewMessage {
                envelope,
                header: parts.header_bytes,
                signature: parts.signature.0.0,
                sender: parts.header.sender.clone(),
                precedence: parts.header.precedence,
                demotion: None,
                not_after: parts.header.not_after,
                stanzas,
                payload: parts.payload,
                leaf: MessageLeaf { envelope, accepted_at: now }.to_bytes().unwrap(),
                accepted_at: now,
            })
            .await
            .unwrap();
        Ok((self.receipt(envelope, done.index, done.accepted_at), homed))
    }

    fn receipt(&self, envelope: EnvelopeId, index: u64, at: Timestamp) -> Vec<u8> {
        let receipt =
            AcceptedReceipt { network: self.network, envelope, relay: text(&*self.name), index, at };
        receipt.sign(&self.receipts, &self.context).unwrap().to_bytes().unwrap()
    }

    /// What goes to a recipient now.
    pub(crate) async fn turn(&mut self, node: usize, now: u64, rng: &mut ChaCha20Rng) -> Vec<Sent> {
        let recipient = Founding::point(node);
        let mut sent = Vec::new();
        for message in self.store.pending(&recipient, 64).await.unwrap() {
            let envelope = message.envelope;
            let line = (message.precedence, message.sender.clone());
            if !self.may_go(node, envelope, &line, now) || self.swallows(node, envelope, &line, rng) {
                continue;
            }
            let parcel = self.store.load(envelope, &recipient).await.unwrap().unwrap();
            let deliver = Deliver {
                header: Blob::new(parcel.header).unwrap(),
                signature: Fixed(parcel.signature),
                stanza: Blob::new(parcel.stanza).unwrap(),
                receipt: Blob::new(self.receipt(envelope, parcel.index, parcel.accepted_at)).unwrap(),
            };
            self.deliveries[node].busy.insert(envelope, line);
            let (times, wait) = match self.conduct {
                Conduct::Duplicate if rng.random_bool(0.5) => (rng.random_range(2..4), 0),
                Conduct::Reorder => (1, rng.random_range(0..20 * SECOND)),
                Conduct::Delay(by) => (1, by),
                _ => (1, 0),
            };
            if self.conduct == Conduct::Replay {
                self.copies.push((node, envelope));
                self.kept.insert((envelope, node), (deliver.clone(), parcel.payload.clone()));
            }
            sent.push(Sent { envelope, deliver, payload: parcel.payload, times, wait });
        }
        sent
    }

    /// What a relay that replays sends again.
    pub(crate) fn replayed(&self, node: usize, envelope: EnvelopeId) -> Option<(Deliver, Vec<u8>)> {
        self.kept.get(&(envelope, node)).cloned()
    }

    fn may_go(&self, node: usize, envelope: EnvelopeId, line: &(Precedence, ContactPoint), now: u64) -> bool {
        let delivery = &self.deliveries[node];
        let due = delivery.later.get(&envelope).is_none_or(|(due, _)| *due <= now);
        let flash = line.0 == Precedence::Flash;
        let alike = delivery.busy.values().filter(|(busy, _)| (*busy == Precedence::Flash) == flash).count();
        // A relay that reorders, or holds back, does not keep a sender's line.
        let in_line = matches!(self.conduct, Conduct::Reorder | Conduct::Delay(_));
        let free = in_line || !delivery.busy.values().any(|before| before == line);
        due && !delivery.busy.contains_key(&envelope) && free && (in_line || alike < UNDER_WAY)
    }

    fn swallows(
        &mut self,
        node: usize,
        envelope: EnvelopeId,
        line: &(Precedence, ContactPoint),
        rng: &mut ChaCha20Rng,
    ) -> bool {
        match self.conduct {
            Conduct::DropAll(None) => true,
            Conduct::DropAll(Some(sender)) => line.1 == Founding::point(sender),
            Conduct::DropFlash => line.0 == Precedence::Flash,
            Conduct::DropSome(share) => {
                *self.swallowed.entry((envelope, node)).or_insert_with(|| rng.random_bool(share))
            }
            _ => false,
        }
    }

    /// The recipient has it.
    pub(crate) async fn taken(&mut self, node: usize, envelope: EnvelopeId) {
        self.store.taken(envelope, &Founding::point(node)).await.unwrap();
        self.deliveries[node].busy.remove(&envelope);
        self.deliveries[node].later.remove(&envelope);
    }

    /// It has not; when it is tried again.
    pub(crate) fn not_taken(
        &mut self,
        node: usize,
        envelope: EnvelopeId,
        asked: Option<u64>,
        now: u64,
    ) -> u64 {
        let delivery = &mut self.deliveries[node];
        delivery.busy.remove(&envelope);
        let waited = delivery.later.get(&envelope).map_or(2 * SECOND, |(_, waited)| waited * 2);
        let waited =
            asked.map_or(waited, |asked| asked.max(waited.min(MINUTE))).clamp(2 * SECOND, 5 * MINUTE);
        delivery.later.insert(envelope, (now + waited, waited));
        now + waited
    }
}

/// A sender that is ahead of us may try again; so may one whom only our clock keeps out.
fn again(error: &Refusal) -> Option<u64> {
    match error {
        Refusal::DirectoryAhead { .. } => Some(SECOND),
        Refusal::FromTheFuture { .. } => Some(30 * SECOND),
        Refusal::Expired { late_s } if *late_s <= limits::CLOCK_SKEW_MS_MAX / 1000 => Some(30 * SECOND),
        _ => None,
    }
}
