//! The world of one run: everybody in it, and what happens next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pouch_notice::SealedOut;
use pouch_tlog::Policy;
use pouch_wire::{ContactPoint, EnvelopeId, Precedence, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use tokio::time::Instant;

use crate::clock::{HOUR, MINUTE, Queue, SECOND, Trace};
use crate::defences::Defences;
use crate::founding::Founding;
use crate::log::DirectoryLog;
use crate::net::{Net, Packet};
use crate::node::Node;
use crate::oracle::Oracle;
use crate::outbox::TICK;
use crate::plan::{Conduct, LogLie, Plan, Weather};
use crate::relay::Relay;

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    ToRelay {
        node: usize,
        relay: usize,
        session: u64,
        packet: Packet,
    },
    ToNode {
        node: usize,
        relay: usize,
        session: u64,
        packet: Packet,
    },
    /// A session does not survive what was lost.
    Broken {
        node: usize,
        relay: usize,
        session: u64,
    },
    Connect {
        node: usize,
        relay: usize,
        attempt: u64,
    },
    Cut {
        node: usize,
        relay: usize,
        lasts: u64,
    },
    CrashNode {
        node: usize,
        down: u64,
    },
    CrashRelay {
        relay: usize,
        down: u64,
    },
    StartNode(usize),
    StartRelay(usize),
    /// A node looks by itself, every few seconds.
    Tick(usize),
    /// A node looks because something is due.
    Due(usize),
    /// A node says to everybody what it sent to each.
    Beacon(usize),
    Notice {
        node: usize,
        to: Vec<usize>,
        precedence: Precedence,
    },
    Rotate(usize),
    Revoke {
        node: usize,
        turn: usize,
    },
    Sealing(usize),
    /// A relay looks at what waits for a recipient.
    Deliver {
        relay: usize,
        node: usize,
    },
    /// A relay that replays does.
    Replay(usize),
    /// The log asks the witnesses.
    Gather(usize),
    /// A relay that follows the directory looks.
    Follow(usize),
    Fork,
    Refresh,
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) defences: Defences,
    pub(crate) founding: Founding,
    pub(crate) queue: Queue<Event>,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) net: Net,
    pub(crate) log: DirectoryLog,
    pub(crate) relays: Vec<Relay>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) oracle: Oracle,
    pub(crate) trace: Trace,
    /// Two messages in one place, by sender, recipient and place.
    pub(crate) twins: BTreeMap<(usize, usize, u64), (EnvelopeId, EnvelopeId)>,
    /// The second of them, until a relay has it.
    pub(crate) contradictions: Vec<(usize, EnvelopeId, SealedOut)>,
    /// What each node's newest beacon announces to each: when it was made, and which message.
    pub(crate) announced: BTreeMap<(usize, usize), (u64, EnvelopeId)>,
    pub(crate) gathering: BTreeSet<usize>,
    /// Those who are shown something old: how many published checkpoints there were.
    pub(crate) frozen: BTreeMap<usize, usize>,
    pub(crate) directories_changed: bool,
    /// When nodes will look because something is due.
    pub(crate) looks: BTreeSet<(u64, usize)>,
    deaths_left: usize,
    begun: Instant,
    pub(crate) ends: u64,
    pub(crate) packets: u64,
}

impl World {
    pub(crate) async fn new(seed: u64, defences: Defences, told: bool) -> Self {
        let plan = Plan::of(seed);
        let founding = Founding::new(&plan, if defences.quorum { plan.quorum } else { 1 });
        let honest = if defences.quorum {
            founding.directory().now_view().directory_policy()
        } else {
            honest_policy(&plan, &founding)
        };
        let mut nodes = Vec::new();
        for n in 0..plan.nodes {
            nodes.push(Node::new(n, plan.node_skew[n], plan.nodes, &founding).await);
        }
        let relay = |n| Relay::new(n, plan.relay_skew[n], plan.conduct[n], plan.nodes, &founding);
        let relays = (0..plan.relays).map(relay).collect();
        let mut oracle = Oracle::new(honest.clone(), plan.nodes);
        oracle.dishonest.extend(plan.twin);
        let mut world = Self {
            log: DirectoryLog::new(&founding, &plan, honest),
            net: Net::new(&plan),
            rng: ChaCha20Rng::seed_from_u64(seed),
            queue: Queue::new(),
            trace: Trace::new(told),
            twins: BTreeMap::new(),
            contradictions: Vec::new(),
            announced: BTreeMap::new(),
            gathering: BTreeSet::new(),
            frozen: BTreeMap::new(),
            directories_changed: false,
            looks: BTreeSet::new(),
            deaths_left: plan.crashes,
            begun: Instant::now(),
            ends: plan.active + if plan.long { 6 * HOUR + 10 * MINUTE } else { 35 * MINUTE },
            packets: 0,
            founding,
            relays,
            nodes,
            oracle,
            defences,
            plan,
        };
        world.prepare();
        world
    }

