//! Where a message stands among its sender's: what that does to its verdict, and the tracker against a
//! simple-minded one that forgets nothing.

use pouch_crypto::sha256;
use pouch_notice::{Clause, Colour, Order, SequenceState, State};
use pouch_wire::{Canonical as _, EnvelopeId};
use proptest::prelude::*;

use crate::post::{MD, NOTHING_BEFORE, honest, in_state, seal_to};
use crate::world::{World, point};

fn id(name: &str) -> EnvelopeId {
    EnvelopeId(sha256(name.as_bytes()))
}

#[test]
fn each_order_has_its_own_colour_and_code() {
    let world = World::new();
    let other = id("another");
    for (order, colour, code) in [
        (Order::First, Colour::Green, "POUCH-VER-00"),
        (Order::InOrder, Colour::Green, "POUCH-VER-00"),
        (Order::Late, Colour::Green, "POUCH-VER-00"),
        (Order::Repeated, Colour::Green, "POUCH-VER-00"),
        (Order::Gap { from: 2, to: 4 }, Colour::Amber, "POUCH-ORD-01"),
        (Order::NewEpoch, Colour::Amber, "POUCH-ORD-02"),
        (Order::Contradiction { other }, Colour::Red, "POUCH-ORD-03"),
        (Order::OldEpoch, Colour::Red, "POUCH-ORD-04"),
        (Order::Forgotten, Colour::Amber, "POUCH-ORD-05"),
        (Order::Beside, Colour::Amber, "POUCH-ORD-08"),
        (Order::NewEpochGap { from: 1, to: 2 }, Colour::Amber, "POUCH-ORD-07"),
        (Order::Nowhere, Colour::Red, "POUCH-ORD-06"),
    ] {
        let verified = honest(&world).posted().received(&world, MD).unwrap().with_order(&order);
        let verdict = verified.verdict();
        assert_eq!((verdict.colour(), verdict.code()), (colour, code), "{order:?}");
        assert_eq!(verdict.clauses.last().unwrap().clause, Clause::Order);
        assert_eq!(verdict.is_refusal(), colour == Colour::Red);
    }
}

#[test]
fn a_gap_says_how_many_are_missing_and_which() {
    let world = World::new();
    let gap = Order::Gap { from: 2, to: 4 };
    let verified = honest(&world).posted().received(&world, MD).unwrap().with_order(&gap);
    assert_eq!(in_state(verified.verdict(), State::Unsure), [(Clause::Order, "POUCH-ORD-01")]);
    let words = &verified.verdict().decisive().unwrap().words;
    assert_eq!(words, "3 of this office's messages to us before it are missing (2 to 4).");
    let anew = Order::NewEpochGap { from: 1, to: 1 };
    let verified = honest(&world).posted().received(&world, MD).unwrap().with_order(&anew);
    let words = &verified.verdict().decisive().unwrap().words;
    assert!(words.contains("restored from a backup") && words.contains("1 of its messages"), "{words}");
}

/// Sealed to MD in a place, with one before it.
fn in_place(world: &World, epoch: u64, n: u64, previous: EnvelopeId, seed: u8) -> (EnvelopeId, Place) {
    let letter = honest(world).with(|l| {
        let mut to = seal_to(&point(MD), pouch_wire::Environment::Live, n, previous);
        to.epoch = epoch;
        let md = l.to.iter_mut().find(|to| to.recipient == point(MD)).unwrap();
        (*md, l.seed) = (to, seed);
    });
    let verified = letter.posted().received(world, MD).unwrap();
    let secret = verified.secret();
    (verified.arrived().id(), Place { epoch: secret.epoch, n: secret.n, previous: secret.previous })
}

#[test]
fn the_place_that_was_sealed_is_the_place_that_counts() {
    let world = World::new();
    let (first, place) = in_place(&world, 1, 1, NOTHING_BEFORE, 1);
    let mut state = SequenceState::default();
    assert_eq!(state.accept(place.epoch, place.n, place.previous, first), Order::First);
    let (second, place) = in_place(&world, 1, 2, first, 2);
    let (third, after) = in_place(&world, 1, 3, second, 3);
    // The third comes before the second.
    assert_eq!(state.accept(after.epoch, after.n, after.previous, third), Order::Gap { from: 2, to: 2 });
    let (twin, _) = in_place(&world, 1, 2, first, 9);
    let order = state.accept(place.epoch, place.n, place.previous, twin);
    assert_eq!(order, Order::Contradiction { other: second }, "the third names another");
    assert_eq!(state.accept(place.epoch, place.n, place.previous, second), Order::Late);
    // Restored from a backup, the sender counts anew, and what it said before is over.
    let (anew, place) = in_place(&world, 2, 1, NOTHING_BEFORE, 4);
    assert_eq!(state.accept(place.epoch, place.n, place.previous, anew), Order::NewEpoch);
    let (fourth, place) = in_place(&world, 1, 4, third, 5);
    assert_eq!(state.accept(place.epoch, place.n, place.previous, fourth), Order::OldEpoch);
}

#[derive(Debug, Clone, Copy)]
struct Place {
    epoch: u64,
    n: u64,
    previous: EnvelopeId,
}

