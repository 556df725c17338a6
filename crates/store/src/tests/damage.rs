//! One damaged record is named, and the others are served.

use pouch_wire::{ContactPoint, Digest, EnvelopeId, Environment, Precedence, Timestamp};

use super::{agent, relay};
use crate::conformance::Engine as _;
use crate::conformance::relay::message;
use crate::contracts::{DirectoryLog as _, Inbox as _, Mailboxes as _, MessageLog as _, Outbox as _};
use crate::rows::{NewRefusal, Outgoing};
use crate::{RelayStore, StoreError};

fn id(n: u8) -> EnvelopeId {
    EnvelopeId(Digest::new([n; 32]))
}

fn md() -> ContactPoint {
    "MD/policy".parse().unwrap()
}

async fn spoil(store: &RelayStore, sql: &'static str) {
    let changed = store.0.call(move |db| Ok(db.execute(sql, [])?)).await.unwrap();
    assert_eq!(changed, 1);
}

async fn two_messages() -> RelayStore {
    let store = relay().open().await;
    store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
    store.accept(message(2, &["MD/policy"], Precedence::Routine)).await.unwrap();
    store
}

#[tokio::test]
async fn a_damaged_payload_is_named_and_others_are_served() {
    let store = two_messages().await;
    spoil(&store, "UPDATE payload SET payload = x'00' WHERE idx = 0").await;
    assert_eq!(store.load(id(1), &md()).await.err(), Some(StoreError::Damaged(format!("message {}", id(1)))));
    assert!(store.load(id(2), &md()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_signature_record_is_named() {
    let store = two_messages().await;
    spoil(&store, "UPDATE message_log SET header = x'77' WHERE idx = 1").await;
    let named = Some(StoreError::Damaged("signature record 1".into()));
    assert_eq!(store.signature_records(0, 10).await.err(), named);
    assert_eq!(store.signature_records(0, 1).await.unwrap().len(), 1);
    assert!(matches!(store.load(id(2), &md()).await, Err(StoreError::Damaged(_))));
}

#[tokio::test]
async fn a_hole_in_a_log_is_named_and_never_closed() {
    let store = two_messages().await;
    spoil(&store, "DELETE FROM message_log WHERE idx = 0").await;
    assert_eq!(store.leaves(0, 10).await.err(), Some(StoreError::Damaged("log entry 0".into())));
    assert_eq!(store.leaf_count().await.unwrap(), 2);
    store.append_entries(vec![vec![0], vec![1], vec![2]]).await.unwrap();
    spoil(&store, "DELETE FROM directory_log WHERE idx = 1").await;
    assert_eq!(store.entries(0, 10).await.err(), Some(StoreError::Damaged("log entry 1".into())));
}

#[tokio::test]
async fn a_mailbox_row_that_names_nobody_is_left_out() {
    let store = two_messages().await;
    spoil(&store, "UPDATE mailbox SET sender = '?' WHERE idx = 0").await;
    let waiting = store.pending(&md(), 10).await.unwrap();
    assert_eq!(waiting.into_iter().map(|row| row.envelope).collect::<Vec<_>>(), [id(2)]);
}

#[tokio::test]
async fn damaged_messages_of_a_node_are_marked_and_nothing_of_them_is_left() {
    let store = agent().open().await;
    let sequence = store.reserve(vec![md()], Environment::Live).await.unwrap();
    let outgoing = Outgoing {
        environment: Environment::Live,
        envelope: id(1),
        notice: None,
        sealed: vec![1; 10],
        sequence,
        precedence: Precedence::Flash,
        created: Timestamp(1),
        not_after: Timestamp(2),
        concerns: None,
        secret: Vec::new(),
        wrapped: vec![1],
        keys: Vec::new(),
        events: Vec::new(),
    };
    store.enqueue(outgoing).await.unwrap();
    let refusal = NewRefusal {
        envelope: id(2),
        sender: md(),
        precedence: Precedence::Flash,
        created: Timestamp(1),
        arrived_at: Timestamp(1),
        verdict: String::new(),
        stored: vec![2; 10],
        receipt: None,
        equivocation: None,
        events: Vec::new(),
    };
    store.refuse_in(refusal).await.unwrap();
    let sql = "UPDATE outbox SET sealed = x'00'; UPDATE inbox SET stored = x'00'";
    store.0.call(move |db| Ok(db.execute_batch(sql)?)).await.unwrap();
    let sent = store.outgoing(id(1)).await.unwrap().unwrap();
    assert!(sent.damaged && sent.sealed.is_empty());
    let listed = store.inbox(false, 10).await.unwrap().remove(0);
    let came = store.arrival(listed.envelope).await.unwrap().unwrap();
    assert!(came.damaged && came.stored.is_empty());
}
