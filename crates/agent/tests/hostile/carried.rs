//! What a courier had brought before a relay does.

use std::sync::atomic::{AtomicU64, Ordering};

use pouch_control::{Answer, Bytes, Call, CourierArrival, CourierOutcome, CourierSelection, CourierWritten};
use pouch_net::RequestError;
use pouch_notice::{CourierFile, SealedOut};
use pouch_wire::{Canonical as _, EnvelopeId, Precedence, Timestamp};

use crate::node::{NOTHING, Running, network, sealed, signed, told};
use crate::relay::{FakeRelay, delivery};
use crate::world::{HOUR, NOW, SECOND, World, earlier, later};

/// Imports a courier file with this message; what became of it.
async fn carry(node: &Running, world: &World, message: &SealedOut) -> CourierArrival {
    let file = CourierFile::new(world.directory.network(), None, vec![message.clone()]).unwrap();
    let bytes = Bytes(file.to_file().unwrap());
    match node.client.call(&Call::CourierImport { bytes }).await.unwrap() {
        Answer::CourierImported(mut imported) => imported.messages.remove(0),
        other => panic!("{other:?}"),
    }
}

/// The code that stands beside the message in the inbox.
async fn code(node: &Running, message: EnvelopeId) -> String {
    let rows = node.inbox().await;
    rows.iter().find(|row| row.envelope == message).unwrap().verdict.code.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_does_not_count_yet_is_not_thrown_away() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    relay.asked_again().await;
    let message = sealed(&world, signed(&world, 1), 1, NOTHING);
    assert_eq!(carry(&node, &world, &message).await.code, "POUCH-VER-63");
    // Our clock is late; then, by a key that our directory does not have.
    let ahead = world.receipt("relay-1", message.id(), 0, later(3 * 60 * SECOND));
    let unknown = world.signed_receipt("relay-1", "relay-9", message.id(), 0, later(0));
    for receipt in [ahead, unknown.to_bytes().unwrap()] {
        let refused = relay.deliver(&delivery(&message, receipt), message.payload()).await;
        let Err(RequestError::Refused(refused)) = refused else { panic!("taken: {refused:?}") };
        assert_eq!(&*refused.code, "POUCH-VER-60");
        assert!(refused.retry_after_ms.is_some(), "the relay must keep it");
        assert_eq!(code(&node, message.id()).await, "POUCH-VER-63", "it stays what it was");
    }
    let receipt = world.receipt("relay-1", message.id(), 0, later(0));
    relay.deliver(&delivery(&message, receipt), message.payload()).await.unwrap();
    assert_ne!(code(&node, message.id()).await, "POUCH-VER-63");
    assert_eq!(node.inbox().await.len(), 1, "it is shown once");
    // From here on it is as every other: whatever a relay says of it, it is here.
    let again = world.receipt("relay-1", message.id(), 0, later(3 * 60 * SECOND));
    relay.deliver(&delivery(&message, again), message.payload()).await.unwrap();
    node.stop().await;
}

/// So many milliseconds after the courier came.
static AFTER: AtomicU64 = AtomicU64::new(0);

fn moved() -> Timestamp {
    later(AFTER.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_s_promise_is_late_since_the_relay_gave_it_and_not_since_the_courier_came() {
    let relay = FakeRelay::start("relay-1");
    let mut world = network(&[&relay]);
    let node = Running::by_clock(&world, moved).await;
    relay.asked_again().await;
    let mut events = node.events().await;
    let message = sealed(&world, signed(&world, 1), 1, NOTHING);
    assert_eq!(carry(&node, &world, &message).await.code, "POUCH-VER-63");
    AFTER.store(600 * SECOND, Ordering::SeqCst);
    let receipt = world.receipt("relay-1", message.id(), 0, later(600 * SECOND));
    relay.deliver(&delivery(&message, receipt), message.payload()).await.unwrap();
    // Each time that the directory grows, the node asks for the proofs that it lacks; the relay has none.
    for (officers, after) in [(2, 600), (3, 661)] {
        AFTER.store(after * SECOND, Ordering::SeqCst);
        world.demand(officers, true, NOW);
        relay.serve(&world);
        relay.say_it_grew().await;
        relay.was_asked_for_proofs(u64::from(officers) - 1).await;
    }
    let alarm = told(&mut events, |event| event.code == "POUCH-AGT-26").await;
    assert!(alarm.words.contains("61 s ago") && !alarm.words.contains("661 s"), "{}", alarm.words);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_too_late_is_not_to_be_imported_again_and_what_may_be_judged_later_is() {
    let relay = FakeRelay::start("relay-1");
    let mut world = network(&[&relay]);
    let late = sealed(&world, signed(&world, 1), 1, NOTHING);
    // Another directory than ours, of the same size: one of the two may be false.
    let mut other = world.clone();
    other.suspend("BA", NOW);
    let contradicts = sealed(&other, signed(&other, 1), 1, NOTHING);
    world.close_exercise(NOW);
    relay.serve(&world);
    let node = Running::start(&world).await;
    relay.asked_again().await;
    let check = async |message, code: &str, next: &str, not: &str| {
        let found = carry(&node, &world, message).await;
        assert_eq!((found.outcome, found.code.as_str()), (CourierOutcome::NotYet, code));
        assert!(found.next.contains(next) && !found.next.contains(not), "{}", found.next);
        assert!(found.next.contains("telephone"), "{}", found.next);
    };
    let (again, over_a_relay) = ("import it again", "it may still come over a relay that had it before");
    check(&contradicts, "POUCH-VER-74", again, over_a_relay).await;
    let mut revoked = world.clone();
    revoked.revoke("NL/technical", earlier(HOUR), NOW);
    relay.serve(&revoked);
    relay.asked_again().await;
    check(&late, "POUCH-VER-30", over_a_relay, again).await;
    assert!(node.inbox().await.is_empty(), "nothing of it is kept");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_message_was_handed_to_a_courier_is_told_once_with_all_for_whom() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    relay.asked_again().await;
    let mut events = node.events().await;
    let to = ["BA/technical", "NL/technical"];
    let (first, second) =
        (node.send_to(&to, Precedence::Flash).await, node.send_to(&to, Precedence::Flash).await);
    let selection = CourierSelection { ids: Vec::new(), to: Vec::new(), whole_directory: false };
    let file = match node.client.call(&Call::CourierExport(selection)).await.unwrap() {
        Answer::Courier(file) => *file,
        other => panic!("{other:?}"),
    };
    let each = file.messages.iter().flat_map(|m| m.recipients.iter().map(|to| (m.envelope, to.clone())));
    let written = CourierWritten { digest: file.digest, messages: each.collect() };
    node.client.call(&Call::CourierWritten(written)).await.unwrap();
    for message in [first, second] {
        let handed = told(&mut events, |event| event.words.contains("handed to a courier file")).await;
        assert_eq!(handed.envelope, Some(message));
        assert!(handed.words.ends_with("for BA/technical, NL/technical"), "{}", handed.words);
    }
    for row in node.outbox().await {
        assert!(row.ladder.iter().all(|rung| rung.courier_at == Some(NOW)), "{:?}", row.ladder);
    }
    node.stop().await;
}
