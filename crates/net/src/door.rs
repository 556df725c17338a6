//! The relay's door: who is let in, who must first prove an address, who is turned away, and what is told
//! of it.
//!
//! Three questions, each cheaper than what it protects. Before anything is kept: is there pressure, and
//! did this address prove itself? Before the handshake's arithmetic: did its prefix have its share? After
//! the key is proved, and not before, since anybody can show another's key: does this key come too often?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pouch_crypto::PublicKey;
use pouch_wire::KeyId;
use tracing::{info, warn};

use crate::bucket::Bucket;
use crate::limits::Limits;
use crate::prefixes::Prefixes;
use crate::pressure::{Pressure, Verdict};
use crate::tally::Tally;

/// What every connection of a listener passes.
#[derive(Debug)]
pub(crate) struct Door {
    limits: Limits,
    half_open: AtomicUsize,
    stopping: AtomicBool,
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    pressure: Pressure,
    prefixes: Prefixes,
    keys: HashMap<KeyId, Bucket>,
    tally: Tally,
    requests: Tally,
}

/// Keys whose buckets are kept before full ones are forgotten. Only keys of the directory get one.
const KEYS: usize = 1024;
/// Why a connection is turned away for which there is no room.
pub(crate) const NO_ROOM: &str = "without room for one more";

