//! What was refused leaves nothing of its content behind.

use pouch_notice::{Notice, Refused};

fn read(refused: &Refused) -> &Notice {
    refused.value()
}

fn main() {}
