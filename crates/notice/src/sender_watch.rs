//! What a sender's beacons and messages say together: whether something is held back, and whether the
//! sender is heard of at all.
//!
//! Pure: time is told as it passes since the node began, on a clock that nobody can set. An alarm must be
//! true whenever the network is only slow: what was announced may be on its way for [`GRACE`], and longer
//! while deliveries are under way; a message that others overtook for [`GAP_AFTER`].

use core::time::Duration;
use std::collections::BTreeMap;

use pouch_envelope::{HeardBeacon, Place};
use pouch_wire::{EnvelopeId, KeyId, Timestamp};

use crate::lines::{OpenGap, SenderLines};
use crate::unheard::Unheard;

/// How long an announced message may be on its way while nothing else is.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long a message may be overtaken by others before that is an alarm.
pub const GAP_AFTER: Duration = Duration::from_secs(6);
/// The same while deliveries are under way. A gap is an alarm within ten seconds, whatever a relay does.
pub const GAP_AFTER_BUSY: Duration = Duration::from_secs(9);
/// The same while the way to the relays is poor: until then it is told, and no alarm.
pub const GAP_AFTER_POOR: Duration = Duration::from_secs(150);
/// After how long nothing was heard of a sender whose beacons are not known yet.
pub const SILENT_AFTER: Duration = Duration::from_secs(145);
/// For how long a sender that announced something and took it back raises no alarm with the same again.
pub const TOOK_BACK_FOR: Duration = Duration::from_secs(3600);
/// How many numbers are tried for a refused message that could not be opened.
const NUMBERS_TRIED: u64 = 256;

/// What came of a sender's messages.
#[derive(Debug, Clone, Copy)]
pub struct Came<'a> {
    /// Those that have their place.
    pub lines: &'a SenderLines,
    /// The newest that came and were refused: told of, not held back.
    pub refused: &'a [EnvelopeId],
}

/// How it is around a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// How long the node has been running.
    pub now: Duration,
    /// For how long an announced message may be on its way: [`GRACE`], or longer while deliveries are.
    pub grace: Duration,
    /// Whether a delivery is under way.
    pub busy: bool,
    /// Whether a relay is there.
    pub up: bool,
    /// Whether the way to the relays is so poor that what is urgent may overtake by minutes.
    pub poor: bool,
}

/// What changed in a sender's state, to be told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turn {
    /// A message that a relay accepted for us does not come.
    Withheld,
    /// What was withheld came, or was refused.
    Came,
    /// The sender no longer announces what was withheld and never came: it took it back, or it is over.
    Over,
    /// Something does not come of a sender that took back what it announced within the last hour: it is
    /// shown, and no alarm.
    Doubtful,
    /// Messages that others overtook do not come.
    Missing(OpenGap),
    /// They have not come yet, and the way is poor.
    NotYet(OpenGap),
    /// Nothing is heard of the sender.
    Lost,
    /// It is heard of again.
    Back,
}

/// A beacon that does not count because it is not newer than one that was heard, or its key is older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not newer than a beacon that was heard before, or by an older key")]
pub struct NotNewer;

/// A missing message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Noted {
    since: Duration,
    /// Whether it was told without alarm.
    mentioned: bool,
    told: bool,
}

/// One sender, as a node watches it.
#[derive(Debug, Clone, Default)]
pub struct SenderWatch {
    newest: Option<HeardBeacon>,
    /// For how long nothing was heard.
    silent: Unheard,
    counted: Duration,
    lost: bool,
    /// Since when something that was announced has not come.
    behind: Option<Duration>,
    withheld: bool,
    /// Whether that was told as an alarm.
    alarmed: bool,
    /// When it last took back what it had announced, after an alarm.
    took_back: Option<Duration>,
    gaps: Vec<OpenGap>,
    /// By epoch and number.
    missing: BTreeMap<(u64, u64), Noted>,
}

