//! The receipt ladder to its top, notices about notices, and every type of notice, once.

use pouch_testkit::stage::{Node, Party, is, word};
use serde_json::Value;

use crate::network::{Network, green, inbox_with, pair, refused, tell};

async fn two() -> Network {
    Network::start(pair()).await
}

async fn rung(node: &Node, envelope: &str) -> (String, String) {
    let shown = node.json(&["show", envelope]).await.unwrap();
    let row = &shown["ladder"][0];
    (word(row, "rung").to_owned(), word(row, "detail").to_owned())
}

#[tokio::test]
async fn a_notice_climbs_every_rung_of_the_ladder_and_never_down() {
    let mut network = two().await;
    network.nodes.pop().unwrap().stop().await.unwrap();
    let mut nl = network.nodes.pop().unwrap();
    let sent = tell(&nl, "MD/policy", "Climb").await;
    nl.progress(&sent, "MD/policy", "accepted").await.unwrap();
    assert_eq!(rung(&nl, &sent).await.0, "accepted");
    let mut md = network.stage.start_node("md").await.unwrap();
    md.received(&sent).await.unwrap();
    nl.progress(&sent, "MD/policy", "verified").await.unwrap();
    assert_eq!(rung(&nl, &sent).await.0, "verified");
    let ack = ["ack", &sent, "--officer", "Head of desk", "--answer-in", "2", "--note", "Minister informed"];
    let said = md.ok(&ack).await.unwrap();
    assert!(said.contains("receipt only, no concurrence"), "{said}");
    nl.progress(&sent, "MD/policy", "acknowledged").await.unwrap();
    let (at, detail) = rung(&nl, &sent).await;
    assert_eq!(at, "acknowledged");
    assert!(detail.starts_with("Head of desk, answer by 20"), "{detail}");
    assert!(detail.ends_with("Z: Minister informed"), "{detail}");
    let answer = md.json(&["reply", &sent, "--text", "We have it too."]).await.unwrap();
    nl.received(word(&answer, "envelope")).await.unwrap();
    nl.progress(&sent, "MD/policy", "answered").await.unwrap();
    // A later acknowledgement does not take an answer back.
    let again = md.ok(&["ack", &sent, "--officer", "Another"]).await.unwrap();
    assert!(again.contains("already acknowledged at 20"), "{again}");
    let last = tell(&md, "NL/technical", "Behind it").await;
    nl.received(&last).await.unwrap();
    assert_eq!(rung(&nl, &sent).await.0, "answered");
    network.nodes.extend([nl, md]);
    network.stop().await;
}

#[tokio::test]
async fn corrections_and_cancellations_name_the_notice_that_they_concern() {
    let mut network = two().await;
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = nl.json(&["send", "--to", "MD/policy", "--subject", "S", "--text", "Three."]).await.unwrap();
    let (number, envelope) = (word(&sent, "number"), word(&sent, "envelope"));
    md.received(envelope).await.unwrap();
    for (command, text) in [("correct", "Two, not three."), ("cancel", "A false alarm.")] {
        let about = nl.json(&[command, number, "--text", text]).await.unwrap();
        md.received(word(&about, "envelope")).await.unwrap();
        let shown = md.ok(&["show", word(&about, "number")]).await.unwrap();
        assert!(shown.contains(&format!("Concerns:       {number}")), "{shown}");
        assert!(shown.contains(text), "{shown}");
    }
    // Nobody takes back what another state said.
    let not_ours = md.run(&["cancel", number, "--text", "No."]).await.unwrap();
    refused(&not_ours, 2, "POUCH-NOT-06");
    assert!(not_ours.stderr.contains("pouch reply"), "{}", not_ours.stderr);
    let other = md.json(&["reply", number, "--type", "update", "--text", "We see two."]).await.unwrap();
    nl.received(word(&other, "envelope")).await.unwrap();
    network.stop().await;
}

#[tokio::test]
async fn what_is_said_about_a_notice_goes_to_whom_that_went_as_urgently_and_under_its_label() {
    let parties = ["NL/technical", "MD/policy", "BA/technical"].map(Party::simple).to_vec();
    let mut network = Network::start(parties).await;
    let [nl, md, ba] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    let about = ["--precedence", "immediate", "--tlp", "red", "--subject", "S", "--text", "T"];
    let both = ["send", "--to", "md/policy", "--info", "ba"];
    let sent = nl.json(&[&both[..], &about].concat()).await.unwrap();
    let number: Vec<&str> = word(&sent, "number").split(' ').collect();
    for node in [&mut *md, &mut *ba] {
        node.received(word(&sent, "envelope")).await.unwrap();
    }
    // A number needs no quotes, and its member no capitals.
    let shown = md.ok(&["show", "nl/technical", number[1]]).await.unwrap();
    assert!(shown.contains("| T"), "{shown}");
    let corrected = nl.json(&[&["correct"], &number[..], &["--text", "Two."]].concat()).await.unwrap();
    for (node, point, role) in [(&mut *md, "MD/policy", "to"), (&mut *ba, "BA/technical", "info")] {
        node.received(word(&corrected, "envelope")).await.unwrap();
        let inbox = node.json(&["inbox"]).await.unwrap();
        let row = inbox.as_array().unwrap().iter().find(|r| is(r, "notice_type", "correction")).unwrap();
        assert_eq!((word(row, "precedence"), word(row, "tlp")), ("immediate", "TLP:RED"));
        let ladder = corrected["ladder"].as_array().unwrap();
        let me = ladder.iter().find(|r| is(r, "recipient", point)).unwrap();
        assert_eq!(word(me, "role"), role);
    }
    // An answer repeats what it answers: its label is not made more open by the way.
    let reply = [&["reply"], &number[..], &["--text", "We see it too."]].concat();
    refused(&md.run(&[&reply[..], &["--tlp", "green"]].concat()).await.unwrap(), 23, "POUCH-AGT-47");
    for (more, label) in [(&[][..], "TLP:RED"), (&["--tlp", "green", "--yes"], "TLP:GREEN")] {
        let answer = md.json(&[&reply[..], more].concat()).await.unwrap();
        nl.received(word(&answer, "envelope")).await.unwrap();
        let shown = nl.json(&["show", word(&answer, "envelope")]).await.unwrap();
        assert_eq!(word(&shown["row"], "tlp"), label);
    }
    network.stop().await;
}

