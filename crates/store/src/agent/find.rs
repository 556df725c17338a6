//! Finds messages as people name them: by number, or by the first digits of an id.
//!
//! Two answers at most: more than one is told to the person, never chosen for them.

use pouch_wire::decode_hex;
use rusqlite::params;

use crate::agent::AgentStore;
use crate::agent::inbox::{ENTRY, entries};
use crate::agent::outbox::{OUTGOING, outgoing_rows};
use crate::contracts::Lookup;
use crate::error::StoreError;
use crate::rows::{ArrivalEntry, OutgoingRow};

/// Fewer digits than this name nothing.
const DIGITS_MIN: usize = 4;

impl Lookup for AgentStore {
    async fn find_arrival(&self, wanted: &str) -> Result<Vec<ArrivalEntry>, StoreError> {
        let (number, range) = (wanted.to_owned(), range(wanted));
        let sql = format!(
            "SELECT {ENTRY} FROM inbox WHERE (number = ?1 OR envelope BETWEEN ?2 AND ?3
            OR notice BETWEEN ?2 AND ?3) AND (notice IS NOT NULL OR refused IS NOT NULL)
            AND kept(whole, 'message', envelope) LIMIT 2"
        );
        self.0.call(move |db| entries(db, &sql, params![number, range.0, range.1])).await
    }

    async fn find_outgoing(&self, wanted: &str) -> Result<Vec<OutgoingRow>, StoreError> {
        let range = range(wanted);
        let sql = format!(
            "SELECT {OUTGOING} FROM outbox
            WHERE (envelope BETWEEN ?1 AND ?2 OR notice BETWEEN ?1 AND ?2) AND notice IS NOT NULL
            AND kept(whole, 'message', envelope) LIMIT 2"
        );
        self.0.call(move |db| outgoing_rows(db, &sql, params![range.0, range.1])).await
    }
}

/// The first and last id that begin with these digits; nothing lies in the range of other text.
fn range(wanted: &str) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let digits = wanted.to_lowercase();
    if !(DIGITS_MIN..=64).contains(&digits.len()) {
        return (None, None);
    }
    let first = decode_hex(&format!("{digits:0<64}"));
    let last = decode_hex(&format!("{digits:f<64}"));
    (first, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_range_of_ids_and_other_text_is_none() {
        let (first, last) = range("AbCd5");
        assert_eq!(first.unwrap()[..4], [0xab, 0xcd, 0x50, 0x00]);
        assert_eq!(last.unwrap()[..4], [0xab, 0xcd, 0x5f, 0xff]);
        for other in ["abc", "", "12/2026", "abcx", "%%%%", &"a".repeat(65)] {
            assert_eq!(range(other), (None, None), "{other}");
        }
    }
}
