//! Joint statements among three members: proposed, signed, declined, revoked, proved to others.

use pouch_testkit::stage::{Node, Officer, Outcome, PATIENCE, Party, Stage, is, word};
use serde_json::Value;

use crate::network::{Network, refused};

const TEXT: &str = "We call for restraint, and for the truth.";

async fn started(parties: Vec<Party>) -> Network {
    let network = Network::start(parties).await;
    std::fs::write(network.stage.path("statement.txt"), format!("{TEXT}\n")).unwrap();
    network
}

fn three() -> Vec<Party> {
    ["NL/technical", "MD/policy", "BA/technical"].map(Party::simple).into()
}

/// NL proposes; the notice's id, and its envelope.
async fn proposes(nl: &Node, stage: &Stage, invite: &str, more: &[&str]) -> (String, String) {
    let file = stage.path("statement.txt");
    let draft =
        ["joint", "draft", "--file", &file, "--subject", "A call", "--threshold", "2", "--invite", invite];
    let sent = nl.json(&[&draft, more].concat()).await.unwrap();
    (word(&sent, "notice").to_owned(), word(&sent, "envelope").to_owned())
}

async fn state(node: &Node, id: &str) -> Value {
    node.json(&["joint", "show", id]).await.unwrap()
}

/// Waits until a node tells that a statement stands so.
async fn told(node: &mut Node, words: &str) {
    let fits = |event: &Value| is(event, "kind", "joint") && word(event, "words").contains(words);
    node.watcher.wait_for(words, PATIENCE, fits).await.unwrap();
}

async fn signs(node: &Node, id: &str) -> Outcome {
    node.run(&["joint", "sign", id, "--yes"]).await.unwrap()
}

fn signers(state: &Value) -> Vec<String> {
    let signed = state["signed"].as_array().unwrap().iter();
    signed.map(|s| word(s, "contact_point").to_owned()).collect()
}

/// Runs a command that a member's root signs.
async fn by_root(node: &Node, stage: &Stage, folder: &str, command: &[&str]) {
    let root = format!("{folder}-root");
    let (dir, passphrase) = (stage.path(&root), stage.passphrase(&root));
    let done = node.run(&[command, &["--member-dir", &dir, "--passphrase-file", &passphrase]].concat()).await;
    let done = done.unwrap();
    assert_eq!(done.exit, 0, "{}", done.stderr);
}

#[tokio::test]
async fn two_of_three_make_a_statement_and_one_that_is_revoked_makes_none() {
    let mut network = started(three()).await;
    let stage = network.stage.clone();
    let [nl, md, ba] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    let (id, envelope) = proposes(nl, &stage, "NL,MD,BA", &[]).await;
    for node in [&mut *md, &mut *ba] {
        node.received(&envelope).await.unwrap();
        let found = state(node, &id).await;
        assert_eq!((signers(&found), &found["in_force"]), (vec!["NL/technical".into()], &false.into()));
        let shown = node.ok(&["joint", "show", &id]).await.unwrap();
        assert!(shown.contains("PROPOSED, NOT IN FORCE") && shown.contains(TEXT), "{shown}");
        assert!(shown.contains("signed by NL (1 of 3 invited; not in force: 1 more needed)"), "{shown}");
    }
    let unasked = md.run(&["joint", "sign", &id]).await.unwrap();
    refused(&unasked, 23, "POUCH-JNT-11");
    assert!(unasked.stderr.contains(TEXT), "what is to be signed is shown");

    // One refuses, and everybody hears it.
    ba.json(&["joint", "decline", &id, "--text", "Not in these words."]).await.unwrap();
    told(nl, "declined by BA").await;
    told(md, "declined by BA").await;
    assert_eq!(state(nl, &id).await["in_force"], false);

    // One signs, and it is in force everywhere; a restart forgets nothing.
    let signed = signs(md, &id).await;
    assert_eq!(signed.exit, 0, "{}", signed.stderr);
    told(nl, "signed by NL, MD (2 of 3 invited; in force since").await;
    told(ba, "signed by NL, MD (2 of 3 invited; in force since").await;
    md.progress(&own_signature(md).await, "NL/technical", "verified").await.unwrap();
    refused(&signs(md, &id).await, 4, "POUCH-JNT-03");
    refused(&signs(nl, &id).await, 4, "POUCH-JNT-03");
    let ba = network.nodes.pop().unwrap();
    ba.stop().await.unwrap();
    let mut ba = stage.start_node("ba").await.unwrap();
    crate::network::connected(&mut ba).await;
    for node in [&network.nodes[0], &network.nodes[1], &ba] {
        let found = state(node, &id).await;
        assert_eq!((signers(&found).len(), &found["in_force"]), (2, &true.into()), "{found}");
        let shown = node.ok(&["joint", "show", &id]).await.unwrap();
        assert!(shown.contains(": IN FORCE"), "{shown}");
    }

    // Whoever has it proves it to others, who have the charter and nothing else.
    let charter = stage.path("charter.pouch");
    for (node, name) in [(&network.nodes[0], "by-nl"), (&network.nodes[1], "by-md"), (&ba, "by-ba")] {
        let file = stage.path(name);
        node.ok(&["joint", "export", &id, "--output", &file]).await.unwrap();
        let audit = ["audit", "joint", &file, "--charter", &charter];
        let words = stage.program.ok(&audit).await.unwrap();
        assert!(words.contains("signed by NL, MD (2 of 3 invited; in force since"), "{words}");
        assert!(words.contains(TEXT), "{words}");
    }
    let mut spoiled = std::fs::read(stage.path("by-ba")).unwrap();
    let last = spoiled.len() - 1;
    spoiled[last] ^= 1;
    std::fs::write(stage.path("spoiled"), spoiled).unwrap();
    let audit = ["audit", "joint", &stage.path("spoiled"), "--charter", &charter];
    refused(&stage.program.run(&audit).await.unwrap(), 10, "POUCH-JNT-3");

    // MD's key is revoked with effect from before: its signature is none, and the statement is not in force.
    let key = ba.json(&["directory", "show"]).await.unwrap();
    let md_key = key["members"].as_array().unwrap().iter().find(|m| is(m, "member", "MD")).unwrap();
    let md_key = word(&md_key["contact_points"][0], "signing_key").to_owned();
    let md = &network.nodes[1];
    let revoke = [
        "keys",
        "revoke",
        &md_key,
        "--reason",
        "compromised",
        "--effective",
        "2026-01-01T00:00:00Z",
        "--yes",
    ];
    by_root(md, &stage, "md", &revoke).await;
    for node in [&mut network.nodes[0], &mut ba] {
        loop {
            let found = state(node, &id).await;
            if found["in_force"] == false {
                assert_eq!(signers(&found), ["NL/technical"], "{found}");
                assert!(found["not_counted"].to_string().contains("POUCH-VER-30"), "{found}");
                break;
            }
            node.watcher.wait_for("the revocation", PATIENCE, |e| is(e, "kind", "directory")).await.unwrap();
        }
    }
    // With another key MD may sign again; that it had signed before counts for nothing.
    let md = &mut network.nodes[1];
    by_root(md, &stage, "md", &["keys", "rotate", "--throw-away", "--yes"]).await;
    let in_use = |event: &Value| is(event, "kind", "key") && is(event, "code", "POUCH-KEY-60");
    md.watcher.wait_for("the new key in use", PATIENCE, in_use).await.unwrap();
    let again = signs(md, &id).await;
    assert_eq!(again.exit, 0, "{}", again.stderr);
    told(&mut ba, "signed by NL, MD (2 of 3 invited; in force since").await;
    network.nodes.push(ba);
    network.stop().await;
}

