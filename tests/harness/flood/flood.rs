//! What a flood is: an attack, what must hold while it runs, and the defence without which it must not.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use pouch_testkit::stage::StageError;
use tokio_util::sync::CancellationToken;

use crate::ground::Ground;
use crate::relay::Target;

/// A flood of the plan.
pub(crate) trait Flood: Send + Sync {
    /// Its number in the plan: `F1`.
    fn name(&self) -> &'static str;

    /// What it does, in a few words.
    fn words(&self) -> &'static str;

    /// What the honest must not notice, and what the relay may cost.
    fn bounds(&self) -> Bounds;

    /// The defences that the control leaves out; none when there is nothing of ours to leave out, and then
    /// `words` say so.
    fn without(&self) -> &'static [Defence];

    /// Makes beforehand what takes long to make.
    fn prepare(&self) {}

    /// Attacks until it is told to end. `ground` has everybody's keys, `target` the relay.
    fn attack<'a>(&'a self, ground: &'a Ground, target: &'a Target, end: CancellationToken) -> Attacking<'a>;

    /// What must hold beside the bounds, judged by what the attack counted. `Err` says in words what does not.
    fn holds(&self, blow: &Blow) -> Result<(), String> {
        let _ = blow;
        Ok(())
    }
}

/// An attack under way.
pub(crate) type Attacking<'a> = Pin<Box<dyn Future<Output = Result<Blow, StageError>> + Send + 'a>>;

/// What an attack did and saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blow {
    /// For how long it ran.
    pub(crate) ran: Duration,
    /// Counts, by name, for the figures and for [`Flood::holds`].
    pub(crate) counts: Vec<(&'static str, u64)>,
}

impl Blow {
    /// A count; zero when it was not counted.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.counts.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }
}

/// What must hold. What is `None` is reported and not judged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// From the moment at which an honest flash should have been sent until its recipient has it; one that
    /// never comes breaks this.
    pub(crate) flash_p99: Option<Duration>,
    /// From the moment at which an honest node should have connected until it has a session.
    pub(crate) session_p99: Option<Duration>,
    /// The relay's largest resident memory, in MiB.
    pub(crate) memory_mib: Option<u64>,
    /// Lines that the relay logged in a second of the attack.
    pub(crate) log_lines_per_s: Option<u64>,
}

/// A defence of the relay that a control leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defence {
    /// Under pressure, new addresses prove that they receive.
    Retry,
    /// A prefix has its share of handshakes and no more.
    Prefixes,
    /// A session has few streams and small windows, and what does not come is cut.
    Windows,
    /// Handshake bytes that come out of order have little room.
    CryptoBuffer,
    /// A session stays where it began.
    NoMigration,
}

/// Every defence, by its name on the relay's command line.
const DEFENCES: &[(&str, Defence)] = &[
    ("retry", Defence::Retry),
    ("prefixes", Defence::Prefixes),
    ("windows", Defence::Windows),
    ("crypto-buffer", Defence::CryptoBuffer),
    ("no-migration", Defence::NoMigration),
];

impl Defence {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        DEFENCES.iter().find(|(_, defence)| *defence == self).map_or("", |(name, _)| name)
    }

    /// The one of a name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        DEFENCES.iter().find(|(known, _)| *known == name).map(|(_, defence)| *defence)
    }
}
