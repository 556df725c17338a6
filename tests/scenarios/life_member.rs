//! A member's own governance after the founding: officers, rules and offices that came later take effect
//! everywhere, a delegation ends with one command, and an emergency is told of at both ends.

use pouch_control::{Bytes, GovernanceView};
use pouch_crypto::{KeyFingerprint, SigningKey};
use pouch_directory::ContactPointEntry;
use pouch_testkit::stage::{Node, Outcome, PATIENCE, Stage, is, word};
use pouch_wire::Canonical as _;
use serde_json::Value;

use crate::network::{Network, inbox_with, pair, refused};

/// Decides something with NL's root key; how the command ended.
async fn decide(node: &Node, stage: &Stage, command: &[&str]) -> Outcome {
    let (dir, passphrase) = (stage.path("nl-root"), stage.passphrase("nl-root"));
    let fixed = ["--member-dir", &dir, "--passphrase-file", &passphrase, "--yes"];
    node.run(&[&["member"], command, &fixed].concat()).await.unwrap()
}

async fn decided(node: &Node, stage: &Stage, command: &[&str]) -> String {
    let outcome = decide(node, stage, command).await;
    assert_eq!(outcome.exit, 0, "{}", outcome.stderr);
    outcome.stderr
}

/// A new officer's key of NL/technical, by that officer's own command; the request.
async fn new_officer(stage: &Stage, name: &str, person: &str) -> String {
    let dir = stage.path(name);
    let passphrase = stage.passphrase("nl");
    let title = format!("Title of {name}");
    let init = [
        "init",
        "officer",
        "--contact-point",
        "NL/technical",
        "--title",
        &title,
        "--person",
        person,
        "--dir",
        &dir,
        "--throw-away",
        "--passphrase-file",
        &passphrase,
    ];
    stage.program.ok(&init).await.unwrap();
    stage.path(&format!("{name}/officer.toml"))
}

async fn approve(node: &Node, stage: &Stage, officer: &str, draft: &str) -> Outcome {
    let (key, passphrase) = (stage.path(&format!("{officer}/officer.pem")), stage.passphrase("nl"));
    node.run(&["approve", draft, "--key", &key, "--passphrase-file", &passphrase, "--yes"]).await.unwrap()
}

const FLASH: [&str; 9] =
    ["--to", "MD/policy", "--precedence", "flash", "--yes", "--subject", "S", "--text", "Switch it off."];

async fn draft(node: &Node, more: &[&str]) -> String {
    let draft = node.json(&[&["draft"], &FLASH[..], more].concat()).await.unwrap();
    word(&draft, "id").to_owned()
}

/// Waits until a node's directory has so many entries.
async fn directory_of(node: &mut Node, size: u64) {
    while node.json(&["directory", "show"]).await.unwrap()["size"].as_u64().unwrap() < size {
        node.watcher.wait_for("a newer directory", PATIENCE, |e| is(e, "kind", "directory")).await.unwrap();
    }
}

async fn size(node: &Node) -> u64 {
    node.json(&["directory", "show"]).await.unwrap()["size"].as_u64().unwrap()
}

async fn shown(node: &Node) -> Value {
    node.json(&["member", "show"]).await.unwrap()
}

const TWO: &str = "at-or-above=immediate,officers=2,break-glass";

