//! Whose turn it is among those of one class: deficit round robin, in bytes.
//!
//! Turns by number would give a sender of large messages as many times more as its messages are larger, and
//! by age everything to whoever came first with most. Here each sender saves up a quantum in every round, and
//! spends what its message weighs. What was saved is gone when nothing waits: nobody saves up for a flood.

use std::collections::{HashMap, VecDeque};

use pouch_wire::{ContactPoint, Member};

/// What a sender saves up in a round: one piece of a payload.
const QUANTUM: u64 = 64 * 1024;
/// What a message weighs at least: checking, storing and handing over cost as much for a short one.
const WEIGHS_MIN: u64 = 4 * 1024;

/// What a message of so many bytes weighs in a round.
pub(crate) fn weight(bytes: u64) -> u64 {
    bytes.max(WEIGHS_MIN)
}

/// The members of one class, in the order of their turns, and in each its offices: a member with many offices
/// has no more turns than one with a single office, and within it they take turns message by message.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    order: VecDeque<Member>,
    saved: HashMap<Member, u64>,
    offices: HashMap<Member, VecDeque<ContactPoint>>,
}

impl Rounds {
    /// Whose message goes next; `heads` says what the next message of each office weighs that has one which
    /// may go. Who `stays` keeps its place: one of its messages is under way.
    pub(crate) fn next(
        &mut self,
        heads: &HashMap<ContactPoint, u64>,
        stays: impl Fn(&ContactPoint) -> bool,
    ) -> Option<ContactPoint> {
        self.come_and_go(heads, stays);
        let next: HashMap<Member, (ContactPoint, u64)> = self
            .offices
            .iter()
            .filter_map(|(member, offices)| {
                let office = offices.iter().find(|office| heads.contains_key(*office))?;
                Some((member.clone(), (office.clone(), *heads.get(office)?)))
            })
            .collect();
        self.save_whole_rounds(&next);
        if next.is_empty() {
            return None;
        }
        loop {
            let can_pay = |member: &&Member| {
                let saved = self.saved.get(*member).copied().unwrap_or(0);
                next.get(*member).is_some_and(|(_, weight)| *weight <= saved)
            };
            if let Some(member) = self.order.iter().find(can_pay).cloned() {
                let (office, weight) = next.get(&member)?;
                let saved = self.saved.entry(member.clone()).or_default();
                *saved = saved.saturating_sub(*weight);
                let offices = self.offices.entry(member).or_default();
                offices.retain(|other| other != office);
                offices.push_back(office.clone());
                return Some(office.clone());
            }
            // Nobody can: the next that wants to saves up.
            let member = self.order.front()?.clone();
            if next.contains_key(&member) {
                let saved = self.saved.entry(member).or_default();
                *saved = saved.saturating_add(QUANTUM);
            }
            self.order.rotate_left(1);
        }
    }

    /// What was to go next cannot yet: its sender is the next again.
    pub(crate) fn not_now(&mut self, office: &ContactPoint, weight: u64) {
        if let Some(saved) = self.saved.get_mut(&office.member) {
            *saved = saved.saturating_add(weight);
        }
        if let Some(offices) = self.offices.get_mut(&office.member) {
            offices.retain(|other| other != office);
            offices.push_front(office.clone());
        }
    }

    fn come_and_go(&mut self, heads: &HashMap<ContactPoint, u64>, stays: impl Fn(&ContactPoint) -> bool) {
        for offices in self.offices.values_mut() {
            offices.retain(|office| heads.contains_key(office) || stays(office));
        }
        self.offices.retain(|_, offices| !offices.is_empty());
        self.order.retain(|member| self.offices.contains_key(member));
        self.saved.retain(|member, _| self.offices.contains_key(member));
        let known = |office: &ContactPoint| {
            self.offices.get(&office.member).is_some_and(|offices| offices.contains(office))
        };
        let mut new: Vec<ContactPoint> = heads.keys().filter(|office| !known(office)).cloned().collect();
        // Of those that come at the same moment the order must not hang on chance.
        new.sort();
        for office in new {
            if !self.saved.contains_key(&office.member) {
                self.saved.insert(office.member.clone(), 0);
                self.order.push_back(office.member.clone());
            }
            self.offices.entry(office.member.clone()).or_default().push_back(office);
        }
    }

