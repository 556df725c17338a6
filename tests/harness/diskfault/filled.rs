//! Stores with something in them.

use std::path::Path;

use pouch_store::{
    AgentStore, Arrival, DirectoryLog as _, Inbox as _, Mailboxes as _, Outbox as _, Outgoing, RelayStore,
};
use pouch_tests::stored::{bytes, digest, message, precedence};
use pouch_wire::{EnvelopeId, Environment, NoticeId, Timestamp};

/// Who has messages at the relay.
pub(crate) const RECIPIENTS: [&str; 3] = ["MD/policy", "BA/technical", "AL/policy"];
/// How many messages.
pub(crate) const MESSAGES: u64 = 60;
/// How many entries of the directory.
pub(crate) const ENTRIES: u64 = 20;

/// Fills a relay's database and stops in order.
pub(crate) async fn relay(path: &Path) {
    let store = RelayStore::open(path).unwrap();
    for n in 0..MESSAGES {
        let to = &RECIPIENTS[..1 + (n % 3) as usize];
        store.accept(message(n, to, 500 + (n as usize % 7) * 1500)).await.unwrap();
    }
    store.append_entries((0..ENTRIES).map(|n| bytes(n, 700)).collect()).await.unwrap();
    store.close().await.unwrap();
}

/// Fills a node's database and stops in order.
pub(crate) async fn agent(path: &Path) {
    let store = AgentStore::open(path).unwrap();
    for n in 0..MESSAGES {
        let sequence = store
            .reserve(vec![RECIPIENTS[(n % 3) as usize].parse().unwrap()], Environment::Live)
            .await
            .unwrap();
        let outgoing = Outgoing {
            envelope: EnvelopeId(digest(n)),
            environment: Environment::Live,
            notice: Some(NoticeId(digest(n + 1000))),
            sealed: bytes(n, 900 + (n as usize % 5) * 1100),
            sequence,
            precedence: precedence(n),
            created: Timestamp(n),
            not_after: Timestamp(1_000_000),
            wrapped: bytes(n + 4, 300),
            concerns: None,
            secret: bytes(n + 5, 60),
            keys: Vec::new(),
            events: Vec::new(),
        };
        store.enqueue(outgoing).await.unwrap();
        let arrival = Arrival {
            envelope: EnvelopeId(digest(n + 5000)),
            environment: Environment::Live,
            notice: Some(NoticeId(digest(n + 6000))),
            concerns: None,
            amends: false,
            number: Some(format!("{n}/2026")),
            sender: RECIPIENTS[(n % 3) as usize].parse().unwrap(),
            precedence: precedence(n),
            created: Timestamp(n),
            arrived_at: Timestamp(n + 10),
            courier_at: None,
            stored: bytes(n + 9, 900 + (n as usize % 5) * 1100),
            wrapped: bytes(n + 6, 100),
            sequence: bytes(n + 8, 200),
            order: "next".into(),
            progress: None,
            receipt: None,
            log: Some(("relay-1".into(), n)),
            keys: Vec::new(),
            events: Vec::new(),
        };
        store.take_in(arrival).await.unwrap();
    }
    store.close().await.unwrap();
}
