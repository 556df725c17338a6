//! A relay's promises.

use pouch_envelope::Demotion;
use pouch_wire::session::LogName;
use pouch_wire::{Precedence, Timestamp};

use super::{Engine, digest, id, point};
use crate::contracts::{
    Checkpoints, DirectoryLog, Followed, Mailboxes, MessageLog, SmallValues, WitnessMemory,
};
use crate::error::StoreError;
use crate::rows::{AcceptedRow, Burden, Expired, FollowedStep, NewMessage, PublishedRow, SignedRow, Usage};

/// Everything that a relay keeps.
pub trait RelayContracts:
    Mailboxes + MessageLog + DirectoryLog + Followed + Checkpoints + SmallValues + WitnessMemory
{
}

impl<S: Mailboxes + MessageLog + DirectoryLog + Followed + Checkpoints + SmallValues + WitnessMemory>
    RelayContracts for S
{
}

/// A message of which all bytes are `n`, from NL/technical.
#[must_use]
pub fn message(n: u8, to: &[&str], precedence: Precedence) -> NewMessage {
    NewMessage {
        envelope: id(n),
        header: vec![n],
        signature: [n; 64],
        sender: point("NL/technical"),
        precedence,
        demotion: None,
        not_after: Timestamp(1000_u64.saturating_add(u64::from(n))),
        stanzas: to.iter().map(|name| (point(name), vec![n, 1])).collect(),
        payload: vec![n; 100],
        leaf: vec![n, 2],
        accepted_at: Timestamp(u64::from(n)),
    }
}

/// Puts an engine through every promise, each on fresh storage.
pub async fn all<E: Engine>(fresh: impl Fn() -> E)
where
    E::Store: RelayContracts,
{
    urgent_goes_first_and_nobody_waits_for_all_of_anothers(&fresh()).await;
    the_same_message_again_gets_the_first_answer(&fresh()).await;
    many_at_once_get_a_place_each_without_a_hole(&fresh()).await;
    a_message_goes_only_when_it_is_taken(&fresh()).await;
    what_expires_is_named_once(&fresh()).await;
    usage_counts_what_is_not_delivered(&fresh()).await;
    a_members_offices_count_together(&fresh()).await;
    what_is_demoted_waits_in_its_class_and_its_receipt_says_so(&fresh()).await;
    a_restart_forgets_nothing(&fresh()).await;
    a_log_never_signs_back_nor_a_second_root(&fresh()).await;
    only_what_was_signed_is_published_and_never_back(&fresh()).await;
    entries_are_appended_all_together(&fresh()).await;
    a_follower_takes_entries_with_their_checkpoint_or_neither(&fresh()).await;
    a_witness_never_goes_back(&fresh()).await;
    small_values_are_replaced(&fresh()).await;
}

/// By precedence, then each sender's first, each sender's second.
pub async fn urgent_goes_first_and_nobody_waits_for_all_of_anothers<E: Engine>(engine: &E)
where
    E::Store: Mailboxes,
{
    let store = engine.open().await;
    let from = |sender: &str, message: NewMessage| NewMessage { sender: point(sender), ..message };
    for n in 1..=5 {
        store.accept(from("NL/technical", message(n, &["MD/policy"], Precedence::Routine))).await.unwrap();
    }
    store.accept(from("EE/policy", message(6, &["MD/policy"], Precedence::Routine))).await.unwrap();
    store.accept(from("EE/policy", message(7, &["BA/policy"], Precedence::Flash))).await.unwrap();
    store.accept(from("BA/policy", message(8, &["MD/policy"], Precedence::Flash))).await.unwrap();
    store.accept(from("EE/policy", message(9, &["MD/policy"], Precedence::Routine))).await.unwrap();
    let order = |limit| {
        let store = store.clone();
        async move {
            let waiting = store.pending(&point("MD/policy"), limit).await.unwrap();
            waiting.into_iter().map(|row| row.index).collect::<Vec<_>>()
        }
    };
    assert_eq!(order(100).await, [7, 0, 5, 1, 8, 2, 3, 4]);
    assert_eq!(order(3).await, [7, 0, 5], "a flood does not push another sender off the first page");
    assert_eq!(order(0).await, [0_u64; 0]);
    let first = store.first_of_each(&point("MD/policy"), 1, 100).await.unwrap();
    assert_eq!(first.iter().map(|row| row.index).collect::<Vec<_>>(), [7, 0, 5]);
    let two = store.first_of_each(&point("MD/policy"), 2, 4).await.unwrap();
    assert_eq!(two.iter().map(|row| row.index).collect::<Vec<_>>(), [7, 0, 5, 1]);
}

