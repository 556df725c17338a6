//! Two officers, attachments, and the digits that are read over the telephone.

use pouch_testkit::stage::{Node, Officer, Party, Stage, word};
use serde_json::Value;

use crate::network::{Network, pair, refused};

/// A state whose urgent notices need two officers, and one that reads them.
async fn with_officers() -> Network {
    let officer = |folder: &str| Officer { folder: folder.to_owned(), title: format!("Title of {folder}") };
    let officers = vec![officer("officer-1"), officer("officer-2")];
    let nl = Party { officers, ..Party::simple("NL/technical") };
    Network::start(vec![nl, Party::simple("MD/policy")]).await
}

async fn approve(node: &Node, stage: &Stage, officer: &str, draft: &str) -> pouch_testkit::stage::Outcome {
    let (key, passphrase) = (stage.path(&format!("{officer}/officer.pem")), stage.passphrase(officer));
    node.run(&["approve", draft, "--key", &key, "--passphrase-file", &passphrase, "--yes"]).await.unwrap()
}

const FLASH: [&str; 5] = ["--to", "MD/policy", "--precedence", "flash", "--yes"];

#[tokio::test]
async fn a_flash_leaves_when_two_officers_have_approved_this_very_text() {
    let mut network = with_officers().await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let text = ["--subject", "S", "--text", "Switch it off."];
    let alone = nl.run(&[&["send"], &FLASH[..], &text].concat()).await.unwrap();
    refused(&alone, 24, "POUCH-AGT-38");

    let draft = nl.json(&[&["draft"], &FLASH[..], &text].concat()).await.unwrap();
    let id = word(&draft, "id");
    refused(&nl.run(&["release", id]).await.unwrap(), 24, "POUCH-AGT-38");
    assert_eq!(approve(nl, &stage, "officer-1", id).await.exit, 0);
    // The same officer again is not a second one.
    refused(&approve(nl, &stage, "officer-1", id).await, 11, "POUCH-AGT-36");
    refused(&nl.run(&["release", id]).await.unwrap(), 24, "POUCH-AGT-38");

    // Another text is another draft: what was approved does not count for it.
    let other = ["--subject", "S", "--text", "Switch it on."];
    let edited = nl.json(&[&["draft"], &FLASH[..], &other].concat()).await.unwrap();
    assert_eq!(edited["approved_by"].as_array().unwrap().len(), 0);
    refused(&nl.run(&["release", word(&edited, "id")]).await.unwrap(), 24, "POUCH-AGT-38");

    let second = approve(nl, &stage, "officer-2", id).await;
    assert!(second.stdout.contains("approved by 2 of 2 officers"), "{}", second.stdout);
    let sent = nl.json(&["release", id]).await.unwrap();
    md.received(word(&sent, "envelope")).await.unwrap();
    let shown = md.ok(&["show", word(&sent, "envelope")]).await.unwrap();
    assert!(shown.contains("approved by 2 officers"), "{shown}");
    for officer in ["officer-1", "officer-2"] {
        assert!(shown.contains(&format!("Approved by:    Title of {officer}")), "{shown}");
    }
    // It left once, and is no draft any more.
    refused(&nl.run(&["release", id]).await.unwrap(), 4, "POUCH-AGT-46");

    // What takes it back goes to the same and as urgently, so it needs two officers as well.
    let number: Vec<&str> = word(&sent, "number").split(' ').collect();
    let cancel = [&["cancel"], &number[..], &["--text", "A mistake.", "--yes"]].concat();
    let alone = nl.run(&cancel).await.unwrap();
    refused(&alone, 24, "POUCH-AGT-38");
    let drafted = ["--type", "cancellation", "--text", "A mistake.", "--concerns"];
    let draft = nl.json(&[&["draft"], &drafted[..], &number[..]].concat()).await.unwrap();
    let id = word(&draft, "id");
    let early = nl.run(&["release", id]).await.unwrap();
    refused(&early, 24, "POUCH-AGT-38");
    assert!(early.stderr.contains(&format!("{} --key officer.pem", &id[..8])), "{}", early.stderr);
    for officer in ["officer-1", "officer-2"] {
        assert_eq!(approve(nl, &stage, officer, id).await.exit, 0);
    }
    let taken_back = nl.json(&["release", id]).await.unwrap();
    assert_eq!(taken_back["precedence"], "flash");
    md.received(word(&taken_back, "envelope")).await.unwrap();
    network.stop().await;
}

