//! Relays that lie by the one door that there is for it: each test needs the lie to happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pouch_directory::Act;
use pouch_envelope::Header;
use pouch_net::refusal;
use pouch_relay::{Accepting, Conduct, Entering, Given, Handing, Keeping, Peer};
use pouch_store::Pending;
use pouch_wire::session::{
    Attached, Consistency, LogEntries, LogName, Publish, Published, ReadConsistency, ReadLog, Taken,
};
use pouch_wire::{Blob, Canonical as _, ContactPoint, EnvelopeId, Environment};

use crate::harness::{LONG, Running, fresh, refused_with, submit};
use crate::message::Message;
use crate::world::{NOW, SECOND, later, point};

fn id(message: &Message) -> EnvelopeId {
    Header::id_of(&message.header_bytes())
}

/// Holds a sender's first message to MD until its second was taken, and the fourth until the first was;
/// hands BA the first once more, and drops the third to anybody.
#[derive(Debug, Default)]
struct Shuffles {
    by_md: AtomicU32,
    by_ba: AtomicU32,
}

impl Conduct for Shuffles {
    fn hands_over(&self, to: &ContactPoint, message: &Pending) -> Handing {
        let taken = self.by_md.load(Ordering::SeqCst);
        let to_md = *to == point("MD/technical");
        match message.index {
            2 => Handing::Drop,
            0 if to_md && taken < 1 => Handing::Hold(Duration::from_millis(10)),
            3 if to_md && taken < 2 => Handing::Hold(Duration::from_millis(10)),
            _ => Handing::Now,
        }
    }

