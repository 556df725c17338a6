//! Runs of lies, side by side: each in a town of its own, each with what must be told and by when.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pouch_testkit::stage::{Program, StageError, word};
use rand::RngExt as _;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::journal::Journal;
use super::town::Town;

/// What a node must tell its people.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// At which node.
    pub at: &'static str,
    /// With which code; any of these.
    pub codes: &'static [&'static str],
    /// After the lie began.
    pub within: Duration,
    /// Whether this is told by what only one defence brings: the control judges the run without it.
    pub by_beacon_or_gossip: bool,
}

/// A way to lie.
pub trait Lie: Copy + Send + Sync + 'static {
    /// Its name on the command line and in the figures.
    fn name(self) -> &'static str;

    /// What must be told, where, and by when; nothing when honest.
    fn expects(self) -> Vec<Expected>;

    /// Begins to lie, in a town that was honest until now; the moment that counts.
    fn begin(self, town: &Town) -> impl Future<Output = Result<Instant, StageError>> + Send;

    /// What must hold after all was told.
    fn after(self, town: &Town) -> impl Future<Output = Result<(), StageError>> + Send;
}

/// How one thing that had to be told was told.
#[derive(Debug, Clone)]
pub struct Detection {
    /// What had to be told.
    pub expected: Expected,
    /// How long it took; `None` when it never came.
    pub took: Option<Duration>,
}

/// What came of one run.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Each thing that had to be told.
    pub detections: Vec<Detection>,
    /// Alarms while everything was honest, with the node and its words.
    pub false_alarms: Vec<String>,
    /// What the node told when it did not tell what it must.
    pub told_instead: Vec<String>,
    /// Why the run could not be judged, or what did not hold afterwards.
    pub broken: Option<String>,
}

impl Run {
    /// Whether everything was told within its bound.
    #[must_use]
    pub fn detected(&self) -> bool {
        let told = |one: &Detection| one.took.is_some_and(|took| took <= one.expected.within);
        self.broken.is_none() && self.detections.iter().all(told)
    }

    /// The same, if beacons and gossip did not exist.
    #[must_use]
    pub fn detected_without(&self) -> bool {
        self.detected() && self.detections.iter().all(|one| !one.expected.by_beacon_or_gossip)
    }
}

/// About as long as the time from one beacon to the next.
const BEACON_MS: u64 = 58_000;
/// How long is waited beyond a bound, to say by how much it was missed.
const GRACE: Duration = Duration::from_secs(60);

/// Runs each lie so many times, at most `lanes` at once.
///
/// # Errors
/// When a task is lost.
pub async fn all<L: Lie>(
    lies: &[L],
    times: usize,
    lanes: usize,
    program: Program,
    under: PathBuf,
) -> Result<Vec<(L, Vec<Run>)>, StageError> {
    let places = Arc::new(Semaphore::new(lanes));
    let mut running = JoinSet::new();
    // One of each first: what is slow begins early.
    for _ in 0..times {
        for (at, lie) in lies.iter().copied().enumerate() {
            let (places, program, under) = (places.clone(), program.clone(), under.clone());
            running.spawn(async move {
                let _place = places.acquire_owned().await;
                (at, one(lie, program, under).await)
            });
        }
    }
    let mut done: Vec<(L, Vec<Run>)> = lies.iter().map(|lie| (*lie, Vec::new())).collect();
    while let Some(ended) = running.join_next().await {
        let (at, run) = ended.map_err(|error| StageError(error.to_string()))?;
        if let Some((lie, runs)) = done.get_mut(at) {
            eprintln!("{}", line(*lie, &run));
            runs.push(run);
        }
    }
    Ok(done)
}

fn line<L: Lie>(lie: L, run: &Run) -> String {
    let took = |one: &Detection| match one.took {
        Some(took) => format!("{} {:.1} s", one.expected.at, took.as_secs_f64()),
        None => format!("{} never", one.expected.at),
    };
    let took: Vec<String> = run.detections.iter().map(took).collect();
    let broken = run.broken.as_deref().map(|why| format!(" BROKEN: {why}")).unwrap_or_default();
    let alarms = if run.false_alarms.is_empty() { String::new() } else { format!(" {:?}", run.false_alarms) };
    let instead: String = run.told_instead.iter().map(|event| format!("\n    {event}")).collect();
    format!("{:<20} {}{alarms}{broken}{instead}", lie.name(), took.join(", "))
}

async fn one<L: Lie>(lie: L, program: Program, under: PathBuf) -> Run {
    let town = match Town::start(program, &under).await {
        Ok(town) => town,
        Err(error) => return Run { broken: Some(format!("no town: {error}")), ..Run::default() },
    };
    let mut run = judged(lie, &town)
        .await
        .unwrap_or_else(|error| Run { broken: Some(error.to_string()), ..Run::default() });
    town.liar.ends();
    if let Err(error) = town.end().await {
        run.broken.get_or_insert(error.to_string());
    }
    run
}

async fn judged<L: Lie>(lie: L, town: &Town) -> Result<Run, StageError> {
    let before = |run: &mut Run| {
        let words = |(node, event): (String, Value)| {
            format!("{node}: {} {}", word(&event, "code"), word(&event, "words"))
        };
        run.false_alarms = town.alarms().into_iter().map(words).collect();
    };
    let mut run = Run::default();
    // Any moment between two beacons: a lie does not wait for the one that suits its victim.
    let moment = Duration::from_millis(rand::rng().random_range(0..BEACON_MS));
    tokio::time::sleep(moment).await;
    before(&mut run);
    let began = lie.begin(town).await?;
    let expects = lie.expects();
    if expects.is_empty() {
        before(&mut run);
    }
    for expected in expects {
        let took = told(town.journal(expected.at)?, expected, began).await;
        if took.is_none() {
            run.told_instead = instead(town.journal(expected.at)?);
        }
        run.detections.push(Detection { expected, took });
    }
    if let Err(error) = lie.after(town).await {
        run.broken = Some(error.to_string());
    }
    Ok(run)
}

/// The newest events of a node, for whoever looks for the reason.
fn instead(journal: &Journal) -> Vec<String> {
    let all = journal.all(|_| true);
    let newest = all.iter().skip(all.len().saturating_sub(12));
    newest.map(|(_, event)| format!("{} {}", word(event, "code"), word(event, "words"))).collect()
}

async fn told(journal: &Journal, expected: Expected, began: Instant) -> Option<Duration> {
    let until = began.checked_add(expected.within.saturating_add(GRACE))?;
    let fits = |event: &Value| expected.codes.contains(&word(event, "code"));
    let (at, _) = journal.first(until, fits).await?;
    Some(at.saturating_duration_since(began))
}
