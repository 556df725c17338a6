//! Whether what relays promised stands in the directory's log: a statement that this node published, at
//! the place that it was told, within ninety seconds. A log that answers and forgets is a log that hides.

use std::time::Duration;

use pouch_control::EventKind;
use pouch_crypto::sha256;
use pouch_store::{Mirror as _, PromiseRow, Promises as _};
use pouch_wire::Timestamp;

use super::MirrorKeeper;
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;

/// After which a published statement that does not stand in the accepted log is asked for: what asking takes
/// is in the ninety seconds too.
const MERGED_WITHIN: Duration = Duration::from_secs(75);

/// How a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// There is time.
    Waits,
    /// The statement is where it was promised.
    Kept,
    /// Something else is there.
    Taken,
    /// Nothing is there, and its time is over.
    Missing,
}

/// `entry` is what the accepted log has at the place, if it goes so far. A clock that nobody confirms
/// cannot say that time is over.
fn judge(row: &PromiseRow, entry: Option<&[u8]>, now: Timestamp, time_is_sure: bool) -> Promise {
    match entry {
        Some(entry) if entry == row.statement => Promise::Kept,
        Some(_) => Promise::Taken,
        None if time_is_sure && now.since(row.at) > MERGED_WITHIN => Promise::Missing,
        None => Promise::Waits,
    }
}

impl MirrorKeeper {
    /// Looks after promises; `asked` says that a relay has just told what it has.
    pub(super) async fn look_after_promises(&self, desk: &Desk, asked: bool) -> Result<(), AgentError> {
        for row in self.store.promises().await? {
            let entry = self.entry(row.index).await?;
            let now = (desk.clock)();
            match judge(&row, entry.as_deref(), now, desk.time_is_sure()) {
                Promise::Kept => {
                    self.store.keep_promise(&row).await?;
                    if row.broken_at.is_some() {
                        let words = format!("entry {} of the directory came after all, too late", row.index);
                        desk.tell(Happening::new(EventKind::Directory, "POUCH-MIR-11", words)).await?;
                    }
                }
                Promise::Taken => self.broken(&row, "has another entry there", desk).await?,
                Promise::Missing if asked => {
                    self.broken(&row, "does not show it within ninety seconds", desk).await?;
                }
                Promise::Missing | Promise::Waits => {}
            }
        }
        Ok(())
    }

    /// Whether a promise's time is over and nobody was asked since: the relays must be asked now.
    pub(super) async fn a_promise_is_due(&self, desk: &Desk) -> Result<bool, AgentError> {
        let now = (desk.clock)();
        let due = |row: &PromiseRow| row.broken_at.is_none() && now.since(row.at) > MERGED_WITHIN;
        Ok(self.store.promises().await?.iter().any(due))
    }

    async fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, AgentError> {
        if index >= self.last.size() {
            return Ok(None);
        }
        Ok(self.store.entries(index, 1).await?.pop())
    }

    async fn broken(&self, row: &PromiseRow, how: &str, desk: &Desk) -> Result<(), AgentError> {
        if row.broken_at.is_some() {
            return Ok(());
        }
        let words = format!(
            "{} said that it entered a statement of ours ({}) as entry {} of the directory, and {how}: it may be \
             held back from everybody; publish it through another relay",
            row.relay,
            sha256(&row.statement).to_string().chars().take(8).collect::<String>(),
            row.index
        );
        let now = (desk.clock)();
        let event = Happening::new(EventKind::Alarm, "POUCH-MIR-11", words).row(now);
        desk.events.announce(&self.store.break_promise(row, now, event).await?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_taken_by_another_or_missed_within_ninety_seconds() {
        let row = PromiseRow {
            index: 4,
            relay: "relay-1".into(),
            statement: b"ours".to_vec(),
            at: Timestamp(1_000_000),
            broken_at: None,
        };
        let at = |ms: u64| Timestamp(1_000_000 + ms);
        assert_eq!(judge(&row, Some(b"ours"), at(500_000), true), Promise::Kept);
        assert_eq!(judge(&row, Some(b"other"), at(1), true), Promise::Taken);
        assert_eq!(judge(&row, None, at(75_000), true), Promise::Waits);
        assert_eq!(judge(&row, None, at(75_001), true), Promise::Missing);
        assert_eq!(judge(&row, None, at(75_001), false), Promise::Waits, "the clock may be wrong");
    }
}
