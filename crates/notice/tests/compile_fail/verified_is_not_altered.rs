//! What is shown is what was signed: nobody changes a verified notice.

use pouch_notice::{Notice, Verified};
use pouch_wire::Precedence;

fn alter(mut verified: Verified<Notice>) -> Verified<Notice> {
    verified.value().precedence = Precedence::Routine;
    verified
}

fn main() {}