impl SenderWatch {
    /// A sender that is watched from now on.
    #[must_use]
    pub fn from(now: Duration) -> Self {
        Self { counted: now, ..Self::default() }
    }

    /// The newest beacon's time.
    #[must_use]
    pub fn heard_at(&self) -> Option<Timestamp> {
        self.newest.as_ref().map(|beacon| beacon.beacon().at)
    }

    /// Whether the way to it counts as dead.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether a message of it is held back.
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// Whether it took back what it had announced, within the last hour.
    #[must_use]
    pub fn took_back(&self) -> bool {
        self.took_back.is_some_and(|at| self.counted.saturating_sub(at) < TOOK_BACK_FOR)
    }

    /// Whether a beacon of this time, by this key, can be news. Only whoever checked it knows which of two
    /// keys is the newer one.
    #[must_use]
    pub fn is_news(&self, at: Timestamp, by: KeyId) -> bool {
        let newest = self.newest.as_ref().map(HeardBeacon::beacon);
        newest.is_none_or(|newest| at > newest.at || by != newest.sender_key)
    }

    /// What is missing now.
    #[must_use]
    pub fn gaps(&self) -> &[OpenGap] {
        &self.gaps
    }

    /// Those whose alarm was told before this node began are not told again.
    pub fn were_told(&mut self, gaps: &[OpenGap], now: Duration) {
        self.missing = gaps
            .iter()
            .flat_map(places)
            .map(|at| (at, Noted { since: now, mentioned: true, told: true }))
            .collect();
    }

    /// The missing messages whose alarm was told.
    #[must_use]
    pub fn told(&self) -> Vec<OpenGap> {
        ranges(self.missing.iter().filter(|(_, noted)| noted.told).map(|(at, _)| *at))
    }

    /// A beacon of the sender was heard. What it announces is judged by [`SenderWatch::compare`].
    ///
    /// # Errors
    /// When it is not newer than the last by its key, or a beacon by a newer key was heard: whoever has a key
    /// that was replaced speaks for the office no more, and hides nothing with a time that is ahead.
    pub fn hear(&mut self, beacon: HeardBeacon) -> Result<Option<Turn>, NotNewer> {
        let place = |beacon: &HeardBeacon| (beacon.bound(), beacon.beacon().at);
        if self.newest.as_ref().is_some_and(|before| place(&beacon) <= place(before)) {
            return Err(NotNewer);
        }
        self.newest = Some(beacon);
        self.silent.heard();
        let back = core::mem::take(&mut self.lost);
        Ok(back.then_some(Turn::Back))
    }

    /// Compares what was announced with what came. To be called whenever either changes.
    pub fn compare(&mut self, came: Came<'_>, now: Duration) -> Option<Turn> {
        self.gaps = unexplained(came).collect();
        let before = core::mem::take(&mut self.missing);
        let fresh = Noted { since: now, mentioned: false, told: false };
        let open = self.gaps.iter().flat_map(places);
        self.missing = open.map(|at| (at, before.get(&at).copied().unwrap_or(fresh))).collect();
        let beacon = self.newest.as_ref()?;
        let nothing = beacon.says(Place::NOTHING);
        if nothing || has_come(beacon, came) {
            self.behind = None;
            let withheld = core::mem::take(&mut self.withheld);
            let alarmed = core::mem::take(&mut self.alarmed);
            // What raised no alarm does not lengthen the hour: each hour may have its alarm.
            if nothing && alarmed {
                self.took_back = Some(now);
            }
            return withheld.then_some(if nothing { Turn::Over } else { Turn::Came });
        }
        self.behind.get_or_insert(now);
        None
    }

