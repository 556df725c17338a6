//! Somebody is away: the recipient, the sender, the relay, a witness. What was accepted arrives all the
//! same, without other traffic to wake anybody.

use pouch_store::{AgentStore, Prekeys as _};
use pouch_testkit::stage::{PATIENCE, is, word};
use serde_json::Value;

use crate::network::{Network, connected, green, inbox_with, pair, tell};

/// Two states.
async fn two() -> Network {
    Network::start(pair()).await
}

#[tokio::test]
async fn a_node_that_was_stopped_gets_everything_when_it_is_back() {
    let mut network = two().await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    let nl = network.nodes.last_mut().unwrap();
    let mut sent = Vec::new();
    for n in 0..5 {
        sent.push(tell(nl, "MD/policy", &format!("While you were away, {n}")).await);
    }
    nl.progress(&sent[4], "MD/policy", "accepted").await.unwrap();
    let mut md = network.stage.start_node("md").await.unwrap();
    let rows = inbox_with(&mut md, &sent).await;
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(green), "{rows:?}");
    network.nodes.last_mut().unwrap().progress(&sent[4], "MD/policy", "verified").await.unwrap();
    network.nodes.push(md);
    network.stop().await;
}

#[tokio::test]
async fn a_node_that_was_killed_gets_everything_once_when_it_is_back() {
    let mut network = two().await;
    let mut md = network.nodes.pop().unwrap();
    let before = tell(&network.nodes[0], "MD/policy", "Before the power failed").await;
    md.received(&before).await.unwrap();
    md.service.kill().await.unwrap();
    let mut sent = vec![before];
    for n in 0..3 {
        sent.push(tell(&network.nodes[0], "MD/policy", &format!("In the dark, {n}")).await);
    }
    network.nodes[0].progress(&sent[3], "MD/policy", "accepted").await.unwrap();
    let mut md = network.stage.start_node("md").await.unwrap();
    let rows = inbox_with(&mut md, &sent).await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(green), "{rows:?}");
    network.nodes.push(md);
    network.stop().await;
}

#[tokio::test]
async fn a_sender_is_told_that_its_message_came_too_late_to_be_opened() {
    let mut network = two().await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    let nl = network.nodes.last_mut().unwrap();
    let sent = tell(nl, "MD/policy", "Sealed to keys that will be gone").await;
    nl.progress(&sent, "MD/policy", "accepted").await.unwrap();
    let store = AgentStore::open(network.stage.path("md/data/agent.sqlite").as_ref()).unwrap();
    for prekey in store.prekeys().await.unwrap() {
        store.destroy_prekey(prekey.id).await.unwrap();
    }
    store.close().await.unwrap();
    let mut md = network.stage.start_node("md").await.unwrap();
    let refused = |event: &Value| is(event, "kind", "refused-arrival") && is(event, "envelope", &sent);
    md.watcher.wait_for("the refusal", PATIENCE, refused).await.unwrap();
    let nl = network.nodes.last_mut().unwrap();
    let told = |event: &Value| is(event, "kind", "progress") && word(event, "words").contains("REFUSED");
    nl.watcher.wait_for("being told", PATIENCE, told).await.unwrap();
    let rows = nl.json(&["outbox"]).await.unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| is(row, "envelope", &sent)).unwrap();
    assert_eq!(row.pointer("/ladder/0/rung").and_then(Value::as_str), Some("refused"), "{row}");
    assert_eq!(row.pointer("/ladder/0/detail").and_then(Value::as_str), Some("POUCH-OPN-01"), "{row}");
    // The other way, everything is as it was.
    let answer = tell(&md, "NL/technical", "Please send it again").await;
    nl.received(&answer).await.unwrap();
    network.nodes.push(md);
    network.stop().await;
}

#[tokio::test]
async fn what_a_relay_accepted_arrives_though_its_sender_is_gone() {
    let mut network = two().await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    let mut nl = network.nodes.pop().unwrap();
    let sent = tell(&nl, "MD/policy", "I must leave now").await;
    nl.progress(&sent, "MD/policy", "accepted").await.unwrap();
    nl.service.kill().await.unwrap();
    let mut md = network.stage.start_node("md").await.unwrap();
    md.received(&sent).await.unwrap();
    let acknowledged = md.run(&["ack", &sent, "--officer", "Duty officer"]).await.unwrap();
    assert_eq!(acknowledged.exit, 0, "{}", acknowledged.stderr);
    let mut nl = network.stage.start_node("nl").await.unwrap();
    nl.progress(&sent, "MD/policy", "acknowledged").await.unwrap();
    network.nodes.extend([nl, md]);
    network.stop().await;
}

