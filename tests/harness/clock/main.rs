//! `cargo xtask prove clock`: wrong clocks, from a second to ten years, ahead, behind, standing still, set
//! while everything runs, at senders, recipients, relays and witnesses, several at a time.
//!
//! The processes are the product's own; `libfaketime` stands between each and its clock. Whoever's clock is
//! wrong must say that it does not know the time and show nothing as sure; nothing may be dropped, expire
//! or come twice because of a clock; and one that is put right is right at once, without a restart.
//!
//! The negative controls are a relay that drops what expired by its own clock alone, and one that tells a
//! node the node's own wrong time. Under them something must be lost, and shown as sure at a wrong time.
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

mod clocks;
mod control;
mod field;
mod figures;
mod offices;
mod relays;

use std::process::ExitCode;

use pouch_testkit::stage::StageError;
use pouch_tests::proving::Options;
use serde_json::Value;

use clocks::Clocks;
use field::Field;
use figures::Figures;

fn main() -> ExitCode {
    let options = Options::given();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    options.end(runtime.block_on(prove(options.has("--quick"))), |figures| format!("{figures:#}"))
}

async fn prove(quick: bool) -> Result<Value, StageError> {
    let failed = |error: std::io::Error| StageError(error.to_string());
    let here = std::env::current_exe().map_err(failed)?;
    let built = here.ancestors().find(|folder| folder.join("pouch").is_file());
    let built = built.ok_or_else(|| StageError::new("pouch is not built: cargo build --package pouch"))?;
    let dir = tempfile::tempdir_in(built.parent().unwrap_or(built)).map_err(failed)?;
    let clocks = Clocks::new(&built.join("pouch"), dir.path())?;
    let mut figures = Figures::new(quick);
    let mut field = Field::start(&clocks, &dir.path().join("net")).await?;
    for _ in 0..if quick { 1 } else { 5 } {
        offices::wrong(&mut field, &mut figures).await?;
        figures.done("offices");
        relays::wrong(&mut field, &mut figures).await?;
        figures.done("relays");
        relays::witnesses_ahead(&mut field, &mut figures).await?;
        figures.done("witnesses");
    }
    field.settle(&mut figures).await?;
    figures.done("settled");
    field.stop().await?;
    control::both(&clocks, &dir.path().join("control"), &mut figures).await?;
    figures.done("controls");
    let figures = figures.value();
    if figures["held"] != true {
        eprintln!("logs and databases are kept in {}", dir.keep().display());
    }
    Ok(figures)
}
