//! A network of real processes in a folder of its own, for one test.

use std::path::PathBuf;

use pouch_testkit::stage::{Node, Outcome, PATIENCE, Party, Program, Service, Stage, is, word};
use serde_json::Value;
use tempfile::TempDir;

/// The program that was built beside this test; `cargo xtask test` builds it first.
pub(crate) fn program() -> Program {
    let test = std::env::current_exe().expect("a test knows its own path");
    let path: PathBuf = test.ancestors().nth(2).expect("tests run out of target/*/deps").join("pouch");
    assert!(path.is_file(), "{} is missing: cargo build --package pouch", path.display());
    Program::at(&path)
}

/// A founded network: its folder, relay, witnesses and nodes.
#[derive(Debug)]
pub(crate) struct Network {
    /// Its keys, configurations and commands.
    pub(crate) stage: Stage,
    /// The relay's process.
    pub(crate) relay: Service,
    /// The processes of further relays, which follow its directory.
    pub(crate) followers: Vec<Service>,
    /// The stand-alone witnesses' processes.
    pub(crate) witnesses: Vec<Service>,
    /// The nodes, in the order of the parties.
    pub(crate) nodes: Vec<Node>,
    _dir: TempDir,
}

/// The two states of most stories; a network has at least two.
pub(crate) fn pair() -> Vec<Party> {
    vec![Party::simple("NL/technical"), Party::simple("MD/policy")]
}

/// A network that is founded and not started: files and keys, and the folder that holds them.
pub(crate) async fn founded(parties: Vec<Party>) -> (TempDir, Stage) {
    founded_with(parties, 1).await
}

async fn founded_with(parties: Vec<Party>, relays: u8) -> (TempDir, Stage) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let stage = Stage::new(program(), dir.path(), parties, 3).with_relays(relays);
    stage.found().await.expect("the network is founded");
    (dir, stage)
}

impl Network {
    /// Founds and starts a network of these parties with three witnesses; every node can be sealed to.
    pub(crate) async fn start(parties: Vec<Party>) -> Self {
        Self::start_with(parties, 1).await
    }

    /// The same with several relays.
    pub(crate) async fn start_with(parties: Vec<Party>, relays: u8) -> Self {
        let folders: Vec<String> = parties.iter().map(|party| party.folder.clone()).collect();
        let (dir, stage) = founded_with(parties, relays).await;
        let relay = stage.start_relay().await.expect("the relay starts");
        let mut followers = Vec::new();
        for number in 2..=relays {
            followers.push(stage.start_relay_number(number).await.expect("a relay that follows starts"));
        }
        let witnesses = stage.start_witnesses().await.expect("the witnesses start");
        let mut nodes = Vec::new();
        for folder in &folders {
            nodes.push(stage.start_node(folder).await.expect("a node starts"));
        }
        for node in &mut nodes {
            node.everyone_can_be_sealed_to().await.expect("every office can be sealed to");
        }
        Self { stage, relay, followers, witnesses, nodes, _dir: dir }
    }

    /// Ends every process; each must end well.
    pub(crate) async fn stop(self) {
        for node in self.nodes {
            node.stop().await.expect("a node ends well");
        }
        self.relay.stop().await.expect("the relay ends well");
        for follower in self.followers {
            follower.stop().await.expect("a relay that follows ends well");
        }
        for witness in self.witnesses {
            witness.stop().await.expect("a witness ends well");
        }
    }
}

/// Sends a line to one office; the envelope's id.
pub(crate) async fn tell(node: &Node, to: &str, text: &str) -> String {
    let sent = node.send(&["send", "--to", to, "--subject", text, "--text", text]).await.expect("it is sent");
    word(&sent, "envelope").to_owned()
}

/// Waits until a node has these messages, and gives its inbox: the newest first, all of it verified.
pub(crate) async fn inbox_with(node: &mut Node, envelopes: &[String]) -> Vec<Value> {
    loop {
        let inbox = node.json(&["inbox", "--limit", "1000"]).await.expect("the inbox is listed");
        let rows = inbox.as_array().expect("a list").clone();
        let there = |envelope: &String| rows.iter().any(|row| is(row, "envelope", envelope));
        if envelopes.iter().all(there) {
            return rows;
        }
        let arrival = |event: &Value| is(event, "kind", "received") || is(event, "kind", "refused-arrival");
        node.watcher.wait_for("an arrival", PATIENCE, arrival).await.expect("the rest arrives");
    }
}

/// Waits until a node has a session with the relay.
pub(crate) async fn connected(node: &mut Node) {
    connected_to(node, "relay-1").await;
}

/// Waits until a node has a session with one of several relays.
pub(crate) async fn connected_to(node: &mut Node, relay: &str) {
    loop {
        let status = node.json(&["status"]).await.expect("the status is told");
        let lines = status["relays"].as_array().expect("a list of relays");
        if lines.iter().any(|line| line[0] == relay && line[1] == true) {
            return;
        }
        let link = |event: &Value| is(event, "kind", "link");
        node.watcher
            .wait_for("a session with the relay", PATIENCE, link)
            .await
            .expect("the relay is reached");
    }
}

/// Whether a row's notice is verified without reservation.
pub(crate) fn green(row: &Value) -> bool {
    row.pointer("/verdict/colour").and_then(Value::as_str) == Some("green")
}

/// A command failed as it should: with this exit code and code, and without a word of a crash.
pub(crate) fn refused(outcome: &Outcome, exit: i32, code: &str) {
    let said = format!("{}\n{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.exit, exit, "{said}");
    assert!(outcome.stderr.contains(code), "{code} is not in:\n{said}");
    for word in ["panicked", "RUST_BACKTRACE", "unwrap"] {
        assert!(!said.contains(word), "{said}");
    }
}

/// Which entry of the directory a revocation is, from what the command said.
pub(crate) fn entry(said: &str) -> u64 {
    let index = said.split("Revoked by the directory's entry ").nth(1).expect("it says which entry");
    index.split('.').next().unwrap().parse().unwrap()
}
