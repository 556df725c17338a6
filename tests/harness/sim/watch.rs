//! Beacons, and what a node makes of those of others: withheld, missing, not heard of.

use core::time::Duration;
use std::collections::BTreeSet;

use pouch_envelope::{AdmittedBeacon, Beacon, BeaconFacts, HeardBeacon, Place};
use pouch_notice::{Around, GRACE, Turn};
use pouch_store::Watching as _;
use pouch_tlog::Citation;
use pouch_wire::session::{Beacon as Frame, BeaconFor};
use pouch_wire::{Canonical as _, Digest, EnvelopeId, Environment};
use rand::RngExt as _;

use crate::clock::{MINUTE, SECOND};
use crate::founding::Founding;
use crate::net::Packet;
use crate::oracle::{Duty, LOOKS};
use crate::plan::Conduct;
use crate::world::{Event, World};

/// For how long after the last notice beacons are sent.
const BEACONS_AFTER: u64 = 10 * MINUTE;
/// How often a node sends a beacon.
const EVERY: u64 = MINUTE;
/// How long an announced message may be on its way while deliveries are, and while a session is fresh.
const GRACE_BUSY: u64 = MINUTE;
const GRACE_MAX: u64 = 10 * MINUTE;
/// A pause between deliveries that ends what belongs together.
const PAUSE: u64 = 10 * SECOND;
/// After how long of silence a sender is said not to be heard of (P8).
const NO_CONTACT: u64 = 150 * SECOND;

impl World {
    /// Signs what a node last sent to each, and hands it to every relay.
    pub(crate) async fn beacon(&mut self, node: usize) {
        // Once nothing is sent any more, beacons would say the same for hours.
        if self.queue.now() < self.plan.active + BEACONS_AFTER {
            self.queue.after(EVERY, Event::Beacon(node));
        }
        if !self.nodes[node].up || self.nodes[node].mirror.size() == 0 {
            return;
        }
        let Some(frame) = self.make_beacon(node).await else { return };
        for relay in 0..self.relays.len() {
            if let Some(session) = self.net.session(node, relay) {
                self.send_to_relay(node, relay, session, Packet::Beacon(Box::new(frame.clone())));
            }
        }
    }

    async fn make_beacon(&mut self, node: usize) -> Option<Frame> {
        let (at, key) = (self.clock_of(node), self.nodes[node].signing_key(&self.founding));
        let sender = self.nodes[node].me.clone();
        let view = self.nodes[node].mirror.directory.now_view();
        view.may_sign(&sender, Environment::Live, key.public().id()).ok()?;
        let peers = (0..self.nodes.len()).filter(|peer| *peer != node).map(Founding::point).collect();
        let announced = self.nodes[node].store.announced(peers, at).await.unwrap();
        let rng = &mut self.rng;
        let mut random = || Digest::new(rng.random());
        let leaves: Vec<_> = announced
            .into_iter()
            .map(|one| {
                let place = one.newest.map(|(epoch, n, last)| Place { epoch, n, last });
                (one.recipient, place.unwrap_or(Place::NOTHING), random())
            })
            .collect();
        let mirror = &self.nodes[node].mirror;
        let facts = BeaconFacts {
            network: mirror.directory.network(),
            sender,
            at,
            every_s: 60,
            directory_size: mirror.size(),
            directory_root: mirror.root(),
            nonce: random(),
        };
        // The oracle knows what it announces, by recipient.
        self.announced.retain(|(from, _), _| *from != node);
        for (peer, place, _) in &leaves {
            let peer = self.node_of(peer);
            self.announced.insert((node, peer), (self.queue.now(), place.last));
        }
        Some(facts.sign(leaves, &key).unwrap())
    }

