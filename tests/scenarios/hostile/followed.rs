//! Several relays, one of them hostile: the others follow no lie of it, and a node loses nothing by it. What
//! a relay may do at another, and what becomes of one that the directory names otherwise than before.

use pouch_crypto::SigningKey;
use pouch_directory::{Act, Directory, LogKeys, NetworkChange, Relay};
use pouch_net::CloseCode;
use pouch_store::{DirectoryLog as _, Followed as _};
use pouch_testkit::stage::{PATIENCE, Stage, free_addresses, is, word};
use pouch_wire::session::Changed;
use pouch_wire::{Environment, Text};
use serde_json::Value;

use super::keys::KeyFolder;
use super::line::{Line, soon};
use super::logs::Log;
use super::puppet::{Face, Puppet, Visitor};
use super::scene::Scene;
use crate::network::connected_to;

/// The second relay, which follows a first one that is in our hands.
struct Trial {
    scene: Scene,
    puppet: Puppet,
    follower: Visitor,
    log: Log,
    size: u64,
}

impl Trial {
    async fn start() -> Self {
        let mut scene = Scene::with_relays(2).await;
        scene.stop_relay().await;
        let store = scene.relay_store();
        let entries = store.entries(0, u32::MAX).await.unwrap();
        store.close().await.unwrap();
        let size = u64::try_from(entries.len()).unwrap();
        let log = Log::of(&scene, entries);
        let mut puppet = Puppet::start(&scene);
        puppet.shows(log.face(log.entries.clone(), size, 2));
        let mut follower = puppet.visitor(&scene, "relay-2").await;
        while follower.looks().await < size {}
        Self { scene, puppet, follower, log, size }
    }

    /// Shows this to the relay, and waits until it has made up its mind.
    async fn show(&mut self, face: Face) -> u64 {
        self.puppet.shows(face);
        self.follower.looks().await;
        self.follower.looks().await;
        self.follower.looks().await
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.scene.stage.path("relay-2/relay.log")).unwrap()
    }

    /// How many entries the follower serves.
    async fn serves(&self) -> u64 {
        let transport = KeyFolder::of(&self.scene.stage, "witness-1").signing("transport");
        let line = self.scene.dial_number(2, &transport).await.unwrap();
        line.directory(&self.scene.charter).await.size()
    }

    /// The honest twin: the same code makes a log that grew, and the relay follows it.
    async fn twin(&mut self) {
        assert_eq!(self.serves().await, self.size);
        let grown = self.log.face(self.log.grown(), self.size, 2);
        assert_eq!(self.show(grown).await, self.size + 1);
        assert_eq!(self.serves().await, self.size + 1);
    }

    async fn end(self) -> Scene {
        let Self { mut scene, puppet, follower, .. } = self;
        drop(follower);
        puppet.end().await;
        scene.start_relay().await;
        scene
    }
}