    /// Plans what will be done and what will go wrong.
    fn prepare(&mut self) {
        let (nodes, relays, active) = (self.plan.nodes, self.plan.relays, self.plan.active);
        self.queue.at(0, Event::Gather(0));
        for node in 0..nodes {
            for relay in 0..relays {
                let begin = self.rng.random_range(0..3 * SECOND);
                self.queue.at(begin, Event::Connect { node, relay, attempt: 0 });
            }
            let begin = self.rng.random_range(0..TICK);
            self.queue.at(begin, Event::Tick(node));
            let begin = self.rng.random_range(0..2 * SECOND);
            self.queue.at(begin, Event::Beacon(node));
        }
        (1..relays).for_each(|relay| self.queue.at(SECOND, Event::Follow(relay)));
        self.queue.at(10 * MINUTE, Event::Refresh);
        for _ in 0..self.plan.messages {
            let node = self.rng.random_range(0..nodes);
            let mut to: BTreeSet<usize> = BTreeSet::new();
            while to.len() < self.rng.random_range(1..=2.min(nodes - 1)) {
                let other = self.rng.random_range(0..nodes);
                to.extend((other != node).then_some(other));
            }
            let precedence = Precedence::ALL[self.rng.random_range(0..4)];
            let at = self.rng.random_range(5 * SECOND..active);
            self.queue.at(at, Event::Notice { node, to: to.into_iter().collect(), precedence });
        }
        for _ in 0..self.plan.statements {
            let (node, at) = (self.rng.random_range(0..nodes), self.rng.random_range(20 * SECOND..active));
            let event = if self.rng.random_bool(0.5) { Event::Rotate(node) } else { Event::Sealing(node) };
            self.queue.at(at, event);
        }
        for _ in 0..self.plan.crashes {
            let (at, down) = (self.rng.random_range(0..active), self.rng.random_range(SECOND..90 * SECOND));
            let event = if self.rng.random_bool(0.6) {
                Event::CrashNode { node: self.rng.random_range(0..nodes), down }
            } else {
                Event::CrashRelay { relay: self.rng.random_range(0..relays), down }
            };
            self.queue.at(at, event);
        }
        for _ in 0..self.plan.cuts {
            let (node, relay) = (self.rng.random_range(0..nodes), self.rng.random_range(0..relays));
            let lasts = self.rng.random_range(5 * SECOND..4 * MINUTE);
            self.queue.at(self.rng.random_range(0..active), Event::Cut { node, relay, lasts });
        }
        if self.plan.log != LogLie::Honest {
            self.queue.at(self.rng.random_range(20 * SECOND..active / 2), Event::Fork);
        }
        if self.plan.conduct.contains(&Conduct::Replay) {
            for _ in 0..12 {
                let at = self.rng.random_range(MINUTE..active + 20 * MINUTE);
                let relay = self.plan.conduct.iter().position(|c| *c == Conduct::Replay).unwrap();
                self.queue.at(at, Event::Replay(relay));
            }
        }
    }

    /// What a clock shows.
    pub(crate) fn clock_of(&self, node: usize) -> Timestamp {
        self.queue.clock(self.nodes[node].skew)
    }

    pub(crate) fn instant(&self) -> Instant {
        self.begun + Duration::from_millis(self.queue.now())
    }

    pub(crate) fn node_of(&self, point: &ContactPoint) -> usize {
        self.nodes.iter().position(|node| node.me == *point).unwrap()
    }

    pub(crate) fn tell(&mut self, words: impl FnOnce(&Oracle) -> String) {
        let words = words(&self.oracle);
        self.trace.tell(self.queue.now(), &words);
    }

