//! A draft is approved before it is signed, if only by nobody where no rule demands an officer.

use pouch_crypto::SigningKey;
use pouch_notice::{Draft, Signed};

fn sign(draft: Draft, key: &SigningKey) -> Signed {
    draft.sign(key)
}

fn main() {}
