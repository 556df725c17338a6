//! How fast one sender may bring messages, and how many of them go as what it marked them.
//!
//! Who marks everything flash would otherwise make flash mean nothing. What goes beyond a class's rate is
//! carried in the next lower class that has room, and the relay signs that it is. What goes beyond the rate of
//! bytes or messages is refused with the time when there is room again; flashes have such a rate of their own
//! beside that of all others, so that nobody's own bulk keeps its flash waiting. Kept in memory alone: a restart gives everybody
//! a full measure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pouch_envelope::Demotion;
use pouch_wire::{ContactPoint, Member, Precedence};
use tokio::time::Instant;

use crate::config::Senders;

/// A measure that fills again by itself: units in a time, and how many at once.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How long it takes until one unit, or a thousand bytes, is there again.
    each: Duration,
    /// How many of them there can be.
    burst: u32,
}

impl Pace {
    fn per_minute(units: u32, burst: u32) -> Self {
        Self { each: Duration::from_secs(60).checked_div(units).unwrap_or(Duration::from_secs(60)), burst }
    }

    fn per_second(units: u32, burst: u32) -> Self {
        Self { each: Duration::from_secs(1).checked_div(units).unwrap_or(Duration::from_secs(1)), burst }
    }

    fn of_bytes(per_second: u64, burst: u64) -> Self {
        let per_second = u32::try_from(per_second).unwrap_or(u32::MAX).max(1);
        let each = Duration::from_millis(1_000_000).checked_div(per_second).unwrap_or(Duration::from_secs(1));
        Self { each, burst: u32::try_from(burst.div_ceil(1000)).unwrap_or(u32::MAX) }
    }

    fn of(&self, units: u32) -> Duration {
        self.each.saturating_mul(units)
    }

    fn room(&self) -> Duration {
        self.of(self.burst)
    }

    fn doubled(self) -> Self {
        Self { each: self.each.checked_div(2).unwrap_or_default(), burst: self.burst.saturating_mul(2) }
    }
}

/// What was taken out of a measure: when it will be full again.
#[derive(Debug, Clone, Copy, Default)]
struct Spent(Option<Instant>);

impl Spent {
    fn level(self, now: Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }

    /// How long it takes until there is room for so much; what is more than a full measure waits for that.
    fn wait(self, cost: Duration, pace: &Pace, now: Instant) -> Duration {
        let room = pace.room();
        self.level(now).saturating_add(cost.min(room)).saturating_sub(room)
    }

    fn take(&mut self, cost: Duration, now: Instant) {
        self.0 = now.checked_add(self.level(now).saturating_add(cost));
    }

    /// The same, and no more is spent than there can be.
    fn take_within(&mut self, cost: Duration, pace: &Pace, now: Instant) {
        let level = self.level(now);
        self.0 = now.checked_add(level.saturating_add(cost).min(pace.room().max(level)));
    }

    fn give_back(&mut self, cost: Duration) {
        self.0 = self.0.and_then(|full| full.checked_sub(cost));
    }
}

/// How many messages came marked so, in the last two minutes.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    since: Option<Instant>,
    before: u32,
    now: u32,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Tally {
    /// Counts one more; how many there were, and within how many seconds.
    fn count(&mut self, now: Instant) -> (u32, u32) {
        let age = self.since.map(|since| now.saturating_duration_since(since));
        match age {
            Some(age) if age < MINUTE => {}
            Some(age) if age < MINUTE.saturating_mul(2) => {
                self.before = self.now;
                self.now = 0;
                self.since = self.since.and_then(|since| since.checked_add(MINUTE));
            }
            _ => *self = Self { since: Some(now), before: 0, now: 0 },
        }
        self.now = self.now.saturating_add(1);
        let age = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let within = if self.before > 0 { age.saturating_add(MINUTE) } else { age };
        let seconds = u32::try_from(within.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
        (self.before.saturating_add(self.now), seconds)
    }
}

/// Bytes and messages, of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    bytes: Spent,
    messages: Spent,
}

/// What one office, or one member, spent.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// In flashes, and in all others.
    flash: Load,
    other: Load,
    /// Of flash, immediate and priority.
    urgent: [Spent; 3],
    marked: [Tally; 3],
}

impl Account {
    fn load(&mut self, is_flash: bool) -> &mut Load {
        if is_flash { &mut self.flash } else { &mut self.other }
    }

