//! What happens to a notice when everybody is honest.

use pouch_testkit::stage::word;

use crate::network::{Network, pair};

#[tokio::test]
async fn a_notice_between_two_states_is_verified_and_acknowledged() {
    let mut network = Network::start(pair()).await;
    let text = "Two substations are off.";
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let send = ["send", "--to", "MD/policy", "--type", "free-text", "--subject", "Power", "--text", text];
    let sent = nl.json(&send).await.unwrap();
    let envelope = word(&sent, "envelope");
    md.received(envelope).await.unwrap();
    let shown = md.ok(&["show", envelope]).await.unwrap();
    assert!(shown.contains(text), "{shown}");
    md.ok(&["ack", envelope, "--officer", "Duty officer"]).await.unwrap();
    nl.progress(envelope, "MD/policy", "acknowledged").await.unwrap();
    network.stop().await;
}
