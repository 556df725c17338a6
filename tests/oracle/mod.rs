//! The common oracle of the harnesses: accepted means presented exactly once, or visibly undelivered.
//!
//! It knows nothing of relays, nodes or storage. A harness tells it what it saw, from outside and in any
//! order: what was handed to a sender's node, what the sender was shown to be accepted or confirmed, what
//! each recipient was shown. [`Oracle::judge`] says what of the promise is broken. [`nodes`] reads real
//! nodes.
//!
//! Recipients are known by two signs. A node *tells* of a message as new, once; and it *lists* what it has,
//! as often as somebody looks. A recipient of which only one kind was ever recorded is judged by that. When
//! both were, everything must be told, and what was told before a look must be in the list.

pub mod nodes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// A message on its way to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    /// The message.
    pub id: String,
    /// The recipient, or the node that showed it.
    pub to: String,
}

impl Delivery {
    fn new(id: &str, to: &str) -> Self {
        Self { id: id.to_owned(), to: to.to_owned() }
    }
}

/// What was handed to a sender's node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Submitted {
    from: String,
    to: BTreeSet<String>,
    digest: String,
}

/// A look at what a recipient's node has.
#[derive(Debug, Clone, Default)]
struct Listing {
    /// The content of each entry.
    rows: BTreeMap<String, Vec<String>>,
    /// What the node had told of before: it must be there. What it tells of later need not be.
    told_before: BTreeSet<String>,
}

/// The history of one run.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    submitted: BTreeMap<String, Submitted>,
    accepted: BTreeSet<Delivery>,
    /// Accepted for all its recipients, who may become known later: a node that was killed while it answered
    /// tells of the message when it is back. Receipts are accepted too, and are nobody's to present.
    accepted_whole: BTreeSet<String>,
    confirmed: BTreeSet<Delivery>,
    undelivered: BTreeMap<Delivery, String>,
    /// What a sender's node shows of what it sent is not what it took.
    rewritten: BTreeSet<Delivery>,
    /// Every time that a node told of a message as new, with its content where that was seen.
    told: BTreeMap<Delivery, Vec<Option<String>>>,
    /// The nodes of which it is recorded what they tell.
    heard: BTreeSet<String>,
    /// The newest look at what a node has.
    listed: BTreeMap<String, Listing>,
}

impl Oracle {
    /// A history without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A sender's node took a message for these recipients; `digest` stands for its content, by whatever
    /// rule the harness also applies to what is presented. Said again, it must be the same.
    pub fn submitted(&mut self, id: &str, from: &str, to: &[&str], digest: &str) {
        let to: BTreeSet<String> = to.iter().map(|point| (*point).to_owned()).collect();
        if self.accepted_whole.contains(id) {
            self.accepted.extend(to.iter().map(|point| Delivery::new(id, point)));
        }
        let new = Submitted { from: from.to_owned(), to, digest: digest.to_owned() };
        let first = self.submitted.entry(id.to_owned()).or_insert_with(|| new.clone());
        if *first != new {
            self.rewritten.insert(Delivery::new(id, from));
        }
    }

    /// The sender was shown that a relay accepted it, for all its recipients.
    pub fn accepted(&mut self, id: &str) {
        self.accepted_whole.insert(id.to_owned());
        let to = self.submitted.get(id).into_iter().flat_map(|one| &one.to);
        self.accepted.extend(to.map(|point| Delivery::new(id, point)));
    }

    /// The sender was shown that a relay accepted it for one recipient.
    pub fn accepted_for(&mut self, id: &str, to: &str) {
        self.accepted.insert(Delivery::new(id, to));
    }

    /// The sender was shown that the recipient's node has it.
    pub fn confirmed(&mut self, id: &str, to: &str) {
        self.confirmed.insert(Delivery::new(id, to));
    }

    /// Whether the sender was shown that a relay accepted it for this recipient.
    #[must_use]
    pub fn is_accepted(&self, id: &str, to: &str) -> bool {
        self.accepted.contains(&Delivery::new(id, to))
    }

