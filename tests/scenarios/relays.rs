//! Two relays: either may die, and costs nothing but its own availability.

use std::time::Instant;

use pouch_store::{Mailboxes as _, RelayStore};
use pouch_testkit::stage::{Node, PATIENCE, Party, is, word};
use serde_json::Value;

use crate::network::{Network, connected_to, green, inbox_with, refused, tell};

const BOTH: [&str; 2] = ["relay-1", "relay-2"];

/// States that collect their messages at both relays.
async fn at_both(offices: &[&str]) -> Network {
    let parties = offices.iter().map(|office| Party::simple(office).at(&BOTH)).collect();
    let mut network = Network::start_with(parties, 2).await;
    for node in &mut network.nodes {
        for relay in BOTH {
            connected_to(node, relay).await;
        }
    }
    network
}

/// Waits until a node was told that both relays accepted its message, in whatever order.
async fn accepted_by_both(node: &mut Node, envelope: &str) {
    let mut missing = BOTH.to_vec();
    while !missing.is_empty() {
        let accepted = |event: &Value, relay: &str| {
            is(event, "envelope", envelope) && word(event, "words").ends_with(&format!("accepted by {relay}"))
        };
        let any = |event: &Value| missing.iter().any(|relay| accepted(event, relay));
        let event = node.watcher.wait_for("what both relays accept", PATIENCE, any).await.unwrap();
        missing.retain(|relay| !accepted(&event, relay));
    }
}

/// What a stopped relay still keeps for MD.
async fn kept_for_md(network: &Network, folder: &str) -> usize {
    let path = network.stage.dir().join(folder).join("data/relay.sqlite");
    let store = RelayStore::open(&path).unwrap();
    let kept = store.pending(&"MD/policy".parse().unwrap(), 100).await.unwrap().len();
    store.close().await.unwrap();
    kept
}

/// Nobody becomes the directory's keeper by the way: the proposal that drops the first relay names the next.
async fn who_comes_first_is_said(network: &Network) {
    let (nl, output) = (&network.nodes[0], network.stage.path("change.pouch"));
    let drop = ["network", "propose", "change", "--drop-relay", "relay-1", "--output", &output];
    refused(&nl.run(&drop).await.unwrap(), 23, "POUCH-CER-11");
    let named = nl.run(&[&drop[..], &["--first-relay", "relay-2", "--quiet"]].concat()).await.unwrap();
    assert_eq!(named.exit, 0, "{}", named.stderr);
    assert!(
        named.stdout.contains("relay relay-2 comes first and keeps the directory log"),
        "{}",
        named.stdout
    );
    for part in ["relay-1 keeps the directory log no more", "must hold the present keys of the directory log"]
    {
        assert!(named.stderr.contains(part), "{part}: {}", named.stderr);
    }
}