impl Door {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let watch = Watch {
            pressure: Pressure::new(limits),
            prefixes: Prefixes::new(limits),
            keys: HashMap::new(),
            tally: Tally::default(),
            requests: Tally::default(),
        };
        let (half_open, stopping) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { limits: limits.clone(), half_open, stopping, watch: Mutex::new(watch) })
    }

    /// Handshakes that have begun and are not over.
    pub(crate) fn half_open(&self) -> usize {
        self.half_open.load(Ordering::Relaxed)
    }

    /// Lets nobody in from now on.
    pub(crate) fn shut(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Judges a connection over QUIC that came at `now`.
    pub(crate) fn judge(&self, now: Instant, from: IpAddr, address_proved: bool) -> Verdict {
        if self.is_shut() {
            return Verdict::Refuse;
        }
        match self.pressure(now, address_proved) {
            // Of an address that is not proved nothing is counted: whoever writes the honest node's address
            // on a packet would use up its share.
            Verdict::Admit if address_proved && !self.proved(now, from) => Verdict::Refuse,
            Verdict::Retry => {
                self.turned_away(now, "asked to prove their address");
                Verdict::Retry
            }
            Verdict::Refuse => {
                self.turned_away(now, NO_ROOM);
                Verdict::Refuse
            }
            Verdict::Admit => Verdict::Admit,
        }
    }

    fn pressure(&self, now: Instant, address_proved: bool) -> Verdict {
        let half_open = self.half_open();
        self.watch().pressure.judge(now, half_open, address_proved)
    }

    /// Whether a connection from an address that is proved may begin its handshake. Every one over TCP comes
    /// with that proof, so that nothing else is asked of it here.
    pub(crate) fn proved(&self, now: Instant, from: IpAddr) -> bool {
        if self.is_shut() {
            return false;
        }
        let share = self.watch().prefixes.take(from, now);
        if !share {
            self.turned_away(now, "from prefixes that had their share");
        }
        share
    }

    fn is_shut(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a key that is proved and known may have one more session.
    pub(crate) fn admits(&self, now: Instant, key: &PublicKey, from: IpAddr) -> bool {
        let rate = self.limits.per_key;
        let mut watch = self.watch();
        watch.prefixes.known(from, now);
        if watch.keys.len() >= KEYS {
            watch.keys.retain(|_, bucket| !bucket.is_full(rate, now));
        }
        watch.keys.entry(key.id()).or_insert_with(|| Bucket::full(rate, now)).take(rate, now)
    }

    /// A connection did not become a session: by a code, or in words.
    pub(crate) fn turned_away(&self, now: Instant, what: &'static str) {
        let told = self.watch().tally.count(what, now);
        if let Some(since) = told {
            warn!(code = "POUCH-NET-63", since, "connections turned away");
        }
    }

    /// A request on a session was refused.
    pub(crate) fn refused(&self, now: Instant, code: &str) {
        let told = self.watch().requests.count(code, now);
        if let Some(since) = told {
            info!(code = "POUCH-NET-64", since, "requests refused");
        }
    }
}

#[cfg(test)]
impl Door {
    /// What was turned away and refused and is not told yet.
    pub(crate) fn untold(&self) -> Vec<String> {
        let watch = self.watch();
        watch.tally.untold().chain(watch.requests.untold()).collect()
    }
}

/// Counts a handshake for as long as it lives.
#[derive(Debug)]
pub(crate) struct HalfOpen(Arc<Door>);

impl HalfOpen {
    pub(crate) fn begin(door: &Arc<Door>) -> Self {
        door.half_open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(door))
    }

    pub(crate) fn door(&self) -> Arc<Door> {
        Arc::clone(&self.0)
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.0.half_open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::bucket::Rate;

    fn door(limits: Limits) -> Arc<Door> {
        let small = Rate { per_second: 1, burst: 2 };
        Door::new(&Limits { per_prefix: small, per_key: small, ..limits })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn whoever_writes_anothers_address_on_packets_takes_nothing_of_its_share() {
        let (door, now) = (door(Limits::default()), Instant::now());
        for _ in 0..100 {
            assert_eq!(door.judge(now, ip("192.0.2.1"), false), Verdict::Admit);
        }
        assert_eq!(door.judge(now, ip("192.0.2.1"), true), Verdict::Admit);
        assert_eq!(door.judge(now, ip("192.0.2.2"), true), Verdict::Admit);
        assert_eq!(door.judge(now, ip("192.0.2.3"), true), Verdict::Refuse);
        assert_eq!(door.judge(now, ip("192.0.3.1"), true), Verdict::Admit);
    }

    #[test]
    fn who_is_asked_for_proof_first_takes_nothing_yet() {
        let (door, now) = (door(Limits { half_open_retry: 0, ..Limits::default() }), Instant::now());
        let _one = HalfOpen::begin(&door);
        for _ in 0..10 {
            assert_eq!(door.judge(now, ip("192.0.2.1"), false), Verdict::Retry);
        }
        assert_eq!(door.judge(now, ip("192.0.2.1"), true), Verdict::Admit);
    }

    #[test]
    fn a_key_that_comes_too_often_waits_and_others_do_not() {
        let (door, now) = (door(Limits::default()), Instant::now());
        let key = |seed| pouch_crypto::SigningKey::from_seed(&[seed; 32]).public();
        let admits = |seed, now| door.admits(now, &key(seed), ip("192.0.2.1"));
        assert_eq!([admits(1, now), admits(1, now), admits(1, now)], [true, true, false]);
        assert!(admits(2, now));
        assert!(admits(1, now + Duration::from_secs(1)));
    }

    #[test]
    fn what_comes_over_one_carrier_is_no_pressure_on_the_other() {
        let (limits, now) =
            (Limits { half_open_max: 1, initials_retry: 1, ..Limits::default() }, Instant::now());
        let door = Door::new(&limits);
        for _ in 0..100 {
            assert!(door.proved(now, ip("192.0.2.1")));
        }
        assert_eq!(door.judge(now, ip("192.0.2.2"), false), Verdict::Admit, "nobody asks it for proof");
        let _one = HalfOpen::begin(&door);
        assert_eq!(door.judge(now, ip("192.0.2.2"), true), Verdict::Refuse, "QUIC is full");
        assert!(door.proved(now, ip("192.0.2.2")));
    }

    #[test]
    fn a_door_that_is_shut_lets_nobody_in() {
        let door = door(Limits::default());
        door.shut();
        assert!(!door.proved(Instant::now(), ip("192.0.2.1")));
        assert_eq!(door.judge(Instant::now(), ip("192.0.2.1"), true), Verdict::Refuse);
    }
}
