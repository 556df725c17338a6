//! Networks of three and of ten: everybody writes to everybody, and each notice is there once.

use pouch_testkit::stage::{Party, is, word};
use serde_json::Value;

use crate::network::{Network, green, inbox_with, refused, tell};

fn texts(rows: &[Value], field: &str) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| word(row, field).to_owned()).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn three_states_write_to_each_other_and_each_notice_is_there_once() {
    let offices = ["NL/technical", "MD/policy", "BA/technical"];
    let mut network = Network::start(offices.map(Party::simple).into()).await;
    let mut expected: Vec<(String, Vec<String>)> = Vec::new();
    for to in offices {
        let mut envelopes = Vec::new();
        for (node, from) in network.nodes.iter().zip(offices).filter(|(_, from)| *from != to) {
            envelopes.push(tell(node, to, &format!("{from} to {to}")).await);
        }
        expected.push((to.to_owned(), envelopes));
    }
    for (node, (to, envelopes)) in network.nodes.iter_mut().zip(&expected) {
        let rows = inbox_with(node, envelopes).await;
        assert!(rows.iter().all(green), "{rows:?}");
        let mut from: Vec<String> =
            offices.iter().filter(|o| *o != to).map(|from| format!("{from} to {to}")).collect();
        from.sort();
        assert_eq!(texts(&rows, "subject"), from);
    }
    network.stop().await;
}

#[tokio::test]
async fn ten_states_get_each_others_notices_once_and_verified() {
    let offices: Vec<String> =
        ["NL", "MD", "BA", "AT", "CH", "FI", "NO", "PL", "TR", "KZ"].map(|m| format!("{m}/policy")).into();
    let mut network = Network::start(offices.iter().map(|o| Party::simple(o)).collect()).await;
    let mut sent = Vec::new();
    for (node, from) in network.nodes.iter().zip(&offices) {
        let others: Vec<String> = offices.iter().filter(|o| *o != from).cloned().collect();
        sent.push(tell(node, &others.join(","), from).await);
    }
    for (at, node) in network.nodes.iter_mut().enumerate() {
        let others: Vec<String> =
            sent.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, e)| e.clone()).collect();
        let rows = inbox_with(node, &others).await;
        assert_eq!(rows.len(), 9);
        assert!(rows.iter().all(green), "{rows:?}");
    }
    for ((node, from), envelope) in network.nodes.iter_mut().zip(&offices).zip(&sent) {
        for to in offices.iter().filter(|to| *to != from) {
            node.progress(envelope, to, "verified").await.unwrap();
        }
    }
    network.stop().await;
}

#[tokio::test]
async fn numbers_count_per_list_of_addressees_and_who_must_act_is_told_from_who_should_know() {
    let parties = ["NL/technical", "MD/policy", "BA/technical"].map(Party::simple);
    let mut network = Network::start(parties.into()).await;
    let [nl, md, ba] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    let text = ["--subject", "S", "--text", "T"];
    let lists: [&[&str]; 6] = [
        &["--to", "MD/policy"],
        &["--to", "MD/policy"],
        &["--to", "MD/policy,BA"],
        &["--to", "BA,MD/policy,BA/technical"],
        &["--to", "MD/policy", "--info", "BA"],
        &["--to", "MD/policy", "--info", "MD,BA"],
    ];
    let mut envelopes = Vec::new();
    let mut numbers = Vec::new();
    for list in lists {
        let sent = nl.json(&[&["send"], list, &text].concat()).await.unwrap();
        envelopes.push(word(&sent, "envelope").to_owned());
        numbers.push(word(&sent, "number").rsplit('-').next().unwrap().to_owned());
    }
    assert_eq!(numbers, ["0001", "0002", "0001", "0002", "0001", "0002"]);
    assert_eq!(inbox_with(md, &envelopes).await.len(), 6);
    assert_eq!(inbox_with(ba, &envelopes[2..]).await.len(), 4);

    let shown = ba.ok(&["show", &envelopes[4]]).await.unwrap();
    assert!(shown.contains("To (must act):  MD/policy\n"), "{shown}");
    assert!(shown.contains("BA/technical\n"), "{shown}");
    let sent = nl.json(&["show", &envelopes[4]]).await.unwrap();
    let roles = sent.get("ladder").and_then(Value::as_array).unwrap();
    assert!(roles.iter().any(|row| is(row, "recipient", "BA/technical") && is(row, "role", "info")));
    assert!(roles.iter().any(|row| is(row, "recipient", "MD/policy") && is(row, "role", "to")));

    // A number that several notices have names none of them; the ids that it could be are said.
    let number = format!(
        "{}-0001",
        word(&sent, "printed").split("Number:").nth(1).unwrap().trim().split('-').next().unwrap()
    );
    for node in [&*md, &*nl] {
        let outcome = node.run(&["show", &number]).await.unwrap();
        refused(&outcome, 4, "POUCH-AGT-31");
        assert!(outcome.stderr.contains(&envelopes[0][..8]), "{}", outcome.stderr);
    }
    network.stop().await;
}