#[tokio::test]
async fn an_officer_of_another_office_and_a_wrong_passphrase_approve_nothing() {
    let mut network = with_officers().await;
    let stage = network.stage.clone();
    let nl = &network.nodes[0];
    let text = ["--subject", "S", "--text", "T"];
    let draft = nl.json(&[&["draft"], &FLASH[..], &text].concat()).await.unwrap();
    let id = word(&draft, "id");
    let (dir, passphrase) = (stage.path("stranger"), stage.passphrase("officer-1"));
    let init =
        ["init", "officer", "--contact-point", "NL/technical", "--title", "T", "--person", "p", "--dir"];
    let more = [dir.as_str(), "--throw-away", "--passphrase-file", &passphrase];
    stage.program.ok(&[&init[..], &more].concat()).await.unwrap();
    let key = stage.path("stranger/officer.pem");
    let stranger = ["approve", id, "--yes", "--key", &key, "--passphrase-file", &passphrase];
    refused(&nl.run(&stranger).await.unwrap(), 11, "POUCH-AGT-36");
    let (key, wrong) = (stage.path("officer-1/officer.pem"), stage.passphrase("officer-2"));
    let locked = ["approve", id, "--yes", "--key", &key, "--passphrase-file", &wrong];
    refused(&nl.run(&locked).await.unwrap(), 30, "POUCH-KEY-");
    let unasked = ["approve", id, "--key", &key, "--passphrase-file", &passphrase];
    // However quiet: what somebody is asked to sign is shown; and not before the key is there to sign it.
    let outcome = nl.run(&[&unasked[..], &["--quiet"]].concat()).await.unwrap();
    refused(&outcome, 23, "POUCH-CLI-11");
    assert!(outcome.stderr.contains("| T") && outcome.stderr.contains("MD/policy"), "{}", outcome.stderr);
    let locked = ["approve", id, "--quiet", "--key", &key, "--passphrase-file", &wrong];
    let outcome = nl.run(&locked).await.unwrap();
    refused(&outcome, 30, "POUCH-KEY-");
    assert!(!outcome.stderr.contains("| T"), "{}", outcome.stderr);
    let shown = nl.json(&["draft", "--show", id]).await.unwrap();
    assert_eq!(shown["approved_by"].as_array().unwrap().len(), 0);
    assert_eq!(approve(nl, &stage, "officer-1", id).await.exit, 0);
    network.nodes.reverse();
    network.stop().await;
}

/// Bytes of every value, not the same in any two places of a page.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((n ^ (n >> 8).wrapping_mul(31)) & 0xff).unwrap()).collect()
}

#[tokio::test]
async fn attachments_arrive_byte_for_byte() {
    let mut network = Network::start(pair()).await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let files = [("large.bin", bytes(3 * 1024 * 1024 + 17)), ("empty.txt", Vec::new()), ("one.csv", vec![0])];
    let mut send: Vec<String> =
        ["send", "--to", "MD/policy", "--subject", "S", "--text", "See the files."].map(str::to_owned).into();
    for (name, content) in &files {
        std::fs::write(stage.path(name), content).unwrap();
        send.extend(["--attach".to_owned(), stage.path(name)]);
    }
    let sent = nl.json(&send.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let envelope = word(&sent, "envelope");
    md.received(envelope).await.unwrap();
    let saved = stage.path("saved");
    md.ok(&["show", envelope, "--save", &saved]).await.unwrap();
    for (name, content) in &files {
        assert_eq!(&std::fs::read(stage.dir().join("saved").join(name)).unwrap(), content, "{name}");
    }
    // What is there is not overwritten.
    refused(&md.run(&["show", envelope, "--save", &saved]).await.unwrap(), 1, "POUCH-CLI-02");
    network.stop().await;
}

#[tokio::test]
async fn the_spoken_check_agrees_with_this_notice_and_no_other() {
    let mut network = Network::start(pair()).await;
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let mut checks = Vec::new();
    for text in ["One", "Two"] {
        let send = ["send", "--to", "MD/policy", "--subject", "S", "--text", text];
        let sent = nl.json(&send).await.unwrap();
        let envelope = word(&sent, "envelope").to_owned();
        md.received(&envelope).await.unwrap();
        let own: Value = nl.json(&["show", &envelope]).await.unwrap();
        checks.push((envelope, word(&own, "spoken_check").to_owned()));
    }
    let (first, digits) = &checks[0];
    let dictated = digits.replace(' ', "-");
    for right in [digits, &dictated] {
        let agreed = md.run(&["show", first, "--compare", right]).await.unwrap();
        assert_eq!(agreed.exit, 0, "{}", agreed.stderr);
        assert!(agreed.stderr.contains("The digits agree"), "{}", agreed.stderr);
    }
    let (mistyped, truncated) = (format!("{}x", &digits[..digits.len() - 1]), &digits[..29]);
    for wrong in [&checks[1].1, &mistyped, truncated, ""] {
        refused(&md.run(&["show", first, "--compare", wrong]).await.unwrap(), 10, "POUCH-CLI-13");
    }
    network.stop().await;
}
