//! Which messages go to which relay now: most urgent first, a few at a time, each with its own patience.
//!
//! Flash and immediate messages have places of their own and wait for nothing less urgent; a message that a relay puts off
//! keeps no other back. To one recipient, messages of one precedence go one after the other: side by side
//! they could overtake each other, and the recipient would miss what is only on its way. Pure: the caller
//! brings the time.

use std::collections::HashMap;
use std::time::Duration;

use pouch_wire::{ContactPoint, EnvelopeId, Precedence};
use tokio::time::Instant;

/// Messages under way to one relay at a time: flashes, immediate ones, all others. So many large ones leave room
/// in a session for what is more urgent.
const UNDER_WAY: [usize; 3] = [4, 2, 4];
/// How long a message waits when a relay did not say for how long.
const AGAIN: Duration = Duration::from_secs(5);
/// The longest wait that a relay may ask for.
const AGAIN_MAX: Duration = Duration::from_secs(300);
/// So many times a message comes again as soon as the relay asks.
const AT_ONCE: u32 = 5;
/// How long a message waits at most that a relay puts off again and again for a moment: a relay that does
/// not get on is not asked every second for weeks.
const REST_MAX: Duration = Duration::from_secs(60);

/// What is under way, and what waits.
#[derive(Debug, Default)]
pub struct Sends {
    busy: HashMap<(String, EnvelopeId), UnderWay>,
    later: HashMap<(String, EnvelopeId), Instant>,
    /// How often in a row a message was put off.
    put_off: HashMap<(String, EnvelopeId), u32>,
}

/// A message under way.
#[derive(Debug)]
struct UnderWay {
    precedence: Precedence,
    to: Vec<ContactPoint>,
}

impl Sends {
    /// Takes a place for a message; `false` when it is under way, must wait, or all places are taken.
    pub fn begin(
        &mut self,
        relay: &str,
        envelope: EnvelopeId,
        precedence: Precedence,
        to: &[ContactPoint],
        now: Instant,
    ) -> bool {
        let key = (relay.to_owned(), envelope);
        if self.busy.contains_key(&key) || self.later.get(&key).is_some_and(|due| *due > now) {
            return false;
        }
        let place = places(precedence);
        let there = || self.busy.iter().filter(|((at, _), _)| at == relay).map(|(_, busy)| busy);
        let before =
            |busy: &UnderWay| busy.precedence == precedence && busy.to.iter().any(|p| to.contains(p));
        if there().any(before) {
            return false;
        }
        let alike = there().filter(|busy| places(busy.precedence) == place).count();
        if UNDER_WAY.get(place).is_none_or(|most| alike >= *most) {
            return false;
        }
        self.later.remove(&key);
        self.busy.insert(key, UnderWay { precedence, to: to.to_vec() });
        true
    }

    /// The relay answered for good.
    pub fn done(&mut self, relay: &str, envelope: EnvelopeId) {
        let key = (relay.to_owned(), envelope);
        self.busy.remove(&key);
        self.put_off.remove(&key);
    }

    /// The relay did not; it is asked again. Whether that is the first time.
    pub fn put_off(
        &mut self,
        relay: &str,
        envelope: EnvelopeId,
        asked: Option<Duration>,
        now: Instant,
    ) -> bool {
        let key = (relay.to_owned(), envelope);
        self.busy.remove(&key);
        let times = self.put_off.entry(key.clone()).or_default();
        // The first few times as soon as the relay says: most often it has caught up by then.
        let rest = asked.unwrap_or(AGAIN).saturating_mul(1 << times.saturating_sub(AT_ONCE).min(16));
        *times = times.saturating_add(1);
        let wait = asked.map_or(AGAIN, |asked| asked.max(rest.min(REST_MAX)).min(AGAIN_MAX));
        let first = *times == 1;
        self.later.insert(key, now.checked_add(wait).unwrap_or(now));
        first
    }

    /// A relay came back, or another came in its place: whatever was put off there may go now.
    pub fn is_back(&mut self, relay: &str) {
        self.later.retain(|(to, _), _| to != relay);
        self.put_off.retain(|(to, _), _| to != relay);
    }

    /// Forgets what waits and is due: it is asked for again, or expired.
    pub fn forget_due(&mut self, now: Instant) {
        self.later.retain(|_, due| *due > now);
    }

    /// When something that waits is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.later.values().min().copied()
    }
}

