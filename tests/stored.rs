//! Messages as a relay stores them, for stores that are filled past it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "of harnesses: what cannot be ends them"
)]

use pouch_envelope::Demotion;
use pouch_store::NewMessage;
use pouch_wire::{Digest, EnvelopeId, Precedence, Timestamp};

/// A digest of a number.
#[must_use]
pub fn digest(n: u64) -> Digest {
    pouch_crypto::sha256(&n.to_be_bytes())
}

/// So many bytes of a number.
#[must_use]
pub fn bytes(n: u64, len: usize) -> Vec<u8> {
    digest(n).as_bytes().iter().copied().cycle().take(len).collect()
}

/// A precedence of a number.
#[must_use]
pub fn precedence(n: u64) -> Precedence {
    [Precedence::Flash, Precedence::Immediate, Precedence::Priority, Precedence::Routine][(n % 4) as usize]
}

/// A message, as the relay stores it; some are larger than a page.
/// # Panics
/// When a recipient is none.
#[must_use]
pub fn message(n: u64, to: &[&str], payload: usize) -> NewMessage {
    let stanza = |name: &&str| (name.parse().unwrap(), bytes(n + 7, 1200));
    NewMessage {
        envelope: EnvelopeId(digest(n)),
        header: bytes(n + 1, 400),
        signature: [n as u8; 64],
        sender: format!("NL/office-{}", n % 5).parse().unwrap(),
        precedence: precedence(n),
        // Some flashes are carried lower.
        demotion: n.is_multiple_of(8).then_some(Demotion {
            to: Precedence::Priority,
            sent: 21,
            within_s: 60,
        }),
        not_after: Timestamp(1_000_000 + n),
        stanzas: to.iter().map(stanza).collect(),
        payload: bytes(n + 2, payload),
        leaf: bytes(n + 3, 40),
        accepted_at: Timestamp(n),
    }
}
