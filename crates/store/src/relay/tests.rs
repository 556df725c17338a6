//! What a relay relies on, tried on its database.

use pouch_wire::session::LogName;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Precedence, Timestamp};
use rusqlite::Connection;

use super::*;
use crate::rows::{AcceptedRow, Expired, NewMessage, Usage};

fn message(n: u8, to: &[&str], precedence: Precedence) -> NewMessage {
    NewMessage {
        envelope: EnvelopeId(Digest::new([n; 32])),
        header: vec![n],
        signature: [n; 64],
        sender: "NL/technical".parse().unwrap(),
        precedence,
        not_after: Timestamp(1000 + u64::from(n)),
        stanzas: to.iter().map(|p| (p.parse().unwrap(), vec![n, 1])).collect(),
        payload: vec![n; 100],
        leaf: vec![n, 2],
        accepted_at: Timestamp(u64::from(n)),
    }
}

fn open(dir: &tempfile::TempDir) -> RelayStore {
    RelayStore::open(&dir.path().join("relay.sqlite")).unwrap()
}

#[tokio::test]
async fn what_was_accepted_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (md, ba) = ("MD/policy".parse().unwrap(), "BA/technical".parse().unwrap());
    {
        let store = open(&dir);
        let first =
            store.accept(message(1, &["MD/policy", "BA/technical"], Precedence::Routine)).await.unwrap();
        assert_eq!(first, AcceptedRow { index: 0, accepted_at: Timestamp(1), fresh: true });
        store.accept(message(2, &["MD/policy"], Precedence::Flash)).await.unwrap();
        store.append_entry(b"charter".to_vec()).await.unwrap();
        store.close().await.unwrap();
    }
    let store = open(&dir);
    let waiting = store.pending(&md, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|p| p.index).collect::<Vec<_>>(), [1, 0], "flash first");
    let parcel = store.load(waiting[1].envelope, &ba).await.unwrap().unwrap();
    assert_eq!((parcel.payload, parcel.stanza), (vec![1; 100], vec![1, 1]));
    assert_eq!(store.leaves(0, 10).await.unwrap(), [vec![1, 2], vec![2, 2]]);
    assert_eq!(store.entries(0, 10).await.unwrap(), [b"charter".to_vec()]);
}

#[tokio::test]
async fn the_same_message_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
    let again = NewMessage { accepted_at: Timestamp(99), ..message(1, &["MD/policy"], Precedence::Routine) };
    let row = store.accept(again).await.unwrap();
    assert_eq!(row, AcceptedRow { index: 0, accepted_at: Timestamp(1), fresh: false });
    assert_eq!(store.leaves(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_payload_goes_with_its_last_recipient_and_the_log_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let (md, ba) = ("MD/policy".parse().unwrap(), "BA/technical".parse().unwrap());
    let id = EnvelopeId(Digest::new([1; 32]));
    store.accept(message(1, &["MD/policy", "BA/technical"], Precedence::Routine)).await.unwrap();
    store.taken(id, &md).await.unwrap();
    assert!(store.load(id, &md).await.unwrap().is_none());
    assert!(store.load(id, &ba).await.unwrap().is_some());
    assert_eq!(
        store.usage(&"NL/technical".parse().unwrap()).await.unwrap(),
        Usage { bytes: 100, messages: 1 }
    );
    store.taken(id, &ba).await.unwrap();
    assert_eq!(store.usage(&"NL/technical".parse().unwrap()).await.unwrap(), Usage::default());
    assert_eq!(store.leaves(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn expired_messages_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
    assert_eq!(store.expire(Timestamp(1000)).await.unwrap(), []);
    let gone = store.expire(Timestamp(1001)).await.unwrap();
    assert_eq!(
        gone,
        [Expired {
            envelope: EnvelopeId(Digest::new([1; 32])),
            recipient: "MD/policy".parse().unwrap(),
            sender: "NL/technical".parse().unwrap()
        }]
    );
}

#[tokio::test]
async fn requests_that_come_together_are_committed_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let accepts = (0..64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.accept(message(n, &["MD/policy"], Precedence::Routine)).await })
    });
    for accepted in accepts.collect::<Vec<_>>() {
        accepted.await.unwrap().unwrap();
    }
    assert!(store.commits() < 64, "{} commits", store.commits());
    assert_eq!(store.leaves(0, 100).await.unwrap().len(), 64);
}

