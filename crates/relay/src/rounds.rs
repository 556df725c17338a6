//! Whose turn it is among those of one class: deficit round robin, in bytes.
//!
//! Turns by number would give a sender of large messages as many times more as its messages are larger, and
//! by age everything to whoever came first with most. Here each sender saves up a quantum in every round, and
//! spends what its message weighs. What was saved is gone when nothing waits: nobody saves up for a flood.

use std::collections::{HashMap, VecDeque};

use pouch_wire::ContactPoint;

/// What a sender saves up in a round: one piece of a payload.
const QUANTUM: u64 = 64 * 1024;
/// What a message weighs at least: checking, storing and handing over cost as much for a short one.
const WEIGHS_MIN: u64 = 4 * 1024;

/// What a message of so many bytes weighs in a round.
pub(crate) fn weight(bytes: u64) -> u64 {
    bytes.max(WEIGHS_MIN)
}

/// The senders of one class, in the order of their turns.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    order: VecDeque<ContactPoint>,
    saved: HashMap<ContactPoint, u64>,
}

impl Rounds {
    /// Whose message goes next; `heads` says what the next message of each sender weighs that has one which
    /// may go. It keeps the place of senders that `stay`: theirs is under way.
    pub(crate) fn next(
        &mut self,
        heads: &HashMap<ContactPoint, u64>,
        stays: impl Fn(&ContactPoint) -> bool,
    ) -> Option<ContactPoint> {
        self.order.retain(|sender| heads.contains_key(sender) || stays(sender));
        self.saved.retain(|sender, _| heads.contains_key(sender) || stays(sender));
        let mut new: Vec<_> = heads.keys().filter(|sender| !self.saved.contains_key(*sender)).collect();
        // Of those that come at the same moment the order must not hang on chance.
        new.sort();
        for sender in new {
            self.saved.insert(sender.clone(), 0);
            self.order.push_back(sender.clone());
        }
        self.save_whole_rounds(heads);
        loop {
            let sender = self.order.front()?.clone();
            match (heads.get(&sender), self.saved.get_mut(&sender)) {
                (Some(weight), Some(saved)) if *weight <= *saved => {
                    *saved = saved.saturating_sub(*weight);
                    return Some(sender);
                }
                (Some(_), Some(saved)) => *saved = saved.saturating_add(QUANTUM),
                // Nothing of it may go now. Somebody's may, or there is nobody to wait for.
                _ if heads.is_empty() => return None,
                _ => {}
            }
            self.order.rotate_left(1);
        }
    }

    /// What was to go next cannot yet: its sender is the next again.
    pub(crate) fn not_now(&mut self, sender: &ContactPoint, weight: u64) {
        if let Some(saved) = self.saved.get_mut(sender) {
            *saved = saved.saturating_add(weight);
        }
    }

    /// Rounds in which nobody could go are not walked one by one: a large message would need hundreds.
    fn save_whole_rounds(&mut self, heads: &HashMap<ContactPoint, u64>) {
        let missing = |(sender, weight): (&ContactPoint, &u64)| {
            weight.saturating_sub(self.saved.get(sender).copied().unwrap_or(0))
        };
        let least = heads.iter().map(missing).min().unwrap_or(0);
        let whole = least.checked_div(QUANTUM).unwrap_or(0).saturating_sub(1).saturating_mul(QUANTUM);
        for (_, saved) in self.saved.iter_mut().filter(|(sender, _)| heads.contains_key(*sender)) {
            *saved = saved.saturating_add(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office(name: &str) -> ContactPoint {
        format!("NL/{name}").parse().unwrap()
    }

    /// What goes in so many turns when each of these senders always has a message of this size.
    fn served(rounds: &mut Rounds, sizes: &[(&str, u64)], turns: usize) -> HashMap<String, u64> {
        let heads: HashMap<_, _> = sizes.iter().map(|(name, bytes)| (office(name), weight(*bytes))).collect();
        let mut served = HashMap::new();
        for _ in 0..turns {
            let next = rounds.next(&heads, |_| false).unwrap();
            *served.entry(next.office.to_string()).or_default() += heads[&next];
        }
        served
    }

    #[test]
    fn who_sends_large_messages_gets_no_more_bytes_than_who_sends_small_ones() {
        let mut rounds = Rounds::default();
        let served = served(&mut rounds, &[("large", 1 << 20), ("small", 16 * 1024), ("mid", 100_000)], 3000);
        let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
        assert!(most - least <= 2 << 20, "{served:?}");
    }

    #[test]
    fn a_message_of_nothing_weighs_something() {
        let mut rounds = Rounds::default();
        let served = served(&mut rounds, &[("empty", 0), ("real", 64 * 1024)], 340);
        assert!(served["empty"].abs_diff(served["real"]) <= 2 * QUANTUM, "{served:?}");
    }

    #[test]
    fn nobody_saves_up_while_nothing_of_it_waits() {
        let mut rounds = Rounds::default();
        served(&mut rounds, &[("aa", 1 << 20), ("bb", 1 << 20)], 9);
        let alone = HashMap::from([(office("bb"), weight(1 << 20))]);
        assert_eq!(rounds.next(&alone, |_| false), Some(office("bb")));
        assert_eq!(rounds.saved.keys().collect::<Vec<_>>(), [&office("bb")]);
    }

    #[test]
    fn who_has_one_under_way_keeps_what_it_saved() {
        let mut rounds = Rounds::default();
        let both = HashMap::from([(office("aa"), weight(0)), (office("bb"), weight(0))]);
        assert_eq!(rounds.next(&both, |_| false), Some(office("aa")));
        let saved = rounds.saved[&office("aa")];
        let other = HashMap::from([(office("bb"), weight(0))]);
        assert_eq!(rounds.next(&other, |sender| *sender == office("aa")), Some(office("bb")));
        assert_eq!(rounds.saved[&office("aa")], saved);
    }

    #[test]
    fn nobody_waits_for_ever_when_nothing_may_go() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.next(&HashMap::new(), |_| true), None);
        served(&mut rounds, &[("aa", 1)], 1);
        assert_eq!(rounds.next(&HashMap::new(), |_| true), None);
        // The largest message there can be needs no long walk.
        let huge = HashMap::from([(office("aa"), u64::MAX / 2)]);
        assert_eq!(rounds.next(&huge, |_| false), Some(office("aa")));
    }
}