    /// Whether the sender was shown that the recipient's node has it.
    #[must_use]
    pub fn is_confirmed(&self, id: &str, to: &str) -> bool {
        self.confirmed.contains(&Delivery::new(id, to))
    }

    /// How often a node told of a message as new.
    #[must_use]
    pub fn tellings(&self, node: &str, id: &str) -> usize {
        self.told.get(&Delivery::new(id, node)).map_or(0, Vec::len)
    }

    /// People at the sender see that it was not delivered, and why. What is presented all the same was.
    pub fn undelivered(&mut self, id: &str, to: &str, reason: &str) {
        self.undelivered.insert(Delivery::new(id, to), reason.to_owned());
    }

    /// People no longer see that it was not delivered.
    pub fn no_longer_undelivered(&mut self, id: &str, to: &str) {
        self.undelivered.remove(&Delivery::new(id, to));
    }

    /// From here on it is recorded what a node tells, even if that is nothing.
    pub fn hears(&mut self, node: &str) {
        self.heard.insert(node.to_owned());
    }

    /// A node told of a message as new, with this content. Each call is a telling.
    pub fn presented(&mut self, node: &str, id: &str, digest: &str) {
        self.hears(node);
        self.told.entry(Delivery::new(id, node)).or_default().push(Some(digest.to_owned()));
    }

    /// A node told of a message as new; its content was not part of it. Each call is a telling.
    pub fn told(&mut self, node: &str, id: &str) {
        self.hears(node);
        self.told.entry(Delivery::new(id, node)).or_default().push(None);
    }

    /// What a node has, all of it, as ids with contents: takes the place of an earlier look.
    pub fn listed<'a>(&mut self, node: &str, rows: impl IntoIterator<Item = (&'a str, String)>) {
        let told_here = self.told.keys().filter(|told| told.to == node).map(|told| told.id.clone());
        let mut listing = Listing { told_before: told_here.collect(), ..Listing::default() };
        for (id, digest) in rows {
            listing.rows.entry(id.to_owned()).or_default().push(digest);
        }
        self.listed.insert(node.to_owned(), listing);
    }

    /// Deliveries that were accepted and are neither presented nor visibly undelivered yet.
    pub fn waiting(&self) -> impl Iterator<Item = &Delivery> {
        self.accepted.iter().filter(|one| !self.is_presented(one) && !self.undelivered.contains_key(*one))
    }

    /// Deliveries of what was submitted that nobody has been told of at the recipient, accepted or not.
    pub fn untold(&self) -> impl Iterator<Item = Delivery> {
        let all = self.submitted.iter().flat_map(|(id, one)| one.to.iter().map(|to| Delivery::new(id, to)));
        all.filter(|one| !self.told.contains_key(one))
    }

    /// What this sender's node took and does not list among what it sent.
    #[must_use]
    pub fn gone_from(&self, from: &str, listed: &BTreeSet<&str>) -> Vec<String> {
        let gone =
            self.submitted.iter().filter(|(id, one)| one.from == from && !listed.contains(id.as_str()));
        gone.map(|(id, _)| id.clone()).collect()
    }

    /// Who submitted a message.
    #[must_use]
    pub fn sender_of(&self, id: &str) -> Option<&str> {
        self.submitted.get(id).map(|one| one.from.as_str())
    }

    /// How many deliveries were accepted so far.
    #[must_use]
    pub fn accepted_count(&self) -> usize {
        self.accepted.len()
    }

    /// Whether a recipient has it by every sign that is recorded of that recipient.
    fn is_presented(&self, one: &Delivery) -> bool {
        let told = || self.told.contains_key(one);
        match self.listed.get(&one.to) {
            Some(look) if self.heard.contains(&one.to) => {
                told() && (look.rows.contains_key(&one.id) || !look.told_before.contains(&one.id))
            }
            Some(look) => look.rows.contains_key(&one.id),
            None => told(),
        }
    }

    /// What holds of the promise, and what is broken.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        let altered = self.rewritten.iter().cloned().collect();
        let mut found = Judgement { accepted: self.accepted.len(), altered, ..Judgement::default() };
        let promised: BTreeSet<&Delivery> = self.accepted.union(&self.confirmed).collect();
        for one in promised {
            if self.is_presented(one) {
                continue;
            }
            match self.undelivered.get(one) {
                // A recipient that said that it has it cannot be a delivery that failed.
                Some(_) if !self.confirmed.contains(one) => {
                    found.undelivered = found.undelivered.saturating_add(1)
                }
                _ => found.lost.push(one.clone()),
            }
        }
        for (one, contents) in self.shown() {
            self.judge_shown(&one, &contents, &mut found);
        }
        found
    }

    /// Everything that any node showed in any way: how often it was told, what was listed.
    fn shown(&self) -> BTreeMap<Delivery, Shown> {
        let mut all: BTreeMap<Delivery, Shown> = BTreeMap::new();
        for (one, contents) in &self.told {
            let shown = all.entry(one.clone()).or_default();
            shown.told = contents.len();
            shown.contents.extend(contents.iter().flatten().cloned());
        }
        for (node, listing) in &self.listed {
            for (id, contents) in &listing.rows {
                let shown = all.entry(Delivery::new(id, node)).or_default();
                shown.listed = contents.len();
                shown.contents.extend(contents.iter().cloned());
            }
        }
        all
    }

    fn judge_shown(&self, one: &Delivery, shown: &Shown, found: &mut Judgement) {
        if shown.told > 1 || shown.listed > 1 {
            found.twice.push(one.clone());
        }
        let Some(submitted) = self.submitted.get(&one.id).filter(|sent| sent.to.contains(&one.to)) else {
            found.invented.push(one.clone());
            return;
        };
        if shown.contents.iter().any(|content| *content != submitted.digest) {
            found.altered.push(one.clone());
        }
        if self.is_presented(one) {
            found.presented = found.presented.saturating_add(1);
        }
    }
}