#[tokio::test]
async fn a_log_never_signs_back_nor_a_second_root() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let root = |n| Digest::new([n; 32]);
    store.put_signed(LogName::Directory, 5, root(1), vec![]).await.unwrap();
    let back = store.put_signed(LogName::Directory, 4, root(1), vec![]).await;
    assert_eq!(back, Err(StoreError::Conflict("a larger log was signed")));
    let fork = store.put_signed(LogName::Directory, 5, root(2), vec![]).await;
    assert_eq!(fork, Err(StoreError::Conflict("another root was signed for this size")));
    store.put_signed(LogName::Directory, 6, root(2), vec![]).await.unwrap();
}

#[tokio::test]
async fn one_bad_request_does_not_spoil_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.put_signed(LogName::Messages, 9, Digest::new([1; 32]), vec![]).await.unwrap();
    let bad = {
        let s = store.clone();
        tokio::spawn(async move { s.put_signed(LogName::Messages, 1, Digest::new([1; 32]), vec![]).await })
    };
    let good = {
        let s = store.clone();
        tokio::spawn(async move { s.accept(message(1, &["MD/policy"], Precedence::Flash)).await })
    };
    assert!(matches!(bad.await.unwrap(), Err(StoreError::Conflict(_))));
    assert!(good.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_second_opener_is_refused_and_so_is_a_newer_database_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.sqlite");
    let store = RelayStore::open(&path).unwrap();
    assert!(matches!(RelayStore::open(&path), Err(StoreError::InUse(_))));
    store.close().await.unwrap();
    open(&dir).close().await.unwrap();
    let newer = dir.path().join("newer.sqlite");
    {
        let db = Connection::open(&newer).unwrap();
        db.execute_batch("CREATE TABLE x (y); PRAGMA application_id = 0x50636852; PRAGMA user_version = 99")
            .unwrap();
    }
    std::fs::set_permissions(&newer, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let before = std::fs::read(&newer).unwrap();
    assert_eq!(RelayStore::open(&newer).err(), Some(StoreError::Newer { found: 99, known: 1 }));
    assert_eq!(std::fs::read(&newer).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_payload_is_named_and_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let md: ContactPoint = "MD/policy".parse().unwrap();
    store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
    store.accept(message(2, &["MD/policy"], Precedence::Routine)).await.unwrap();
    store.0.call(|db| Ok(db.execute("UPDATE payload SET payload = x'00' WHERE idx = 0", [])?)).await.unwrap();
    let damaged = store.load(EnvelopeId(Digest::new([1; 32])), &md).await;
    assert!(matches!(damaged, Err(StoreError::Damaged(_))));
    assert!(store.load(EnvelopeId(Digest::new([2; 32])), &md).await.unwrap().is_some());
}

#[tokio::test]
async fn a_full_disk_accepts_nothing_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.0.call(|db| Ok(db.execute_batch("PRAGMA max_page_count = 40")?)).await.ok();
    let mut full = None;
    for n in 1..=200 {
        let big = NewMessage { payload: vec![n; 10_000], ..message(n, &["MD/policy"], Precedence::Routine) };
        if let Err(error) = store.accept(big).await {
            full = Some(error);
            break;
        }
    }
    assert_eq!(full, Some(StoreError::Full));
    store.0.call(|db| Ok(db.execute_batch("PRAGMA max_page_count = 100000")?)).await.ok();
    store.accept(message(250, &["MD/policy"], Precedence::Routine)).await.unwrap();
}
