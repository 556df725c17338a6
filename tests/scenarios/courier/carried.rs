//! What is carried there and back, and what comes of it when the network is there again.

use std::os::unix::fs::PermissionsExt as _;

use pouch_store::{AgentStore, Prekeys as _};
use pouch_testkit::stage::{PATIENCE, Party, is, word};
use serde_json::Value;

use super::{clause, cut_off, exported, flash, imported, inbox, outcomes, received, rung, told};
use crate::network::{Network, connected, green, inbox_with, pair, refused, tell};

/// Two states whose relay is gone.
pub(super) async fn without_a_relay() -> Network {
    cut(Network::start(pair()).await).await
}

async fn cut(mut network: Network) -> Network {
    network.relay.end().await.unwrap();
    for node in &mut network.nodes {
        cut_off(node).await;
    }
    network
}

/// Waits until the relay brought what a courier had brought before.
async fn came_over_the_relay_too(network: &mut Network, node: usize, envelope: &str) {
    let fits = |event: &Value| {
        is(event, "envelope", envelope) && word(event, "words").contains("which a courier had brought")
    };
    network.nodes[node].watcher.wait_for("the relay's copy", PATIENCE, fits).await.unwrap();
}

#[tokio::test]
pub(super) async fn without_a_relay_a_courier_carries_a_flash_there_and_its_receipts_back() {
    let mut network = without_a_relay().await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_slice() else { panic!("two nodes") };
    let sent = flash(nl, "MD/policy", "The grid is down").await;
    let there = exported(nl, &stage, "there.courier", &["--to", "MD"]).await;
    assert_eq!(std::fs::metadata(&there).unwrap().permissions().mode() & 0o777, 0o600);
    let on_the_way = rung(nl, &sent).await;
    assert_eq!(word(&on_the_way, "rung"), "queued", "a file is no delivery: {on_the_way}");
    assert!(on_the_way["courier_at"].is_u64(), "{on_the_way}");
    let shown = nl.ok(&["outbox"]).await.unwrap();
    assert!(shown.contains("handed to a courier file, and not confirmed"), "{shown}");

    assert_eq!(imported(md, &there).await, (vec![received("POUCH-VER-63")], 0));
    let rows = inbox(md).await;
    assert!(rows.len() == 1 && rows[0]["courier_at"].is_u64(), "{rows:?}");
    assert_eq!(rows[0].pointer("/verdict/colour").and_then(Value::as_str), Some("amber"));
    let shown = md.run(&["show", &sent, "--why"]).await.unwrap();
    assert_eq!(shown.exit, 14, "{shown:?}");
    assert!(shown.stdout.contains("Carried by courier, here since"), "{}", shown.stdout);
    assert!(shown.stdout.contains("The grid is down"), "{}", shown.stdout);
    refused(
        &md.run(&["evidence", "export", &sent, "--output", &stage.path("none")]).await.unwrap(),
        14,
        "POUCH-COU-12",
    );
    // Again, and again: nothing changes.
    let again = imported(md, &there).await;
    assert_eq!(outcomes(&again), (vec!["here-already"], 0));

    md.ok(&["ack", &sent, "--officer", "Duty officer"]).await.unwrap();
    let back = exported(md, &stage, "back.courier", &["--to", "NL/technical"]).await;
    assert_eq!(outcomes(&imported(nl, &back).await), (vec!["receipt", "receipt"], 0));
    let acknowledged = rung(nl, &sent).await;
    assert_eq!(word(&acknowledged, "rung"), "acknowledged", "{acknowledged}");
    assert!(acknowledged["courier_at"].is_u64(), "{acknowledged}");

    // The network is back: the relay gets it too, so that it is logged; nobody sees it twice.
    network.relay = stage.start_relay().await.unwrap();
    came_over_the_relay_too(&mut network, 1, &sent).await;
    connected(&mut network.nodes[1]).await;
    let md = &network.nodes[1];
    md.ok(&["evidence", "export", &sent, "--output", &stage.path("evidence")]).await.unwrap();
    assert_eq!(clause(md, &sent, "log").await, ("holds".to_owned(), "POUCH-VER-00".to_owned()));
    let rows = inbox(md).await;
    assert!(rows.len() == 1 && rows[0]["courier_at"].is_u64(), "{rows:?}");
    assert_eq!(outcomes(&imported(md, &there).await), (vec!["here-already"], 0), "an old file is no news");
    // What comes after it stands in its place.
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let next = tell(nl, "MD/policy", "The grid is up").await;
    let rows = inbox_with(md, std::slice::from_ref(&next)).await;
    assert!(rows.len() == 2 && green(&rows[0]), "{rows:?}");
    network.stop().await;
}

