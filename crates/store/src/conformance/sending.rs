//! A node's promises about what it sends: places, the ladder of receipts, and what is announced.

use pouch_wire::{EnvelopeId, Environment, NoticeId, Precedence, Timestamp};

use super::agent::{arrival, notice, outgoing};
use super::{Engine, digest, id, point};
use crate::contracts::{Drafts, Inbox, Ladder, Outbox, Watching};
use crate::error::StoreError;
use crate::rows::{Arrival, Draft, Outgoing, Rung, RungRow};

/// Reserving takes nothing; whoever stores first has the place, and a new epoch begins at 1.
pub async fn a_place_in_the_sequence_is_taken_once<E: Engine>(engine: &E)
where
    E::Store: Outbox,
{
    let store = engine.open().await;
    let to = || vec![point("MD/policy"), point("BA/policy")];
    let first = store.reserve(to(), Environment::Live).await.unwrap();
    assert_eq!(first, store.reserve(to(), Environment::Live).await.unwrap());
    assert_eq!((first[0].epoch, first[0].n, first[0].previous), (1, 1, EnvelopeId(digest(0))));
    store.enqueue(outgoing(1, first.clone(), Precedence::Routine)).await.unwrap();
    let late = store.enqueue(outgoing(2, first, Precedence::Routine)).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert!(store.outgoing(id(2)).await.unwrap().is_none(), "all or nothing");
    let next = store.reserve(to(), Environment::Live).await.unwrap();
    assert_eq!((next[1].n, next[1].previous), (2, id(1)));
    assert_eq!(store.raise_epoch(77).await.unwrap(), 77);
    assert_eq!(store.raise_epoch(5).await.unwrap(), 78);
    let anew = store.reserve(to(), Environment::Live).await.unwrap();
    assert_eq!((anew[0].epoch, anew[0].n, anew[0].previous), (78, 1, EnvelopeId(digest(0))));
}

/// The draft goes in the same step, and a second release of it is refused.
pub async fn no_notice_is_sent_twice<E: Engine>(engine: &E)
where
    E::Store: Outbox + Drafts,
{
    let store = engine.open().await;
    store.put_draft(Draft { notice: notice(1), bytes: vec![1], created: Timestamp(1) }).await.unwrap();
    store.put_draft(Draft { notice: notice(2), bytes: vec![2], created: Timestamp(2) }).await.unwrap();
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, place, Precedence::Routine)).await.unwrap();
    let left: Vec<NoticeId> = store.drafts().await.unwrap().into_iter().map(|draft| draft.notice).collect();
    assert_eq!(left, [notice(2)]);
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    let again = Outgoing { envelope: id(9), ..outgoing(1, place, Precedence::Routine) };
    let refused = store.enqueue(again).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(
        store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap()[0].n,
        2,
        "nor is a place lost"
    );
    // Receipts have no notice, and there may be many.
    for n in [11, 12] {
        let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
        let receipt = Outgoing { notice: None, ..outgoing(n, place, Precedence::Routine) };
        store.enqueue(receipt).await.unwrap();
    }
    assert_eq!(store.outbox(10).await.unwrap().len(), 1);
    store.delete_draft(notice(2)).await.unwrap();
    assert_eq!(store.draft(notice(2)).await.unwrap(), None);
}

/// What a relay answered is not for it any more; what expired is for nobody.
pub async fn the_urgent_are_carried_first_until_a_relay_answered<E: Engine>(engine: &E)
where
    E::Store: Outbox,
{
    let store = engine.open().await;
    for (n, precedence) in [(1, Precedence::Routine), (2, Precedence::Flash), (3, Precedence::Routine)] {
        let place =
            store.reserve(vec![point("MD/policy"), point("BA/policy")], Environment::Live).await.unwrap();
        store.enqueue(outgoing(n, place, precedence)).await.unwrap();
    }
    assert_eq!(store.queued_count().await.unwrap(), 3);
    let ids = |relay: &'static str, now| {
        let store = store.clone();
        async move {
            let rows = store.uncarried(relay, 1, Timestamp(now)).await.unwrap();
            rows.into_iter().map(|row| row.envelope).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids("a", 5).await, [id(2), id(1), id(3)]);
    let everyone = vec![point("BA/policy"), point("MD/policy")];
    assert_eq!(store.uncarried("a", 1, Timestamp(5)).await.unwrap()[0].waiting, everyone);
    store.carried(id(2), ("a", 1), everyone, Some(vec![1]), Timestamp(6)).await.unwrap();
    store.carried(id(1), ("a", 1), Vec::new(), None, Timestamp(6)).await.unwrap();
    assert_eq!(ids("a", 7).await, [id(3)]);
    assert_eq!(ids("b", 7).await, [id(2), id(1), id(3)], "the other relay is asked still");
    assert_eq!(ids("b", 10_000_000).await, [], "nobody may act on it any more");
    assert_eq!(store.queued_count().await.unwrap(), 2);
}

/// A receipt counts for those it was asked for; a refusal never takes a receipt away.
pub async fn a_relay_speaks_only_for_the_recipients_that_it_holds_it_for<E: Engine>(engine: &E)
where
    E::Store: Outbox + Ladder,
{
    let store = engine.open().await;
    let place = store.reserve(vec![point("BA/policy"), point("MD/policy")], Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, place, Precedence::Routine)).await.unwrap();
    store.carried(id(1), ("a", 1), vec![point("MD/policy")], Some(vec![7]), Timestamp(6)).await.unwrap();
    store.carried(id(1), ("a", 1), vec![point("MD/policy")], None, Timestamp(7)).await.unwrap();
    let rungs: Vec<Rung> = store.ladder(id(1)).await.unwrap().into_iter().map(|row| row.rung).collect();
    assert_eq!(rungs, [Rung::Queued, Rung::Accepted]);
    let said = store.carriages(id(1)).await.unwrap();
    assert_eq!((said.len(), said[0].receipt.clone()), (1, Some(vec![7])));
}

