//! What a harness of lies found, as figures and in words.

use std::process::ExitCode;
use std::time::Duration;

use pouch_testkit::stage::{Program, StageError};
use serde_json::{Value, json};

use super::runs::{self, Lie, Run};

/// How often each lie is run, and how many runs go side by side.
const TIMES: usize = 20;
const LANES: usize = 16;
const TIMES_QUICK: usize = 1;
const LANES_QUICK: usize = 8;

/// Runs a harness with the options of its command line.
pub fn main<L: Lie>(harness: &str, lies: &[L]) -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let named = |name: &str| options.iter().skip_while(|option| *option != name).nth(1);
    let only = named("--mode");
    let lies: Vec<L> =
        lies.iter().copied().filter(|lie| only.is_none_or(|only| lie.name() == only)).collect();
    if lies.is_empty() {
        eprintln!("no such mode");
        return ExitCode::FAILURE;
    }
    let runs = named("--runs").and_then(|runs| runs.parse().ok());
    match prove(harness, &lies, has("--quick"), runs) {
        Ok(figures) => {
            let held = figures.get("held") == Some(&Value::Bool(true));
            let text = if has("--json") { format!("{figures:#}") } else { in_words(&figures) };
            println!("{text}");
            if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn prove<L: Lie>(harness: &str, lies: &[L], quick: bool, runs: Option<usize>) -> Result<Value, StageError> {
    let failed = |error: std::io::Error| StageError(error.to_string());
    let here = std::env::current_exe().map_err(failed)?;
    let built = here.parent().ok_or_else(|| StageError::new("no folder of its own"))?;
    let under = built.parent().unwrap_or(built).to_owned();
    let program = Program::at(&built.join("pouch"));
    let (times, lanes) = if quick { (TIMES_QUICK, LANES_QUICK) } else { (TIMES, LANES) };
    let times = runs.unwrap_or(times);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(runs::all(lies, times, lanes, program, under))?;
    let modes: Vec<Value> = done.iter().map(|(lie, runs)| mode(*lie, runs, times)).collect();
    let held = |value: &Value| value.get("held") == Some(&Value::Bool(true));
    let held = modes.iter().all(held);
    Ok(json!({ "harness": harness, "quick": quick, "modes": modes, "held": held }))
}

fn mode<L: Lie>(lie: L, runs: &[Run], times: usize) -> Value {
    let detected = runs.iter().filter(|run| run.detected()).count();
    let false_alarms: Vec<&String> = runs.iter().flat_map(|run| &run.false_alarms).collect();
    let broken: Vec<&String> = runs.iter().filter_map(|run| run.broken.as_ref()).collect();
    let told: Vec<Value> = lie
        .expects()
        .into_iter()
        .enumerate()
        .map(|(at, expected)| {
            let took = runs.iter().filter_map(|run| run.detections.get(at).and_then(|one| one.took));
            let slowest = took.max().map(seconds);
            json!({
                "at": expected.at, "codes": expected.codes, "within_s": seconds(expected.within),
                "slowest_s": slowest,
            })
        })
        .collect();
    // The same runs, judged as if nobody beaconed or gossiped: what only they tell must then be missed.
    let rests_on_them = lie.expects().iter().any(|expected| expected.by_beacon_or_gossip);
    let without = runs.iter().filter(|run| run.detected_without()).count();
    let control = !rests_on_them || without == 0;
    let held = runs.len() == times && detected == runs.len() && false_alarms.is_empty() && control;
    json!({
        "mode": lie.name(), "runs": runs.len(), "detected": detected, "told": told,
        "false_alarms": false_alarms, "broken": broken,
        "detected_without_beacons_and_gossip": rests_on_them.then_some(without), "held": held,
    })
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

fn in_words(figures: &Value) -> String {
    let mut lines = Vec::new();
    for mode in figures.get("modes").and_then(Value::as_array).into_iter().flatten() {
        let number = |field: &str| mode.get(field).and_then(Value::as_u64).unwrap_or_default();
        let name = mode.get("mode").and_then(Value::as_str).unwrap_or_default();
        let alarms = mode.get("false_alarms").and_then(Value::as_array).map_or(0, Vec::len);
        let told = mode.get("told").and_then(Value::as_array).into_iter().flatten();
        let slowest = told.filter_map(|one| one.get("slowest_s").and_then(Value::as_f64)).fold(0.0, f64::max);
        let held = if mode.get("held") == Some(&Value::Bool(true)) { "" } else { "  DOES NOT HOLD" };
        let (runs, detected) = (number("runs"), number("detected"));
        lines.push(format!(
            "{name:<20} {detected}/{runs} detected, slowest {slowest:.1} s, {alarms} false alarms{held}"
        ));
    }
    lines.join("\n")
}
