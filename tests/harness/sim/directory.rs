//! How the directory grows and reaches everybody: statements, checkpoints, what relays show to whom.

use pouch_crypto::sha256;
use pouch_directory::{Act, RevocationReason, Statement};
use pouch_store::Mirror as _;
use pouch_tlog::MemoryTree;
use pouch_wire::{Canonical as _, Environment};
use rand::RngExt as _;

use crate::clock::{MINUTE, SECOND};
use crate::log::between;
use crate::mirror::{Answer, Looked};
use crate::net::{Packet, Published};
use crate::plan::{Entries, LogLie};
use crate::world::{Event, World};

/// How often a log that is behind asks the witnesses again.
const RETRY: u64 = 2 * SECOND;
/// How often a log that does not grow is cosigned again.
const REFRESH: u64 = 10 * MINUTE;
/// How often a node looks without being told.
const LOOK: u64 = MINUTE;

impl World {
    // Statements.

    /// A member gives its office another signing key; the node takes it into use when it speaks.
    pub(crate) fn rotate(&mut self, node: usize) {
        let turn = self.nodes[node].signing + 1;
        if !self.nodes[node].up || self.nodes[node].next_signing.is_some() {
            return;
        }
        self.nodes[node].next_signing = Some(turn);
        let key = self.founding.signing(node, turn);
        let act = Act::AuthoriseContactPoint(Box::new(self.founding.office(node, &self.plan, &key)));
        let statement = self.statement(node, act, &self.founding.root(node));
        self.publish(node, statement, Published::Signing(turn));
        let at = self.queue.now() + 12 * MINUTE;
        self.queue.at(at, Event::Revoke { node, turn: turn - 1 });
    }

    /// A key that was replaced is revoked.
    pub(crate) fn revoke(&mut self, node: usize, turn: usize) {
        if !self.nodes[node].up || self.nodes[node].signing <= turn {
            return;
        }
        let key = self.founding.signing(node, turn).public().id();
        let effective = self.clock_of(node);
        let act = Act::RevokeKey { key, reason: RevocationReason::Superseded, effective };
        let statement = self.statement(node, act, &self.founding.root(node));
        self.publish(node, statement, Published::Revoked(key));
    }

    /// A node publishes one more sealing key.
    pub(crate) async fn new_sealing_key(&mut self, node: usize) {
        if !self.nodes[node].up {
            return;
        }
        let (turn, from) = (self.nodes[node].sealing, self.clock_of(node));
        self.nodes[node].keep_sealing_key(turn, from, &self.founding).await;
        self.nodes[node].sealing += 1;
        let act = self.founding.prekeys(node, turn, from.0);
        let key = self.nodes[node].signing_key(&self.founding);
        let statement = self.statement(node, act, &key);
        self.publish(node, statement, Published::Sealing(turn));
    }

    fn statement(&mut self, node: usize, act: Act, key: &pouch_crypto::SigningKey) -> Vec<u8> {
        let (network, created) = (self.nodes[node].mirror.directory.network(), self.clock_of(node));
        let nonce = sha256(&self.rng.random::<[u8; 32]>());
        Statement { network, created, nonce, act }.sign(&[key]).unwrap().to_bytes().unwrap()
    }

    fn publish(&mut self, node: usize, statement: Vec<u8>, what: Published) {
        let relay = (0..self.relays.len()).find(|relay| self.net.session(node, *relay).is_some());
        match relay.and_then(|relay| Some((relay, self.net.session(node, relay)?))) {
            Some((relay, session)) => {
                self.tell(|_| format!("node {node} publishes {what:?}"));
                self.send_to_relay(node, relay, session, Packet::Publish { statement, what });
            }
            None => self.not_published(node, what),
        }
    }

    /// A user tries another time.
    pub(crate) fn not_published(&mut self, node: usize, what: Published) {
        if let Published::Signing(turn) = what
            && self.nodes[node].next_signing == Some(turn)
        {
            let key = self.founding.signing(node, turn).public().id();
            let known = self.log.faces.iter().any(|face| face.directory.now_view().revocation(key).is_some());
            if !known {
                self.nodes[node].next_signing = None;
            }
        }
    }