/// Only forward; a confirmation outweighs a refusal; strangers change nothing.
pub async fn nobody_goes_back_on_the_ladder<E: Engine>(engine: &E)
where
    E::Store: Outbox + Ladder,
{
    let store = engine.open().await;
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, place, Precedence::Routine)).await.unwrap();
    let row = |who: &str, rung| RungRow { recipient: point(who), rung, at: Some(Timestamp(9)), detail: None };
    let rung = || async { store.ladder(id(1)).await.unwrap()[0].rung };
    store.climb(id(1), row("EE/policy", Rung::Acknowledged)).await.unwrap();
    store.climb(id(2), row("MD/policy", Rung::Acknowledged)).await.unwrap();
    assert_eq!(rung().await, Rung::Queued);
    store.climb(id(1), row("MD/policy", Rung::Refused)).await.unwrap();
    assert_eq!(rung().await, Rung::Refused);
    store.climb(id(1), row("MD/policy", Rung::Acknowledged)).await.unwrap();
    store.climb(id(1), row("MD/policy", Rung::Verified)).await.unwrap();
    store.climb(id(1), row("MD/policy", Rung::Refused)).await.unwrap();
    assert_eq!(rung().await, Rung::Acknowledged);
    assert_eq!(store.steps(id(1)).await.unwrap().len(), 4, "every step that was told is kept");
}

/// Late for its precedence, until the recipient confirms.
pub async fn silence_is_told_when_it_is_too_long<E: Engine>(engine: &E)
where
    E::Store: Outbox + Ladder,
{
    let store = engine.open().await;
    for (n, precedence) in [(1, Precedence::Flash), (2, Precedence::Routine)] {
        let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
        store.enqueue(outgoing(n, place, precedence)).await.unwrap();
    }
    assert_eq!(store.overdue(Timestamp(60_000)).await.unwrap(), []);
    let late = store.overdue(Timestamp(60_001)).await.unwrap();
    assert_eq!((late.len(), late[0].envelope, late[0].due), (1, id(1), Timestamp(60_001)));
    let confirmed = RungRow { recipient: point("MD/policy"), rung: Rung::Verified, at: None, detail: None };
    store.climb(id(1), confirmed).await.unwrap();
    assert_eq!(store.overdue(Timestamp(60_001)).await.unwrap(), []);
}

/// What waits here is not announced, nor what expired without a word; what is confirmed is, for ever.
pub async fn only_what_a_relay_has_and_may_still_come_is_announced<E: Engine>(engine: &E)
where
    E::Store: Outbox + Ladder + Inbox + Watching,
{
    let store = engine.open().await;
    let (md, ba) = (point("MD/policy"), point("BA/policy"));
    let newest = |now| {
        let (store, md) = (store.clone(), md.clone());
        async move { store.announced(vec![md], Timestamp(now)).await.unwrap()[0].newest }
    };
    let row = |rung| RungRow { recipient: point("MD/policy"), rung, at: None, detail: None };
    for n in 1..=4 {
        let place = store.reserve(vec![ba.clone(), md.clone()], Environment::Live).await.unwrap();
        store.enqueue(outgoing(n, place, Precedence::Routine)).await.unwrap();
    }
    assert_eq!(newest(5).await, None, "nothing is at a relay");
    store.carried(id(1), ("a", 1), vec![md.clone()], Some(vec![1]), Timestamp(5)).await.unwrap();
    assert_eq!(newest(5).await, Some((1, 1, id(1))));
    // A later one overtook; and a relay's refusal is no arrival.
    store.carried(id(3), ("a", 1), vec![md.clone()], Some(vec![1]), Timestamp(5)).await.unwrap();
    store.carried(id(4), ("a", 1), vec![md.clone()], None, Timestamp(5)).await.unwrap();
    store.climb(id(4), row(Rung::Refused)).await.unwrap();
    assert_eq!(newest(5).await, Some((1, 3, id(3))));
    let both = store.announced(vec![ba.clone(), md.clone()], Timestamp(5)).await.unwrap();
    assert_eq!(both[0], crate::rows::Announced { recipient: ba, newest: None });
    assert_eq!(newest(10_000_000).await, None, "whether it came before it expired nobody knows");
    // A receipt of the recipient says that it came.
    let confirmed = Arrival { progress: Some((id(3), row(Rung::Verified))), ..arrival(50, None) };
    store.take_in(confirmed).await.unwrap();
    assert_eq!(newest(10_000_000).await, Some((1, 3, id(3))));
    // So does its refusal.
    let refused = Arrival { progress: Some((id(4), row(Rung::Refused))), ..arrival(51, None) };
    store.take_in(refused).await.unwrap();
    assert_eq!(newest(10_000_000).await, Some((1, 4, id(4))));
    // A relay in a new epoch that refuses what it had a receipt for is not asked again, and its receipt stays.
    let asked = |epoch| store.uncarried("a", epoch, Timestamp(5));
    assert!(asked(2).await.unwrap().iter().any(|row| row.envelope == id(1)), "it may have lost it");
    store.carried(id(1), ("a", 2), vec![md.clone()], None, Timestamp(6)).await.unwrap();
    assert!(asked(2).await.unwrap().iter().all(|row| row.envelope != id(1)));
    let said = store.carriages(id(1)).await.unwrap();
    assert_eq!((said.len(), said[0].receipt.clone(), said[0].at), (1, Some(vec![1]), Timestamp(5)));
    store.raise_epoch(9).await.unwrap();
    assert_eq!(newest(10_000_000).await, Some((1, 4, id(4))), "until something is sent in the new one");
}
