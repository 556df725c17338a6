//! Whether this node has what its home relays kept for it: what a prekey's end waits for.
//!
//! No relay says that it has nothing more; but a relay delivers what waits as soon as a session is there.
//! So a node has everything when the sessions with all its home relays have been up and nothing has come
//! from them for a while. It must never say so while a delivery is under way. What other relays do says
//! nothing, and the wall clock is not asked: it can be moved.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::desk::Desk;

/// For how long nothing may have come. A relay brings what was not taken again within five minutes.
pub(crate) const QUIET: Duration = Duration::from_secs(600);

/// What one relay does.
#[derive(Debug, Default)]
struct Relay {
    /// Since when its session is up.
    up: Option<Instant>,
    /// Deliveries that began and did not end, and the bytes that they announced.
    under_way: usize,
    bytes: u64,
    /// Since when there has been no pause between deliveries.
    busy_since: Option<Instant>,
    /// When the last one ended.
    last_ended: Option<Instant>,
}

/// What is being delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy {
    /// Whether something is under way now.
    pub(crate) under_way: bool,
    /// How many bytes were announced and have not ended.
    pub(crate) bytes: u64,
    /// Whether a session came up lately: what had piled up may be coming.
    pub(crate) fresh: bool,
}

/// A pause between deliveries that ends what belongs together.
const PAUSE: Duration = Duration::from_secs(10);

impl Relay {
    fn is_busy(&self, now: Instant) -> bool {
        let lately = |ended: Instant| now.saturating_duration_since(ended) < PAUSE;
        self.under_way > 0 || self.last_ended.is_some_and(lately)
    }

    fn is_quiet(&self, now: Instant) -> bool {
        let for_long = |from: Instant| now.saturating_duration_since(from) >= QUIET;
        self.under_way == 0 && self.up.is_some_and(for_long) && self.last_ended.is_none_or(for_long)
    }
}

/// The sessions that are up, and what comes on them.
#[derive(Debug, Default)]
pub(crate) struct CaughtUp(BTreeMap<String, Relay>);

impl CaughtUp {
    /// A session with a relay is there.
    pub(crate) fn up(&mut self, relay: &str, now: Instant) {
        self.of(relay).up = Some(now);
    }

    /// The session with a relay is gone.
    pub(crate) fn down(&mut self, relay: &str) {
        self.of(relay).up = None;
    }

    /// A delivery begins.
    fn begins(&mut self, relay: &str, bytes: u64, now: Instant) {
        let relay = self.of(relay);
        if !relay.is_busy(now) {
            relay.busy_since = Some(now);
        }
        relay.under_way = relay.under_way.saturating_add(1);
        relay.bytes = relay.bytes.saturating_add(bytes);
    }

    /// A delivery ended, whatever came of it.
    fn ends(&mut self, relay: &str, bytes: u64, now: Instant) {
        let relay = self.of(relay);
        relay.under_way = relay.under_way.saturating_sub(1);
        relay.bytes = relay.bytes.saturating_sub(bytes);
        relay.last_ended = Some(now);
    }

    /// What these relays deliver now, or did a moment ago; `None` when nothing.
    pub(crate) fn busy(&self, relays: &[&str], now: Instant) -> Option<Busy> {
        let busy: Vec<&Relay> =
            relays.iter().filter_map(|relay| self.0.get(*relay)).filter(|relay| relay.is_busy(now)).collect();
        let fresh = |relay: &&Relay| relay.up.is_some_and(|up| now.saturating_duration_since(up) < QUIET);
        let bytes = busy.iter().fold(0_u64, |sum, relay| sum.saturating_add(relay.bytes));
        let under_way = busy.iter().any(|relay| relay.under_way > 0);
        (!busy.is_empty()).then(|| Busy { under_way, bytes, fresh: busy.iter().any(fresh) })
    }

    /// Whether one of these relays has no session, or one that only just came up: what it has for us is
    /// on its way.
    pub(crate) fn is_settling(&self, relays: &[&str], now: Instant) -> bool {
        let settled = |relay: &&str| {
            let up = self.0.get(*relay).and_then(|relay| relay.up);
            up.is_some_and(|up| now.saturating_duration_since(up) >= PAUSE)
        };
        !relays.iter().all(settled)
    }

    /// For how long a relay could have delivered and did not, before the delivery that is under way: the
    /// time since its session came up, and since it has been delivering without a pause.
    pub(crate) fn could_deliver(&self, relay: &str, now: Instant) -> Option<(Duration, Duration)> {
        let relay = self.0.get(relay)?;
        let since = |from: Option<Instant>| from.map(|from| now.saturating_duration_since(from));
        Some((since(relay.up)?, since(relay.busy_since).unwrap_or_default()))
    }

    /// Whether all these home relays have had the time to hand over what they kept. A node without any
    /// (its member is suspended) cannot tell.
    pub(crate) fn is_quiet(&self, home: &[&str], now: Instant) -> bool {
        let quiet = |relay: &&str| self.0.get(*relay).is_some_and(|relay| relay.is_quiet(now));
        !home.is_empty() && home.iter().all(quiet)
    }

