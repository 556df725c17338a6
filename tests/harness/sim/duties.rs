//! What must have been shown by now, and what must hold at the end.

use pouch_store::{Ladder as _, Outbox as _, Rung};

use crate::founding::Founding;
use crate::oracle::{Duty, FORK_SHOWN, LOOKS};
use crate::plan::Weather;
use crate::run::GAP;
use crate::world::World;

impl World {
    /// Looks at what must have been shown by now.
    pub(crate) fn check_duties(&mut self) {
        let now = self.queue.now();
        while let Some((due, duty)) = self.oracle.duties.first().cloned().filter(|(due, _)| *due <= now) {
            self.oracle.duties.remove(&(due, duty.clone()));
            self.check_duty(duty, now);
        }
    }

    fn check_duty(&mut self, duty: Duty, now: u64) {
        // A node that is off, or was just started, shows it when it has looked.
        let shows = |world: &Self, node: usize, within: u64| {
            let node = &world.nodes[node];
            node.up && node.up_since + within <= now
        };
        match duty {
            Duty::Gap { node, sender, n } => {
                if self.oracle.has_gap(node, sender, n) {
                } else if !shows(self, node, GAP + LOOKS) {
                    self.oracle.duties.insert((now + GAP + LOOKS, duty));
                } else {
                    let words =
                        format!("node {node} does not show that message {n} of node {sender} is missing");
                    self.oracle.violate("P7 gap", now, words);
                }
            }
            Duty::Overdue { sender, envelope, recipient } => {
                let known = (envelope, recipient);
                let told = self.oracle.confirmed.contains(&known)
                    || self.oracle.overdue.contains(&known)
                    || self.oracle.refused.contains_key(&known);
                if told {
                } else if !shows(self, sender, LOOKS) {
                    self.oracle.duties.insert((now + LOOKS, duty));
                } else {
                    let label = self.oracle.label(envelope);
                    let words = format!("node {sender} is not told that {label} is not confirmed");
                    self.oracle.violate("P8 overdue", now, words);
                }
            }
            Duty::Evidence { one, other } => {
                let known = self.oracle.fork_known.iter().any(|node| !self.oracle.dishonest.contains(node));
                let connected =
                    |node: usize| (0..self.relays.len()).any(|relay| self.net.session(node, relay).is_some());
                let settled = |node: usize| shows(self, node, FORK_SHOWN) && connected(node);
                if known {
                    self.oracle.count("split views found out");
                } else if !settled(one) || !settled(other) {
                    self.oracle.duties.insert((now + FORK_SHOWN, duty));
                } else {
                    let words = format!(
                        "nodes {one} and {other} talked, and nobody knows that the log has two faces"
                    );
                    self.oracle.violate("P4 evidence", now, words);
                }
            }
            Duty::Withheld { node, sender, envelope, heard } => {
                self.check_withheld(node, sender, envelope, heard)
            }
        }
    }

    /// At the end every message that was promised is there, or is seen not to be.
    pub(crate) async fn check_the_end(&mut self) {
        let now = self.queue.now();
        for (envelope, recipient) in self.oracle.promised.clone() {
            let sent = self.oracle.sent[&envelope].clone();
            let arrived = self.oracle.arrived.contains(&(envelope, recipient));
            let refused = self.oracle.refused.contains_key(&(envelope, recipient));
            if self.plan.weather != Weather::Hostile && !arrived && !refused {
                let words = format!(
                    "{} was accepted and never came to node {recipient}",
                    self.oracle.label(envelope)
                );
                self.oracle.violate("P5 lost", now, words);
            }
            if sent.notice.is_none() || arrived {
                continue;
            }
            let store = self.nodes[sent.sender].store.clone();
            let point = Founding::point(recipient);
            let rungs = store.ladder(envelope).await.unwrap();
            let rung = rungs.iter().find(|rung| rung.recipient == point).map(|rung| rung.rung);
            let late = store.overdue(self.clock_of(sent.sender)).await.unwrap();
            let seen = late.iter().any(|row| row.envelope == envelope && row.recipient == point);
            // What is not due yet is seen to be under way.
            let waits = matches!(rung, Some(Rung::Queued | Rung::Accepted))
                && store.outgoing(envelope).await.unwrap().is_some_and(|row| {
                    row.created.after(row.precedence.confirm_within()) > self.clock_of(sent.sender)
                });
            if rung != Some(Rung::Refused) && !seen && !waits {
                let words = format!("{} is gone, and its sender is not told", self.oracle.label(envelope));
                self.oracle.violate("P5 lost", now, words);
            }
        }
    }
}
