//! A node's promises about keys that spoke and notices that are judged again.

use pouch_wire::{Environment, KeyId, Precedence};

use super::agent::{AgentContracts, arrival, notice, outgoing, told};
use super::{Engine, digest, id, point};
use crate::contracts::{Inbox as _, Outbox as _, Rejudging as _};
use crate::rows::{Arrival, Outgoing, Rejudged, RejudgedRow, Unkeyed, Was};

fn key(n: u8) -> KeyId {
    KeyId(digest(n))
}

/// A notice is found by each key that spoke in it, and by nobody else's.
pub async fn a_notice_is_found_by_the_keys_that_spoke_in_it<E: Engine>(engine: &E)
where
    E::Store: AgentContracts,
{
    let store = engine.open().await;
    let came = |n: u8, keys: Vec<KeyId>| Arrival { keys, ..arrival(n, None) };
    store.take_in(came(1, vec![key(7), key(8)])).await.unwrap();
    store.take_in(came(2, vec![key(7)])).await.unwrap();
    store.take_in(Arrival { sender: point("MDX/policy"), ..came(3, vec![key(9)]) }).await.unwrap();
    let place = store.reserve(vec![point("BA/policy")], Environment::Live).await.unwrap();
    let ours = Outgoing {
        keys: vec![key(8)],
        concerns: Some(notice(2)),
        ..outgoing(50, place, Precedence::Routine)
    };
    store.enqueue(ours).await.unwrap();
    assert_eq!(store.received_by_key(key(7)).await.unwrap(), [id(1), id(2)]);
    assert_eq!(store.received_by_key(key(8)).await.unwrap(), [id(1)], "ours did not come");
    assert_eq!(store.sent_by_key(key(8)).await.unwrap(), [id(50)], "theirs was not sent");
    assert_eq!(store.received_by_key(key(1)).await.unwrap(), []);
    assert_eq!(store.received_from(&"MD".parse().unwrap()).await.unwrap(), [id(1), id(2)]);
    assert_eq!(store.sent_about(notice(2)).await.unwrap(), [id(50)]);
    assert_eq!(store.sent_about(notice(1)).await.unwrap(), []);
    assert_eq!(store.unkeyed(9).await.unwrap(), []);
    store.take_in(came(4, Vec::new())).await.unwrap();
    assert_eq!(store.unkeyed(9).await.unwrap(), [Unkeyed { envelope: id(4), sent: false }]);
    store.put_keys(id(4), vec![key(7)]).await.unwrap();
    assert_eq!(store.unkeyed(9).await.unwrap(), []);
    assert_eq!(store.received_by_key(key(7)).await.unwrap(), [id(1), id(2), id(4)]);
}

/// How far it went, what came of it and what is told stand together, also after a restart; nothing is
/// told twice, and it never goes back.
pub async fn what_was_judged_again_is_kept_and_told_once<E: Engine>(engine: &E)
where
    E::Store: AgentContracts,
{
    let store = engine.open().await;
    for n in [1, 2, 3] {
        store.take_in(arrival(n, None)).await.unwrap();
    }
    assert_eq!(store.rejudged_until().await.unwrap(), 0);
    let first =
        Rejudged { entry: 9, judged: vec![(id(1), Was::After)], done_until: None, events: Vec::new() };
    assert_eq!(store.put_rejudged(first).await.unwrap(), Vec::<u64>::new());
    let store = engine.restart(store).await;
    assert_eq!(store.rejudged_until().await.unwrap(), 0, "half of it is not done");
    let rest = Rejudged {
        entry: 9,
        judged: vec![(id(1), Was::Before), (id(2), Was::Unclear)],
        done_until: Some(10),
        events: vec![told("judged again")],
    };
    assert_eq!(store.put_rejudged(rest.clone()).await.unwrap().len(), 1);
    let store = engine.restart(store).await;
    assert_eq!(store.rejudged_until().await.unwrap(), 10);
    let row = |n, entry, was| RejudgedRow { envelope: id(n), entry, was };
    let found = store.rejudged(10).await.unwrap();
    assert_eq!(found, [row(1, 9, Was::After), row(2, 9, Was::Unclear)], "the first judgment stands");
    let newer =
        Rejudged { entry: 12, judged: vec![(id(2), Was::After)], done_until: Some(13), events: Vec::new() };
    store.put_rejudged(newer).await.unwrap();
    assert_eq!(store.rejudged(10).await.unwrap().first(), Some(&row(2, 12, Was::After)), "the newest first");
    let back = store.put_rejudged(rest).await;
    assert!(matches!(back, Err(crate::StoreError::Conflict(_))), "{back:?}");
    assert_eq!(store.rejudged_until().await.unwrap(), 13);
}