    /// A relay keeps a beacon and hands everybody its part.
    pub(crate) fn beacon_at_relay(&mut self, node: usize, relay: usize, frame: Frame) {
        let (now, face) = (self.queue.clock(self.relays[relay].skew), self.face_for(relay, node));
        let directory =
            if relay == 0 { &self.log.faces[face].directory } else { &self.relays[relay].mirror.directory };
        let Ok(admitted) = AdmittedBeacon::admit(frame, &Founding::point(node), directory, now) else {
            return;
        };
        self.relays[relay].beacons.insert(node, admitted);
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            self.hand_beacon(relay, node, peer);
        }
    }

    /// A session is up: the newest of everybody.
    pub(crate) fn hand_beacons(&mut self, relay: usize, peer: usize) {
        let senders: Vec<usize> = self.relays[relay].beacons.keys().copied().filter(|n| *n != peer).collect();
        senders.into_iter().for_each(|sender| self.hand_beacon(relay, sender, peer));
    }

    fn hand_beacon(&mut self, relay: usize, sender: usize, peer: usize) {
        if self.holds_beacons(relay, sender) {
            return;
        }
        let part = self.relays[relay].beacons[&sender].for_peer(&Founding::point(peer));
        if let Some(part) = part {
            self.send_to_node(peer, relay, Packet::BeaconFor(Box::new(part)), 0);
        }
    }

    fn holds_beacons(&self, relay: usize, sender: usize) -> bool {
        match self.plan.beacons[relay] {
            None => false,
            Some(whose) => {
                let from = self.plan.active / 3;
                self.queue.now() > from
                    && (whose == sender || self.relays[relay].conduct == Conduct::DropAll(None))
            }
        }
    }

    /// A node hears another's beacon.
    pub(crate) fn beacon_heard(&mut self, node: usize, frame: BeaconFor, until: u64) {
        let Ok(said) = Beacon::from_bytes(&frame.beacon) else { return };
        let (sender, now) = (self.node_of(&said.sender), self.queue.now());
        let news = self.nodes[node].peers[&sender].watch.is_news(said.at, said.sender_key);
        if !news {
            return;
        }
        if said.directory_size > self.nodes[node].mirror.directory.size() && now < until {
            self.nodes[node].held_beacons.push((frame, until));
            return self.look_everywhere(node);
        }
        let (me, clock) = (self.nodes[node].me.clone(), self.clock_of(node));
        let directory = &self.nodes[node].mirror.directory;
        let cited = match HeardBeacon::verify(&frame, &me, directory, clock) {
            Ok(beacon) => {
                let peer = self.nodes[node].peers.get_mut(&sender).unwrap();
                let Ok(turn) = peer.watch.hear(beacon) else { return };
                peer.turns.extend(turn);
                peer.heard = now;
                peer.compare(Duration::from_millis(now));
                self.oracle.lost.remove(&(node, sender));
                self.oracle.count("beacons heard");
                self.must_show_withheld(node, sender, said.at);
                true
            }
            Err(_) => said.is_signed_ahead(&frame, directory),
        };
        if cited {
            let signed = frame.beacon.to_vec();
            let citation = Citation { size: said.directory_size, root: said.directory_root, signed };
            let said_at = self.said_at(&said.sender, said.at);
            self.hear(node, &said.sender, citation, said_at);
        }
    }

    /// What an honest beacon announced and did not come must be shown (P8).
    fn must_show_withheld(&mut self, node: usize, sender: usize, at: pouch_wire::Timestamp) {
        let Some((made, envelope)) = self.announced.get(&(sender, node)).copied() else { return };
        let newest = self.queue.clock(self.nodes[sender].skew).0 - (self.queue.now() - made) == at.0;
        let nothing = envelope == Place::NOTHING.last || self.oracle.arrived.contains(&(envelope, node));
        let judged = self.defences.sequence && !self.oracle.dishonest.contains(&sender);
        if !newest || nothing || !judged {
            return;
        }
        let heard = self.queue.now();
        let grace = u64::try_from(GRACE.as_millis()).unwrap();
        self.oracle.duties.insert((heard + grace + LOOKS, Duty::Withheld { node, sender, envelope, heard }));
    }

    /// Time passes for a node: what did not come is told of.
    pub(crate) async fn watch(&mut self, node: usize) {
        // Who does not count has nothing to compare with what is announced.
        if !self.defences.sequence {
            return;
        }
        let now = self.queue.now();
        let up = (0..self.relays.len()).any(|relay| self.net.session(node, relay).is_some());
        let (busy, fresh) = self.busy(node);
        let grace = match (busy, fresh) {
            (false, _) => u64::try_from(GRACE.as_millis()).unwrap(),
            (true, true) => GRACE_MAX,
            (true, false) => GRACE_BUSY,
        };
        let under_way = !self.nodes[node].held.is_empty();
        let around = Around {
            now: Duration::from_millis(now),
            grace: Duration::from_millis(grace),
            busy: under_way,
            poor: false,
            // Beacons end with the active time; silence after that is not news.
            up: up && now < self.plan.active + BEACONS_AFTER,
        };
        for sender in self.nodes[node].peers.keys().copied().collect::<Vec<_>>() {
            let peer = self.nodes[node].peers.get_mut(&sender).unwrap();
            let mut turns = core::mem::take(&mut peer.turns);
            turns.extend(peer.watch.pass(around));
            let told = peer.watch.told();
            if turns.iter().any(|turn| matches!(turn, Turn::Missing(_))) {
                let kept = serde_json::to_string(&told).unwrap();
                self.nodes[node].store.tell_gaps(&Founding::point(sender), kept, Vec::new()).await.unwrap();
            }
            for turn in turns {
                self.turned(node, sender, turn);
            }
        }
    }

    fn turned(&mut self, node: usize, sender: usize, turn: Turn) {
        let now = self.queue.now();
        match turn {
            Turn::Missing(gap) => {
                self.tell(|_| format!("node {node} misses {} to {} of node {sender}", gap.from, gap.to));
                self.oracle.is_gap(node, sender, gap.from, gap.to, now);
                self.alarm(node, "gap", "POUCH-ORD-01");
            }
            Turn::Withheld => {
                self.tell(|_| format!("node {node}: something of node {sender} is withheld"));
                self.oracle.withheld.insert((node, sender));
                self.oracle.count("withheld shown");
                self.alarm(node, "withheld", "POUCH-BCN");
            }
            // It is shown, and no alarm.
            Turn::Doubtful => {
                self.oracle.withheld.insert((node, sender));
            }
            Turn::Came | Turn::Over => {
                self.oracle.withheld.remove(&(node, sender));
            }
            Turn::Lost => {
                self.tell(|_| format!("node {node} hears nothing of node {sender}"));
                self.oracle.lost.insert((node, sender));
                self.oracle.count("no contact shown");
                self.alarm(node, "contact", "POUCH-BCN");
            }
            Turn::Back => {
                self.oracle.lost.remove(&(node, sender));
            }
            _ => {}
        }
    }

    /// Whether deliveries come to a node, and whether one of its sessions is fresh.
    fn busy(&self, node: usize) -> (bool, bool) {
        let now = self.queue.now();
        let node_ = &self.nodes[node];
        let busy = !node_.held.is_empty() || node_.last_delivery > 0 && now < node_.last_delivery + PAUSE;
        let fresh = (0..self.relays.len()).any(|relay| self.net.is_fresh(node, relay, now, GRACE_MAX));
        (busy, fresh)
    }

    /// Whether what a beacon announced was shown to be withheld, or came; judged again while deliveries come.
    pub(crate) fn check_withheld(&mut self, node: usize, sender: usize, envelope: EnvelopeId, heard: u64) {
        let now = self.queue.now();
        let known = (envelope, node);
        let refused = self.oracle.in_vain.contains(&known) || self.oracle.refused.contains_key(&known);
        let came = self.oracle.arrived.contains(&known) || refused;
        let superseded = self.announced.get(&(sender, node)).is_none_or(|(_, newest)| *newest != envelope);
        if came || superseded || self.oracle.withheld.contains(&(node, sender)) {
            return;
        }
        let started = self.nodes[node].up_since > heard || !self.nodes[node].up;
        let busy = self.busy(node).0 || self.nodes[node].last_delivery + 2 * PAUSE > now;
        if started || (busy && now < heard + GRACE_MAX + MINUTE) {
            if !started {
                let duty = Duty::Withheld { node, sender, envelope, heard };
                self.oracle.duties.insert((now + PAUSE + LOOKS, duty));
            }
            return;
        }
        let label = self.oracle.label(envelope);
        let words = format!("node {node} does not show that {label} of node {sender} is withheld");
        self.oracle.violate("P8 withheld", now, words);
    }

    /// Whoever has heard nothing of a sender for too long must show it (P8).
    pub(crate) fn check_contact(&mut self, node: usize) {
        let now = self.queue.now();
        if !self.defences.sequence {
            return;
        }
        let up_since = self.nodes[node].up_since;
        let connected: Option<u64> =
            (0..self.relays.len()).filter_map(|relay| self.net.up_for(node, relay, now)).max();
        let lost: BTreeSet<usize> = self.nodes[node]
            .peers
            .iter()
            .filter(|(sender, peer)| {
                let silent = now - peer.heard.max(up_since);
                let bound = NO_CONTACT + 2 * LOOKS;
                silent > bound
                    && connected.is_some_and(|up| up > bound)
                    && now < self.plan.active + BEACONS_AFTER
                    && !self.oracle.lost.contains(&(node, **sender))
            })
            .map(|(sender, _)| *sender)
            .collect();
        for sender in lost {
            let words = format!("node {node} does not show that it hears nothing of node {sender}");
            self.oracle.violate("P8 contact", now, words);
        }
    }
}