    /// The relay that keeps the log, or one that passes it on, takes a statement.
    pub(crate) fn enter(&mut self, relay: usize, node: usize, statement: &[u8]) -> bool {
        if !self.relays[0].up {
            return false;
        }
        let (now, face) = (self.queue.clock(self.relays[0].skew), self.face_for(relay, node));
        let entered = self.log.enter(face, statement, now);
        self.tell(|_| format!("the log takes a statement of node {node} into face {face}: {entered:?}"));
        // A log that forks may put into its other face what it cannot be blamed for.
        for other in (0..self.log.faces.len()).filter(|other| *other != face) {
            if self.rng.random_bool(0.5) {
                self.log.enter(other, statement, now).ok();
                self.gather_soon(other);
            }
        }
        self.gather_soon(face);
        entered.is_ok()
    }

    // Checkpoints.

    fn gather_soon(&mut self, face: usize) {
        if self.gathering.insert(face) {
            let wait = self.rng.random_range(50..600);
            self.queue.after(wait, Event::Gather(face));
        }
    }

    pub(crate) fn gather(&mut self, face: usize) {
        self.gathering.remove(&face);
        if !self.relays[0].up {
            return;
        }
        let lies = self.plan.log != LogLie::Honest;
        let answers: Vec<bool> =
            (0..self.plan.witnesses).map(|_| !self.rng.random_bool(self.plan.loss / 2.0)).collect();
        let now = self.queue.clock(self.relays[0].skew);
        if self.log.gather(face, &answers, now, lies) {
            self.log.faces[face].cosigned_at = self.queue.now();
            let size = self.log.faces[face].tree.size();
            self.tell(|_| format!("face {face} of the log is published with {size} entries"));
            self.oracle.count("checkpoints published");
            for node in 0..self.nodes.len() {
                if self.log.face_of_node[node] == face {
                    self.say_changed(node, 0);
                }
            }
        } else if !self.gathering.contains(&face) {
            self.gathering.insert(face);
            // A face that no quorum will cosign is tried ever more seldom.
            let tried = self.queue.now() - self.log.faces[face].cosigned_at;
            self.queue.after(RETRY.max(tried / 4), Event::Gather(face));
        }
    }

    fn say_changed(&mut self, node: usize, relay: usize) {
        if let Some((size, _)) = self.shown(relay, node) {
            self.send_to_node(node, relay, Packet::Changed { size }, 0);
        }
    }

    pub(crate) fn refresh(&mut self) {
        if self.relays[0].up {
            for face in 0..self.log.faces.len() {
                if self.queue.now() - self.log.faces[face].cosigned_at >= REFRESH
                    || self.log.faces[face].is_behind()
                {
                    self.gather_soon(face);
                }
            }
        }
        // What comes after the active time is only waited for; once an hour is enough to stay fresh.
        let every = if self.queue.now() > self.plan.active + 30 * MINUTE { 50 * MINUTE } else { REFRESH };
        self.queue.after(every, Event::Refresh);
    }

    /// A relay that follows the directory looks at the first one's.
    pub(crate) fn follow(&mut self, relay: usize) {
        let every = if self.queue.now() > self.plan.active + 30 * MINUTE { 20 * MINUTE } else { 3 * SECOND };
        let soon = self.rng.random_range(every / 2..every);
        self.queue.after(soon, Event::Follow(relay));
        if !self.relays[relay].up || !self.relays[0].up {
            return;
        }
        let face = &self.log.faces[self.log.face_of_relay[relay]];
        let Some((size, note)) = face.newest() else { return };
        if self.relays[relay].mirror.last.note() == Some(note) {
            return;
        }
        let follower = &mut self.relays[relay].mirror;
        let (from, have) = (follower.size(), follower.tree.size());
        let Ok(proof) = face.tree.consistency(from, *size) else { return };
        let entries = between(&face.entries, have, *size);
        let answer = Answer { note: note.clone(), proof, entries };
        if let Looked::Grown(_) = follower.look(answer, &self.founding, crate::defences::Defences::ALL) {
            (0..self.nodes.len()).for_each(|node| self.say_changed(node, relay));
        }
    }

