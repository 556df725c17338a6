//! How many handshakes one part of the internet may ask of us.
//!
//! Whoever has proved an address may begin some, counted by prefix: an attacker has many addresses, and
//! they lie side by side. Prefixes from which a known key came have a bucket of their own; all the others
//! share one more, so that a botnet in many prefixes does not shut the members out. Memory is bounded: a
//! prefix that finds no room is judged by the shared bucket alone, and those of members take half of it at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::limits::Limits;

/// A network, as a provider gives it to one customer: IPv4 /24, IPv6 /56.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Prefix {
    V4([u8; 3]),
    V6([u8; 7]),
}

impl Prefix {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(four) => {
                let [a, b, c, _] = four.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(six) => {
                let [a, b, c, d, e, f, g, ..] = six.octets();
                Self::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

#[derive(Debug)]
struct Entry {
    bucket: Bucket,
    /// When a key that the directory knows came from there last.
    known: Option<Instant>,
}

/// The buckets.
#[derive(Debug)]
pub(crate) struct Prefixes {
    limits: Limits,
    entries: HashMap<Prefix, Entry>,
    strangers: Option<Bucket>,
    swept: Option<Instant>,
}

/// How often room is looked for at most: a flood of new prefixes must not cost a search each.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl Prefixes {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), entries: HashMap::new(), strangers: None, swept: None }
    }

    /// Whether one more handshake may begin from this address, which is proved.
    pub(crate) fn take(&mut self, address: IpAddr, now: Instant) -> bool {
        let prefix = Prefix::of(address);
        let rate = self.limits.per_prefix;
        if !self.entries.contains_key(&prefix) && self.has_room(now) {
            self.entries.insert(prefix, Entry { bucket: Bucket::full(rate, now), known: None });
        }
        let entry = self.entries.get_mut(&prefix);
        let known = entry.as_ref().is_some_and(|entry| entry.known.is_some());
        if entry.is_some_and(|entry| !entry.bucket.take(rate, now)) {
            return false;
        }
        let all = self.limits.all_strangers;
        known || self.strangers.get_or_insert_with(|| Bucket::full(all, now)).take(all, now)
    }

    /// A key that the directory knows came from there.
    pub(crate) fn known(&mut self, address: IpAddr, now: Instant) {
        let prefix = Prefix::of(address);
        if !self.entries.contains_key(&prefix) && !self.has_room(now) {
            return;
        }
        let full = Bucket::full(self.limits.per_prefix, now);
        let entry = self.entries.entry(prefix).or_insert(Entry { bucket: full, known: None });
        if entry.known.replace(now).is_none() {
            self.leave_half_to_strangers();
        }
    }

    /// A node that travels leaves prefixes behind, which nobody says are over: what nobody came from for
    /// longest is a stranger again.
    fn leave_half_to_strangers(&mut self) {
        let known = self.entries.values().filter(|entry| entry.known.is_some()).count();
        if known <= (self.limits.prefixes / 2).max(1) {
            return;
        }
        let members = self.entries.values_mut().filter(|entry| entry.known.is_some());
        if let Some(oldest) = members.min_by_key(|entry| entry.known) {
            oldest.known = None;
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        let due = self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP_EVERY);
        if self.entries.len() >= self.limits.prefixes && due {
            self.swept = Some(now);
            let rate = self.limits.per_prefix;
            self.entries.retain(|_, entry| entry.known.is_some() || !entry.bucket.is_full(rate, now));
        }
        self.entries.len() < self.limits.prefixes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::Rate;

    fn prefixes(burst: u32, strangers: u32) -> Prefixes {
        let rate = |burst| Rate { per_second: 1, burst };
        let (per_prefix, all_strangers) = (rate(burst), rate(strangers));
        Prefixes::new(&Limits { per_prefix, all_strangers, prefixes: 3, ..Limits::default() })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn takes(prefixes: &mut Prefixes, address: &str, now: Instant) -> usize {
        (0..10).filter(|_| prefixes.take(ip(address), now)).count()
    }

    #[test]
    fn addresses_side_by_side_are_counted_together() {
        let (mut prefixes, now) = (prefixes(4, 100), Instant::now());
        assert_eq!(takes(&mut prefixes, "192.0.2.1", now), 4);
        assert_eq!(takes(&mut prefixes, "192.0.2.254", now), 0);
        assert_eq!(
            takes(&mut prefixes, "::ffff:192.0.2.7", now),
            0,
            "the same, as a socket of both kinds has it"
        );
        assert_eq!(takes(&mut prefixes, "192.0.3.1", now), 4);
        assert_eq!(takes(&mut prefixes, "2001:db8:0:aa00::1", now), 4);
        assert_eq!(takes(&mut prefixes, "2001:db8:0:aaff::1", now), 0);
    }

    #[test]
    fn strangers_from_everywhere_do_not_shut_out_where_a_member_came_from() {
        let (mut prefixes, now) = (prefixes(4, 6), Instant::now());
        prefixes.known(ip("192.0.2.1"), now);
        assert_eq!(takes(&mut prefixes, "198.51.100.1", now), 4);
        assert_eq!(takes(&mut prefixes, "203.0.113.1", now), 2, "what strangers share is used up");
        assert_eq!(takes(&mut prefixes, "192.0.2.9", now), 4);
        assert_eq!(takes(&mut prefixes, "192.0.2.9", now), 0, "and its own bucket has a bottom too");
    }

    #[test]
    fn memory_is_bounded_and_what_is_idle_makes_room() {
        let (mut prefixes, now) = (prefixes(2, 1000), Instant::now());
        prefixes.known(ip("192.0.2.1"), now);
        for n in 0..200 {
            prefixes.take(ip(&format!("10.0.{n}.1")), now);
        }
        assert_eq!(prefixes.entries.len(), 3);
        assert_eq!(takes(&mut prefixes, "10.9.9.9", now), 10, "without room the shared bucket decides");
        let later = now + Duration::from_secs(60);
        assert_eq!(takes(&mut prefixes, "10.9.9.9", later), 2, "the idle made room");
        assert_eq!(prefixes.entries.len(), 2);
        assert!(prefixes.entries.get(&Prefix::of(ip("192.0.2.1"))).unwrap().known.is_some());
    }

    #[test]
    fn of_what_members_left_behind_the_oldest_gives_way_and_strangers_have_half_of_the_room() {
        let (small, now) = (prefixes(4, 8), Instant::now());
        let mut prefixes = Prefixes::new(&Limits { prefixes: 4, ..small.limits });
        let second = |n| now + Duration::from_secs(n);
        for (n, came) in ["192.0.2.1", "198.51.100.1", "192.0.2.1", "203.0.113.1"].iter().enumerate() {
            prefixes.known(ip(came), second(u64::try_from(n).unwrap()));
        }
        let then = second(3);
        assert_eq!(takes(&mut prefixes, "10.0.1.1", then), 4, "a bucket of its own");
        assert_eq!(takes(&mut prefixes, "10.0.2.1", then), 4, "and one in the place of what gave way");
        assert_eq!(takes(&mut prefixes, "192.0.2.1", then), 4, "it came again");
        assert_eq!(takes(&mut prefixes, "203.0.113.1", then), 4, "it is the newest");
        assert_eq!(takes(&mut prefixes, "198.51.100.1", then), 0, "it came once, and is a stranger again");
    }
}
