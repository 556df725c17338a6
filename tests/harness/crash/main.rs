//! `cargo xtask prove crash`: the real relay and the real nodes are killed (SIGKILL) under load, at random
//! moments and at every system call of accepting, sending and receiving; then everything is started again,
//! and an oracle judges: what a sender was shown as accepted is presented exactly once.
//!
//! The negative controls are a relay that answers before it stores, and nodes that say that they have a
//! message before they do, or tell of one as new again. Each must break the promise.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a harness speaks to the terminal")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a harness: what cannot be ends it"
)]

mod book;
mod field;
mod figures;
mod random;
mod steps;
mod writers;

use std::process::ExitCode;

use pouch_testkit::stage::{Program, StageError};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::Value;

use field::{Field, Programs};
use figures::Figures;
use writers::Writers;

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let named = |name: &str| options.iter().skip_while(|option| *option != name).nth(1);
    let seed = named("--seed").and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match runtime.block_on(prove(seed, has("--quick"))) {
        Ok(figures) => {
            let held = figures.get("held") == Some(&Value::Bool(true));
            println!("{figures:#}");
            if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn prove(seed: u64, quick: bool) -> Result<Value, StageError> {
    let failed = |error: std::io::Error| StageError(error.to_string());
    let here = std::env::current_exe().map_err(failed)?;
    let built = here.ancestors().find(|folder| folder.join("pouch").is_file());
    let built = built.ok_or_else(|| StageError::new("pouch is not built: cargo build --package pouch"))?;
    let pouch = Program::at(&built.join("pouch"));
    let begun = std::time::Instant::now();
    let mut field = Field::start(Programs::honest(&pouch), built, 4).await?;
    eprintln!("founded in {:?}", begun.elapsed());
    let mut figures = Figures::default();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let writers = Writers::of(&field, seed);
    random::kills(&mut field, &writers, &mut rng, 10, &mut figures).await?;
    eprintln!("random in {:?}", begun.elapsed());
    for walk in steps::Walk::ALL {
        for call in steps::CALLS {
            let at = begun.elapsed();
            let before = figures.kills();
            steps::sweep(&mut field, walk, call, if quick { 9 } else { 1 }, &mut figures).await?;
            eprintln!("{walk:?} {call}: {} in {:?}", figures.kills() - before, begun.elapsed() - at);
        }
    }
    field.read_outboxes(10_000).await?;
    field.read_inboxes().await?;
    eprintln!("read in {:?}", begun.elapsed());
    figures.settled(std::time::Duration::ZERO, true, &field);
    let mut value = figures.value(&field, seed, quick, 250);
    value["judged"] = field.book.oracle().judge().figures();
    Ok(value)
}
