//! What a node sends: notices and receipts, sealed as the product seals them, again and again until a
//! relay has them; and what its users see of a confirmation that does not come.

use pouch_agent::Sends;
use pouch_crypto::{Context, Domain};
use pouch_directory::View;
use pouch_envelope::{Arrived, SignedReceipt};
use pouch_notice::{
    Content, Draft, Notice, NoticeNumber, RecipientReceipt, Route, Said, SealTo, SealedOut, body_from_toml,
    seal, usual_life_ms,
};
use pouch_store::{Ladder as _, Outbox as _, Outgoing, Rung, RungRow};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, EnvelopeId, Environment, List, NoticeId, NoticeType, Precedence, Set,
    Timestamp, Tlp,
};

use crate::clock::{BEGIN, SECOND};
use crate::founding::{Founding, text};
use crate::net::Packet;
use crate::oracle::{Duty, LOOKS, SentMessage};
use crate::world::World;

/// How long a message waits that something other than the network keeps.
const PATIENCE: core::time::Duration = core::time::Duration::from_secs(300);

impl World {
    /// A user of the node sends a notice.
    pub(crate) async fn send_notice(&mut self, node: usize, to: &[usize], precedence: Precedence) {
        let now = self.clock_of(node);
        let Some(route) = self.route(node, precedence, now) else { return };
        let points: Vec<ContactPoint> = to.iter().map(|n| Founding::point(*n)).collect();
        let Some(recipients) = self.seal_to(node, &points).await else {
            return self.oracle.count("nobody to seal to");
        };
        let (content, id) = self.content(node, &points, &route);
        let outgoing = self.seal(node, &content, &route, &recipients, Some(id));
        // It was sealed, and is not on the disk: the user knows that it was not sent.
        if self.dies(node) {
            return;
        }
        self.nodes[node].store.enqueue(outgoing.clone()).await.unwrap();
        self.queued(node, &outgoing);
        let label = self.oracle.label(outgoing.envelope);
        self.tell(|_| format!("node {node} sends {label} {precedence} to {to:?}"));
        if self.plan.twin == Some(node) {
            self.twin(node, &route, recipients, outgoing.envelope);
        }
        if !self.dies(node) {
            self.try_send(node).await;
        }
    }

    fn content(&mut self, node: usize, to: &[ContactPoint], route: &Route) -> (Content, NoticeId) {
        self.nodes[node].numbers += 1;
        let n = self.nodes[node].numbers;
        let notice = Notice {
            network: route.network,
            environment: Environment::Live,
            sender: route.sender.clone(),
            number: NoticeNumber { year: 2026, n },
            to: Set::new(to.to_vec()).unwrap(),
            info: Set::default(),
            concerns: None,
            created: route.created,
            not_after: route.not_after,
            precedence: route.precedence,
            tlp: Tlp::Amber,
            language: text("en"),
            subject: text(format!("Notice {n} of node {node}")),
            body: body_from_toml(NoticeType::FreeText, "text = \"Substations in two regions are down.\"")
                .unwrap(),
            attachments: List::default(),
            break_glass: false,
            sentences: List::default(),
        };
        let draft = Draft::new(notice).unwrap();
        let id = draft.id();
        let key = self.nodes[node].signing_key(&self.founding);
        let signed = draft.approve(Vec::new()).unwrap().sign(&key).unwrap();
        (Content::Notice { signed: signed.signed().clone(), attachments: List::default() }, id)
    }

    fn seal(
        &mut self,
        node: usize,
        content: &Content,
        route: &Route,
        recipients: &[SealTo],
        notice: Option<NoticeId>,
    ) -> Outgoing {
        let key = self.nodes[node].signing_key(&self.founding);
        let sealed = seal(content, route, recipients, &key, &mut self.rng).unwrap();
        Self::outgoing_of(route, recipients, notice, &sealed)
    }