#[tokio::test]
async fn officers_and_rules_that_came_after_the_founding_take_effect_at_once() {
    let mut network = Network::start(pair()).await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    // Nobody is silenced by a rule that nobody could meet.
    refused(&decide(nl, &stage, &["rules", "NL/technical", "--rule", TWO]).await, 23, "POUCH-MEM-04");
    for (name, person) in [("anna", "anna"), ("bert", "bert"), ("bert-2", "bert")] {
        let request = new_officer(&stage, name, person).await;
        decided(nl, &stage, &["officer", "--request", &request]).await;
    }
    let said = decided(nl, &stage, &["rules", "NL/technical", "--rule", TWO]).await;
    assert!(said.contains("before: no officer needs to approve anything"), "{said}");
    assert!(
        said.contains("after:  every type of notice but comm-check, immediate and more urgent"),
        "{said}"
    );

    refused(&nl.run(&[&["send"], &FLASH[..]].concat()).await.unwrap(), 24, "POUCH-AGT-38");
    let id = draft(nl, &[]).await;
    assert_eq!(approve(nl, &stage, "bert", &id).await.exit, 0);
    // One person with two keys is one.
    refused(&approve(nl, &stage, "bert-2", &id).await, 11, "POUCH-AGT-36");
    refused(&nl.run(&["release", &id]).await.unwrap(), 24, "POUCH-AGT-38");
    assert_eq!(approve(nl, &stage, "anna", &id).await.exit, 0);
    let sent = nl.json(&["release", &id]).await.unwrap();
    md.received(word(&sent, "envelope")).await.unwrap();
    let text = md.ok(&["show", word(&sent, "envelope")]).await.unwrap();
    assert!(text.contains("approved by 2 officers") && text.contains("Title of anna"), "{text}");
    // A narrower officer does not approve what is beyond the own mandate.
    let request = new_officer(&stage, "carl", "carl").await;
    decided(nl, &stage, &["officer", "--request", &request, "--highest", "immediate"]).await;
    let id = draft(nl, &[]).await;
    refused(&approve(nl, &stage, "carl", &id).await, 11, "POUCH-AGT-36");

    let view = shown(nl).await;
    let office = &view["offices"][0];
    assert_eq!(office["rules"][0]["officers"], 2);
    assert_eq!(office["officers"].as_array().unwrap().len(), 4);
    let words = nl.ok(&["member", "show"]).await.unwrap();
    assert!(words.contains("rule: every type of notice but comm-check"), "{words}");
    assert!(words.contains("officer: Title of carl (person carl"), "{words}");
    // Another member's root decides nothing here.
    let (dir, passphrase) = (stage.path("md-root"), stage.passphrase("md-root"));
    let rules = ["member", "rules", "NL/technical", "--none", "--member-dir", &dir];
    let stranger = [&rules[..], &["--passphrase-file", &passphrase, "--yes"]].concat();
    refused(&nl.run(&stranger).await.unwrap(), 23, "POUCH-CLI-21");
    refused(&decide(nl, &stage, &["rules", "MD/policy", "--none"]).await, 23, "POUCH-MEM-01");
    network.stop().await;
}

#[tokio::test]
async fn a_delegation_ends_with_one_command_and_the_deputy_s_approval_counts_no_more() {
    let mut network = Network::start(pair()).await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let anna = new_officer(&stage, "anna", "anna").await;
    decided(nl, &stage, &["officer", "--request", &anna]).await;
    let deputy = new_officer(&stage, "deputy", "dora").await;
    let delegate = ["delegate", "--officer-request", &deputy, "--for", "NL/technical", "--until"];
    refused(&decide(nl, &stage, &[&delegate[..], &["+800d"]].concat()).await, 23, "POUCH-MEM-05");
    decided(nl, &stage, &[&delegate[..], &["+2d"]].concat()).await;
    decided(nl, &stage, &["rules", "NL/technical", "--rule", TWO]).await;
    let words = nl.ok(&["member", "show"]).await.unwrap();
    assert!(
        words.contains("delegation: Title of deputy (person dora") && words.contains("ends in"),
        "{words}"
    );

    let first = draft(nl, &[]).await;
    for officer in ["anna", "deputy"] {
        assert_eq!(approve(nl, &stage, officer, &first).await.exit, 0);
    }
    let sent = nl.json(&["release", &first]).await.unwrap();
    md.received(word(&sent, "envelope")).await.unwrap();
    // Approved, and the delegation ends before the release.
    let second = draft(nl, &[]).await;
    for officer in ["anna", "deputy"] {
        assert_eq!(approve(nl, &stage, officer, &second).await.exit, 0);
    }
    let said = decided(nl, &stage, &["delegate", "--end", "dora"]).await;
    assert!(said.contains("Warning: NL/technical will have 1 officer"), "{said}");
    // What left within two minutes of the end is doubtful now, and its recipient is told so.
    let doubt = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-MEM-10");
    let told = md.watcher.wait_for("the doubt", PATIENCE, doubt).await.unwrap();
    assert!(word(&told, "words").contains(&format!("{} (doubtful)", word(&sent, "number"))), "{told}");
    let shown_there = md.run(&["show", word(&sent, "envelope")]).await.unwrap();
    assert!(shown_there.stdout.contains("POUCH-VER-44"), "{}", shown_there.stdout);
    refused(&nl.run(&["release", &second]).await.unwrap(), 24, "POUCH-AGT-38");
    let third = draft(nl, &[]).await;
    refused(&approve(nl, &stage, "deputy", &third).await, 11, "POUCH-AGT-36");
    refused(&decide(nl, &stage, &["delegate", "--end", "dora"]).await, 4, "POUCH-MEM-06");
    let officer = &shown(nl).await["offices"][0]["officers"][1];
    assert_eq!(officer["counts"], false);
    assert!(word(officer, "state").starts_with("revoked by entry"), "{officer}");
    network.stop().await;
}

