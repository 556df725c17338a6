//! What came first: a message, or the end of its sender's right to speak.
//!
//! When a message came is the relay's word, which its log then holds it to: a checkpoint that witnesses
//! cosigned shows that the message was there by then. An end that lies before the witnessed time and
//! after the relay's word rests on the relay alone, and is never called sure. What a courier brought has no
//! such word: it came when this node got it, by this node's own record, which nobody witnessed.

use pouch_wire::{Timestamp, limits};

/// By whose word a message came then: a relay's.
pub(crate) const RELAY: &str = "the relay's word";
/// By this node's own, of what a courier brought.
pub(crate) const OURS: &str = "this node's own record";

/// When a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// When the relay says that it accepted it; when this node got it, if a courier brought it earlier than
    /// that; now, when there is neither.
    pub(crate) at: Timestamp,
    /// Whose word that is.
    pub(crate) word: &'static str,
    /// By when witnesses had seen it in the relay's log.
    pub(crate) witnessed: Option<Timestamp>,
}

/// How a message stands to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InTime {
    /// It came before, and witnesses say so.
    Before,
    /// It came before by the relay's word alone.
    ByWord,
    /// It came at about that time.
    About,
    /// It came after.
    After,
}

impl Anchor {
    /// Of a message that a relay says it accepted, that a courier brought, or both: the earlier of the two.
    pub(crate) fn of(
        accepted: Option<Timestamp>,
        carried: Option<Timestamp>,
        witnessed: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let (at, word) = match (accepted, carried) {
            (Some(at), Some(carried)) if carried < at => (carried, OURS),
            (Some(at), _) => (at, RELAY),
            (None, Some(carried)) => (carried, OURS),
            (None, None) => (now, RELAY),
        };
        Self { at, word, witnessed }
    }

    /// Compares with an end; two honest clocks may differ by [`limits::CLOCK_SKEW_MS_MAX`].
    pub(crate) fn against(&self, end: Timestamp) -> InTime {
        let skew = limits::CLOCK_SKEW_MS_MAX;
        if self.at.0 > end.0.saturating_add(skew) {
            InTime::After
        } else if self.at.0.saturating_add(skew) >= end.0 {
            InTime::About
        } else if self.witnessed.is_some_and(|witnessed| witnessed < end) {
            InTime::Before
        } else {
            InTime::ByWord
        }
    }

    /// The moment up to which a sender must have heard what its own state decided.
    pub(crate) const fn heard_until(&self) -> Timestamp {
        Timestamp(self.at.0.saturating_sub(limits::SUPERSEDED_GRACE_MS))
    }

    /// The same, when the relay's word counts for nothing: it came when witnesses saw it, or now.
    pub(crate) fn heard_at_most_until(&self, now: Timestamp) -> Timestamp {
        let seen = self.witnessed.unwrap_or(now).max(self.at);
        Timestamp(seen.0.saturating_sub(limits::SUPERSEDED_GRACE_MS))
    }
}

/// How a message that a relay says it accepted stands to an end, for whoever has no proof of it.
#[must_use]
pub fn by_word(accepted: Timestamp, end: Timestamp) -> InTime {
    Anchor { at: accepted, word: RELAY, witnessed: None }.against(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Timestamp = Timestamp(10_000_000);

    fn came(at: u64, witnessed: Option<u64>) -> InTime {
        Anchor { at: Timestamp(at), word: RELAY, witnessed: witnessed.map(Timestamp) }.against(END)
    }

    #[test]
    fn what_witnesses_saw_before_the_end_came_before_it() {
        assert_eq!(came(9_000_000, Some(9_000_500)), InTime::Before);
    }

    #[test]
    fn a_relay_s_word_alone_is_never_sure() {
        assert_eq!(came(9_000_000, None), InTime::ByWord);
        assert_eq!(came(9_000_000, Some(10_000_000)), InTime::ByWord);
    }

    #[test]
    fn within_two_minutes_nobody_can_tell() {
        assert_eq!(came(9_880_000, Some(9_900_000)), InTime::About);
        assert_eq!(came(10_120_000, Some(10_120_000)), InTime::About);
        assert_eq!(came(9_879_999, Some(9_900_000)), InTime::Before);
    }

    #[test]
    fn what_a_courier_brought_came_when_this_node_got_it_or_a_relay_before() {
        let t = Timestamp;
        let of = |accepted: Option<u64>, carried: Option<u64>| {
            let anchor = Anchor::of(accepted.map(t), carried.map(t), None, t(9));
            (anchor.at.0, anchor.word)
        };
        assert_eq!(of(None, Some(5)), (5, OURS));
        assert_eq!(of(Some(7), Some(5)), (5, OURS), "a relay that had it later takes nothing away");
        assert_eq!(of(Some(3), Some(5)), (3, RELAY));
        assert_eq!(of(Some(3), None), (3, RELAY));
        assert_eq!(of(None, None), (9, RELAY));
    }

    #[test]
    fn what_the_relay_says_came_after_came_after() {
        assert_eq!(came(10_120_001, None), InTime::After);
        assert_eq!(came(10_120_001, Some(1)), InTime::After);
    }
}
