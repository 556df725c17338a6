//! `cargo xtask prove netfault`: real nodes and relays with a bad network between them, made of a proxy of this
//! harness's own (seeded: loss, delay, jitter, reordering, duplication, little bandwidth, partitions both ways and
//! one way, flapping, another address, no UDP at all). How long a flash takes is measured, and the common oracle
//! judges: what was accepted is presented exactly once, or visibly undelivered.
//!
//! The negative controls: nodes pinned to QUIC where no UDP passes never get a session, and with no second relay
//! no flash passes when the first is killed.
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

mod bad_lines;
mod field;
mod figures;
mod lossy_lines;
mod narrow_lines;
mod no_udp;
mod proxy;
mod two_relays;

use std::process::ExitCode;

use pouch_testkit::stage::{Program, StageError};
use pouch_tests::proving::Options;
use serde_json::{Value, json};

use figures::Figures;

fn main() -> ExitCode {
    let options = Options::given();
    let seed = options.value("--seed").unwrap_or(20_261_125);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let proved = prove(seed, options.has("--quick"), options.value("--only"));
    options.end(runtime.block_on(proved), |figures| format!("{figures:#}"))
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Plan {
    seed: u64,
    quick: bool,
}

impl Plan {
    /// So many in the quick form, so many in the long one.
    const fn times(self, quick: usize, long: usize) -> usize {
        if self.quick { quick } else { long }
    }
}

async fn if_wanted(
    wanted: bool,
    part: impl Future<Output = Result<Figures, StageError>>,
) -> Result<Option<Figures>, StageError> {
    if wanted { part.await.map(Some) } else { Ok(None) }
}

async fn prove(seed: u64, quick: bool, only: Option<String>) -> Result<Value, StageError> {
    let here = std::env::current_exe().unwrap();
    let built = here.ancestors().find(|folder| folder.join("pouch").is_file());
    let built = built.ok_or_else(|| StageError::new("pouch is not built: cargo build --package pouch"))?;
    let program = Program::at(&built.join("pouch"));
    let plan = Plan { seed, quick };
    let begun = std::time::Instant::now();
    let mut figures = Figures::default();
    // Side by side: each has a network of its own, and waits most of the time.
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let (lines, lossy, narrow, udp, relays) = tokio::join!(
        if_wanted(wanted("lines"), bad_lines::run(plan, program.clone())),
        if_wanted(wanted("lossy"), lossy_lines::run(plan, program.clone())),
        // Minutes of waiting, and not within its bound yet: the long form fails by it (decision 28).
        if_wanted(wanted("narrow") && !quick, narrow_lines::run(plan, program.clone())),
        if_wanted(wanted("udp"), no_udp::run(plan, program.clone())),
        if_wanted(wanted("relays"), two_relays::run(plan, program)),
    );
    for part in [lines?, lossy?, narrow?, udp?, relays?].into_iter().flatten() {
        figures.add(part);
    }
    let told = figures.told();
    Ok(json!({
        "harness": "netfault",
        "quick": quick,
        "seed": seed,
        "seconds": begun.elapsed().as_secs(),
        "measured": told.measured,
        "controls": told.controls,
        "oracle": told.oracle,
        "held": told.held,
    }))
}