    /// A node raises an alarm, or shows a refusal.
    pub(crate) fn alarm(&mut self, node: usize, kind: &'static str, code: &str) {
        self.tell(|_| format!("node {node} ALARM {kind} {code}"));
        self.oracle.count("alarms");
        let expected = match self.plan.weather {
            Weather::Calm => false,
            // What stops and starts is seen; nobody is called a liar for it.
            Weather::Rough => matches!(kind, "overdue" | "gap" | "withheld" | "contact" | "refusal"),
            Weather::Hostile => true,
        };
        if !expected {
            let words = format!("node {node} raises {kind} {code}, and nobody did wrong");
            self.oracle.violate("false alarm", self.queue.now(), words);
        }
    }

    /// Whether the power goes just here: now and then, while crashes are left.
    pub(crate) fn dies(&mut self, node: usize) -> bool {
        if self.deaths_left == 0 || self.queue.now() > self.plan.active || !self.rng.random_bool(0.02) {
            return false;
        }
        self.deaths_left -= 1;
        let down = self.rng.random_range(SECOND..60 * SECOND);
        self.crash_node(node, down);
        true
    }

    pub(crate) fn look_at(&mut self, node: usize, when: u64) {
        // Once for each moment: whoever looks plans the next look.
        if self.looks.insert((when, node)) {
            self.queue.at(when, Event::Due(node));
        }
    }

    pub(crate) fn send_to_relay(&mut self, node: usize, relay: usize, session: u64, packet: Packet) {
        self.send(node, relay, session, |session| Event::ToRelay { node, relay, session, packet });
    }

    pub(crate) fn send_to_node(&mut self, node: usize, relay: usize, packet: Packet, wait: u64) {
        if let Some(session) = self.net.session(node, relay) {
            let travel = self.net.travel(&mut self.rng);
            self.packets += 1;
            match travel {
                Some(time) => {
                    self.queue.after(wait + time, Event::ToNode { node, relay, session, packet });
                }
                None => self.queue.after(10 * SECOND, Event::Broken { node, relay, session }),
            }
        }
    }

    fn send(&mut self, node: usize, relay: usize, session: u64, event: impl FnOnce(u64) -> Event) {
        if self.net.session(node, relay) != Some(session) {
            return;
        }
        self.packets += 1;
        match self.net.travel(&mut self.rng) {
            Some(time) => self.queue.after(time, event(session)),
            None => self.queue.after(10 * SECOND, Event::Broken { node, relay, session }),
        }
    }

    pub(crate) fn crash_node(&mut self, node: usize, down: u64) {
        if !self.nodes[node].up {
            return;
        }
        self.tell(|_| format!("node {node} crashes for {down} ms"));
        self.oracle.count("crashes");
        self.nodes[node].crash();
        (0..self.relays.len()).for_each(|relay| self.session_ends(node, relay));
        self.queue.after(down, Event::StartNode(node));
    }

    pub(crate) fn crash_relay(&mut self, relay: usize, down: u64) {
        if !self.relays[relay].up {
            return;
        }
        self.tell(|_| format!("relay {relay} crashes for {down} ms"));
        self.oracle.count("crashes");
        self.relays[relay].crash();
        (0..self.nodes.len()).for_each(|node| self.session_ends(node, relay));
        self.queue.after(down, Event::StartRelay(relay));
    }

    /// A session ends for both; the node tries again.
    pub(crate) fn session_ends(&mut self, node: usize, relay: usize) {
        let now = self.queue.now();
        if self.net.session(node, relay).is_some() {
            self.tell(|_| format!("session of node {node} and relay {relay} ends"));
        }
        self.submissions_ended(node, relay);
        self.relays[relay].session_ended(node);
        self.nodes[node].asked.remove(&relay);
        let (wait, attempt) = self.net.down(node, relay, now, &mut self.rng);
        self.queue.after(wait, Event::Connect { node, relay, attempt });
    }

    /// The directory that a relay admits a node's messages by.
    pub(crate) fn face_for(&self, relay: usize, node: usize) -> usize {
        if relay == 0 { self.log.face_of_node[node] } else { self.log.face_of_relay[relay] }
    }
}

/// The policy of a network that is as the plan has it, with the keys of one whose charter asks for less.
fn honest_policy(plan: &Plan, founding: &Founding) -> Policy {
    let witnesses: Vec<_> = (0..plan.witnesses)
        .map(|n| {
            let signer = founding.witness_signer(n);
            let [ed25519, mldsa] = signer.vkeys().clone();
            pouch_tlog::NetworkWitness { name: signer.name().clone(), ed25519, mldsa }
        })
        .collect();
    Policy::for_network(founding.log_signer().vkeys(), &witnesses, plan.quorum).unwrap()
}