/// Accepting twice changes nothing.
pub async fn the_same_message_again_gets_the_first_answer<E: Engine>(engine: &E)
where
    E::Store: Mailboxes + MessageLog,
{
    let store = engine.open().await;
    let first = store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
    assert_eq!(first, AcceptedRow { index: 0, accepted_at: Timestamp(1), fresh: true, demotion: None });
    let again = NewMessage { accepted_at: Timestamp(99), ..message(1, &["MD/policy"], Precedence::Routine) };
    let second = store.accept(again.clone()).await.unwrap();
    assert_eq!(second, AcceptedRow { fresh: false, ..first });
    assert_eq!(store.leaf_count().await.unwrap(), 1);
    assert_eq!(store.pending(&point("MD/policy"), 10).await.unwrap().len(), 1);
    // Also when it was delivered meanwhile: it does not come twice.
    store.taken(id(1), &point("MD/policy")).await.unwrap();
    assert_eq!(store.accept(again).await.unwrap(), AcceptedRow { fresh: false, ..first });
    assert_eq!(store.pending(&point("MD/policy"), 10).await.unwrap(), []);
    assert_eq!(store.accepted(id(1)).await.unwrap(), Some((0, Timestamp(1))));
    assert_eq!(store.accepted(id(2)).await.unwrap(), None);
}

/// Concurrent senders get indices from zero on, each one once.
pub async fn many_at_once_get_a_place_each_without_a_hole<E: Engine>(engine: &E)
where
    E::Store: Mailboxes + MessageLog,
{
    let store = engine.open().await;
    let accepts: Vec<_> = (0..64_u8)
        .map(|n| {
            let store = store.clone();
            // Every message comes twice, at the same time.
            tokio::spawn(
                async move { store.accept(message(n % 32, &["MD/policy"], Precedence::Routine)).await },
            )
        })
        .collect();
    let mut fresh = Vec::new();
    for accepted in accepts {
        let row = accepted.await.unwrap().unwrap();
        fresh.extend(row.fresh.then_some(row.index));
    }
    fresh.sort_unstable();
    assert_eq!(fresh, (0..32).collect::<Vec<u64>>());
    assert_eq!(store.leaves(0, 100).await.unwrap().len(), 32);
}

/// Deletion on acknowledgement alone, per recipient; the log stays.
pub async fn a_message_goes_only_when_it_is_taken<E: Engine>(engine: &E)
where
    E::Store: Mailboxes + MessageLog,
{
    let store = engine.open().await;
    let (md, ba) = (point("MD/policy"), point("BA/technical"));
    store.accept(message(1, &["MD/policy", "BA/technical"], Precedence::Routine)).await.unwrap();
    assert_eq!(store.recipients_with_pending().await.unwrap(), [ba.clone(), md.clone()]);
    for _ in 0..2 {
        let parcel = store.load(id(1), &md).await.unwrap().unwrap();
        assert_eq!((parcel.payload, parcel.stanza, parcel.header), (vec![1; 100], vec![1, 1], vec![1]));
    }
    store.taken(id(1), &md).await.unwrap();
    store.taken(id(1), &md).await.unwrap();
    assert!(store.load(id(1), &md).await.unwrap().is_none());
    assert!(store.load(id(1), &ba).await.unwrap().is_some(), "one recipient does not take it from another");
    assert!(store.load(id(1), &point("EE/policy")).await.unwrap().is_none(), "it was never for them");
    store.taken(id(1), &ba).await.unwrap();
    assert!(store.recipients_with_pending().await.unwrap().is_empty());
    assert_eq!(store.leaves(0, 10).await.unwrap(), [vec![1, 2]]);
    assert_eq!(store.signature_records(0, 10).await.unwrap()[0].header, [1]);
}

