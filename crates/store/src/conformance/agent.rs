//! A node's promises.

use pouch_wire::{Environment, KeyId, NoticeId, Precedence, Timestamp};

use super::arrivals::refusal;
use super::{Engine, digest, id, point};
use crate::contracts::{
    Courier, Drafts, EventLog, Gossip, Inbox, Ladder, Lookup, Mirror, Numbers, Outbox, Prekeys, Promises,
    Rejudging, Watching, WitnessLife, WitnessMemory,
};
use crate::error::StoreError;
use crate::rows::{
    AcceptedCheckpoint, Arrival, Draft, Kept, MirrorStep, NewEvent, Outgoing, PrekeyRow, Rung, Sequence,
    Standing, WitnessBirth,
};

/// Everything that a node keeps.
pub trait AgentContracts:
    Outbox
    + Ladder
    + Inbox
    + Courier
    + Lookup
    + Prekeys
    + Mirror
    + Gossip
    + Promises
    + Drafts
    + EventLog
    + Numbers
    + Rejudging
    + Watching
    + WitnessMemory
    + WitnessLife
{
}

impl<S> AgentContracts for S where
    S: Outbox
        + Ladder
        + Inbox
        + Courier
        + Lookup
        + Prekeys
        + Mirror
        + Gossip
        + Promises
        + Drafts
        + EventLog
        + Numbers
        + Rejudging
        + Watching
        + WitnessMemory
        + WitnessLife
{
}

pub(super) fn notice(n: u8) -> NoticeId {
    NoticeId(digest(n))
}

pub(super) fn told(words: &str) -> NewEvent {
    NewEvent {
        at: Timestamp(1),
        code: String::new(),
        words: words.to_owned(),
        alarm: false,
        detail: String::new(),
    }
}

/// A notice of ours with the places that were reserved for it.
pub(super) fn outgoing(n: u8, sequence: Vec<Sequence>, precedence: Precedence) -> Outgoing {
    Outgoing {
        envelope: id(n),
        environment: Environment::Live,
        notice: Some(notice(n)),
        sealed: vec![n; 10],
        sequence,
        precedence,
        created: Timestamp(u64::from(n)),
        not_after: Timestamp(10_000_000),
        concerns: None,
        secret: Vec::new(),
        wrapped: vec![n],
        keys: Vec::new(),
        events: Vec::new(),
    }
}

pub(super) fn arrival(n: u8, receipt: Option<Outgoing>) -> Arrival {
    Arrival {
        envelope: id(n),
        environment: Environment::Live,
        concerns: None,
        amends: false,
        notice: Some(notice(n)),
        number: Some(format!("MD/policy 2026-{n}")),
        sender: point("MD/policy"),
        precedence: Precedence::Priority,
        created: Timestamp(u64::from(n)),
        arrived_at: Timestamp(u64::from(n)),
        stored: vec![n; 20],
        wrapped: vec![n],
        sequence: vec![n],
        order: "in order".to_owned(),
        progress: None,
        receipt,
        log: Some(("relay".to_owned(), u64::from(n))),
        courier_at: None,
        keys: Vec::new(),
        events: vec![told("received")],
    }
}

