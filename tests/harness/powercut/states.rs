//! Cuts the power thousands of times, and counts what that cost.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use pouch_testkit::stage::StageError;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::disk::{Fate, Syncs};
use crate::facts;
use crate::history::{HONEST, History, Machine};
use crate::judge::{Verdict, judge};
use crate::promises::{Promise, Promised};
use crate::record::{Player, What};

/// Side by side, one for each core of a small machine.
const WORKERS: usize = 2;
/// Of so many states one is of a machine without a store.
const FILES_ONLY: usize = 8;
/// How many findings are told in words.
const TOLD: usize = 12;

/// What is taken away, for a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    /// Waiting for a file does nothing.
    FileSync,
    /// Waiting for a folder does nothing.
    FolderSync,
    /// Each promise left while the wait for what it rests on had only begun.
    AnswerAfterSync,
}

impl Without {
    pub(crate) const CONTROLS: [Self; 3] = [Self::FileSync, Self::FolderSync, Self::AnswerAfterSync];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::FileSync => "file sync",
            Self::FolderSync => "folder sync",
            Self::AnswerAfterSync => "answer after sync",
        }
    }

    const fn syncs(self) -> Syncs {
        match self {
            Self::FileSync => Syncs { files: false, ..HONEST },
            Self::FolderSync => Syncs { folders: false, ..HONEST },
            Self::Nothing | Self::AnswerAfterSync => HONEST,
        }
    }
}

/// What came of many cuts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) states: usize,
    pub(crate) by_machine: std::collections::BTreeMap<String, usize>,
    pub(crate) fate: Fate,
    pub(crate) checked: usize,
    /// States in which something was lost, or damaged.
    pub(crate) lost: usize,
    pub(crate) corrupt: usize,
    pub(crate) seconds: f64,
    pub(crate) told: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.states += other.states;
        for (machine, states) in other.by_machine {
            *self.by_machine.entry(machine).or_default() += states;
        }
        self.fate.kept += other.fate.kept;
        self.fate.dropped += other.fate.dropped;
        self.fate.torn += other.fate.torn;
        self.checked += other.checked;
        self.lost += other.lost;
        self.corrupt += other.corrupt;
        self.seconds += other.seconds;
        self.told.extend(other.told);
        self.told.truncate(TOLD);
    }

    fn count(&mut self, machine: &str, cut: usize, fate: Fate, verdict: &Verdict) {
        self.states += 1;
        *self.by_machine.entry(machine.to_owned()).or_default() += 1;
        self.fate.kept += fate.kept;
        self.fate.dropped += fate.dropped;
        self.fate.torn += fate.torn;
        self.checked += verdict.checked;
        self.lost += usize::from(!verdict.lost.is_empty());
        self.corrupt += usize::from(!verdict.corrupt.is_empty());
        let found = verdict.corrupt.iter().chain(&verdict.lost).take(3);
        let room = TOLD.saturating_sub(self.told.len());
        self.told.extend(found.map(|what| format!("{machine}, step {cut}: {what}")).take(room));
    }

    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(crate) fn figures(&self) -> Value {
        let rate = if self.seconds > 0.0 { self.states as f64 / self.seconds } else { 0.0 };
        json!({
            "states": self.states, "by_machine": self.by_machine,
            "writes_kept": self.fate.kept, "writes_dropped": self.fate.dropped, "writes_torn": self.fate.torn,
            "promises_checked": self.checked, "lost": self.lost, "corrupt": self.corrupt,
            "seconds": (self.seconds * 10.0).round() / 10.0, "states_per_second": rate.round(),
        })
    }
}