/// At `not_after` it is too late; who did not take it is named.
pub async fn what_expires_is_named_once<E: Engine>(engine: &E)
where
    E::Store: Mailboxes,
{
    let store = engine.open().await;
    store.accept(message(1, &["MD/policy", "BA/technical"], Precedence::Routine)).await.unwrap();
    store.accept(message(2, &["MD/policy"], Precedence::Flash)).await.unwrap();
    store.taken(id(1), &point("BA/technical")).await.unwrap();
    assert_eq!(store.expire(Timestamp(1000)).await.unwrap(), []);
    let gone = Expired { envelope: id(1), recipient: point("MD/policy"), sender: point("NL/technical") };
    assert_eq!(store.expire(Timestamp(1001)).await.unwrap(), [gone]);
    assert_eq!(store.expire(Timestamp(1001)).await.unwrap(), []);
    assert_eq!(store.pending(&point("MD/policy"), 10).await.unwrap().len(), 1);
}

/// Payloads count once, whatever the number of recipients, until the last has it.
pub async fn usage_counts_what_is_not_delivered<E: Engine>(engine: &E)
where
    E::Store: Mailboxes,
{
    let store = engine.open().await;
    let sender = point("NL/technical");
    assert_eq!(store.usage(&sender).await.unwrap(), Usage::default());
    store.accept(message(1, &["MD/policy", "BA/technical"], Precedence::Routine)).await.unwrap();
    store.accept(message(2, &["MD/policy"], Precedence::Routine)).await.unwrap();
    // A payload of a hundred bytes each, and stanzas of two.
    assert_eq!(store.usage(&sender).await.unwrap(), Usage { bytes: 206, messages: 2 });
    store.taken(id(1), &point("MD/policy")).await.unwrap();
    assert_eq!(store.usage(&sender).await.unwrap(), Usage { bytes: 206, messages: 2 });
    store.taken(id(1), &point("BA/technical")).await.unwrap();
    assert_eq!(store.usage(&sender).await.unwrap(), Usage { bytes: 102, messages: 1 });
    store.expire(Timestamp(u64::MAX)).await.unwrap();
    assert_eq!(store.usage(&sender).await.unwrap(), Usage::default());
}

/// Each office for itself and all of a member together, and no other member that only begins alike.
pub async fn a_members_offices_count_together<E: Engine>(engine: &E)
where
    E::Store: Mailboxes,
{
    let store = engine.open().await;
    let from = |n: u8, sender: &str| NewMessage {
        sender: point(sender),
        ..message(n, &["MD/policy"], Precedence::Routine)
    };
    let of = |messages: u64| Usage { bytes: messages.saturating_mul(102), messages };
    for (n, sender) in (1..).zip(["NL/technical", "NL/policy", "NL/technical", "NLX/policy", "NK/policy"]) {
        store.accept(from(n, sender)).await.unwrap();
    }
    let burden = store.burden(id(1), &point("NL/policy")).await.unwrap();
    assert_eq!(burden, Burden { known: true, office: of(1), member: of(3) });
    let burden = store.burden(id(99), &point("NL/technical")).await.unwrap();
    assert_eq!(burden, Burden { known: false, office: of(2), member: of(3) });
    assert_eq!(store.burden(id(99), &point("BA/policy")).await.unwrap(), Burden::default());
}

/// It goes in the turn of the lower class, and the statement stays as it was made, delivered or not.
pub async fn what_is_demoted_waits_in_its_class_and_its_receipt_says_so<E: Engine>(engine: &E)
where
    E::Store: Mailboxes,
{
    let store = engine.open().await;
    let md = point("MD/policy");
    let demotion = Some(Demotion { to: Precedence::Priority, sent: 21, within_s: 60 });
    let demoted = NewMessage { demotion, ..message(1, &["MD/policy"], Precedence::Flash) };
    let first = store.accept(demoted.clone()).await.unwrap();
    assert_eq!((first.fresh, first.demotion), (true, demotion));
    store.accept(message(2, &["MD/policy"], Precedence::Immediate)).await.unwrap();
    let waiting = store.pending(&md, 10).await.unwrap();
    let classes: Vec<_> = waiting.iter().map(|row| (row.index, row.precedence)).collect();
    assert_eq!(classes, [(1, Precedence::Immediate), (0, Precedence::Priority)]);
    assert_eq!(store.load(id(1), &md).await.unwrap().unwrap().demotion, demotion);
    assert_eq!(store.load(id(2), &md).await.unwrap().unwrap().demotion, None);
    store.taken(id(1), &md).await.unwrap();
    let again = NewMessage { demotion: None, ..demoted };
    let again = store.accept(again).await.unwrap();
    assert_eq!((again.fresh, again.demotion), (false, demotion), "the first answer again");
}

