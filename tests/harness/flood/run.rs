//! Runs floods one after the other, each with its control.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pouch_testkit::stage::StageError;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::figures;
use crate::flood::{Blow, Defence, Flood};
use crate::ground::Ground;
use crate::place::Place;
use crate::probes::{Honest, Probes};
use crate::relay::Running;

const LONG: Duration = Duration::from_secs(60);
const QUICK: Duration = Duration::from_secs(4);
/// A flood has begun to bite before the honest are measured.
const AHEAD: Duration = Duration::from_millis(500);
/// How often a run that does not come out as it must is run at most. Two of three decide: other programs
/// use the machine too.
const RUNS: usize = 3;

/// What one run found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) honest: Honest,
    pub(crate) blow: Blow,
    pub(crate) memory_kib: u64,
    pub(crate) log_lines_per_s: u64,
    /// What did not hold, in words.
    pub(crate) broken: Vec<String>,
}

/// The harness, inside its namespace.
pub(crate) fn prove(floods: &[Box<dyn Flood>], options: &[&str]) -> ExitCode {
    let only = options.iter().skip_while(|option| **option != "--only").nth(1);
    let floods: Vec<&dyn Flood> =
        floods.iter().map(AsRef::as_ref).filter(|f| only.is_none_or(|only| f.name() == *only)).collect();
    let time = if options.contains(&"--quick") { QUICK } else { LONG };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match runtime.block_on(all(&floods, time)) {
        Ok(figures) => {
            let held = figures.get("held") == Some(&Value::Bool(true)) && !floods.is_empty();
            let json = options.contains(&"--json");
            println!("{}", if json { format!("{figures:#}") } else { figures::in_words(&figures) });
            if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn all(floods: &[&dyn Flood], time: Duration) -> Result<Value, StageError> {
    let begun = Instant::now();
    let place = Place::make().await?;
    let ground = Ground::found();
    let here = std::env::current_exe().map_err(|error| StageError(error.to_string()))?;
    let under = here.parent().unwrap_or(Path::new("."));
    let dir = tempfile::tempdir_in(under).map_err(|error| StageError(error.to_string()))?;
    let mut found = Vec::new();
    for flood in floods {
        let dir = dir.path().join(flood.name());
        flood.prepare();
        let with = decided(*flood, &[], &place, &ground, &dir.join("with"), time).await?;
        eprintln!("{}", figures::line(*flood, &with, false));
        let mut control = None;
        if !flood.without().is_empty() {
            let without =
                decided(*flood, flood.without(), &place, &ground, &dir.join("without"), time).await?;
            eprintln!("{}", figures::line(*flood, &without, true));
            control = Some(without);
        }
        found.push(figures::flood(*flood, &with, control.as_ref()));
    }
    let figures = figures::whole(found, time, begun.elapsed());
    if figures.get("held") != Some(&Value::Bool(true)) {
        // What the relays logged is of use to whoever looks for the reason.
        eprintln!("kept: {}", dir.keep().display());
    }
    Ok(figures)
}

/// Runs until it came out as it must, or twice as it must not.
async fn decided(
    flood: &dyn Flood,
    without: &[Defence],
    place: &Place,
    ground: &Ground,
    dir: &Path,
    time: Duration,
) -> Result<Found, StageError> {
    let (mut good, mut bad) = (0, 0);
    loop {
        let dir = dir.join((good + bad).to_string());
        let found = one(flood, without, place, ground, &dir, time).await?;
        if found.broken.is_empty() == without.is_empty() {
            good += 1
        } else {
            bad += 1
        }
        // One is enough when nothing speaks against it.
        if good > bad || bad > RUNS / 2 {
            return Ok(found);
        }
    }
}

async fn one(
    flood: &dyn Flood,
    without: &[Defence],
    place: &Place,
    ground: &Ground,
    dir: &Path,
    time: Duration,
) -> Result<Found, StageError> {
    let relay = Running::start(place, ground, dir, without).await?;
    let target = relay.target;
    let probes = Probes::begin(ground, &target).await?;
    let (lines, begun) = (relay.log_lines(), Instant::now());
    let end = CancellationToken::new();
    let measuring = async {
        tokio::time::sleep(AHEAD).await;
        let honest = probes.during(ground, &target, time).await;
        end.cancel();
        honest
    };
    let (honest, blow) = tokio::join!(measuring, flood.attack(ground, &target, end.clone()));
    let logged = relay.log_lines().saturating_sub(lines);
    let mut found = Found {
        honest,
        blow: blow?,
        memory_kib: target.memory_kib().unwrap_or_default(),
        log_lines_per_s: logged / begun.elapsed().as_secs().max(1),
        broken: Vec::new(),
    };
    probes.end();
    found.broken = figures::broken(flood, &found);
    // A relay without its defences need not end well.
    let ended = relay.end().await;
    if let (Err(error), true) = (ended, without.is_empty()) {
        found.broken.push(error.to_string());
    }
    Ok(found)
}
