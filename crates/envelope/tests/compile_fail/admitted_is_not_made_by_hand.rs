//! Only admission proves a sender.

use pouch_envelope::{Admitted, SealedHead};

fn admit(head: SealedHead, payload: Vec<u8>) -> Admitted {
    Admitted { head, payload }
}

fn main() {}