/// Which places a precedence has.
const fn places(precedence: Precedence) -> usize {
    match precedence {
        Precedence::Flash => 0,
        Precedence::Immediate => 1,
        Precedence::Priority | Precedence::Routine => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pouch_wire::Digest;

    fn id(n: u8) -> EnvelopeId {
        EnvelopeId(Digest::new([n; 32]))
    }

    /// Each message to somebody else.
    fn to(n: u8) -> [ContactPoint; 1] {
        [format!("MD/office-{n}").parse().unwrap()]
    }

    #[test]
    fn one_recipient_s_messages_go_in_their_order_and_nobody_else_waits() {
        let (mut sends, now) = (Sends::default(), Instant::now());
        assert!(sends.begin("a", id(1), Precedence::Routine, &to(1), now));
        let both = [to(1), to(2)].concat();
        assert!(!sends.begin("a", id(2), Precedence::Routine, &both, now), "one before it is under way");
        assert!(sends.begin("a", id(3), Precedence::Routine, &to(3), now));
        assert!(sends.begin("a", id(4), Precedence::Flash, &to(1), now), "what is urgent overtakes");
        assert!(sends.begin("b", id(2), Precedence::Routine, &both, now));
        sends.done("a", id(1));
        assert!(sends.begin("a", id(2), Precedence::Routine, &both, now));
    }

    #[test]
    fn a_flash_goes_beside_everything_less_urgent() {
        let (mut sends, now) = (Sends::default(), Instant::now());
        for n in 0..4 {
            assert!(sends.begin("a", id(n), Precedence::Routine, &to(n), now));
        }
        assert!(!sends.begin("a", id(4), Precedence::Priority, &to(4), now));
        assert!(sends.begin("a", id(6), Precedence::Immediate, &to(6), now));
        assert!(sends.begin("a", id(5), Precedence::Flash, &to(5), now));
        assert!(
            sends.begin("b", id(0), Precedence::Routine, &to(0), now),
            "one relay keeps no other waiting"
        );
        assert!(!sends.begin("a", id(5), Precedence::Flash, &to(5), now), "it is under way");
        sends.done("a", id(0));
        assert!(sends.begin("a", id(4), Precedence::Priority, &to(4), now));
    }

    #[test]
    fn a_relay_that_puts_off_again_and_again_is_asked_ever_more_seldom() {
        let (mut sends, mut now) = (Sends::default(), Instant::now());
        let second = Duration::from_secs(1);
        let mut waits = Vec::new();
        for _ in 0..14 {
            assert!(sends.begin("a", id(1), Precedence::Flash, &to(1), now));
            sends.put_off("a", id(1), Some(second), now);
            let due = sends.next_due().unwrap();
            waits.push(due.duration_since(now).as_secs());
            now = due;
        }
        assert_eq!(waits, [1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        // Another session, or another relay in its place, is asked at once.
        sends.is_back("a");
        assert!(sends.begin("a", id(1), Precedence::Flash, &to(1), now));
        sends.put_off("a", id(1), Some(second), now);
        assert_eq!(sends.next_due(), Some(now + second));
        // What a relay asks for itself is kept.
        assert!(sends.begin("a", id(2), Precedence::Routine, &to(2), now));
        sends.put_off("a", id(2), Some(Duration::from_secs(120)), now);
        assert!(!sends.begin("a", id(2), Precedence::Routine, &to(2), now + Duration::from_secs(119)));
    }

    #[test]
    fn what_a_relay_puts_off_waits_alone_and_comes_again() {
        let (mut sends, now) = (Sends::default(), Instant::now());
        assert!(sends.begin("a", id(1), Precedence::Flash, &to(1), now));
        sends.put_off("a", id(1), Some(Duration::from_secs(30)), now);
        assert!(!sends.begin("a", id(1), Precedence::Flash, &to(1), now));
        assert!(sends.begin("b", id(1), Precedence::Flash, &to(1), now), "the other relay was not asked yet");
        assert!(sends.begin("a", id(2), Precedence::Routine, &to(2), now));
        let due = now + Duration::from_secs(30);
        assert_eq!(sends.next_due(), Some(due));
        assert!(sends.begin("a", id(1), Precedence::Flash, &to(1), due));
        assert_eq!(sends.next_due(), None);
    }

    #[test]
    fn a_relay_that_comes_back_is_asked_at_once() {
        let (mut sends, now) = (Sends::default(), Instant::now());
        sends.put_off("a", id(1), Some(AGAIN_MAX), now);
        sends.put_off("b", id(1), Some(AGAIN_MAX), now);
        sends.is_back("a");
        assert!(sends.begin("a", id(1), Precedence::Routine, &to(1), now));
        assert!(!sends.begin("b", id(1), Precedence::Routine, &to(1), now));
    }

    #[test]
    fn no_relay_puts_a_message_off_for_long() {
        let (mut sends, now) = (Sends::default(), Instant::now());
        sends.put_off("a", id(1), Some(Duration::from_secs(1_000_000)), now);
        assert_eq!(sends.next_due(), Some(now + AGAIN_MAX));
        sends.forget_due(now + AGAIN_MAX);
        assert_eq!(sends.next_due(), None, "nothing is remembered for ever");
    }
}
