//! The quick form of `cargo xtask prove clock`, as a test of its own: nothing else runs beside it.

use std::process::Command;

#[test]
fn wrong_clocks_lose_repeat_and_assert_nothing() {
    let ended = Command::new(env!("CARGO_BIN_EXE_prove_clock")).arg("--quick").output();
    let Ok(ended) = ended else { panic!("{ended:?}") };
    let said = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{}{}", said.0, said.1);
}