#[tokio::test]
async fn a_relay_that_is_back_before_the_receipts_brings_them_and_nothing_twice() {
    let mut network = without_a_relay().await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_slice() else { panic!("two nodes") };
    let first = flash(nl, "MD/policy", "One").await;
    let second = flash(nl, "MD/policy", "Two").await;
    // Without a name it is everything that waits here.
    let there = exported(nl, &stage, "there.courier", &[]).await;
    assert_eq!(outcomes(&imported(md, &there).await), (vec!["received", "received"], 0));
    network.relay = stage.start_relay().await.unwrap();
    came_over_the_relay_too(&mut network, 1, &first).await;
    came_over_the_relay_too(&mut network, 1, &second).await;
    network.nodes[0].progress(&second, "MD/policy", "verified").await.unwrap();
    let rows = inbox(&network.nodes[1]).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    let nothing =
        network.nodes[0].run(&["courier", "export", "--output", &stage.path("none")]).await.unwrap();
    refused(&nothing, 4, "POUCH-COU-10");
    network.stop().await;
}

#[tokio::test]
async fn what_a_courier_brings_before_what_came_first_has_a_gap_until_that_comes() {
    let network = without_a_relay().await;
    let stage = &network.stage;
    let [nl, md] = network.nodes.as_slice() else { panic!("two nodes") };
    let first = flash(nl, "MD/policy", "One").await;
    let second = flash(nl, "MD/policy", "Two").await;
    let later = exported(nl, stage, "later.courier", &[&second]).await;
    let earlier = exported(nl, stage, "earlier.courier", &[&first]).await;
    assert_eq!(imported(md, &later).await.1, 0);
    let (state, code) = clause(md, &second, "order").await;
    assert_eq!((state.as_str(), code.as_str()), ("unsure", "POUCH-ORD-01"));
    assert_eq!(imported(md, &earlier).await.1, 0);
    assert_eq!(clause(md, &second, "order").await.0, "holds");
    assert_eq!(clause(md, &first, "order").await.0, "holds");
    network.stop().await;
}

#[tokio::test]
async fn what_is_sealed_to_a_destroyed_key_is_refused_and_its_sender_is_told_by_courier() {
    let mut network = without_a_relay().await;
    let stage = network.stage.clone();
    let sent = flash(&network.nodes[0], "MD/policy", "Too late").await;
    let there = exported(&network.nodes[0], &stage, "there.courier", &[&sent]).await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    let store = AgentStore::open(stage.path("md/data/agent.sqlite").as_ref()).unwrap();
    for prekey in store.prekeys().await.unwrap() {
        store.destroy_prekey(prekey.id).await.unwrap();
    }
    store.close().await.unwrap();
    network.nodes.push(stage.start_node("md").await.unwrap());
    let [nl, md] = network.nodes.as_slice() else { panic!("two nodes") };
    let found = imported(md, &there).await;
    assert_eq!(found, (vec![("refused".to_owned(), "POUCH-OPN-01".to_owned())], 10));
    let said = md.run(&["courier", "import", &there]).await.unwrap();
    assert!(said.stdout.contains("ask to send it again"), "{said:?}");
    let back = exported(md, &stage, "back.courier", &[]).await;
    assert_eq!(outcomes(&imported(nl, &back).await), (vec!["receipt"], 0));
    let rung = rung(nl, &sent).await;
    assert_eq!((word(&rung, "rung"), word(&rung, "detail")), ("refused", "POUCH-OPN-01"), "{rung}");
    network.stop().await;
}

