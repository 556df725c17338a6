//! A node's promises about what arrives: new once, refused with what proves it, found, expunged.

use pouch_wire::{EnvelopeId, Environment, Precedence, Timestamp};

use super::agent::{arrival, notice, outgoing, told};
use super::{Engine, id, point};
use crate::contracts::{EventLog, Inbox, Ladder, Lookup, Outbox, Watching};
use crate::error::StoreError;
use crate::rows::{Arrival, Equivocation, Kept, NewRefusal, Outgoing, Rung, RungRow, Standing};

/// Row, sequence, rung, receipt and event together; a second time nothing.
pub async fn an_arrival_is_new_once_with_all_that_belongs_to_it<E: Engine>(engine: &E)
where
    E::Store: Inbox + Outbox + Ladder + EventLog,
{
    let store = engine.open().await;
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    store.enqueue(outgoing(50, place, Precedence::Routine)).await.unwrap();
    let confirmed =
        RungRow { recipient: point("MD/policy"), rung: Rung::Verified, at: Some(Timestamp(3)), detail: None };
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    let receipt = Outgoing { notice: None, ..outgoing(60, place.clone(), Precedence::Priority) };
    let came = Arrival { progress: Some((id(50), confirmed)), ..arrival(1, Some(receipt.clone())) };
    assert_eq!(store.take_in(came.clone()).await.unwrap(), Kept::New { events: vec![1] });
    assert_eq!(store.take_in(came).await.unwrap(), Kept::Duplicate);
    assert_eq!(store.refuse_in(refusal(1)).await.unwrap(), Kept::Duplicate, "a verified one stays");
    assert_eq!(store.standing(id(1)).await.unwrap(), Some(Standing::Verified));
    assert_eq!(store.events(0, 10).await.unwrap().len(), 1);
    assert_eq!(store.sequence_in(&point("MD/policy"), Environment::Live).await.unwrap(), Some(vec![1]));
    assert_eq!(store.ladder(id(50)).await.unwrap()[0].rung, Rung::Verified);
    assert_eq!(store.steps(id(50)).await.unwrap()[0].receipt, Some(id(1)));
    assert!(store.outgoing(id(60)).await.unwrap().is_some());
    assert!(store.has_notice(notice(1)).await.unwrap() && !store.has_notice(notice(2)).await.unwrap());
    // The receipt's place is taken: nothing of the arrival stands.
    let stale = Arrival { receipt: Some(Outgoing { envelope: id(61), ..receipt }), ..arrival(2, None) };
    let refused = store.take_in(stale).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(store.standing(id(2)).await.unwrap(), None);
    assert_eq!(store.sequence_in(&point("MD/policy"), Environment::Live).await.unwrap(), Some(vec![1]));
    assert_eq!(store.events(0, 10).await.unwrap().len(), 1);
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    let read = Outgoing { notice: None, ..outgoing(62, place, Precedence::Priority) };
    assert_eq!(store.unacknowledged_count().await.unwrap(), 1);
    store.acknowledge(id(1), Timestamp(8), read).await.unwrap();
    assert_eq!(store.unacknowledged_count().await.unwrap(), 0);
    assert_eq!(store.inbox(true, 10).await.unwrap().len(), 0);
    assert_eq!(store.arrival(id(1)).await.unwrap().unwrap().acknowledged_at, Some(Timestamp(8)));
}

/// A member's corrections and withdrawals of its own notice are found, newest first, and nobody else's;
/// nothing else that it says of it takes their place.
pub async fn what_a_member_says_later_of_its_own_notice_is_found<E: Engine>(engine: &E)
where
    E::Store: Inbox,
{
    let store = engine.open().await;
    let about = |n: u8| Arrival { concerns: Some(notice(1)), amends: true, ..arrival(n, None) };
    store.take_in(arrival(1, None)).await.unwrap();
    store.take_in(about(3)).await.unwrap();
    store.take_in(about(2)).await.unwrap();
    store.take_in(Arrival { sender: point("BA/policy"), ..about(4) }).await.unwrap();
    store.take_in(Arrival { sender: point("MD/technical"), ..about(5) }).await.unwrap();
    let member = point("MD/policy").member;
    for n in 10..80 {
        store.take_in(Arrival { amends: false, ..about(n) }).await.unwrap();
    }
    let found = store.amending(notice(1), &member, 10).await.unwrap();
    assert_eq!(found.iter().map(|row| row.envelope).collect::<Vec<_>>(), [id(5), id(3), id(2)]);
    assert_eq!(store.amending(notice(1), &member, 1).await.unwrap().len(), 1);
    assert_eq!(store.amending(notice(2), &member, 10).await.unwrap().len(), 0);
}

