//! The oracle: it sees what everybody did, and says after every step whether a promise is broken.
//!
//! It is independent of the nodes: it counts what was sent and what was shown by itself, and judges
//! checkpoints by a policy of its own.

use std::collections::{BTreeMap, BTreeSet};

use pouch_tlog::{MemoryTree, Note, Policy};
use pouch_wire::{Digest, EnvelopeId, NoticeId};

use crate::clock::SECOND;

/// Within which time of the later message's arrival a gap must be shown (P7).
const GAP_SHOWN: u64 = 10 * SECOND;
/// Within which time of an exchange two nodes must know that they were shown two logs (P4).
pub(crate) const FORK_SHOWN: u64 = 90 * SECOND;
/// How long a node that is up takes to look, beside any bound.
pub(crate) const LOOKS: u64 = 6 * SECOND;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) invariant: &'static str,
    pub(crate) at: u64,
    pub(crate) words: String,
}

/// What must have been shown by some time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Duty {
    /// A node shows that a sender's message is missing, unless it came.
    Gap { node: usize, sender: usize, n: u64 },
    /// A sender is told that a recipient has not confirmed, unless it did.
    Overdue { sender: usize, envelope: EnvelopeId, recipient: usize },
    /// Somebody honest has evidence that the log has two faces.
    Evidence { one: usize, other: usize },
    /// A node shows that something of a sender is withheld, unless it came.
    Withheld { node: usize, sender: usize, envelope: EnvelopeId, heard: u64 },
}

/// One message as its sender sent it.
#[derive(Debug, Clone)]
pub(crate) struct SentMessage {
    pub(crate) label: usize,
    pub(crate) notice: Option<NoticeId>,
    pub(crate) recipients: Vec<usize>,
    pub(crate) sender: usize,
}

/// A message and one of its recipients.
type Delivery = (EnvelopeId, usize);

