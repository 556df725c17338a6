//! Accepting and delivering: what is promised is kept, whoever comes, goes, or does not want it.

use std::time::Duration;

use pouch_envelope::Header;
use pouch_net::{CloseCode, SessionError, refusal};
use pouch_wire::session::{Publish, Published, Taken};
use pouch_wire::{Blob, EnvelopeId, Environment, Precedence};

use crate::harness::{LONG, QUOTA_MESSAGES, Running, fresh, refused_with, soon, submit, try_attach};
use crate::world::{NOW, SECOND, later};

fn id_of(deliver: &pouch_wire::session::Deliver) -> EnvelopeId {
    Header::id_of(&deliver.header)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_offline_gets_everything_once_and_in_a_restarted_relay_too() {
    let relay = Running::start().await;
    let message = fresh(&relay.world);
    let envelope = Header::id_of(&message.header_bytes());
    let sender = relay.dial("NL/technical").await;
    let receipt = submit(&sender, &message).await.unwrap();
    let context = relay.world.directory.context(Environment::Live);
    let promised = receipt.accepted(&crate::world::key("relay-1 receipts").public(), &context).unwrap();
    assert_eq!((promised.envelope, promised.index, promised.at), (envelope, 0, NOW));
    let (dir, world) = relay.stop().await;

    let relay = Running::start_in(dir, world).await;
    let mut md = relay.attach("MD/technical").await;
    let (deliver, payload, stream) = md.delivery().await;
    assert_eq!((id_of(&deliver), payload), (envelope, message.payload.clone()));
    stream.answer(&Taken { envelope }).await.unwrap();
    // The other recipient's copy is another's: it waits until that one comes.
    let mut ba = relay.attach("BA/technical").await;
    let (deliver, _, stream) = ba.delivery().await;
    assert_eq!(id_of(&deliver), envelope);
    stream.answer(&Taken { envelope }).await.unwrap();
    // Sent once more, because the sender did not hear: the same promise, and nobody gets it twice.
    let sender = relay.dial("NL/technical").await;
    let again = submit(&sender, &message).await.unwrap();
    let again = again.accepted(&crate::world::key("relay-1 receipts").public(), &context).unwrap();
    assert_eq!(again, promised);
    let next = fresh(&relay.world);
    submit(&sender, &next).await.unwrap();
    let (deliver, _, _) = md.delivery().await;
    assert_eq!(id_of(&deliver), Header::id_of(&next.header_bytes()));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_not_taken_comes_again_without_other_traffic() {
    let relay = Running::start().await;
    let mut md = relay.attach("MD/technical").await;
    let message = fresh(&relay.world);
    submit(&relay.dial("NL/technical").await, &message).await.unwrap();
    let (first, _, stream) = md.delivery().await;
    stream
        .refuse(&refusal("POUCH-AGT-23", &"my disk is full", Some(Duration::from_millis(1))))
        .await
        .unwrap();
    let (second, _, stream) = md.delivery().await;
    assert_eq!(id_of(&first), id_of(&second));
    // Cut off without an answer: it comes again all the same.
    drop(stream);
    let (third, _, stream) = md.delivery().await;
    assert_eq!(id_of(&first), id_of(&third));
    stream.answer(&Taken { envelope: id_of(&third) }).await.unwrap();
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_another_message_takes_nothing() {
    let relay = Running::start().await;
    let mut md = relay.attach("MD/technical").await;
    let message = fresh(&relay.world);
    submit(&relay.dial("NL/technical").await, &message).await.unwrap();
    let (first, _, stream) = md.delivery().await;
    let other = EnvelopeId(pouch_crypto::sha256(b"another"));
    stream.answer(&Taken { envelope: other }).await.unwrap();
    let (second, _, _) = md.delivery().await;
    assert_eq!(id_of(&first), id_of(&second));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_of_one_node_both_get_it_and_one_answer_is_enough() {
    let relay = Running::start().await;
    let mut one = relay.attach("MD/technical").await;
    let mut two = relay.attach("MD/technical").await;
    let sender = relay.dial("NL/technical").await;
    submit(&sender, &fresh(&relay.world)).await.unwrap();
    let (first, _, _waits) = one.delivery().await;
    let (second, _, stream) = two.delivery().await;
    assert_eq!(id_of(&first), id_of(&second));
    stream.answer(&Taken { envelope: id_of(&second) }).await.unwrap();
    let (dir, world) = {
        // The relay has it: after a restart nothing waits for MD any more.
        let next = fresh(&relay.world);
        submit(&sender, &next).await.unwrap();
        let (third, _, stream) = two.delivery().await;
        assert_eq!(id_of(&third), Header::id_of(&next.header_bytes()));
        drop(stream);
        relay.stop().await
    };
    let relay = Running::start_in(dir, world).await;
    let mut md = relay.attach("MD/technical").await;
    let (left, _, _) = md.delivery().await;
    assert_ne!(id_of(&left), id_of(&first));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_attaches_once() {
    let relay = Running::start().await;
    let md = relay.attach("MD/technical").await;
    let again = soon("an answer", try_attach(&md.session, &relay.world, false)).await;
    assert_eq!(refused_with(again.map(drop)), "POUCH-RLY-24");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_keeps_its_newest_sessions_whatever_it_opens() {
    let relay = Running::start().await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let session = relay.dial("MD/technical").await;
        drop(soon("attached", try_attach(&session, &relay.world, false)).await.unwrap());
        sessions.push(session);
    }
    let ended = soon("the oldest ends", sessions[0].closed()).await;
    assert!(matches!(ended, SessionError::ClosedByPeer { code: CloseCode::Replaced, .. }), "{ended:?}");
    assert_eq!(sessions[3].why_closed(), None);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_loses_its_open_session() {
    let relay = Running::start().await;
    let thief = relay.attach("NL/technical").await;
    let honest = relay.attach("MD/technical").await;
    let mut world = relay.world.clone();
    world.revoke("NL/technical transport", NOW, later(SECOND));
    let statement = Blob::new(world.entries.last().unwrap().clone()).unwrap();
    let published: Published = honest.session.request(&Publish { statement }, LONG).await.unwrap();
    assert_eq!(published.index + 1, world.directory.size());
    let ended = soon("the session ends", thief.session.closed()).await;
    assert!(matches!(ended, SessionError::ClosedByPeer { code: CloseCode::NoLongerKnown, .. }), "{ended:?}");
    assert_eq!(honest.session.why_closed(), None, "nobody else's");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_quota_refuses_the_new_and_answers_the_known() {
    let relay = Running::start().await;
    let sender = relay.dial("NL/technical").await;
    let routine = || fresh(&relay.world).with(|header| header.precedence = Precedence::Routine);
    let first = routine();
    submit(&sender, &first).await.unwrap();
    for _ in 1..QUOTA_MESSAGES {
        submit(&sender, &routine()).await.unwrap();
    }
    assert_eq!(refused_with(submit(&sender, &routine()).await), "POUCH-ADM-32");
    submit(&sender, &first).await.unwrap();
    // Its own routine messages do not keep its flash out; nor does that have room without end.
    submit(&sender, &fresh(&relay.world)).await.unwrap();
    assert_eq!(refused_with(submit(&sender, &fresh(&relay.world)).await), "POUCH-ADM-32");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_is_not_the_headers_is_refused_and_the_next_honest_one_works() {
    let relay = Running::start().await;
    let sender = relay.dial("NL/technical").await;
    let mut swapped = fresh(&relay.world);
    swapped.payload[0] ^= 1;
    assert_eq!(refused_with(submit(&sender, &swapped).await), "POUCH-ADM-05");
    swapped.payload[0] ^= 1;
    submit(&sender, &swapped).await.unwrap();
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_submits_in_anothers_name() {
    let relay = Running::start().await;
    let md = relay.dial("MD/technical").await;
    assert_eq!(refused_with(submit(&md, &fresh(&relay.world)).await), "POUCH-ADM-12");
    relay.stop().await;
}
