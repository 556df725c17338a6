//! `cargo xtask prove powercut`: what was promised is there after a power cut at any moment, whatever of the
//! writes that no sync covers was kept, dropped or torn; and nothing that is there needs a person to be opened.
//!
//! The real relay, nodes, witness and commands run under strace, once. From the record disks are made as a
//! power cut could have left them, thousands of them, and the product's own code opens each as after a
//! restart. The controls are the same states with one defence left out: each must lose something.
//!
//! What the recorder does not see: stores through mapped memory, of which SQLite has none but the shared-memory
//! index that every restart makes anew (it is filled with noise here); what a disk does that lies about its
//! syncs; damage to what was safe. A message between machines is sealed: when it left is known from who heard
//! it, and is at most one datagram of the same process too late.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::too_many_arguments,
    missing_docs,
    reason = "a harness: what cannot be ends it"
)]

mod disk;
mod facts;
mod history;
mod judge;
mod promises;
mod record;
mod restarts;
mod states;
mod strace;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use pouch_testkit::stage::StageError;
use serde_json::{Value, json};

use history::History;
use states::{Tally, Without};

/// Recorded runs, states and restarts of each, states of each control.
struct Form {
    runs: u64,
    states: usize,
    restarts: usize,
    control: usize,
}

const QUICK: Form = Form { runs: 1, states: 5_200, restarts: 12, control: 200 };
const LONG: Form = Form { runs: 10, states: 20_400, restarts: 40, control: 2_000 };

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let seed =
        options.iter().skip_while(|option| *option != "--seed").nth(1).and_then(|seed| seed.parse().ok());
    let form = if has("--quick") { &QUICK } else { &LONG };
    match prove(form, seed.unwrap_or_default(), has("--quick")) {
        Ok(figures) => {
            println!("{}", if has("--json") { format!("{figures:#}") } else { in_words(&figures) });
            if held(&figures) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn held(figures: &Value) -> bool {
    figures.get("held") == Some(&Value::Bool(true))
}

/// What came of all runs.
#[derive(Default)]
struct Outcome {
    with: Tally,
    restarts: usize,
    not_started: Vec<String>,
    controls: Vec<(Without, Tally)>,
    runs: Vec<Value>,
    /// Kinds of promises that a run did not make.
    never_promised: Vec<&'static str>,
}

/// Runs with this seed and those that follow it.
fn prove(form: &Form, seed: u64, quick: bool) -> Result<Value, StageError> {
    let pouch = pouch()?;
    let mut outcome = Outcome::default();
    for run in 0..form.runs {
        one_run(form, seed.wrapping_add(run), &pouch, &scratch(), &mut outcome)?;
    }
    for line in outcome.with.told.iter().chain(&outcome.not_started) {
        eprintln!("{line}");
    }
    Ok(outcome.figures(quick))
}

fn one_run(
    form: &Form,
    run: u64,
    pouch: &Path,
    under: &Path,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| StageError(error.to_string()))?;
    let mut recorded = runtime.block_on(workload::run(pouch, under, run))?;
    let history = runtime.block_on(history::of(std::mem::take(&mut recorded.records), under))?;
    let about = about(&history, began.elapsed().as_secs_f64());
    eprintln!("recorded: {about}");
    outcome.runs.push(about);
    outcome
        .never_promised
        .extend(history.kinds().iter().filter(|(_, made)| **made == 0).map(|(kind, _)| kind));
    let tally = states::cut(&history, form.states, run, Without::Nothing, under)?;
    eprintln!("judged: {}", tally.figures());
    outcome.with.add(tally);
    if outcome.controls.is_empty() {
        for without in Without::CONTROLS {
            outcome.controls.push((without, states::cut(&history, form.control, run, without, under)?));
        }
    }
    let again = restarts::all(&history, pouch, &recorded.stage, form.restarts, run);
    outcome.not_started.extend(runtime.block_on(again)?);
    outcome.restarts += form.restarts;
    Ok(())
}

impl Outcome {
    fn figures(&self, quick: bool) -> Value {
        let caught = self.controls.iter().all(|(_, tally)| tally.lost > 0);
        let whole = self.with.lost == 0 && self.with.corrupt == 0 && self.not_started.is_empty();
        let control = |(without, tally): &(Without, Tally)| json!({ "without": without.name(), "caught": tally.lost > 0, "figures": tally.figures() });
        json!({
            "harness": "powercut", "quick": quick, "runs": self.runs, "with": self.with.figures(),
            "restarts": self.restarts, "not_started": self.not_started.len(),
            "never_promised": self.never_promised,
            "controls": self.controls.iter().map(control).collect::<Vec<_>>(),
            "held": whole && caught && self.never_promised.is_empty(),
        })
    }
}

/// The program, built beside this one.
fn pouch() -> Result<PathBuf, StageError> {
    let here = std::env::current_exe().map_err(|error| StageError(error.to_string()))?;
    let beside =
        here.ancestors().skip(1).take(2).map(|folder| folder.join("pouch")).find(|path| path.is_file());
    beside
        .ok_or_else(|| StageError::new("there is no pouch beside this program: cargo build --package pouch"))
}

/// In memory where there is such a place: what is proved is in the record, not in this computer's disk.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn about(history: &History, seconds: f64) -> Value {
    let machines: Vec<Value> = history
        .machines
        .iter()
        .map(|one| {
            let (steps, commits, promises) = (one.record.steps.len(), one.commits.len(), one.promises.len());
            json!({ "machine": one.name, "steps": steps, "commits": commits, "promises": promises })
        })
        .collect();
    json!({
        "messages": history.messages.len(), "seconds": seconds.round(), "machines": machines,
        "promises": history.kinds(),
    })
}

fn in_words(figures: &Value) -> String {
    let line = |name: &str, of: &Value| {
        let number = |field: &str| of.get(field).and_then(Value::as_f64).unwrap_or_default();
        format!(
            "{name:<24} {} states ({} a second): {} writes kept, {} dropped, {} torn; {} promises looked at; lost \
             in {}, damaged in {}",
            number("states"),
            number("states_per_second"),
            number("writes_kept"),
            number("writes_dropped"),
            number("writes_torn"),
            number("promises_checked"),
            number("lost"),
            number("corrupt")
        )
    };
    let mut lines = vec![line("powercut", &figures["with"])];
    for control in figures["controls"].as_array().into_iter().flatten() {
        let name = format!("without {}", control["without"].as_str().unwrap_or_default());
        lines.push(line(&name, &control["figures"]));
    }
    lines.push(format!("{} services started again, {} did not", figures["restarts"], figures["not_started"]));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_promised_is_there_after_a_power_cut_and_each_control_loses_something() {
        let figures = prove(&QUICK, 0, true).unwrap();
        assert!(held(&figures), "{figures:#}");
        assert!(figures["with"]["states"].as_u64() >= Some(5_000), "{figures:#}");
    }
}
