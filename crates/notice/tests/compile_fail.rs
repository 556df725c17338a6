//! What must not compile: nothing is shown before it is verified, nothing is called verified that was not,
//! and no step of a notice's way is left out or taken twice.

#[test]
fn what_would_leave_out_a_step_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
