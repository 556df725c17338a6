//! `cargo xtask prove flood`: a relay under attack keeps its word to honest nodes.
//!
//! Each flood is a file of its own. It runs against a relay in a process of its own, in a network
//! namespace of its own, while honest nodes send five flashes a second and open five sessions a second at
//! times that were fixed beforehand, so that a stall counts for all that waited. The bounds are what the
//! honest notice, and the relay's memory. The negative control is the same flood with one defence left
//! out, which must break a bound.
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

mod f01_spoofed;
mod f02_garbage;
mod f05_bulk;
mod f06_flashes;
mod f07_slowloris;
mod f08_bombs;
mod f09_frames;
mod f10_moving;
mod f11_herd;
mod f12_fan_out;
mod figures;
mod flood;
mod ground;
mod hacked;
mod letters;
mod line;
mod pace;
mod place;
mod probes;
mod relay;
mod run;
mod shovel;
mod strangers;
mod wild;

use std::process::ExitCode;

/// Every flood, by its number in the plan. A new one is a file and a line here.
fn floods() -> Vec<Box<dyn flood::Flood>> {
    vec![
        Box::new(f01_spoofed::Spoofed::default()),
        Box::new(f02_garbage::Garbage),
        Box::new(strangers::Strangers::WithoutKey),
        Box::new(strangers::Strangers::WithUnknownKey),
        Box::new(f05_bulk::Bulk::Hostile),
        Box::new(f05_bulk::Bulk::Everybodys),
        Box::new(f06_flashes::Flashes),
        Box::new(f07_slowloris::Slowloris),
        Box::new(f08_bombs::Bombs),
        Box::new(f09_frames::Frames),
        Box::new(f10_moving::Moving),
        Box::new(f12_fan_out::FanOut),
    ]
}

fn main() -> ExitCode {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = options.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["hold"] => place::hold(),
        ["relay", dir, address, without @ ..] => relay::serve(dir, address, without),
        ["inside", options @ ..] => run::prove(&floods(), options),
        options => place::enter(options),
    }
}
