//! Only verification makes a verified notice; saying that it is one does not.

use pouch_notice::{Notice, Verdict, Verified};

fn make(value: Notice, verdict: Verdict) -> Verified<Notice> {
    Verified { value, verdict }
}

fn main() {}