    /// The log begins to lie.
    pub(crate) fn fork(&mut self) {
        let nodes = self.plan.nodes;
        self.tell(|_| "the log begins to lie".to_owned());
        if self.plan.log != LogLie::Fork {
            // Who is shown something old: some of them.
            let published = self.log.faces[0].published.len();
            for node in 0..nodes {
                if self.rng.random_bool(0.6) {
                    let back = if self.plan.log == LogLie::Freeze {
                        published
                    } else {
                        self.rng.random_range(1..=published.max(1))
                    };
                    self.frozen.insert(node, back);
                }
            }
            return;
        }
        let mut faces: Vec<usize> = (0..nodes).map(|_| self.rng.random_range(0..2)).collect();
        (faces[0], faces[nodes - 1]) = (0, 1);
        let relays = (0..self.plan.relays).map(|_| self.rng.random_range(0..2)).collect();
        self.log.fork(faces, relays);
        self.gather_soon(0);
        self.gather_soon(1);
    }

    // Looking.

    pub(crate) fn look_everywhere(&mut self, node: usize) {
        (0..self.relays.len()).for_each(|relay| self.look(node, relay));
    }

    pub(crate) fn look_now_and_then(&mut self, node: usize) {
        let now = self.queue.now();
        let every = if now > self.plan.active + 30 * MINUTE { 10 * MINUTE } else { LOOK };
        if now >= self.nodes[node].looked_at + every {
            self.nodes[node].looked_at = now;
            self.look_everywhere(node);
        }
    }

    pub(crate) fn look(&mut self, node: usize, relay: usize) {
        let Some(session) = self.net.session(node, relay) else { return };
        if !self.nodes[node].asked.insert(relay) {
            return;
        }
        let mirror = &self.nodes[node].mirror;
        let packet = Packet::Look { from: mirror.size(), have: mirror.tree.size() };
        self.send_to_relay(node, relay, session, packet);
    }

    /// What a relay shows a node: the size, and which face or copy.
    fn shown(&self, relay: usize, node: usize) -> Option<(u64, pouch_tlog::Note)> {
        if relay > 0 {
            let last = &self.relays[relay].mirror.last;
            return last.note().map(|note| (last.size(), note.clone()));
        }
        let published = &self.log.faces[self.log.face_of_node[node]].published;
        match self.frozen.get(&node) {
            Some(until) if self.plan.log == LogLie::Freeze => published.get(until - 1).cloned(),
            // Now the newest, now an old one.
            Some(until) => {
                let old = (self.queue.now() / (40 * SECOND)) % 2 == 1;
                if old { published.get(until - 1).cloned() } else { published.last().cloned() }
            }
            None => published.last().cloned(),
        }
    }

