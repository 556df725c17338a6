//! Whatever a relay does on the way, a good message is shown once, and a bad one never.

use pouch_control::EventKind;
use pouch_net::RequestError;
use pouch_store::Inbox as _;
use pouch_wire::Environment;

use crate::node::{NOTHING, Running, network, sealed, signed, told};
use crate::relay::{FakeRelay, delivery};
use crate::world::{HOUR, NOW, key, later, point};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_spoiled_on_its_way_does_not_keep_the_good_message_out() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let good = sealed(&world, signed(&world, 1), 1, NOTHING);
    let receipt = world.receipt("relay-1", good.id(), 0, NOW);
    let mut spoiled = delivery(&good, receipt.clone());
    spoiled.signature.0[0] ^= 1;
    assert_eq!(relay.deliver(&spoiled, good.payload()).await.unwrap().envelope, good.id());
    let rows = node.inbox().await;
    assert_eq!((rows.len(), rows[0].verdict.colour.as_str(), rows[0].subject.clone()), (1, "red", None));
    // The same message, as its sender signed it.
    relay.deliver(&delivery(&good, receipt.clone()), good.payload()).await.unwrap();
    let rows = node.inbox().await;
    assert_eq!((rows.len(), rows[0].subject.as_deref()), (1, Some("Subject")), "{rows:?}");
    assert_ne!(rows[0].verdict.colour, "red");
    // And once more spoiled, too late.
    relay.deliver(&spoiled, good.payload()).await.unwrap();
    assert_eq!(node.inbox().await[0].subject.as_deref(), Some("Subject"));
    let mut events = node.events().await;
    told(&mut events, |event| event.kind == EventKind::RefusedArrival).await;
    told(&mut events, |event| event.kind == EventKind::Received && event.envelope == Some(good.id())).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_a_disk_with_what_nobody_is_proved_to_have_sent() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let good = sealed(&world, signed(&world, 1), 1, NOTHING);
    let mut spoiled = delivery(&good, world.receipt("relay-1", good.id(), 0, NOW));
    spoiled.signature.0[0] ^= 1;
    relay.deliver(&spoiled, good.payload()).await.unwrap();
    let rows = node.inbox().await;
    assert_eq!((rows.len(), rows[0].verdict.colour.as_str()), (1, "red"), "the reason is there");
    let store = node.kept().await;
    let kept = store.arrival(good.id()).await.unwrap().unwrap();
    assert_eq!(kept.stored, [good.header_bytes(), spoiled.signature.0.as_slice()].concat());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_judged_yet_is_not_taken() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let good = sealed(&world, signed(&world, 1), 1, NOTHING);
    // A promise that is none: the relay signed with another's key.
    let promise = world.signed_receipt("relay-1", "relay-2", good.id(), 0, NOW);
    let receipt = pouch_wire::Canonical::to_bytes(&promise).unwrap();
    let refused = relay.deliver(&delivery(&good, receipt), good.payload()).await;
    let Err(RequestError::Refused(refused)) = refused else { panic!("taken: {refused:?}") };
    assert_eq!(&*refused.code, "POUCH-VER-60");
    assert!(refused.retry_after_ms.is_some(), "the relay must keep it");
    assert!(node.inbox().await.is_empty());
    let receipt = world.receipt("relay-1", good.id(), 0, NOW);
    relay.deliver(&delivery(&good, receipt), good.payload()).await.unwrap();
    assert_eq!(node.inbox().await.len(), 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_notice_in_two_envelopes_is_shown_once() {
    let mut relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let letter = signed(&world, 1);
    let first = sealed(&world, letter.clone(), 1, NOTHING);
    let second = sealed(&world, letter, 2, first.id());
    for (index, envelope) in [&first, &second].into_iter().enumerate() {
        let receipt = world.receipt("relay-1", envelope.id(), u64::try_from(index).unwrap(), NOW);
        relay.deliver(&delivery(envelope, receipt), envelope.payload()).await.unwrap();
    }
    assert_eq!(node.inbox().await.len(), 1);
    let mut events = node.events().await;
    told(&mut events, |event| event.code == "POUCH-AGT-24").await;
    // Each envelope's sender hears that it came.
    relay.submitted().await.accept("relay-1", &world).await;
    relay.submitted().await.accept("relay-1", &world).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_delivered_twice_is_one_and_the_gap_before_it_is_told() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let late = sealed(&world, signed(&world, 3), 3, pouch_wire::EnvelopeId(pouch_crypto::sha256(b"two")));
    let receipt = world.receipt("relay-1", late.id(), 0, NOW);
    for _ in 0..2 {
        relay.deliver(&delivery(&late, receipt.clone()), late.payload()).await.unwrap();
    }
    assert_eq!(node.inbox().await.len(), 1);
    let mut events = node.events().await;
    let gap = told(&mut events, |event| event.kind == EventKind::Alarm).await;
    assert_eq!(gap.code, "POUCH-ORD-01");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_could_not_be_told_is_told_when_it_can_be() {
    let mut relay = FakeRelay::start("relay-1");
    let mut world = network(&[&relay]);
    // NL's sealing key of this network is good until a day after it was made; it is revoked: none is left.
    let gone = crate::world::prekey("NL/technical").public().id();
    let act = pouch_directory::Act::RevokeKey {
        key: gone,
        reason: pouch_directory::RevocationReason::Compromised,
        effective: NOW,
    };
    world.log(act, crate::world::earlier(HOUR), &[&key("NL root")]);
    assert!(world.directory.now_view().prekeys(&point("NL/technical"), Environment::Live, NOW).is_empty());
    relay.serve(&world);
    let node = Running::start(&world).await;
    let letter = sealed(&world, signed(&world, 1), 1, NOTHING);
    let receipt = world.receipt("relay-1", letter.id(), 0, NOW);
    relay.deliver(&delivery(&letter, receipt), letter.payload()).await.unwrap();
    assert_eq!(node.inbox().await.len(), 1, "it is shown all the same");
    // NL publishes a new one; the node hears of it and pays.
    let fresh = crate::world::prekey("NL/technical anew");
    let published = pouch_directory::Prekey {
        public: fresh.public().clone(),
        usable_from: crate::world::earlier(HOUR),
        usable_until: later(HOUR),
    };
    let act = pouch_directory::Act::PublishPrekeys {
        contact_point: point("NL/technical"),
        environment: Environment::Live,
        prekeys: pouch_wire::List::new(vec![published]).unwrap(),
    };
    world.log(act, NOW, &[&key("NL/technical")]);
    relay.serve(&world);
    relay.say_it_grew().await;
    let paid = relay.submitted().await;
    assert_eq!(paid.header.recipients.iter().next().unwrap().contact_point, point("NL/technical"));
    paid.accept("relay-1", &world).await;
    node.stop().await;
}