    /// A member that says two things in one place: the second goes to the same recipients.
    fn twin(&mut self, node: usize, route: &Route, recipients: Vec<SealTo>, first: EnvelopeId) {
        let points: Vec<ContactPoint> = recipients.iter().map(|to| to.recipient.clone()).collect();
        let (content, id) = self.content(node, &points, route);
        let second = self.seal(node, &content, route, &recipients, Some(id));
        for to in &recipients {
            let place = (node, self.node_of(&to.recipient), to.n);
            self.twins.insert(place, (first, second.envelope));
        }
        let sealed = SealedOut::from_bytes(&second.sealed).unwrap();
        let recipients = points.iter().map(|point| self.node_of(point)).collect();
        let label = self.oracle.sent.len();
        let message = SentMessage { label, notice: Some(id), recipients, sender: node };
        self.oracle.sent.insert(second.envelope, message);
        self.contradictions.push((node, second.envelope, sealed));
    }

    /// Seals a receipt for a message's sender; none when it cannot be sealed to.
    pub(crate) async fn seal_receipt(
        &mut self,
        node: usize,
        arrived: &Arrived,
        said: Said,
    ) -> Option<Outgoing> {
        let (header, now) = (arrived.header().clone(), self.clock_of(node));
        let network = header.network;
        let receipt = RecipientReceipt { network, envelope: arrived.id(), at: now, said };
        let bytes = receipt.to_bytes().unwrap();
        let key = self.nodes[node].signing_key(&self.founding);
        let signature = key.sign(Domain::Receipt, &Context::of(network, Environment::Live), &bytes);
        let signed = SignedReceipt { receipt: Blob::new(bytes).unwrap(), key: key.public().id(), signature };
        let route = self.route(node, header.precedence, now)?;
        let recipients = self.seal_to(node, std::slice::from_ref(&header.sender)).await?;
        Some(self.seal(node, &Content::Receipt(signed), &route, &recipients, None))
    }

    /// Where a message of this node goes from; none when its key does not speak now.
    fn route(&self, node: usize, precedence: Precedence, created: Timestamp) -> Option<Route> {
        let (node, founding) = (&self.nodes[node], &self.founding);
        let (view, key) = (node.mirror.directory.now_view(), node.signing_key(founding));
        let directory_size = match view.may_sign(&node.me, Environment::Live, key.public().id()) {
            Ok(_) => node.mirror.directory.size(),
            Err(_) => last_current(&view, &node.me, &key.public())?,
        };
        Some(Route {
            network: node.mirror.directory.network(),
            environment: Environment::Live,
            sender: node.me.clone(),
            directory_size,
            directory_root: node.mirror.tree.root_at(directory_size).ok()?,
            precedence,
            created,
            not_after: Timestamp(created.0 + usual_life_ms(precedence)),
        })
    }

    /// A sealing key and a place in the sequence for each recipient; none when one cannot be sealed to.
    async fn seal_to(&self, node: usize, recipients: &[ContactPoint]) -> Option<Vec<SealTo>> {
        let now = self.clock_of(node);
        let node = &self.nodes[node];
        let places = node.store.reserve(recipients.to_vec(), Environment::Live).await.unwrap();
        let view = node.mirror.directory.now_view();
        let sealed = |place: pouch_store::Sequence| {
            let prekey = view.prekeys(&place.recipient, Environment::Live, now).into_iter().next()?;
            Some(SealTo {
                prekey: prekey.public.id(),
                public: prekey.public.clone(),
                recipient: place.recipient,
                epoch: place.epoch,
                n: place.n,
                previous: place.previous,
            })
        };
        places.into_iter().map(sealed).collect()
    }

