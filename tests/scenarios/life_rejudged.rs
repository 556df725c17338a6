//! What a revocation with effect in the past does to notices of before, of about that time and of after; and
//! how their office ends the doubt.

use pouch_testkit::stage::{Node, PATIENCE, Party, Stage, is, word};
use serde_json::Value;

use crate::network::{Network, green, inbox_with, pair, tell};

async fn rotate(node: &mut Node, stage: &Stage) {
    let (dir, passphrase) = (stage.path("nl-root"), stage.passphrase("nl-root"));
    // It returns when the node signs with the new key: the next message leaves with that.
    let rotate =
        ["keys", "rotate", "--member-dir", &dir, "--throw-away", "--yes", "--passphrase-file", &passphrase];
    node.ok(&rotate).await.unwrap();
}

async fn revoke(node: &Node, stage: &Stage, key: &str, effective: &str) {
    let (dir, passphrase) = (stage.path("nl-root"), stage.passphrase("nl-root"));
    let fixed = ["--member-dir", &dir, "--passphrase-file", &passphrase, "--yes", "--reason", "compromised"];
    node.ok(&[&["keys", "revoke", key, "--effective", effective], &fixed[..]].concat()).await.unwrap();
}

async fn signing_key(node: &Node) -> String {
    let keys = node.json(&["keys", "list"]).await.unwrap();
    let found = keys.as_array().unwrap().iter().find(|key| is(key, "kind", "signing")).unwrap().clone();
    assert_eq!(word(&found, "state"), "current");
    word(&found, "id").to_owned()
}

/// A notice by the key in use, which the recipient has and can prove to be logged.
async fn proved(nl: &Node, md: &mut Node, stage: &Stage, text: &str) -> (String, String) {
    let envelope = tell(nl, "MD/policy", text).await;
    md.received(&envelope).await.unwrap();
    md.ok(&["evidence", "export", &envelope, "--output", &stage.path(&envelope)]).await.unwrap();
    (envelope, signing_key(nl).await)
}

async fn rejudged(node: &Node) -> Vec<Value> {
    node.json(&["inbox", "--rejudged"]).await.unwrap().as_array().unwrap().clone()
}

fn of<'a>(rows: &'a [Value], envelope: &str) -> &'a Value {
    rows.iter().find(|row| is(row, "envelope", envelope)).expect("it was judged again")
}

async fn told(node: &Node, code: &str) -> usize {
    let watch = node.run(&["status"]).await.unwrap();
    watch.stdout.matches(code).count()
}

async fn colour(node: &Node, envelope: &str) -> String {
    let rows = node.json(&["inbox", "--limit", "100"]).await.unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| is(row, "envelope", envelope)).unwrap().clone();
    row.pointer("/verdict/colour").and_then(Value::as_str).unwrap().to_owned()
}

