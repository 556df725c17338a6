//! Answers about the logs: entries, proofs that an entry is in, proofs that a log only grew.

use pouch_net::{Stream, StreamError, refusal};
use pouch_store::{DirectoryLog as _, MessageLog as _, StoreError};
use pouch_wire::session::{Consistency, LogEntries, LogName, Proof, ReadConsistency, ReadLog, ReadProof};
use pouch_wire::{Blob, List, limits};

use crate::keeper::{Keeper, NoProof};
use crate::run::Desk;

fn keeper(desk: &Desk, log: LogName) -> &Keeper {
    match log {
        LogName::Directory => &desk.directory_log,
        LogName::Messages => &desk.message_log,
    }
}

/// Entries that lie in the published checkpoint, and that checkpoint.
pub(crate) async fn entries(stream: Stream, read: &ReadLog, desk: &Desk) -> Result<(), StreamError> {
    let Some(published) = keeper(desk, read.log).published().borrow().clone() else {
        return stream.refuse(&refusal(NoProof::Nothing.code(), &NoProof::Nothing, Some(SOON))).await;
    };
    let limit = u32::try_from(limits::LOG_ENTRIES).unwrap_or(u32::MAX);
    let left = u32::try_from(published.size.saturating_sub(read.from)).unwrap_or(u32::MAX);
    let count = read.count.min(limit).min(left);
    let found = match stored(desk, read, count).await {
        Ok(found) => found,
        Err(error) => return stream.refuse(&refusal(error.code(), &error, None)).await,
    };
    match answer(&published.note.to_bytes(), found) {
        Some(answer) => stream.answer(&answer).await,
        None => stream.refuse(&refusal("POUCH-RLY-13", &"the answer does not fit", None)).await,
    }
}

async fn stored(desk: &Desk, read: &ReadLog, count: u32) -> Result<Vec<Vec<u8>>, StoreError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    match read.log {
        LogName::Directory => desk.store.entries(read.from, count).await,
        LogName::Messages => desk.store.leaves(read.from, count).await,
    }
}

/// As many entries as one answer holds.
fn answer(note: &[u8], found: Vec<Vec<u8>>) -> Option<LogEntries> {
    let mut room = limits::LOG_ANSWER_BYTES.saturating_sub(note.len()).saturating_sub(1024);
    let mut entries = Vec::new();
    for entry in found {
        let needed = entry.len().saturating_add(8);
        if needed > room {
            break;
        }
        room = room.saturating_sub(needed);
        entries.push(Blob::new(entry).ok()?);
    }
    Some(LogEntries { checkpoint: Blob::new(note).ok()?, entries: List::new(entries).ok()? })
}

/// The tlog-proof of one entry.
pub(crate) async fn proof(stream: Stream, read: &ReadProof, desk: &Desk) -> Result<(), StreamError> {
    match keeper(desk, read.log).inclusion(read.index).await {
        Ok(text) => match Blob::new(text.into_bytes()) {
            Ok(tlog_proof) => stream.answer(&Proof { tlog_proof }).await,
            Err(error) => stream.refuse(&refusal("POUCH-RLY-13", &error, None)).await,
        },
        Err(none) => {
            let again = (none != NoProof::Impossible).then_some(SOON);
            stream.refuse(&refusal(none.code(), &none, again)).await
        }
    }
}

/// The proof that the published checkpoint extends an earlier size.
pub(crate) async fn consistency(
    stream: Stream,
    read: &ReadConsistency,
    desk: &Desk,
) -> Result<(), StreamError> {
    let answered = keeper(desk, read.log).consistency(read.from).await;
    let (published, hashes) = match answered {
        Ok(answered) => answered,
        Err(none) => return stream.refuse(&refusal(none.code(), &none, Some(SOON))).await,
    };
    match (Blob::new(published.note.to_bytes()), List::new(hashes)) {
        (Ok(checkpoint), Ok(proof)) => stream.answer(&Consistency { checkpoint, proof }).await,
        _ => stream.refuse(&refusal("POUCH-RLY-13", &"the answer does not fit", None)).await,
    }
}

const SOON: core::time::Duration = core::time::Duration::from_secs(1);
