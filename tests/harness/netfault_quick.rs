//! The quick form of `cargo xtask prove netfault`, as a program of its own: cargo runs one after the other,
//! and nothing else then keeps the machine from answering in time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::process::Command;

use serde_json::Value;

/// What must be among what was measured.
const MEASURED: [&str; 4] = [
    "flash at 30 % loss and 600 ms round trip",
    "UDP blocked: from the node's start to attached",
    "flash after a partition of 7 s heals",
    "flash through the second relay, the first killed",
];

#[test]
fn on_bad_networks_a_flash_comes_in_time_and_nothing_accepted_is_lost() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_prove_netfault")).args(["--quick", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let measured = figures["measured"].as_array().unwrap();
    for what in MEASURED {
        assert!(measured.iter().any(|one| one["what"] == what), "{what} was not measured: {said}");
    }
    assert_eq!(figures["controls"].as_array().unwrap().len(), 2, "{figures:#}");
    assert_eq!(figures["oracle"].as_array().unwrap().len(), 4, "{figures:#}");
    assert!(output.status.success() && figures["held"] == true, "{figures:#}\n{said}");
    println!("{figures:#}");
}
