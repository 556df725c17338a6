//! What a node hands on to prove a notice to others: nothing that does not hold any more.

use pouch_control::{Answer, Call, ClientError};
use pouch_notice::{EvidenceFile, JointFile, body_from_toml};
use pouch_store::Inbox as _;
use pouch_wire::{Canonical as _, NoticeType};

use crate::node::{NOTHING, Running, Starting, network, sealed, signed_body};
use crate::relay::{FakeRelay, delivery, proof};
use crate::world::NOW;

/// The code with which the node refuses, and the file otherwise.
async fn asked(node: &Running, call: &Call) -> Result<Vec<u8>, String> {
    match node.client.call(call).await {
        Ok(Answer::File { bytes, .. }) => Ok(bytes.0),
        Err(ClientError::Refused(refusal)) => Err(refusal.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_proof_that_holds_no_more_is_fetched_again_and_never_handed_on() {
    let relay = FakeRelay::start("relay-1");
    let world = network(&[&relay]);
    let node = Running::start(&world).await;
    let fields = "text = \"We call for restraint.\"\nthreshold = 2\ninvited = [\"MD\", \"NL\"]";
    let body = body_from_toml(NoticeType::JointStatement, fields).unwrap();
    let message = sealed(&world, signed_body(&world, 1, body), 1, NOTHING);
    let receipt = world.receipt("relay-1", message.id(), 0, NOW);
    relay.deliver(&delivery(&message, receipt), message.payload()).await.unwrap();
    // It held when it was kept; the network changed since.
    let folder = node.folder();
    let store = node.kept().await;
    store.put_proof(message.id(), b"stale".to_vec()).await.unwrap();
    store.close().await.unwrap();
    let node = Starting::of("MD/technical", &world, folder).serves().await;
    relay.asked_again().await;
    let id = message.id().to_string();
    let (evidence, joint) = (Call::Evidence { id: id.clone() }, Call::JointExport { id });
    // The relay gives another that does not hold either.
    relay.served.lock().unwrap().proof = Some(b"neither".to_vec());
    assert_eq!(asked(&node, &evidence).await, Err("POUCH-AGT-45".into()));
    assert_eq!(asked(&node, &joint).await, Err("POUCH-JNT-05".into()));
    relay.served.lock().unwrap().proof = Some(proof("relay-1", message.id()));
    let file = JointFile::from_bytes(&asked(&node, &joint).await.unwrap()).unwrap();
    file.verify(&world.charter).unwrap();
    // The good one is kept.
    relay.served.lock().unwrap().proof = None;
    let file = EvidenceFile::from_bytes(&asked(&node, &evidence).await.unwrap()).unwrap();
    file.verify(&world.charter).unwrap();
    node.stop().await;
}
