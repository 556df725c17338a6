//! How a relay lies about messages, and what its victims must be told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pouch_envelope::{Beacon, Header};
use pouch_relay::{Accepting, Conduct, Given, Handing, Keeping, Peer};
use pouch_store::Pending;
use pouch_testkit::stage::{PATIENCE, StageError, is};
use pouch_wire::session::{Changed, Consistency, ReadConsistency};
use pouch_wire::{ContactPoint, EnvelopeId, Precedence};
use tokio::sync::watch;
use tokio::time::Instant;

use super::codes::{CONTACT_LOST, GAP, HELD_BACK, OVERDUE, REPEATED, WITHHELD};
use super::forger::Forger;
use super::log_lies::{Frozen, grown, is_of, settled};
use super::runs::{Expected, Lie};
use super::town::{Town, office};

/// How a relay lies. NL writes, MD is kept in the dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayLie {
    /// Not at all, while there is traffic of all kinds.
    Honest,
    /// Nothing of NL reaches MD, neither messages nor beacons.
    DropAll,
    /// Only flashes are dropped.
    DropFlash,
    /// Every message is ten minutes late.
    Delay,
    /// Beacons are handed on, and no message.
    HeartbeatsOnly,
    /// A message is handed over after the one that follows it.
    Reorder,
    /// A message is handed over twice.
    Duplicate,
    /// Old messages are handed over again, and again.
    Replay,
    /// MD is shown the directory of yesterday.
    StaleDirectory,
    /// The relay signs that it accepted a message, and forgets it.
    AcceptAndForget,
}

impl RelayLie {
    /// Every way, and the honest control.
    pub const ALL: [Self; 10] = [
        Self::Honest,
        Self::DropAll,
        Self::DropFlash,
        Self::Delay,
        Self::HeartbeatsOnly,
        Self::Reorder,
        Self::Duplicate,
        Self::Replay,
        Self::StaleDirectory,
        Self::AcceptAndForget,
    ];
}

/// Bounds of the design: what is withheld, what is silent, what is missing, what is not confirmed.
const WITHHELD_WITHIN: Duration = Duration::from_secs(70);
const SILENT_WITHIN: Duration = Duration::from_secs(150);
const GAP_WITHIN: Duration = Duration::from_secs(10);
const FLASH_WITHIN: Duration = Duration::from_secs(60 + 5);
const STALE_WITHIN: Duration = Duration::from_secs(90);
/// A repetition is told when it comes.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How long the honest control has traffic: longer than every bound.
const HONEST_FOR: Duration = Duration::from_secs(200);

