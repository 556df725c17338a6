//! What nodes learn of the log from each other: a log that shows them different pasts, that is held back
//! from one of them, or that forgets what it promised. All the witnesses are in the log's hands here, so
//! that nothing else would show it.

use pouch_crypto::SigningKey;
use pouch_directory::Directory;
use pouch_notice::{Colour, Verdict};
use pouch_store::{DirectoryLog as _, Gossip as _, Promises as _};
use pouch_testkit::stage::{Node, PATIENCE, is, word};
use pouch_wire::{Digest, EnvelopeId};
use serde_json::Value;

use super::captured::store_of;
use super::keys::KeyFolder;
use super::letter::{Parcel, Pen};
use super::logs::Log;
use super::puppet::{Puppet, Visitor};
use super::scene::{Scene, verdict};

const TEXT: &str = "All is quiet here.";

/// Nodes at a relay that is in our hands, and a log that can be shown to each as we like.
struct Trial {
    scene: Scene,
    puppet: Puppet,
    log: Log,
    size: u64,
    index: u64,
}

impl Trial {
    async fn start() -> Self {
        let mut scene = Scene::start().await;
        scene.stop_relay().await;
        let store = scene.relay_store();
        let entries = store.entries(0, u32::MAX).await.unwrap();
        store.close().await.unwrap();
        let size = u64::try_from(entries.len()).unwrap();
        let log = Log::of(&scene, entries);
        let puppet = Puppet::start(&scene);
        puppet.shows(log.face(log.entries.clone(), size, 2));
        Self { scene, puppet, log, size, index: 0 }
    }

    /// A node that has the whole log.
    async fn visitor(&mut self, folder: &str) -> Visitor {
        let mut visitor = self.puppet.visitor(&self.scene, folder).await;
        while visitor.looks().await < self.size {}
        visitor
    }

    /// The true log, and one entry more that nobody made and that has no effect.
    fn with(&self, noise: &[u8]) -> Vec<Vec<u8>> {
        self.log.entries.iter().cloned().chain([noise.to_vec()]).collect()
    }

    /// Shows one node a log of its own, cosigned by a quorum, and waits until it believes it.
    async fn shows(&mut self, visitor: &mut Visitor, entries: Vec<Vec<u8>>) {
        let size = u64::try_from(entries.len()).unwrap();
        self.puppet.shows_to(visitor, self.log.face(entries, self.size, 2));
        while visitor.looks().await < size {}
    }

    /// What a party writes with that is shown this log.
    fn pen(&self, folder: &str, office: &str, entries: &[Vec<u8>]) -> Pen {
        let key: SigningKey = KeyFolder::of(&self.scene.stage, folder).signing("signing");
        let mut directory = Directory::found(&self.scene.charter.charter).unwrap();
        for entry in entries.iter().skip(1) {
            directory.apply(directory.size(), entry);
        }
        Pen::new(office, key, directory)
    }

    async fn deliver(&mut self, to: &Visitor, parcel: &Parcel) -> Result<(), String> {
        self.index += 1;
        to.deliver(parcel, self.puppet.receipt(parcel.id(), self.index)).await
    }

    async fn alarm(&mut self, folder: &str, code: &str) -> Value {
        let fits = |event: &Value| is(event, "kind", "alarm") && is(event, "code", code);
        // A directory that is held back is told of within ninety seconds.
        self.scene.node(folder).watcher.wait_for(code, 3 * PATIENCE, fits).await.unwrap()
    }

    async fn judged(&mut self, folder: &str, envelope: EnvelopeId) -> (String, String) {
        let node = self.scene.node(folder);
        node.received(&envelope.to_string()).await.unwrap();
        let view = verdict(node, &envelope.to_string()).await;
        (word(&view, "colour").to_owned(), word(&view, "code").to_owned())
    }

    async fn end(self) {
        self.scene.end().await;
        drop(self.puppet);
    }
}

fn green() -> (String, String) {
    (Colour::Green.as_str().to_owned(), Verdict::default().code().to_owned())
}