/// How a node showed one message.
#[derive(Debug, Default)]
struct Shown {
    told: usize,
    listed: usize,
    contents: BTreeSet<String>,
}

/// What an oracle found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Deliveries that a sender was shown as accepted.
    pub accepted: usize,
    /// Deliveries of submitted messages that their recipient was shown; what is accepted later counts too.
    pub presented: usize,
    /// Accepted deliveries that did not come, which the sender's people can see.
    pub undelivered: usize,
    /// Accepted or confirmed, not presented, and nobody can see it.
    pub lost: Vec<Delivery>,
    /// Told as new, or listed, more than once.
    pub twice: Vec<Delivery>,
    /// Presented with other content than was submitted; or changed at the sender after it was taken there.
    pub altered: Vec<Delivery>,
    /// Presented, and never submitted for this recipient.
    pub invented: Vec<Delivery>,
}

impl Judgement {
    /// Whether nothing is broken.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.lost.is_empty() && self.twice.is_empty() && self.altered.is_empty() && self.invented.is_empty()
    }

    /// What is broken, in words; empty when nothing is.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let kinds = [
            ("lost", &self.lost),
            ("twice", &self.twice),
            ("altered", &self.altered),
            ("invented", &self.invented),
        ];
        let words = |(kind, all): (&str, &Vec<Delivery>)| {
            all.iter().map(|one| format!("{kind}: {} at {}", one.id, one.to)).collect::<Vec<_>>()
        };
        kinds.into_iter().flat_map(words).collect()
    }

    /// Its figures for a program.
    #[must_use]
    pub fn figures(&self) -> Value {
        json!({
            "accepted": self.accepted,
            "presented": self.presented,
            "undelivered": self.undelivered,
            "lost": self.lost.len(),
            "twice": self.twice.len(),
            "altered": self.altered.len(),
            "invented": self.invented.len(),
        })
    }
}
