//! A node's promises about what others say of the directory's log.

use pouch_wire::Timestamp;

use super::{Engine, digest, point};
use crate::contracts::{EventLog, Gossip, Promises};
use crate::rows::{CitedRow, NewContradiction, NewEvent, PromiseRow};

fn told(words: &str) -> NewEvent {
    NewEvent {
        at: Timestamp(1),
        code: String::new(),
        words: words.into(),
        alarm: true,
        detail: String::new(),
    }
}

fn cited(office: &str, size: u64) -> CitedRow {
    let root = digest(u8::try_from(size).unwrap());
    CitedRow { office: point(office), size, root, signed: vec![7; 9], at: Timestamp(size) }
}

fn contradiction(office: &str, size: u64) -> NewContradiction {
    let (cited, ours) = (cited(office, size), digest(200));
    NewContradiction { cited, ours, note: vec![9], agreed: 4, events: vec![told("another past")] }
}

/// All of them.
pub async fn all<E: Engine>(fresh: &impl Fn() -> E)
where
    E::Store: Gossip + Promises + EventLog,
{
    the_newest_that_an_office_cites_waits_until_it_is_compared(&fresh()).await;
    a_contradiction_stays_with_what_proves_it(&fresh()).await;
    a_promise_is_kept_or_remembered_as_broken(&fresh()).await;
}

/// One row of each office, the newest, also after a restart.
pub async fn the_newest_that_an_office_cites_waits_until_it_is_compared<E: Engine>(engine: &E)
where
    E::Store: Gossip,
{
    let store = engine.open().await;
    for size in [8, 12, 9] {
        store.put_cited(cited("MD/policy", size)).await.unwrap();
    }
    store.put_cited(cited("BA/technical", 7)).await.unwrap();
    let store = engine.restart(store).await;
    assert_eq!(store.cited().await.unwrap(), [cited("BA/technical", 7), cited("MD/policy", 12)]);
    store.forget_cited(&point("MD/policy"), 11).await.unwrap();
    store.forget_cited(&point("BA/technical"), 7).await.unwrap();
    assert_eq!(store.cited().await.unwrap(), [cited("MD/policy", 12)]);
    // No quorum can have seen it: it waits no more, and the most that was cited so is known after a restart.
    for size in [12, 9] {
        store.put_refuted(&point("MD/policy"), size).await.unwrap();
    }
    let store = engine.restart(store).await;
    assert_eq!(store.cited().await.unwrap(), []);
    assert_eq!(store.refuted().await.unwrap(), [(point("MD/policy"), 12)]);
    store.forget_refuted(&point("MD/policy")).await.unwrap();
    assert_eq!(store.refuted().await.unwrap(), []);
}

/// With its alarm, for ever; settled or standing; and no office fills the disk.
pub async fn a_contradiction_stays_with_what_proves_it<E: Engine>(engine: &E)
where
    E::Store: Gossip + EventLog,
{
    let store = engine.open().await;
    assert_eq!(store.put_contradiction(contradiction("MD/policy", 5)).await.unwrap(), [1]);
    store.put_contradiction(contradiction("BA/technical", 6)).await.unwrap();
    store.settle_contradiction(&point("MD/policy"), Timestamp(9), told("it agrees now")).await.unwrap();
    let store = engine.restart(store).await;
    let rows = store.contradictions().await.unwrap();
    assert_eq!((rows[0].cited.clone(), rows[0].settled_at), (cited("MD/policy", 5), Some(Timestamp(9))));
    assert_eq!((rows[1].cited.clone(), rows[1].settled_at), (cited("BA/technical", 6), None));
    assert_eq!((rows[0].ours, rows[0].note.clone(), rows[0].agreed), (digest(200), vec![9], 4));
    assert_eq!(store.newest_alarms(10).await.unwrap().len(), 3);
    for size in 10..60 {
        store.put_contradiction(contradiction("MD/policy", size)).await.unwrap();
    }
    store.settle_contradiction(&point("MD/policy"), Timestamp(9), told("it agrees now")).await.unwrap();
    store.put_contradiction(contradiction("MD/policy", 61)).await.unwrap();
    let rows = store.contradictions().await.unwrap();
    assert_eq!(rows.len(), 17, "sixteen of one office and one of the other");
    assert_eq!(rows.iter().filter(|row| row.settled_at.is_none()).count(), 2, "it stands again");
}

/// A broken one stays, and is told of once.
pub async fn a_promise_is_kept_or_remembered_as_broken<E: Engine>(engine: &E)
where
    E::Store: Promises + EventLog,
{
    let promise = |index: u64, n: u8| PromiseRow {
        index,
        relay: "relay-1".into(),
        statement: vec![n; 9],
        at: Timestamp(5),
        broken_at: None,
    };
    let store = engine.open().await;
    for row in [promise(4, 1), promise(4, 2), promise(5, 3), promise(5, 3)] {
        store.put_promise(row).await.unwrap();
    }
    let store = engine.restart(store).await;
    assert_eq!(store.promises().await.unwrap(), [promise(4, 1), promise(4, 2), promise(5, 3)]);
    store.keep_promise(&promise(4, 1)).await.unwrap();
    assert_eq!(store.break_promise(&promise(4, 2), Timestamp(8), told("broken")).await.unwrap(), [1]);
    assert!(store.break_promise(&promise(4, 2), Timestamp(9), told("broken")).await.unwrap().is_empty());
    let broken = PromiseRow { broken_at: Some(Timestamp(8)), ..promise(4, 2) };
    assert_eq!(store.promises().await.unwrap(), [broken.clone(), promise(5, 3)]);
    // Kept late, it was broken all the same.
    store.keep_promise(&promise(4, 2)).await.unwrap();
    assert_eq!(store.promises().await.unwrap(), [promise(5, 3)]);
    assert_eq!(store.broken_promises().await.unwrap(), [broken]);
    assert_eq!(store.newest_alarms(10).await.unwrap().len(), 1);
}
