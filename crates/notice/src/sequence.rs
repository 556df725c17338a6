//! The order of one sender's messages to us: what is missing, repeated, or contradicts.
//!
//! Pure: the inbox keeps the state and hands it in.

use std::collections::BTreeMap;

use pouch_wire::{EnvelopeId, canonical};
use serde::{Deserialize, Serialize};

use crate::stanza::NOTHING_BEFORE;

/// How many of the newest places are remembered with their ids, and how many missing ones at most.
const REMEMBERED: usize = 256;

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

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Order {
    /// Next in line, and what it says stands before it is what came before it.
    InOrder,
    /// The sender's first message to us.
    First,
    /// Messages before it are missing.
    Gap {
        /// The first missing number.
        from: u64,
        /// The last missing number.
        to: u64,
    },
    /// It was missing; now it is here.
    Late,
    /// The sender was restored from a backup and counts anew.
    NewEpoch,
    /// Another message stands in this place already, or before it stands another than it says: the
    /// sender said two things.
    Contradiction {
        /// The other message.
        other: EnvelopeId,
    },
    /// It is of an epoch that is over.
    OldEpoch,
}

impl SequenceState {
    /// Places a message; the state moves on unless it is refused.
    pub fn accept(&mut self, epoch: u64, n: u64, previous: EnvelopeId, id: EnvelopeId) -> Order {
        if epoch < self.epoch {
            return Order::OldEpoch;
        }
        let fresh = self.epoch == 0;
        let restored = epoch > self.epoch && !fresh;
        if epoch > self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if let Some(other) = self.contradicts(n, previous, id) {
            return Order::Contradiction { other };
        }
        let order = self.place(n, fresh);
        self.places.insert(n, id);
        self.before.insert(n, previous);
        self.forget();
        if restored && matches!(order, Order::InOrder | Order::First) { Order::NewEpoch } else { order }
    }

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

    fn place(&mut self, n: u64, fresh: bool) -> Order {
        let expected = self.highest.saturating_add(1);
        if n < expected {
            self.missing.retain(|m| *m != n);
            return Order::Late;
        }
        self.highest = n;
        if n == expected {
            return if n == 1 && fresh { Order::First } else { Order::InOrder };
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

    /// Numbers that are missing still, oldest first.
    #[must_use]
    pub fn missing(&self) -> &[u64] {
        &self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::Digest;
    use proptest::prelude::*;

    fn id(n: u64) -> EnvelopeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        EnvelopeId(Digest::new(bytes))
    }

    fn accept(state: &mut SequenceState, n: u64) -> Order {
        state.accept(1, n, id(n - 1), id(n))
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
    }

    #[test]
    fn two_messages_in_one_place_contradict() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        assert_eq!(state.accept(1, 1, id(0), id(77)), Order::Contradiction { other: id(1) });
        assert_eq!(state.accept(1, 2, id(77), id(2)), Order::Contradiction { other: id(1) });
        assert_eq!(accept(&mut state, 2), Order::InOrder);
    }

    #[test]
    fn a_restored_sender_counts_anew_and_its_past_is_over() {
        let mut state = SequenceState::default();
        accept(&mut state, 1);
        accept(&mut state, 2);
        assert_eq!(state.accept(2, 1, id(0), id(100)), Order::NewEpoch);
        assert_eq!(accept(&mut state, 3), Order::OldEpoch);
    }

    proptest! {
        #[test]
        fn reordered_honest_messages_never_contradict_and_leave_no_gap(
            order in Just((1u64..40).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let mut state = SequenceState::default();
            for n in order {
                let placed = accept(&mut state, n);
                let refused = matches!(placed, Order::Contradiction { .. } | Order::OldEpoch);
                prop_assert!(!refused);
            }
            prop_assert!(state.missing().is_empty());
        }
    }
}
