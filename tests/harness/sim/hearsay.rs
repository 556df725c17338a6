//! What others say of the directory, compared with one's own, as the product compares it.

use std::collections::BTreeSet;

use pouch_crypto::Domain;
use pouch_envelope::{Arrived, prove_signer};
use pouch_tlog::{Citation, Compared, MemoryTree};
use pouch_wire::{ContactPoint, Timestamp};

use crate::clock::BEGIN;
use crate::world::World;

/// How long relays may take to show what another office was shown.
const SHOWN_WITHIN: core::time::Duration = core::time::Duration::from_secs(75);

impl World {
    /// What a message's outside says of the directory is compared with ours, when it is proved that its
    /// sender says so. A sender that is ahead of us is proved by the key that it has as we know it.
    pub(crate) fn heard_header(&mut self, node: usize, arrived: &Arrived) {
        let (header, signature) = (arrived.header(), arrived.signature());
        let directory = &self.nodes[node].mirror.directory;
        let proved = if header.directory_size <= directory.size() {
            prove_signer(header, arrived.header_bytes(), &signature, directory).is_ok()
        } else {
            let known = directory.now_view().may_sign(&header.sender, header.environment, header.sender_key);
            let context = directory.context(header.environment);
            known.is_ok_and(|authority| {
                authority.key.verify(Domain::Envelope, &context, arrived.header_bytes(), &signature).is_ok()
            })
        };
        if proved {
            let citation = Citation {
                size: header.directory_size,
                root: header.directory_root,
                signed: arrived.header_bytes().to_vec(),
            };
            let said_at = self.said_at(&header.sender, header.created);
            self.hear(node, &header.sender.clone(), citation, said_at);
        }
    }

    pub(crate) fn said_at(&self, sender: &ContactPoint, at: Timestamp) -> u64 {
        let skew = self.nodes[self.node_of(sender)].skew;
        at.0.saturating_add_signed(-skew).saturating_sub(BEGIN)
    }

    pub(crate) fn hear(&mut self, node: usize, who: &ContactPoint, citation: Citation, said_at: u64) {
        let (now, from) = (self.queue.now(), self.node_of(who));
        self.oracle.is_exchange(from, node, said_at, now);
        if !self.defences.gossip {
            return;
        }
        let (clock, since) = (self.clock_of(node), core::time::Duration::from_millis(now));
        let mirror = &self.nodes[node].mirror;
        let ours =
            (citation.size <= mirror.tree.size()).then(|| mirror.tree.root_at(citation.size).ok()).flatten();
        let heard = self.nodes[node].hearsay.hear(who, citation.clone(), ours, since, clock);
        if heard.compared == Compared::Ahead {
            self.nodes[node].cited.push((who.clone(), citation, clock));
            self.look_everywhere(node);
        }
        self.judge_hearsay(node, who, heard);
    }

    /// Tells of offices that were shown more than our relays show us, when those had time to.
    pub(crate) fn look_for_held_back(&mut self, node: usize) {
        let now = core::time::Duration::from_millis(self.queue.now());
        let connected = (0..self.relays.len()).any(|relay| self.net.session(node, relay).is_some());
        let node_ = &self.nodes[node];
        let overdue: BTreeSet<ContactPoint> =
            node_.hearsay.overdue(now, SHOWN_WITHIN).map(|one| one.who.clone()).collect();
        let mut told = self.nodes[node].told_ahead.clone();
        told.retain(|who| overdue.contains(who));
        for who in overdue.into_iter().filter(|_| connected) {
            if told.insert(who.clone()) {
                self.oracle.fork_known.insert(node);
                self.oracle.count("directory held back");
                self.tell(|_| format!("node {node}: {who} was shown more of the directory"));
                self.alarm(node, "directory", "POUCH-MIR-06");
            }
        }
        self.nodes[node].told_ahead = told;
    }

    pub(crate) fn judge_hearsay(&mut self, node: usize, who: &ContactPoint, heard: pouch_tlog::Heard) {
        if matches!(heard.compared, Compared::Contradicts(_)) && heard.is_new {
            self.oracle.fork_known.insert(node);
            self.oracle.count("split views told");
            let words = format!("node {node} is told of another directory by {who}");
            self.tell(|_| words);
            self.alarm(node, "directory", "hearsay");
        }
    }

    /// Who is up, for the comparison of what is believed.
    pub(crate) fn compare_directories(&mut self) {
        if std::mem::take(&mut self.directories_changed) {
            let (meet, now) = (self.plan.quorums_meet(), self.queue.now());
            let trees: Vec<&MemoryTree> = self.nodes.iter().map(|node| &node.mirror.tree).collect();
            self.oracle.compare(&trees, meet, now);
        }
    }
}
