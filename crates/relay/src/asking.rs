//! Asks other relays for the directory's log, without waiting for any of them.

use std::collections::BTreeMap;
use std::time::Duration;

use pouch_net::{RequestError, Session};
use pouch_tlog::{AcceptedCheckpoint, LastAccepted};
use pouch_wire::Blob;
use pouch_wire::session::{Consistency, LogEntries, LogName, ReadConsistency, ReadLog};
use tokio::task::JoinSet;
use tracing::info;

/// A checkpoint that may be accepted, once its entries are there.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) last: LastAccepted,
    pub(crate) accepted: AcceptedCheckpoint,
}

/// Relays are asked side by side, each one question at a time: a slow one keeps no other waiting.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    pub(crate) under_way: JoinSet<Done>,
    /// Who is asked now, and whether it was to be asked once more meanwhile.
    relays: BTreeMap<String, bool>,
}

/// What came of a question.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) relay: String,
    pub(crate) session: Session,
    /// What was accepted when it was asked.
    pub(crate) from: u64,
    pub(crate) answer: Answer,
}

/// What a relay answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Newest(Result<Consistency, RequestError>),
    /// The entries that a checkpoint adds; `None` when they did not come.
    Entries(Box<Offered>, Option<Vec<Vec<u8>>>),
}

impl Asking {
    /// Asks a relay for what is newer than this.
    pub(crate) fn one(&mut self, relay: String, session: Session, from: u64) {
        if let Some(missed) = self.relays.get_mut(&relay) {
            *missed = true;
            return;
        }
        self.relays.insert(relay.clone(), false);
        self.under_way.spawn(async move {
            let question = ReadConsistency { log: LogName::Directory, from };
            let answer = Answer::Newest(session.request(&question, ASK_WITHIN).await);
            Done { relay, session, from, answer }
        });
    }

    /// Fetches what is missing of a checkpoint.
    pub(crate) fn fetch(
        &mut self,
        from: u64,
        relay: String,
        session: Session,
        offered: Box<Offered>,
        have: u64,
    ) {
        let size = offered.accepted.size();
        self.under_way.spawn(async move {
            // A relay that gives one entry at a time keeps no other waiting for ever.
            let entries = match tokio::time::timeout(FETCH_WITHIN, missing(&session, have, size)).await {
                Ok(Ok(entries)) => Some(entries),
                Ok(Err(error)) => {
                    info!(relay, code = request_code(&error), "the directory's entries did not come");
                    None
                }
                Err(_) => {
                    info!(relay, "the directory's entries come too slowly");
                    None
                }
            };
            Done { relay, session, from, answer: Answer::Entries(offered, entries) }
        });
    }

    /// A relay answered; whether it was to be asked once more.
    pub(crate) fn is_back(&mut self, relay: &str) -> bool {
        self.relays.remove(relay).unwrap_or(false)
    }
}

async fn missing(session: &Session, have: u64, size: u64) -> Result<Vec<Vec<u8>>, RequestError> {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    loop {
        let next = have.saturating_add(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        if next >= size {
            return Ok(entries);
        }
        let count = u32::try_from(size.saturating_sub(next)).unwrap_or(u32::MAX).min(PAGE);
        let question = ReadLog { log: LogName::Directory, from: next, count };
        let answer: LogEntries = session.request(&question, ASK_WITHIN).await?;
        let got = answer.entries.len();
        // More than was asked for would lie beyond the checkpoint: whoever sends that is not read on.
        if got == 0 || u32::try_from(got).is_ok_and(|got| got > count) {
            return Ok(entries);
        }
        entries.extend(answer.entries.into_vec().into_iter().map(Blob::into_vec));
    }
}

/// Why a question had no answer.
pub(crate) fn request_code(error: &RequestError) -> String {
    match error {
        RequestError::Refused(refused) => refused.code.to_string(),
        other => other.code().to_owned(),
    }
}

/// Entries asked for at a time.
const PAGE: u32 = 256;
const ASK_WITHIN: Duration = Duration::from_secs(15);
/// How long all entries that are missing may take.
const FETCH_WITHIN: Duration = Duration::from_secs(60);
