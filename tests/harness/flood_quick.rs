//! The quick form of `cargo xtask prove flood`, as a program of its own: cargo runs one after the other,
//! and nothing else then keeps the machine from answering in time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::Command;

use serde_json::Value;

/// Names of the floods that must be among those that ran.
const FLOODS: [&str; 12] = ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12"];

#[test]
fn the_honest_do_not_notice_a_flood_and_do_without_the_defence_against_it() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_prove_flood")).args(["--quick", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let ran: Vec<&str> =
        figures["floods"].as_array().unwrap().iter().filter_map(|flood| flood["flood"].as_str()).collect();
    assert!(FLOODS.iter().all(|flood| ran.contains(flood)), "{ran:?}");
    assert!(output.status.success() && figures["held"] == true, "{said}");
    println!("{said}");
}
