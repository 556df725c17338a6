//! Which records were found damaged: by name, once each, for whoever reports it.
//!
//! The store's thread notes what it finds while it answers; damage is no reason to end. Nothing damaged is
//! deleted, delivered or shown: its row stays where it is.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use rusqlite::types::ValueRef;

/// How a message of SQLite begins that is ours and names a damaged record.
pub(crate) const MARK: &str = "damaged record: ";
/// Names that are remembered; more are as bad.
const NAMES_MAX: usize = 1000;

/// What the thread found since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) damaged: Vec<String>,
    pub(super) healed: Vec<String>,
}

thread_local! {
    static FINDINGS: RefCell<Findings> = const { RefCell::new(Findings { damaged: Vec::new(), healed: Vec::new() }) };
}

/// Remembers a record that is damaged.
pub(crate) fn note(name: String) {
    FINDINGS.with_borrow_mut(|findings| {
        if findings.damaged.len() < NAMES_MAX && !findings.damaged.contains(&name) {
            findings.damaged.push(name);
        }
    });
}

/// Remembers that a record is whole again.
pub(crate) fn heal(name: String) {
    FINDINGS.with_borrow_mut(|findings| findings.healed.push(name));
}

/// Remembers that all records of this kind are whole again.
pub(crate) fn heal_all(words: &str) {
    FINDINGS.with_borrow_mut(|findings| findings.healed.push(format!("{words} *")));
}

/// Hands out what was found since.
pub(super) fn drain() -> Findings {
    FINDINGS.with_borrow_mut(core::mem::take)
}

/// Puts what was found to what is known; whether that changed.
pub(super) fn merge(known: &mut BTreeSet<String>, findings: Findings) -> bool {
    let mut changed = false;
    for name in findings.damaged {
        if known.len() < NAMES_MAX && known.insert(name.clone()) {
            tracing::error!(code = "POUCH-STO-06", record = %name, "a stored record is damaged; it is left out");
            changed = true;
        }
    }
    for name in findings.healed {
        let before = known.len();
        match name.strip_suffix('*') {
            Some(beginning) => known.retain(|name| !name.starts_with(beginning)),
            None => known.retain(|known| *known != name),
        }
        changed |= known.len() != before;
    }
    changed
}

/// One value as a word of a name: an id in hexadecimal digits.
pub(crate) fn word(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(text) => {
            String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(80).collect()
        }
        ValueRef::Blob(blob) => blob.iter().take(32).fold(String::new(), |mut digits, byte| {
            write!(digits, "{byte:02x}").ok();
            digits
        }),
    }
}