#[tokio::test]
async fn breaking_the_glass_is_marked_at_both_ends_and_reported() {
    let mut network = Network::start(pair()).await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    for name in ["anna", "bert"] {
        let request = new_officer(&stage, name, name).await;
        decided(nl, &stage, &["officer", "--request", &request]).await;
    }
    // Where the rule does not allow it, the mark helps nobody.
    let strict = "at-or-above=immediate,officers=2";
    decided(nl, &stage, &["rules", "NL/technical", "--rule", strict]).await;
    let id = draft(nl, &["--break-glass"]).await;
    assert_eq!(approve(nl, &stage, "anna", &id).await.exit, 0);
    refused(&nl.run(&["release", &id]).await.unwrap(), 24, "POUCH-AGT-38");
    decided(nl, &stage, &["rules", "NL/technical", "--rule", TWO]).await;
    let id = draft(nl, &["--break-glass"]).await;
    refused(&nl.run(&["release", &id]).await.unwrap(), 24, "POUCH-AGT-38");
    assert_eq!(approve(nl, &stage, "anna", &id).await.exit, 0);
    let sent = nl.json(&["release", &id]).await.unwrap();
    let envelope = word(&sent, "envelope");

    // At the sender: an alarm that stays, and the mark in the outbox.
    assert_eq!(sent["break_glass"], true);
    let alarm = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-MEM-08");
    let told = nl.watcher.wait_for("the report", PATIENCE, alarm).await.unwrap();
    assert!(word(&told, "words").contains("Title of anna"), "{told}");
    assert!(nl.ok(&["status"]).await.unwrap().contains("POUCH-MEM-08"));
    assert!(nl.ok(&["outbox"]).await.unwrap().contains("RELEASED in an emergency"));
    // At the recipient: the banner, the printed form, the event.
    md.received(envelope).await.unwrap();
    let emergency = |event: &Value| is(event, "code", "POUCH-MEM-14") && is(event, "envelope", envelope);
    md.watcher.wait_for("what it was told", PATIENCE, emergency).await.unwrap();
    let text = md.run(&["show", envelope]).await.unwrap().stdout;
    assert!(text.contains("Released by one officer in an emergency"), "{text}");
    assert!(text.contains("POUCH-VER-41") && text.contains("RELEASED:"), "{text}");
    // And in the evidence of it.
    let file = stage.path("evidence");
    md.ok(&["evidence", "export", envelope, "--output", &file]).await.unwrap();
    let charter = stage.path("charter.pouch");
    let proven = stage.program.ok(&["audit", "evidence", &file, "--charter", &charter]).await.unwrap();
    assert!(proven.contains("BUT Released by one officer in an emergency"), "{proven}");
    network.stop().await;
}

