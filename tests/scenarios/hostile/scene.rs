//! A network of real processes with an adversary among them, and what its victims must and must not
//! show.

use std::collections::BTreeMap;

use pouch_crypto::SigningKey;
use pouch_directory::{Act, CharterFile, Directory};
use pouch_net::ConnectError;
use pouch_store::{Mailboxes as _, RelayStore};
use pouch_testkit::stage::{Node, Officer, PATIENCE, Party, Service, Stage, is, word};
use pouch_wire::session::Changed;
use pouch_wire::{Canonical as _, NetworkId, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use super::keys::KeyFolder;
use super::letter::{Parcel, Pen};
use super::line::{Line, soon};
use crate::network::program;

/// The time, for what adversaries write.
#[allow(clippy::disallowed_methods, reason = "the one place where these tests read the clock")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}

/// NL, whose urgent notices need two officers; MD and BA, whose notices need none.
fn parties() -> Vec<Party> {
    let officer = |n: u8| Officer { folder: format!("nl-officer-{n}"), title: format!("Officer {n}") };
    let nl = Party { officers: vec![officer(1), officer(2)], ..Party::simple("NL/technical") };
    vec![nl, Party::simple("MD/policy"), Party::simple("BA/technical")]
}

/// A running network.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) charter: CharterFile,
    relay: Option<Service>,
    followers: Vec<Service>,
    witnesses: Vec<Service>,
    nodes: BTreeMap<String, Node>,
    _dir: TempDir,
}

impl Scene {
    /// Three states, all of them up, and everyone can be sealed to.
    pub(crate) async fn start() -> Self {
        Self::with_relays(1).await
    }