#[tokio::test]
async fn a_notice_waits_for_the_relay_with_exit_code_20_and_leaves_by_itself() {
    let mut network = two().await;
    network.relay.stop().await.unwrap();
    for node in &mut network.nodes {
        node.watcher.wait_for("the link's end", PATIENCE, ended).await.unwrap();
    }
    let send = ["send", "--to", "MD/policy", "--subject", "S", "--text", "Waits here.", "--json"];
    let queued = network.nodes[0].run(&send).await.unwrap();
    assert_eq!(queued.exit, 20, "{}", queued.stderr);
    assert!(queued.stderr.contains("kept here"), "{}", queued.stderr);
    let sent: Value = serde_json::from_str(&queued.stdout).unwrap();
    let envelope = word(&sent["value"], "envelope").to_owned();
    let status = network.nodes[0].json(&["status"]).await.unwrap();
    assert_eq!(status["queued"], 1);
    assert_eq!(status["relays"][0][1], false);
    // It is kept by the sender's disk, not by its memory.
    let nl = network.nodes.remove(0);
    nl.service.kill().await.unwrap();
    network.nodes.insert(0, network.stage.start_node("nl").await.unwrap());
    network.relay = network.stage.start_relay().await.unwrap();
    let rows = inbox_with(&mut network.nodes[1], std::slice::from_ref(&envelope)).await;
    assert!(rows.len() == 1 && green(&rows[0]), "{rows:?}");
    network.nodes[0].progress(&envelope, "MD/policy", "verified").await.unwrap();
    network.stop().await;
}

fn ended(event: &Value) -> bool {
    is(event, "kind", "link") && word(event, "words").contains("ended")
}

#[tokio::test]
async fn what_a_relay_accepted_survives_its_death() {
    let mut network = two().await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    let mut sent = Vec::new();
    for n in 0..3 {
        sent.push(tell(&network.nodes[0], "MD/policy", &format!("Accepted, {n}")).await);
    }
    network.nodes[0].progress(&sent[2], "MD/policy", "accepted").await.unwrap();
    network.relay.kill().await.unwrap();
    network.relay = network.stage.start_relay().await.unwrap();
    // Its own sessions are void now; the next notice finds that out, and goes over a new one.
    sent.push(tell(&network.nodes[0], "MD/policy", "After the relay's death").await);
    let mut md = network.stage.start_node("md").await.unwrap();
    let rows = inbox_with(&mut md, &sent).await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(green), "{rows:?}");
    network.nodes[0].progress(&sent[3], "MD/policy", "verified").await.unwrap();
    network.nodes.push(md);
    network.stop().await;
}

/// Killed, it tells nobody; started again with the secrets that it kept, it resets the sessions of its
/// former self at the first sign of life that nodes give. Nobody waits until a session counts as silent.
#[tokio::test]
async fn a_relay_that_was_killed_is_noticed_when_it_is_back_and_nobody_waits_for_silence() {
    let mut network = two().await;
    for node in &mut network.nodes {
        connected(node).await;
    }
    let killed = std::time::Instant::now();
    network.relay.kill().await.unwrap();
    network.relay = network.stage.start_relay().await.unwrap();
    for node in &mut network.nodes {
        let end = node.watcher.wait_for("the link's end", PATIENCE, ended).await.unwrap();
        assert_eq!(word(&end, "code"), "POUCH-NET-33", "the relay was restarted: {end}");
        let back = |event: &Value| is(event, "kind", "link") && word(event, "words").starts_with("connected");
        node.watcher.wait_for("a new link", PATIENCE, back).await.unwrap();
        println!("back after {:?}", killed.elapsed());
    }
    network.stop().await;
}

#[tokio::test]
async fn one_witness_may_be_away() {
    let mut network = two().await;
    network.witnesses.pop().unwrap().stop().await.unwrap();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = tell(nl, "MD/policy", "Two witnesses are enough").await;
    md.received(&sent).await.unwrap();
    // The log's place is promised at once and proved when the remaining witnesses have cosigned.
    let output = network.stage.path("evidence");
    let exported = md.run(&["evidence", "export", &sent, "--output", &output]).await.unwrap();
    assert_eq!(exported.exit, 0, "{}", exported.stderr);
    let charter = network.stage.path("charter.pouch");
    let audited =
        network.stage.program.ok(&["audit", "evidence", &output, "--charter", &charter]).await.unwrap();
    assert!(audited.contains("evidence holds"), "{audited}");
    network.stop().await;
}

#[tokio::test]
async fn a_flash_that_overtakes_what_waits_is_not_called_gapped_once_all_is_there() {
    let mut network = two().await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    let mut sent = Vec::new();
    for n in 0..3 {
        sent.push(tell(&network.nodes[0], "MD/policy", &format!("Routine, {n}")).await);
    }
    let flash =
        ["send", "--to", "MD/policy", "--precedence", "flash", "--yes", "--subject", "F", "--text", "F"];
    let flash = network.nodes[0].json(&flash).await.unwrap();
    sent.push(word(&flash, "envelope").to_owned());
    network.nodes[0].progress(&sent[2], "MD/policy", "accepted").await.unwrap();
    network.nodes[0].progress(&sent[3], "MD/policy", "accepted").await.unwrap();
    let mut md = network.stage.start_node("md").await.unwrap();
    let rows = inbox_with(&mut md, &sent).await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(green), "{rows:?}");
    network.nodes.push(md);
    network.stop().await;
}
