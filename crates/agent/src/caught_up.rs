//! Whether this node has what its home relays kept for it: what a prekey's end waits for.
//!
//! No relay says that it has nothing more; but a relay delivers what waits as soon as a session is there.
//! So a node has everything when the sessions with all its home relays have been up and nothing has come
//! for a while. It must never say so while a delivery is under way.

use core::time::Duration;
use std::collections::BTreeMap;

use pouch_wire::Timestamp;

/// For how long nothing may have come. A relay brings what was not taken again within five minutes.
const QUIET: Duration = Duration::from_secs(600);

/// The sessions that are up, and what comes on them.
#[derive(Debug, Default)]
pub(crate) struct CaughtUp {
    /// Since when the session with each relay is up.
    up: BTreeMap<String, Timestamp>,
    /// Deliveries that began and did not end.
    under_way: usize,
    /// When the last one ended.
    last_ended: Timestamp,
}

impl CaughtUp {
    /// A session with a relay is there.
    pub(crate) fn up(&mut self, relay: &str, now: Timestamp) {
        self.up.insert(relay.to_owned(), now);
    }

    /// The session with a relay is gone.
    pub(crate) fn down(&mut self, relay: &str) {
        self.up.remove(relay);
    }

    /// A delivery begins.
    pub(crate) fn begins(&mut self) {
        self.under_way = self.under_way.saturating_add(1);
    }

    /// A delivery ended, whatever came of it.
    pub(crate) fn ends(&mut self, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        self.last_ended = now;
    }

    /// Whether all these home relays had the time, after `moment`, to hand over what they kept. A node
    /// without any (its member is suspended) cannot tell.
    pub(crate) fn since(&self, moment: Timestamp, home: &[&str], now: Timestamp) -> bool {
        let quiet = |from: Timestamp| now >= from.max(moment).after(QUIET);
        self.under_way == 0
            && quiet(self.last_ended)
            && !home.is_empty()
            && home.iter().all(|relay| self.up.get(*relay).is_some_and(|up| quiet(*up)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: [&str; 2] = ["relay-1", "relay-2"];
    const DUE: Timestamp = Timestamp(10_000_000);

    fn after(seconds: u64) -> Timestamp {
        DUE.after(Duration::from_secs(seconds))
    }

    fn caught_up(state: &CaughtUp, seconds: u64) -> bool {
        state.since(DUE, &HOME, after(seconds))
    }

    fn both_up() -> CaughtUp {
        let mut state = CaughtUp::default();
        HOME.into_iter().for_each(|relay| state.up(relay, Timestamp(1)));
        state
    }

    #[test]
    fn a_node_that_stays_connected_is_caught_up_soon_after_any_moment() {
        let state = both_up();
        assert!(!caught_up(&state, 0));
        assert!(!caught_up(&state, 599));
        assert!(caught_up(&state, 600));
    }

    #[test]
    fn one_home_relay_that_is_away_is_enough_to_wait() {
        let mut state = both_up();
        state.down("relay-2");
        assert!(!caught_up(&state, 1_000_000));
        state.up("relay-2", after(500));
        assert!(!caught_up(&state, 1_099));
        assert!(caught_up(&state, 1_100));
        assert!(!CaughtUp::default().since(DUE, &HOME, after(1_000_000)));
    }

    #[test]
    fn a_delivery_that_is_under_way_or_just_ended_is_waited_for() {
        let mut state = both_up();
        state.begins();
        state.begins();
        state.ends(after(10));
        assert!(!caught_up(&state, 1_000_000));
        state.ends(after(900));
        assert!(!caught_up(&state, 1_499));
        assert!(caught_up(&state, 1_500));
    }

    #[test]
    fn a_node_without_home_relays_cannot_tell() {
        assert!(!both_up().since(DUE, &[], after(1_000_000)));
    }

    #[test]
    fn sessions_with_other_relays_do_not_count() {
        let mut state = both_up();
        state.up("relay-3", after(10_000));
        state.down("relay-3");
        assert!(caught_up(&state, 600));
    }
}