/// Whoever altered the state on its way to the root has another key in it, and words that hide: the root's holder
/// sees the key in what is to be signed, and nothing is signed unseen.
async fn forged_on_its_way(nl: &Node, stage: &Stage) {
    let carried = nl.ok(&["member", "show", "--json"]).await.unwrap();
    let mut state: Value = serde_json::from_str(&carried).unwrap();
    let view: GovernanceView = serde_json::from_value(state["value"].clone()).unwrap();
    let thief = SigningKey::from_seed(&[66; 32]).public();
    let mut entry = ContactPointEntry::from_bytes(&view.offices[0].entry.0).unwrap();
    entry.signing = thief;
    let entry = Bytes(entry.to_bytes().unwrap());
    state["value"]["offices"][0]["entry"] = serde_json::to_value(entry).unwrap();
    state["value"]["offices"][0]["rules"] = serde_json::json!([{ "words": "none\u{1b}[2J\n  after:  nothing\u{202e}", "types": [], "at_or_above": "flash", "officers": 1, "break_glass": false }]);
    let file = stage.path("forged.json");
    std::fs::write(&file, state.to_string()).unwrap();
    let (dir, root, charter) =
        (stage.path("nl-root"), stage.passphrase("nl-root"), stage.path("charter.pouch"));
    let output = stage.path("forged.statement");
    let by = ["--member-dir", &dir, "--state", &file, "--output", &output, "--passphrase-file", &root];
    let with_charter = [&by[..], &["--charter", &charter]].concat();
    let telephone = ["member", "office", "NL/technical", "--telephone", "+31 555 0111"];
    let asked = stage.program.run(&[&telephone[..], &with_charter].concat()).await.unwrap();
    refused(&asked, 23, "POUCH-CLI-15");
    for part in [
        format!("  signing key {}\n", thief.id()),
        format!("    digits {}\n", KeyFingerprint::of(&thief.id())),
        "by its charter\n".to_owned(),
        format!("  network {}\n", view.network),
    ] {
        assert!(asked.stderr.contains(&part), "{part}: {}", asked.stderr);
    }
    assert!(!std::path::Path::new(&output).exists(), "nothing was signed");
    let rules = ["member", "rules", "NL/technical", "--none"];
    let asked = stage.program.run(&[&rules[..], &by].concat()).await.unwrap();
    refused(&asked, 23, "POUCH-CLI-15");
    assert!(asked.stderr.contains("before: none[U+001B][2J   after:  nothing[U+202E]"), "{}", asked.stderr);
    assert!(!asked.stderr.contains(['\u{1b}', '\u{202e}']), "{}", asked.stderr);
    // And one of another network is not of the charter's.
    state["value"]["network"] = "00".repeat(32).into();
    std::fs::write(&file, state.to_string()).unwrap();
    let other = stage.program.run(&[&telephone[..], &with_charter].concat()).await.unwrap();
    refused(&other, 10, "POUCH-CER-08");
}

