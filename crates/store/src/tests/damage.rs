//! One damaged record is named, and the others are served.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use pouch_wire::{ContactPoint, Digest, EnvelopeId, Environment, Precedence, Timestamp};

use super::{agent, relay};
use crate::conformance::Engine as _;
use crate::conformance::relay::message;
use crate::contracts::{
    DirectoryLog as _, Drafts as _, Inbox as _, Ladder as _, Mailboxes as _, MessageLog as _, Outbox as _,
    StoredWhole as _, WitnessMemory as _,
};
use crate::db::Db;
use crate::rows::{NewRefusal, Outgoing};
use crate::{RelayStore, StoreError};

pub(super) fn id(n: u8) -> EnvelopeId {
    EnvelopeId(Digest::new([n; 32]))
}

pub(super) fn md() -> ContactPoint {
    "MD/policy".parse().unwrap()
}

pub(super) async fn spoil(store: &RelayStore, sql: &'static str) {
    assert_eq!(behind(&store.0, sql).await, 1);
}

/// Changes rows as a disk does: without a trigger that makes the checksum fit.
pub(super) async fn behind(db: &Db, sql: &'static str) -> usize {
    let change = move |db: &Connection| {
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let changed = db.execute(sql, [])?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        Ok(changed)
    };
    db.call(change).await.unwrap()
}

pub(super) async fn two_messages() -> RelayStore {
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
    behind(&store.0, "UPDATE outbox SET sealed = x'00'").await;
    behind(&store.0, "UPDATE inbox SET stored = x'00'").await;
    let sent = store.outgoing(id(1)).await.unwrap().unwrap();
    assert!(sent.damaged && sent.sealed.is_empty());
    let listed = store.inbox(false, 10).await.unwrap().remove(0);
    let came = store.arrival(listed.envelope).await.unwrap().unwrap();
    assert!(came.damaged && came.stored.is_empty());
}

#[tokio::test]
async fn a_damaged_stanza_is_neither_delivered_nor_expired_and_the_others_are() {
    let store = two_messages().await;
    spoil(&store, "UPDATE mailbox SET stanza = x'77' WHERE idx = 0").await;
    let waiting = store.pending(&md(), 10).await.unwrap();
    assert_eq!(waiting.into_iter().map(|row| row.envelope).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(store.load(id(1), &md()).await.err(), Some(StoreError::Damaged(format!("message {}", id(1)))));
    assert_eq!(store.damaged(), [format!("message {}", id(1))]);
    let gone = store.expire(Timestamp(9_999_999)).await.unwrap();
    assert_eq!(gone.into_iter().map(|gone| gone.envelope).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(store.load(id(1), &md()).await.err(), Some(StoreError::Damaged(format!("message {}", id(1)))));
}

#[tokio::test]
async fn a_time_that_was_damaged_lets_nothing_expire() {
    let store = two_messages().await;
    spoil(&store, "UPDATE payload SET not_after = 1 WHERE idx = 0").await;
    assert_eq!(store.expire(Timestamp(2)).await.unwrap(), []);
    assert_eq!(store.damaged(), [format!("message {}", id(1))]);
}

#[tokio::test]
async fn a_damaged_message_that_its_sender_brings_again_is_delivered_after_all() {
    for sql in [
        "UPDATE mailbox SET stanza = x'77' WHERE idx = 0",
        "UPDATE mailbox SET envelope = (SELECT envelope FROM payload WHERE idx = 1), recipient = 'MD/other' WHERE idx = 0",
        "UPDATE payload SET payload = x'77' WHERE idx = 0",
        "UPDATE payload SET sender = 'XX/technical' WHERE idx = 0",
        "UPDATE message_log SET header = x'77' WHERE idx = 0",
    ] {
        let store = two_messages().await;
        spoil(&store, sql).await;
        let again = store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
        assert_eq!((again.index, again.fresh), (0, true), "{sql}");
        let parcel = store.load(id(1), &md()).await.unwrap().unwrap();
        assert_eq!((parcel.stanza, parcel.payload), (vec![1, 1], vec![1; 100]), "{sql}");
        let usage = store.usage(&"NL/technical".parse().unwrap()).await.unwrap();
        assert_eq!((usage.bytes, usage.messages), (204, 2), "{sql}");
        let same = store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
        assert!(!same.fresh, "{sql}");
    }
}

#[tokio::test]
async fn what_a_witness_cosigned_is_not_guessed_when_it_is_damaged() {
    let store = two_messages().await;
    store.put_witness_state("log", None, 7, Digest::new([1; 32])).await.unwrap();
    spoil(&store, "UPDATE witness SET size = 1").await;
    let named = StoreError::Damaged("witness log".into());
    assert_eq!(store.witness_state("log").await, Err(named.clone()));
    assert_eq!(store.put_witness_state("log", Some(1), 2, Digest::new([2; 32])).await, Err(named));
}

#[tokio::test]
async fn a_change_of_another_column_does_not_make_a_damaged_row_good() {
    let store = agent().open().await;
    let to = vec![md()];
    let sequence = store.reserve(to.clone(), Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, sequence)).await.unwrap();
    behind(&store.0, "UPDATE outbox SET precedence = 3").await;
    store.put_own_proof(id(1), vec![1]).await.unwrap();
    assert_eq!(store.outgoing(id(1)).await.err(), Some(StoreError::Damaged(format!("message {}", id(1)))));
}

#[tokio::test]
async fn a_damaged_sequence_begins_a_new_epoch_and_takes_no_place_twice() {
    let store = agent().open().await;
    let first = store.reserve(vec![md()], Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, first.clone())).await.unwrap();
    behind(&store.0, "UPDATE sequence_out SET n = 0").await;
    let next = store.reserve(vec![md()], Environment::Live).await.unwrap();
    assert!(next[0].epoch > first[0].epoch, "{next:?}");
    store.enqueue(outgoing(2, next)).await.unwrap();
    assert_eq!(store.reserve(vec![md()], Environment::Live).await.unwrap()[0].n, 2);
}