/// Everything that was answered is there after a restart.
pub async fn a_restart_forgets_nothing<E: Engine>(engine: &E)
where
    E::Store: RelayContracts,
{
    let store = engine.open().await;
    let md = point("MD/policy");
    store.accept(message(1, &["MD/policy"], Precedence::Routine)).await.unwrap();
    store.accept(message(2, &["MD/policy"], Precedence::Flash)).await.unwrap();
    store.accept(message(3, &["MD/policy"], Precedence::Flash)).await.unwrap();
    store.taken(id(3), &md).await.unwrap();
    store.append_entries(vec![b"charter".to_vec()]).await.unwrap();
    store.put_signed(LogName::Messages, 3, digest(9), b"signed".to_vec()).await.unwrap();
    store.put_published(LogName::Messages, 3, b"published".to_vec()).await.unwrap();
    store.put_witness_state("log", None, 7, digest(7)).await.unwrap();
    store.put_meta("name", b"value".to_vec()).await.unwrap();
    let store = engine.restart(store).await;
    let waiting = store.pending(&md, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|row| row.index).collect::<Vec<_>>(), [1, 0]);
    assert!(store.load(id(1), &md).await.unwrap().is_some());
    assert_eq!(store.leaves(0, 10).await.unwrap(), [vec![1, 2], vec![2, 2], vec![3, 2]]);
    assert_eq!(store.entries(0, 10).await.unwrap(), [b"charter".to_vec()]);
    assert_eq!(store.witness_state("log").await.unwrap(), Some((7, digest(7))));
    assert_eq!(store.meta("name").await.unwrap(), Some(b"value".to_vec()));
    let again = store.accept(message(3, &["MD/policy"], Precedence::Flash)).await.unwrap();
    assert!(!again.fresh, "a delivered message does not come anew after a restart");
    let signed = SignedRow { size: 3, root: digest(9), note: b"signed".to_vec() };
    assert_eq!(store.signed(LogName::Messages).await.unwrap(), Some(signed));
    let published = PublishedRow { size: 3, note: b"published".to_vec() };
    assert_eq!(store.published(LogName::Messages).await.unwrap(), Some(published));
}

/// One root per size, sizes only rise, logs apart.
pub async fn a_log_never_signs_back_nor_a_second_root<E: Engine>(engine: &E)
where
    E::Store: Checkpoints,
{
    let store = engine.open().await;
    assert_eq!(store.signed(LogName::Directory).await.unwrap(), None);
    store.put_signed(LogName::Directory, 5, digest(1), vec![]).await.unwrap();
    let back = store.put_signed(LogName::Directory, 4, digest(1), vec![]).await;
    assert!(matches!(back, Err(StoreError::Conflict(_))), "{back:?}");
    let fork = store.put_signed(LogName::Directory, 5, digest(2), vec![]).await;
    assert!(matches!(fork, Err(StoreError::Conflict(_))), "{fork:?}");
    store.put_signed(LogName::Directory, 5, digest(1), b"fresher".to_vec()).await.unwrap();
    store.put_signed(LogName::Messages, 4, digest(3), vec![]).await.unwrap();
    store.put_signed(LogName::Directory, 6, digest(2), vec![]).await.unwrap();
    assert_eq!(store.signed(LogName::Directory).await.unwrap().unwrap().size, 6);
}

/// Nothing is published that was not signed, and nothing smaller than what was.
pub async fn only_what_was_signed_is_published_and_never_back<E: Engine>(engine: &E)
where
    E::Store: Checkpoints,
{
    let store = engine.open().await;
    let conflict = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Conflict(_)));
    assert!(conflict(store.put_published(LogName::Directory, 1, vec![]).await));
    store.put_signed(LogName::Directory, 5, digest(1), vec![]).await.unwrap();
    assert_eq!(store.published(LogName::Directory).await.unwrap(), None);
    assert!(conflict(store.put_published(LogName::Directory, 6, vec![]).await));
    store.put_published(LogName::Directory, 4, vec![4]).await.unwrap();
    store.put_published(LogName::Directory, 5, vec![5]).await.unwrap();
    assert!(conflict(store.put_published(LogName::Directory, 4, vec![4]).await));
    store.put_published(LogName::Directory, 5, vec![55]).await.unwrap();
    let published = store.published(LogName::Directory).await.unwrap();
    assert_eq!(published, Some(PublishedRow { size: 5, note: vec![55] }));
}

