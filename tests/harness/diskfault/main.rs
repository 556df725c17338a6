//! `cargo xtask prove diskfault`: disks fail under the real relay and the real nodes, and in their stored
//! files. What was accepted is presented once; after a wait for the disk that failed nothing is acknowledged
//! and the process ends with exit code 74; on a full disk the sender is told so, flash and receipts go on; a
//! bit that flipped never makes another notice, and keeps no other from being served.
//!
//! The negative controls: a relay that reads its rows without their checksums, and one that answers before
//! it stores. Each must break the promise.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "a harness: what cannot be ends it"
)]

mod controls;
mod errors;
mod field;
mod filled;
mod flips;
mod full;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pouch_testkit::stage::{Program, StageError};
use pouch_tests::proving::Options;
use serde_json::{Value, json};

use field::{Field, Whose};
use flips::{Flips, Kind};

/// A process that cannot store must be gone by then.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// "Not accepted" comes by then.
const REFUSES_WITHIN: Duration = Duration::from_secs(1);
/// The exit code of a process whose storage failed.
const STORAGE: i32 = 74;

/// What is proved, in this order.
const PARTS: [&str; 4] = ["flips", "errors", "full", "control"];

fn main() -> ExitCode {
    let options = Options::given();
    let seed = options.value("--seed").unwrap_or_else(rand::random);
    // One part alone, for whoever mends it.
    let only: Option<String> = options.value("--only");
    options.end(prove(seed, options.has("--quick"), only.as_deref()), in_words)
}

fn prove(seed: u64, quick: bool, only: Option<&str>) -> Result<Value, StageError> {
    let here = std::env::current_exe().map_err(field::failed)?;
    let built = here.ancestors().find(|folder| folder.join("pouch").is_file());
    let built = built.ok_or_else(|| StageError::new("pouch is not built: cargo build --package pouch"))?;
    let program = Program::at(&built.join("pouch"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(field::failed)?;
    let begun = Instant::now();
    let mut parts = serde_json::Map::new();
    for part in PARTS.iter().filter(|part| only.is_none_or(|only| only == **part)) {
        let since = Instant::now();
        let figures = match *part {
            "flips" => all_flips(seed, quick, built),
            "errors" => runtime.block_on(all_errors(&program, built, quick))?,
            "full" => runtime.block_on(all_full(&program, built))?,
            _ => {
                let lost = runtime.block_on(controls::answers_first(&program, built))?;
                json!({ "lost_by_a_relay_that_answers_first": lost, "held": lost > 0 })
            }
        };
        eprintln!("{part}: {:.0} s", since.elapsed().as_secs_f64());
        parts.insert((*part).to_owned(), figures);
    }
    let held = parts.values().all(|part| part.get("held") == Some(&Value::Bool(true)));
    Ok(json!({
        "harness": "diskfault", "quick": quick, "seed": seed, "parts": parts, "seconds": begun.elapsed().as_secs(), "held": held,
    }))
}

/// Flips so many bits in each kind of store.
fn all_flips(seed: u64, quick: bool, under: &Path) -> Value {
    let each = if quick { 1000 } else { 20_000 };
    let relay = flips::run(Kind::Relay, each, seed, under);
    let agent = flips::run(Kind::Agent, each, seed, under);
    let trusting = flips::run(Kind::Trusting, 60, seed, under);
    let sound = |flips: &Flips| {
        // A damaged header or schema keeps a store from opening: said, and never wrong.
        flips.wrong.is_empty()
            && flips.silent.is_empty()
            && flips.refused * 10 <= flips.flips
            && flips.named > 0
    };
    let held = sound(&relay) && sound(&agent) && !trusting.wrong.is_empty();
    json!({
        "relay": relay.figures(), "agent": agent.figures(),
        "without checksums": { "flips": trusting.flips, "wrong": trusting.wrong.len() }, "held": held,
    })
}

async fn all_errors(program: &Program, under: &Path, quick: bool) -> Result<Value, StageError> {
    let mut field = Field::start(program, under, |_| Ok(())).await?;
    let (mut slowest_end, mut slowest_recovery) = (Duration::ZERO, Duration::ZERO);
    let (mut ended, mut survived, mut wrong) = (0_u64, 0_u64, Vec::new());
    let faults = errors::faults(quick);
    for fault in &faults {
        let came = errors::run(&mut field, *fault).await?;
        eprintln!("{fault:?} {came:?}");
        slowest_recovery = slowest_recovery.max(came.recovered);
        match (came.exit, came.ended_after) {
            (Some(exit), Some(after)) => {
                ended += 1;
                slowest_end = slowest_end.max(after);
                if exit != STORAGE {
                    wrong.push(format!("{fault:?}: exit code {exit}"));
                }
            }
            _ => survived += 1,
        }
    }
    let judged = field.judge().await;
    let judged = judged.inspect_err(|_| full::last_words(&field))?;
    let held = judged.holds() && judged.accepted > 0 && wrong.is_empty() && slowest_end <= ENDS_WITHIN;
    Ok(json!({
        "injected": faults.len(), "ended": ended, "went_on": survived, "wrong_ends": wrong,
        "slowest_end_ms": millis(slowest_end), "slowest_recovery_ms": millis(slowest_recovery),
        "judged": judged.figures(), "broken": judged.broken(), "held": held,
    }))
}

async fn all_full(program: &Program, under: &Path) -> Result<Value, StageError> {
    let mut parts = serde_json::Map::new();
    let mut held = true;
    for whose in [Whose::Relay, Whose::Sender] {
        let full = full::run(program, under, whose).await?;
        held &= full.holds && full.same_process && full.refused > 0 && full.refused_within <= REFUSES_WITHIN;
        let figures = json!({
            "refused": full.refused, "slowest_refusal_ms": millis(full.refused_within), "flashes": full.flashes,
            "slowest_flash_ms": millis(full.flash_within), "recovered_ms": millis(full.recovered_within),
            "same_process": full.same_process, "judged": full.judged,
        });
        parts.insert(format!("{whose:?}").to_lowercase(), figures);
    }
    parts.insert("held".into(), json!(held));
    Ok(Value::Object(parts))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn in_words(figures: &Value) -> String {
    let parts = figures.get("parts").and_then(Value::as_object).into_iter().flatten();
    parts.map(|(name, part)| format!("{name:<8} {part}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_disks_lose_nothing_that_was_accepted_and_what_is_damaged_is_named() {
        let figures = prove(rand::random(), true, None).unwrap();
        assert_eq!(figures["held"], true, "{figures:#}");
    }
}