/// What the oracle knows.
#[derive(Debug)]
pub(crate) struct Oracle {
    policy: Policy,
    pub(crate) violations: Vec<Violation>,
    pub(crate) sent: BTreeMap<EnvelopeId, SentMessage>,
    /// By sender and recipient, the messages in their places, from place 1 on.
    places: BTreeMap<(usize, usize), Vec<EnvelopeId>>,
    /// By recipient and sender, the places that arrived.
    pub(crate) got: BTreeMap<(usize, usize), BTreeSet<u64>>,
    gaps_shown: BTreeSet<(usize, usize, u64)>,
    presented: BTreeMap<(usize, NoticeId), u32>,
    pub(crate) arrived: BTreeSet<Delivery>,
    pub(crate) refused: BTreeMap<Delivery, String>,
    /// Those that came and were refused or could not be judged: they are not held back.
    pub(crate) in_vain: BTreeSet<Delivery>,
    pub(crate) promised: BTreeSet<Delivery>,
    pub(crate) confirmed: BTreeSet<Delivery>,
    pub(crate) overdue: BTreeSet<Delivery>,
    /// By node, every checkpoint that it believed.
    believed: Vec<Vec<(u64, Digest)>>,
    /// Pairs of nodes that believe what contradicts, and since when.
    diverged: BTreeMap<(usize, usize), u64>,
    exchanged: BTreeSet<(usize, usize)>,
    pub(crate) fork_known: BTreeSet<usize>,
    pub(crate) duties: BTreeSet<(u64, Duty)>,
    pub(crate) dishonest: BTreeSet<usize>,
    /// Of whom something is shown to be withheld, and whom nothing is heard of, by who shows it.
    pub(crate) withheld: BTreeSet<(usize, usize)>,
    pub(crate) lost: BTreeSet<(usize, usize)>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl Oracle {
    pub(crate) fn new(policy: Policy, nodes: usize) -> Self {
        Self {
            policy,
            violations: Vec::new(),
            sent: BTreeMap::new(),
            places: BTreeMap::new(),
            got: BTreeMap::new(),
            gaps_shown: BTreeSet::new(),
            presented: BTreeMap::new(),
            arrived: BTreeSet::new(),
            refused: BTreeMap::new(),
            in_vain: BTreeSet::new(),
            withheld: BTreeSet::new(),
            lost: BTreeSet::new(),
            promised: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            overdue: BTreeSet::new(),
            believed: vec![Vec::new(); nodes],
            diverged: BTreeMap::new(),
            exchanged: BTreeSet::new(),
            fork_known: BTreeSet::new(),
            duties: BTreeSet::new(),
            dishonest: BTreeSet::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(crate) fn violate(&mut self, invariant: &'static str, at: u64, words: impl Into<String>) {
        self.violations.push(Violation { invariant, at, words: words.into() });
    }

    pub(crate) fn label(&self, envelope: EnvelopeId) -> String {
        self.sent.get(&envelope).map_or_else(|| "m?".to_owned(), |sent| format!("m{}", sent.label))
    }

    // What is sent.

    pub(crate) fn is_sent(&mut self, envelope: EnvelopeId, message: SentMessage, now: u64, places: &[u64]) {
        for (recipient, n) in message.recipients.iter().zip(places) {
            let line = self.places.entry((message.sender, *recipient)).or_default();
            line.push(envelope);
            if line.len() as u64 != *n {
                let words = format!("node {} gave place {n} to message {}", message.sender, line.len());
                self.violate("P7 places", now, words);
            }
        }
        self.count(if message.notice.is_some() { "notices sent" } else { "receipts sent" });
        self.sent.insert(envelope, message);
    }

    /// A sender was shown that a relay accepted a message for these.
    pub(crate) fn is_promised(&mut self, envelope: EnvelopeId, recipients: impl Iterator<Item = usize>) {
        for recipient in recipients {
            self.promised.insert((envelope, recipient));
        }
        self.count("accepted");
    }

    /// A sender was shown that a recipient's node has a message.
    pub(crate) fn is_confirmed(&mut self, envelope: EnvelopeId, recipient: usize, now: u64) {
        if !self.arrived.contains(&(envelope, recipient)) && !self.dishonest.contains(&recipient) {
            let words =
                format!("{} is confirmed by node {recipient}, which never had it", self.label(envelope));
            self.violate("P5 lost", now, words);
        }
        self.confirmed.insert((envelope, recipient));
        self.count("confirmed");
    }

    // What arrives.

    /// A node took a message in, in a place of its sender's.
    pub(crate) fn is_taken(&mut self, node: usize, sender: usize, envelope: EnvelopeId, n: u64, now: u64) {
        self.arrived.insert((envelope, node));
        self.refused.remove(&(envelope, node));
        let got = self.got.entry((node, sender)).or_default();
        got.insert(n);
        if self.dishonest.contains(&sender) {
            return;
        }
        for missing in (1..n).filter(|missing| !got.contains(missing)) {
            self.duties.insert((now + GAP_SHOWN + LOOKS, Duty::Gap { node, sender, n: missing }));
        }
    }

    /// A node shows a notice as new.
    pub(crate) fn is_presented(&mut self, node: usize, notice: NoticeId, sender: usize, now: u64) {
        let times = self.presented.entry((node, notice)).or_default();
        *times += 1;
        if *times > 1 {
            let words = format!("node {node} presents one notice as new for the {times}. time");
            self.violate("P6 twice", now, words);
        }
        let known = self.sent.values().any(|sent| sent.notice == Some(notice) && sent.sender == sender);
        if !known && !self.dishonest.contains(&sender) {
            self.violate("P1 forged", now, format!("node {node} presents what node {sender} did not send"));
        }
        self.count("presented");
    }

    /// A node shows that a sender's messages are missing.
    pub(crate) fn is_gap(&mut self, node: usize, sender: usize, from: u64, to: u64, now: u64) {
        for n in from..=to {
            let got = self.got.get(&(node, sender)).is_some_and(|got| got.contains(&n));
            let sent = self.places.get(&(sender, node)).is_some_and(|line| line.len() as u64 >= n);
            if (got || !sent) && !self.dishonest.contains(&sender) {
                self.violate(
                    "P7 false gap",
                    now,
                    format!("node {node} misses {n} of node {sender}: wrongly"),
                );
            }
            self.gaps_shown.insert((node, sender, n));
        }
        self.count("gaps shown");
    }

    /// An arrival with a place that another message has; whether it was refused for that.
    pub(crate) fn is_equivocation(&mut self, node: usize, refused: bool, now: u64) {
        if refused {
            self.count("equivocations refused");
        } else {
            self.violate("P7 equivocation", now, format!("node {node} shows two messages in one place"));
        }
    }

    // The directory.

    /// A node believes a checkpoint: the note, its tree, and how many entries it folded.
    pub(crate) fn is_believed(&mut self, node: usize, note: &Note, tree: &MemoryTree, folded: u64, now: u64) {
        let met = match self.policy.check_strict(note) {
            Ok(met) => met,
            Err(error) => {
                self.violate("P4 quorum", now, format!("node {node} believes without a quorum: {error}"));
                return;
            }
        };
        let (size, root) = (met.checkpoint().size(), met.checkpoint().root());
        if tree.root_at(size).ok() != Some(root) || folded != tree.size() {
            self.violate("P4 entries", now, format!("node {node} folded what the checkpoint does not cover"));
        }
        let before = &self.believed[node];
        let went_back = before.last().is_some_and(|(last, _)| *last > size)
            || before.iter().any(|(size, root)| tree.root_at(*size).ok() != Some(*root));
        if went_back {
            self.violate("P4 never back", now, format!("node {node} went back to {size} entries"));
        }
        self.believed[node].push((size, root));
        self.count("checkpoints believed");
    }

    /// Compares what any two honest nodes believe.
    pub(crate) fn compare(&mut self, trees: &[&MemoryTree], quorums_meet: bool, now: u64) {
        for one in 0..trees.len() {
            for other in one + 1..trees.len() {
                if self.diverged.contains_key(&(one, other)) {
                    continue;
                }
                let (Some(first), Some(second)) = (self.believed[one].last(), self.believed[other].last())
                else {
                    continue;
                };
                let (smaller, larger) =
                    if first.0 <= second.0 { (first, trees[other]) } else { (second, trees[one]) };
                if larger.root_at(smaller.0).ok() == Some(smaller.1) {
                    continue;
                }
                if quorums_meet {
                    let words =
                        format!("nodes {one} and {other} believe what contradicts, though quorums meet");
                    self.violate("P4 consistency", now, words);
                }
                self.diverged.insert((one, other), now);
                self.count("split views");
            }
        }
    }

    /// A node took in what another said of the directory at some time: a message or a beacon.
    pub(crate) fn is_exchange(&mut self, from: usize, to: usize, said_at: u64, now: u64) {
        let pair = (from.min(to), from.max(to));
        let split = self.diverged.get(&pair).is_some_and(|since| said_at > *since);
        if split && self.exchanged.insert(pair) {
            self.duties.insert((now + FORK_SHOWN, Duty::Evidence { one: pair.0, other: pair.1 }));
        }
    }

    /// Whether a gap is shown, or closed, or what is missing was brought and shown as what it is: refused, or
    /// not to be judged yet.
    pub(crate) fn has_gap(&self, node: usize, sender: usize, n: u64) -> bool {
        let line = self.places.get(&(sender, node));
        let missing = line.and_then(|line| line.get(usize::try_from(n).unwrap() - 1));
        let explained = missing.is_some_and(|envelope| {
            self.in_vain.contains(&(*envelope, node)) || self.refused.contains_key(&(*envelope, node))
        });
        explained
            || self.gaps_shown.contains(&(node, sender, n))
            || self.got.get(&(node, sender)).is_some_and(|got| got.contains(&n))
    }
}