fn outgoing(n: u8, sequence: Vec<crate::Sequence>) -> Outgoing {
    Outgoing {
        environment: Environment::Live,
        envelope: id(n),
        notice: Some(pouch_wire::NoticeId(Digest::new([n; 32]))),
        sealed: vec![n; 10],
        sequence,
        precedence: Precedence::Flash,
        created: Timestamp(1),
        not_after: Timestamp(2),
        concerns: None,
        secret: vec![n],
        wrapped: vec![n],
        keys: vec![pouch_wire::KeyId(Digest::new([n; 32]))],
        events: Vec::new(),
    }
}

/// Adds a hundred to every number, and a letter to every text, of one column.
fn other_value(column: &str) -> String {
    format!(
        "CASE typeof({column}) WHEN 'integer' THEN {column} + 100 WHEN 'text' THEN {column} || 'x'
        WHEN 'blob' THEN CAST({column} || x'00' AS BLOB) ELSE NULL END"
    )
}

/// Every column of every row of these tables, changed alone, is found and named; the columns in which nothing
/// was to be changed.
async fn every_change_is_found(db: &Db, tables: &'static [&'static str]) -> Vec<String> {
    let mut empty = Vec::new();
    for table in tables {
        let columns: Vec<String> = db
            .call(move |db| {
                let sql = format!(
                    "SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0 AND name <> 'row_sum'"
                );
                let mut statement = db.prepare(&sql)?;
                Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
            })
            .await
            .unwrap();
        for column in columns {
            let (to, back) = (other_value(&column), column.clone());
            let set = move |db: &Connection, value: &str| -> Result<usize, StoreError> {
                db.execute_batch("PRAGMA defer_foreign_keys = ON; PRAGMA ignore_check_constraints = ON")?;
                db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
                let sql = format!("UPDATE {table} SET {back} = {value} WHERE {back} IS NOT NULL");
                let changed = db.execute(&sql, [])?;
                db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
                Ok(changed)
            };
            let found = db
                .call(move |db| {
                    let changed = set(db, &to)?;
                    let fits = match *table {
                        "message_log" => "record_digest(header, signature) IS digest",
                        "payload" => "sha256(payload) IS digest",
                        _ => "1",
                    };
                    let sql = format!("SELECT count(*) FROM {table} WHERE NOT (whole AND {fits})");
                    let found: i64 = db.query_row(&sql, [], |row| row.get(0))?;
                    // Undone with the request.
                    Err::<(), _>(StoreError::Damaged(format!("{changed} {found}")))
                })
                .await;
            let Err(StoreError::Damaged(counts)) = found else { panic!("{found:?}") };
            let (changed, found) = counts.split_once(' ').unwrap();
            assert_eq!(changed, found, "{table}.{column}");
            if changed == "0" {
                empty.push(format!("{table}.{column}"));
            }
        }
    }
    empty
}

#[tokio::test]
async fn no_column_of_a_relays_messages_changes_unseen() {
    let store = two_messages().await;
    store.accept(super::classes::demoted(3)).await.unwrap();
    store.append_entries(vec![vec![1], vec![2]]).await.unwrap();
    store.put_witness_state("log", None, 7, Digest::new([1; 32])).await.unwrap();
    let tables = &["mailbox", "payload", "message_log", "directory_log", "usage", "witness", "epoch"];
    assert_eq!(every_change_is_found(&store.0, tables).await, [""; 0]);
}

#[tokio::test]
async fn no_column_of_a_nodes_messages_changes_unseen() {
    let store = agent().open().await;
    let sequence = store.reserve(vec![md()], Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, sequence)).await.unwrap();
    store.carried(id(1), ("relay-1", 1), vec![md()], Some(vec![1]), Timestamp(3)).await.unwrap();
    store
        .put_draft(crate::Draft {
            notice: pouch_wire::NoticeId(Digest::new([1; 32])),
            bytes: vec![1],
            created: Timestamp(1),
        })
        .await
        .unwrap();
    let tables = &["rung", "sequence_out", "epoch", "draft", "spoke", "carried"];
    assert_eq!(every_change_is_found(&store.0, tables).await, ["rung.detail"]);
    assert_eq!(store.ladder(id(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_scrub_names_what_is_damaged_and_nothing_else() {
    let engine = relay();
    let store = engine.open().await;
    for n in 1..=3 {
        store.accept(message(n, &["MD/policy"], Precedence::Routine)).await.unwrap();
    }
    assert_eq!(store.scrub().await.unwrap(), [""; 0]);
    spoil(&store, "UPDATE payload SET payload = x'00' WHERE idx = 1").await;
    assert_eq!(store.scrub().await.unwrap(), [format!("message {}", id(2))]);
    store.accept(message(2, &["MD/policy"], Precedence::Routine)).await.unwrap();
    assert_eq!(store.damaged(), [""; 0], "it is whole again");
    store.close().await.unwrap();
}
