//! The order of one sender's messages when one of its keys is in strange hands.
//!
//! A sender counts all its messages to us in one line, live ones and drills, and goes on counting when
//! its key is replaced. So whoever has any of its keys can write a number that no honest message follows.
//! That must not silence the office: an epoch that one key began is over for nothing but the keys that
//! spoke in it, and the others go on where they were.

use pouch_wire::{EnvelopeId, KeyId, canonical};
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::sequence::{REMEMBERED, SequenceState};

/// The highest epoch and the highest number; nobody comes near by counting.
pub(crate) const PLACE_MAX: u64 = 1 << 40;

/// How many lines are remembered, and how many keys of each. An honest sender needs one line, and two
/// while it restores itself from a backup; keys come from the directory and cannot be made at will.
const LINES_MAX: usize = 4;
const KEYS_MAX: usize = 16;

/// One line of a sender's messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    state: SequenceState,
    /// The keys that spoke in it, in the order that they first did.
    keys: Vec<KeyId>,
    /// The newest gap that is too wide to be remembered, and the key that made it.
    leap: Option<Leap>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Leap {
    from: u64,
    to: u64,
    by: KeyId,
}

/// Messages of a sender that others came after and that have not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenGap {
    /// In which epoch.
    pub epoch: u64,
    /// The first missing number.
    pub from: u64,
    /// The last missing number.
    pub to: u64,
    /// The message in the last missing place, as the one after it says.
    pub last: Option<EnvelopeId>,
}

/// What is known of the order of one sender's messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SenderLines {
    lines: Vec<Line>,
}
canonical!(SenderLines, "sender lines", 128 * 1024);

impl SenderLines {
    /// Places a message that a key signed. The lines move on unless the answer is a refusal or a
    /// repetition.
    pub fn accept(&mut self, key: KeyId, epoch: u64, n: u64, previous: EnvelopeId, id: EnvelopeId) -> Order {
        if epoch == 0 || n == 0 || epoch > PLACE_MAX || n > PLACE_MAX {
            return Order::Nowhere;
        }
        // Only who spoke in a newer epoch said that the older one is over.
        if self.lines.iter().any(|line| line.epoch() > epoch && line.keys.contains(&key)) {
            return Order::OldEpoch;
        }
        if let Some(line) = self.place_of(key, epoch).and_then(|place| self.lines.get_mut(place)) {
            let order = line.accept(key, n, previous, id);
            let leapt = line.leap.as_ref().is_some_and(|leap| leap.by != key && leap.spans(n));
            if order != Order::Forgotten || !leapt {
                return order;
            }
            return self.begin(SequenceState::default(), key, (epoch, n), previous, id);
        }
        let newest = self.lines.iter().max_by_key(|line| line.epoch()).filter(|line| line.epoch() < epoch);
        let before = newest.map(|line| line.state.clone()).unwrap_or_default();
        self.begin(before, key, (epoch, n), previous, id)
    }

    /// Begins a line, after another or, when another key's newer one must not count, after nothing.
    fn begin(
        &mut self,
        before: SequenceState,
        key: KeyId,
        (epoch, n): (u64, u64),
        previous: EnvelopeId,
        id: EnvelopeId,
    ) -> Order {
        let beside = before.newest().0 == 0 && !self.lines.is_empty();
        let mut line = Line { state: before, keys: Vec::new(), leap: None };
        let order = line.accept_in(key, (epoch, n), previous, id);
        if line.keys.is_empty() {
            return order;
        }
        self.lines.push(line);
        self.forget();
        if beside { Order::Beside } else { order }
    }

    /// The line that a key speaks in: its own newest of an epoch, or the newest that others began.
    fn place_of(&self, key: KeyId, epoch: u64) -> Option<usize> {
        let own = self.lines.iter().rposition(|line| line.epoch() == epoch && line.keys.contains(&key));
        own.or_else(|| self.lines.iter().rposition(|line| line.epoch() == epoch))
    }

    fn forget(&mut self) {
        while self.lines.len() > LINES_MAX {
            let first = self.lines.iter().position(|line| self.is_over(line)).unwrap_or(0);
            self.lines.remove(first);
        }
    }

    /// Whether every key that spoke in a line has gone on to a newer epoch.
    fn is_over(&self, line: &Line) -> bool {
        let gone_on = |key| self.lines.iter().any(|l| l.epoch() > line.epoch() && l.keys.contains(key));
        line.keys.iter().all(gone_on)
    }

