//! Answers about the logs: entries, proofs that an entry is in, proofs that a log only grew.

use pouch_net::{Stream, StreamError, refusal};
use pouch_store::{DirectoryLog as _, MessageLog as _, StoreError};
use pouch_wire::session::{
    Consistency, LogEntries, LogName, Proof, ReadConsistency, ReadLog, ReadProof, Refused,
};
use pouch_wire::{Blob, List, Message, limits};

use crate::conduct::Given;
use crate::log::{Keeper, NoProof};
use crate::run::Desk;
use crate::session::Peer;

fn keeper(desk: &Desk, log: LogName) -> &Keeper {
    match log {
        LogName::Directory => &desk.directory_log,
        LogName::Messages => &desk.message_log,
    }
}

/// Answers with entries that lie in the published checkpoint, and that checkpoint.
pub(crate) async fn entries(
    stream: Stream,
    read: &ReadLog,
    peer: &Peer,
    desk: &Desk,
) -> Result<(), StreamError> {
    let honest = given(read_entries(read, desk).await);
    give(stream, desk.conduct.entries(peer, read, honest)).await
}

async fn read_entries(read: &ReadLog, desk: &Desk) -> Result<LogEntries, Refused> {
    let published = keeper(desk, read.log).published().borrow().clone();
    let published = published.ok_or_else(|| no_proof(NoProof::Nothing))?;
    let limit = u32::try_from(limits::LOG_ENTRIES).unwrap_or(u32::MAX);
    let left = u32::try_from(published.size.saturating_sub(read.from)).unwrap_or(u32::MAX);
    let count = read.count.min(limit).min(left);
    let found = stored(desk, read, count).await.map_err(|error| refusal(error.code(), &error, None))?;
    fitting(&published.note.to_bytes(), found)
        .ok_or_else(|| refusal("POUCH-RLY-13", &"the answer does not fit", None))
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
fn fitting(note: &[u8], found: Vec<Vec<u8>>) -> Option<LogEntries> {
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

/// Answers with the tlog-proof of one entry.
pub(crate) async fn proof(
    stream: Stream,
    read: &ReadProof,
    peer: &Peer,
    desk: &Desk,
) -> Result<(), StreamError> {
    let honest = given(read_proof(read, desk).await);
    give(stream, desk.conduct.proof(peer, read, honest)).await
}

async fn read_proof(read: &ReadProof, desk: &Desk) -> Result<Proof, Refused> {
    let text = keeper(desk, read.log).inclusion(read.index).await.map_err(no_proof)?;
    let tlog_proof = Blob::new(text.into_bytes()).map_err(|error| refusal("POUCH-RLY-13", &error, None))?;
    Ok(Proof { tlog_proof })
}

/// Answers with the proof that the published checkpoint extends an earlier size.
pub(crate) async fn consistency(
    stream: Stream,
    read: &ReadConsistency,
    peer: &Peer,
    desk: &Desk,
) -> Result<(), StreamError> {
    let honest = given(read_consistency(read, desk).await);
    give(stream, desk.conduct.consistency(peer, read, honest)).await
}

async fn read_consistency(read: &ReadConsistency, desk: &Desk) -> Result<Consistency, Refused> {
    let answered = keeper(desk, read.log).consistency(read.from).await;
    let (published, hashes) = answered.map_err(|none| refusal(none.code(), &none, Some(SOON)))?;
    match (Blob::new(published.note.to_bytes()), List::new(hashes)) {
        (Ok(checkpoint), Ok(proof)) => Ok(Consistency { checkpoint, proof }),
        _ => Err(refusal("POUCH-RLY-13", &"the answer does not fit", None)),
    }
}

fn no_proof(none: NoProof) -> Refused {
    let again = (none != NoProof::Impossible).then_some(SOON);
    refusal(none.code(), &none, again)
}

fn given<A>(answer: Result<A, Refused>) -> Given<A> {
    match answer {
        Ok(answer) => Given::Answer(answer),
        Err(refused) => Given::Refuse(refused),
    }
}

async fn give<A: Message>(stream: Stream, given: Given<A>) -> Result<(), StreamError> {
    match given {
        Given::Answer(answer) => stream.answer(&answer).await,
        Given::Refuse(refused) => stream.refuse(&refused).await,
        Given::Late(answer, by) => {
            tokio::time::sleep(by).await;
            stream.answer(&answer).await
        }
        Given::Nothing => {
            stream.session().closed().await;
            Ok(())
        }
    }
}

const SOON: core::time::Duration = core::time::Duration::from_secs(1);
