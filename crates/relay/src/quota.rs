//! What one sender may have at this relay: stored and not yet delivered, or on its way in.
//!
//! What is on its way counts from before its first byte is taken, so that many submissions at once
//! neither pass the quota together nor fill the memory. An office has its own, and a member twice that with
//! all of its offices: one of them alone does not use up what the others need. Both are smaller on a small
//! disk. A flash may go an eighth beyond, so that nobody's own bulk keeps its flash out.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use pouch_store::{Burden, Usage};
use pouch_wire::{ContactPoint, Member, Precedence};

/// Of the disk, all members together may fill so much.
const DISK_PERCENT: u64 = 80;

/// How much of everything senders may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) office: Usage,
    pub(crate) member: Usage,
}

/// Which quota has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    /// Whether it is that of all the member's offices together.
    pub(crate) member: bool,
    /// What it allows.
    pub(crate) most: Usage,
    /// What is stored.
    pub(crate) stored: Usage,
}

impl Quota {
    /// That of an office, and a member's.
    pub(crate) fn of_office(office: Usage) -> Self {
        let member =
            Usage { bytes: office.bytes.saturating_mul(2), messages: office.messages.saturating_mul(2) };
        Self { office, member }
    }

    /// As much of it as the disk has room for when every member uses its own.
    pub(crate) fn on_disk(self, disk: u64, members: usize) -> Self {
        let members = u64::try_from(members).unwrap_or(u64::MAX).max(1);
        let all = disk.saturating_mul(DISK_PERCENT).checked_div(100).unwrap_or(disk);
        let share = all.checked_div(members).unwrap_or(all);
        let of = |usage: Usage| Usage { bytes: usage.bytes.min(share), ..usage };
        Self { office: of(self.office), member: of(self.member) }
    }

    /// Whether what is stored and what is on its way stay within it.
    ///
    /// # Errors
    /// Which quota has no room.
    pub(crate) fn holds(&self, stored: &Burden, on_its_way: &Coming, class: Precedence) -> Result<(), Over> {
        let within = |most: Usage, stored: Usage, coming: Usage, member| {
            let most = if class == Precedence::Flash { with_reserve(most) } else { most };
            let holds = stored.bytes.saturating_add(coming.bytes) <= most.bytes
                && stored.messages.saturating_add(coming.messages) <= most.messages;
            if holds { Ok(()) } else { Err(Over { member, most, stored }) }
        };
        within(self.office, stored.office, on_its_way.office, false)?;
        within(self.member, stored.member, on_its_way.member, true)
    }
}

fn with_reserve(most: Usage) -> Usage {
    let and_an_eighth = |all: u64| all.saturating_add(all.div_ceil(8));
    Usage { bytes: and_an_eighth(most.bytes), messages: and_an_eighth(most.messages) }
}

/// How large the disk is on which a folder is; `None` when the system does not say.
pub(crate) fn disk_of(folder: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(disk.blocks().saturating_mul(disk.fragment_size()))
}

/// What is on its way in, of an office and of all its member's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Coming {
    pub(crate) office: Usage,
    pub(crate) member: Usage,
}

/// What is on its way in, per sender.
#[derive(Debug, Clone, Default)]
pub(crate) struct OnItsWay(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    offices: HashMap<ContactPoint, Usage>,
    members: HashMap<Member, Usage>,
}

fn add(count: &mut Usage, bytes: u64) -> Usage {
    count.bytes = count.bytes.saturating_add(bytes);
    count.messages = count.messages.saturating_add(1);
    *count
}

/// Whether nothing is left.
fn remove(count: &mut Usage, bytes: u64) -> bool {
    count.bytes = count.bytes.saturating_sub(bytes);
    count.messages = count.messages.saturating_sub(1);
    count.messages == 0
}

impl OnItsWay {
    /// Counts a message from now until the ticket goes; with all of the sender's, this one included.
    /// What is stored is to be read after this: a message may then count twice for a moment, never not.
    pub(crate) fn begin(&self, sender: &ContactPoint, bytes: u64) -> (Ticket, Coming) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let office = add(counts.offices.entry(sender.clone()).or_default(), bytes);
        let member = add(counts.members.entry(sender.member.clone()).or_default(), bytes);
        (Ticket { of: self.clone(), sender: sender.clone(), bytes }, Coming { office, member })
    }
}

