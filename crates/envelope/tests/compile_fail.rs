//! What must not compile for whoever has the outside of a message alone, as a relay does: to name the inside,
//! to call admitted what was not, to store it before its sender is proved.
//!
//! That a relay depends on nothing that has the inside, `cargo xtask check` holds.

#[test]
fn what_a_relay_must_not_do_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
