//! Files that come by hand: charters, keys, notices, evidence, logs. Garbage, half of one, another's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use pouch_testkit::stage::{Node, word};

use crate::network::{Network, founded, pair, refused, tell};

#[tokio::test]
async fn a_charter_that_is_garbage_cut_short_or_altered_is_refused_by_everybody() {
    let (_dir, stage) = founded(pair()).await;
    let good = fs::read(stage.path("charter.pouch")).unwrap();
    let mut altered = good.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let mut longer = good.clone();
    longer.push(0);
    let bad = [Vec::new(), b"not a charter\n".to_vec(), good[..good.len() - 1].to_vec(), longer, altered];
    let services = [
        ("nl", ["agent", "run"], "agent.toml"),
        ("relay", ["relay", "run"], "relay.toml"),
        ("witness-1", ["witness", "run"], "witness.toml"),
    ];
    for (folder, run, config) in services {
        let (charter, config) =
            (stage.path(&format!("{folder}/charter.pouch")), stage.path(&format!("{folder}/{config}")));
        for content in &bad {
            fs::write(&charter, content).unwrap();
            let started = stage.program.run(&[run[0], run[1], "--config", &config]).await.unwrap();
            // Not a charter at all, or one whose signatures do not fit it.
            let exit = if started.stderr.contains("not a charter") { 1 } else { 23 };
            refused(&started, exit, "POUCH-CHA-");
        }
        fs::write(&charter, &good).unwrap();
        let shown = stage.program.ok(&["network", "show", &charter]).await.unwrap();
        assert!(shown.contains("signed by all founders"), "{shown}");
    }
}

#[tokio::test]
async fn a_node_does_not_start_under_the_charter_of_another_network() {
    let (_dir, stage) = founded(pair()).await;
    let (_other_dir, other) = founded(pair()).await;
    fs::copy(other.path("charter.pouch"), stage.path("nl/charter.pouch")).unwrap();
    let started = stage.program.run(&["agent", "run", "--config", &stage.config("nl")]).await.unwrap();
    refused(&started, 1, "POUCH-AGT-");
    fs::copy(other.path("charter.pouch"), stage.path("relay/charter.pouch")).unwrap();
    let config = stage.path("relay/relay.toml");
    refused(&stage.program.run(&["relay", "run", "--config", &config]).await.unwrap(), 1, "POUCH-");
    fs::copy(other.path("charter.pouch"), stage.path("witness-1/charter.pouch")).unwrap();
    let config = stage.path("witness-1/witness.toml");
    refused(&stage.program.run(&["witness", "run", "--config", &config]).await.unwrap(), 1, "POUCH-");
}

