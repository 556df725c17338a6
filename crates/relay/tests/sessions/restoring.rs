//! A relay whose disk lost something: it says so, its senders bring it again, and its log has one past.

use std::path::Path;

use pouch_envelope::Header;
use pouch_net::{Session, Stream};
use pouch_relay::RelayStatus;
use pouch_wire::session::{Attach, Attached, Changed, LogName, ReadProof, Taken};
use pouch_wire::{Environment, FrameKind};

use crate::harness::{LONG, Running, fresh, soon, submit};
use crate::world::key;

/// Attaches by hand; what the relay says of its epoch.
async fn epoch(session: &Session, relay: &Running) -> (Stream, u64) {
    let mut hello = session.open().await.unwrap();
    let attach = Attach { network: relay.world.directory.network().0, witnesses: false };
    hello.send_message(&attach).await.unwrap();
    let welcome: Attached = hello.recv_message().await.unwrap();
    (hello, welcome.epoch)
}

async fn published(session: &Session, index: u64) {
    let asking = async {
        while session
            .request::<_, pouch_wire::session::Proof>(&ReadProof { log: LogName::Messages, index }, LONG)
            .await
            .is_err()
        {}
    };
    soon("the log is published", asking).await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_an_older_database_keeps_its_log_and_gets_back_what_it_lost() {
    let relay = Running::start().await;
    relay.witnesses().await;
    let context = relay.world.directory.context(Environment::Live);
    let place = |receipt: &pouch_envelope::SignedReceipt| {
        receipt.accepted(&key("relay-1 receipts").public(), &context).unwrap().index
    };
    let sender = relay.dial("NL/technical").await;
    let (first, second, third) = (fresh(&relay.world), fresh(&relay.world), fresh(&relay.world));
    submit(&sender, &first).await.unwrap();
    published(&sender, 0).await;
    let (dir, world) = relay.stop().await;
    let (database, backup) = (dir.path().join("data/relay.sqlite"), dir.path().join("backup.sqlite"));
    copy(&database, &backup);

    let relay = Running::start_in(dir, world).await;
    relay.witnesses().await;
    let sender = relay.dial("NL/technical").await;
    assert_eq!(epoch(&sender, &relay).await.1, 1);
    assert_eq!(place(&submit(&sender, &second).await.unwrap()), 1);
    published(&sender, 1).await;
    let (dir, world) = relay.stop().await;
    copy(&backup, &database);

    let relay = Running::start_in(dir, world).await;
    relay.witnesses().await;
    let sender = relay.dial("NL/technical").await;
    assert!(epoch(&sender, &relay).await.1 > 1, "senders are told");
    published(&sender, 1).await;
    assert_eq!(place(&submit(&sender, &second).await.unwrap()), 1, "its place in the log is kept");
    assert_eq!(place(&submit(&sender, &third).await.unwrap()), 2);
    published(&sender, 2).await;
    let mut md = relay.attach("MD/technical").await;
    for message in [&first, &second, &third] {
        let (deliver, payload, stream) = md.delivery().await;
        let envelope = Header::id_of(&deliver.header);
        assert_eq!((envelope, payload), (Header::id_of(&message.header_bytes()), message.payload.clone()));
        stream.answer(&Taken { envelope }).await.unwrap();
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_disk_damaged_is_asked_for_again_and_delivered() {
    let relay = Running::start().await;
    let sender = relay.dial("NL/technical").await;
    let (spoiled, good) = (fresh(&relay.world), fresh(&relay.world));
    submit(&sender, &spoiled).await.unwrap();
    submit(&sender, &good).await.unwrap();
    let (dir, world) = relay.stop().await;
    let database = dir.path().join("data/relay.sqlite");
    let mut bytes = std::fs::read(&database).unwrap();
    // The salt stands in the header, and makes it this message's.
    let header = spoiled.header_bytes();
    let at = bytes.windows(header.len()).position(|window| window == header).unwrap();
    bytes[at + header.len() / 2] ^= 4;
    std::fs::write(&database, bytes).unwrap();

    let relay = Running::start_in(dir, world).await;
    let sender = relay.dial("NL/technical").await;
    let (mut told, before) = epoch(&sender, &relay).await;
    let mut md = relay.attach("MD/technical").await;
    let (deliver, _, stream) = md.delivery().await;
    let envelope = Header::id_of(&good.header_bytes());
    assert_eq!(Header::id_of(&deliver.header), envelope, "the other one is served");
    stream.answer(&Taken { envelope }).await.unwrap();
    let raised = async {
        loop {
            let frame = told.recv().await.unwrap().unwrap();
            if frame.kind() == FrameKind::Changed && frame.read::<Changed>().unwrap().epoch > before {
                return;
            }
        }
    };
    soon("a new epoch", raised).await;
    let data = relay.dir.path().join("data");
    let named = async {
        loop {
            if let Ok(Some(status)) = RelayStatus::read(&data)
                && !status.damaged.is_empty()
            {
                return status.damaged;
            }
            tokio::task::yield_now().await;
        }
    };
    let id = Header::id_of(&header);
    assert!(soon("its status", named).await.iter().any(|name| name.contains(&id.to_string())));
    submit(&sender, &spoiled).await.unwrap();
    let (deliver, payload, _) = md.delivery().await;
    assert_eq!((Header::id_of(&deliver.header), payload), (id, spoiled.payload.clone()));
    relay.stop().await;
}