impl Lie for RelayLie {
    fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::DropAll => "drop-all",
            Self::DropFlash => "drop-flash",
            Self::Delay => "delay",
            Self::HeartbeatsOnly => "heartbeats-only",
            Self::Reorder => "reorder",
            Self::Duplicate => "duplicate",
            Self::Replay => "replay",
            Self::StaleDirectory => "stale-directory",
            Self::AcceptAndForget => "accept-and-forget",
        }
    }

    fn expects(self) -> Vec<Expected> {
        let told =
            |at, codes, within, by_beacon_or_gossip| Expected { at, codes, within, by_beacon_or_gossip };
        let withheld = told("md", WITHHELD, WITHHELD_WITHIN, true);
        let unconfirmed = told("nl", OVERDUE, FLASH_WITHIN, false);
        match self {
            Self::Honest => Vec::new(),
            Self::DropAll => vec![told("md", CONTACT_LOST, SILENT_WITHIN, true), unconfirmed],
            Self::DropFlash | Self::Delay | Self::HeartbeatsOnly | Self::AcceptAndForget => {
                vec![withheld, unconfirmed]
            }
            Self::Reorder => vec![told("md", GAP, GAP_WITHIN, false)],
            Self::Duplicate | Self::Replay => vec![told("md", REPEATED, AT_ONCE, false)],
            Self::StaleDirectory => vec![told("md", HELD_BACK, STALE_WITHIN, true)],
        }
    }

    async fn begin(self, town: &Town) -> Result<Instant, StageError> {
        match self {
            Self::Honest => return honest(town).await,
            Self::DropAll => town.liar.begins(Holds { beacons: true, ..Holds::everything(Handing::Drop)? }),
            Self::DropFlash => {
                town.liar.begins(Holds { flash_only: true, ..Holds::everything(Handing::Drop)? });
                // What is not urgent goes on as if nothing were amiss.
                town.meets("nl", "md").await?;
            }
            Self::Delay => {
                town.liar.begins(Holds::everything(Handing::Hold(Duration::from_secs(600)))?);
            }
            Self::HeartbeatsOnly => town.liar.begins(Holds::everything(Handing::Drop)?),
            Self::AcceptAndForget => town.liar.begins(Promises { to: point("md")? }),
            Self::Reorder => return reorder(town).await,
            Self::Duplicate => return repeat(town, 1).await,
            Self::Replay => return repeat(town, usize::MAX).await,
            Self::StaleDirectory => return stale(town).await,
        }
        let began = Instant::now();
        town.sends("nl", "md", "flash").await?;
        Ok(began)
    }

    async fn after(self, town: &Town) -> Result<(), StageError> {
        match self {
            // Once each, however often it came.
            Self::Duplicate | Self::Replay => presented_once(town),
            // The relay turned honest, and all is well again.
            Self::Delay => {
                town.liar.ends();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn point(folder: &str) -> Result<ContactPoint, StageError> {
    office(folder)?.parse().map_err(|_| StageError(format!("{folder} has no office")))
}

/// Keeps back what NL writes to MD.
#[derive(Debug)]
struct Holds {
    from: ContactPoint,
    to: ContactPoint,
    flash_only: bool,
    how: Handing,
    beacons: bool,
}

impl Holds {
    fn everything(how: Handing) -> Result<Self, StageError> {
        Ok(Self { from: point("nl")?, to: point("md")?, flash_only: false, how, beacons: false })
    }
}

impl Conduct for Holds {
    fn hands_over(&self, to: &ContactPoint, message: &Pending) -> Handing {
        let concerns = *to == self.to
            && message.sender == self.from
            && (!self.flash_only || message.precedence == Precedence::Flash);
        if concerns { self.how } else { Handing::Now }
    }

    fn hands_beacon(&self, to: &ContactPoint, beacon: &Beacon) -> Handing {
        let concerns = self.beacons && *to == self.to && beacon.sender == self.from;
        if concerns { self.how } else { Handing::Now }
    }
}

/// Signs for what goes to an office, and forgets it.
#[derive(Debug)]
struct Promises {
    to: ContactPoint,
}

impl Conduct for Promises {
    fn accepts(&self, _: &Peer, header: &Header) -> Accepting {
        let theirs = header.recipients.iter().any(|addressee| addressee.contact_point == self.to);
        if theirs { Accepting::Promise } else { Accepting::Keep }
    }
}

/// Keeps the first message back until it is told otherwise.
#[derive(Debug)]
struct Overtaken {
    to: ContactPoint,
    first: Mutex<Option<EnvelopeId>>,
}

impl Conduct for Overtaken {
    fn hands_over(&self, to: &ContactPoint, message: &Pending) -> Handing {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if *to == self.to && *first.get_or_insert(message.envelope) == message.envelope {
            return Handing::Hold(Duration::from_secs(3600));
        }
        Handing::Now
    }
}

async fn reorder(town: &Town) -> Result<Instant, StageError> {
    town.liar.begins(Overtaken { to: point("md")?, first: Mutex::default() });
    let first = town.sends("nl", "md", "routine").await?;
    // The relay has the first when the second leaves.
    let accepted = |event: &serde_json::Value| is(event, "kind", "progress") && is(event, "envelope", &first);
    town.journal("nl")?.wait("the first accepted", PATIENCE, accepted).await?;
    let second = town.sends("nl", "md", "routine").await?;
    town.received("md", &second).await?;
    Ok(Instant::now())
}

/// Hands over again what was taken, so often each, and not before something else had its turn.
#[derive(Debug)]
struct Repeats {
    to: ContactPoint,
    times: usize,
    taken: Mutex<BTreeMap<EnvelopeId, (usize, Instant)>>,
    again: watch::Sender<usize>,
}

impl Conduct for Repeats {
    fn hands_over(&self, to: &ContactPoint, message: &Pending) -> Handing {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get(&message.envelope) {
            Some((_, at)) if *to == self.to && at.elapsed() < BETWEEN => {
                Handing::Hold(BETWEEN.saturating_sub(at.elapsed()))
            }
            _ => Handing::Now,
        }
    }

    fn forgets(&self, to: &ContactPoint, message: &Pending) -> Keeping {
        if *to != self.to {
            return Keeping::Forget;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (times, at) = taken.entry(message.envelope).or_insert((0, Instant::now()));
        *at = Instant::now();
        if *times >= self.times {
            return Keeping::Forget;
        }
        *times = times.saturating_add(1);
        self.again.send_modify(|again| *again = again.saturating_add(1));
        Keeping::Keep
    }
}

/// How long a repetition waits.
const BETWEEN: Duration = Duration::from_secs(2);

async fn repeat(town: &Town, times: usize) -> Result<Instant, StageError> {
    let (again, mut told) = watch::channel(0);
    let repeats = Repeats { to: point("md")?, times, taken: Mutex::default(), again };
    town.liar.begins(repeats);
    town.meets("nl", "md").await?;
    let began = Instant::now();
    if times > 1 {
        // What came before is handed over again beside what is new.
        town.meets("nl", "md").await?;
    }
    // The recipient tells its people before the relay hears that it took the message.
    let repeated = tokio::time::timeout(PATIENCE, told.wait_for(|again| *again > 0)).await;
    if matches!(repeated, Ok(Ok(_))) { Ok(began) } else { Err(StageError::new("nothing was repeated")) }
}

/// No message was presented as new twice.
fn presented_once(town: &Town) -> Result<(), StageError> {
    let received = town.journal("md")?.all(|event| is(event, "kind", "received"));
    let mut seen = BTreeSet::new();
    for (_, event) in &received {
        if !seen.insert(event.get("envelope").map(ToString::to_string)) {
            return Err(StageError(format!("presented twice: {event}")));
        }
    }
    if seen.is_empty() { Err(StageError::new("nothing was presented")) } else { Ok(()) }
}

/// BA takes a new key, NL writes and knows of it; MD is shown the directory of before.
async fn stale(town: &Town) -> Result<Instant, StageError> {
    let size = settled(town).await?;
    town.liar.begins(Stale(Frozen::now(point("md")?, &Forger::of(town)?)?));
    town.rotates("ba").await?;
    let began = Instant::now();
    grown(town, "nl", size).await?;
    town.sends("nl", "md", "flash").await?;
    Ok(began)
}

/// Shows one peer the directory as it was when the lie began.
#[derive(Debug)]
struct Stale(Frozen);

impl Conduct for Stale {
    fn tells(&self, to: &Peer, honest: Changed) -> Option<Changed> {
        if is_of(to, &self.0.to) { None } else { Some(honest) }
    }

    fn consistency(
        &self,
        to: &Peer,
        asked: &ReadConsistency,
        honest: Given<Consistency>,
    ) -> Given<Consistency> {
        self.0.consistency(to, asked, honest)
    }
}

/// Traffic of all kinds for longer than every bound, with a key that is rotated on the way.
async fn honest(town: &Town) -> Result<Instant, StageError> {
    let began = Instant::now();
    let mut rotated = false;
    while began.elapsed() < HONEST_FOR {
        for precedence in ["routine", "flash", "priority", "immediate"] {
            let sent = town.sends("nl", "md", precedence).await?;
            town.received("md", &sent).await?;
        }
        town.meets("md", "ba").await?;
        if !rotated && began.elapsed() > HONEST_FOR.div_f64(2.0) {
            town.rotates("nl").await?;
            rotated = true;
        }
        // Mostly nothing happens: that is what must not raise an alarm.
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    Ok(began)
}