    fn is_full(&self, now: Instant) -> bool {
        let spent = [self.flash.bytes, self.flash.messages, self.other.bytes, self.other.messages]
            .into_iter()
            .chain(self.urgent)
            .all(|spent| spent.level(now).is_zero());
        let fresh = |tally: &Tally| {
            tally.since.is_some_and(|since| now.saturating_duration_since(since) < MINUTE.saturating_mul(2))
        };
        spent && !self.marked.iter().any(fresh)
    }
}

/// How much an office may bring; a member twice that with all its offices, so that one of them alone does
/// not silence the others.
#[derive(Debug, Clone, Copy)]
struct Paces {
    bytes: Pace,
    messages: Pace,
    urgent: [Pace; 3],
}

impl Paces {
    fn doubled(&self) -> Self {
        Self {
            bytes: self.bytes.doubled(),
            messages: self.messages.doubled(),
            urgent: self.urgent.map(Pace::doubled),
        }
    }
}

#[derive(Debug, Default)]
struct Accounts {
    offices: HashMap<ContactPoint, Account>,
    members: HashMap<Member, Account>,
}

/// What all senders spent. Clones are handles to the same.
#[derive(Debug, Clone)]
pub(crate) struct Rates {
    office: Paces,
    member: Paces,
    accounts: Arc<Mutex<Accounts>>,
}

/// A sender is too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFast {
    /// Whether all its member's offices are, together.
    pub(crate) member: bool,
    /// When there is room again.
    pub(crate) wait: Duration,
}

/// What a message took. Dropped before it is spent, what it took of its class goes back, and of bytes too when
/// none had come.
#[derive(Debug)]
pub(crate) struct Taken {
    rates: Rates,
    sender: ContactPoint,
    class: Option<usize>,
    marked: Option<usize>,
    bytes: u32,
    /// In which lower class it is carried.
    pub(crate) demotion: Option<Demotion>,
}

/// The place of a class that has a rate.
const fn place(class: Precedence) -> Option<usize> {
    match class {
        Precedence::Flash => Some(0),
        Precedence::Immediate => Some(1),
        Precedence::Priority => Some(2),
        Precedence::Routine => None,
    }
}

fn thousands(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1000)).unwrap_or(u32::MAX)
}

impl Rates {
    pub(crate) fn new(config: &Senders) -> Self {
        let office = Paces {
            bytes: Pace::of_bytes(config.bytes_per_second, config.burst_bytes),
            messages: Pace::per_second(config.messages_per_second, config.messages_burst),
            urgent: [
                Pace::per_minute(config.flash_per_minute, config.flash_burst),
                Pace::per_minute(config.immediate_per_minute, config.immediate_burst),
                Pace::per_minute(config.priority_per_minute, config.priority_burst),
            ],
        };
        Self { office, member: office.doubled(), accounts: Arc::default() }
    }