#[tokio::test]
async fn two_states_that_are_shown_different_logs_find_out_by_the_first_message() {
    let mut trial = Trial::start().await;
    let (mut nl, mut md) = (trial.visitor("nl").await, trial.visitor("md").await);
    let (to_nl, to_md) = (trial.with(b"for NL's eyes"), trial.with(b"for MD's eyes"));
    trial.shows(&mut nl, to_nl).await;
    trial.shows(&mut md, to_md.clone()).await;
    // One ordinary message, and a relay that carries it as it should.
    trial.puppet.accepts_with(KeyFolder::of(&trial.scene.stage, "relay").signing("receipts"));
    let envelope: EnvelopeId = trial.scene.sends("nl", "MD/policy", TEXT).await.parse().unwrap();
    while nl.submits().await != envelope {}
    let parcel = trial.puppet.submitted(envelope);
    assert_eq!(trial.deliver(&md, &parcel).await, Err("POUCH-VER-74".to_owned()));
    let alarm = trial.alarm("md", "POUCH-MIR-05").await;
    assert!(word(&alarm, "words").contains("NL/technical"), "{alarm}");
    // It is not taken: which of the two is deceived is not known yet.
    assert_eq!(trial.deliver(&md, &parcel).await, Err("POUCH-VER-74".to_owned()));

    // The alarm stays, and what proves it: what NL signed, and what MD was shown.
    drop(md);
    trial.scene.restart_node("md").await;
    let status = trial.scene.node("md").json(&["status"]).await.unwrap();
    assert!(status.to_string().contains("POUCH-MIR-05"), "{status}");
    let forks = trial.scene.node("md").run(&["directory", "forks"]).await.unwrap();
    assert_eq!(forks.exit, 16, "{forks:?}");
    assert!(forks.stdout.contains("OTHER PAST  NL/technical"), "{forks:?}");
    let none = trial.scene.node("nl").run(&["directory", "forks"]).await.unwrap();
    assert_eq!((none.exit, none.stdout.contains("Nothing contradicts")), (0, true), "{none:?}");
    trial.scene.stop_node("md").await;
    let store = store_of(&trial.scene, "md");
    let kept = store.contradictions().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(kept.len(), 1, "told once, and kept once");
    let signed = [parcel.header_bytes(), parcel.signature.0.0.to_vec()].concat();
    assert_eq!((kept[0].cited.signed.clone(), kept[0].cited.root), (signed, parcel.header.directory_root));
    let note = String::from_utf8(kept[0].note.clone()).unwrap();
    assert!(note.contains(&format!("\n{}\n", trial.size + 1)), "{note}");
    assert_eq!((kept[0].cited.size, kept[0].settled_at), (trial.size + 1, None));
    drop(nl);
    trial.end().await;
}

#[tokio::test]
async fn a_member_that_lies_about_the_log_is_not_believed_and_disturbs_nobody_else() {
    let mut trial = Trial::start().await;
    let ba = trial.visitor("ba").await;
    let entries = trial.log.entries.clone();
    let (mut md, mut nl) =
        (trial.pen("md", "MD/policy", &entries), trial.pen("nl", "NL/technical", &entries));
    let lie = md.letter(&["BA/technical"], TEXT);
    let lie = { super::letter::Letter { route: other_root(&lie.route), ..lie } }.seal();
    assert_eq!(trial.deliver(&ba, &lie).await, Err("POUCH-VER-74".to_owned()));
    let alarm = trial.alarm("ba", "POUCH-MIR-05").await;
    assert!(word(&alarm, "words").contains("MD/policy"), "{alarm}");
    // Its word is its own: what others write is as good as before.
    let honest = nl.letter(&["BA/technical"], TEXT).seal();
    trial.deliver(&ba, &honest).await.unwrap();
    assert_eq!(trial.judged("ba", honest.id()).await, green());
    // The honest twin: as soon as it says what everybody was shown, that is told, and it is believed.
    let twin = md.letter(&["BA/technical"], TEXT).seal();
    trial.deliver(&ba, &twin).await.unwrap();
    let settled = |event: &Value| is(event, "code", "POUCH-MIR-07");
    trial.scene.node("ba").watcher.wait_for("that it is settled", PATIENCE, settled).await.unwrap();
    assert_eq!(trial.judged("ba", twin.id()).await, green());
    drop(ba);
    trial.end().await;
}

fn other_root(route: &pouch_notice::Route) -> pouch_notice::Route {
    pouch_notice::Route { directory_root: Digest::new([9; 32]), ..route.clone() }
}

