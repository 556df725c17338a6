//! Runs a world to its end: one event after the other, the oracle after each.

use std::collections::BTreeMap;

use crate::clock::{MINUTE, SECOND};
use crate::defences::Defences;
use crate::founding::Founding;
use crate::inbox::CATCH_UP;
use crate::net::Packet;
use crate::oracle::Violation;
use crate::outbox::TICK;
use crate::plan::Plan;
use crate::world::{Event, World};

/// Within which time a gap is told of.
pub(crate) const GAP: u64 = 10 * SECOND;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) steps: u64,
    pub(crate) packets: u64,
    /// Simulated time, in milliseconds.
    pub(crate) simulated: u64,
    pub(crate) hash: String,
}

/// Runs the world of a seed.
pub(crate) fn run(seed: u64, defences: Defences, told: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed, defences, told).await;
        world.run().await;
        Outcome {
            violations: std::mem::take(&mut world.oracle.violations),
            counts: std::mem::take(&mut world.oracle.counts),
            steps: world.trace.steps,
            packets: world.packets,
            simulated: world.queue.now(),
            hash: world.trace.hash(),
            plan: world.plan,
        }
    })
}

impl World {
    async fn run(&mut self) {
        while let Some(event) = self.queue.next() {
            if self.queue.now() > self.ends {
                break;
            }
            self.trace.steps += 1;
            self.happens(event).await;
            self.compare_directories();
            self.check_duties();
            if !self.oracle.violations.is_empty() {
                break;
            }
        }
        if self.oracle.violations.is_empty() {
            self.check_the_end().await;
        }
        for violation in self.oracle.violations.clone() {
            self.tell(|_| format!("VIOLATION {}: {}", violation.invariant, violation.words));
        }
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::ToRelay { node, relay, session, packet }
                if self.net.session(node, relay) == Some(session) =>
            {
                self.at_relay(node, relay, packet).await;
            }
            Event::ToNode { node, relay, session, packet }
                if self.net.session(node, relay) == Some(session) =>
            {
                self.at_node(node, relay, session, packet).await;
            }
            Event::ToRelay { .. } | Event::ToNode { .. } => {}
            Event::Broken { node, relay, session } => {
                if self.net.session(node, relay) == Some(session) {
                    self.session_ends(node, relay);
                }
            }
            Event::Connect { node, relay, attempt } => self.connect(node, relay, attempt).await,
            Event::Cut { node, relay, lasts } => {
                self.net.line(node, relay).cut_until = self.queue.now() + lasts;
                self.tell(|_| format!("no way between node {node} and relay {relay} for {lasts} ms"));
                self.session_ends(node, relay);
            }
            Event::CrashNode { node, down } => self.crash_node(node, down),
            Event::CrashRelay { relay, down } => self.crash_relay(relay, down),
            Event::StartNode(node) => self.start_node(node).await,
            Event::StartRelay(relay) => self.start_relay(relay),
            Event::Tick(node) => {
                let every = if self.queue.now() > self.plan.active + 20 * MINUTE { MINUTE } else { TICK };
                self.queue.after(every, Event::Tick(node));
                self.tick(node).await;
            }
            Event::Due(node) => {
                self.looks.remove(&(self.queue.now(), node));
                self.tick(node).await;
            }
            Event::Notice { node, to, precedence } => {
                if self.nodes[node].up {
                    self.send_notice(node, &to, precedence).await;
                }
            }
            Event::Rotate(node) => self.rotate(node),
            Event::Revoke { node, turn } => self.revoke(node, turn),
            Event::Sealing(node) => self.new_sealing_key(node).await,
            Event::Deliver { relay, node } => self.deliver(relay, node).await,
            Event::Replay(relay) => self.replay(relay),
            Event::Gather(face) => self.gather(face),
            Event::Follow(relay) => self.follow(relay),
            Event::Fork => self.fork(),
            Event::Refresh => self.refresh(),
            Event::Beacon(node) => self.beacon(node).await,
        }
    }

    // Sessions and power.

    async fn connect(&mut self, node: usize, relay: usize, attempt: u64) {
        let now = self.queue.now();
        let line = self.net.line(node, relay);
        if line.session.is_some() || line.attempt != attempt {
            return;
        }
        let cut = line.cut_until > now;
        if cut || !self.nodes[node].up || !self.relays[relay].up {
            let (wait, attempt) = self.net.down(node, relay, now, &mut self.rng);
            return self.queue.after(wait, Event::Connect { node, relay, attempt });
        }
        self.net.up(node, relay, now);
        let name = self.relays[relay].name.clone();
        self.nodes[node].sends.is_back(&name);
        self.look(node, relay);
        self.try_send(node).await;
        self.queue.after(0, Event::Deliver { relay, node });
        self.hand_beacons(relay, node);
    }

    async fn start_node(&mut self, node: usize) {
        let now = self.queue.now();
        self.tell(|_| format!("node {node} starts"));
        let keeps = self.defences.never_back;
        self.nodes[node].start(now, &self.founding, keeps).await;
        for relay in 0..self.relays.len() {
            let (wait, attempt) = self.net.down(node, relay, now, &mut self.rng);
            self.queue.after(wait, Event::Connect { node, relay, attempt });
        }
        self.tick(node).await;
    }

    fn start_relay(&mut self, relay: usize) {
        self.tell(|_| format!("relay {relay} starts"));
        self.relays[relay].up = true;
        if relay == 0 {
            for face in 0..self.log.faces.len() {
                if self.log.faces[face].is_behind() {
                    self.gathering.remove(&face);
                    self.queue.after(SECOND, Event::Gather(face));
                }
            }
        }
    }

    async fn tick(&mut self, node: usize) {
        if !self.nodes[node].up {
            return;
        }
        self.look_now_and_then(node);
        self.tell_overdue(node).await;
        self.watch(node).await;
        self.check_contact(node);
        if self.defences.gossip {
            self.look_for_held_back(node);
        }
        self.judge_held(node).await;
        self.look_after_keys(node).await;
        self.try_send(node).await;
    }

    // Packets.

    async fn at_relay(&mut self, node: usize, relay: usize, packet: Packet) {
        match packet {
            Packet::Submit { envelope, submit, payload } => {
                let face = self.face_for(relay, node);
                let now = self.queue.clock(self.relays[relay].skew);
                let directory = if relay == 0 {
                    &self.log.faces[face].directory
                } else {
                    &self.relays[relay].mirror.directory
                };
                let point = Founding::point(node);
                let accepted = self.relays[relay].accept(&point, *submit, payload, directory, now).await;
                // Stored, and not answered: the sender brings it again.
                if accepted.is_ok() && self.relay_dies(relay) {
                    return;
                }
                match accepted {
                    Ok((receipt, homed)) => {
                        let label = self.oracle.label(envelope);
                        self.tell(|_| format!("relay {relay} has {label}"));
                        self.send_to_node(node, relay, Packet::Accepted { envelope, receipt }, 0);
                        for point in homed {
                            let node = self.node_of(&point);
                            self.queue.after(1, Event::Deliver { relay, node });
                        }
                    }
                    Err((code, retry_after)) => {
                        self.send_to_node(node, relay, Packet::Refused { envelope, code, retry_after }, 0);
                    }
                }
            }
            Packet::Taken { envelope } => {
                self.relays[relay].taken(node, envelope).await;
                self.queue.after(0, Event::Deliver { relay, node });
            }
            Packet::NotTaken { envelope, retry_after } => {
                let now = self.queue.now();
                let due = self.relays[relay].not_taken(node, envelope, retry_after, now);
                self.queue.at(due, Event::Deliver { relay, node });
            }
            Packet::Look { from, have } => {
                let answer = self.answer_look(node, relay, from, have).map(Box::new);
                self.send_to_node(node, relay, Packet::LookAnswer { from, answer }, 0);
            }
            Packet::Beacon(frame) => self.beacon_at_relay(node, relay, *frame),
            Packet::Publish { statement, what } => {
                let done = self.enter(relay, node, &statement);
                self.send_to_node(node, relay, Packet::PublishAnswer { what, done }, 0);
            }
            _ => {}
        }
    }

    async fn at_node(&mut self, node: usize, relay: usize, session: u64, packet: Packet) {
        match packet {
            Packet::Accepted { envelope, receipt } => self.carried(node, relay, envelope, receipt).await,
            Packet::Refused { envelope, code, retry_after } => {
                self.not_carried(node, relay, envelope, &code, retry_after).await;
            }
            Packet::Deliver { envelope, deliver, payload } => {
                let held = self.hold(relay, session, envelope, *deliver, payload);
                self.delivered(node, held).await;
            }
            Packet::BeaconFor(frame) => self.beacon_heard(node, *frame, self.queue.now() + CATCH_UP),
            Packet::Changed { size } if size != self.nodes[node].mirror.size() => self.look(node, relay),
            Packet::LookAnswer { from, answer } => self.looked(node, relay, from, answer).await,
            Packet::PublishAnswer { what, done: false } => self.not_published(node, what),
            _ => {}
        }
    }

    fn relay_dies(&mut self, relay: usize) -> bool {
        use rand::RngExt as _;
        if self.plan.crashes == 0 || self.queue.now() > self.plan.active || !self.rng.random_bool(0.01) {
            return false;
        }
        let down = self.rng.random_range(SECOND..40 * SECOND);
        self.crash_relay(relay, down);
        true
    }

    /// A relay hands a recipient what waits for it.
    async fn deliver(&mut self, relay: usize, node: usize) {
        if !self.relays[relay].up || self.net.session(node, relay).is_none() {
            return;
        }
        let now = self.queue.now();
        let sent = self.relays[relay].turn(node, now, &mut self.rng).await;
        for message in sent {
            for again in 0..message.times {
                let packet = Packet::Deliver {
                    envelope: message.envelope,
                    deliver: Box::new(message.deliver.clone()),
                    payload: message.payload.clone(),
                };
                self.send_to_node(node, relay, packet, message.wait + again as u64 * 400);
            }
        }
    }

    /// Messages that were taken long ago come again.
    fn replay(&mut self, relay: usize) {
        let copies = self.relays[relay].copies.clone();
        for (node, envelope) in copies {
            if let Some((deliver, payload)) = self.relays[relay].replayed(node, envelope) {
                self.oracle.count("replayed");
                let packet = Packet::Deliver { envelope, deliver: Box::new(deliver), payload };
                self.send_to_node(node, relay, packet, 0);
            }
        }
    }
}
