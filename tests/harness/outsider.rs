//! `cargo xtask prove outsider`: what the demonstration leaves convinces a stranger, and no longer
//! does when one bit of it is another.
//!
//! The logs and their policies are judged by `tests/outsider`; the evidence, whose format is ours, by
//! the real `pouch audit evidence`. The bound is that no flipped bit goes unnoticed. The negative
//! controls are the same flips with one defence left out, which must let some of them through.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use pouch_testkit::stage::StageError;
use pouch_tests::outsider::{Outsider, demonstrate};
use pouch_tests::proving::Options;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// How many bits of the evidence are flipped: each is judged by a process of its own.
const EVIDENCE_FLIPS: usize = 4000;
const EVIDENCE_FLIPS_QUICK: usize = 200;
/// Half of these fall on the ends of the file, where its structure is; an attachment fills the rest.
const ENDS: usize = 64 * 1024;

fn main() -> ExitCode {
    let options = Options::given();
    options.end(prove(options.has("--quick")), in_words)
}

fn prove(quick: bool) -> Result<Value, StageError> {
    let here = std::env::current_exe().map_err(|error| StageError(error.to_string()))?;
    let built = here.parent().ok_or_else(|| StageError::new("no folder of its own"))?;
    let (pouch, target) = (built.join("pouch"), built.parent().unwrap_or(built));
    let dir = tempfile::tempdir_in(target).map_err(|error| StageError(error.to_string()))?;
    let demo = dir.path().join("demo");
    let outsider = Outsider::install(target)?;
    demonstrate(&pouch, &demo)?;
    let seed: u32 = rand::rng().random();
    let mut options = vec!["--seed".to_owned(), seed.to_string()];
    if !quick {
        options.push("--every-bit".to_owned());
    }
    let logs = outsider.flip(&demo, &options)?;
    let evidence = evidence(&pouch, &demo, seed, quick)?;
    let held = [&logs, &evidence].iter().all(|part| part.get("held") == Some(&Value::Bool(true)));
    if !held {
        // What was found is only of use beside the files that it was found in.
        eprintln!("kept: {}", dir.keep().display());
    }
    Ok(json!({
        "harness": "outsider", "quick": quick, "seed": seed,
        "logs": logs, "evidence": evidence, "held": held,
    }))
}

/// Flips bits of the evidence, one at a time, and has the real auditor judge each.
fn evidence(pouch: &Path, demo: &Path, seed: u32, quick: bool) -> Result<Value, StageError> {
    let original = demo.join("evidence/flash.pouch-evidence");
    let whole = fs::read(&original).map_err(|error| StageError(error.to_string()))?;
    let charter = demo.join("charter.pouch");
    if audit(pouch, &charter, &original)? != Verdict::Accepted {
        return Err(StageError::new("the evidence is refused as it is"));
    }
    let flips = if quick { EVIDENCE_FLIPS_QUICK } else { EVIDENCE_FLIPS };
    let places = places(whole.len(), flips, seed);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = places.len().div_ceil(workers).max(1);
    let judged = std::thread::scope(|scope| {
        let (whole, charter) = (&whole, &charter);
        let start = |(number, share): (usize, &[(usize, u8)])| {
            let copy = demo.join(format!("evidence/flipped-{number}"));
            let share = share.to_vec();
            scope.spawn(move || judge(pouch, charter, &copy, whole, &share))
        };
        let running: Vec<_> = places.chunks(share).enumerate().map(start).collect();
        let lost = || Err(StageError::new("a worker was lost"));
        running
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| lost()))
            .collect::<Result<Vec<_>, _>>()
    })?
    .concat();
    let with = |wanted: Verdict| -> Vec<Value> {
        let found = judged.iter().filter(|one| one.verdict == wanted);
        found.map(|one| json!({ "offset": one.offset, "bit": one.bit })).collect()
    };
    let (survivors, crashes) = (with(Verdict::Accepted), with(Verdict::Crashed));
    let held = survivors.is_empty() && crashes.is_empty() && judged.len() == flips;
    Ok(json!({
        "bytes": whole.len(), "flipped": judged.len(), "refused": with(Verdict::Refused).len(),
        "survivors": survivors, "crashes": crashes, "held": held,
    }))
}

/// Byte and bit of each flip, none twice.
fn places(len: usize, flips: usize, seed: u32) -> Vec<(usize, u8)> {
    let mut rng = StdRng::seed_from_u64(u64::from(seed));
    let mut places = std::collections::BTreeSet::new();
    while places.len() < flips.min(len) {
        let near = rng.random_range(0..len.min(ENDS));
        let from_end = len.saturating_sub(near).saturating_sub(1);
        let offset = match places.len() % 4 {
            0 => near,
            1 => from_end,
            _ => rng.random_range(0..len),
        };
        places.insert((offset, rng.random_range(0..8)));
    }
    places.into_iter().collect()
}

/// A flipped bit, and what became of it.
#[derive(Debug, Clone)]
struct Judged {
    offset: usize,
    bit: u8,
    verdict: Verdict,
}

fn judge(
    pouch: &Path,
    charter: &Path,
    copy: &Path,
    whole: &[u8],
    places: &[(usize, u8)],
) -> Result<Vec<Judged>, StageError> {
    let mut judged = Vec::new();
    for &(offset, bit) in places {
        let mut flipped = whole.to_vec();
        if let Some(byte) = flipped.get_mut(offset) {
            *byte ^= 1_u8.rotate_left(u32::from(bit));
        }
        fs::write(copy, flipped).map_err(|error| StageError(error.to_string()))?;
        judged.push(Judged { offset, bit, verdict: audit(pouch, charter, copy)? });
    }
    Ok(judged)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused,
    /// It ended by a panic or a signal, which is no verdict.
    Crashed,
}

/// What `pouch audit evidence` makes of a file.
fn audit(pouch: &Path, charter: &Path, file: &Path) -> Result<Verdict, StageError> {
    /// How Rust ends a process that panicked.
    const PANIC: i32 = 101;
    let mut command = Command::new(pouch);
    command.args(["audit", "evidence"]).arg(file).arg("--charter").arg(charter);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    Ok(match status.map_err(|error| StageError(error.to_string()))?.code() {
        Some(0) => Verdict::Accepted,
        Some(PANIC) | None => Verdict::Crashed,
        Some(_) => Verdict::Refused,
    })
}

/// The figures for a person.
fn in_words(figures: &Value) -> String {
    let at = |path: &str| figures.pointer(path).cloned().unwrap_or_default();
    let list = |path: &str| at(path).as_array().cloned().unwrap_or_default();
    let mut lines = vec![
        format!("seed {}", at("/seed")),
        format!("logs and policies: {} files, {} bytes", at("/logs/files"), at("/logs/bytes")),
        format!("  {} bits flipped, {} refused", at("/logs/flipped"), at("/logs/refused")),
        format!("evidence: {} bytes", at("/evidence/bytes")),
        format!("  {} bits flipped, {} refused", at("/evidence/flipped"), at("/evidence/refused")),
    ];
    for path in ["/logs/survivors", "/evidence/survivors", "/evidence/crashes"] {
        lines.extend(list(path).iter().map(|one| format!("  {path}: {one}")));
    }
    for (name, control) in at("/logs/controls").as_object().into_iter().flatten() {
        let count = |field: &str| control.get(field).cloned().unwrap_or_default();
        lines.push(format!("control {name}: {} flipped, {} survive", count("flipped"), count("survivors")));
    }
    lines.join("\n")
}
