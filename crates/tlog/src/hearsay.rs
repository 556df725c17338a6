//! What others say of a log that we follow: how many entries they saw, and under which root.
//!
//! Whoever is shown another log than we are says so with every message, without knowing it. What one
//! party says counts against that party alone until another says so too: a liar must not make everybody
//! doubted. Times are those since the caller began, by a clock that nobody sets.

use core::time::Duration;
use std::collections::BTreeMap;

use pouch_wire::{Digest, Timestamp};

/// What somebody says of a log, and the bytes in which that party signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// How many entries it saw.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The bytes that prove that it said so.
    pub signed: Vec<u8>,
}

/// How a citation compares with the log that we have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Our log has this very beginning.
    Agrees,
    /// Our log has another one of that size: this root.
    Contradicts(Digest),
    /// We do not have so many entries yet.
    Ahead,
}

impl Compared {
    /// Compares with the root that our log has at the size cited, if it has so many entries.
    #[must_use]
    pub fn of(root: Digest, ours: Option<Digest>) -> Self {
        match ours {
            None => Self::Ahead,
            Some(ours) if ours == root => Self::Agrees,
            Some(ours) => Self::Contradicts(ours),
        }
    }
}

/// What came of a citation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// How it compares.
    pub compared: Compared,
    /// It is the first contradiction of this party, or the first since it agreed with us.
    pub is_new: bool,
    /// The party contradicted us before, and now says what we say of at least as many entries.
    pub settles: bool,
}

/// One party's word about the log.
#[derive(Debug, Clone, Default)]
struct Party {
    /// The most entries on which it agreed with us.
    agreed: u64,
    /// The smallest and the newest citation that we cannot compare yet.
    next: Option<Waiting>,
    newest: Option<Waiting>,
    /// The size at which it contradicts us, until it agrees on as many.
    contradicts: Option<u64>,
    /// It cited so many entries, which no quorum can have seen: until it agrees on as many, what it says of
    /// more than we have tells nothing.
    refuted: Option<u64>,
}

#[derive(Debug, Clone)]
struct Waiting {
    citation: Citation,
    /// Since when we know of so many entries, by the caller's clock and by that of the day.
    since: Duration,
    heard: Timestamp,
}

/// A party that cites more entries than we have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue<'a, W> {
    /// Who.
    pub who: &'a W,
    /// How many entries it cites.
    pub size: u64,
    /// Since when we know.
    pub since: Duration,
}

/// The words of all parties about one log, a few of each.
#[derive(Debug, Clone)]
pub struct Hearsay<W> {
    parties: BTreeMap<W, Party>,
    parties_max: usize,
}

impl<W: Ord + Clone> Hearsay<W> {
    /// Nothing heard yet; of so many parties at most something is kept.
    #[must_use]
    pub const fn new(parties_max: usize) -> Self {
        Self { parties: BTreeMap::new(), parties_max }
    }

    /// A contradiction that was kept from before: it stands until the party agrees on as many entries.
    pub fn restore_contradiction(&mut self, who: W, size: u64, agreed: u64) {
        if let Some(party) = self.party(&who) {
            party.contradicts = Some(party.contradicts.map_or(size, |before| before.max(size)));
            party.agreed = party.agreed.max(agreed);
        }
    }

    /// What a party cited before and no quorum can have seen: it stands until the party agrees on as many.
    pub fn restore_refuted(&mut self, who: W, size: u64) {
        if let Some(party) = self.party(&who) {
            party.refuted = Some(party.refuted.map_or(size, |before| before.max(size)));
        }
    }

    /// Takes what a party says. `ours` is the root of our first `citation.size` entries, when we have so
    /// many.
    pub fn hear(
        &mut self,
        who: &W,
        citation: Citation,
        ours: Option<Digest>,
        now: Duration,
        heard: Timestamp,
    ) -> Heard {
        let compared = Compared::of(citation.root, ours);
        let Some(party) = self.party(who) else { return Heard { compared, is_new: false, settles: false } };
        if compared == Compared::Ahead {
            party.wait(Waiting { citation, since: now, heard });
            return Heard { compared, is_new: false, settles: false };
        }
        party.compare(citation.size, compared)
    }

    /// Compares what was ahead with the entries that we have now; what contradicts them is given back with
    /// its party and our root.
    pub fn caught_up(&mut self, root_at: impl Fn(u64) -> Option<Digest>) -> Vec<(W, Citation, Heard)> {
        let mut compared = Vec::new();
        for (who, party) in &mut self.parties {
            while let Some(next) = party.next.take() {
                let Citation { size, root, .. } = next.citation;
                let found = Compared::of(root, root_at(size));
                if found == Compared::Ahead {
                    party.next = Some(next);
                    break;
                }
                party.next = party.newest.take();
                let heard = party.compare(size, found);
                compared.push((who.clone(), next.citation, heard));
            }
        }
        compared
    }

