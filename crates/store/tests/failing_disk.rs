//! A disk that takes the write-ahead log and not the database: copying the log back is where that shows, and
//! nothing may be accepted for long after it.
//!
//! The system's limit on the size of files makes such a disk, for a whole process: so this is a test alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests stop where they fail"
)]

use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use pouch_store::{Mailboxes as _, MessageLog as _, NewMessage, RelayStore, StoreError};
use pouch_wire::{Digest, EnvelopeId, Precedence, Timestamp};
use tokio::signal::unix::{SignalKind, signal};

/// How large the database becomes, in messages of half a mebibyte.
const FILLED: u32 = 80;
/// The limit on files: below the end of the database, and far above a log that is copied back in time.
const LIMIT: u64 = 32 * 1024 * 1024;
/// The log never needs more: what it is copied back from, and the largest transaction after it.
const LOG_MAX: u64 = 8 * 1024 * 1024;

fn message(n: u32) -> NewMessage {
    let digest = pouch_crypto::sha256(&n.to_be_bytes());
    NewMessage {
        envelope: EnvelopeId(Digest::new(*digest.as_bytes())),
        header: vec![1],
        signature: [1; 64],
        sender: "NL/technical".parse().unwrap(),
        precedence: Precedence::Routine,
        demotion: None,
        not_after: Timestamp(1000),
        stanzas: vec![("MD/policy".parse().unwrap(), vec![2])],
        payload: vec![3; 512 * 1024],
        leaf: vec![4],
        accepted_at: Timestamp(1),
    }
}

fn len(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// Opens it when who had it has let it go.
fn reopened(path: &Path) -> RelayStore {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match RelayStore::open(path) {
            Err(StoreError::InUse(_)) if std::time::Instant::now() < deadline => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_copied_back_ends_the_store_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, log) = (dir.path().join("relay.sqlite"), dir.path().join("relay.sqlite-wal"));
    let store = RelayStore::open(&path).unwrap();
    for n in 0..FILLED {
        store.accept(message(n)).await.unwrap();
    }
    assert!(len(&path) > LIMIT, "{}", len(&path));
    assert!(len(&log) < LOG_MAX, "the log is copied back while it is written: {}", len(&log));

    // Unheard, the signal of a write beyond the limit would end the process; heard, the write fails.
    let _heard = signal(SignalKind::from_raw(nix::libc::SIGXFSZ)).unwrap();
    let (before, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, LIMIT, most).unwrap();
    let mut accepted = FILLED;
    let failed = loop {
        match store.accept(message(accepted)).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    let written = len(&log);
    setrlimit(Resource::RLIMIT_FSIZE, before, most).unwrap();
    assert!(failed.is_fatal(), "{failed}");
    assert!(written < LOG_MAX, "it ends when it cannot copy, not when the log is full too: {written}");
    assert_eq!(store.leaf_count().await, Err(failed.clone()), "nothing is answered any more");
    assert_eq!(store.close().await, Err(failed));

    let store = reopened(&path);
    assert!(store.leaf_count().await.unwrap() >= u64::from(accepted), "what was answered is there");
    for n in 0..accepted {
        let parcel = store.load(message(n).envelope, &"MD/policy".parse().unwrap()).await.unwrap();
        assert!(parcel.is_some(), "message {n}");
    }
    store.close().await.unwrap();
}