#[tokio::test]
async fn a_revocation_judges_the_past_again_is_told_once_and_a_confirmation_restores() {
    let mut network = Network::start(pair()).await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    // Three keys, so that one moment now is long after, at about, and long before what each signed.
    let (before, first) = proved(nl, md, &stage, "Long before").await;
    rotate(nl, &stage).await;
    let (unclear, second) = proved(nl, md, &stage, "At about that time").await;
    rotate(nl, &stage).await;
    let (after, third) = proved(nl, md, &stage, "By whoever had the key").await;
    md.ok(&["ack", &after, "--officer", "Duty officer"]).await.unwrap();
    rotate(nl, &stage).await;
    let (good, _) = proved(nl, md, &stage, "By the key in use").await;

    revoke(nl, &stage, &first, "2099-01-01T00:00:00Z").await;
    let stands = |event: &Value| is(event, "kind", "key") && is(event, "code", "POUCH-MEM-11");
    md.watcher.wait_for("that the first stands", PATIENCE, stands).await.unwrap();
    revoke(nl, &stage, &second, "+0m").await;
    let alarm = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-MEM-10");
    let about = md.watcher.wait_for("the doubt", PATIENCE, alarm).await.unwrap();
    assert!(word(&about, "words").contains("(doubtful)"), "{about}");
    revoke(nl, &stage, &third, "2026-01-01T00:00:00Z").await;
    let about = md.watcher.wait_for("the refusal", PATIENCE, alarm).await.unwrap();
    assert!(word(&about, "words").contains("(REFUSED now, and we acknowledged it)"), "{about}");

    let rows = rejudged(md).await;
    assert_eq!(rows.len(), 3, "the key in use is not concerned: {rows:?}");
    assert!(is(&rows[0], "envelope", &after), "what was acknowledged is named first: {rows:?}");
    for (envelope, state, colour_now) in
        [(&before, "before", "green"), (&unclear, "unclear", "amber"), (&after, "after", "red")]
    {
        assert_eq!(word(of(&rows, envelope), "now"), state, "{rows:?}");
        assert_eq!(colour(md, envelope).await, colour_now);
    }
    assert_eq!(colour(md, &good).await, "green");
    assert!(word(of(&rows, &unclear), "ask").contains("Did you send it"), "{rows:?}");
    assert_eq!(word(of(&rows, &before), "ask"), "");

    // Told once, also by a node that starts again.
    let alarms = told(md, "POUCH-MEM-10").await;
    assert_eq!(alarms, 2);
    let md = network.nodes.pop().unwrap();
    md.stop().await.unwrap();
    let mut md = stage.start_node("md").await.unwrap();
    md.everyone_can_be_sealed_to().await.unwrap();
    let nl = &mut network.nodes[0];
    let again = tell(nl, "MD/policy", "Are you back?").await;
    md.received(&again).await.unwrap();
    assert_eq!(told(&md, "POUCH-MEM-10").await, alarms);
    assert_eq!(rejudged(&md).await.len(), 3);

    // The recipient asks, without a word of what it no longer believes.
    let asked = md.json(&["reconfirm", "--ask", "--all"]).await.unwrap();
    assert_eq!(asked.as_array().unwrap().len(), 2, "{asked}");
    assert!(!asked.to_string().contains("By whoever had the key"), "{asked}");
    let question = md.json(&["release", word(&asked[0], "id")]).await.unwrap();
    nl.received(word(&question, "envelope")).await.unwrap();

    // The sender knows which of its notices are doubted, and confirms its own.
    assert!(told(nl, "POUCH-MEM-13").await >= 1);
    let doubted = nl.json(&["reconfirm"]).await.unwrap();
    let states: Vec<&str> = doubted.as_array().unwrap().iter().map(|row| word(row, "state")).collect();
    assert_eq!(states, ["after", "unclear", "before"], "{doubted}");
    let drafts = nl.json(&["reconfirm", "--all"]).await.unwrap();
    assert_eq!(drafts.as_array().unwrap().len(), 2, "{drafts}");
    let twice = nl.json(&["reconfirm", "--all"]).await.unwrap();
    assert_eq!(twice, drafts, "what waits is not drafted again");
    for draft in drafts.as_array().unwrap() {
        let sent = nl.json(&["release", word(draft, "id")]).await.unwrap();
        md.received(word(&sent, "envelope")).await.unwrap();
    }
    assert_eq!(colour(&md, &unclear).await, "green", "vouched for by the office, under a good key");
    assert_eq!(colour(&md, &after).await, "amber", "shown again, with a reservation");
    let rows = rejudged(&md).await;
    for envelope in [&unclear, &after] {
        assert_eq!(of(&rows, envelope)["confirmed_by"].as_array().unwrap().len(), 1, "{rows:?}");
    }
    let shown = md.run(&["show", &after]).await.unwrap().stdout;
    assert!(shown.contains("POUCH-VER-36") && shown.contains("confirms this very notice"), "{shown}");
    assert_eq!(md.json(&["reconfirm", "--ask", "--all"]).await.unwrap().as_array().unwrap().len(), 0);

    // A confirmation that is withdrawn lifts nothing, and its sender may confirm again.
    let confirmation = of(&rows, &unclear)["confirmed_by"][0].as_str().unwrap().to_owned();
    let cancel = nl.json(&["cancel", &confirmation, "--text", "Not ours after all."]).await.unwrap();
    md.received(word(&cancel, "envelope")).await.unwrap();
    assert_eq!(colour(&md, &unclear).await, "amber");
    assert_eq!(colour(&md, &after).await, "amber", "the other stands");
    let rows = rejudged(&md).await;
    assert_eq!(of(&rows, &unclear)["confirmed_by"].as_array().unwrap().len(), 0, "{rows:?}");
    assert_eq!(of(&rows, &after)["confirmed_by"].as_array().unwrap().len(), 1, "{rows:?}");
    let again = nl.json(&["reconfirm", "--all"]).await.unwrap();
    assert_eq!(again.as_array().unwrap().len(), 1, "{again}");
    md.stop().await.unwrap();
    network.stop().await;
}

/// MD and BA decide together about NL.
async fn together(node: &Node, stage: &Stage, what: &[&str], name: &str) {
    let proposal = stage.path(&format!("{name}.pouch"));
    node.ok(&[&["network", "propose"], what, &["--output", &proposal]].concat()).await.unwrap();
    let mut endorsed = Vec::new();
    for member in ["md-root", "ba-root"] {
        let output = stage.path(&format!("{name}.by-{member}"));
        let (dir, passphrase) = (stage.path(member), stage.passphrase(member));
        let endorse = ["network", "endorse", &proposal, "--member-dir", &dir, "--output", &output];
        let signed = [&endorse[..], &["--passphrase-file", &passphrase, "--yes"]].concat();
        stage.program.ok(&signed).await.unwrap();
        endorsed.push(output);
    }
    let statement = stage.path(&format!("{name}.statement"));
    let join = ["network", "join", &proposal, &endorsed[0], &endorsed[1], "--output", &statement];
    node.ok(&join).await.unwrap();
    node.ok(&["directory", "submit", &statement]).await.unwrap();
}

#[tokio::test]
async fn a_suspension_makes_a_member_s_notices_doubtful_until_it_is_reinstated() {
    let parties = ["NL/technical", "MD/policy", "BA/technical"].map(Party::simple).to_vec();
    let mut network = Network::start(parties).await;
    let stage = network.stage.clone();
    let [nl, md, ba] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    let (doubted, _) = proved(nl, md, &stage, "From whoever runs NL").await;
    let other = tell(ba, "MD/policy", "From BA").await;
    md.received(&other).await.unwrap();
    together(md, &stage, &["suspend", "NL", "--reason", "Asked by telephone"], "suspend").await;
    let alarm = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-MEM-10");
    let told = md.watcher.wait_for("the doubt", PATIENCE, alarm).await.unwrap();
    assert!(word(&told, "words").contains("suspended NL"), "{told}");
    let rows = rejudged(md).await;
    assert_eq!(rows.len(), 1, "BA's notice is not concerned: {rows:?}");
    assert_eq!(word(of(&rows, &doubted), "now"), "unclear");
    together(md, &stage, &["reinstate", "NL"], "reinstate").await;
    let rows = rejudged(md).await;
    assert_eq!((word(of(&rows, &doubted), "was"), word(of(&rows, &doubted), "now")), ("unclear", "before"));
    let rows = inbox_with(md, &[doubted, other]).await;
    assert!(rows.iter().all(green), "{rows:?}");
    network.stop().await;
}