/// A new relay's log begins with its charter and first statements, all or none.
pub async fn entries_are_appended_all_together<E: Engine>(engine: &E)
where
    E::Store: DirectoryLog,
{
    let store = engine.open().await;
    assert_eq!(store.append_entries(vec![vec![0], vec![1]]).await.unwrap(), 0);
    assert_eq!(store.append_entries(vec![vec![2]]).await.unwrap(), 2);
    assert_eq!(store.entry_count().await.unwrap(), 3);
    assert_eq!(store.entries(1, 1).await.unwrap(), [vec![1]]);
    assert_eq!(store.entries(1, 10).await.unwrap(), [vec![1], vec![2]]);
    assert_eq!(store.entries(3, 10).await.unwrap(), [[0_u8; 0]; 0]);
}

/// What is followed comes whole, only forward, and stands in the way of signing something else.
pub async fn a_follower_takes_entries_with_their_checkpoint_or_neither<E: Engine>(engine: &E)
where
    E::Store: DirectoryLog + Followed + Checkpoints,
{
    let store = engine.open().await;
    store.append_entries(vec![vec![0]]).await.unwrap();
    let step = |from, entries: &[u8], size, root| FollowedStep {
        from,
        entries: entries.iter().map(|n| vec![*n]).collect(),
        size,
        root: digest(root),
        note: vec![root],
    };
    let conflict = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Conflict(_)));
    store.follow(step(1, &[1, 2], 3, 3)).await.unwrap();
    assert!(conflict(store.follow(step(1, &[1], 4, 4)).await), "not at the end");
    assert!(conflict(store.follow(step(3, &[3], 2, 2)).await), "the checkpoint goes back");
    assert!(conflict(store.follow(step(3, &[3], 3, 9)).await), "a second root");
    assert_eq!(store.entry_count().await.unwrap(), 3, "nothing of what was refused");
    store.follow(FollowedStep { note: b"fresher".to_vec(), ..step(3, &[], 3, 3) }).await.unwrap();
    let store = engine.restart(store).await;
    assert_eq!(store.entries(0, 9).await.unwrap(), [vec![0], vec![1], vec![2]]);
    let published = store.published(LogName::Directory).await.unwrap();
    assert_eq!(published, Some(PublishedRow { size: 3, note: b"fresher".to_vec() }));
    let fork = store.put_signed(LogName::Directory, 3, digest(9), vec![]).await;
    assert!(conflict(fork), "who sequences later signs nothing else");
    store.put_signed(LogName::Directory, 4, digest(4), vec![]).await.unwrap();
    for _ in 0..2 {
        store.put_fork(vec![1], vec![2]).await.unwrap();
    }
    let forks = store.forks().await.unwrap();
    assert_eq!(
        forks.iter().map(|fork| (&*fork.one, &*fork.other)).collect::<Vec<_>>(),
        [(&[1][..], &[2][..])]
    );
}

/// What was cosigned is remembered per log, forward only, and never over somebody else's step.
pub async fn a_witness_never_goes_back<E: Engine>(engine: &E)
where
    E::Store: WitnessMemory,
{
    let store = engine.open().await;
    let conflict = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Conflict(_)));
    store.put_witness_state("a", None, 5, digest(1)).await.unwrap();
    assert!(conflict(store.put_witness_state("a", None, 6, digest(2)).await), "somebody was faster");
    assert!(conflict(store.put_witness_state("a", Some(5), 4, digest(1)).await));
    assert!(conflict(store.put_witness_state("a", Some(5), 5, digest(2)).await));
    store.put_witness_state("b", None, 1, digest(3)).await.unwrap();
    store.put_witness_state("a", Some(5), 6, digest(2)).await.unwrap();
    assert_eq!(store.witness_state("a").await.unwrap(), Some((6, digest(2))));
    assert_eq!(store.witness_state("c").await.unwrap(), None);
}

/// The last value counts.
pub async fn small_values_are_replaced<E: Engine>(engine: &E)
where
    E::Store: SmallValues,
{
    let store = engine.open().await;
    assert_eq!(store.meta("a").await.unwrap(), None);
    store.put_meta("a", vec![1]).await.unwrap();
    store.put_meta("a", vec![2]).await.unwrap();
    assert_eq!(store.meta("a").await.unwrap(), Some(vec![2]));
}
