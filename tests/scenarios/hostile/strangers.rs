//! Who is no part of the network: keys that the directory does not know, nodes that no charter names,
//! charters of another network, and charters that nobody signed.

use pouch_crypto::SigningKey;
use pouch_net::ConnectError;
use pouch_testkit::stage::{Outcome, Party, Stage};
use pouch_wire::{Digest, NetworkId};

use super::scene::Scene;
use crate::network::program;

const HONEST: &str = "All is quiet here.";

/// Starts a node that must not start.
async fn does_not_start(stage: &Stage, folder: &str) -> Outcome {
    let outcome = stage.program.run(&["agent", "run", "--config", &stage.config(folder)]).await.unwrap();
    assert_ne!(outcome.exit, 0, "{outcome:?}");
    outcome
}

/// The founders' other network: the same names, other keys.
async fn other_network() -> (tempfile::TempDir, Stage) {
    let dir = tempfile::tempdir().unwrap();
    let parties = vec![Party::simple("NL/technical"), Party::simple("MD/policy")];
    let stage = Stage::new(program(), dir.path(), parties, 3);
    stage.found().await.unwrap();
    (dir, stage)
}

#[tokio::test]
async fn a_key_that_the_directory_does_not_know_gets_no_session() {
    let mut scene = Scene::start().await;
    for _ in 0..3 {
        let stranger = SigningKey::generate(&mut rand::rng());
        let error = scene.dial(&stranger).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, ConnectError::NotKnown { .. }), "{error}");
    }
    // A key that signs notices opens no session either, nor does a root.
    let signing = super::keys::KeyFolder::of(&scene.stage, "md").signing("signing");
    for key in [signing, scene.member_root("md")] {
        let error = scene.dial(&key).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, ConnectError::NotKnown { .. }), "{error}");
    }
    let line = scene.line_of("md").await;
    assert_eq!(line.directory(&scene.charter).await.network(), scene.network());
    let envelope = scene.sends("nl", "BA/technical", HONEST).await;
    scene.shows("ba", &envelope, HONEST).await;
    scene.end().await;
}

#[tokio::test]
async fn a_member_with_another_network_s_charter_is_not_attached() {
    let scene = Scene::with_hostile("md").await;
    let line = scene.line_of("md").await;
    let other = NetworkId(Digest::new([7; 32]));
    assert_eq!(line.attach(other).await.map(|_| ()).unwrap_err(), "POUCH-RLY-20");
    line.attach(scene.network()).await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn a_node_that_the_charter_does_not_name_does_not_start() {
    let mut scene = Scene::start().await;
    let (_dir, other) = other_network().await;
    // Its own keys, in a folder of its own, with this network's charter: named by another network only.
    let charter = scene.stage.path("charter.pouch");
    std::fs::copy(&charter, other.path("nl/charter.pouch")).unwrap();
    let outcome = does_not_start(&other, "nl").await;
    assert!(outcome.stderr.contains("POUCH-AGT-02"), "{outcome:?}");
    let config = other.config("md");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("MD/policy", "XX/policy")).unwrap();
    std::fs::copy(&charter, other.path("md/charter.pouch")).unwrap();
    let outcome = does_not_start(&other, "md").await;
    assert!(outcome.stderr.contains("POUCH-AGT-01"), "{outcome:?}");
    assert!(outcome.stderr.contains("XX/policy"), "{outcome:?}");
    let envelope = scene.sends("nl", "BA/technical", HONEST).await;
    scene.shows("ba", &envelope, HONEST).await;
    scene.end().await;
}

#[tokio::test]
async fn a_node_does_not_change_its_network_nor_believe_an_altered_charter() {
    let mut scene = Scene::start().await;
    let (_dir, other) = other_network().await;
    scene.stop_node("nl").await;
    let place = scene.stage.path("nl/charter.pouch");
    let charter = std::fs::read(&place).unwrap();
    std::fs::copy(other.path("charter.pouch"), &place).unwrap();
    let outcome = does_not_start(&scene.stage, "nl").await;
    assert!(outcome.stderr.contains("POUCH-AGT-01"), "{outcome:?}");
    assert!(outcome.stderr.contains("another charter"), "{outcome:?}");

    // One bit of it changed, at either end and in the middle: never a charter that founds.
    for at in [3, charter.len() / 2, charter.len() - 1] {
        let mut altered = charter.clone();
        altered[at] ^= 1;
        std::fs::write(&place, altered).unwrap();
        let outcome = does_not_start(&scene.stage, "nl").await;
        assert!(outcome.stderr.contains("POUCH-CHA-"), "byte {at}: {outcome:?}");
    }
    std::fs::write(&place, charter).unwrap();
    scene.start_node("nl").await;
    let envelope = scene.sends("nl", "BA/technical", HONEST).await;
    scene.shows("ba", &envelope, HONEST).await;
    scene.end().await;
}
