//! A node's promises about couriers: what is handed to them is not delivered by that, and what they brought
//! takes a relay's promise once.

use pouch_wire::{Environment, Precedence, Timestamp};

use super::agent::{arrival, outgoing};
use super::{Engine, digest, id, point};
use crate::contracts::{Courier, Inbox, Ladder, Outbox};
use crate::rows::{Arrival, Handed, HandedRow, Outgoing, Rung, RungRow};

/// Who confirmed is not waited for, nor is what nobody may act on any more.
pub async fn what_is_undelivered_is_told_by_recipient_in_the_order_of_sending<E: Engine>(engine: &E)
where
    E::Store: Outbox + Ladder + Courier,
{
    let store = engine.open().await;
    let to = || vec![point("BA/policy"), point("MD/policy")];
    for n in [1, 2] {
        let place = store.reserve(to(), Environment::Live).await.unwrap();
        let message = outgoing(n, place, Precedence::Flash);
        store.enqueue(Outgoing { notice: message.notice.filter(|_| n == 1), ..message }).await.unwrap();
    }
    let confirmed =
        RungRow { recipient: point("BA/policy"), rung: Rung::Verified, at: Some(Timestamp(9)), detail: None };
    store.climb(id(1), confirmed).await.unwrap();
    store.carried(id(1), ("a", 1), to(), Some(vec![1]), Timestamp(6)).await.unwrap();
    let rows = store.undelivered(Timestamp(7)).await.unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.envelope, row.is_notice, row.recipient.clone(), row.rung, row.len))
        .collect();
    let expected = [
        (id(1), true, point("MD/policy"), Rung::Accepted, 10),
        (id(2), false, point("BA/policy"), Rung::Queued, 10),
        (id(2), false, point("MD/policy"), Rung::Queued, 10),
    ];
    assert_eq!(found, expected);
    assert_eq!(store.undelivered(Timestamp(10_000_000)).await.unwrap(), []);
}

/// That it was handed over is kept and moves nobody; a message that was confirmed goes on to a relay until one
/// has it.
pub async fn what_a_courier_has_is_not_delivered_and_still_goes_to_a_relay<E: Engine>(engine: &E)
where
    E::Store: Outbox + Ladder + Courier,
{
    let store = engine.open().await;
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, place, Precedence::Flash)).await.unwrap();
    let handed = |file: u8, at: u64, to: &str| Handed {
        file: digest(file),
        at: Timestamp(at),
        messages: vec![(id(1), point(to))],
    };
    store.hand_over(handed(1, 5, "MD/policy")).await.unwrap();
    store.hand_over(handed(2, 8, "MD/policy")).await.unwrap();
    store.hand_over(handed(2, 8, "EE/policy")).await.unwrap();
    let store = engine.restart(store).await;
    let last = HandedRow { recipient: point("MD/policy"), at: Timestamp(8) };
    assert_eq!(store.handed_over(id(1)).await.unwrap(), [last]);
    assert_eq!(store.ladder(id(1)).await.unwrap()[0].rung, Rung::Queued);
    let confirmed =
        RungRow { recipient: point("MD/policy"), rung: Rung::Verified, at: Some(Timestamp(9)), detail: None };
    store.climb(id(1), confirmed).await.unwrap();
    assert_eq!(store.uncarried("a", 1, Timestamp(10)).await.unwrap().len(), 1, "it is to be logged");
    store.carried(id(1), ("b", 1), vec![point("MD/policy")], Some(vec![1]), Timestamp(11)).await.unwrap();
    assert_eq!(store.uncarried("a", 1, Timestamp(12)).await.unwrap(), []);
    assert_eq!(store.ladder(id(1)).await.unwrap()[0].rung, Rung::Verified);
}

/// Whoever wrote the file may have been stopped before it could say so. What was refused goes nowhere.
pub async fn what_was_confirmed_before_any_relay_had_it_goes_to_one_whether_or_not_a_courier_is_known<
    E: Engine,
>(
    engine: &E,
) where
    E::Store: Outbox + Ladder,
{
    let store = engine.open().await;
    for n in 1..=3 {
        let place =
            store.reserve(vec![point("BA/policy"), point("MD/policy")], Environment::Live).await.unwrap();
        store.enqueue(outgoing(n, place, Precedence::Flash)).await.unwrap();
    }
    let said = |n: u8, who: &str, rung| {
        let (store, recipient) = (store.clone(), point(who));
        async move {
            let row = RungRow { recipient, rung, at: Some(Timestamp(9)), detail: None };
            store.climb(id(n), row).await.unwrap();
        }
    };
    said(1, "BA/policy", Rung::Acknowledged).await;
    said(1, "MD/policy", Rung::Verified).await;
    for who in ["BA/policy", "MD/policy"] {
        said(2, who, Rung::Refused).await;
        said(3, who, Rung::Verified).await;
    }
    // A relay that had it before its recipients did: it is logged.
    store.carried(id(3), ("b", 1), vec![point("MD/policy")], Some(vec![1]), Timestamp(6)).await.unwrap();
    let store = engine.restart(store).await;
    let rows = store.uncarried("a", 1, Timestamp(10)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.envelope).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(rows[0].waiting, [point("BA/policy"), point("MD/policy")]);
    // One relay's refusal is no reason to end; one relay's receipt is.
    store.carried(id(1), ("b", 1), vec![point("MD/policy")], None, Timestamp(11)).await.unwrap();
    assert_eq!(store.uncarried("b", 1, Timestamp(12)).await.unwrap(), []);
    assert_eq!(store.uncarried("a", 1, Timestamp(12)).await.unwrap().len(), 1);
    store.carried(id(1), ("c", 1), vec![point("MD/policy")], Some(vec![1]), Timestamp(13)).await.unwrap();
    assert_eq!(store.uncarried("a", 1, Timestamp(14)).await.unwrap(), []);
    assert_eq!(store.uncarried("a", 1, Timestamp(10_000_000)).await.unwrap(), []);
}

/// The promise comes once, and only to what a courier brought.
pub async fn what_a_courier_brought_takes_a_relay_s_promise_once<E: Engine>(engine: &E)
where
    E::Store: Inbox + Courier,
{
    let store = engine.open().await;
    assert_eq!(store.newest_of(&point("MD/policy")).await.unwrap(), None);
    let carried = Arrival { log: None, courier_at: Some(Timestamp(7)), ..arrival(2, None) };
    store.take_in(arrival(1, None)).await.unwrap();
    store.take_in(carried).await.unwrap();
    assert_eq!(store.newest_of(&point("MD/policy")).await.unwrap(), Some(vec![2; 20]));
    let promise = |n: u8, with: u8| {
        let store = store.clone();
        async move { store.promised_since(id(n), vec![with; 21], ("relay".to_owned(), 4)).await.unwrap() }
    };
    assert!(!promise(1, 9).await, "it came with one");
    assert!(!promise(3, 9).await, "it never came");
    assert!(promise(2, 9).await);
    assert!(!promise(2, 8).await, "there is one already");
    let store = engine.restart(store).await;
    let row = store.arrival(id(2)).await.unwrap().unwrap();
    assert_eq!((row.stored, row.damaged), (vec![9; 21], false));
    assert_eq!((row.log, row.courier_at), (Some(("relay".to_owned(), 4)), Some(Timestamp(7))));
    assert_eq!(row.arrived_at, Timestamp(2), "the two times are each what they were given as");
    assert_eq!(store.arrival(id(1)).await.unwrap().unwrap().courier_at, None);
}
