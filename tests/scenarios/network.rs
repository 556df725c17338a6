//! A network of real processes in a folder of its own, for one test.

use std::path::PathBuf;

use pouch_testkit::stage::{Node, Party, Program, Service, Stage};
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
    /// The stand-alone witnesses' processes.
    pub(crate) witnesses: Vec<Service>,
    /// The nodes, in the order of the parties.
    pub(crate) nodes: Vec<Node>,
    _dir: TempDir,
}

impl Network {
    /// Founds and starts a network of these parties with three witnesses; every node can be sealed to.
    pub(crate) async fn start(parties: Vec<Party>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folders: Vec<String> = parties.iter().map(|party| party.folder.clone()).collect();
        let stage = Stage::new(program(), dir.path(), parties, 3);
        stage.found().await.expect("the network is founded");
        let relay = stage.start_relay().await.expect("the relay starts");
        let witnesses = stage.start_witnesses().await.expect("the witnesses start");
        let mut nodes = Vec::new();
        for folder in &folders {
            nodes.push(stage.start_node(folder).await.expect("a node starts"));
        }
        for node in &mut nodes {
            node.everyone_can_be_sealed_to().await.expect("every office can be sealed to");
        }
        Self { stage, relay, witnesses, nodes, _dir: dir }
    }

    /// Ends every process; each must end well.
    pub(crate) async fn stop(self) {
        for node in self.nodes {
            node.stop().await.expect("a node ends well");
        }
        self.relay.stop().await.expect("the relay ends well");
        for witness in self.witnesses {
            witness.stop().await.expect("a witness ends well");
        }
    }
}
