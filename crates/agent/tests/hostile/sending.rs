//! What a node sends reaches whoever still delivers, whatever the others do.

use pouch_control::Rung;
use pouch_wire::Precedence;

use crate::node::{Running, network, told};
use crate::relay::FakeRelay;

#[tokio::test(flavor = "multi_thread")]
async fn one_relays_refusal_does_not_stop_the_other() {
    let (mut bad, mut good) = (FakeRelay::start("relay-1"), FakeRelay::start("relay-2"));
    let world = network(&[&bad, &good]);
    let node = Running::start(&world).await;
    let envelope = node.send(Precedence::Flash).await;
    let mut events = node.events().await;
    let refused = bad.submitted().await;
    assert_eq!(refused.envelope, envelope);
    refused.refuse().await;
    told(&mut events, |event| event.code == "POUCH-ADM-30").await;
    assert_eq!(node.outbox().await[0].ladder[0].rung, Rung::Queued, "not given up");
    let taken = good.submitted().await;
    assert_eq!(taken.envelope, envelope);
    taken.accept("relay-2", &world).await;
    told(&mut events, |event| event.words.contains("accepted by relay-2")).await;
    assert_eq!(node.outbox().await[0].ladder[0].rung, Rung::Accepted);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_relay_refuses_is_told_as_refused() {
    let (mut one, mut two) = (FakeRelay::start("relay-1"), FakeRelay::start("relay-2"));
    let world = network(&[&one, &two]);
    let node = Running::start(&world).await;
    node.send(Precedence::Flash).await;
    let mut events = node.events().await;
    one.submitted().await.refuse().await;
    told(&mut events, |event| event.code == "POUCH-ADM-30").await;
    two.submitted().await.refuse().await;
    told(&mut events, |event| event.code == "POUCH-ADM-30").await;
    assert_eq!(node.outbox().await[0].ladder[0].rung, Rung::Refused);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_does_not_wait_behind_what_a_relay_does_not_answer() {
    let mut relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let mut stuck = Vec::new();
    // Of one precedence, one after the other; of the next one, none waits.
    for precedence in [Precedence::Routine, Precedence::Priority, Precedence::Immediate] {
        node.send(precedence).await;
        stuck.push(relay.submitted().await);
        node.send(precedence).await;
    }
    let flash = node.send(Precedence::Flash).await;
    let next = relay.submitted().await;
    assert_eq!(next.envelope, flash);
    next.accept("relay-1", &world).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_another_message_is_none() {
    let mut relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let first = node.send(Precedence::Flash).await;
    let one = relay.submitted().await;
    let second = node.send(Precedence::Flash).await;
    assert_eq!(one.envelope, first);
    // The relay answers the one with the other's receipt.
    one.accept_as(second, "relay-1", &world).await;
    let two = relay.submitted().await;
    assert_eq!(two.envelope, second);
    let mut events = node.events().await;
    two.accept("relay-1", &world).await;
    told(&mut events, |event| event.words.contains("accepted by relay-1")).await;
    let rungs: Vec<_> = node.outbox().await.iter().map(|row| (row.envelope, row.ladder[0].rung)).collect();
    assert!(rungs.contains(&(first, Rung::Queued)) && rungs.contains(&(second, Rung::Accepted)), "{rungs:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_sent_once() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let id = node.draft().await;
    let release = || pouch_control::Call::Release { id: id.clone() };
    let (once, twice) = (release(), release());
    let (one, two) = tokio::join!(node.client.call(&once), node.client.call(&twice));
    assert_eq!([&one, &two].iter().filter(|answer| answer.is_ok()).count(), 1, "{one:?} {two:?}");
    assert_eq!(node.outbox().await.len(), 1);
    node.stop().await;
}
