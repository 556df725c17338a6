//! Honest nodes on a very bad network: nobody is accused of anything.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pouch_store::{AgentStore, EventLog as _};
use pouch_testkit::stage::{Node, is};
use serde_json::Value;
use tokio::time::Instant;

use super::proxy::{self, Impaired};
use super::stage::{Silence, seen};
use crate::network::{founded, pair};

/// 30 of 100 packets lost each way, and 300 ms there and back.
const BAD: Impaired = Impaired { lost: 30, delay: Duration::from_millis(150), seed: 20_261_125 };
/// How long there is traffic: a few beacons each way.
const FOR: Duration = Duration::from_secs(100);
/// How long one message may take on such a network.
const ARRIVES_WITHIN: Duration = Duration::from_secs(240);

const ACCUSES: [&str; 5] = ["POUCH-BCN-20", "POUCH-ORD-01", "POUCH-BCN-30", "POUCH-BCN-32", "POUCH-BCN-40"];

#[tokio::test(flavor = "multi_thread")]
async fn loss_and_long_ways_are_not_called_withholding() {
    let (dir, stage) = founded(pair()).await;
    let file = stage.path("relay/relay.toml");
    let mut config: toml::Table = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let named: SocketAddr = config["listen"].as_str().unwrap().parse().unwrap();
    let behind = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.insert("listen".into(), behind.to_string().into());
    std::fs::write(&file, config.to_string()).unwrap();
    let passed = proxy::start(named, behind, BAD).await;
    let mut silence = Silence::on(dir, stage).await;
    passed.worsen();

    let begun = Instant::now();
    let mut sent = Vec::new();
    while begun.elapsed() < FOR {
        let n = sent.len();
        // A flash overtakes routine ones; some take many packets.
        for (precedence, text) in [("routine", "r"), ("flash", "f")] {
            let text = text.repeat(if n % 6 == 0 { 6_000 } else { 40 });
            let subject = format!("Number {n}");
            let words = ["send", "--yes", "--to", "MD/policy", "--precedence", precedence];
            let rest = ["--subject", &subject, "--text", &text];
            let one = silence.nl().send(&[&words[..], &rest[..]].concat()).await.unwrap();
            sent.push(one["envelope"].as_str().unwrap().to_owned());
        }
        // No more than the line bears: what it does not would wait for ever, and longer.
        for envelope in &sent[n..] {
            let rows = silence.md().json(&["inbox", "--limit", "1000"]).await.unwrap();
            if !rows.as_array().unwrap().iter().any(|row| is(row, "envelope", envelope)) {
                received(silence.md(), envelope).await;
            }
        }
    }
    for (node, other) in
        [(silence.md.as_ref().unwrap(), "NL/technical"), (silence.nl.as_ref().unwrap(), "MD/policy")]
    {
        let now = seen(node, other).await;
        assert!(!now["heard_at"].is_null(), "its beacons came: {now}");
        assert_eq!((&now["withheld"], &now["contact_lost"]), (&false.into(), &false.into()), "{now}");
    }
    for (node, folder) in [(silence.md.take().unwrap(), "md"), (silence.nl.take().unwrap(), "nl")] {
        node.stop().await.unwrap();
        let store = AgentStore::open(&silence.stage.dir().join(folder).join("data/agent.sqlite")).unwrap();
        let events = store.events(0, 100_000).await.unwrap();
        assert!(events.len() > sent.len(), "{folder} told what happened");
        let accused: Vec<_> = events.iter().filter(|event| ACCUSES.contains(&event.code.as_str())).collect();
        assert!(accused.is_empty(), "{folder}: {accused:?}");
    }
    let (came, lost) = (passed.came.load(Ordering::Relaxed), passed.lost.load(Ordering::Relaxed));
    println!("{} messages; {came} packets came, {lost} were lost", sent.len());
    assert!(
        lost * 100 > (came + lost) * 25,
        "the network was as bad as it should be: {lost} of {}",
        came + lost
    );
    silence.stop().await;
}

async fn received(node: &mut Node, envelope: &str) {
    let fits = |event: &Value| is(event, "kind", "received") && is(event, "envelope", envelope);
    node.watcher.wait_for("an arrival", ARRIVES_WITHIN, fits).await.unwrap();
}