/// Cuts so often, on all machines.
pub(crate) fn cut(
    history: &History,
    states: usize,
    seed: u64,
    without: Without,
    under: &Path,
) -> Result<Tally, StageError> {
    let began = Instant::now();
    let (with, bare): (Vec<&Machine>, Vec<&Machine>) =
        history.machines.iter().partition(|machine| machine.place.is_some());
    let files_only = if bare.is_empty() { 0 } else { states / FILES_ONLY };
    let share =
        |all: usize, among: &[&Machine], at: usize| all / among.len() + usize::from(at < all % among.len());
    let mut plan: Vec<(&Machine, usize)> = Vec::new();
    for (among, all) in [(&with, states - files_only), (&bare, files_only)] {
        plan.extend(among.iter().enumerate().map(|(at, machine)| (*machine, share(all, among, at))));
    }
    let total = Mutex::new(Ok(Tally::default()));
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (plan, total) = (&plan, &total);
            scope.spawn(move || {
                let done = work(history, plan, worker, seed, without, under);
                if let Ok(mut total) = total.lock() {
                    match (done, total.as_mut()) {
                        (Ok(tally), Ok(all)) => all.add(tally),
                        (Err(error), Ok(_)) => *total = Err(error),
                        (_, Err(_)) => {}
                    }
                }
            });
        }
    });
    let mut tally = total.into_inner().map_err(|_| StageError::new("a worker was lost"))??;
    tally.seconds = began.elapsed().as_secs_f64();
    Ok(tally)
}

fn work(
    history: &History,
    plan: &[(&Machine, usize)],
    worker: usize,
    seed: u64,
    without: Without,
    under: &Path,
) -> Result<Tally, StageError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| StageError(error.to_string()))?;
    let mut tally = Tally::default();
    for (number, (machine, states)) in plan.iter().enumerate() {
        let promises = promises(machine, without);
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (number as u64) << 32);
        let cuts = cuts(machine, &promises, *states, &mut rng);
        let mut player = Player::new(&machine.record, without.syncs());
        for (at, cut) in cuts.into_iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(rng.next_u64());
            if at % WORKERS != worker {
                continue;
            }
            player.up_to(cut);
            let mut fate = Fate::default();
            let image = player.disk.cut(&mut rng, &mut fate);
            let noise: Option<Vec<u8>> = rng.random_ratio(1, 4).then(|| {
                let mut noise = vec![0; 32 * 1024];
                rng.fill_bytes(&mut noise);
                noise
            });
            let facts = machine.place.as_ref().map(|place| {
                runtime.block_on(facts::read(&image, place, &history.known, under, noise.as_deref()))
            });
            let verdict = judge(history, machine, &promises, cut, &image, facts);
            tally.count(&machine.name, cut, fate, &verdict);
        }
    }
    Ok(tally)
}

/// Where the power is cut: half the time just as a promise left, else anywhere that the disk changed.
fn cuts(machine: &Machine, promises: &[Promised], states: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let steps = machine.record.steps.iter().enumerate();
    let moments: Vec<usize> = steps
        .filter(|(_, step)| matches!(step.what, What::Change(..) | What::Waits(..) | What::Waited(..)))
        .map(|(at, _)| at + 1)
        .collect();
    let mut cuts: Vec<usize> = (0..states)
        .map(|_| match (rng.random_bool(0.5), promises.len(), moments.len()) {
            (_, 0, 0) => 0,
            (true, 1.., _) | (_, 1.., 0) => promises[rng.random_range(0..promises.len())].at + 1,
            _ => moments[rng.random_range(0..moments.len())],
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

fn promises(machine: &Machine, without: Without) -> Vec<Promised> {
    let mut promises = machine.promises.clone();
    if without == Without::AnswerAfterSync {
        for promise in &mut promises {
            if !matches!(promise.what, Promise::File { .. }) {
                promise.at = while_waiting(machine, promise.at);
            }
        }
        promises.sort_by_key(|one| one.at);
    }
    promises
}

/// The step at which the last wait for the store's log began that was over before a step.
fn while_waiting(machine: &Machine, before: usize) -> usize {
    let steps = machine.record.steps.get(..before).unwrap_or_default();
    let over = steps.iter().rev().find_map(|step| match &step.what {
        What::Waited(number, path) if path.ends_with("-wal") => Some(*number),
        _ => None,
    });
    let began =
        steps.iter().rposition(|step| matches!(&step.what, What::Waits(number, _) if Some(*number) == over));
    began.unwrap_or(before)
}