#[tokio::test]
async fn a_relay_does_not_follow_a_fork_and_keeps_what_proves_it() {
    let mut trial = Trial::start().await;
    let mut other = trial.log.entries.clone();
    *other.last_mut().unwrap() = b"another entry".to_vec();
    let forked = trial.log.face(other, trial.size, 2);
    assert_eq!(trial.show(forked.clone()).await, trial.size);
    let said = trial.said();
    assert!(said.contains("POUCH-RLY-37") && said.contains("two faces"), "{said}");
    assert_eq!(said.matches("/directory\\n").count(), 2, "both notes are in it: {said}");
    trial.twin().await;
    let mut scene = trial.end().await;
    scene.take_follower().stop().await.unwrap();
    let store = scene.store_of_relay(2);
    let forks = store.forks().await.unwrap();
    assert_eq!(forks.len(), 1);
    assert_eq!(forks[0].other, forked.shown.unwrap().checkpoint.to_vec());
    store.close().await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn a_relay_follows_no_rewritten_past_no_false_entry_and_no_checkpoint_without_a_quorum() {
    let mut trial = Trial::start().await;
    let mut rewritten = trial.log.grown();
    rewritten[1] = b"another entry".to_vec();
    let rewritten = trial.log.face(rewritten, trial.size, 2);
    assert_eq!(trial.show(rewritten).await, trial.size);
    assert!(trial.said().contains("POUCH-RLY-39"), "{}", trial.said());
    let alone = trial.log.face(trial.log.grown(), trial.size, 1);
    assert_eq!(trial.show(alone).await, trial.size);
    let mut shorter = trial.log.entries.clone();
    shorter.pop();
    let older = trial.log.face(shorter, trial.size - 1, 3);
    assert_eq!(trial.show(older).await, trial.size);
    // The checkpoint is good, and what is given for its last entry is not.
    let mut face = trial.log.face(trial.log.grown(), trial.size, 2);
    *face.entries.last_mut().unwrap() = b"something else".to_vec();
    assert_eq!(trial.show(face).await, trial.size);
    assert!(trial.said().contains("POUCH-RLY-38"), "{}", trial.said());
    trial.twin().await;
    trial.end().await.end().await;
}

#[tokio::test]
async fn false_receipts_of_one_relay_cost_nothing_where_there_are_two() {
    let mut scene = Scene::with_relays(2).await;
    scene.take_follower().stop().await.unwrap();
    let mut puppet = Puppet::in_place_of(&scene, 2);
    let mut nl = puppet.visitor(&scene, "nl").await;
    puppet.accepts_with(SigningKey::generate(&mut rand::rng()));
    let envelope = scene.sends("nl", "BA/technical", "All is quiet here.").await;
    assert_eq!(nl.submits().await.to_string(), envelope, "it is brought to both");
    scene.shows("ba", &envelope, "All is quiet here.").await;
    scene.node("nl").progress(&envelope, "BA/technical", "verified").await.unwrap();
    let rows = scene.node("nl").json(&["outbox"]).await.unwrap();
    assert_eq!(rows.pointer("/0/ladder/0/rung").and_then(Value::as_str), Some("verified"), "{rows}");
    drop(nl);
    puppet.end().await;
    scene.start_follower(2).await;
    scene.end().await;
}

#[tokio::test]
async fn a_relay_reads_and_passes_statements_on_and_does_nothing_else() {
    let mut scene = Scene::with_hostile_of_two("md").await;
    let relay_2 = KeyFolder::of(&scene.stage, "relay-2").signing("transport");
    let as_relay = scene.dial(&relay_2).await.unwrap();
    assert_eq!(as_relay.directory(&scene.charter).await.size(), scene.directory().await.size());
    let mut pen = scene.pen_of("md", "MD/policy").await;
    let parcel = pen.letter(&["BA/technical"], "All is quiet here.").seal();
    assert_eq!(as_relay.submit(&parcel).await.map(drop).unwrap_err(), "POUCH-ADM-31");

    // A node's statement reaches the log through the relay that follows.
    let md = KeyFolder::of(&scene.stage, "md").signing("transport");
    let line = scene.dial_number(2, &md).await.unwrap();
    let witness = KeyFolder::of(&scene.stage, "witness-1").signing("transport");
    let reader = scene.dial_number(2, &witness).await.unwrap();
    let mut news = reader.attach(scene.network()).await.unwrap();
    let root = scene.member_root("md");
    let act = new_telephone(&scene.directory().await, "+1 555 0199");
    let index = line.publish(scene.network(), act.clone(), &[&root]).await.unwrap();
    while line.directory(&scene.charter).await.size() <= index {
        soon(news.recv_message::<Changed>()).await.unwrap();
    }
    // What the relay that sequences says of it is the answer.
    assert_eq!(line.publish(scene.network(), act, &[&relay_2]).await.unwrap_err(), "POUCH-DIR-05");
    // One relay's statements are not passed on by another.
    let relay_1 = KeyFolder::of(&scene.stage, "relay").signing("transport");
    let other = scene.dial_number(2, &relay_1).await.unwrap();
    let act = new_telephone(&scene.directory().await, "+1 555 0198");
    assert_eq!(other.publish(scene.network(), act.clone(), &[&root]).await.unwrap_err(), "POUCH-RLY-33");
    // Without the one that sequences, nothing is entered, and whoever asks may ask again.
    drop((other, as_relay));
    scene.stop_relay().await;
    assert_eq!(line.publish(scene.network(), act.clone(), &[&root]).await.unwrap_err(), "POUCH-RLY-34");
    scene.start_relay().await;
    let entered = async {
        loop {
            match line.publish(scene.network(), act.clone(), &[&root]).await {
                Ok(index) => return index,
                Err(code) => assert_eq!(code, "POUCH-RLY-34"),
            }
        }
    };
    assert_eq!(soon(entered).await, index + 1);
    drop((line, reader, news));
    scene.start_node("md").await;
    scene.end().await;
}

fn new_telephone(directory: &Directory, number: &str) -> Act {
    let point = "MD/policy".parse().unwrap();
    let mut entry = directory.now_view().contact_point(&point, Environment::Live).unwrap().clone();
    entry.telephone = Text::new(number).unwrap();
    Act::AuthoriseContactPoint(Box::new(entry))
}

/// The network with these relays.
fn with(directory: &Directory, relays: Vec<Relay>) -> Act {
    let view = directory.now_view();
    let change = NetworkChange::to(&view, &relays, view.witnesses(), view.quorum(), view.thresholds());
    Act::ChangeNetwork(Box::new(change.unwrap()))
}

/// What a new relay's request says.
fn named(stage: &Stage, number: u8, address: &str) -> Relay {
    let keys = KeyFolder::of(stage, &Stage::relay_folder(number));
    let origin = format!("demo.pouch.invalid/relay-{number}/messages");
    Relay {
        name: Text::new(format!("relay-{number}")).unwrap(),
        address: Text::new(address).unwrap(),
        transport: keys.signing("transport").public(),
        receipts: keys.signing("receipts").public(),
        message_log: LogKeys {
            origin: Text::new(origin).unwrap(),
            ed25519: keys.note("message-log-ed25519").public(),
            mldsa: keys.mldsa("message-log-mldsa44").public().clone(),
        },
    }
}

#[tokio::test]
async fn relays_come_move_and_go_as_the_directory_says() {
    let mut scene = Scene::with_relays(2).await;
    let roots = ["nl", "md"].map(|member| scene.member_root(member));
    let roots = [&roots[0], &roots[1]];
    let line = scene.line_of("witness-2").await;
    let relays = scene.directory().await.now_view().relays().to_vec();

    // A third comes: it is made and named, and follows until it learns that it is.
    let mut addresses = free_addresses(2).unwrap();
    let (moved, new) = (addresses.remove(0), addresses.remove(0));
    scene.stage.make_relay(3, &new).await.unwrap();
    std::fs::copy(scene.stage.path("charter.pouch"), scene.stage.path("relay-3/charter.pouch")).unwrap();
    let third = named(&scene.stage, 3, &new);
    let three = [relays.clone(), vec![third.clone()]].concat();
    scene.enact(&line, with(&scene.directory().await, three), &roots).await;
    scene.start_follower(3).await;
    connected_to(scene.node("nl"), "relay-3").await;
    let transport = KeyFolder::of(&scene.stage, "witness-1").signing("transport");
    let at_third = Line::dial(&new, third.transport, &transport).await.unwrap();
    assert_eq!(at_third.directory(&scene.charter).await.size(), scene.directory().await.size());
    let log = std::fs::read_to_string(scene.stage.path("relay-3/relay.log")).unwrap();
    assert!(log.contains("does not name this relay yet"), "{log}");

    // The second moves to another address, and everybody finds it there.
    let third_process = scene.take_follower();
    scene.take_follower().stop().await.unwrap();
    let config = scene.stage.path("relay-2/relay.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(relays[1].address.as_str(), &moved)).unwrap();
    scene.start_follower(2).await;
    let second = Relay { address: Text::new(moved.as_str()).unwrap(), ..relays[1].clone() };
    let three = vec![relays[0].clone(), second.clone(), third.clone()];
    scene.enact(&line, with(&scene.directory().await, three), &roots).await;
    connected_to(scene.node("ba"), "relay-2").await;
    let envelope = scene.sends("nl", "BA/technical", "All is quiet here.").await;
    scene.shows("ba", &envelope, "All is quiet here.").await;

    // The third goes again: it says so, lets everybody go, and does not come back.
    scene.enact(&line, with(&scene.directory().await, vec![relays[0].clone(), second]), &roots).await;
    assert_eq!(third_process.ends().await.unwrap(), 1);
    let ended = soon(at_third.session.closed()).await;
    assert!(
        matches!(ended, pouch_net::SessionError::ClosedByPeer { code: CloseCode::ShuttingDown, .. }),
        "{ended:?}"
    );
    let log = std::fs::read_to_string(scene.stage.path("relay-3/relay.log")).unwrap();
    assert!(log.contains("POUCH-RLY-30"), "{log}");
    let gone = |event: &Value| is(event, "kind", "link") && word(event, "words").contains("relay-3 ended");
    scene.node("nl").watcher.wait_for("the end of the link", PATIENCE, gone).await.unwrap();
    // Its key still reads the directory, to learn so, and does nothing else.
    let key = KeyFolder::of(&scene.stage, "relay-3").signing("transport");
    let dismissed = scene.dial(&key).await.unwrap();
    let directory = dismissed.directory(&scene.charter).await;
    assert!(directory.now_view().relay("relay-3").is_none());
    let act = new_telephone(&directory, "+1 555 0199");
    let refused = dismissed.publish(scene.network(), act, &[&scene.member_root("md")]).await;
    assert_eq!(refused.unwrap_err(), "POUCH-RLY-29");
    let config = scene.stage.path("relay-3/relay.toml");
    let again = scene.stage.program.run(&["relay", "run", "--config", &config]).await.unwrap();
    assert!(again.exit == 1 && again.stderr.contains("POUCH-RLY-30"), "{again:?}");
    drop(line);
    scene.end().await;
}

#[tokio::test]
async fn another_relay_sequences_when_the_directory_names_it_first_and_the_log_goes_on() {
    let mut scene = Scene::with_relays(2).await;
    let roots = ["nl", "md"].map(|member| scene.member_root(member));
    let line = scene.line_of("witness-2").await;
    let before = scene.directory().await;
    let mut relays = before.now_view().relays().to_vec();
    relays.reverse();
    let index = line.publish(scene.network(), with(&before, relays), &[&roots[0], &roots[1]]).await.unwrap();
    // What comes after it is the next one's to enter.
    let act = new_telephone(&before, "+1 555 0199");
    let md = scene.member_root("md");
    assert_eq!(line.publish(scene.network(), act.clone(), &[&md]).await.unwrap_err(), "POUCH-RLY-33");
    // Both stop: one has to cease, and the other has no keys to begin with.
    let (first, second) = (scene.take_relay(), scene.take_follower());
    assert_eq!((first.ends().await.unwrap(), second.ends().await.unwrap()), (1, 1));
    for (folder, code) in [("relay", "POUCH-RLY-32"), ("relay-2", "POUCH-RLY-35")] {
        let log = std::fs::read_to_string(scene.stage.path(&format!("{folder}/relay.log"))).unwrap();
        assert!(log.contains(code), "{code}: {log}");
    }
    let [first, second] = ["relay", "relay-2"].map(|folder| KeyFolder::of(&scene.stage, folder));
    first.hand_over_log("directory-log", &second);
    scene.start_follower(2).await;
    scene.start_relay().await;
    // At the first relay, which passes it on now.
    let line = scene.line_of("witness-2").await;
    let entered = async {
        loop {
            match line.publish(scene.network(), act.clone(), &[&md]).await {
                Ok(index) => return index,
                Err(code) => assert_eq!(code, "POUCH-RLY-34"),
            }
        }
    };
    assert_eq!(soon(entered).await, index + 1);
    for folder in ["nl", "md", "ba"] {
        let grown = |event: &Value| {
            is(event, "kind", "directory") && word(event, "words").contains(&format!("{} entries", index + 2))
        };
        scene.node(folder).watcher.wait_for("the new sequencer's entry", PATIENCE, grown).await.unwrap();
        let status = scene.node(folder).json(&["status"]).await.unwrap();
        assert_eq!(status["alarms"], serde_json::json!([]), "{folder}: the log went on as one");
    }
    let envelope = scene.sends("nl", "BA/technical", "All is quiet here.").await;
    scene.shows("ba", &envelope, "All is quiet here.").await;
    drop(line);
    scene.end().await;
}
