//! `cargo xtask prove replay`: folding the directory log of a network that has lived for years, on one core.
//!
//! The log is made once: mostly sealing keys of a day, then new signing keys, officers, revocations and rules,
//! some exercises, and what members decide together. The bound is the time of one core that the fold takes,
//! from bytes. Two folds must agree in everything they know. The negative control is the same log with one bit of one
//! signature flipped: that entry must lose its effect, and the fold must know something else.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]

mod founding;
mod log;

use std::process::ExitCode;
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};
use pouch_directory::{Directory, Outcome, SignedCharter, SignedStatement};
use pouch_wire::Canonical as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::log::{Grown, grow};

/// How many statements, and within how many seconds.
const FULL: (u32, f64) = (100_000, 10.0);
const QUICK: (u32, f64) = (5_000, 0.5);

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    match prove(if has("--quick") { QUICK } else { FULL }) {
        Ok(figures) => {
            let held = figures.get("held") == Some(&Value::Bool(true));
            println!("{}", if has("--json") { format!("{figures:#}") } else { in_words(&figures) });
            if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What a fold came to.
struct Folded {
    directory: Directory,
    without_effect: u32,
    /// For how long a core worked on it, whatever else the machine did meanwhile.
    seconds: f64,
    elapsed: f64,
}

/// For how long a core has worked for this thread.
fn worked() -> Result<f64, String> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_err(|error| error.to_string())?;
    Ok(core::time::Duration::from(time).as_secs_f64())
}

/// Folds a log from its bytes, on this thread alone.
fn fold(charter: &SignedCharter, entries: &[Vec<u8>]) -> Result<Folded, String> {
    let (begun, before) = (Instant::now(), worked()?);
    let mut directory = Directory::found(charter).map_err(|error| error.to_string())?;
    let mut without_effect = 0_u32;
    for entry in entries {
        let index = directory.size();
        if let Outcome::NoEffect(_) = directory.apply(index, entry) {
            without_effect = without_effect.saturating_add(1);
        }
    }
    let (seconds, elapsed) = (worked()? - before, begun.elapsed().as_secs_f64());
    Ok(Folded { directory, without_effect, seconds, elapsed })
}

fn prove((statements, bound): (u32, f64)) -> Result<Value, String> {
    let seed: u64 = rand::rng().random();
    eprintln!("making a log of {statements} statements, seed {seed}");
    let Grown { charter, entries, kinds } = grow(statements, seed)?;
    let bytes: usize = entries.iter().map(Vec::len).sum();
    let first = fold(&charter, &entries)?;
    let second = fold(&charter, &entries)?;
    let agree = first.directory.state_digest() == second.directory.state_digest();
    let (flipped, which) = with_a_flipped_bit(&entries, &mut StdRng::seed_from_u64(seed))?;
    let control = fold(&charter, &flipped)?;
    let noticed =
        control.without_effect > 0 && control.directory.state_digest() != first.directory.state_digest();
    let seconds = first.seconds.max(second.seconds);
    let held = seconds <= bound && first.without_effect == 0 && agree && noticed;
    Ok(json!({
        "harness": "replay", "seed": seed, "statements": statements, "bytes": bytes, "kinds": kinds,
        "seconds": seconds, "elapsed_seconds": first.elapsed, "bound_seconds": bound, "statements_per_second": f64::from(statements) / seconds,
        "without_effect": first.without_effect, "two_folds_agree": agree,
        "control": { "flipped_entry": which, "without_effect": control.without_effect, "noticed": noticed },
        "held": held,
    }))
}

/// The log with one bit of one signature that is needed turned over.
fn with_a_flipped_bit(entries: &[Vec<u8>], rng: &mut StdRng) -> Result<(Vec<Vec<u8>>, usize), String> {
    let mut flipped = entries.to_vec();
    loop {
        let which = rng.random_range(0..flipped.len());
        let entry = flipped.get_mut(which).ok_or("no entries")?;
        let signed = SignedStatement::from_bytes(entry).map_err(|error| error.to_string())?;
        // Where many members signed, one more or less may not matter.
        let [_] = signed.signatures.as_ref() else { continue };
        // The one signature is the end of the entry.
        let place = entry.len().saturating_sub(rng.random_range(1..=64));
        if let Some(byte) = entry.get_mut(place) {
            *byte ^= 1 << rng.random_range(0..8_u8);
        }
        return Ok((flipped, which));
    }
}

fn in_words(figures: &Value) -> String {
    let number = |name: &str| figures.get(name).and_then(Value::as_f64).unwrap_or_default();
    let word = |name: &str| figures.get(name).map(Value::to_string).unwrap_or_default();
    let control = figures.get("control").cloned().unwrap_or_default();
    format!(
        "{} statements in {} bytes: {:.2} s of one core (bound {} s; {:.2} s by the clock), {:.0} a second\n\
         of every kind: {}\n\
         two folds agree: {}; without effect: {}\n\
         negative control, a bit of a signature flipped: {}",
        word("statements"),
        word("bytes"),
        number("seconds"),
        word("bound_seconds"),
        number("elapsed_seconds"),
        number("statements_per_second"),
        word("kinds"),
        word("two_folds_agree"),
        word("without_effect"),
        control
    )
}