    /// Time passes: what has not come by now is an alarm.
    pub fn pass(&mut self, around: Around) -> Vec<Turn> {
        let now = around.now;
        let passed = now.saturating_sub(core::mem::replace(&mut self.counted, now));
        let mut turns = Vec::new();
        if self.is_silent(passed, around.up) && !core::mem::replace(&mut self.lost, true) {
            turns.push(Turn::Lost);
        }
        if self.behind.is_some_and(|since| now.saturating_sub(since) >= around.grace) {
            let shown = core::mem::replace(&mut self.withheld, true);
            if !self.took_back() && !core::mem::replace(&mut self.alarmed, true) {
                turns.push(Turn::Withheld);
            } else if !shown {
                turns.push(Turn::Doubtful);
            }
        }
        let after = if around.busy { GAP_AFTER_BUSY } else { GAP_AFTER };
        let (mut due, mut mentioned) = (Vec::new(), Vec::new());
        for (at, noted) in self.missing.iter_mut().filter(|(_, noted)| !noted.told) {
            let open = now.saturating_sub(noted.since);
            if open < after {
                continue;
            }
            if !around.poor || open >= GAP_AFTER_POOR {
                noted.told = true;
                due.push(*at);
            } else if !core::mem::replace(&mut noted.mentioned, true) {
                mentioned.push(*at);
            }
        }
        turns.extend(ranges(due).into_iter().map(Turn::Missing));
        turns.extend(ranges(mentioned).into_iter().map(Turn::NotYet));
        turns
    }

    /// Whether the sender was silent for too long while a relay was there. A node that is away itself
    /// knows nothing of others; what it had counted before stays.
    fn is_silent(&mut self, passed: Duration, up: bool) -> bool {
        self.silent.pass(passed, up);
        let after = self.newest.as_ref().map_or(SILENT_AFTER, |beacon| beacon.beacon().silent_after());
        self.silent.total() >= after
    }
}

fn places(gap: &OpenGap) -> impl Iterator<Item = (u64, u64)> + use<> {
    let epoch = gap.epoch;
    (gap.from..=gap.to).map(move |n| (epoch, n))
}

/// Places in their order, those side by side together.
fn ranges(places: impl IntoIterator<Item = (u64, u64)>) -> Vec<OpenGap> {
    let mut gaps: Vec<OpenGap> = Vec::new();
    for (epoch, n) in places {
        match gaps.last_mut().filter(|gap| gap.epoch == epoch && gap.to.saturating_add(1) == n) {
            Some(gap) => gap.to = n,
            None => gaps.push(OpenGap { epoch, from: n, to: n, last: None }),
        }
    }
    gaps
}

/// The gaps, without a message that came and was refused: the one after it names it.
fn unexplained(came: Came<'_>) -> impl Iterator<Item = OpenGap> + '_ {
    came.lines.open_gaps().into_iter().filter_map(move |gap| {
        let refused = gap.last.is_some_and(|last| came.refused.contains(&last));
        let to = if refused { gap.to.saturating_sub(1) } else { gap.to };
        (gap.from <= to).then_some(OpenGap { to, ..gap })
    })
}

fn has_come(beacon: &HeardBeacon, came: Came<'_>) -> bool {
    let says = |epoch, n, last| beacon.says(Place { epoch, n, last });
    if came.lines.places().any(|(epoch, n, last)| says(epoch, n, last)) {
        return true;
    }
    // Of a refused message that could not be opened only the id is known; its place is near the newest.
    let near = |(epoch, n): (u64, u64)| {
        let numbers = n.saturating_sub(NUMBERS_TRIED).max(1)..=n.saturating_add(NUMBERS_TRIED);
        numbers.map(move |n| (epoch, n))
    };
    let known: Vec<(u64, u64)> = came.lines.newest().collect();
    let begins = (1..=NUMBERS_TRIED).map(|n| (1, n)).filter(|_| known.is_empty());
    let tried: Vec<(u64, u64)> = known.iter().copied().flat_map(near).chain(begins).collect();
    came.refused.iter().any(|id| tried.iter().any(|(epoch, n)| says(*epoch, *n, *id)))
}
