//! An opened message's author is only claimed: there is no printed form of it.

use pouch_notice::{Opened, printed};
use pouch_wire::Timestamp;

fn show(opened: &Opened, now: Timestamp) -> String {
    printed(opened, None, now)
}

fn main() {}
