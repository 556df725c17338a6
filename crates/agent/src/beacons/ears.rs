//! How much of what relays hand over is looked at, at a time: each relay has its own share, so that one
//! that hands over too much keeps nobody else's beacons from being heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pouch_wire::{ContactPoint, limits};

/// So many beacons of one relay are looked at, at a time: twice what it hands over at once to a node that
/// comes.
const AT_ONCE: usize = limits::BEACON_PEERS.saturating_mul(2);

/// What is looked at now, and what of it waits for the directory.
#[derive(Debug, Default)]
pub(crate) struct Ears(Mutex<Busy>);

#[derive(Debug, Default)]
struct Busy {
    /// By relay.
    looked_at: BTreeMap<String, usize>,
    /// Of whom a relay's beacon waits.
    waiting: BTreeSet<(String, ContactPoint)>,
}

/// A beacon of a relay is looked at as long as this lives.
#[derive(Debug)]
pub(crate) struct Slot {
    ears: Arc<Ears>,
    relay: String,
}

/// A beacon of a relay and a sender waits as long as this lives.
#[derive(Debug)]
pub(crate) struct Waits<'a> {
    slot: &'a Slot,
    sender: ContactPoint,
}

impl Ears {
    fn busy(&self) -> MutexGuard<'_, Busy> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one more beacon of this relay; `None` while as many are looked at as may be.
    pub(crate) fn listen(self: &Arc<Self>, relay: &str) -> Option<Slot> {
        let mut busy = self.busy();
        let looked_at = busy.looked_at.entry(relay.to_owned()).or_default();
        if *looked_at >= AT_ONCE {
            return None;
        }
        *looked_at = looked_at.saturating_add(1);
        Some(Slot { ears: self.clone(), relay: relay.to_owned() })
    }
}

impl Slot {
    /// Which relay handed it over.
    pub(crate) fn relay(&self) -> &str {
        &self.relay
    }

    /// One of each relay and sender may wait for the directory: what is not proved must not pile up.
    pub(crate) fn wait(&self, sender: &ContactPoint) -> Option<Waits<'_>> {
        let is_first = self.ears.busy().waiting.insert((self.relay.clone(), sender.clone()));
        is_first.then(|| Waits { slot: self, sender: sender.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut busy = self.ears.busy();
        if let Some(looked_at) = busy.looked_at.get_mut(&self.relay) {
            *looked_at = looked_at.saturating_sub(1);
        }
        busy.looked_at.retain(|_, count| *count > 0);
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.slot.ears.busy().waiting.remove(&(self.slot.relay.clone(), self.sender.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_hands_over_too_much_keeps_no_other_from_being_heard() {
        let ears = Arc::new(Ears::default());
        let mut held: Vec<Slot> = Vec::new();
        held.extend((0..AT_ONCE * 2).filter_map(|_| ears.listen("hostile")));
        assert_eq!(held.len(), AT_ONCE);
        let honest = ears.listen("honest").unwrap();
        assert_eq!(honest.relay(), "honest");
        held.pop();
        assert!(ears.listen("hostile").is_some(), "there is room again");
        drop((held, honest));
        assert!(ears.busy().looked_at.is_empty());
    }

    #[test]
    fn of_each_relay_and_sender_one_beacon_waits() {
        let ears = Arc::new(Ears::default());
        let nl: ContactPoint = "NL/technical".parse().unwrap();
        let md: ContactPoint = "MD/policy".parse().unwrap();
        let (hostile, honest) = (ears.listen("hostile").unwrap(), ears.listen("honest").unwrap());
        let waits = hostile.wait(&nl).unwrap();
        assert!(hostile.wait(&nl).is_none());
        let others = (hostile.wait(&md), honest.wait(&nl));
        assert!(others.0.is_some() && others.1.is_some());
        drop(waits);
        assert!(hostile.wait(&nl).is_some());
    }
}