    /// A message is on the disk, in its places.
    pub(crate) fn queued(&mut self, node: usize, outgoing: &Outgoing) {
        let now = self.queue.now();
        let recipients: Vec<usize> = outgoing.sequence.iter().map(|to| self.node_of(&to.recipient)).collect();
        let places: Vec<u64> = outgoing.sequence.iter().map(|to| to.n).collect();
        let label = self.oracle.sent.len();
        let message =
            SentMessage { label, notice: outgoing.notice, recipients: recipients.clone(), sender: node };
        self.oracle.is_sent(outgoing.envelope, message, now, &places);
        self.nodes[node].waits_for_confirmation = true;
        if outgoing.notice.is_some() && self.plan.twin != Some(node) {
            let due = outgoing.created.after(outgoing.precedence.confirm_within()).0 - BEGIN;
            let due = due.saturating_add_signed(-self.nodes[node].skew);
            for recipient in recipients {
                let duty = Duty::Overdue { sender: node, envelope: outgoing.envelope, recipient };
                self.oracle.duties.insert((due + LOOKS, duty));
            }
            self.look_at(node, due + 1);
        }
    }

    /// Hands to every relay what it has not answered yet and somebody still waits for.
    pub(crate) async fn try_send(&mut self, node: usize) {
        if !self.nodes[node].up || !self.nodes[node].waits_for_confirmation {
            return;
        }
        let (now, instant) = (self.clock_of(node), self.instant());
        for relay in 0..self.relays.len() {
            let Some(session) = self.net.session(node, relay) else { continue };
            let (name, store) = (self.relays[relay].name.clone(), self.nodes[node].store.clone());
            for row in store.uncarried(&name, EPOCH, now).await.unwrap() {
                let homed = homed_at(&name, row.waiting, &self.nodes[node].mirror.directory.now_view());
                let sends: &mut Sends = &mut self.nodes[node].sends;
                if homed.is_empty() || !sends.begin(&name, row.envelope, row.precedence, &homed, instant) {
                    continue;
                }
                self.nodes[node].busy.insert((relay, row.envelope));
                let kept = store.outgoing(row.envelope).await.unwrap().unwrap();
                let sealed = SealedOut::from_bytes(&kept.sealed).unwrap();
                let (submit, payload) = (Box::new(sealed.submit()), sealed.payload().to_vec());
                let packet = Packet::Submit { envelope: row.envelope, submit, payload };
                self.send_to_relay(node, relay, session, packet);
            }
        }
        if let Some(due) = self.nodes[node].sends.next_due() {
            let wait = due.saturating_duration_since(instant);
            self.look_at(node, self.queue.now() + u64::try_from(wait.as_millis()).unwrap() + 1);
        }
        self.nodes[node].sends.forget_due(instant);
        self.send_contradictions(node);
    }

    fn send_contradictions(&mut self, node: usize) {
        for (sender, envelope, sealed) in std::mem::take(&mut self.contradictions) {
            let session = self.net.session(sender, 0);
            let Some(session) = session.filter(|_| sender == node) else {
                self.contradictions.push((sender, envelope, sealed));
                continue;
            };
            let (submit, payload) = (Box::new(sealed.submit()), sealed.payload().to_vec());
            self.send_to_relay(node, 0, session, Packet::Submit { envelope, submit, payload });
        }
    }

    /// A relay says that it has a message.
    pub(crate) async fn carried(
        &mut self,
        node: usize,
        relay: usize,
        envelope: EnvelopeId,
        receipt: Vec<u8>,
    ) {
        let instant = self.instant();
        let (name, store) = (self.relays[relay].name.clone(), self.nodes[node].store.clone());
        if !self.nodes[node].busy.remove(&(relay, envelope)) {
            return;
        }
        let signed = SignedReceipt::from_bytes(&receipt).unwrap();
        let directory = &self.nodes[node].mirror.directory;
        let view = directory.now_view();
        let context = directory.context(Environment::Live);
        let said = view.relay(&name).and_then(|relay| signed.accepted(&relay.receipts, &context).ok());
        let Some(said) = said.filter(|said| said.envelope == envelope) else {
            self.nodes[node].sends.put_off(&name, envelope, Some(PATIENCE), instant);
            return;
        };
        let rungs = store.ladder(envelope).await.unwrap();
        let homed: Vec<ContactPoint> =
            homed_at(&name, rungs.iter().map(|rung| rung.recipient.clone()).collect(), &view);
        store.carried(envelope, (&name, EPOCH), homed.clone(), Some(receipt), said.at).await.unwrap();
        self.nodes[node].sends.done(&name, envelope);
        let homed: Vec<usize> = homed.iter().map(|point| self.node_of(point)).collect();
        if self.plan.twin != Some(node) {
            self.oracle.is_promised(envelope, homed.into_iter());
        }
        self.try_send(node).await;
    }

