//! Keys change under way: rotated, revoked, revoked as of a moment in the past.

use pouch_testkit::stage::{Node, PATIENCE, Stage, is, word};
use serde_json::Value;

use crate::network::{Network, connected, entry, green, inbox_with, pair, refused, tell};

async fn two() -> Network {
    Network::start(pair()).await
}

async fn rotate(node: &mut Node, stage: &Stage, folder: &str) {
    let root = format!("{folder}-root");
    let (dir, passphrase) = (stage.path(&root), stage.passphrase(&root));
    let rotate =
        ["keys", "rotate", "--member-dir", &dir, "--throw-away", "--yes", "--passphrase-file", &passphrase];
    node.ok(&rotate).await.unwrap();
    let in_use = |event: &Value| is(event, "kind", "key") && is(event, "code", "POUCH-KEY-60");
    node.watcher.wait_for("the new key in use", PATIENCE, in_use).await.unwrap();
}

/// Revokes a key of the node's member; how the command ended.
async fn revoke(node: &Node, stage: &Stage, folder: &str, more: &[&str]) -> String {
    let root = format!("{folder}-root");
    let (dir, passphrase) = (stage.path(&root), stage.passphrase(&root));
    let fixed = ["--member-dir", &dir, "--passphrase-file", &passphrase, "--yes"];
    let outcome = node.run(&[&["keys", "revoke"], more, &fixed].concat()).await.unwrap();
    assert_eq!(outcome.exit, 0, "{}", outcome.stderr);
    outcome.stderr
}

/// Waits until a node's directory has so many entries.
async fn directory_of(node: &mut Node, size: u64) {
    loop {
        if node.json(&["directory", "show"]).await.unwrap()["size"].as_u64().unwrap() >= size {
            return;
        }
        node.watcher.wait_for("a newer directory", PATIENCE, |e| is(e, "kind", "directory")).await.unwrap();
    }
}

/// Fetches the proof that a message is logged: the relay's word alone does not say what was first.
async fn proved(node: &Node, stage: &Stage, envelope: &str) {
    node.ok(&["evidence", "export", envelope, "--output", &stage.path(envelope)]).await.unwrap();
}

async fn key(node: &Node, kind: &str) -> (String, String) {
    let keys = node.json(&["keys", "list"]).await.unwrap();
    let found = keys.as_array().unwrap().iter().find(|key| is(key, "kind", kind)).expect(kind).clone();
    (word(&found, "id").to_owned(), word(&found, "state").to_owned())
}

#[tokio::test]
async fn another_members_root_key_rotates_nothing() {
    let network = two().await;
    let (nl, stage) = (&network.nodes[0], &network.stage);
    let (dir, passphrase) = (stage.path("md-root"), stage.passphrase("md-root"));
    let rotate =
        ["keys", "rotate", "--member-dir", &dir, "--throw-away", "--yes", "--passphrase-file", &passphrase];
    refused(&nl.run(&rotate).await.unwrap(), 23, "POUCH-CLI-21");
    let keys = nl.json(&["keys", "list"]).await.unwrap();
    assert!(keys.as_array().unwrap().iter().all(|key| !is(key, "kind", "next signing")), "{keys}");
    network.stop().await;
}

#[tokio::test]
async fn a_key_rotated_while_messages_are_under_way_loses_none_of_them() {
    let mut network = two().await;
    let stage = network.stage.clone();
    let (mut to_md, mut to_nl) = (Vec::new(), Vec::new());
    // What waits at the relay is signed by the old key and read after the new one is in use.
    let md = network.nodes.pop().unwrap();
    to_nl.push(tell(&md, "NL/technical", "Before I leave").await);
    network.nodes[0].received(&to_nl[0]).await.unwrap();
    md.stop().await.unwrap();
    for n in 0..2 {
        to_md.push(tell(&network.nodes[0], "MD/policy", &format!("Old key, {n}")).await);
    }
    network.nodes[0].progress(&to_md[1], "MD/policy", "accepted").await.unwrap();
    rotate(&mut network.nodes[0], &stage, "nl").await;
    to_md.push(tell(&network.nodes[0], "MD/policy", "New key").await);
    let mut md = stage.start_node("md").await.unwrap();
    connected(&mut md).await;
    network.nodes.push(md);
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    // And now both sides at once, while the other side's key changes too.
    let rotation = async {
        rotate(md, &stage, "md").await;
        tell(md, "NL/technical", "My new key").await
    };
    let traffic = async {
        let mut sent = Vec::new();
        for n in 0..4 {
            sent.push(tell(nl, "MD/policy", &format!("Meanwhile, {n}")).await);
        }
        sent
    };
    let (new_key, traffic) = tokio::join!(rotation, traffic);
    to_nl.push(new_key);
    to_md.extend(traffic);
    for (node, sent) in [(nl, to_nl), (md, to_md)] {
        let rows = inbox_with(node, &sent).await;
        assert_eq!(rows.len(), sent.len());
        assert!(rows.iter().all(green), "{rows:?}");
        assert_eq!(key(node, "signing").await.1, "current");
        assert_eq!(key(node, "former signing").await.1, "no longer used");
    }
    network.stop().await;
}