#[tokio::test]
async fn key_files_that_others_can_read_and_wrong_passphrases_open_nothing() {
    let (_dir, stage) = founded(pair()).await;
    let config = stage.config("nl");
    let run = ["agent", "run", "--config", &config];
    for file in ["nl/keys/signing.pem", "nl/keys/transport.pem", "nl/keys/vault.pem", "nl/passphrase"] {
        let path = stage.path(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let started = stage.program.run(&run).await.unwrap();
        refused(&started, 22, "POUCH-KEY-50");
        assert!(started.stderr.contains(&format!("chmod 600 {path}")), "{}", started.stderr);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let wrong = stage.passphrase("relay");
    let locked = stage.program.run(&[&run[..], &["--passphrase-file", &wrong]].concat()).await.unwrap();
    refused(&locked, 30, "POUCH-KEY-05");
    let transport = stage.path("nl/keys/transport.pem");
    let good = fs::read(&transport).unwrap();
    fs::write(
        &transport,
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    refused(&stage.program.run(&run).await.unwrap(), 30, "POUCH-KEY-01");
    fs::remove_file(&transport).unwrap();
    refused(&stage.program.run(&run).await.unwrap(), 1, "POUCH-CLI-02");
    fs::write(&transport, good).unwrap();
    fs::set_permissions(&transport, fs::Permissions::from_mode(0o600)).unwrap();
    let log = stage.dir().join("nl/agent.log");
    stage.program.start("nl", &run, &log).await.unwrap().stop().await.unwrap();
}

async fn send_file(node: &Node, file: &str) -> pouch_testkit::stage::Outcome {
    let send = ["send", "--to", "MD/policy", "--type", "incident-notice", "--subject", "S", "--file", file];
    node.run(&send).await.unwrap()
}

#[tokio::test]
async fn a_notice_with_unknown_missing_or_too_many_fields_is_refused_with_its_line() {
    let mut network = Network::start(pair()).await;
    let file = network.stage.path("notice.toml");
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let indicator = "[[indicators]]\nkind = \"domain\"\nvalue = \"a.example\"\n";
    let cases = [
        (
            "what_happened = \"X\"\nwho_did_it = \"Y\"\n".to_owned(),
            "line 2, column 1: unknown field `who_did_it`",
        ),
        ("sectors = [\"energy\"]\n".to_owned(), "missing field `what_happened`"),
        ("what_happened = \"X\"\nsectors = [\"enrgy\"]\n".to_owned(), "line 2, column 12"),
        ("what_happened = \"X\"\nstarted = \"yesterday\"\n".to_owned(), "line 2, column"),
        (format!("what_happened = \"{}\"\n", "x".repeat(70_000)), "line 1"),
        (format!("what_happened = \"X\"\n{}", indicator.repeat(5_000)), "POUCH-"),
        ("what_happened = \"\"\n".to_owned(), "POUCH-"),
        ("what_happened = \"X\n".to_owned(), "line 1"),
    ];
    for (fields, hint) in cases {
        fs::write(&file, &fields).unwrap();
        let outcome = send_file(nl, &file).await;
        let beginning: String = fields.chars().take(80).collect();
        assert_eq!(outcome.exit, 2, "{beginning}: {}", outcome.stderr);
        refused(&outcome, 2, hint);
    }
    refused(&send_file(nl, &network.stage.path("nothing.toml")).await, 1, "POUCH-CLI-02");
    fs::write(&file, "what_happened = \"X\"\n").unwrap();
    let sent = send_file(nl, &file).await;
    assert_eq!(sent.exit, 0, "{}", sent.stderr);
    // The honest one has the first number: those refused used up none.
    let rows = nl.json(&["outbox"]).await.unwrap();
    assert!(word(&rows[0], "number").ends_with("-0001"), "{rows}");
    md.received(word(&rows[0], "envelope")).await.unwrap();
    network.stop().await;
}

#[tokio::test]
async fn evidence_holds_under_its_own_charter_only_and_with_every_bit_in_place() {
    let mut network = Network::start(pair()).await;
    let (_other_dir, other) = founded(pair()).await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = tell(nl, "MD/policy", "To be proved").await;
    md.received(&sent).await.unwrap();
    let file = stage.path("evidence");
    md.ok(&["evidence", "export", &sent, "--output", &file]).await.unwrap();
    let audit = async |file: &str, charter: &str| {
        stage.program.run(&["audit", "evidence", file, "--charter", charter]).await.unwrap()
    };
    let charter = stage.path("charter.pouch");
    let foreign = audit(&file, &other.path("charter.pouch")).await;
    refused(&foreign, 10, "POUCH-");
    refused(&audit(&charter, &charter).await, 10, "POUCH-EVI-01");
    let good = fs::read(&file).unwrap();
    let altered = stage.path("altered");
    for at in [0, good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 4;
        fs::write(&altered, bytes).unwrap();
        let outcome = audit(&altered, &charter).await;
        refused(&outcome, 10, "POUCH-");
        assert_eq!(outcome.stderr.matches("error:").count(), 1, "{}", outcome.stderr);
    }
    fs::write(&altered, &good[..good.len() - 1]).unwrap();
    refused(&audit(&altered, &charter).await, 10, "POUCH-EVI-01");
    let both =
        stage.program.run(&["audit", "evidence", &altered, &file, "--charter", &charter]).await.unwrap();
    refused(&both, 10, "POUCH-EVI-01");
    assert!(both.stdout.contains("evidence holds"), "{}", both.stdout);
    let holds = audit(&file, &charter).await;
    assert_eq!(holds.exit, 0, "{}", holds.stderr);
    assert!(holds.stdout.contains("To be proved"), "{}", holds.stdout);
    network.stop().await;
}