    fn of(&mut self, relay: &str) -> &mut Relay {
        self.0.entry(relay.to_owned()).or_default()
    }
}

/// A delivery that is under way for as long as this lives: one that is dropped or panics has ended too.
pub(crate) struct Delivering {
    relay: String,
    bytes: u64,
    desk: Arc<Desk>,
}

impl Delivering {
    /// A relay's delivery begins.
    pub(crate) fn begin(relay: &str, bytes: u64, desk: &Arc<Desk>) -> Self {
        desk.note(|state| state.begins(relay, bytes, Instant::now()));
        Self { relay: relay.to_owned(), bytes, desk: desk.clone() }
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.desk.note(|state| state.ends(&self.relay, self.bytes, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: [&str; 2] = ["relay-1", "relay-2"];

    fn after(begin: Instant, seconds: u64) -> Instant {
        begin.checked_add(Duration::from_secs(seconds)).unwrap()
    }

    fn both_up(begin: Instant) -> CaughtUp {
        let mut state = CaughtUp::default();
        HOME.into_iter().for_each(|relay| state.up(relay, begin));
        state
    }

    #[test]
    fn a_node_that_stays_connected_is_caught_up_soon() {
        let begin = Instant::now();
        let state = both_up(begin);
        assert!(!state.is_quiet(&HOME, begin));
        assert!(!state.is_quiet(&HOME, after(begin, 599)));
        assert!(state.is_quiet(&HOME, after(begin, 600)));
    }

    #[test]
    fn one_home_relay_that_is_away_is_enough_to_wait() {
        let begin = Instant::now();
        let mut state = both_up(begin);
        state.down("relay-2");
        assert!(!state.is_quiet(&HOME, after(begin, 1_000_000)));
        state.up("relay-2", after(begin, 500));
        assert!(!state.is_quiet(&HOME, after(begin, 1_099)));
        assert!(state.is_quiet(&HOME, after(begin, 1_100)));
        assert!(!CaughtUp::default().is_quiet(&HOME, after(begin, 1_000_000)));
    }

    #[test]
    fn a_delivery_that_is_under_way_or_just_ended_is_waited_for() {
        let begin = Instant::now();
        let mut state = both_up(begin);
        state.begins("relay-1", 10, begin);
        state.begins("relay-1", 10, begin);
        state.ends("relay-1", 10, after(begin, 10));
        assert!(!state.is_quiet(&HOME, after(begin, 1_000_000)));
        state.ends("relay-1", 10, after(begin, 900));
        assert!(!state.is_quiet(&HOME, after(begin, 1_499)));
        assert!(state.is_quiet(&HOME, after(begin, 1_500)));
    }

    #[test]
    fn what_is_delivered_and_what_may_be_on_its_way_is_known() {
        let begin = Instant::now();
        let mut state = both_up(begin);
        assert!(state.is_settling(&HOME, after(begin, 9)));
        assert!(!state.is_settling(&HOME, after(begin, 10)));
        assert_eq!(state.busy(&HOME, after(begin, 10)), None);
        let at = after(begin, 1000);
        state.begins("relay-1", 5_000, at);
        state.begins("relay-1", 700, after(at, 3));
        assert_eq!(state.busy(&HOME, at), Some(Busy { under_way: true, bytes: 5_700, fresh: false }));
        assert_eq!(state.busy(&["relay-2"], at), None, "another's deliveries are not ours to wait for");
        state.ends("relay-1", 5_000, after(at, 5));
        state.ends("relay-1", 700, after(at, 6));
        assert_eq!(state.busy(&HOME, after(at, 15)), Some(Busy { under_way: false, bytes: 0, fresh: false }));
        assert_eq!(state.busy(&HOME, after(at, 16)), None);
        // It has been delivering without a pause since the first of these, and again since another began.
        let could = |state: &CaughtUp, seconds| state.could_deliver("relay-1", after(at, seconds)).unwrap();
        assert_eq!(could(&state, 8), (Duration::from_secs(1008), Duration::from_secs(8)));
        state.begins("relay-1", 1, after(at, 100));
        assert_eq!(could(&state, 101).1, Duration::from_secs(1));
        state.down("relay-1");
        assert!(state.is_settling(&HOME, after(at, 200)));
        state.up("relay-1", after(at, 200));
        assert_eq!(state.busy(&HOME, after(at, 201)).map(|busy| busy.fresh), Some(true));
        assert_eq!(state.could_deliver("relay-3", at), None);
    }

    #[test]
    fn a_node_without_home_relays_cannot_tell() {
        let begin = Instant::now();
        assert!(!both_up(begin).is_quiet(&[], after(begin, 1_000_000)));
    }

    #[test]
    fn what_other_relays_deliver_keeps_no_key_alive() {
        let begin = Instant::now();
        let mut state = both_up(begin);
        state.up("relay-3", after(begin, 500));
        state.begins("relay-3", 10, begin);
        state.ends("relay-3", 10, after(begin, 599));
        state.begins("relay-3", 10, begin);
        state.down("relay-3");
        assert!(state.is_quiet(&HOME, after(begin, 600)));
    }
}
