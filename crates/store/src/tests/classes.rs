//! What a message is carried as, and what its sender has stored, holds beside damage and lost messages.

use rusqlite::params;

use pouch_envelope::Demotion;
use pouch_wire::{Precedence, Timestamp};

use super::damage::{behind, id, md, spoil, two_messages};
use super::relay;
use crate::StoreError;
use crate::conformance::Engine as _;
use crate::conformance::relay::message;
use crate::contracts::{Mailboxes as _, MessageLog as _, StoredWhole as _};
use crate::db::{Db, Kind};
use crate::relay::KIND;
use crate::rows::{LostLeaf, NewMessage};

/// A flash that is carried as a priority message.
pub(super) fn demoted(n: u8) -> NewMessage {
    let demotion = Some(Demotion { to: Precedence::Priority, sent: 21, within_s: 60 });
    NewMessage { demotion, ..message(n, &["MD/policy"], Precedence::Flash) }
}

#[tokio::test]
async fn a_demoted_message_that_was_damaged_comes_back_in_its_class_with_its_first_receipt() {
    for sql in [
        "UPDATE payload SET payload = x'77' WHERE idx = 0",
        "UPDATE mailbox SET precedence = 0 WHERE idx = 0",
        "UPDATE message_log SET signature = zeroblob(64) WHERE idx = 0",
    ] {
        let engine = relay();
        let store = engine.open().await;
        let first = store.accept(demoted(1)).await.unwrap();
        spoil(&store, sql).await;
        // Meanwhile its sender marks few as flash: it would not be demoted now.
        let again = store.accept(NewMessage { demotion: None, ..demoted(1) }).await.unwrap();
        assert_eq!((again.fresh, again.demotion), (true, first.demotion), "{sql}");
        let waiting = store.pending(&md(), 10).await.unwrap();
        assert_eq!(waiting.iter().map(|row| row.precedence).collect::<Vec<_>>(), [Precedence::Priority]);
        assert_eq!(store.load(id(1), &md()).await.unwrap().unwrap().demotion, first.demotion, "{sql}");
        assert_eq!(store.scrub().await.unwrap(), [""; 0], "{sql}");
    }
}

#[tokio::test]
async fn a_damaged_demotion_is_neither_served_nor_said_in_a_receipt() {
    let store = relay().open().await;
    store.accept(demoted(1)).await.unwrap();
    spoil(&store, "UPDATE message_log SET demotion = NULL").await;
    assert_eq!(store.load(id(1), &md()).await.err(), Some(StoreError::Damaged(format!("message {}", id(1)))));
    let again = store.accept(demoted(1)).await;
    assert_eq!(again.err(), Some(StoreError::Damaged("log entry 0".into())));
}

#[tokio::test]
async fn a_lost_message_that_is_brought_again_is_carried_as_its_new_receipt_says() {
    let engine = relay();
    let store = engine.open().await;
    let brought = demoted(1);
    let lost = LostLeaf { envelope: brought.envelope, accepted_at: Timestamp(7), leaf: brought.leaf.clone() };
    store.put_lost_leaves(0, vec![lost]).await.unwrap();
    let again = store.accept(brought.clone()).await.unwrap();
    assert_eq!((again.index, again.accepted_at, again.fresh), (0, Timestamp(7), true));
    assert_eq!(again.demotion, brought.demotion);
    assert_eq!(store.load(id(1), &md()).await.unwrap().unwrap().demotion, brought.demotion);
    let same = store.accept(NewMessage { demotion: None, ..brought.clone() }).await.unwrap();
    assert_eq!((same.fresh, same.demotion), (false, brought.demotion), "the first answer again");
    assert_eq!(store.scrub().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_damaged_count_of_one_office_is_counted_again_for_all_of_its_member() {
    let store = two_messages().await;
    let policy = NewMessage { sender: "NL/policy".parse().unwrap(), ..demoted(3) };
    store.accept(policy.clone()).await.unwrap();
    spoil(&store, "UPDATE usage SET bytes = 0 WHERE sender = 'NL/technical'").await;
    let burden = store.burden(id(9), &policy.sender).await.unwrap();
    assert_eq!((burden.office.bytes, burden.office.messages), (102, 1));
    assert_eq!((burden.member.bytes, burden.member.messages), (306, 3));
}

#[tokio::test]
async fn new_columns_come_under_the_checksum_and_old_damage_stays_damage() {
    let engine = relay();
    // As it was when rows had checksums, and no message a class of its own.
    let older = Kind { migrations: &KIND.migrations[..3], ..KIND };
    let db = Db::open(&engine.path(), &older).unwrap();
    for n in 1..=2 {
        let old = message(n, &["MD/policy"], Precedence::Routine);
        db.call(move |db| {
            let digest = crate::relay::record_digest(&old.header, &old.signature);
            let (index, envelope) = (i64::from(n) - 1, old.envelope);
            db.execute(
                "INSERT INTO message_log (idx, envelope, leaf, header, signature, accepted_at, digest)
                 VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)",
                params![index, envelope.as_bytes(), old.leaf, old.header, old.signature, digest.as_bytes()],
            )?;
            let digest = pouch_crypto::sha256(&old.payload);
            db.execute(
                "INSERT INTO payload (envelope, sender, precedence, idx, not_after, len, digest, payload)
                 VALUES (?1, 'NL/technical', 3, ?2, 1000, 100, ?3, ?4)",
                params![envelope.as_bytes(), index, digest.as_bytes(), old.payload],
            )?;
            db.execute(
                "INSERT INTO mailbox (recipient, precedence, sender, idx, envelope, stanza)
                 VALUES ('MD/policy', 3, 'NL/technical', ?1, ?2, ?3)",
                params![index, envelope.as_bytes(), old.stanzas[0].1],
            )?;
            Ok(())
        })
        .await
        .unwrap();
    }
    assert_eq!(behind(&db, "UPDATE payload SET not_after = 1 WHERE idx = 0").await, 1);
    db.close().await.unwrap();
    let store = engine.open().await;
    assert_eq!(store.scrub().await.unwrap(), [format!("message {}", id(1))]);
    assert_eq!(store.load(id(2), &md()).await.unwrap().unwrap().payload, vec![2; 100]);
    spoil(&store, "UPDATE payload SET stanzas = 7 WHERE idx = 1").await;
    assert_eq!(store.load(id(2), &md()).await.err(), Some(StoreError::Damaged(format!("message {}", id(2)))));
    store.accept(message(2, &["MD/policy"], Precedence::Routine)).await.unwrap();
    assert!(store.load(id(2), &md()).await.unwrap().is_some());
    store.close().await.unwrap();
}