    /// A relay's answer to what follows a size.
    pub(crate) fn answer_look(
        &mut self,
        node: usize,
        relay: usize,
        from: u64,
        have: u64,
    ) -> Result<Answer, &'static str> {
        let (size, note) = self.shown(relay, node).ok_or("POUCH-RLY-11")?;
        let lies = relay == 0 && self.plan.log != LogLie::Honest;
        if lies && self.rng.random_bool(0.03) {
            let now = self.queue.clock(self.relays[0].skew);
            return Ok(Answer { note: self.log.absurd(now), proof: Vec::new(), entries: Vec::new() });
        }
        if from > size && !lies {
            return Err("POUCH-RLY-10");
        }
        let (tree, entries) = self.held_by(relay, node);
        let proof = if from > size {
            Vec::new()
        } else {
            tree.consistency(from, size).map_err(|_| "POUCH-RLY-12")?
        };
        let from_entry = if from > size { 0 } else { have };
        let mut entries = between(entries, from_entry, size);
        match self.plan.entries[relay] {
            Entries::Honest => {}
            Entries::Omitted => {
                entries.pop();
            }
            Entries::Changed => {
                if let Some(byte) = entries.last_mut().and_then(|entry| entry.last_mut()) {
                    *byte ^= 1;
                }
            }
            Entries::Beyond => {
                let beyond = self.held_by(relay, node).1.last().cloned().unwrap_or_default();
                entries.push([beyond, b"!".to_vec()].concat());
            }
        }
        Ok(Answer { note, proof, entries })
    }

    fn held_by(&self, relay: usize, node: usize) -> (&MemoryTree, &Vec<Vec<u8>>) {
        let face = if relay == 0 { self.log.face_of_node[node] } else { self.log.face_of_relay[relay] };
        let face = &self.log.faces[face];
        let tree = if relay == 0 { &face.tree } else { &self.relays[relay].mirror.tree };
        (tree, &face.entries)
    }

    /// A node hears what follows the size that it asked from.
    pub(crate) async fn looked(
        &mut self,
        node: usize,
        relay: usize,
        from: u64,
        answer: Result<Box<Answer>, &'static str>,
    ) {
        self.nodes[node].asked.remove(&relay);
        if from != self.nodes[node].mirror.size() {
            return self.look(node, relay);
        }
        let answer = match answer {
            Ok(answer) => *answer,
            // Only the relay that keeps the log can have lost what it showed.
            Err("POUCH-RLY-10" | "POUCH-RLY-11") if relay == 0 && from > 0 => {
                return self.tell_of_log(node, relay, "POUCH-MIR-04");
            }
            Err(_) => return,
        };
        let note = answer.note.clone();
        match self.nodes[node].mirror.look(answer, &self.founding, self.defences) {
            Looked::Same => {}
            Looked::Refused(code) => {
                self.tell(|_| format!("node {node} does not accept a checkpoint: {code}"))
            }
            Looked::Alarm(code) => self.tell_of_log(node, relay, code),
            Looked::Forked(fork) => {
                let store = self.nodes[node].store.clone();
                store.put_fork(fork.accepted.to_bytes(), fork.other.to_bytes()).await.unwrap();
                self.oracle.fork_known.insert(node);
                self.tell_of_log(node, relay, "POUCH-MIR-02");
            }
            Looked::Grown(step) => {
                if self.defences.never_back {
                    self.nodes[node].store.append_mirror(step).await.unwrap();
                }
                self.believed(node, relay, &note).await;
            }
        }
    }

    async fn believed(&mut self, node: usize, relay: usize, note: &pouch_tlog::Note) {
        let (now, mirror) = (self.queue.now(), &self.nodes[node].mirror);
        let (tree, folded, size) = (mirror.tree.clone(), mirror.directory.size(), mirror.size());
        self.tell(|_| format!("node {node} believes {size} entries"));
        self.oracle.is_believed(node, note, &tree, folded, now);
        self.nodes[node].told.retain(|(teller, _)| *teller != relay);
        self.directories_changed = true;
        if self.defences.gossip {
            let compared = self.nodes[node].hearsay.caught_up(|size| tree.root_at(size).ok());
            for (who, citation, heard) in compared {
                self.nodes[node].cited.retain(|(from, kept, _)| *from != who || kept.size > citation.size);
                self.judge_hearsay(node, &who, heard);
            }
        }
        self.nodes[node].follow_directory(&self.founding);
        self.judge_held(node).await;
        self.look_after_keys(node).await;
        self.try_send(node).await;
    }

    /// What a revoked key published is none: a node whose sealing keys are gone makes new ones. Receipts
    /// that could not be sealed are sent when they can.
    pub(crate) async fn look_after_keys(&mut self, node: usize) {
        let (now, clock) = (self.queue.now(), self.clock_of(node));
        let (view, me) = (self.nodes[node].mirror.directory.now_view(), self.nodes[node].me.clone());
        let none = view.prekeys(&me, Environment::Live, clock).is_empty();
        if none && now >= self.nodes[node].sealing_asked + 5 * SECOND {
            self.nodes[node].sealing_asked = now;
            self.new_sealing_key(node).await;
        }
        self.pay_owed(node).await;
    }

    /// Raises an alarm once, however often the log is looked at.
    fn tell_of_log(&mut self, node: usize, relay: usize, code: &'static str) {
        if self.nodes[node].told.insert((relay, code)) {
            self.oracle.count("directory alarms");
            self.alarm(node, "directory", code);
        }
    }
}