    fn forgets(&self, to: &ContactPoint, _: &Pending) -> Keeping {
        let by = if *to == point("MD/technical") { &self.by_md } else { &self.by_ba };
        let before = by.fetch_add(1, Ordering::SeqCst);
        if *to == point("BA/technical") && before == 0 { Keeping::Keep } else { Keeping::Forget }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_held_turned_round_repeated_and_dropped() {
    let relay = Running::that(Arc::new(Shuffles::default())).await;
    let sender = relay.dial("NL/technical").await;
    let sent = [(); 4].map(|()| fresh(&relay.world));
    for message in &sent {
        submit(&sender, message).await.unwrap();
    }
    let [first, second, _dropped, fourth] = sent.map(|message| id(&message));
    for (name, order) in
        [("MD/technical", vec![second, first, fourth]), ("BA/technical", vec![first, first, second, fourth])]
    {
        let mut recipient = relay.attach(name).await;
        for envelope in order {
            let (deliver, _, stream) = recipient.delivery().await;
            assert_eq!(Header::id_of(&deliver.header), envelope, "{name}");
            stream.answer(&Taken { envelope }).await.unwrap();
        }
    }
    relay.stop().await;
}

/// Says that it accepted and entered whatever comes, and keeps nothing of it.
#[derive(Debug)]
struct Promises;

impl Conduct for Promises {
    fn accepts(&self, _: &Peer, _: &Header) -> Accepting {
        Accepting::Promise
    }

    fn enters(&self, _: &Peer, _: &[u8], next: u64) -> Entering {
        Entering::Promise(next)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_receipt_and_an_index_are_given_for_what_is_not_kept() {
    let relay = Running::that(Arc::new(Promises)).await;
    relay.witnesses().await;
    let session = relay.dial("MD/technical").await;
    let sender = relay.dial("NL/technical").await;
    let context = relay.world.directory.context(Environment::Live);
    let key = crate::world::key("relay-1 receipts").public();
    for _ in 0..2 {
        let message = fresh(&relay.world);
        let receipt = submit(&sender, &message).await.unwrap();
        let promised = receipt.accepted(&key, &context).unwrap();
        assert_eq!((promised.envelope, promised.index), (id(&message), 0), "each was promised one place");
    }
    let size = relay.world.directory.size();
    let mut world = relay.world.clone();
    world.revoke("NL/technical", NOW, later(SECOND));
    let statement = Blob::new(world.entries.last().unwrap().clone()).unwrap();
    for _ in 0..2 {
        let published: Published =
            session.request(&Publish { statement: statement.clone() }, LONG).await.unwrap();
        assert_eq!(published.index, size, "it still would have an effect");
    }
    // What would be refused still is.
    let root = crate::world::key("NL root");
    let act = Act::CloseExercise { exercise: pouch_wire::ExerciseId(pouch_crypto::sha256(b"none")) };
    let network = relay.world.directory.network();
    let nonce = pouch_crypto::sha256(b"nonce");
    let junk = pouch_directory::Statement { network, created: NOW, nonce, act };
    let statement = Blob::new(junk.sign(&[&root]).unwrap().to_bytes().unwrap()).unwrap();
    let refused = session.request::<_, Published>(&Publish { statement }, LONG).await;
    assert!(refused_with(refused).starts_with("POUCH-DIR-"));
    relay.stop().await;
}

/// Shows MD an old face of the directory, and nobody else; answers BA never and late.
#[derive(Debug)]
struct TwoFaced;

impl Conduct for TwoFaced {
    fn welcomes(&self, to: &Peer, honest: Attached) -> Attached {
        match to {
            Peer::ContactPoint(name) if *name == point("MD/technical") => {
                Attached { directory_size: 1, ..honest }
            }
            _ => honest,
        }
    }

    fn consistency(
        &self,
        to: &Peer,
        asked: &ReadConsistency,
        honest: Given<Consistency>,
    ) -> Given<Consistency> {
        match to {
            Peer::ContactPoint(name) if *name == point("MD/technical") => {
                Given::Refuse(refusal("POUCH-RLY-10", &asked.from, None))
            }
            Peer::ContactPoint(name) if *name == point("BA/technical") => Given::Nothing,
            _ => honest,
        }
    }

    fn entries(&self, to: &Peer, _: &ReadLog, honest: Given<LogEntries>) -> Given<LogEntries> {
        match (to, honest) {
            (Peer::ContactPoint(name), Given::Answer(answer)) if *name == point("BA/technical") => {
                Given::Late(answer, Duration::from_millis(20))
            }
            (_, honest) => honest,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_asker_is_shown_a_face_of_its_own() {
    let relay = Running::that(Arc::new(TwoFaced)).await;
    relay.witnesses().await;
    let (nl, md, ba) = (
        relay.dial("NL/technical").await,
        relay.dial("MD/technical").await,
        relay.dial("BA/technical").await,
    );
    let asked = ReadConsistency { log: LogName::Directory, from: 1 };
    let honest = loop {
        // Until the witness has cosigned.
        if let Ok(answer) = nl.request::<_, Consistency>(&asked, LONG).await {
            break answer;
        }
    };
    assert!(!honest.proof.is_empty());
    assert_eq!(refused_with(md.request::<_, Consistency>(&asked, LONG).await), "POUCH-RLY-10");
    let entries: LogEntries =
        ba.request(&ReadLog { log: LogName::Directory, from: 0, count: 1 }, LONG).await.unwrap();
    assert_eq!(entries.entries.len(), 1);
    let never = ba.request::<_, Consistency>(&asked, Duration::from_millis(200)).await;
    assert!(matches!(never, Err(pouch_net::RequestError::NoAnswer { .. })), "{never:?}");
    let mut hello = nl.open().await.unwrap();
    let attach = pouch_wire::session::Attach { network: relay.world.directory.network().0, witnesses: false };
    hello.send_message(&attach).await.unwrap();
    let welcome: Attached = hello.recv_message().await.unwrap();
    let mut hello = md.open().await.unwrap();
    hello.send_message(&attach).await.unwrap();
    let old: Attached = hello.recv_message().await.unwrap();
    assert_eq!((welcome.directory_size, old.directory_size), (relay.world.directory.size(), 1));
    relay.stop().await;
}
