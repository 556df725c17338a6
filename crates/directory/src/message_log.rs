//! Which checkpoints of a relay's message log count: those of the network as it is, and those that were made
//! under each network before it that named the relay.
//!
//! A proof that a message lies in a log is kept for years, and the network changes meanwhile: witnesses come and
//! go, a relay gets other log keys or leaves. What its witnesses had seen before does not become unseen by that. A
//! former network's witnesses count only for the time up to its end: whoever is no witness any more says nothing
//! new.

use pouch_tlog::Policy;
use pouch_wire::{Timestamp, limits};

use crate::charter::Relay;
use crate::period::Period;
use crate::state::Network;
use crate::view::View;

impl<'a> View<'a> {
    /// The policies under which checkpoints of a relay's message log count, the newest network's first; none when
    /// no network ever named that relay. One of them is enough.
    #[must_use]
    pub fn message_policies(&self, relay: &str) -> Vec<Policy> {
        let mut newer: Option<&Policy> = None;
        let mut policies = Vec::new();
        for period in self.networks() {
            let Some(policy) = period.value.policies.messages.get(relay) else { continue };
            // What did not change for this log counts for the longer of both times.
            if newer.replace(policy) == Some(policy) {
                continue;
            }
            policies.push(match self.ended(period) {
                Some(until) => policy.clone().counting_until(until),
                None => policy.clone(),
            });
        }
        policies
    }

    /// A relay as each network named it, the newest first.
    pub fn relay_history(&self, name: &str) -> impl Iterator<Item = &'a Relay> {
        self.networks()
            .filter_map(move |period| period.value.relays.iter().find(|relay| *relay.name == *name))
    }

    fn networks(&self) -> impl Iterator<Item = &'a Period<Network>> + use<'a> {
        let size = self.size();
        self.state().network.all().iter().rev().filter(move |period| period.from < size)
    }

    /// When a network was surely over for everybody: at the first entry after the one that changed it. That one may
    /// have been drafted weeks before it was entered, as its endorsements travel. Two honest clocks may differ.
    fn ended(&self, period: &Period<Network>) -> Option<Timestamp> {
        let changed = period.until.filter(|index| *index < self.size())?;
        let next = self.state().logged_from.range(changed.saturating_add(1)..self.size()).next();
        next.map(|(_, at)| Timestamp(at.0.saturating_add(limits::CLOCK_SKEW_MS_MAX)))
    }
}