/// Whoever spoils a copy on its way, and is refused, cannot suppress the message.
pub async fn a_spoiled_copy_does_not_keep_the_good_one_out<E: Engine>(engine: &E)
where
    E::Store: Inbox + EventLog,
{
    let store = engine.open().await;
    assert_eq!(store.refuse_in(refusal(1)).await.unwrap(), Kept::New { events: vec![1] });
    assert_eq!(store.refuse_in(refusal(1)).await.unwrap(), Kept::Duplicate);
    assert_eq!(store.standing(id(1)).await.unwrap(), Some(Standing::Refused));
    assert_eq!(store.unacknowledged_count().await.unwrap(), 0, "a refusal is nothing to acknowledge");
    assert_eq!(store.take_in(arrival(1, None)).await.unwrap(), Kept::New { events: vec![2] });
    let row = store.arrival(id(1)).await.unwrap().unwrap();
    assert_eq!((row.refused, row.stored, row.notice), (None, vec![1; 20], Some(notice(1))));
    assert_eq!(store.inbox(false, 10).await.unwrap().len(), 1);
    assert_eq!(store.newest_events(1).await.unwrap()[0].words, "received");
}

/// A sender that could not be sealed to is told later, once.
pub async fn a_receipt_that_could_not_be_sent_is_owed<E: Engine>(engine: &E)
where
    E::Store: Inbox + Outbox,
{
    let store = engine.open().await;
    store.take_in(arrival(1, None)).await.unwrap();
    let receipt_row = Arrival { notice: None, number: None, ..arrival(2, None) };
    store.take_in(receipt_row).await.unwrap();
    let owed: Vec<EnvelopeId> = store.owed(10).await.unwrap().into_iter().map(|row| row.envelope).collect();
    assert_eq!(owed, [id(1)], "for a receipt none is owed");
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    let receipt = Outgoing { notice: None, ..outgoing(60, place, Precedence::Priority) };
    store.pay(id(1), receipt.clone()).await.unwrap();
    assert!(store.owed(10).await.unwrap().is_empty());
    let twice = store.pay(id(1), receipt).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
}

/// The row outlives what could open it; proofs are kept and no longer asked for.
pub async fn what_is_expunged_stays_known<E: Engine>(engine: &E)
where
    E::Store: Inbox,
{
    let store = engine.open().await;
    store.take_in(arrival(1, None)).await.unwrap();
    store.take_in(arrival(2, None)).await.unwrap();
    assert_eq!(store.unproven(10).await.unwrap().len(), 2);
    store.put_proof(id(1), vec![5]).await.unwrap();
    assert_eq!(store.unproven(10).await.unwrap()[0].envelope, id(2));
    store.expunge(id(1), Timestamp(9)).await.unwrap();
    let row = store.arrival(id(1)).await.unwrap().unwrap();
    assert!(row.stored.is_empty() && row.wrapped.is_empty() && !row.damaged);
    assert_eq!(row.expunged_at, Some(Timestamp(9)));
    assert_eq!(store.take_in(arrival(1, None)).await.unwrap(), Kept::Duplicate);
    let unknown = store.expunge(id(7), Timestamp(9)).await;
    assert!(matches!(unknown, Err(StoreError::Conflict(_))), "{unknown:?}");
}

/// More than one answer is given as two, never chosen from.
pub async fn people_find_by_number_and_beginning<E: Engine>(engine: &E)
where
    E::Store: Inbox + Outbox + Lookup,
{
    let store = engine.open().await;
    store.take_in(arrival(0xab, None)).await.unwrap();
    store.take_in(Arrival { envelope: id(0xac), ..arrival(0x33, None) }).await.unwrap();
    let found = |wanted: &'static str| {
        let store = store.clone();
        async move { store.find_arrival(wanted).await.unwrap().len() }
    };
    assert_eq!(found("MD/policy 2026-171").await, 1);
    assert_eq!(found("abab").await, 1);
    assert_eq!(found("3333").await, 1);
    assert_eq!(found("ab").await, 0, "two digits name nothing");
    assert_eq!(found("%").await, 0);
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    store.enqueue(outgoing(0x44, place, Precedence::Routine)).await.unwrap();
    assert_eq!(store.find_outgoing("4444").await.unwrap().len(), 1);
    assert_eq!(store.find_outgoing("4555").await.unwrap().len(), 0);
}

/// Whatever becomes of the messages themselves.
pub async fn two_messages_in_one_place_are_kept_for_ever<E: Engine>(engine: &E)
where
    E::Store: Inbox + Watching,
{
    let store = engine.open().await;
    store.take_in(arrival(1, None)).await.unwrap();
    let found = Equivocation {
        sender: point("MD/policy"),
        one: id(2),
        one_outside: vec![2; 90],
        other: id(1),
        other_outside: Some(vec![1; 90]),
        at: Timestamp(7),
    };
    let refused = NewRefusal { equivocation: Some(found.clone()), ..refusal(2) };
    store.refuse_in(refused.clone()).await.unwrap();
    assert_eq!(store.refuse_in(refused).await.unwrap(), Kept::Duplicate);
    store.expunge(id(1), Timestamp(8)).await.unwrap();
    assert_eq!(store.equivocations(10).await.unwrap(), [found]);
}

pub(super) fn refusal(n: u8) -> NewRefusal {
    NewRefusal {
        envelope: id(n),
        sender: point("MD/policy"),
        precedence: Precedence::Flash,
        created: Timestamp(1),
        arrived_at: Timestamp(u64::from(n)),
        verdict: "not believed".to_owned(),
        stored: vec![n; 5],
        receipt: None,
        equivocation: None,
        events: vec![told("refused")],
    }
}
