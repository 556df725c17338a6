//! What one sender may have at this relay: stored and not yet delivered, or on its way in.
//!
//! What is on its way counts from before its first byte is taken, so that many submissions at once
//! neither pass the quota together nor fill the memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pouch_store::Usage;
use pouch_wire::ContactPoint;

/// How much of everything one sender may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
}

impl Quota {
    /// Whether what is stored and what is on its way stay within it.
    pub(crate) const fn holds(&self, stored: Usage, on_its_way: Usage) -> bool {
        stored.bytes.saturating_add(on_its_way.bytes) <= self.bytes
            && stored.messages.saturating_add(on_its_way.messages) <= self.messages
    }
}

/// What is on its way in, per sender.
#[derive(Debug, Clone, Default)]
pub(crate) struct OnItsWay(Arc<Mutex<HashMap<ContactPoint, Usage>>>);

impl OnItsWay {
    /// Counts a payload from now until the ticket goes; with all of the sender's, this one included.
    /// What is stored is to be read after this: a message may then count twice for a moment, never not.
    pub(crate) fn begin(&self, sender: &ContactPoint, bytes: u64) -> (Ticket, Usage) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(sender.clone()).or_default();
        count.bytes = count.bytes.saturating_add(bytes);
        count.messages = count.messages.saturating_add(1);
        (Ticket { of: self.clone(), sender: sender.clone(), bytes }, *count)
    }
}

/// A payload is on its way for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ticket {
    of: OnItsWay,
    sender: ContactPoint,
    bytes: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.sender) {
            count.bytes = count.bytes.saturating_sub(self.bytes);
            count.messages = count.messages.saturating_sub(1);
            if count.messages == 0 {
                counts.remove(&self.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { bytes: 100, messages: 3 };

    #[test]
    fn many_submissions_at_once_do_not_pass_the_quota_together() {
        let on_its_way = OnItsWay::default();
        let (nl, ee) = ("NL/technical".parse().unwrap(), "EE/policy".parse().unwrap());
        let stored = Usage { bytes: 50, messages: 1 };
        let (first, count) = on_its_way.begin(&nl, 30);
        assert!(QUOTA.holds(stored, count));
        let (second, count) = on_its_way.begin(&nl, 30);
        assert!(!QUOTA.holds(stored, count), "alone it would fit, beside the first it does not");
        let (_other, count) = on_its_way.begin(&ee, 30);
        assert!(QUOTA.holds(stored, count), "each sender has its own");
        drop(second);
        drop(first);
        let (_third, count) = on_its_way.begin(&nl, 50);
        assert!(QUOTA.holds(stored, count));
    }

    #[test]
    fn small_messages_count_too_and_nothing_overflows() {
        let on_its_way = OnItsWay::default();
        let nl = "NL/technical".parse().unwrap();
        let tickets: Vec<_> = (0..4).map(|_| on_its_way.begin(&nl, 0)).collect();
        let held: Vec<bool> =
            tickets.iter().map(|(_, count)| QUOTA.holds(Usage::default(), *count)).collect();
        assert_eq!(held, [true, true, true, false]);
        let (_large, count) = on_its_way.begin(&nl, u64::MAX);
        assert!(!QUOTA.holds(Usage { bytes: u64::MAX, messages: u64::MAX }, count));
    }

    #[test]
    fn nothing_is_remembered_of_who_has_nothing_on_its_way() {
        let on_its_way = OnItsWay::default();
        drop(on_its_way.begin(&"NL/technical".parse().unwrap(), 7));
        assert!(on_its_way.0.lock().unwrap().is_empty());
    }
}
