//! The order of one sender's messages to us: what is missing, repeated, or contradicts.
//!
//! Pure: the inbox keeps the state and hands it in. It must never call honest messages that came in
//! another order a contradiction, and never let two messages in one place pass while it remembers the
//! place.

use std::collections::BTreeMap;

use pouch_wire::{EnvelopeId, canonical};
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::stanza::NOTHING_BEFORE;

/// How many of the newest places are remembered with their ids, and how many missing ones at most.
pub(crate) const REMEMBERED: usize = 256;

/// What is known of one sender's sequence.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SequenceState {
    epoch: u64,
    highest: u64,
    /// Newest places and the messages in them.
    places: BTreeMap<u64, EnvelopeId>,
    /// What the message in a place said stands before it.
    before: BTreeMap<u64, EnvelopeId>,
    missing: Vec<u64>,
}
canonical!(SequenceState, "sequence state", 64 * 1024);

impl SequenceState {
    /// Places a message. The state moves on unless the answer is a refusal or a repetition.
    pub fn accept(&mut self, epoch: u64, n: u64, previous: EnvelopeId, id: EnvelopeId) -> Order {
        if epoch == 0 || n == 0 {
            return Order::Nowhere;
        }
        if epoch < self.epoch {
            return Order::OldEpoch;
        }
        let first_ever = self.epoch == 0;
        let anew = epoch > self.epoch;
        let mut next = if anew { Self { epoch, ..Self::default() } } else { self.clone() };
        let order = next.take(n, previous, id);
        if matches!(order, Order::Contradiction { .. } | Order::Repeated | Order::Forgotten) {
            return order;
        }
        *self = next;
        match order {
            Order::InOrder if first_ever => Order::First,
            Order::InOrder if anew => Order::NewEpoch,
            // Whoever holds back the first message of an epoch does not hide that it began.
            Order::Gap { from, to } if anew && !first_ever => Order::NewEpochGap { from, to },
            order => order,
        }
    }

    fn take(&mut self, n: u64, previous: EnvelopeId, id: EnvelopeId) -> Order {
        if let Some(other) = self.contradicts(n, previous, id) {
            return Order::Contradiction { other };
        }
        if self.places.contains_key(&n) {
            return Order::Repeated;
        }
        let order = self.place(n);
        if order != Order::Forgotten {
            self.places.insert(n, id);
            self.before.insert(n, previous);
            self.forget();
        }
        order
    }

    /// The message that cannot stand beside this one: in its place, in the place before it, or named by
    /// the one after it.
    fn contradicts(&self, n: u64, previous: EnvelopeId, id: EnvelopeId) -> Option<EnvelopeId> {
        if let Some(other) = self.places.get(&n).filter(|other| **other != id) {
            return Some(*other);
        }
        if let Some(other) = self.places.get(&n.saturating_sub(1)).filter(|other| **other != previous) {
            return Some(*other);
        }
        if n == 1 && previous != NOTHING_BEFORE {
            return Some(previous);
        }
        let next = n.saturating_add(1);
        let said = self.before.get(&next).filter(|before| **before != id)?;
        Some(*said)
    }

    fn place(&mut self, n: u64) -> Order {
        let expected = self.highest.saturating_add(1);
        if n < expected {
            let Some(at) = self.missing.iter().position(|missing| *missing == n) else {
                return Order::Forgotten;
            };
            self.missing.remove(at);
            return Order::Late;
        }
        self.highest = n;
        if n == expected {
            return Order::InOrder;
        }
        let last = n.saturating_sub(1);
        let from = last.saturating_sub(u64::try_from(REMEMBERED).unwrap_or(u64::MAX)).max(expected);
        self.missing.extend(from..=last);
        Order::Gap { from: expected, to: last }
    }

    fn forget(&mut self) {
        while self.places.len() > REMEMBERED {
            self.places.pop_first();
        }
        while self.before.len() > REMEMBERED {
            self.before.pop_first();
        }
        let over = self.missing.len().saturating_sub(REMEMBERED);
        self.missing.drain(..over);
    }

    /// Numbers that are missing still, oldest first; at most the newest 256 of them.
    #[must_use]
    pub fn missing(&self) -> &[u64] {
        &self.missing
    }

    /// What became of a gap: [`Order::Filled`] when all of it came, and what is missing of it still
    /// otherwise. Of places that are no longer remembered nothing is known to have come.
    #[must_use]
    pub fn gap_now(&self, from: u64, to: u64) -> Order {
        let mut still = self.missing.iter().filter(|n| (from..=to).contains(*n)).copied();
        let remembered = self.places.keys().next().is_some_and(|first| *first <= from);
        match (still.next(), remembered) {
            (Some(first), _) => Order::Gap { from: first, to: still.last().unwrap_or(first) },
            (None, true) => Order::Filled,
            (None, false) => Order::Gap { from, to },
        }
    }

