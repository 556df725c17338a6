//! The spoken check of a notice: thirty digits that two people compare by telephone.

use pouch_crypto::{sha256_parts, spoken_digits};
use pouch_wire::NoticeId;

/// Six groups of five digits, derived from the notice's id.
#[must_use]
pub fn spoken_check(id: NoticeId) -> String {
    spoken_digits(&sha256_parts(&[b"pouch v1 spoken check\0", id.as_bytes()]))
}
