//! What a relay stores is admitted: an unproved head has no parts to store and takes no payload.

use pouch_envelope::{Parts, SealedHead};

fn store(head: SealedHead, payload: Vec<u8>) -> Parts {
    let _whole = head.clone().with_payload(payload);
    head.into_parts()
}

fn main() {}