#[tokio::test]
async fn a_file_brings_the_directory_that_its_messages_rest_on() {
    let mut network = Network::start(pair()).await;
    let stage = network.stage.clone();
    network.nodes.pop().unwrap().stop().await.unwrap();
    // A key that MD does not know of: its node is off when that changes.
    let (root, passphrase) = (stage.path("nl-root"), stage.passphrase("nl-root"));
    let rotate =
        ["keys", "rotate", "--member-dir", &root, "--throw-away", "--yes", "--passphrase-file", &passphrase];
    network.nodes[0].ok(&rotate).await.unwrap();
    let mut network = cut(network).await;
    network.nodes.push(stage.start_node("md").await.unwrap());
    let [nl, md] = network.nodes.as_slice() else { panic!("two nodes") };
    let sent = flash(nl, "MD/policy", "Under a new key").await;
    let whole = exported(nl, &stage, "whole.courier", &["--to", "MD/policy"]).await;
    let before = md.json(&["directory", "show"]).await.unwrap()["size"].as_u64().unwrap();
    // Without the directory the message cannot be judged, and nothing of it is kept.
    let directory = nl.json(&["directory", "show"]).await.unwrap();
    let id = pouch_wire::NetworkId(word(&directory, "network").parse().unwrap());
    let file = super::parts::read(&whole, id);
    let bare = stage.path("bare.courier");
    super::parts::write(&bare, id, None, file.messages().to_vec());
    let found = imported(md, &bare).await;
    assert_eq!(found, (vec![("not-yet".to_owned(), "POUCH-VER-70".to_owned())], 14));
    assert!(inbox(md).await.is_empty());

    let (value, exit) = told(md, &["courier", "import", &whole]).await;
    assert_eq!(exit, 0, "{value}");
    assert_eq!(value["directory"]["newer"], true, "{value}");
    let after = md.json(&["directory", "show"]).await.unwrap()["size"].as_u64().unwrap();
    assert!(after > before && Some(after) == directory["size"].as_u64(), "{before} {after}");
    assert_eq!(clause(md, &sent, "binding").await.0, "holds");
    // Whoever answered has shown what it knows: the next file has only what is newer.
    let back = exported(md, &stage, "back.courier", &["--to", "NL"]).await;
    assert_eq!(outcomes(&imported(nl, &back).await), (vec!["receipt"], 0));
    flash(nl, "MD/policy", "And more").await;
    let next = exported(nl, &stage, "next.courier", &["--to", "MD/policy"]).await;
    let next = super::parts::read(&next, id);
    assert_eq!(next.directory().map(|excerpt| (excerpt.from, excerpt.entries.len())), Some((after, 0)));
    network.stop().await;
}

#[tokio::test]
async fn a_file_for_others_or_of_one_s_own_says_so_and_changes_nothing() {
    let parties =
        vec![Party::simple("NL/technical"), Party::simple("MD/policy"), Party::simple("BA/technical")];
    let network = cut(Network::start(parties).await).await;
    let stage = &network.stage;
    let [nl, md, ba] = network.nodes.as_slice() else { panic!("three nodes") };
    flash(nl, "MD/policy", "For MD alone").await;
    flash(nl, "BA/technical", "For BA alone").await;
    let for_md = exported(nl, stage, "md.courier", &["--to", "MD"]).await;
    refused(&ba.run(&["courier", "import", &for_md]).await.unwrap(), 4, "POUCH-COU-11");
    let own = nl.run(&["courier", "import", &for_md]).await.unwrap();
    refused(&own, 4, "POUCH-COU-11");
    assert!(own.stderr.contains("written by this node"), "{own:?}");
    assert!(inbox(ba).await.is_empty() && inbox(nl).await.is_empty());
    // A file for both has something for each.
    let both = exported(nl, stage, "both.courier", &[]).await;
    let (value, exit) = told(ba, &["courier", "import", &both]).await;
    assert_eq!((exit, value["for_others"].as_u64()), (0, Some(1)), "{value}");
    assert_eq!(outcomes(&imported(md, &both).await), (vec!["received"], 0));
    // An existing file is not written over.
    let again = nl.run(&["courier", "export", "--output", &both]).await.unwrap();
    refused(&again, 1, "POUCH-CLI-02");
    network.stop().await;
}