#[tokio::test]
async fn a_message_goes_to_both_relays_and_is_shown_once() {
    let mut network = at_both(&["NL/technical", "MD/policy"]).await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    who_comes_first_is_said(&network).await;
    let nl = network.nodes.last_mut().unwrap();
    let first = tell(nl, "MD/policy", "Through both").await;
    accepted_by_both(nl, &first).await;
    // MD takes it from one relay while the other is away, and then from the other.
    network.followers.pop().unwrap().stop().await.unwrap();
    let mut md = network.stage.start_node("md").await.unwrap();
    md.received(&first).await.unwrap();
    network.relay.stop().await.unwrap();
    network.followers.push(network.stage.start_relay_number(2).await.unwrap());
    let nl = network.nodes.last_mut().unwrap();
    connected_to(nl, "relay-2").await;
    let second = tell(nl, "MD/policy", "Behind it").await;
    // One sender's messages come in their order: that this one came shows that the first came again.
    let rows = inbox_with(&mut md, &[first.clone(), second]).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(green), "{rows:?}");
    network.nodes.push(md);
    network.relay = network.stage.start_relay().await.unwrap();
    for node in &mut network.nodes {
        connected_to(node, "relay-1").await;
    }
    let third = tell(&network.nodes[0], "MD/policy", "Both are back").await;
    let rows = inbox_with(&mut network.nodes[1], &[third]).await;
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(green), "{rows:?}");
    network.stop().await;
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figure is for whoever reads the run, and decides nothing")]
async fn a_flash_goes_through_the_other_relay_at_once_when_one_is_dead() {
    let mut network = at_both(&["NL/technical", "MD/policy", "BA/technical"]).await;
    let before = tell(&network.nodes[0], "MD/policy", "While both live").await;
    network.nodes[1].received(&before).await.unwrap();
    network.nodes[0].progress(&before, "MD/policy", "verified").await.unwrap();
    // As a power failure would: nobody is told, and the sessions look alive.
    network.relay.kill().await.unwrap();
    let flash =
        ["send", "--to", "MD/policy", "--precedence", "flash", "--yes", "--subject", "F", "--text", "F"];
    let sending = Instant::now();
    let sent = network.nodes[0].json(&flash).await.unwrap();
    let flash = word(&sent, "envelope").to_owned();
    let queued = sending.elapsed();
    network.nodes[1].received(&flash).await.unwrap();
    let there = sending.elapsed();
    network.nodes[0].progress(&flash, "MD/policy", "verified").await.unwrap();
    println!(
        "a flash with one relay of two dead: command {queued:.2?}, received {there:.2?}, confirmed {:.2?}",
        sending.elapsed()
    );
    // The directory is still read, and as fresh as its witnesses left it: also by one that begins anew, and
    // from a relay that was killed itself meanwhile.
    network.followers.pop().unwrap().kill().await.unwrap();
    let (folder, charter) =
        (network.stage.path("relay-2/log/directory"), network.stage.path("charter.pouch"));
    network.stage.program.ok(&["directory", "verify", &folder, "--charter", &charter]).await.unwrap();
    network.followers.push(network.stage.start_relay_number(2).await.unwrap());
    let size = network.nodes[0].json(&["status"]).await.unwrap()["directory_size"].clone();
    network.nodes.pop().unwrap().stop().await.unwrap();
    std::fs::remove_dir_all(network.stage.dir().join("ba/data")).unwrap();
    let mut ba = network.stage.start_node("ba").await.unwrap();
    loop {
        let status = ba.json(&["status"]).await.unwrap();
        if status["directory_size"] == size {
            assert!(!status["cosigned_at"].is_null(), "{status}");
            break;
        }
        let news = |event: &Value| is(event, "kind", "directory");
        ba.watcher.wait_for("the directory of the relay that is left", PATIENCE, news).await.unwrap();
    }
    network.nodes.push(ba);
    // The first relay is back, and everything catches up.
    network.relay = network.stage.start_relay().await.unwrap();
    for node in &mut network.nodes {
        node.everyone_can_be_sealed_to().await.unwrap();
    }
    let after = tell(&network.nodes[0], "MD/policy", "Both again").await;
    network.nodes[1].received(&after).await.unwrap();
    network.nodes[0].progress(&after, "MD/policy", "verified").await.unwrap();
    network.stop().await;
}

#[tokio::test]
async fn what_is_for_the_dead_relay_alone_waits_and_says_so() {
    let parties = vec![Party::simple("NL/technical").at(&BOTH), Party::simple("MD/policy").at(&["relay-1"])];
    let mut network = Network::start_with(parties, 2).await;
    connected_to(&mut network.nodes[0], "relay-2").await;
    network.relay.stop().await.unwrap();
    let ended = |event: &Value| is(event, "kind", "link") && word(event, "words").contains("relay-1 ended");
    network.nodes[0].watcher.wait_for("the link's end", PATIENCE, ended).await.unwrap();
    let send = ["send", "--to", "MD/policy", "--subject", "S", "--text", "Waits here.", "--json"];
    let queued = network.nodes[0].run(&send).await.unwrap();
    assert_eq!(queued.exit, 20, "{}", queued.stderr);
    assert!(queued.stderr.contains("No relay of MD/policy can be reached (relay-1)"), "{}", queued.stderr);
    let listed = network.nodes[0].ok(&["outbox"]).await.unwrap();
    assert!(listed.contains("waits for relay-1, which cannot be reached now"), "{listed}");
    let sent: Value = serde_json::from_str(&queued.stdout).unwrap();
    let envelope = word(&sent["value"], "envelope").to_owned();
    network.relay = network.stage.start_relay().await.unwrap();
    network.nodes[1].received(&envelope).await.unwrap();
    network.nodes[0].progress(&envelope, "MD/policy", "verified").await.unwrap();
    // It went to no relay where MD collects nothing.
    network.followers.pop().unwrap().stop().await.unwrap();
    assert_eq!(kept_for_md(&network, "relay-2").await, 0);
    network.stop().await;
}