    /// The same with several relays, at all of which everybody collects.
    pub(crate) async fn with_relays(relays: u8) -> Self {
        let names: Vec<String> = (1..=relays).map(|number| format!("relay-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let parties = parties().into_iter().map(|party| party.at(&names)).collect();
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::new(program(), dir.path(), parties, 3).with_relays(relays);
        stage.found().await.unwrap();
        let charter = CharterFile::from_bytes(&std::fs::read(stage.path("charter.pouch")).unwrap()).unwrap();
        let relay = Some(stage.start_relay().await.unwrap());
        let mut followers = Vec::new();
        for number in 2..=relays {
            followers.push(stage.start_relay_number(number).await.unwrap());
        }
        let witnesses = stage.start_witnesses().await.unwrap();
        let mut scene =
            Self { stage, charter, relay, followers, witnesses, nodes: BTreeMap::new(), _dir: dir };
        for folder in ["nl", "md", "ba"] {
            scene.start_node(folder).await;
        }
        for node in scene.nodes.values_mut() {
            node.everyone_can_be_sealed_to().await.unwrap();
        }
        scene
    }

    /// The same, and one member turned hostile before it sent anything: its node is off, and its keys are
    /// in the hands of a program that keeps no rules.
    pub(crate) async fn with_hostile(folder: &str) -> Self {
        let mut scene = Self::start().await;
        scene.stop_node(folder).await;
        scene
    }

    /// The same with two relays.
    pub(crate) async fn with_hostile_of_two(folder: &str) -> Self {
        let mut scene = Self::with_relays(2).await;
        scene.stop_node(folder).await;
        scene
    }

    pub(crate) fn node(&mut self, folder: &str) -> &mut Node {
        self.nodes.get_mut(folder).unwrap()
    }

    pub(crate) async fn start_node(&mut self, folder: &str) {
        let node = self.stage.start_node(folder).await.unwrap();
        self.nodes.insert(folder.to_owned(), node);
    }

    pub(crate) async fn stop_node(&mut self, folder: &str) {
        self.nodes.remove(folder).unwrap().stop().await.unwrap();
    }

    pub(crate) async fn restart_node(&mut self, folder: &str) {
        self.stop_node(folder).await;
        self.start_node(folder).await;
    }

    pub(crate) async fn start_relay(&mut self) {
        self.relay = Some(self.stage.start_relay().await.unwrap());
    }

    pub(crate) async fn stop_relay(&mut self) {
        self.relay.take().unwrap().stop().await.unwrap();
    }

    pub(crate) async fn stop_witnesses(&mut self) {
        for witness in self.witnesses.drain(..) {
            witness.stop().await.unwrap();
        }
    }

    pub(crate) async fn start_witnesses(&mut self) {
        self.witnesses = self.stage.start_witnesses().await.unwrap();
    }

    /// Starts a relay that follows the directory: one that was stopped, or a new one.
    pub(crate) async fn start_follower(&mut self, number: u8) {
        self.followers.push(self.stage.start_relay_number(number).await.unwrap());
    }

    /// The process of the newest relay that follows the directory.
    pub(crate) fn take_follower(&mut self) -> Service {
        self.followers.pop().unwrap()
    }

    /// The process of the first relay.
    pub(crate) fn take_relay(&mut self) -> Service {
        self.relay.take().unwrap()
    }

    /// The relay's database; the relay must be stopped.
    pub(crate) fn relay_store(&self) -> RelayStore {
        self.store_of_relay(1)
    }

    /// The same of one of several relays.
    pub(crate) fn store_of_relay(&self, number: u8) -> RelayStore {
        let folder = self.stage.dir().join(Stage::relay_folder(number));
        RelayStore::open(&folder.join("data/relay.sqlite")).unwrap()
    }

    /// The relay's operator puts messages into its database that nobody submitted.
    pub(crate) async fn plant(&mut self, parcels: &[&Parcel]) {
        self.stop_relay().await;
        let store = self.relay_store();
        for parcel in parcels {
            store.accept(parcel.stored()).await.unwrap();
        }
        store.close().await.unwrap();
        self.start_relay().await;
    }

    /// Where the relay listens, and its key, as the charter names them.
    pub(crate) fn relay_named(&self) -> (String, pouch_crypto::PublicKey) {
        self.relay_number(1)
    }

    /// The same of one of several relays.
    pub(crate) fn relay_number(&self, number: u8) -> (String, pouch_crypto::PublicKey) {
        let directory = self.charter.found().unwrap();
        let relay = directory.now_view().relay(&format!("relay-{number}")).unwrap().clone();
        (relay.address.to_string(), relay.transport)
    }

    /// A session with the relay for whoever holds this transport key.
    pub(crate) async fn dial(&self, transport: &SigningKey) -> Result<Line, ConnectError> {
        self.dial_number(1, transport).await
    }

    /// The same with one of several relays.
    pub(crate) async fn dial_number(&self, number: u8, transport: &SigningKey) -> Result<Line, ConnectError> {
        let (address, relay) = self.relay_number(number);
        Line::dial(&address, relay, transport).await
    }

    /// A party's own session with the relay.
    pub(crate) async fn line_of(&self, folder: &str) -> Line {
        let transport = KeyFolder::of(&self.stage, folder).signing("transport");
        self.dial(&transport).await.unwrap()
    }

    /// What a party's program writes with, by the relay's newest directory.
    pub(crate) async fn pen_of(&self, folder: &str, office: &str) -> Pen {
        let key = KeyFolder::of(&self.stage, folder).signing("signing");
        Pen::new(office, key, self.directory().await)
    }

    /// The relay's newest directory.
    pub(crate) async fn directory(&self) -> Directory {
        // A witness may read as well, and disturbs nobody's deliveries.
        let transport = KeyFolder::of(&self.stage, "witness-1").signing("transport");
        self.dial(&transport).await.unwrap().directory(&self.charter).await
    }

    /// Puts a statement into the directory over a session of its own; the directory with it, once that is
    /// published.
    pub(crate) async fn enact(&self, line: &Line, act: Act, keys: &[&SigningKey]) -> Directory {
        let transport = KeyFolder::of(&self.stage, "witness-1").signing("transport");
        let reader = self.dial(&transport).await.unwrap();
        let mut news = reader.attach(self.network()).await.unwrap();
        let index = line.publish(self.network(), act, keys).await.unwrap();
        loop {
            let directory = reader.directory(&self.charter).await;
            if directory.size() > index {
                return directory;
            }
            soon(news.recv_message::<Changed>()).await.unwrap();
        }
    }

    pub(crate) fn network(&self) -> NetworkId {
        self.charter.found().unwrap().network()
    }

    pub(crate) fn member_root(&self, folder: &str) -> SigningKey {
        KeyFolder::of(&self.stage, &format!("{folder}-root")).signing("root")
    }

    /// A node of this network sends a line by the command that people type; the envelope's id.
    pub(crate) async fn sends(&mut self, folder: &str, to: &str, text: &str) -> String {
        let send = ["send", "--to", to, "--type", "free-text", "--precedence", "routine"];
        let what = ["--subject", text, "--text", text];
        let sent = self.node(folder).send(&[send.as_slice(), what.as_slice()].concat()).await.unwrap();
        word(&sent, "envelope").to_owned()
    }

    /// A node receives a message, and shows it as verified.
    pub(crate) async fn shows(&mut self, folder: &str, envelope: &str, text: &str) {
        let node = self.node(folder);
        node.received(envelope).await.unwrap();
        let shown = node.run(&["show", envelope, "--why"]).await.unwrap();
        assert!(shown.stdout.contains(text), "not shown: {shown:?}");
        let view = verdict(node, envelope).await;
        assert_ne!(word(&view, "colour"), "red", "{view}");
    }

    /// A node refuses a message for this reason and shows nothing of it, now and after a restart.
    pub(crate) async fn refuses(&mut self, folder: &str, envelope: &str, code: &str, text: &str) {
        let node = self.node(folder);
        let refusal = |event: &Value| is(event, "kind", "refused-arrival") && is(event, "envelope", envelope);
        let what = format!("the refusal of {envelope} with {code}");
        let event = node.watcher.wait_for(&what, PATIENCE, refusal).await.unwrap();
        assert_eq!(word(&event, "code"), code, "{event}");
        assert!(!word(&event, "words").contains(text), "{event}");
        hidden(node, envelope, code, text).await;
        self.restart_node(folder).await;
        hidden(self.node(folder), envelope, code, text).await;
    }

    /// Ends every process; each must end well, whatever was done to it.
    pub(crate) async fn end(self) {
        for node in self.nodes.into_values() {
            node.stop().await.unwrap();
        }
        if let Some(relay) = self.relay {
            relay.stop().await.unwrap();
        }
        // The relay, three nodes, three witnesses, and the relays that follow.
        let mut logs = 7;
        for follower in self.followers {
            follower.stop().await.unwrap();
        }
        for witness in self.witnesses {
            witness.stop().await.unwrap();
        }
        logs += (2..u8::MAX).take_while(|n| self.stage.dir().join(Stage::relay_folder(*n)).exists()).count();
        nobody_panicked(&self.stage, logs);
    }
}

/// A task that panics takes no process with it; but the log tells.
fn nobody_panicked(stage: &Stage, logs: usize) {
    let mut looked_at = 0;
    for folder in std::fs::read_dir(stage.dir()).unwrap().map(|entry| entry.unwrap().path()) {
        let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        for log in files.filter(|path| path.extension().is_some_and(|extension| extension == "log")) {
            let text = std::fs::read_to_string(&log).unwrap();
            assert!(!text.contains("panicked"), "{}:\n{text}", log.display());
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, logs, "every process has a log");
}

/// The verdict on a message, as `show --json` gives it.
pub(crate) async fn verdict(node: &Node, envelope: &str) -> Value {
    let shown = node.run(&["show", envelope, "--why", "--json"]).await.unwrap();
    let view: Value = serde_json::from_str(&shown.stdout).unwrap_or_default();
    let found = view.pointer("/value/row/verdict").cloned();
    found.unwrap_or_else(|| panic!("no verdict on {envelope}: {shown:?}"))
}

/// Nothing of a refused message is shown by any command, and the reason is.
async fn hidden(node: &Node, envelope: &str, code: &str, text: &str) {
    let view = verdict(node, envelope).await;
    assert_eq!((word(&view, "colour"), word(&view, "code")), ("red", code), "{view}");
    for command in [
        ["show", envelope, "--why"].as_slice(),
        &["show", envelope, "--why", "--json"],
        &["inbox"],
        &["inbox", "--json"],
    ] {
        let said = node.run(command).await.unwrap();
        let shows = command.first() == Some(&"show");
        assert_eq!(said.exit != 0, shows, "{command:?}: {said:?}");
        assert!(!said.stdout.contains(text) && !said.stderr.contains(text), "{command:?}: {said:?}");
    }
    let acknowledged = node.run(&["ack", envelope, "--officer", "Duty officer"]).await.unwrap();
    assert_eq!(acknowledged.exit, 10, "{acknowledged:?}");
}
