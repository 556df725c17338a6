//! One sender too many messages, too urgent, too large: it is told, and the others do not notice.

use pouch_envelope::{Demotion, Header, SignedReceipt};
use pouch_net::{RequestError, Session};
use pouch_wire::session::{Accepted, Deliver, Submit, Taken};
use pouch_wire::{Blob, Canonical as _, Environment, List, Precedence};

use crate::harness::{Running, fresh, refused_with, soon, submit};
use crate::message::Message;
use crate::world::{World, key};

fn marked(world: &World, precedence: Precedence) -> Message {
    fresh(world).with(|header| header.precedence = precedence)
}

/// One with a payload of so many bytes.
fn large(world: &World, precedence: Precedence, bytes: usize) -> Message {
    let payload = vec![5; bytes];
    let digest = pouch_crypto::sha256(&payload);
    let message = marked(world, precedence).with(|header| {
        header.payload_len = u64::try_from(bytes).unwrap();
        header.payload_digest = digest;
    });
    Message { payload, ..message }
}

fn head(message: &Message) -> Submit {
    let stanzas = message.stanza_bytes().into_iter().map(|stanza| Blob::new(stanza).unwrap());
    Submit {
        header: Blob::new(message.header_bytes()).unwrap(),
        signature: message.signature().0,
        stanzas: List::new(stanzas.collect::<Vec<_>>()).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_too_many_is_carried_lower_and_the_relay_signs_that() {
    let relay = Running::configured(|config| {
        (config.senders.flash_per_minute, config.senders.flash_burst) = (1, 2);
    })
    .await;
    let sender = relay.dial("NL/technical").await;
    let context = relay.world.directory.context(Environment::Live);
    let relay_key = key("relay-1 receipts").public();
    let flashes = [(); 3].map(|()| marked(&relay.world, Precedence::Flash));
    let mut receipts = Vec::new();
    for flash in &flashes {
        let receipt = submit(&sender, flash).await.unwrap();
        let accepted = receipt.accepted(&relay_key, &context).unwrap();
        assert_eq!(accepted.envelope, Header::id_of(&flash.header_bytes()), "accepted, demoted or not");
        receipts.push(receipt);
    }
    let demotions: Vec<_> = receipts.iter().map(SignedReceipt::demotion).collect();
    let said = demotions[2].unwrap();
    assert_eq!(demotions, [None, None, Some(Demotion { to: Precedence::Immediate, sent: 3, ..said })]);
    assert!(said.within_s > 0);
    // The first answer stays, also when it is asked for again and there is room again.
    assert_eq!(submit(&sender, &flashes[2]).await.unwrap(), receipts[2]);

    // Its recipient has the sender's own word for how urgent it is, and the relay's for how it was carried.
    let mut md = relay.attach("MD/technical").await;
    for _ in 0..3 {
        let (deliver, _, stream) = md.delivery().await;
        let envelope = Header::id_of(&deliver.header);
        let n = flashes.iter().position(|flash| Header::id_of(&flash.header_bytes()) == envelope).unwrap();
        assert_eq!(Header::from_bytes(&deliver.header).unwrap().precedence, Precedence::Flash);
        assert_eq!(SignedReceipt::from_bytes(&deliver.receipt).unwrap(), receipts[n]);
        stream.answer(&Taken { envelope }).await.unwrap();
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_marks_everything_flash_ends_up_with_what_is_routine() {
    let relay = Running::configured(|config| {
        (config.senders.flash_burst, config.quota_messages) = (1, 100);
        config.senders.immediate_burst = 1;
        config.senders.priority_burst = 1;
    })
    .await;
    let sender = relay.dial("NL/technical").await;
    let mut classes = Vec::new();
    for _ in 0..5 {
        let receipt = submit(&sender, &marked(&relay.world, Precedence::Flash)).await.unwrap();
        classes.push(receipt.demotion().map(|demotion| demotion.to));
    }
    let (immediate, priority) = (Some(Precedence::Immediate), Some(Precedence::Priority));
    let routine = Some(Precedence::Routine);
    assert_eq!(classes, [None, immediate, priority, routine, routine]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_fast_hears_when_there_is_room_and_its_flash_goes_all_the_same() {
    let relay = Running::configured(|config| {
        (config.senders.bytes_per_second, config.senders.burst_bytes) = (1000, 1000);
    })
    .await;
    let sender = relay.dial("NL/technical").await;
    let routine = || marked(&relay.world, Precedence::Routine);
    submit(&sender, &routine()).await.unwrap();
    let refused = submit(&sender, &routine()).await.unwrap_err();
    let RequestError::Refused(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(&*refused.code, "POUCH-ADM-61");
    let wait = refused.retry_after_ms.unwrap();
    assert!((100..=4000).contains(&wait), "two stanzas at a kilobyte a second: {wait} ms");
    assert_eq!(
        refused_with(submit(&sender, &marked(&relay.world, Precedence::Immediate)).await),
        "POUCH-ADM-61"
    );
    assert_eq!(submit(&sender, &marked(&relay.world, Precedence::Flash)).await.unwrap().demotion(), None);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_from_a_sender_comes_through_when_there_is_room_again() {
    let relay = Running::configured(|config| {
        (config.senders.bytes_per_second, config.senders.burst_bytes) = (50_000, 2000);
    })
    .await;
    let sender = relay.dial("NL/technical").await;
    let asking = async {
        let mut refusals = 0;
        for _ in 0..4 {
            let message = marked(&relay.world, Precedence::Routine);
            while let Err(refused) = submit(&sender, &message).await {
                assert_eq!(refused_with::<SignedReceipt>(Err(refused)), "POUCH-ADM-61");
                refusals += 1;
            }
        }
        refusals
    };
    assert!(soon("all of it", asking).await > 0);
    relay.stop().await;
}

/// Begins to bring a message and does not go on.
async fn begun(session: &Session, message: &Message) -> pouch_net::Stream {
    let mut stream = session.open().await.unwrap();
    stream.send_message(&head(message)).await.unwrap();
    stream.send_payload(&message.payload[..64 * 1024]).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flash_passes_large_messages_on_the_same_session_both_ways() {
    let relay = Running::start().await;
    let sender = relay.dial("NL/technical").await;
    // Half-way in.
    let routine = large(&relay.world, Precedence::Routine, 400 * 1024);
    let mut slow = begun(&sender, &routine).await;
    submit(&sender, &fresh(&relay.world)).await.unwrap();
    slow.send_payload(&routine.payload[64 * 1024..]).await.unwrap();
    slow.finish().unwrap();
    soon("the large one", slow.recv_answer::<Accepted>()).await.unwrap();
    // Half-way out: the recipient has begun to take the large one, and reads no more of it.
    let mut md = relay.attach("MD/technical").await;
    let mut large = None;
    for _ in 0..2 {
        let (frame, mut stream) = soon("both begin", md.asked.recv()).await.unwrap();
        let deliver: Deliver = frame.read().unwrap();
        if deliver.header == Blob::new(routine.header_bytes()).unwrap() {
            large = Some((deliver, stream));
        } else {
            let header = Header::from_bytes(&deliver.header).unwrap();
            soon("the flash", stream.recv_payload(header.payload_len, 1 << 20)).await.unwrap();
            stream.answer(&Taken { envelope: Header::id_of(&deliver.header) }).await.unwrap();
        }
    }
    let (begun, mut large) = large.unwrap();
    submit(&sender, &fresh(&relay.world)).await.unwrap();
    let (flash, _, stream) = md.delivery().await;
    assert_eq!(Header::from_bytes(&flash.header).unwrap().precedence, Precedence::Flash);
    stream.answer(&Taken { envelope: Header::id_of(&flash.header) }).await.unwrap();
    let payload = soon("the rest", large.recv_payload(400 * 1024, 1 << 20)).await.unwrap();
    assert!(payload == routine.payload);
    large.answer(&Taken { envelope: Header::id_of(&begun.header) }).await.unwrap();
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_to_all_is_stored_once_and_goes_with_its_last_recipient() {
    let relay = Running::configured(|config| config.quota_bytes = 500 * 1024).await;
    let sender = relay.dial("NL/technical").await;
    let both = || large(&relay.world, Precedence::Routine, 400 * 1024);
    submit(&sender, &both()).await.unwrap();
    assert_eq!(refused_with(submit(&sender, &both()).await), "POUCH-ADM-32", "it counts once");
    for office in ["MD/technical", "BA/technical"] {
        let mut agent = relay.attach(office).await;
        let (deliver, payload, stream) = agent.delivery().await;
        assert_eq!(payload.len(), 400 * 1024);
        stream.answer(&Taken { envelope: Header::id_of(&deliver.header) }).await.unwrap();
    }
    // The last answer is on its way to the relay's disk.
    let asking = async { while submit(&sender, &both()).await.is_err() {} };
    soon("there is room again", asking).await;
    relay.stop().await;
}