/// The envelope of the newest notice that a node sent.
async fn own_signature(node: &Node) -> String {
    let rows = node.json(&["outbox"]).await.unwrap();
    word(rows.get(0).unwrap(), "envelope").to_owned()
}

#[tokio::test]
async fn who_is_not_invited_signs_nothing_and_nobody_proposes_what_it_does_not_sign() {
    let mut network = started(three()).await;
    let stage = network.stage.clone();
    let [nl, _, ba] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    let (id, envelope) = proposes(nl, &stage, "NL,MD", &["--to", "MD/policy,BA/technical"]).await;
    ba.received(&envelope).await.unwrap();
    refused(&signs(ba, &id).await, 11, "POUCH-JNT-02");
    // Its own program lets it write a notice of this type; it counts for nobody.
    let fields = format!("text = \"{TEXT}\"\nthreshold = 2\ninvited = [\"NL\", \"MD\"]\n");
    let file = stage.path("fields.toml");
    std::fs::write(&file, fields).unwrap();
    let forced = ["reply", &id, "--type", "joint-statement", "--file", &file];
    let sent = ba.send(&forced).await.unwrap();
    nl.received(word(&sent, "envelope")).await.unwrap();
    let found = state(nl, &id).await;
    assert_eq!((signers(&found), &found["in_force"]), (vec!["NL/technical".into()], &false.into()));
    assert!(found["not_counted"].to_string().contains("POUCH-JNT-23"), "{found}");
    let file = stage.path("statement.txt");
    let draft =
        ["joint", "draft", "--file", &file, "--subject", "S", "--threshold", "2", "--invite", "MD,BA"];
    refused(&nl.run(&draft).await.unwrap(), 23, "POUCH-JNT-10");
    let few = ["joint", "draft", "--file", &file, "--subject", "S", "--threshold", "1", "--invite", "NL,BA"];
    refused(&nl.run(&few).await.unwrap(), 2, "POUCH-NOT-");
    refused(&nl.run(&["joint", "show", "deadbeef"]).await.unwrap(), 4, "POUCH-AGT-30");
    network.stop().await;
}

#[tokio::test]
async fn a_state_that_demands_officers_signs_when_they_have_approved() {
    let officer = Officer { folder: "officer-1".to_owned(), title: "Duty officer".to_owned() };
    let md = Party { officers: vec![officer], ..Party::simple("MD/policy") };
    let mut network = started(vec![Party::simple("NL/technical"), md]).await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let (id, envelope) = proposes(nl, &stage, "NL,MD", &["--precedence", "immediate"]).await;
    md.received(&envelope).await.unwrap();
    let draft = md.json(&["joint", "sign", &id, "--yes"]).await.unwrap();
    assert_eq!(draft["officers_needed"], 1, "{draft}");
    let draft = word(&draft, "id").to_owned();
    refused(&md.run(&["release", &draft]).await.unwrap(), 24, "POUCH-AGT-38");
    assert_eq!(state(md, &id).await["in_force"], false);
    let (key, passphrase) = (stage.path("officer-1/officer.pem"), stage.passphrase("officer-1"));
    let approve = ["approve", &draft, "--key", &key, "--passphrase-file", &passphrase, "--yes"];
    md.ok(&approve).await.unwrap();
    md.json(&["release", &draft]).await.unwrap();
    told(nl, "in force since").await;
    assert_eq!(signers(&state(nl, &id).await), ["NL/technical", "MD/policy"]);
    network.stop().await;
}