    /// Whether a sender is over its rate of bytes already, whatever it brings now. Cheap, and asked before
    /// anything of a message is checked.
    pub(crate) fn is_over(&self, sender: &ContactPoint, marked: Precedence, now: Instant) -> Option<TooFast> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let office = accounts.offices.get(sender).copied().unwrap_or_default();
        let member = accounts.members.get(&sender.member).copied().unwrap_or_default();
        let is_flash = marked == Precedence::Flash && self.has_room(&office, &member, 0, now);
        self.wait(&office, &member, 1, is_flash, now)
    }

    /// A message was refused after its signature was looked at: it counts as one.
    pub(crate) fn refused(&self, sender: &ContactPoint, now: Instant) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let Accounts { offices, members } = &mut *accounts;
        let office = offices.entry(sender.clone()).or_default();
        let member = members.entry(sender.member.clone()).or_default();
        for (account, paces) in [(office, &self.office), (member, &self.member)] {
            for load in [&mut account.flash, &mut account.other] {
                load.messages.take_within(paces.messages.of(1), &paces.messages, now);
            }
        }
    }

    /// Takes what a message needs: its bytes, and a place in the class that it is marked with or the next
    /// lower one that has room.
    ///
    /// # Errors
    /// When the sender brings too many bytes; then nothing was taken.
    pub(crate) fn take(
        &self,
        sender: &ContactPoint,
        marked: Precedence,
        bytes: u64,
        now: Instant,
    ) -> Result<Taken, TooFast> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Who spent nothing of late is not remembered; there are as many as the directory has offices.
        accounts.offices.retain(|_, account| !account.is_full(now));
        accounts.members.retain(|_, account| !account.is_full(now));
        let Accounts { offices, members } = &mut *accounts;
        let office = offices.entry(sender.clone()).or_default();
        let member = members.entry(sender.member.clone()).or_default();
        let lower = Precedence::ALL.into_iter().filter(|class| *class >= marked);
        let has_room =
            |class: &Precedence| place(*class).is_none_or(|place| self.has_room(office, member, place, now));
        let class = lower.into_iter().find(has_room).unwrap_or(Precedence::Routine);
        let bytes = thousands(bytes);
        if let Some(too_fast) = self.wait(office, member, bytes, class == Precedence::Flash, now) {
            return Err(too_fast);
        }
        for (account, paces) in [(&mut *office, &self.office), (&mut *member, &self.member)] {
            let load = account.load(class == Precedence::Flash);
            load.bytes.take(paces.bytes.of(bytes), now);
            load.messages.take(paces.messages.of(1), now);
            if let Some((spent, pace)) = of_class(account, paces, class) {
                spent.take(pace.of(1), now);
            }
        }
        let told = place(marked).and_then(|place| office.marked.get_mut(place)).map(|t| t.count(now));
        let demotion =
            told.filter(|_| class != marked).map(|(sent, within_s)| Demotion { to: class, sent, within_s });
        Ok(Taken {
            rates: self.clone(),
            sender: sender.clone(),
            class: place(class),
            marked: place(marked),
            bytes,
            demotion,
        })
    }

    fn has_room(&self, office: &Account, member: &Account, place: usize, now: Instant) -> bool {
        [(office, &self.office), (member, &self.member)].into_iter().all(|(account, paces)| {
            match (account.urgent.get(place), paces.urgent.get(place)) {
                (Some(spent), Some(pace)) => spent.wait(pace.of(1), pace, now).is_zero(),
                _ => true,
            }
        })
    }

    /// How long it takes until there is room for a message and its bytes.
    fn wait(
        &self,
        office: &Account,
        member: &Account,
        bytes: u32,
        is_flash: bool,
        now: Instant,
    ) -> Option<TooFast> {
        let wait = |account: &Account, paces: &Paces| {
            let load = if is_flash { account.flash } else { account.other };
            let messages = load.messages.wait(paces.messages.of(1), &paces.messages, now);
            load.bytes.wait(paces.bytes.of(bytes), &paces.bytes, now).max(messages)
        };
        let (of_office, of_member) = (wait(office, &self.office), wait(member, &self.member));
        let wait = of_office.max(of_member);
        (!wait.is_zero()).then_some(TooFast { member: of_member > of_office, wait })
    }

    fn give_back(&self, taken: &Taken) {
        let Taken { sender, class, marked, bytes, .. } = taken;
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let Accounts { offices, members } = &mut *accounts;
        let both = [(offices.get_mut(sender), &self.office), (members.get_mut(&sender.member), &self.member)];
        for (account, paces) in both {
            let Some(account) = account else { continue };
            account.load(*class == place(Precedence::Flash)).bytes.give_back(paces.bytes.of(*bytes));
            if let Some(tally) = marked.and_then(|place| account.marked.get_mut(place)) {
                tally.now = tally.now.saturating_sub(1);
            }
            if let Some(class) = *class
                && let (Some(spent), Some(pace)) = (account.urgent.get_mut(class), paces.urgent.get(class))
            {
                spent.give_back(pace.of(1));
            }
        }
    }
}

fn of_class<'a>(
    account: &'a mut Account,
    paces: &'a Paces,
    class: Precedence,
) -> Option<(&'a mut Spent, &'a Pace)> {
    let place = place(class)?;
    Some((account.urgent.get_mut(place)?, paces.urgent.get(place)?))
}

impl Taken {
    /// The payload begins to come: its bytes are spent, whether all of them come or not.
    pub(crate) fn begins(&mut self) {
        self.bytes = 0;
    }

    /// The message is stored, or all of it came and it is none.
    pub(crate) fn spent(mut self) {
        (self.bytes, self.class, self.marked) = (0, None, None);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.bytes > 0 || self.class.is_some() || self.marked.is_some() {
            self.rates.give_back(self);
        }
    }
}

#[cfg(test)]
mod tests;
