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
mod controls;
mod field;
mod figures;
mod noose;
mod random;
mod stored;
#[cfg(test)]
mod tests;
mod walks;
mod writers;

use std::process::ExitCode;

use pouch_testkit::stage::{Program, StageError};
use pouch_tests::proving::Options;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::Value;
use tokio::time::Instant;

use field::{Field, OFFICES, Programs, ROWS};
use figures::Figures;
use walks::Walk;
use writers::Writers;

fn main() -> ExitCode {
    let options = Options::given();
    let seed = options.value("--seed").unwrap_or_else(rand::random);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    options.end(runtime.block_on(prove(seed, options.has("--quick"))), figures::in_words)
}

/// How much is done.
struct Measure {
    random: usize,
    /// Restarts with many messages stored.
    stored: usize,
    /// Fewer kills than that show too little.
    least: usize,
}

const QUICK: Measure = Measure { random: 140, stored: 3, least: 250 };
const LONG: Measure = Measure { random: 1000, stored: 20, least: 1500 };

async fn prove(seed: u64, quick: bool) -> Result<Value, StageError> {
    let failed = |error: std::io::Error| StageError(error.to_string());
    let here = std::env::current_exe().map_err(failed)?;
    let built = here.ancestors().find(|folder| folder.join("pouch").is_file());
    let built = built.ok_or_else(|| StageError::new("pouch is not built: cargo build --package pouch"))?;
    let (pouch, weak) = (Program::at(&built.join("pouch")), Program::at(&built.join("crash_weak")));
    let measure = if quick { QUICK } else { LONG };
    let (begun, honest) = (Instant::now(), Programs::honest(&pouch));
    let mut field = Field::start(honest.clone(), built, OFFICES.len()).await?;
    let mut figures = Figures::default();
    for (walk, call) in
        Walk::ALL.iter().flat_map(|walk| walk.calls(quick).iter().map(move |call| (*walk, *call)))
    {
        let stride = walk.stride(call, quick);
        let (at, before) = (begun.elapsed(), figures.kills());
        walks::sweep(&mut field, walk, call, stride, &mut figures).await?;
        eprintln!(
            "{:<16} {call:<10} {} in {:?}",
            walk.name(),
            figures.kills() - before,
            begun.elapsed() - at
        );
    }
    field.anew(&honest).await?;
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let writers = Writers::of(&field, seed);
    random::kills(&mut field, &writers, &mut rng, measure.random, &mut figures).await?;
    eprintln!("random in {:?}", begun.elapsed());
    let gone = field.read_outboxes(ROWS).await?;
    field.read_inboxes().await?;
    figures.judged(&field, &gone);
    controls::run(&mut field, &pouch, &weak, &mut figures).await?;
    field.anew(&honest).await?;
    let at = begun.elapsed();
    stored::restarts(&mut field, measure.stored, &mut figures).await?;
    eprintln!("with many stored in {:?}", begun.elapsed() - at);
    Ok(figures.value(seed, quick, measure.least, begun.elapsed()))
}
