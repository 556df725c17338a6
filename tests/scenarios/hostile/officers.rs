//! Approvals that do not count, given by the commands that officers type: a key of nobody, another
//! state's officer, the same officer twice. The draft waits for those whom its state named.

use pouch_testkit::stage::{Outcome, word};

use super::scene::Scene;

const TEXT: &str = "Two substations are off.";

/// Types `pouch approve` with a key file.
async fn approve(scene: &mut Scene, id: &str, folder: &str) -> Outcome {
    let key = scene.stage.path(&format!("{folder}/officer.pem"));
    let passphrase = scene.stage.passphrase(folder);
    let approve = ["approve", id, "--key", &key, "--passphrase-file", &passphrase, "--yes"];
    scene.node("nl").run(&approve).await.unwrap()
}

/// Makes an officer's key that no state has named.
async fn unnamed_officer(scene: &Scene) {
    let folder = "nobody";
    std::fs::create_dir(scene.stage.path(folder)).unwrap();
    std::fs::copy(scene.stage.passphrase("nl"), scene.stage.passphrase(folder)).unwrap();
    let (dir, passphrase) = (scene.stage.path(folder), scene.stage.passphrase(folder));
    let who = ["--contact-point", "NL/technical", "--title", "Head of desk", "--person", "nobody"];
    let how = ["--dir", &dir, "--throw-away", "--passphrase-file", &passphrase];
    scene.stage.program.ok(&[["init", "officer"].as_slice(), &who, &how].concat()).await.unwrap();
}

#[tokio::test]
async fn an_approval_counts_once_and_only_by_an_officer_that_the_state_named() {
    let mut scene = Scene::start().await;
    unnamed_officer(&scene).await;
    let what = ["draft", "--to", "BA/technical", "--type", "free-text", "--precedence", "immediate"];
    let says = ["--subject", TEXT, "--text", TEXT];
    let draft = scene.node("nl").json(&[what.as_slice(), &says].concat()).await.unwrap();
    let id = word(&draft, "id").to_owned();

    let by_nobody = approve(&mut scene, &id, "nobody").await;
    assert_eq!(by_nobody.exit, 11, "{by_nobody:?}");
    assert!(by_nobody.stderr.contains("POUCH-AGT-36"), "{by_nobody:?}");
    let first = approve(&mut scene, &id, "nl-officer-1").await;
    assert_eq!(first.exit, 0, "{first:?}");
    let again = approve(&mut scene, &id, "nl-officer-1").await;
    assert_eq!(again.exit, 11, "{again:?}");
    assert!(again.stderr.contains("POUCH-AGT-36"), "{again:?}");
    let early = scene.node("nl").run(&["release", &id]).await.unwrap();
    assert_eq!(early.exit, 24, "{early:?}");
    assert!(early.stderr.contains("POUCH-AGT-38"), "{early:?}");

    let second = approve(&mut scene, &id, "nl-officer-2").await;
    assert_eq!(second.exit, 0, "{second:?}");
    let sent = scene.node("nl").json(&["release", &id]).await.unwrap();
    let envelope = word(&sent, "envelope").to_owned();
    scene.shows("ba", &envelope, TEXT).await;
    let shown = scene.node("ba").ok(&["show", &envelope, "--why"]).await.unwrap();
    assert!(shown.contains("Approved by 2 officers"), "{shown}");
    scene.end().await;
}
