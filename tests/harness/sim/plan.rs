//! What a seed makes of the world: how large it is, how bad its network, and who lies how.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::clock::{MINUTE, SECOND};

/// How much of the world is honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Everybody is honest, nothing stops: loss and delay only. No alarm may be raised.
    Calm,
    /// Everybody is honest; nodes and relays stop and start, and lines are cut.
    Rough,
    /// Somebody lies.
    Hostile,
}

/// What a relay does with messages that it accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Conduct {
    Honest,
    /// It delivers nothing of one sender, or of anybody.
    DropAll(Option<usize>),
    /// It delivers some, by chance.
    DropSome(f64),
    /// It delivers all but flashes.
    DropFlash,
    /// It holds everything back for so long.
    Delay(u64),
    /// It delivers in any order.
    Reorder,
    /// It delivers half of all messages twice, or more often.
    Duplicate,
    /// It delivers messages again long after they were taken.
    Replay,
}

/// What a relay does with the directory's entries that it hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entries {
    Honest,
    /// It leaves the last one out.
    Omitted,
    /// It changes a bit of one.
    Changed,
    /// It adds one that no witness saw.
    Beyond,
}

/// What the directory's log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLie {
    Honest,
    /// From some size on it shows one face to some and another to others.
    Fork,
    /// It shows some an older tree than before.
    Rollback,
    /// It shows some an old tree for ever.
    Freeze,
}

/// One run's world.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) weather: Weather,
    pub(crate) nodes: usize,
    pub(crate) relays: usize,
    pub(crate) witnesses: usize,
    pub(crate) quorum: usize,
    /// Which witnesses cosign anything.
    pub(crate) lying_witnesses: Vec<bool>,
    pub(crate) log: LogLie,
    pub(crate) conduct: Vec<Conduct>,
    pub(crate) entries: Vec<Entries>,
    /// A member whose node puts two messages in one place.
    pub(crate) twin: Option<usize>,
    /// Whose beacons a relay holds back.
    pub(crate) beacons: Vec<Option<usize>>,
    /// Whether the run goes on until the last routine notice is overdue.
    pub(crate) long: bool,
    pub(crate) loss: f64,
    /// A packet's time without loss: at least, and at most.
    pub(crate) latency: (u64, u64),
    pub(crate) node_skew: Vec<i64>,
    pub(crate) relay_skew: Vec<i64>,
    pub(crate) crashes: usize,
    pub(crate) cuts: usize,
    pub(crate) messages: usize,
    /// Rotations, revocations and new sealing keys.
    pub(crate) statements: usize,
    /// How long things are sent and go wrong; what comes after is only waited for.
    pub(crate) active: u64,
}

impl Plan {
    /// The world of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x0070_6c61_6e00);
        let weather = match rng.random_range(0..100_u8) {
            0..30 => Weather::Calm,
            30..50 => Weather::Rough,
            _ => Weather::Hostile,
        };
        let (nodes, relays) = (rng.random_range(3..=5), rng.random_range(1..=2));
        let (witnesses, quorum) = if rng.random_bool(0.5) { (3, 2) } else { (4, 3) };
        let active = rng.random_range(6 * MINUTE..18 * MINUTE);
        let low = rng.random_range(2..120);
        let skew = |rng: &mut ChaCha20Rng| rng.random_range(-50_000_i64..=50_000);
        let mut plan = Self {
            seed,
            weather,
            nodes,
            relays,
            witnesses,
            quorum,
            lying_witnesses: vec![false; witnesses],
            log: LogLie::Honest,
            conduct: vec![Conduct::Honest; relays],
            entries: vec![Entries::Honest; relays],
            twin: None,
            beacons: vec![None; relays],
            long: rng.random_bool(0.15),
            loss: if rng.random_bool(0.3) { 0.0 } else { rng.random_range(0.0..0.3) },
            latency: (low, low + rng.random_range(1..150)),
            node_skew: (0..nodes).map(|_| skew(&mut rng)).collect(),
            relay_skew: (0..relays).map(|_| skew(&mut rng)).collect(),
            crashes: 0,
            cuts: 0,
            messages: rng.random_range(8..30),
            statements: rng.random_range(2..7),
            active,
        };
        let rough = weather == Weather::Rough || weather == Weather::Hostile && rng.random_bool(0.5);
        if rough {
            plan.crashes = rng.random_range(0..6);
            plan.cuts = rng.random_range(0..4);
        }
        if weather == Weather::Hostile {
            plan.corrupt(&mut rng);
        }
        plan
    }

    fn corrupt(&mut self, rng: &mut ChaCha20Rng) {
        let relay = rng.random_range(0..self.relays);
        let kind = rng.random_range(0..10_u8);
        if kind < 6 {
            self.conduct[relay] = match rng.random_range(0..8_u8) {
                0 => Conduct::DropAll(None),
                1 => Conduct::DropAll(Some(rng.random_range(0..self.nodes))),
                2 => Conduct::DropSome(rng.random_range(0.05..0.7)),
                3 => Conduct::DropFlash,
                4 => Conduct::Delay(rng.random_range(30 * SECOND..10 * MINUTE)),
                5 => Conduct::Reorder,
                6 => Conduct::Duplicate,
                _ => Conduct::Replay,
            };
        }
        if kind >= 3 {
            self.log = match rng.random_range(0..5_u8) {
                0..3 => LogLie::Fork,
                3 => LogLie::Rollback,
                _ => LogLie::Freeze,
            };
            self.statements += 2;
            // Witnesses that lie with a log: few enough to be harmless, or enough for two faces.
            let liars = rng.random_range(0..self.quorum);
            self.lying_witnesses.iter_mut().take(liars).for_each(|lies| *lies = true);
        }
        if kind == 9 || kind == 0 {
            self.entries[relay] = match rng.random_range(0..3_u8) {
                0 => Entries::Omitted,
                1 => Entries::Changed,
                _ => Entries::Beyond,
            };
        }
        if rng.random_bool(0.25) {
            self.beacons[relay] = Some(rng.random_range(0..self.nodes));
        }
        if rng.random_bool(0.25) {
            self.twin = Some(rng.random_range(0..self.nodes));
        }
    }

    /// How many witnesses lie.
    pub(crate) fn liars(&self) -> usize {
        self.lying_witnesses.iter().filter(|lies| **lies).count()
    }

    /// Whether any two quorums have an honest witness in common, so that no two of them cosign what
    /// contradicts.
    pub(crate) fn quorums_meet(&self) -> bool {
        2 * self.quorum > self.witnesses + self.liars()
    }
}