    /// The newest places and the messages in them, as far as they are remembered.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u64, EnvelopeId)> + '_ {
        self.places.iter().map(|(n, id)| (*n, *id))
    }

    /// What the message in a place said stands before it.
    pub(crate) fn said_before(&self, n: u64) -> Option<EnvelopeId> {
        self.before.get(&n).copied()
    }

    /// The sender's epoch and its highest number in it that came; zeros before the first.
    #[must_use]
    pub const fn newest(&self) -> (u64, u64) {
        (self.epoch, self.highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::{Canonical as _, Digest};
    use proptest::prelude::*;

    fn id(n: u64) -> EnvelopeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        EnvelopeId(Digest::new(bytes))
    }

    fn accept(state: &mut SequenceState, n: u64) -> Order {
        state.accept(1, n, id(n.saturating_sub(1)), id(n))
    }

    fn kept(state: &SequenceState) -> SequenceState {
        SequenceState::from_bytes(&state.to_bytes().unwrap()).unwrap()
    }

    #[test]
    fn a_gap_is_named_and_filled() {
        let mut state = SequenceState::default();
        assert_eq!(accept(&mut state, 1), Order::First);
        assert_eq!(accept(&mut state, 2), Order::InOrder);
        assert_eq!(accept(&mut state, 5), Order::Gap { from: 3, to: 4 });
        assert_eq!(state.missing(), [3, 4]);
        assert_eq!(accept(&mut state, 3), Order::Late);
        assert_eq!(accept(&mut state, 4), Order::Late);
        assert!(state.missing().is_empty());
        assert_eq!(accept(&mut state, 6), Order::InOrder);
        assert_eq!(state.newest(), (1, 6));
    }

    #[test]
    fn a_gap_shrinks_as_it_is_filled_and_is_gone_when_all_of_it_came() {
        let mut state = SequenceState::default();
        for n in [1, 5] {
            accept(&mut state, n);
        }
        assert_eq!(state.gap_now(2, 4), Order::Gap { from: 2, to: 4 });
        accept(&mut state, 2);
        assert_eq!(state.gap_now(2, 4), Order::Gap { from: 3, to: 4 });
        accept(&mut state, 4);
        assert_eq!(state.gap_now(2, 4), Order::Gap { from: 3, to: 3 });
        accept(&mut state, 3);
        assert_eq!(state.gap_now(2, 4), Order::Filled);
    }

    #[test]
    fn a_gap_that_is_too_far_back_to_be_remembered_is_not_called_filled() {
        let mut state = SequenceState::default();
        for n in [1, 3, 2] {
            accept(&mut state, n);
        }
        assert_eq!(state.gap_now(2, 2), Order::Filled);
        for n in 4..300 {
            accept(&mut state, n);
        }
        assert_eq!(state.gap_now(2, 2), Order::Gap { from: 2, to: 2 });
    }

    #[test]
    fn a_sender_whose_first_messages_never_came_is_not_in_order() {
        let mut state = SequenceState::default();
        assert_eq!(accept(&mut state, 3), Order::Gap { from: 1, to: 2 });
        assert_eq!(accept(&mut state, 1), Order::Late);
        assert_eq!(state.missing(), [2]);
    }

    #[test]
    fn two_messages_in_one_place_contradict() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        let before = state.clone();
        assert_eq!(state.accept(1, 1, id(0), id(77)), Order::Contradiction { other: id(1) });
        assert_eq!(state.accept(1, 2, id(77), id(2)), Order::Contradiction { other: id(1) });
        assert_eq!(state, before);
        assert_eq!(accept(&mut state, 2), Order::InOrder);
    }

    #[test]
    fn a_message_that_the_next_one_does_not_name_contradicts_it() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        accept(&mut state, 3);
        assert_eq!(state.accept(1, 2, id(1), id(77)), Order::Contradiction { other: id(2) });
        assert_eq!(accept(&mut state, 2), Order::Late);
    }

    #[test]
    fn a_first_message_that_names_one_before_it_contradicts() {
        let mut state = SequenceState::default();
        assert_eq!(state.accept(1, 1, id(9), id(1)), Order::Contradiction { other: id(9) });
        assert_eq!(state, SequenceState::default());
    }

    #[test]
    fn the_same_message_again_is_a_repetition_and_changes_nothing() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        accept(&mut state, 3);
        let before = state.clone();
        assert_eq!(accept(&mut state, 1), Order::Repeated);
        assert_eq!(accept(&mut state, 3), Order::Repeated);
        assert_eq!(state, before);
    }

    #[test]
    fn a_restored_sender_counts_anew_and_its_past_is_over() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        accept(&mut state, 2);
        assert_eq!(state.accept(2, 1, id(0), id(100)), Order::NewEpoch);
        assert_eq!(accept(&mut state, 3), Order::OldEpoch);
        assert_eq!(state.accept(2, 2, id(100), id(101)), Order::InOrder);
    }

    #[test]
    fn a_new_epoch_is_told_even_when_its_first_messages_are_missing() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        assert_eq!(state.accept(2, 3, id(101), id(102)), Order::NewEpochGap { from: 1, to: 2 });
        assert_eq!(state.missing(), [1, 2]);
        assert_eq!(state.accept(2, 1, id(0), id(100)), Order::Late);
        assert_eq!(accept(&mut state, 2), Order::OldEpoch);
    }

    #[test]
    fn a_refused_message_does_not_begin_an_epoch() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        assert!(matches!(state.accept(2, 1, id(5), id(100)), Order::Contradiction { .. }));
        assert_eq!(accept(&mut state, 2), Order::InOrder);
    }

    #[test]
    fn epochs_and_numbers_count_from_one() {
        let mut state = SequenceState::default();
        assert_eq!(state.accept(0, 1, id(0), id(1)), Order::Nowhere);
        assert_eq!(state.accept(1, 0, id(0), id(1)), Order::Nowhere);
        assert_eq!(accept(&mut state, 1), Order::First);
    }

    #[test]
    fn what_lies_before_memory_is_said_to_be_forgotten_not_in_order() {
        let mut state = SequenceState::default();
        for n in 1..=600 {
            accept(&mut state, n);
        }
        assert_eq!(accept(&mut state, 1), Order::Forgotten);
        assert_eq!(state.accept(1, 2, id(1), id(77)), Order::Forgotten);
        assert_eq!(accept(&mut state, 601), Order::InOrder);
    }

    #[test]
    fn no_number_makes_the_state_larger_than_it_may_be() {
        let mut state = SequenceState::default();
        for n in [1, 1_000, 1 << 20, 1 << 40, u64::MAX - 1, u64::MAX] {
            accept(&mut state, n);
            assert!(state.missing().len() <= REMEMBERED);
            assert_eq!(kept(&state), state);
        }
    }

    proptest! {
        #[test]
        fn reordered_honest_messages_never_contradict_and_leave_no_gap(
            order in Just((1u64..40).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let mut state = SequenceState::default();
            for n in order {
                let placed = accept(&mut state, n);
                let honest = matches!(placed, Order::First | Order::InOrder | Order::Gap { .. } | Order::Late);
                prop_assert!(honest, "{placed:?}");
                state = kept(&state);
            }
            prop_assert!(state.missing().is_empty());
        }

        #[test]
        fn exactly_what_did_not_come_is_missing(
            order in Just((1u64..60).collect::<Vec<_>>()).prop_shuffle(),
            lost in proptest::collection::btree_set(1u64..60, 0..20),
        ) {
            let mut state = SequenceState::default();
            let came: Vec<u64> = order.into_iter().filter(|n| !lost.contains(n)).collect();
            for n in &came {
                accept(&mut state, *n);
            }
            let highest = came.iter().copied().max().unwrap_or(0);
            let expected: Vec<u64> = lost.into_iter().filter(|n| *n < highest).collect();
            let mut missing = state.missing().to_vec();
            missing.sort_unstable();
            prop_assert_eq!(missing, expected);
        }

        #[test]
        fn two_messages_in_one_place_are_always_flagged(
            order in Just((1u64..40).chain([100]).collect::<Vec<_>>()).prop_shuffle(),
            place in 1u64..40,
        ) {
            let mut state = SequenceState::default();
            let mut flagged = false;
            for n in order {
                // 100 stands for the twin: another message in the same place, with the same one before.
                let placed = if n == 100 {
                    state.accept(1, place, id(place.saturating_sub(1)), id(1000))
                } else {
                    accept(&mut state, n)
                };
                flagged |= matches!(placed, Order::Contradiction { .. });
            }
            prop_assert!(flagged);
        }

        #[test]
        fn repetitions_are_told_from_contradictions(
            order in Just((1u64..30).chain(1u64..30).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let mut state = SequenceState::default();
            let mut seen = std::collections::BTreeSet::new();
            for n in order {
                let again = !seen.insert(n);
                prop_assert_eq!(accept(&mut state, n) == Order::Repeated, again);
            }
            prop_assert!(state.missing().is_empty());
        }
    }
}
