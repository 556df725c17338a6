//! Puts statements into the directory, through whichever relay answers.

use std::sync::PoisonError;
use std::time::Duration;

use pouch_net::RequestError;
use pouch_store::{AgentStore, Mirror as _, PromiseRow, Promises as _};
use pouch_wire::session::{Publish, Published};
use pouch_wire::{Blob, limits};
use tracing::info;

use crate::desk::{Desk, request_code};
use crate::error::AgentError;

impl Desk {
    /// Puts a signed statement into the directory, through any relay that answers; its index. The relay that
    /// sequences is asked first, and only its own refusal is the last word: another may be behind, or lie.
    pub(crate) async fn publish_signed(&self, statement: Vec<u8>) -> Result<u64, AgentError> {
        // Before it is sent: the mirror may see it before a relay's answer is here.
        self.made.write().unwrap_or_else(PoisonError::into_inner).note(&statement);
        let bytes: Blob<{ limits::STATEMENT_BYTES }> = Blob::new(statement.clone())?;
        let publish = Publish { statement: bytes };
        let directory = self.directory();
        let sequencer = directory.now_view().relays().first().map(|relay| relay.name.to_string());
        // A relay that did not answer may have entered it all the same.
        let (mut refused, mut unheard) = (None, false);
        for (relay, session) in self.links.starting_with(sequencer.as_deref()) {
            match session.request::<_, Published>(&publish, PUBLISH_WITHIN).await {
                Ok(Published { index }) => {
                    let promise = PromiseRow { index, relay, statement, at: (self.clock)(), broken_at: None };
                    self.store.put_promise(promise).await?;
                    return Ok(index);
                }
                Err(error) => {
                    let code = request_code(&error);
                    info!(relay, code, "statement not taken");
                    if unheard
                        && code == IS_THERE
                        && let Some(index) = self.place_of(&statement, directory.size()).await?
                    {
                        return Ok(index);
                    }
                    unheard = unheard || !matches!(error, RequestError::Refused(_));
                    let last_word = matches!(&error, RequestError::Refused(r) if r.retry_after_ms.is_none());
                    if last_word && Some(&relay) == sequencer.as_ref() {
                        return Err(error.into());
                    }
                    refused = refused.or(Some(error));
                }
            }
        }
        Err(refused.map_or(AgentError::NoRelay, AgentError::from))
    }

    /// Where the believed directory has a statement, from an index on; it is waited for a little.
    async fn place_of(&self, statement: &[u8], mut from: u64) -> Result<Option<u64>, AgentError> {
        self.wake_mirror();
        let mut believed = self.believed.clone();
        let looking = async {
            loop {
                let size = believed.borrow_and_update().size;
                if let Some(index) = look(&self.store, statement, from, size).await? {
                    return Ok(Some(index));
                }
                from = from.max(size);
                if believed.changed().await.is_err() {
                    return Ok(None);
                }
            }
        };
        tokio::time::timeout(SEEN_WITHIN, looking).await.unwrap_or(Ok(None))
    }
}

/// Looks for a statement among entries of our own copy, from an index on and below a size.
async fn look(
    store: &AgentStore,
    statement: &[u8],
    mut from: u64,
    size: u64,
) -> Result<Option<u64>, AgentError> {
    while from < size {
        // Beyond what is believed, entries may have come by hand: they are none of the log yet.
        if store.entries(from, 1).await?.pop().as_deref() == Some(statement) {
            return Ok(Some(from));
        }
        from = from.saturating_add(1);
    }
    Ok(None)
}

/// How long one relay may take.
const PUBLISH_WITHIN: Duration = Duration::from_secs(15);
/// How long a statement that is said to be in the log is waited for in our own copy.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// The refusal of a statement that is in the log already.
const IS_THERE: &str = "POUCH-DIR-04";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_statement_is_where_the_believed_log_has_it_and_nowhere_else() {
        let store = AgentStore::in_memory().unwrap();
        store.seed_mirror((0..6).map(|n| vec![n]).collect()).await.unwrap();
        let look = |statement: u8, from, size| {
            let store = store.clone();
            async move { look(&store, &[statement], from, size).await.unwrap() }
        };
        assert_eq!(look(4, 2, 6).await, Some(4));
        assert_eq!(look(4, 5, 6).await, None, "it was there before, and is another");
        assert_eq!(look(4, 2, 4).await, None, "not believed yet");
        assert_eq!(look(9, 0, 6).await, None);
    }
}
