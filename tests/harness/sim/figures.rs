//! Runs many seeds, and the controls, and says what came of them.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::clock::HOUR;
use crate::defences::Defences;
use crate::plan::Weather;
use crate::run::{Outcome, run};

/// How many seeds a proof runs.
const SEEDS: u64 = 2000;
const SEEDS_QUICK: u64 = 200;

/// What must have happened in some world: a simulation in which nothing happens breaks no promise either.
const ACTIVE: [&str; 12] = [
    "presented",
    "confirmed",
    "checkpoints believed",
    "alarms",
    "crashes",
    "split views found out",
    "beacons heard",
    "withheld shown",
    "no contact shown",
    "gaps shown",
    "equivocations refused",
    "came again",
];

/// Reads the options, runs, prints.
pub(crate) fn prove(options: &[String]) -> ExitCode {
    let has = |name: &str| options.iter().any(|option| option == name);
    let number = |name: &str| {
        let at = options.iter().position(|option| option == name)?;
        options.get(at + 1)?.parse::<u64>().ok()
    };
    if let Some(seed) = number("--seed") {
        return replay(seed, without(options));
    }
    let seeds = number("--seeds").unwrap_or(if has("--quick") { SEEDS_QUICK } else { SEEDS });
    let begun = Instant::now();
    let figures = figures(seeds);
    let held = figures.get("held") == Some(&Value::Bool(true));
    let text =
        if has("--json") { format!("{figures:#}") } else { in_words(&figures, begun.elapsed().as_secs()) };
    println!("{text}");
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn without(options: &[String]) -> Defences {
    let at = options.iter().position(|option| option == "--without");
    let name = at.and_then(|at| options.get(at + 1));
    let control = name.and_then(|name| Defences::CONTROLS.iter().find(|(control, ..)| control == name));
    control.map_or(Defences::ALL, |(.., defences)| *defences)
}

/// One seed again, told as it happens.
fn replay(seed: u64, defences: Defences) -> ExitCode {
    let outcome = run(seed, defences, true);
    println!("{:#?}", outcome.plan);
    println!("{:#?}", outcome.counts);
    println!("trace {}", outcome.hash);
    for violation in &outcome.violations {
        println!("VIOLATION at {} ms: {}: {}", violation.at, violation.invariant, violation.words);
    }
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs seeds side by side until all are done, or one breaks one of these promises; what each came to.
fn many(seeds: u64, defences: Defences, until: &[&str]) -> BTreeMap<u64, Outcome> {
    let next = AtomicU64::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let outcome = run(seed, defences, false);
                    if breaks(&outcome, until) {
                        next.store(seeds, Ordering::Relaxed);
                    }
                    outcomes.lock().unwrap().insert(seed, outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

fn breaks(outcome: &Outcome, promises: &[&str]) -> bool {
    outcome.violations.iter().any(|violation| promises.contains(&violation.invariant))
}

fn figures(seeds: u64) -> Value {
    let outcomes = many(seeds, Defences::ALL, &[]);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut weathers: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut steps, mut packets, mut simulated) = (0, 0, 0);
    let mut violations = Vec::new();
    for (seed, outcome) in &outcomes {
        (steps, packets, simulated) =
            (steps + outcome.steps, packets + outcome.packets, simulated + outcome.simulated);
        outcome.counts.iter().for_each(|(what, count)| *counts.entry(*what).or_default() += count);
        let weather = match outcome.plan.weather {
            Weather::Calm => "calm",
            Weather::Rough => "rough",
            Weather::Hostile => "hostile",
        };
        *weathers.entry(weather).or_default() += 1;
        violations.extend(outcome.violations.iter().map(|violation| {
            json!({ "seed": seed, "invariant": violation.invariant, "at_ms": violation.at, "words": violation.words })
        }));
    }
    let mut controls = serde_json::Map::new();
    for (name, promises, defences) in Defences::CONTROLS {
        let outcomes = many(seeds, defences, promises);
        let first = outcomes.iter().find(|(_, outcome)| breaks(outcome, promises));
        let found = first.and_then(|(seed, outcome)| {
            let violation = outcome.violations.iter().find(|v| promises.contains(&v.invariant))?;
            Some(json!({ "seed": seed, "invariant": violation.invariant, "words": violation.words }))
        });
        controls.insert(name.to_owned(), json!({ "fails": found.is_some(), "first": found }));
    }
    let idle: Vec<&str> = ACTIVE.into_iter().filter(|what| !counts.contains_key(what)).collect();
    let fail = controls.values().all(|control| control.get("fails") == Some(&Value::Bool(true)));
    let held = violations.is_empty() && fail && idle.is_empty() && outcomes.len() as u64 == seeds;
    json!({
        "harness": "sim", "seeds": seeds, "worlds": weathers, "steps": steps, "packets": packets,
        "simulated_hours": simulated / HOUR, "counts": counts, "never_happened": idle,
        "violations": violations, "controls": controls, "held": held,
    })
}

/// The figures for a person.
fn in_words(figures: &Value, seconds: u64) -> String {
    let at = |path: &str| figures.pointer(path).cloned().unwrap_or_default();
    let mut lines = vec![
        format!(
            "{} seeds, {} steps, {} packets, {} simulated hours, in {seconds} s",
            at("/seeds"),
            at("/steps"),
            at("/packets"),
            at("/simulated_hours")
        ),
        format!("worlds: {}", at("/worlds")),
    ];
    for (what, count) in at("/counts").as_object().into_iter().flatten() {
        lines.push(format!("  {what}: {count}"));
    }
    for violation in at("/violations").as_array().into_iter().flatten() {
        lines.push(format!("VIOLATION {violation}"));
    }
    for (name, control) in at("/controls").as_object().into_iter().flatten() {
        lines.push(format!("control without {name}: {}", control.get("first").cloned().unwrap_or_default()));
    }
    lines.join("\n")
}