    /// A relay refuses a message, for good or until later.
    pub(crate) async fn not_carried(
        &mut self,
        node: usize,
        relay: usize,
        envelope: EnvelopeId,
        code: &str,
        retry_after: Option<u64>,
    ) {
        let instant = self.instant();
        let (name, store) = (self.relays[relay].name.clone(), self.nodes[node].store.clone());
        if !self.nodes[node].busy.remove(&(relay, envelope)) {
            return;
        }
        self.tell(|oracle| format!("{name} does not take {} of node {node}: {code}", oracle.label(envelope)));
        if let Some(wait) = retry_after {
            let wait = Some(core::time::Duration::from_millis(wait));
            self.nodes[node].sends.put_off(&name, envelope, wait, instant);
            return self.try_send(node).await;
        }
        self.oracle.count("refused by a relay");
        let rungs = store.ladder(envelope).await.unwrap();
        let now = self.clock_of(node);
        store.carried(envelope, (&name, EPOCH), Vec::new(), None, now).await.unwrap();
        let said = store.carriages(envelope).await.unwrap();
        for rung in rungs.into_iter().filter(|rung| rung.rung == Rung::Queued) {
            let view = self.nodes[node].mirror.directory.now_view();
            let all = view.home_relays(&rung.recipient);
            let refused =
                all.iter().all(|home| said.iter().any(|c| c.relay == *home.name && c.receipt.is_none()));
            if refused && !all.is_empty() {
                let row =
                    RungRow { rung: Rung::Refused, at: Some(now), detail: Some(code.to_owned()), ..rung };
                store.climb(envelope, row).await.unwrap();
            }
        }
        self.nodes[node].sends.done(&name, envelope);
        self.try_send(node).await;
    }

    /// The session is gone: whatever was on its way to the relay is tried again.
    pub(crate) fn submissions_ended(&mut self, node: usize, relay: usize) {
        let (name, instant) = (self.relays[relay].name.clone(), self.instant());
        let node = &mut self.nodes[node];
        for (_, envelope) in node.busy.iter().filter(|(to, _)| *to == relay) {
            node.sends.put_off(&name, *envelope, None, instant);
        }
        node.busy.retain(|(to, _)| *to != relay);
    }

    /// Tells once of every recipient whose confirmation is late.
    pub(crate) async fn tell_overdue(&mut self, node: usize) {
        if !self.nodes[node].waits_for_confirmation {
            return;
        }
        let late = self.nodes[node].store.overdue(self.clock_of(node)).await.unwrap();
        for row in late {
            let recipient = self.node_of(&row.recipient);
            if self.nodes[node].overdue_told.insert((row.envelope, row.recipient)) {
                self.oracle.overdue.insert((row.envelope, recipient));
                let label = self.oracle.label(row.envelope);
                self.tell(|_| format!("node {node}: no confirmation of {label} from node {recipient}"));
                self.alarm(node, "overdue", "POUCH-AGT-20");
            }
        }
    }
}

/// Those who collect their messages at this relay.
fn homed_at(relay: &str, mut points: Vec<ContactPoint>, view: &View<'_>) -> Vec<ContactPoint> {
    points.retain(|point| view.home_relays(point).iter().any(|home| *home.name == *relay));
    points
}

/// The newest size at which a key was the office's.
fn last_current(view: &View<'_>, point: &ContactPoint, key: &pouch_crypto::PublicKey) -> Option<u64> {
    let history = view.key_history(point, Environment::Live);
    history.into_iter().rev().find(|period| period.key == *key)?.until_index
}

/// How often a node looks by itself.
pub(crate) const TICK: u64 = 5 * SECOND;

/// The relays of the simulation lose nothing, so that they never begin another epoch.
const EPOCH: u64 = 1;