/// Puts an engine through every promise, each on fresh storage.
pub async fn all<E: Engine>(fresh: impl Fn() -> E)
where
    E::Store: AgentContracts,
{
    super::sending::a_place_in_the_sequence_is_taken_once(&fresh()).await;
    super::sending::no_notice_is_sent_twice(&fresh()).await;
    super::sending::the_urgent_are_carried_first_until_a_relay_answered(&fresh()).await;
    super::sending::a_relay_speaks_only_for_the_recipients_that_it_holds_it_for(&fresh()).await;
    super::sending::nobody_goes_back_on_the_ladder(&fresh()).await;
    super::sending::silence_is_told_when_it_is_too_long(&fresh()).await;
    super::arrivals::an_arrival_is_new_once_with_all_that_belongs_to_it(&fresh()).await;
    super::arrivals::what_a_member_says_later_of_its_own_notice_is_found(&fresh()).await;
    alarms_are_not_pushed_out(&fresh()).await;
    super::arrivals::a_spoiled_copy_does_not_keep_the_good_one_out(&fresh()).await;
    super::arrivals::a_receipt_that_could_not_be_sent_is_owed(&fresh()).await;
    super::arrivals::what_is_expunged_stays_known(&fresh()).await;
    super::arrivals::people_find_by_number_and_beginning(&fresh()).await;
    the_mirror_only_grows(&fresh()).await;
    super::gossip::all(&fresh).await;
    a_prekey_is_gone_when_it_is_destroyed(&fresh()).await;
    numbers_rise_per_list_and_year(&fresh()).await;
    super::exercises::an_exercise_has_places_and_lists_of_its_own(&fresh()).await;
    super::exercises::a_drill_is_neither_announced_nor_judged_again(&fresh()).await;
    super::sending::only_what_a_relay_has_and_may_still_come_is_announced(&fresh()).await;
    super::courier::what_is_undelivered_is_told_by_recipient_in_the_order_of_sending(&fresh()).await;
    super::courier::what_a_courier_has_is_not_delivered_and_still_goes_to_a_relay(&fresh()).await;
    super::courier::what_was_confirmed_before_any_relay_had_it_goes_to_one_whether_or_not_a_courier_is_known(
        &fresh(),
    )
    .await;
    super::courier::what_a_courier_brought_takes_a_relay_s_promise_once(&fresh()).await;
    what_was_told_of_gaps_is_told_once(&fresh()).await;
    super::arrivals::two_messages_in_one_place_are_kept_for_ever(&fresh()).await;
    a_restart_forgets_nothing(&fresh()).await;
    super::rejudged::a_notice_is_found_by_the_keys_that_spoke_in_it(&fresh()).await;
    super::rejudged::what_was_judged_again_is_kept_and_told_once(&fresh()).await;
    super::relay::a_witness_never_goes_back(&fresh()).await;
    a_witness_has_one_life(&fresh()).await;
}

/// A memory is begun by one witness, and what ended stays ended.
pub async fn a_witness_has_one_life<E: Engine>(engine: &E)
where
    E::Store: WitnessLife,
{
    let store = engine.open().await;
    let conflict = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Conflict(_)));
    assert_eq!(store.witness_birth().await.unwrap(), None);
    assert!(conflict(store.stop_witness("nobody").await));
    store.begin_witness(digest(1)).await.unwrap();
    store.begin_witness(digest(1)).await.unwrap();
    assert!(conflict(store.begin_witness(digest(2)).await), "another witness's");
    store.stop_witness("first").await.unwrap();
    store.stop_witness("second").await.unwrap();
    let store = engine.restart(store).await;
    store.begin_witness(digest(1)).await.unwrap();
    let birth = WitnessBirth { mark: Some(digest(1)), stopped: Some("first".into()) };
    assert_eq!(store.witness_birth().await.unwrap(), Some(birth));
}

/// With the events that tell it; a restart knows both.
pub async fn what_was_told_of_gaps_is_told_once<E: Engine>(engine: &E)
where
    E::Store: Inbox + EventLog + Watching,
{
    let store = engine.open().await;
    let md = point("MD/policy");
    store.take_in(arrival(1, None)).await.unwrap();
    let events = store.tell_gaps(&md, "two".to_owned(), vec![told("missing")]).await.unwrap();
    assert_eq!(store.events(0, 10).await.unwrap().last().map(|row| row.number), events.last().copied());
    store.tell_gaps(&md, "three".to_owned(), Vec::new()).await.unwrap();
    assert_eq!(store.gaps_told().await.unwrap(), [(md.clone(), "three".to_owned())]);
    assert_eq!(store.sequences_in().await.unwrap(), [(md.clone(), vec![1])]);
    assert_eq!(store.beacon_at().await.unwrap(), None);
    for at in [9, 7] {
        store.put_beacon_at(Timestamp(at)).await.unwrap();
        assert_eq!(store.beacon_at().await.unwrap(), Some(Timestamp(at)));
    }
    for n in [7, 8, 9] {
        store.refuse_in(refusal(n)).await.unwrap();
    }
    assert_eq!(store.refused_of(&md, 2).await.unwrap(), [id(9), id(8)]);
    assert_eq!(store.refused_of(&point("BA/policy"), 2).await.unwrap(), []);
}