#[tokio::test]
async fn a_revoked_key_speaks_no_more_until_the_root_authorises_another() {
    let mut network = two().await;
    let stage = network.stage.clone();
    let before = tell(&network.nodes[0], "MD/policy", "Before").await;
    network.nodes[1].received(&before).await.unwrap();
    proved(&network.nodes[1], &stage, &before).await;
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let (id, _) = key(nl, "signing").await;
    let said = revoke(nl, &stage, "nl", &[&id[..8], "--reason", "lost"]).await;
    for node in [&mut *nl, &mut *md] {
        directory_of(node, entry(&said) + 1).await;
    }
    assert!(key(nl, "signing").await.1.starts_with("revoked by entry"));
    let send = ["send", "--to", "MD/policy", "--subject", "S", "--text", "T"];
    refused(&nl.run(&send).await.unwrap(), 12, "POUCH-AGT-40");
    // The revocation's moment is too near to the message's to tell which was first.
    let shown = md.run(&["show", &before]).await.unwrap();
    assert_eq!(shown.exit, 12, "{}", shown.stdout);
    assert!(shown.stdout.contains("EXERCISE\nVERIFIED, WITH A RESERVATION"), "{}", shown.stdout);
    assert!(shown.stdout.contains("POUCH-VER-31") && shown.stdout.contains("Before"), "{}", shown.stdout);
    rotate(nl, &stage, "nl").await;
    let after = tell(nl, "MD/policy", "After").await;
    let rows = inbox_with(md, &[after]).await;
    assert!(green(&rows[0]) && is(&rows[0], "subject", "After"), "{rows:?}");
    assert!(word(&rows[0], "number").ends_with("-0002"), "a refused notice uses up no number");
    let sentence = |row: &Value| row.pointer("/verdict/sentence").unwrap().as_str().unwrap().to_owned();
    assert!(sentence(&rows[0]).contains("NEW KEY since 20"), "{rows:?}");
    let rows = inbox_with(md, &[before]).await;
    let first = rows.iter().find(|row| is(row, "subject", "Before")).unwrap();
    assert!(!sentence(first).contains("NEW KEY"), "{first}");
    assert!(key(nl, "former signing").await.1.starts_with("revoked by entry"));
    network.stop().await;
}

#[tokio::test]
async fn revoking_a_former_key_leaves_its_office_in_reach() {
    // The former key published the sealing keys in use; with its revocation nobody may seal to them.
    let mut network = two().await;
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    rotate(nl, &network.stage, "nl").await;
    let (former, _) = key(nl, "former signing").await;
    let said = revoke(nl, &network.stage, "nl", &[&former, "--reason", "superseded"]).await;
    // The revocation, and after it the sealing keys that the node made anew.
    directory_of(md, entry(&said) + 2).await;
    md.everyone_can_be_sealed_to().await.unwrap();
    let sent = tell(md, "NL/technical", "Can you still hear us?").await;
    nl.received(&sent).await.unwrap();
    network.stop().await;
}

#[tokio::test]
async fn a_key_that_was_in_other_hands_makes_what_it_signed_since_doubtful() {
    let mut network = two().await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = tell(nl, "MD/policy", "Perhaps not from us").await;
    let arrived = md.received(&sent).await.unwrap();
    assert!(!arrived.is_null());
    let (id, _) = key(nl, "signing").await;
    rotate(nl, &stage, "nl").await;
    let since = "2026-01-01T00:00:00Z";
    let said = revoke(nl, &stage, "nl", &[&id, "--reason", "compromised", "--effective", since]).await;
    directory_of(md, entry(&said) + 1).await;
    let shown = md.run(&["show", &sent, "--why"]).await.unwrap();
    assert_eq!(shown.exit, 12, "{}", shown.stdout);
    assert!(!shown.stdout.contains("VERIFIED:"), "{}", shown.stdout);
    let after = tell(nl, "MD/policy", "From us").await;
    md.received(&after).await.unwrap();
    assert_eq!(md.run(&["show", &after]).await.unwrap().exit, 0);
    network.stop().await;
}

#[tokio::test]
async fn what_was_logged_before_a_revocation_takes_effect_stays_good() {
    let mut network = two().await;
    let stage = network.stage.clone();
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = tell(nl, "MD/policy", "Long before").await;
    md.received(&sent).await.unwrap();
    proved(md, &stage, &sent).await;
    let (id, _) = key(nl, "signing").await;
    rotate(nl, &stage, "nl").await;
    let effect = "2099-01-01T00:00:00Z";
    let said = revoke(nl, &stage, "nl", &[&id, "--reason", "superseded", "--effective", effect]).await;
    directory_of(md, entry(&said) + 1).await;
    let shown = md.run(&["show", &sent, "--why"]).await.unwrap();
    assert_eq!(shown.exit, 0, "{}", shown.stdout);
    network.stop().await;
}