    /// The remembered places of all lines: epoch, number, message.
    pub fn places(&self) -> impl Iterator<Item = (u64, u64, EnvelopeId)> + '_ {
        self.lines.iter().flat_map(|line| line.state.places().map(|(n, id)| (line.epoch(), n, id)))
    }

    /// The newest place of each line that goes on: epoch and number.
    pub fn newest(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.lines.iter().filter(|line| !self.is_over(line)).map(|line| line.state.newest())
    }

    /// What is missing now, in the lines that go on: nothing can come any more in one that is over.
    #[must_use]
    pub fn open_gaps(&self) -> Vec<OpenGap> {
        let mut gaps: Vec<OpenGap> = Vec::new();
        for line in self.lines.iter().filter(|line| !self.is_over(line)) {
            let mut missing = line.state.missing().to_vec();
            missing.sort_unstable();
            for n in missing {
                let next = n.saturating_add(1);
                let before_next = line.state.said_before(next);
                match gaps.last_mut() {
                    Some(gap) if gap.epoch == line.epoch() && gap.to.saturating_add(1) == n => {
                        gap.to = n;
                        gap.last = before_next;
                    }
                    _ => gaps.push(OpenGap { epoch: line.epoch(), from: n, to: n, last: before_next }),
                }
            }
        }
        gaps
    }

    /// What became of a gap before a message that a key signed in an epoch.
    #[must_use]
    pub fn gap_now(&self, key: KeyId, epoch: u64, from: u64, to: u64) -> Order {
        let line = self.place_of(key, epoch).and_then(|place| self.lines.get(place));
        line.map_or(Order::Gap { from, to }, |line| line.state.gap_now(from, to))
    }
}

impl Line {
    const fn epoch(&self) -> u64 {
        self.state.newest().0
    }

    fn accept(&mut self, key: KeyId, n: u64, previous: EnvelopeId, id: EnvelopeId) -> Order {
        self.accept_in(key, (self.epoch(), n), previous, id)
    }

    fn accept_in(
        &mut self,
        key: KeyId,
        (epoch, n): (u64, u64),
        previous: EnvelopeId,
        id: EnvelopeId,
    ) -> Order {
        let order = self.state.accept(epoch, n, previous, id);
        if let Order::Gap { from, to } | Order::NewEpochGap { from, to } = &order
            && to.saturating_sub(*from) >= u64::try_from(REMEMBERED).unwrap_or(u64::MAX)
        {
            self.leap = Some(Leap { from: *from, to: *to, by: key });
        }
        let moved = !matches!(
            order,
            Order::Contradiction { .. }
                | Order::Repeated
                | Order::Forgotten
                | Order::Nowhere
                | Order::OldEpoch
        );
        if moved && !self.keys.contains(&key) {
            self.keys.push(key);
            let over = self.keys.len().saturating_sub(KEYS_MAX);
            self.keys.drain(..over);
        }
        order
    }
}