    /// Rounds in which nobody could go are not walked one by one: a large message would need hundreds.
    fn save_whole_rounds(&mut self, next: &HashMap<Member, (ContactPoint, u64)>) {
        let missing = |(member, (_, weight)): (&Member, &(ContactPoint, u64))| {
            weight.saturating_sub(self.saved.get(member).copied().unwrap_or(0))
        };
        let least = next.iter().map(missing).min().unwrap_or(0);
        let whole = least.checked_div(QUANTUM).unwrap_or(0).saturating_sub(1).saturating_mul(QUANTUM);
        for (_, saved) in self.saved.iter_mut().filter(|(member, _)| next.contains_key(*member)) {
            *saved = saved.saturating_add(whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office(name: &str) -> ContactPoint {
        format!("{name}/technical").parse().unwrap()
    }

    /// What goes in so many turns when each of these senders always has a message of this size.
    fn served(rounds: &mut Rounds, sizes: &[(&str, u64)], turns: usize) -> HashMap<String, u64> {
        let heads: HashMap<_, _> = sizes.iter().map(|(name, bytes)| (office(name), weight(*bytes))).collect();
        let mut served = HashMap::new();
        for _ in 0..turns {
            let next = rounds.next(&heads, |_| false).unwrap();
            let so_far: &mut u64 = served.entry(next.member.to_string()).or_default();
            *so_far = so_far.saturating_add(heads[&next]);
        }
        served
    }

    #[test]
    fn who_sends_large_messages_gets_no_more_bytes_than_who_sends_small_ones() {
        let mut rounds = Rounds::default();
        let served = served(&mut rounds, &[("LA", 1 << 20), ("SM", 16 * 1024), ("MI", 100_000)], 3000);
        let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
        assert!(most - least <= 2 << 20, "{served:?}");
    }

    #[test]
    fn a_message_of_nothing_weighs_something() {
        let mut rounds = Rounds::default();
        let served = served(&mut rounds, &[("EM", 0), ("RE", 64 * 1024)], 340);
        assert!(served["EM"].abs_diff(served["RE"]) <= 2 * QUANTUM, "{served:?}");
    }

    #[test]
    fn nobody_saves_up_while_nothing_of_it_waits() {
        let mut rounds = Rounds::default();
        served(&mut rounds, &[("AA", 1 << 20), ("BB", 1 << 20)], 9);
        let alone = HashMap::from([(office("BB"), weight(1 << 20))]);
        assert_eq!(rounds.next(&alone, |_| false), Some(office("BB")));
        assert_eq!(rounds.saved.keys().collect::<Vec<_>>(), [&office("BB").member]);
    }

    #[test]
    fn who_has_one_under_way_keeps_what_it_saved() {
        let mut rounds = Rounds::default();
        let both = HashMap::from([(office("AA"), weight(0)), (office("BB"), weight(0))]);
        assert_eq!(rounds.next(&both, |_| false), Some(office("AA")));
        let saved = rounds.saved[&office("AA").member];
        let other = HashMap::from([(office("BB"), weight(0))]);
        assert_eq!(rounds.next(&other, |sender| *sender == office("AA")), Some(office("BB")));
        assert_eq!(rounds.saved[&office("AA").member], saved);
    }

    #[test]
    fn nobody_waits_for_ever_when_nothing_may_go() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.next(&HashMap::new(), |_| true), None);
        served(&mut rounds, &[("AA", 1)], 1);
        assert_eq!(rounds.next(&HashMap::new(), |_| true), None);
        // The largest message there can be needs no long walk.
        let huge = HashMap::from([(office("AA"), u64::MAX / 2)]);
        assert_eq!(rounds.next(&huge, |_| false), Some(office("AA")));
    }

    #[test]
    fn a_member_with_many_offices_has_no_more_turns_than_one_with_a_single_office() {
        let mut rounds = Rounds::default();
        let many = (0..9).map(|n| format!("BA/node-{n}").parse().unwrap());
        let heads: HashMap<ContactPoint, u64> =
            many.chain([office("NL")]).map(|office| (office, weight(1 << 20))).collect();
        let mut went: HashMap<ContactPoint, u32> = HashMap::new();
        for _ in 0..180 {
            *went.entry(rounds.next(&heads, |_| false).unwrap()).or_default() += 1;
        }
        assert_eq!(went.remove(&office("NL")), Some(90));
        assert!(went.values().all(|count| *count == 10), "within a member by turns: {went:?}");
    }

    #[test]
    fn who_could_not_go_is_the_next_again() {
        let mut rounds = Rounds::default();
        let heads = HashMap::from([(office("AA"), weight(0)), (office("BB"), weight(0))]);
        let first = rounds.next(&heads, |_| false).unwrap();
        rounds.not_now(&first, weight(0));
        assert_eq!(rounds.next(&heads, |_| false), Some(first));
    }
}
