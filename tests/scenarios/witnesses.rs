//! A witness that lost what it cosigned says so and stops; the network goes on without it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use pouch_testkit::stage::{PATIENCE, Party, Stage, is};
use pouch_tests::files::copy_folder;
use serde_json::Value;

use crate::network::{Network, founded, inbox_with, pair, refused, tell};

/// Runs a witness that must end by itself, with this code.
async fn ends(stage: &Stage, folder: &str, code: &str) {
    let config = stage.path(&format!("{folder}/witness.toml"));
    refused(&stage.program.run(&["witness", "run", "--config", &config]).await.unwrap(), 16, code);
}

/// The relay's status, once it says what is waited for.
async fn status(stage: &Stage, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let (config, begun) = (stage.path("relay/relay.toml"), Instant::now());
    loop {
        let outcome = stage.program.run(&["relay", "status", "--json", "--config", &config]).await.unwrap();
        let value: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
        if fits(&value["value"]) {
            return value["value"].clone();
        }
        assert!(begun.elapsed() < PATIENCE, "not {what}: {}{}", outcome.stdout, outcome.stderr);
    }
}

fn messages(status: &Value) -> u64 {
    let logs = status["logs"].as_array().cloned().unwrap_or_default();
    logs.iter().find(|log| log["log"] == "messages").and_then(|log| log["published"].as_u64()).unwrap_or(0)
}

fn witness<'a>(status: &'a Value, name: &str) -> &'a Value {
    let all = status["witnesses"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .find(|one| one["name"].as_str().is_some_and(|found| found.starts_with(name)))
        .unwrap_or(&Value::Null)
}

#[tokio::test]
async fn keys_without_their_memory_cosign_nothing() {
    let (_dir, stage) = founded(pair()).await;
    let (own, aside) = (stage.path("witness-1/data"), stage.path("aside"));
    fs::rename(&own, &aside).unwrap();
    ends(&stage, "witness-1", "POUCH-WIT-01").await;
    assert!(!Path::new(&own).exists(), "it begins none anew");
    copy_folder(Path::new(&stage.path("witness-2/data")), Path::new(&own)).unwrap();
    ends(&stage, "witness-1", "POUCH-WIT-02").await;
    fs::remove_dir_all(&own).unwrap();
    fs::create_dir(&own).unwrap();
    ends(&stage, "witness-1", "POUCH-WIT-01").await;
    fs::remove_dir(&own).unwrap();
    fs::rename(&aside, &own).unwrap();
    let witnesses = stage.start_witnesses().await.unwrap();
    for witness in witnesses {
        witness.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_witness_that_was_put_back_to_a_backup_is_found_out_and_stops_for_ever() {
    let mut network = Network::start(pair()).await;
    // Two of three are left, so that each of them cosigns everything.
    network.witnesses.pop().unwrap().stop().await.unwrap();
    network.witnesses.remove(0).stop().await.unwrap();
    let (data, backup) = (network.stage.path("witness-1/data"), network.stage.path("backup"));
    copy_folder(Path::new(&data), Path::new(&backup)).unwrap();
    let config = network.stage.path("witness-1/witness.toml");
    let log = Path::new(&network.stage.path("witness-1")).join("witness.log");
    let run = ["witness", "run", "--config", &config];
    let one = network.stage.program.start("witness-1", &run, &log).await.unwrap();
    let before = messages(&status(&network.stage, "known", |found| found["logs"].is_array()).await);
    let first = tell(&network.nodes[0], "MD/policy", "After the backup").await;
    status(&network.stage, "published with witness 1", |found| messages(found) > before).await;
    one.stop().await.unwrap();

    fs::remove_dir_all(&data).unwrap();
    copy_folder(Path::new(&backup), Path::new(&data)).unwrap();
    let restored = network.stage.program.start("witness-1", &run, &log).await.unwrap();
    let second = tell(&network.nodes[0], "MD/policy", "After it was put back").await;
    let found = |found: &Value| witness(found, "witness-1")["forgot"] == true;
    status(&network.stage, "found out", found).await;
    // It ends by itself, and its memory says why from now on.
    drop(restored);
    ends(&network.stage, "witness-1", "POUCH-WIT-03").await;
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("POUCH-WIT-03"), "{said}");

    let config = network.stage.path("witness-3/witness.toml");
    let log = Path::new(&network.stage.path("witness-3")).join("witness.log");
    let run = ["witness", "run", "--config", &config];
    network.witnesses.push(network.stage.program.start("witness-3", &run, &log).await.unwrap());
    inbox_with(&mut network.nodes[1], &[first, second]).await;
    status(&network.stage, "published without witness 1", |found| messages(found) >= before + 2).await;
    network.stop().await;
}

#[tokio::test]
async fn a_node_whose_witness_lost_its_memory_goes_on_without_it() {
    let nl = Party { witnesses: true, ..Party::simple("NL/technical") };
    let (_dir, stage) = founded(vec![nl, Party::simple("MD/policy")]).await;
    // Whoever loses the database of a node loses what its witness cosigned.
    fs::remove_dir_all(stage.path("nl/data")).unwrap();
    let relay = stage.start_relay().await.unwrap();
    let witnesses = stage.start_witnesses().await.unwrap();
    let mut nl = stage.start_node("nl").await.unwrap();
    let mut md = stage.start_node("md").await.unwrap();
    let alarm = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-WIT-01");
    nl.watcher.wait_for("the alarm", PATIENCE, alarm).await.unwrap();
    for node in [&mut nl, &mut md] {
        node.everyone_can_be_sealed_to().await.unwrap();
    }
    let sent = tell(&nl, "MD/policy", "Without a witness of ours").await;
    inbox_with(&mut md, &[sent]).await;
    let found = status(&stage, "known", |found| found["witnesses"].is_array()).await;
    assert_eq!(witness(&found, "nl.demo")["cosigned_at"], Value::Null, "{found}");
    nl.stop().await.unwrap();
    md.stop().await.unwrap();
    relay.stop().await.unwrap();
    for witness in witnesses {
        witness.stop().await.unwrap();
    }
}