#[tokio::test]
async fn an_office_is_changed_and_another_one_added_after_the_founding() {
    let mut network = Network::start(pair()).await;
    let stage = network.stage.clone();
    let (nl, rest) = network.nodes.split_at_mut(1);
    let (nl, md) = (&mut nl[0], &mut rest[0]);
    let change =
        ["office", "NL/technical", "--telephone", "+31 555 0199", "--name", "fr=Point technique", "--types"];
    let types = [&change[..], &["free-text,comm-check", "--until", "+90d"]].concat();
    let said = decided(nl, &stage, &types).await;
    assert!(said.contains("before: telephone +1 555 0100"), "{said}");
    assert!(
        said.contains("after:  telephone +31 555 0199") && said.contains("Point technique (fr)"),
        "{said}"
    );
    assert!(!said.contains("before: signing key"), "what stays as it is is no change: {said}");
    // What is signed is told whole, what stays as it is too: nobody knows but from the bytes that it stays.
    for part in ["  signing key ", "  collects at relay-1", "environment: live", "network's digits "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let inquiry = nl.run(&["send", "--to", "MD/policy", "--type", "update", "--subject", "S", "--text", "T"]);
    assert_eq!(inquiry.await.unwrap().exit, 2, "an update concerns something");
    let invite = ["send", "--to", "MD/policy", "--type", "all-clear", "--subject", "S", "--text", "T"];
    assert_ne!(nl.run(&invite).await.unwrap().exit, 0);
    refused(
        &decide(nl, &stage, &["office", "NL/technical", "--telephone", "+31 555 0199"]).await,
        2,
        "POUCH-CLI-01",
    );

    // A second office, whose root signs offline: what is known is carried there, the statement is carried back.
    let folder = stage.path("nl-policy");
    let passphrase = stage.passphrase("nl");
    let init = [
        "init",
        "node",
        "--contact-point",
        "NL/policy",
        "--name",
        "Policy",
        "--telephone",
        "+31 555 0102",
        "--relay",
        "relay-1",
        "--dir",
        &folder,
        "--throw-away",
        "--passphrase-file",
        &passphrase,
    ];
    stage.program.ok(&init).await.unwrap();
    let state = stage.path("nl.json");
    let carried = nl.ok(&["member", "show", "--json"]).await.unwrap();
    std::fs::write(&state, carried).unwrap();
    let (request, statement) = (stage.path("nl-policy/contact-point.toml"), stage.path("office.statement"));
    let (dir, root) = (stage.path("nl-root"), stage.passphrase("nl-root"));
    let offline = [
        "member",
        "office",
        "--request",
        &request,
        "--highest",
        "priority",
        "--member-dir",
        &dir,
        "--state",
        &state,
        "--output",
        &statement,
        "--yes",
        "--passphrase-file",
        &root,
    ];
    forged_on_its_way(nl, &stage).await;
    stage.program.ok(&offline).await.unwrap();
    nl.ok(&["directory", "submit", &statement]).await.unwrap();
    let entries = size(nl).await;
    directory_of(md, entries).await;
    std::fs::copy(stage.path("charter.pouch"), stage.path("nl-policy/charter.pouch")).unwrap();
    let mut policy = stage.start_node("nl-policy").await.unwrap();
    policy.everyone_can_be_sealed_to().await.unwrap();
    let words = ["send", "--to", "MD/policy", "--subject", "New here", "--text", "T"];
    let sent = policy.send(&words).await.unwrap();
    let rows = inbox_with(md, &[word(&sent, "envelope").to_owned()]).await;
    assert!(is(&rows[0], "sender", "NL/policy") && is(&rows[0], "subject", "New here"), "{rows:?}");
    let urgent = [&words[..], &["--precedence", "flash", "--yes"]].concat();
    refused(&policy.run(&urgent).await.unwrap(), 11, "POUCH-AGT-37");
    assert_eq!(shown(&policy).await["offices"].as_array().unwrap().len(), 2);
    // Another office of the same state hears of an emergency, when it is among the addressees.
    for name in ["anna", "bert"] {
        let request = new_officer(&stage, name, name).await;
        decided(nl, &stage, &["officer", "--request", &request]).await;
    }
    decided(nl, &stage, &["rules", "NL/technical", "--rule", TWO]).await;
    let id = draft(nl, &["--break-glass", "--info", "NL/policy"]).await;
    assert_eq!(approve(nl, &stage, "anna", &id).await.exit, 0);
    let sent = nl.json(&["release", &id]).await.unwrap();
    let envelope = word(&sent, "envelope");
    let alarm = |event: &Value| is(event, "code", "POUCH-MEM-09") && is(event, "envelope", envelope);
    let told = policy.watcher.wait_for("its own state's emergency", PATIENCE, alarm).await.unwrap();
    assert!(is(&told, "kind", "alarm"), "{told}");
    policy.stop().await.unwrap();
    network.stop().await;
}