/// Says of a message where it stands, by looking at all that came before it. The words are those of the
/// protocol, one after the other.
#[derive(Default)]
struct Simple {
    taken: Vec<(Place, EnvelopeId)>,
    epoch: u64,
}

impl Simple {
    fn accept(&mut self, place: Place, id: EnvelopeId) -> Order {
        let Place { epoch, n, previous } = place;
        if epoch == 0 || n == 0 {
            return Order::Nowhere;
        }
        if epoch < self.epoch {
            return Order::OldEpoch;
        }
        let of_epoch: Vec<_> = self.taken.iter().filter(|(place, _)| place.epoch == epoch).collect();
        let at = |n: u64| of_epoch.iter().find(|(place, _)| place.n == n);
        if let Some((_, other)) = at(n).filter(|(_, other)| *other != id) {
            return Order::Contradiction { other: *other };
        }
        if let Some((_, other)) = at(n - 1).filter(|(_, other)| *other != previous) {
            return Order::Contradiction { other: *other };
        }
        if n == 1 && previous != NOTHING_BEFORE {
            return Order::Contradiction { other: previous };
        }
        if let Some((next, _)) = at(n + 1).filter(|(next, _)| next.previous != id) {
            return Order::Contradiction { other: next.previous };
        }
        if at(n).is_some() {
            return Order::Repeated;
        }
        let highest = of_epoch.iter().map(|(place, _)| place.n).max().unwrap_or(0);
        let anew = epoch > self.epoch && self.epoch > 0;
        let order = match n {
            n if n < highest => Order::Late,
            n if n > highest + 1 && anew => Order::NewEpochGap { from: 1, to: n - 1 },
            n if n > highest + 1 => Order::Gap { from: highest + 1, to: n - 1 },
            _ if self.epoch == 0 => Order::First,
            _ if anew => Order::NewEpoch,
            _ => Order::InOrder,
        };
        self.epoch = epoch;
        self.taken.push((place, id));
        order
    }

    fn missing(&self) -> Vec<u64> {
        let came: Vec<u64> = self
            .taken
            .iter()
            .filter(|(place, _)| place.epoch == self.epoch)
            .map(|(place, _)| place.n)
            .collect();
        (1..came.iter().copied().max().unwrap_or(0)).filter(|n| !came.contains(n)).collect()
    }
}

/// Messages of a sender that may be honest, restored, or of two minds: few enough places that they meet.
fn message() -> impl Strategy<Value = (Place, EnvelopeId)> {
    let named = |epoch: u64, n: u64, face: u8| {
        if n == 0 { NOTHING_BEFORE } else { id(&format!("{epoch} {n} {face}")) }
    };
    let face = prop_oneof![9 => Just(0_u8), 1 => Just(1_u8)];
    let epoch = prop_oneof![1 => Just(0_u64), 12 => Just(1_u64), 6 => Just(2_u64), 1 => Just(3_u64)];
    (epoch, 0_u64..12, face.clone(), face).prop_map(move |(epoch, n, own, before)| {
        let previous = named(epoch, n.saturating_sub(1), before);
        (Place { epoch, n, previous }, named(epoch, n, own))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_tracker_says_what_one_that_forgets_nothing_says(
        messages in proptest::collection::vec(message(), 0..60)
    ) {
        let (mut tracker, mut simple) = (SequenceState::default(), Simple::default());
        for (place, id) in messages {
            let expected = simple.accept(place, id);
            let found = tracker.accept(place.epoch, place.n, place.previous, id);
            prop_assert_eq!(found, expected, "{:?}", place);
            let mut missing = tracker.missing().to_vec();
            missing.sort_unstable();
            prop_assert_eq!(missing, simple.missing());
            // A node that was stopped in between goes on as if it had not been.
            tracker = SequenceState::from_bytes(&tracker.to_bytes().unwrap()).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Numbers of an honest sender that wander, leave gaps of any size and come back to them.
    #[test]
    fn what_the_tracker_forgets_is_old_and_it_says_so(
        steps in proptest::collection::vec((0_u64..700, 0_u64..4), 0..900)
    ) {
        let (mut tracker, mut simple) = (SequenceState::default(), Simple::default());
        let named = |n: u64| if n == 0 { NOTHING_BEFORE } else { id(&n.to_string()) };
        for (back, ahead) in steps {
            let highest = tracker.newest().1;
            // Mostly onwards, by one or a few; else somewhere behind.
            let n = if ahead > 0 { highest + ahead } else { highest.saturating_sub(back).max(1) };
            let place = Place { epoch: 1, n, previous: named(n - 1) };
            let expected = simple.accept(place, named(n));
            let found = tracker.accept(1, n, place.previous, named(n));
            if found == Order::Forgotten {
                let newer = simple.taken.iter().filter(|(taken, _)| taken.n > n).count();
                let missing = simple.missing().into_iter().filter(|missing| *missing > n).count();
                prop_assert!(newer >= 256 || missing >= 256, "{n} of {highest}: {newer}, {missing}");
                // The simple one remembers it now; so that both go on alike, it forgets again.
                if expected == Order::Late {
                    simple.taken.pop();
                }
            } else {
                prop_assert_eq!(found, expected, "{:?}", place);
            }
        }
    }
}