impl Leap {
    fn spans(&self, n: u64) -> bool {
        (self.from..=self.to).contains(&n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::NOTHING_BEFORE;
    use pouch_wire::{Canonical as _, Digest};
    use proptest::prelude::*;

    const OLD: KeyId = KeyId(Digest::new([1; 32]));
    const NEW: KeyId = KeyId(Digest::new([2; 32]));
    const DRILL: KeyId = KeyId(Digest::new([3; 32]));

    fn id(n: u64) -> EnvelopeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        EnvelopeId(Digest::new(bytes))
    }

    /// The honest sender's message in a place of its first epoch.
    fn accept(lines: &mut SenderLines, key: KeyId, n: u64) -> Order {
        let order = lines.accept(key, 1, n, id(n.saturating_sub(1)), id(n));
        *lines = SenderLines::from_bytes(&lines.to_bytes().unwrap()).unwrap();
        order
    }

    /// Four honest messages, live and drills.
    fn four() -> SenderLines {
        let mut lines = SenderLines::default();
        assert_eq!(accept(&mut lines, OLD, 1), Order::First);
        assert_eq!(accept(&mut lines, DRILL, 2), Order::InOrder);
        assert_eq!(accept(&mut lines, OLD, 3), Order::InOrder);
        assert_eq!(accept(&mut lines, DRILL, 4), Order::InOrder);
        lines
    }

    #[test]
    fn a_sender_goes_on_counting_when_its_key_is_replaced() {
        let mut lines = four();
        assert_eq!(accept(&mut lines, NEW, 5), Order::InOrder);
        // What was under way with the old key comes late, and is no gap.
        assert_eq!(accept(&mut lines, NEW, 7), Order::Gap { from: 6, to: 6 });
        assert_eq!(accept(&mut lines, OLD, 6), Order::Late);
        assert_eq!(lines.gap_now(NEW, 1, 6, 6), Order::Filled);
        assert_eq!(accept(&mut lines, NEW, 8), Order::InOrder);
    }

    #[test]
    fn a_restored_sender_counts_anew_and_what_its_key_said_before_is_over() {
        let mut lines = four();
        assert_eq!(lines.accept(OLD, 2, 1, NOTHING_BEFORE, id(100)), Order::NewEpoch);
        assert_eq!(accept(&mut lines, OLD, 5), Order::OldEpoch);
        assert_eq!(lines.accept(NEW, 2, 2, id(100), id(101)), Order::InOrder);
        assert_eq!(lines.accept(DRILL, 2, 3, id(101), id(102)), Order::InOrder);
        assert_eq!(accept(&mut lines, DRILL, 5), Order::OldEpoch);
    }

    #[test]
    fn an_epoch_that_a_drill_s_key_raised_silences_no_live_message() {
        let mut lines = four();
        assert_eq!(lines.accept(DRILL, PLACE_MAX, 1, NOTHING_BEFORE, id(666)), Order::NewEpoch);
        assert_eq!(accept(&mut lines, OLD, 5), Order::InOrder);
        assert_eq!(accept(&mut lines, NEW, 6), Order::InOrder);
        assert_eq!(accept(&mut lines, DRILL, 7), Order::OldEpoch);
    }

    #[test]
    fn an_epoch_that_a_thief_raised_is_over_with_the_key() {
        let mut lines = four();
        assert_eq!(lines.accept(OLD, 1 << 39, 1, NOTHING_BEFORE, id(666)), Order::NewEpoch);
        assert_eq!(accept(&mut lines, OLD, 5), Order::OldEpoch);
        assert_eq!(accept(&mut lines, NEW, 6), Order::Gap { from: 5, to: 5 });
        assert_eq!(accept(&mut lines, NEW, 7), Order::InOrder);
        // Also when it had come before any honest message.
        let mut lines = SenderLines::default();
        assert_eq!(lines.accept(OLD, 1 << 39, 1, NOTHING_BEFORE, id(666)), Order::First);
        assert_eq!(accept(&mut lines, NEW, 6), Order::Beside);
        assert_eq!(accept(&mut lines, NEW, 7), Order::InOrder);
    }

    #[test]
    fn a_number_that_a_thief_raised_is_told_once_and_then_forgotten_with_the_key() {
        let mut lines = four();
        assert_eq!(lines.accept(OLD, 1, 1 << 30, id(9), id(666)), Order::Gap { from: 5, to: (1 << 30) - 1 });
        assert_eq!(accept(&mut lines, OLD, 5), Order::Forgotten);
        assert_eq!(accept(&mut lines, NEW, 6), Order::Beside);
        assert_eq!(accept(&mut lines, NEW, 7), Order::InOrder);
        assert_eq!(accept(&mut lines, DRILL, 8), Order::Beside);
    }

    #[test]
    fn epochs_and_numbers_have_a_bound() {
        let mut lines = four();
        for (epoch, n) in [(0, 1), (1, 0), (PLACE_MAX + 1, 1), (u64::MAX, 1), (1, PLACE_MAX + 1)] {
            assert_eq!(lines.accept(OLD, epoch, n, id(4), id(5)), Order::Nowhere);
        }
        assert_eq!(accept(&mut lines, OLD, 5), Order::InOrder);
    }

    #[test]
    fn two_messages_in_one_place_contradict_whichever_keys_signed_them() {
        let mut lines = four();
        assert_eq!(lines.accept(NEW, 1, 4, id(3), id(77)), Order::Contradiction { other: id(4) });
        assert_eq!(accept(&mut lines, NEW, 5), Order::InOrder);
    }

    #[test]
    fn no_messages_make_the_lines_larger_than_they_may_be() {
        let mut lines = SenderLines::default();
        for seed in 0..6 {
            let key = KeyId(Digest::new([seed; 32]));
            for step in 1..600_u64 {
                // Far up, where numbers take most bytes, with a hole beside each.
                let n = PLACE_MAX.saturating_sub(2000).saturating_add(step.saturating_mul(2));
                lines.accept(
                    key,
                    PLACE_MAX.saturating_sub(u64::from(seed)),
                    n,
                    id(n.saturating_sub(1)),
                    id(n),
                );
            }
            assert_eq!(SenderLines::from_bytes(&lines.to_bytes().unwrap()).unwrap(), lines);
            assert!(lines.lines.len() <= LINES_MAX);
        }
    }

    proptest! {
        /// Whatever one key does, another key's next honest message is shown.
        #[test]
        fn no_key_makes_another_one_s_messages_refused(
            attack in proptest::collection::vec((1_u64..=PLACE_MAX, 1_u64..=PLACE_MAX), 0..40)
        ) {
            let mut lines = four();
            for (at, (epoch, n)) in (1000_u64..).zip(attack) {
                // The next honest places are left alone: two in one place is another matter.
                let n = if epoch == 1 { n.max(100) } else { n };
                lines.accept(OLD, epoch, n, id(at), id(at.saturating_add(5000)));
            }
            for n in 5..20 {
                let order = accept(&mut lines, NEW, n);
                prop_assert!(!matches!(order, Order::OldEpoch | Order::Contradiction { .. } | Order::Nowhere), "{order:?}");
            }
            prop_assert_eq!(accept(&mut lines, NEW, 20), Order::InOrder);
        }
    }
}
