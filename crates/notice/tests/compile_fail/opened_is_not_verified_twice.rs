//! Verifying consumes what was opened: a refusal leaves nothing to try again on.

use pouch_notice::{Facts, Opened};

fn again(opened: Opened, facts: &Facts<'_>) {
    let _first = opened.verify(facts);
    let _second = opened.verify(facts);
}

fn main() {}