/// A message is on its way for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ticket {
    of: OnItsWay,
    sender: ContactPoint,
    bytes: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.offices.get_mut(&self.sender).is_some_and(|count| remove(count, self.bytes)) {
            counts.offices.remove(&self.sender);
        }
        if counts.members.get_mut(&self.sender.member).is_some_and(|count| remove(count, self.bytes)) {
            counts.members.remove(&self.sender.member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota =
        Quota { office: Usage { bytes: 100, messages: 3 }, member: Usage { bytes: 150, messages: 5 } };

    fn holds(stored: Usage, coming: &Coming) -> bool {
        let stored = Burden { known: false, office: stored, member: stored };
        QUOTA.holds(&stored, coming, Precedence::Routine).is_ok()
    }

    #[test]
    fn many_submissions_at_once_do_not_pass_the_quota_together() {
        let on_its_way = OnItsWay::default();
        let (nl, ee) = ("NL/technical".parse().unwrap(), "EE/policy".parse().unwrap());
        let stored = Usage { bytes: 50, messages: 1 };
        let (first, count) = on_its_way.begin(&nl, 30);
        assert!(holds(stored, &count));
        let (second, count) = on_its_way.begin(&nl, 30);
        assert!(!holds(stored, &count), "alone it would fit, beside the first it does not");
        let (_other, count) = on_its_way.begin(&ee, 30);
        assert!(holds(stored, &count), "each sender has its own");
        drop(second);
        drop(first);
        let (_third, count) = on_its_way.begin(&nl, 50);
        assert!(holds(stored, &count));
    }

    #[test]
    fn small_messages_count_too_and_nothing_overflows() {
        let on_its_way = OnItsWay::default();
        let nl = "NL/technical".parse().unwrap();
        let tickets: Vec<_> = (0..4).map(|_| on_its_way.begin(&nl, 0)).collect();
        let held: Vec<bool> = tickets.iter().map(|(_, count)| holds(Usage::default(), count)).collect();
        assert_eq!(held, [true, true, true, false]);
        let (_large, count) = on_its_way.begin(&nl, u64::MAX);
        assert!(!holds(Usage { bytes: u64::MAX, messages: u64::MAX }, &count));
    }

    #[test]
    fn nothing_is_remembered_of_who_has_nothing_on_its_way() {
        let on_its_way = OnItsWay::default();
        drop(on_its_way.begin(&"NL/technical".parse().unwrap(), 7));
        let counts = on_its_way.0.lock().unwrap();
        assert!(counts.offices.is_empty() && counts.members.is_empty());
    }

    #[test]
    fn a_members_offices_share_what_is_more_than_one_may_have() {
        let on_its_way = OnItsWay::default();
        let (_one, _) = on_its_way.begin(&"NL/technical".parse().unwrap(), 90);
        let (_two, coming) = on_its_way.begin(&"NL/policy".parse().unwrap(), 70);
        let over = QUOTA.holds(&Burden::default(), &coming, Precedence::Routine).unwrap_err();
        assert_eq!(over, Over { member: true, most: QUOTA.member, stored: Usage::default() });
        let (_three, coming) = on_its_way.begin(&"EE/policy".parse().unwrap(), 100);
        assert_eq!(QUOTA.holds(&Burden::default(), &coming, Precedence::Routine), Ok(()));
    }

    #[test]
    fn a_flash_has_an_eighth_more_and_no_more() {
        let full = Usage { bytes: 100, messages: 3 };
        let stored = Burden { known: false, office: full, member: full };
        let one =
            |bytes| Coming { office: Usage { bytes, messages: 1 }, member: Usage { bytes, messages: 1 } };
        assert!(QUOTA.holds(&stored, &one(13), Precedence::Immediate).is_err());
        assert_eq!(QUOTA.holds(&stored, &one(13), Precedence::Flash), Ok(()));
        let over = QUOTA.holds(&stored, &one(14), Precedence::Flash).unwrap_err();
        assert_eq!((over.member, over.most), (false, Usage { bytes: 113, messages: 4 }));
    }

    #[test]
    fn all_members_together_fit_on_the_disk() {
        let quota = Quota::of_office(Usage { bytes: 64 << 20, messages: 10_000 });
        assert_eq!(quota.member, Usage { bytes: 128 << 20, messages: 20_000 });
        assert_eq!(quota.on_disk(1 << 40, 57), quota);
        let small = quota.on_disk(1 << 30, 57);
        assert!(small.member.bytes * 57 <= (1 << 30) / 100 * 80 + 57, "{small:?}");
        assert_eq!(small.office.bytes, small.member.bytes);
        assert_eq!(quota.on_disk(100, 0).member.bytes, 80, "a disk without members divides by nothing");
        assert!(disk_of(Path::new("/")).unwrap() > 1 << 20);
        assert_eq!(disk_of(Path::new("/no such folder")), None);
    }
}
