//! How this engine waits for the disk, locks, migrates and meets a full disk.

use pouch_wire::session::LogName;
use pouch_wire::{Digest, EnvelopeId, Environment, Precedence};
use rusqlite::Connection;

use super::{agent, relay};
use crate::conformance::Engine as _;
use crate::conformance::relay::message;
use crate::contracts::{Checkpoints as _, EventLog as _, Mailboxes as _, MessageLog as _, Prekeys as _};
use crate::rows::{NewMessage, PrekeyRow};
use crate::{AgentStore, RelayStore, StoreError};

#[tokio::test]
async fn requests_that_come_together_wait_for_the_disk_together() {
    let engine = relay();
    let store = engine.open().await;
    // While the thread is busy with one request, the others gather behind it.
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (begun, busy) = std::sync::mpsc::channel::<()>();
    let (gate, begun) = (std::sync::Mutex::new(gate), std::sync::Mutex::new(begun));
    let held = {
        let store = store.clone();
        let request = move |_: &Connection| {
            begun.lock().unwrap().send(()).ok();
            Ok(gate.lock().unwrap().recv().is_ok())
        };
        tokio::spawn(async move { store.0.call(request).await })
    };
    while busy.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    let accepts: Vec<_> = (0..64)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(message(n, &["MD/policy"], Precedence::Routine)).await })
        })
        .collect();
    while store.0.waiting() < 64 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    assert!(held.await.unwrap().unwrap());
    for accepted in accepts {
        accepted.await.unwrap().unwrap();
    }
    assert_eq!(store.commits(), 1, "64 messages, one wait for the disk");
    assert_eq!(store.leaf_count().await.unwrap(), 64);
}

/// Keeps a store's thread busy until the sender is told.
async fn busy(store: &RelayStore) -> std::sync::mpsc::Sender<()> {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let (begun, busy) = std::sync::mpsc::channel::<()>();
    let (gate, begun) = (std::sync::Mutex::new(gate), std::sync::Mutex::new(begun));
    let held = store.clone();
    tokio::spawn(async move {
        let request = move |_: &Connection| {
            begun.lock().unwrap().send(()).ok();
            Ok(gate.lock().unwrap().recv().is_ok())
        };
        held.0.call(request).await
    });
    while busy.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    go
}