    /// A quorum cosigned our newest checkpoint at that time, and not a larger one before: whoever cited
    /// more entries well before that cited what no quorum had seen. Gives those who did, with the most that
    /// they cited, once until they agree on as many.
    pub fn refute(&mut self, size: u64, cosigned_at: Timestamp, skew_ms: u64) -> Vec<(W, u64)> {
        let mut liars = Vec::new();
        for (who, party) in &mut self.parties {
            let before = |waiting: &Waiting| {
                waiting.citation.size > size && waiting.heard.0.saturating_add(skew_ms) < cosigned_at.0
            };
            // The first that waits: who cites more and more all the time is found out all the same.
            if !party.next.as_ref().is_some_and(before) {
                continue;
            }
            let cited = [party.next.take(), party.newest.take()].into_iter().flatten();
            let size = cited.map(|waiting| waiting.citation.size).max().unwrap_or(size);
            // Told once, until it agrees on as many.
            if party.refuted.replace(party.refuted.map_or(size, |before| before.max(size))).is_none() {
                liars.push((who.clone(), size));
            }
        }
        liars
    }

    /// Who has cited more entries than we have for at least so long.
    pub fn overdue(&self, now: Duration, after: Duration) -> impl Iterator<Item = Overdue<'_, W>> {
        self.parties.iter().filter(|(_, party)| party.refuted.is_none()).filter_map(move |(who, party)| {
            let waiting = party.next.as_ref()?;
            let size = party.newest.as_ref().unwrap_or(waiting).citation.size;
            let since = waiting.since;
            (now.saturating_sub(since) >= after).then_some(Overdue { who, size, since })
        })
    }

    /// How many first entries nobody disputes, when somebody contradicts us: as many as the party agreed
    /// on before, and at least `by_hand`, which everybody has. When parties of two groups contradict us, it
    /// is no longer one party's word, and nothing is undisputed.
    pub fn undisputed<G: PartialEq>(&self, by_hand: u64, group: impl Fn(&W) -> G) -> Option<u64> {
        let mut disputing = self.parties.iter().filter(|(_, party)| party.contradicts.is_some());
        let (first, party) = disputing.next()?;
        let mut undisputed = party.agreed.max(by_hand);
        for (who, party) in disputing {
            if group(who) != group(first) {
                return Some(0);
            }
            undisputed = undisputed.min(party.agreed.max(by_hand));
        }
        Some(undisputed)
    }

    /// The most entries that a party cited and no quorum can have seen.
    pub fn refuted(&self, who: &W) -> Option<u64> {
        self.parties.get(who).and_then(|party| party.refuted)
    }

    /// How many entries a party agreed on.
    pub fn agreed(&self, who: &W) -> u64 {
        self.parties.get(who).map_or(0, |party| party.agreed)
    }

    fn party(&mut self, who: &W) -> Option<&mut Party> {
        if !self.parties.contains_key(who) && self.parties.len() >= self.parties_max {
            return None;
        }
        Some(self.parties.entry(who.clone()).or_default())
    }
}

impl Party {
    /// Keeps a citation that is ahead: the smallest, which can be compared first, and the newest.
    fn wait(&mut self, waiting: Waiting) {
        let size = waiting.citation.size;
        match &mut self.next {
            None => self.next = Some(waiting),
            Some(next) if size < next.citation.size => {
                // What is known of larger ones is known since as long.
                let before = core::mem::replace(next, waiting);
                next.since = before.since;
                if self.newest.is_none() {
                    self.newest = Some(before);
                }
            }
            Some(next) if size == next.citation.size => {}
            Some(_) if self.newest.as_ref().is_some_and(|newest| newest.citation.size >= size) => {}
            Some(_) => self.newest = Some(waiting),
        }
    }

    fn compare(&mut self, size: u64, compared: Compared) -> Heard {
        match compared {
            Compared::Agrees => {
                self.agreed = self.agreed.max(size);
                self.refuted = self.refuted.filter(|refuted| *refuted > size);
                let settles = self.contradicts.is_some_and(|disputed| disputed <= size);
                if settles {
                    self.contradicts = None;
                }
                Heard { compared, is_new: false, settles }
            }
            Compared::Contradicts(_) => {
                let is_new = self.contradicts.is_none();
                self.contradicts = Some(self.contradicts.map_or(size, |before| before.max(size)));
                Heard { compared, is_new, settles: false }
            }
            Compared::Ahead => Heard { compared, is_new: false, settles: false },
        }
    }
}

#[cfg(test)]
mod tests;
