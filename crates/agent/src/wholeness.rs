//! Looks whether everything that is stored is what was stored, and says by name what is not.
//!
//! A damaged record is left out and kept; people decide what becomes of it.

use core::time::Duration;
use std::sync::Arc;

use pouch_store::StoredWhole as _;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::desk::Desk;
use crate::error::AgentError;

/// What is read at the start does not stand in the way of what waits to be sent and read.
const FIRST_AFTER: Duration = Duration::from_secs(30);
/// How often everything is read.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// So many records are told by name at a time.
const NAMED: usize = 5;

/// Looks until the node ends.
pub(crate) async fn serve(desk: Arc<Desk>, shutdown: CancellationToken) -> Result<(), AgentError> {
    let mut known = Vec::new();
    let mut next = Box::pin(tokio::time::sleep(FIRST_AFTER));
    loop {
        let now = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = &mut next => {
                if let Err(error) = desk.store.scrub().await {
                    warn!(code = error.code(), "what is stored was not read to its end");
                }
                next = Box::pin(tokio::time::sleep(EVERY));
                continue;
            }
            damaged = desk.store.until_more_damage(&known) => damaged,
        };
        let new: Vec<&str> = now.iter().filter(|name| !known.contains(*name)).map(String::as_str).collect();
        if !new.is_empty() {
            desk.alarm("POUCH-AGT-60", words(&new)).await?;
        }
        known = now;
    }
}

fn words(new: &[&str]) -> String {
    let named = new.get(..NAMED).unwrap_or(new).join(", ");
    let more = new.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(
        "stored records are damaged and left out: {named}{rest}; look at the disk, and ask senders for what is missing"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_named_and_many_are_counted() {
        assert!(words(&["message 1", "event 2"]).contains("left out: message 1, event 2; look"));
        let many: Vec<String> = (0..9).map(|n| format!("event {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(words(&many).contains("event 4 and 4 more; look"));
    }
}