#[tokio::test]
async fn what_is_urgent_goes_before_all_that_waits() {
    let store = RelayStore::in_memory().unwrap();
    let go = busy(&store).await;
    let mut accepts = Vec::new();
    for n in 1..=20 {
        let store = store.clone();
        let message = message(n, &["MD/policy"], Precedence::Routine);
        accepts.push(tokio::spawn(async move { store.accept(message).await.unwrap().index }));
    }
    while store.0.waiting() < 20 {
        tokio::task::yield_now().await;
    }
    let urgent = store.urgent();
    let flash = {
        let urgent = urgent.clone();
        tokio::spawn(async move { urgent.accept(message(99, &["MD/policy"], Precedence::Flash)).await })
    };
    while urgent.0.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    assert_eq!(flash.await.unwrap().unwrap().index, 0);
    for accepted in accepts {
        assert!(accepted.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_transaction_does_not_grow_with_what_waits_for_it() {
    let engine = relay();
    let store = engine.open().await;
    let go = busy(&store).await;
    let mut accepts = Vec::new();
    for n in 1..=6 {
        let store = store.clone();
        let large =
            NewMessage { payload: vec![n; 600 * 1024], ..message(n, &["MD/policy"], Precedence::Routine) };
        accepts.push(tokio::spawn(async move { store.accept(large).await.unwrap() }));
    }
    while store.0.waiting() < 6 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    for accepted in accepts {
        accepted.await.unwrap();
    }
    assert_eq!(store.commits(), 3, "two at a time: with the second there is more than 1 MiB");
}

#[tokio::test]
async fn a_power_cut_while_the_database_is_made_needs_nobody() {
    let (making, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let half = Connection::open(making.path().join("test.sqlite")).unwrap();
    // More than the cache holds: pages reach the file, and its journal says how to take them back.
    let fill = "PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (x BLOB);
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
        INSERT INTO t SELECT randomblob(1000) FROM n;";
    half.execute_batch(fill).unwrap();
    let path = after.path().join("test.sqlite");
    for file in ["test.sqlite", "test.sqlite-journal"] {
        let copied = after.path().join(file);
        assert!(std::fs::copy(making.path().join(file), &copied).unwrap() > 512, "{file}");
        std::fs::set_permissions(&copied, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let store = AgentStore::open(&path).unwrap();
    assert_eq!(store.newest_events(1).await.unwrap(), []);
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_was_answered_is_on_the_disk_when_the_power_goes() {
    let engine = relay();
    let store = engine.open().await;
    store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
    // The files as they are at this moment, with nothing closed.
    let after = tempfile::tempdir().unwrap();
    for file in ["test.sqlite", "test.sqlite-wal"] {
        std::fs::copy(engine.dir.path().join(file), after.path().join(file)).unwrap();
    }
    let survived = RelayStore::open(&after.path().join("test.sqlite")).unwrap();
    assert_eq!(survived.leaf_count().await.unwrap(), 1);
    assert!(
        survived
            .load(EnvelopeId(Digest::new([1; 32])), &"MD/policy".parse().unwrap())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn one_bad_request_does_not_spoil_its_neighbours() {
    let store = RelayStore::in_memory().unwrap();
    store.put_signed(LogName::Messages, 9, Digest::new([1; 32]), vec![]).await.unwrap();
    let bad = {
        let store = store.clone();
        tokio::spawn(
            async move { store.put_signed(LogName::Messages, 1, Digest::new([1; 32]), vec![]).await },
        )
    };
    let good = {
        let store = store.clone();
        tokio::spawn(async move { store.accept(message(1, &["MD/policy"], Precedence::Flash)).await })
    };
    assert_eq!(bad.await.unwrap(), Err(StoreError::Conflict("a larger log was signed")));
    assert!(good.await.unwrap().unwrap().fresh);
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_closed() {
    let engine = relay();
    let store = engine.open().await;
    assert_eq!(RelayStore::open(&engine.path()).err(), Some(StoreError::InUse(engine.path())));
    let kept = store.clone();
    store.close().await.unwrap();
    RelayStore::open(&engine.path()).unwrap().close().await.unwrap();
    assert_eq!(kept.leaf_count().await, Err(StoreError::Closed));
}

/// A file with this application id and version.
fn planted(dir: &tempfile::TempDir, id: i32, version: i64) -> std::path::PathBuf {
    let path = dir.path().join("planted.sqlite");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(&format!(
        "CREATE TABLE x (y); PRAGMA application_id = {id}; PRAGMA user_version = {version}"
    ))
    .unwrap();
    drop(db);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_newer_database_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = planted(&dir, 0x5063_6852, 99);
    let before = std::fs::read(&path).unwrap();
    let refused = RelayStore::open(&path).err();
    assert!(matches!(refused, Some(StoreError::Newer { found: 99, known: 1..99 })), "{refused:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn somebody_elses_database_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = planted(&dir, 0x5063_6852, 1);
    let before = std::fs::read(&path).unwrap();
    let refused = AgentStore::open(&path).err();
    assert_eq!(refused, Some(StoreError::NotOurs { path: path.clone(), expected: "a node" }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = planted(&dir, 0x5063_6852, 1);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(RelayStore::open(&path).err(), Some(StoreError::LooseMode { path, mode: 0o640 }));
}

#[test]
fn the_library_is_new_enough_for_its_write_ahead_log() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[tokio::test]
async fn a_full_disk_accepts_nothing_and_goes_on_when_there_is_room() {
    let store = RelayStore::in_memory().unwrap();
    let pages = |n: u32| {
        let store = store.clone();
        async move { store.0.call(move |db| Ok(db.execute_batch(&format!("PRAGMA max_page_count = {n}"))?)).await }
    };
    pages(60).await.ok();
    let mut accepted = 0;
    let mut full = None;
    for n in 1..=200 {
        let big = NewMessage { payload: vec![n; 10_000], ..message(n, &["MD/policy"], Precedence::Routine) };
        match store.accept(big).await {
            Ok(_) => accepted += 1,
            Err(error) => {
                full = Some(error);
                break;
            }
        }
    }
    assert_eq!(full, Some(StoreError::Full));
    assert_eq!(store.leaf_count().await.unwrap(), accepted, "what was answered stands, and nothing else");
    pages(100_000).await.ok();
    store.accept(message(250, &["MD/policy"], Precedence::Routine)).await.unwrap();
}

#[tokio::test]
async fn a_destroyed_key_is_in_no_file() {
    let engine = agent();
    let store = engine.open().await;
    let (from, until) = (pouch_wire::Timestamp(0), pouch_wire::Timestamp(1));
    let secret = b"nobody must ever find this secret again".to_vec();
    let id = pouch_wire::KeyId(Digest::new([1; 32]));
    let row = PrekeyRow {
        id,
        environment: Environment::Live,
        wrapped: secret.clone(),
        usable_from: from,
        usable_until: until,
    };
    store.put_prekey(row).await.unwrap();
    let found = || {
        let files = std::fs::read_dir(engine.dir.path()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| bytes.windows(secret.len()).any(|window| window == secret))
    };
    assert!(found(), "it is looked for in the right place");
    store.destroy_prekey(id).await.unwrap();
    assert!(!found());
}

#[tokio::test]
async fn event_numbers_are_never_given_twice() {
    let engine = agent();
    let store = engine.open().await;
    let event = || crate::NewEvent {
        alarm: false,
        at: pouch_wire::Timestamp(1),
        code: String::new(),
        words: "words".into(),
        detail: String::new(),
    };
    assert_eq!(store.put_event(event()).await.unwrap(), 1);
    store.0.call(|db| Ok(db.execute("DELETE FROM event", [])?)).await.unwrap();
    assert_eq!(store.put_event(event()).await.unwrap(), 2);
}
