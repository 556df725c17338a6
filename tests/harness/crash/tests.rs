//! The quick form, with every test.

use crate::prove;

#[test]
fn what_was_accepted_is_presented_exactly_once_whoever_is_killed_and_without_a_rule_it_is_not() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let figures = runtime.block_on(prove(rand::random(), true)).unwrap();
    assert_eq!(figures["held"], true, "{figures:#}");
}
