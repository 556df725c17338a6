//! What came first: a message, or the end of its sender's right to speak.
//!
//! When a message came is the relay's word, which its log then holds it to: a checkpoint that witnesses
//! cosigned shows that the message was there by then. An end that lies before the witnessed time and
//! after the relay's word rests on the relay alone, and is never called sure.

use pouch_wire::{Timestamp, limits};

/// When a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// When the relay says that it accepted it; now, when no relay says so.
    pub(crate) at: Timestamp,
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
    Anchor { at: accepted, witnessed: None }.against(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Timestamp = Timestamp(10_000_000);

    fn came(at: u64, witnessed: Option<u64>) -> InTime {
        Anchor { at: Timestamp(at), witnessed: witnessed.map(Timestamp) }.against(END)
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
    fn what_the_relay_says_came_after_came_after() {
        assert_eq!(came(10_120_001, None), InTime::After);
        assert_eq!(came(10_120_001, Some(1)), InTime::After);
    }
}