#[tokio::test]
async fn a_notice_that_was_corrected_or_withdrawn_is_never_shown_without_saying_so() {
    let mut network = Network::start(pair()).await;
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = tell(nl, "MD/policy", "Three substations").await;
    let kept = tell(nl, "MD/policy", "Nobody takes this back").await;
    md.received(&kept).await.unwrap();
    assert_eq!(md.run(&["show", &sent]).await.unwrap().exit, 0);
    for (command, code, words) in [
        ("correct", "POUCH-VER-55", "Its sender corrected it: NL/technical"),
        ("cancel", "POUCH-VER-54", "Its sender withdrew it: NL/technical"),
    ] {
        let about = nl.json(&[command, &sent, "--to", "MD/policy", "--text", "Two."]).await.unwrap();
        md.received(word(&about, "envelope")).await.unwrap();
        let shown = md.run(&["show", &sent]).await.unwrap();
        assert_eq!(shown.exit, 13, "{}", shown.stdout);
        let top = "LIVE - THIS IS NOT AN EXERCISE\nVERIFIED, WITH A RESERVATION";
        assert!(shown.stdout.starts_with(top), "{}", shown.stdout);
        assert!(shown.stdout.contains("RESERVATION:") && shown.stdout.contains("Three substations"));
        let inbox = md.ok(&["inbox"]).await.unwrap();
        assert!(inbox.contains(code) && inbox.contains(words), "{inbox}");
        assert!(inbox.starts_with("LIVE  ROUTINE  NL/technical"), "{inbox}");
        assert_eq!(md.run(&["show", &kept]).await.unwrap().exit, 0);
    }
    network.stop().await;
}

const TYPES: [&str; 13] = [
    "incident-notice",
    "inquiry",
    "request-assistance",
    "response",
    "update",
    "correction",
    "cancellation",
    "all-clear",
    "consultation-invite",
    "vulnerability-notice",
    "joint-statement",
    "comm-check",
    "free-text",
];

#[tokio::test]
async fn every_type_of_notice_goes_out_from_its_own_template_and_is_shown() {
    let mut network = two().await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let first = tell(nl, "MD/policy", "What the others are about").await;
    let mut sent = vec![first.clone()];
    for kind in TYPES {
        let template = stage.program.ok(&["send", "--template", "--type", kind]).await.unwrap();
        let file = stage.path(&format!("{kind}.toml"));
        std::fs::write(&file, template).unwrap();
        let what = ["--type", kind, "--subject", kind, "--file", &file, "--to", "MD/policy"];
        let about = ["response", "update", "correction", "cancellation", "all-clear"].contains(&kind);
        let command = if about { vec!["reply", &first] } else { vec!["send"] };
        let row = nl.json(&[command.as_slice(), &what].concat()).await.unwrap();
        sent.push(word(&row, "envelope").to_owned());
    }
    let rows = inbox_with(md, &sent).await;
    assert_eq!(rows.len(), TYPES.len() + 1);
    // The first was corrected and cancelled on the way, and says so.
    assert!(rows.iter().all(|row| green(row) != is(row, "envelope", &first)), "{rows:?}");
    for (kind, envelope) in TYPES.iter().zip(&sent[1..]) {
        let row = rows.iter().find(|row| is(row, "envelope", envelope)).unwrap();
        assert_eq!(word(row, "notice_type"), *kind);
        let shown = md.ok(&["show", envelope]).await.unwrap();
        assert!(shown.contains(&format!("Type:           {kind}\n")), "{shown}");
    }
    let inbox = md.ok(&["inbox"]).await.unwrap();
    assert!(TYPES.iter().all(|kind| inbox.contains(&format!("{kind}: {kind}"))), "{inbox}");
    network.stop().await;
}

#[tokio::test]
async fn send_waits_for_a_rung_as_long_as_it_is_told_and_says_who_is_late() {
    let mut network = two().await;
    let send = ["send", "--to", "MD/policy", "--subject", "S", "--text", "T", "--wait"];
    let sent =
        network.nodes[0].json(&[&send[..], &["verified", "--wait-seconds", "25"]].concat()).await.unwrap();
    assert_eq!(sent["ladder"][0]["rung"], "verified");
    network.nodes.pop().unwrap().stop().await.unwrap();
    let late =
        network.nodes[0].run(&[&send[..], &["verified", "--wait-seconds", "0"]].concat()).await.unwrap();
    assert_eq!(late.exit, 3, "{}", late.stderr);
    assert!(late.stderr.contains("POUCH-CLI-08") && late.stderr.contains("MD/policy"), "{}", late.stderr);
    let outbox: Value = network.nodes[0].json(&["outbox"]).await.unwrap();
    assert_eq!(outbox.as_array().unwrap().len(), 2, "it is kept all the same");
    network.stop().await;
}