#[tokio::test]
async fn a_directory_that_is_held_back_from_one_node_is_found_out_by_what_another_cites() {
    let mut trial = Trial::start().await;
    let mut ba = trial.visitor("ba").await;
    // All others have one entry more; BA's relay shows BA the log of before, and goes on doing so.
    let grown = trial.with(b"noise");
    let mut md = trial.pen("md", "MD/policy", &grown);
    let mut nl = trial.pen("nl", "NL/technical", &trial.log.entries);
    let parcel = md.letter(&["BA/technical"], TEXT).seal();
    #[allow(clippy::disallowed_methods, reason = "a figure that is reported")]
    let heard = std::time::Instant::now();
    assert_eq!(trial.deliver(&ba, &parcel).await, Err("POUCH-VER-70".to_owned()));
    let alarm = trial.alarm("ba", "POUCH-MIR-06").await;
    println!("held back: told after {:.1} s (bound: 90 s)", heard.elapsed().as_secs_f64());
    assert!(word(&alarm, "words").contains("MD/policy"), "{alarm}");
    // Meanwhile nothing is green.
    let other = nl.letter(&["BA/technical"], TEXT).seal();
    trial.deliver(&ba, &other).await.unwrap();
    assert_eq!(trial.judged("ba", other.id()).await, ("amber".to_owned(), "POUCH-VER-76".to_owned()));
    says_the_same_everywhere(trial.scene.node("ba"), other.id()).await;
    // The honest twin: when the relay shows what it has, all is well and nothing was lost.
    trial.shows(&mut ba, grown).await;
    trial.deliver(&ba, &parcel).await.unwrap();
    assert_eq!(trial.judged("ba", parcel.id()).await, green());
    let view = verdict(trial.scene.node("ba"), &other.id().to_string()).await;
    assert_eq!(word(&view, "colour"), "green", "{view}");
    drop(ba);
    trial.end().await;
}

#[tokio::test]
async fn a_statement_that_a_relay_promised_a_place_and_entered_elsewhere_or_nowhere_is_told() {
    let mut trial = Trial::start().await;
    let mut nl = trial.visitor("nl").await;
    trial.puppet.promises(trial.size);
    let stage = trial.scene.stage.clone();
    let (dir, passphrase) = (stage.path("nl-root"), stage.passphrase("nl-root"));
    let rotate =
        ["keys", "rotate", "--member-dir", &dir, "--throw-away", "--yes", "--passphrase-file", &passphrase];
    // How the command ends does not matter: it may wait for an entry that never comes.
    trial.scene.node("nl").run(&rotate).await.ok();
    // It survives a restart of the node.
    drop(nl);
    trial.scene.restart_node("nl").await;
    nl = trial.visitor("nl").await;
    let other = trial.with(b"something else");
    trial.shows(&mut nl, other).await;
    let alarm = trial.alarm("nl", "POUCH-MIR-11").await;
    let words = word(&alarm, "words");
    assert!(words.contains("relay-1") && words.contains(&format!("entry {}", trial.size)), "{alarm}");
    drop(nl);
    trial.scene.stop_node("nl").await;
    let store = store_of(&trial.scene, "nl");
    let kept = store.broken_promises().await.unwrap();
    store.close().await.unwrap();
    assert_eq!((kept.len(), kept[0].index, kept[0].relay.as_str()), (1, trial.size, "relay-1"));
    trial.end().await;
}

/// One sentence, one colour, one code, one next step: the same in the list and in the notice, for people and
/// for programs.
async fn says_the_same_everywhere(node: &Node, envelope: EnvelopeId) {
    let shown = verdict(node, &envelope.to_string()).await;
    let rows = node.json(&["inbox"]).await.unwrap();
    let envelope = envelope.to_string();
    let row = rows.as_array().unwrap().iter().find(|row| is(row, "envelope", &envelope)).unwrap();
    let text =
        [node.run(&["inbox"]).await.unwrap().stdout, node.run(&["show", &envelope]).await.unwrap().stdout];
    for field in ["sentence", "colour", "code", "next"] {
        let (said, listed) = (word(&shown, field), word(&row["verdict"], field));
        assert_eq!(listed, said, "{field}");
        // For people the colour is a word of its own.
        let seen = if field == "colour" { "VERIFIED, WITH A RESERVATION" } else { said };
        assert!(text.iter().all(|text| joined(text).contains(&joined(seen))), "{field}: {text:?}");
    }
}

/// Without what lines were broken with.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
