//! Virtual time, the ordered queue of what happens next, and the trace of what happened.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pouch_crypto::sha256;
use pouch_wire::Timestamp;

/// 2026-11-24T03:00:00Z, when every run begins.
pub(crate) const BEGIN: u64 = 1_795_489_200_000;
pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// What happens when. Of two things at one moment, the one that was planned first comes first.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    now: u64,
    planned: u64,
    heap: BinaryHeap<Reverse<(u64, u64, Planned<E>)>>,
}

/// Carries an event through the heap without taking part in its order.
#[derive(Debug)]
struct Planned<E>(E);

impl<E> PartialEq for Planned<E> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl<E> Eq for Planned<E> {}
impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Planned<E> {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self { now: 0, planned: 0, heap: BinaryHeap::new() }
    }

    /// Milliseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// What a clock shows that is off by so much.
    pub(crate) fn clock(&self, skew: i64) -> Timestamp {
        Timestamp(BEGIN.saturating_add_signed(skew).saturating_add(self.now))
    }

    pub(crate) fn at(&mut self, when: u64, event: E) {
        self.planned += 1;
        self.heap.push(Reverse((when.max(self.now), self.planned, Planned(event))));
    }

    pub(crate) fn after(&mut self, wait: u64, event: E) {
        self.at(self.now + wait, event);
    }

    /// Moves the time on to the next event.
    pub(crate) fn next(&mut self) -> Option<E> {
        let Reverse((when, _, Planned(event))) = self.heap.pop()?;
        self.now = when;
        Some(event)
    }
}

/// What happened, as one hash, and in words when somebody wants to read it.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: [u8; 32],
    told: bool,
    pub(crate) steps: u64,
}

impl Trace {
    pub(crate) fn new(told: bool) -> Self {
        Self { hash: [0; 32], told, steps: 0 }
    }

    pub(crate) fn tell(&mut self, now: u64, words: &str) {
        let line = format!("{:>6}.{:03} {words}", now / SECOND, now % SECOND);
        self.hash = *sha256(&[self.hash.as_slice(), line.as_bytes()].concat()).as_bytes();
        if self.told {
            eprintln!("{line}");
        }
    }

    pub(crate) fn hash(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