/// Entries follow one another, the checkpoint never goes back, and what is told is kept with them.
pub async fn the_mirror_only_grows<E: Engine>(engine: &E)
where
    E::Store: Mirror + EventLog,
{
    let store = engine.open().await;
    store.seed_mirror(vec![vec![0], vec![1]]).await.unwrap();
    let twice = store.seed_mirror(vec![vec![0]]).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
    let step = |from, entries: Vec<Vec<u8>>, size, root| MirrorStep {
        from,
        entries,
        checkpoint: AcceptedCheckpoint { note: vec![9], size, root: digest(root) },
        events: vec![told("it grew")],
    };
    assert_eq!(store.append_mirror(step(2, vec![vec![2]], 3, 3)).await.unwrap(), [1]);
    for bad in
        [step(2, vec![vec![2]], 4, 4), step(3, vec![], 2, 2), step(3, vec![], 3, 4), step(4, vec![], 5, 5)]
    {
        let refused = store.append_mirror(bad).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
    assert_eq!(store.mirror_size().await.unwrap(), 3);
    assert_eq!(Mirror::entries(&store, 1, 10).await.unwrap(), [vec![1], vec![2]]);
    assert_eq!(store.accepted_checkpoint().await.unwrap().unwrap().size, 3);
    assert_eq!(store.events(0, 10).await.unwrap().len(), 1, "what did not stand is not told");
    store.put_fork(vec![1], vec![2]).await.unwrap();
    store.put_fork(vec![1], vec![2]).await.unwrap();
    assert_eq!(store.forks().await.unwrap().len(), 1);
    for (size, largest) in [(5, 5), (3, 5), (8, 8)] {
        store.put_shown("r".into(), [1; 32], size).await.unwrap();
        assert_eq!(store.shown("r".into(), [1; 32]).await.unwrap(), largest);
    }
    let others = [("r", [2; 32]), ("s", [1; 32])];
    for (relay, key) in others {
        assert_eq!(
            store.shown(relay.into(), key).await.unwrap(),
            0,
            "another relay, or the same with a new key"
        );
    }
}

/// Destroyed once and for all; never kept twice under one id.
pub async fn a_prekey_is_gone_when_it_is_destroyed<E: Engine>(engine: &E)
where
    E::Store: Prekeys,
{
    let store = engine.open().await;
    let key = |n: u8| PrekeyRow {
        environment: Environment::Live,
        id: KeyId(digest(n)),
        wrapped: vec![n],
        usable_from: Timestamp(0),
        usable_until: Timestamp(100_u64.saturating_sub(u64::from(n))),
    };
    store.put_prekey(key(1)).await.unwrap();
    store.put_prekey(key(2)).await.unwrap();
    let twice = store.put_prekey(key(1)).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
    assert_eq!(store.prekeys().await.unwrap(), [key(2), key(1)], "oldest first");
    store.destroy_prekey(KeyId(digest(1))).await.unwrap();
    store.destroy_prekey(KeyId(digest(1))).await.unwrap();
    assert_eq!(store.prekey(KeyId(digest(1))).await.unwrap(), None);
    let store = engine.restart(store).await;
    assert_eq!(store.prekeys().await.unwrap(), [key(2)]);
}

/// However much else happens, alarms are found.
pub async fn alarms_are_not_pushed_out<E: Engine>(engine: &E)
where
    E::Store: EventLog,
{
    let store = engine.open().await;
    for n in 1..=2 {
        store.put_event(NewEvent { alarm: true, ..told(&format!("alarm {n}")) }).await.unwrap();
    }
    for _ in 0..600 {
        store.put_event(told("connected")).await.unwrap();
    }
    let alarms = store.newest_alarms(5).await.unwrap();
    assert_eq!(alarms.iter().map(|row| &*row.words).collect::<Vec<_>>(), ["alarm 2", "alarm 1"]);
    assert_eq!(store.newest_alarms(1).await.unwrap().len(), 1);
}

/// From 1 on, and never twice.
pub async fn numbers_rise_per_list_and_year<E: Engine>(engine: &E)
where
    E::Store: Numbers,
{
    let store = engine.open().await;
    assert_eq!(store.next_number(2026, digest(1)).await.unwrap(), 1);
    assert_eq!(store.next_number(2026, digest(1)).await.unwrap(), 2);
    assert_eq!(store.next_number(2026, digest(2)).await.unwrap(), 1);
    assert_eq!(store.next_number(2027, digest(1)).await.unwrap(), 1);
    // What no notice got is given again, unless a later one was taken: then it would come twice.
    store.give_back_number(2026, digest(1), 2).await.unwrap();
    store.give_back_number(2026, digest(1), 9).await.unwrap();
    assert_eq!(store.next_number(2026, digest(1)).await.unwrap(), 2);
    store.give_back_number(2026, digest(1), 1).await.unwrap();
    let store = engine.restart(store).await;
    assert_eq!(store.next_number(2026, digest(1)).await.unwrap(), 3);
}

/// Everything that was answered is there after a restart.
pub async fn a_restart_forgets_nothing<E: Engine>(engine: &E)
where
    E::Store: AgentContracts,
{
    let store = engine.open().await;
    let place = store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap();
    store.enqueue(outgoing(1, place, Precedence::Routine)).await.unwrap();
    store.carried(id(1), ("a", 1), vec![point("MD/policy")], Some(vec![7]), Timestamp(6)).await.unwrap();
    store.take_in(arrival(2, None)).await.unwrap();
    store.refuse_in(refusal(3)).await.unwrap();
    store.put_draft(Draft { notice: notice(4), bytes: vec![4], created: Timestamp(4) }).await.unwrap();
    store.seed_mirror(vec![vec![0]]).await.unwrap();
    store.put_fork(vec![1], vec![2]).await.unwrap();
    store.put_shown("r".into(), [1; 32], 4).await.unwrap();
    store.raise_epoch(9).await.unwrap();
    store.put_witness_state("log", None, 7, digest(7)).await.unwrap();
    let store = engine.restart(store).await;
    assert_eq!(store.outgoing(id(1)).await.unwrap().unwrap().sealed, [1; 10]);
    assert_eq!(store.ladder(id(1)).await.unwrap()[0].rung, Rung::Accepted);
    assert_eq!(store.arrival(id(2)).await.unwrap().unwrap().stored, [2; 20]);
    assert_eq!(store.standing(id(3)).await.unwrap(), Some(Standing::Refused));
    assert_eq!(store.take_in(arrival(2, None)).await.unwrap(), Kept::Duplicate);
    assert_eq!(store.draft(notice(4)).await.unwrap().unwrap().bytes, [4]);
    assert_eq!((store.mirror_size().await.unwrap(), store.forks().await.unwrap().len()), (1, 1));
    assert_eq!(store.shown("r".into(), [1; 32]).await.unwrap(), 4);
    assert_eq!(store.reserve(vec![point("MD/policy")], Environment::Live).await.unwrap()[0].epoch, 9);
    assert_eq!(store.witness_state("log").await.unwrap(), Some((7, digest(7))));
    assert_eq!(store.put_event(told("after")).await.unwrap(), 3, "numbers go on");
}
