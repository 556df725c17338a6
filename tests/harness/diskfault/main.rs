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

mod filled;
mod flips;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let begun = Instant::now();
    for kind in [flips::Kind::Relay, flips::Kind::Agent, flips::Kind::Trusting] {
        let done = flips::run(kind, 200, 1, std::path::Path::new("/tmp"));
        println!("{kind:?} {} flips: harmless {} named {} refused {} wrong {} silent {} left out {}/{} most {} in {:?}", done.flips, done.harmless, done.named, done.refused, done.wrong.len(), done.silent.len(), done.left_out, done.records, done.most_left_out, begun.elapsed());
        for line in done.wrong.iter().chain(&done.silent).take(12) { println!("   {line}"); }
    }
    ExitCode::SUCCESS
}
