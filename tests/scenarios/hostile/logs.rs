//! What a hostile log does: it forks, goes back, rewrites its past, or shows what no quorum saw. Nodes
//! never go back, keep what proves the lie, and raise an alarm.
//!
//! The log's keys and all the witnesses' are in our hands, so that everything but the lie itself is good.

use pouch_store::{DirectoryLog as _, Mirror as _};
use pouch_testkit::stage::{PATIENCE, is, word};
use pouch_tests::files::copy_folder;
use pouch_tlog::{Checkpoint, KeyName, LeafHash, LogSigner, MemoryTree, WitnessSigner};
use pouch_wire::session::{Consistency, Cosign, Cosigned, LogName};
use pouch_wire::{Blob, List};
use serde_json::Value;

use super::captured::store_of;
use super::keys::KeyFolder;
use super::puppet::{Face, Puppet, Visitor};
use super::scene::{Scene, now};

/// The log's key, the witnesses', and what the log truly holds.
pub(crate) struct Log {
    signer: LogSigner,
    witnesses: Vec<WitnessSigner>,
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Log {
    pub(crate) fn of(scene: &Scene, entries: Vec<Vec<u8>>) -> Self {
        let directory = scene.charter.found().unwrap();
        let keys = KeyFolder::of(&scene.stage, "relay");
        let origin = KeyName::new(directory.charter().directory_log.origin.to_string()).unwrap();
        let signer =
            LogSigner::new(&origin, keys.note("directory-log-ed25519"), keys.mldsa("directory-log-mldsa44"));
        let witness = |n: u8| {
            let keys = KeyFolder::of(&scene.stage, &format!("witness-{n}"));
            let name = KeyName::new(format!("witness-{n}.demo.pouch.invalid")).unwrap();
            WitnessSigner::new(&name, keys.note("witness-ed25519"), keys.mldsa("witness-mldsa44")).unwrap()
        };
        Self { signer: signer.unwrap(), witnesses: [1, 2, 3].map(witness).into(), entries }
    }

    /// The log as it would look with these entries, cosigned by so many witnesses, with the proof that
    /// it extends a size.
    pub(crate) fn face(&self, entries: Vec<Vec<u8>>, from: u64, cosigned_by: usize) -> Face {
        let mut tree = MemoryTree::default();
        for entry in &entries {
            tree.append(LeafHash::of(entry));
        }
        let checkpoint = Checkpoint::new(self.signer.origin(), tree.size(), tree.root());
        let note = self.signer.sign(&checkpoint, now()).unwrap();
        let lines = self.witnesses.iter().take(cosigned_by);
        let lines: Vec<_> = lines.flat_map(|witness| witness.cosign(note.text(), now()).unwrap()).collect();
        let note = note.with(lines).unwrap();
        let proof = tree.consistency(from.min(tree.size()), tree.size()).unwrap();
        let shown =
            Consistency { checkpoint: Blob::new(note.to_bytes()).unwrap(), proof: List::new(proof).unwrap() };
        Face { size: tree.size(), shown: Some(shown), entries }
    }

    /// The true log and one entry more, which nobody made and which has no effect.
    pub(crate) fn grown(&self) -> Vec<Vec<u8>> {
        self.entries.iter().cloned().chain([b"noise".to_vec()]).collect()
    }
}

/// NL's node at a relay that is in our hands.
struct Trial {
    scene: Scene,
    puppet: Puppet,
    nl: Visitor,
    log: Log,
    size: u64,
}

impl Trial {
    /// The witnesses' keys are in our hands, and they themselves gone: one that met what we sign in its name
    /// would stop.
    async fn start() -> Self {
        let mut trial = Self::with_witnesses().await;
        trial.scene.stop_witnesses().await;
        trial
    }

    async fn with_witnesses() -> Self {
        let mut scene = Scene::start().await;
        scene.stop_relay().await;
        let store = scene.relay_store();
        let entries = store.entries(0, u32::MAX).await.unwrap();
        store.close().await.unwrap();
        let size = u64::try_from(entries.len()).unwrap();
        let log = Log::of(&scene, entries);
        let mut puppet = Puppet::start(&scene);
        puppet.shows(log.face(log.entries.clone(), size, 2));
        let mut nl = puppet.visitor(&scene, "nl").await;
        // Whatever was published last: it knows all of it before anything is tried.
        while nl.looks().await < size {}
        Self { scene, puppet, nl, log, size }
    }

    /// Shows this to the node, and waits until it has made up its mind. The first question may have been
    /// under way before, the second gets this face, and the third is asked only after that was judged.
    async fn show(&mut self, face: Face) -> u64 {
        self.puppet.shows(face);
        self.nl.looks().await;
        self.nl.looks().await;
        self.nl.looks().await
    }

    async fn alarm(&mut self, code: &str) -> Value {
        let fits = |event: &Value| is(event, "kind", "alarm") && is(event, "code", code);
        self.scene.node("nl").watcher.wait_for(code, PATIENCE, fits).await.unwrap()
    }

    async fn alarms(&mut self) -> String {
        let status = self.scene.node("nl").json(&["status"]).await.unwrap();
        status.get("alarms").map(Value::to_string).unwrap_or_default()
    }

    /// The honest twin: the same code makes a log that grew, and the node follows it.
    async fn twin(&mut self) {
        let grown = self.log.face(self.log.grown(), self.size, 2);
        assert_eq!(self.show(grown).await, self.size + 1);
    }

    async fn end(self) {
        self.scene.end().await;
        drop((self.puppet, self.nl));
    }
}

#[tokio::test]
async fn a_log_that_shows_two_faces_is_found_out_and_both_are_kept() {
    let mut trial = Trial::start().await;
    let mut other = trial.log.entries.clone();
    *other.last_mut().unwrap() = b"another entry".to_vec();
    let forked = trial.log.face(other, trial.size, 2);
    assert_eq!(trial.show(forked.clone()).await, trial.size);
    trial.alarm("POUCH-MIR-02").await;
    trial.twin().await;
    // The alarm stays, also after a restart, and what proves it is kept.
    trial.scene.restart_node("nl").await;
    assert!(trial.alarms().await.contains("POUCH-MIR-02"));
    trial.scene.stop_node("nl").await;
    let store = store_of(&trial.scene, "nl");
    let forks = store.forks().await.unwrap();
    assert_eq!(forks.len(), 1);
    assert_eq!(forks[0].other, forked.shown.unwrap().checkpoint.to_vec());
    store.close().await.unwrap();
    trial.end().await;
}

#[tokio::test]
async fn a_log_that_rewrote_its_past_is_not_followed() {
    let mut trial = Trial::start().await;
    let mut rewritten = trial.log.grown();
    rewritten[1] = b"another entry".to_vec();
    let rewritten = trial.log.face(rewritten, trial.size, 2);
    assert_eq!(trial.show(rewritten).await, trial.size);
    trial.alarm("POUCH-MIR-03").await;
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn a_checkpoint_without_a_quorum_is_not_believed() {
    let mut trial = Trial::start().await;
    for cosigned_by in [0, 1] {
        let alone = trial.log.face(trial.log.grown(), trial.size, cosigned_by);
        assert_eq!(trial.show(alone).await, trial.size);
    }
    trial.alarm("POUCH-MIR-12").await;
    let other = LogSigner::new(
        trial.log.signer.origin(),
        pouch_crypto::NoteKey::generate(&mut rand::rng()),
        pouch_crypto::MlDsaKey::generate(&mut rand::rng()).unwrap(),
    );
    let signer = std::mem::replace(&mut trial.log.signer, other.unwrap());
    let unsigned = trial.log.face(trial.log.grown(), trial.size, 3);
    trial.log.signer = signer;
    assert_eq!(trial.show(unsigned).await, trial.size);
    let status = trial.scene.node("nl").json(&["status"]).await.unwrap();
    assert_eq!(status.get("directory_size").and_then(Value::as_u64), Some(trial.size), "{status}");
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn entries_that_are_not_those_of_the_checkpoint_are_not_taken() {
    let mut trial = Trial::start().await;
    let mut face = trial.log.face(trial.log.grown(), trial.size, 2);
    *face.entries.last_mut().unwrap() = b"something else".to_vec();
    assert_eq!(trial.show(face).await, trial.size);
    trial.alarm("POUCH-MIR-01").await;
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn an_older_checkpoint_takes_no_node_back() {
    let mut trial = Trial::start().await;
    let mut shorter = trial.log.entries.clone();
    shorter.pop();
    let older = trial.log.face(shorter, trial.size - 1, 3);
    assert_eq!(trial.show(older).await, trial.size);
    trial.alarm("POUCH-MIR-04").await;
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn a_witness_cosigns_nothing_but_growth_that_it_can_prove() {
    let mut trial = Trial::with_witnesses().await;
    let witness = trial.puppet.visitor(&trial.scene, "witness-1").await;
    let (size, entries) = (trial.size, trial.log.entries.clone());
    // What it cosigned last is the true log.
    assert!(is_lines(&ask(&witness, &trial.log.face(entries.clone(), size, 0), size).await));

    let mut forked = entries.clone();
    *forked.last_mut().unwrap() = b"another entry".to_vec();
    let answer = ask(&witness, &trial.log.face(forked.clone(), size, 0), size).await;
    assert!(no(&answer).ends_with(&format!("the log forked at {size} entries")), "{answer:?}");
    forked.push(b"noise".to_vec());
    let answer = ask(&witness, &trial.log.face(forked, size, 0), size).await;
    assert!(no(&answer).contains("not proved consistent"), "{answer:?}");
    let shorter = trial.log.face(entries[..entries.len() - 1].to_vec(), size - 1, 0);
    assert_eq!(ask(&witness, &shorter, size - 1).await, Cosigned::Conflict { size });
    let answer = ask(&witness, &shorter, size).await;
    assert!(no(&answer).contains(&format!("a checkpoint of {} entries after", size - 1)), "{answer:?}");

    let grown = trial.log.grown();
    for origin in [trial.log.signer.origin().clone(), KeyName::new("elsewhere.invalid/directory").unwrap()] {
        let ed25519 = pouch_crypto::NoteKey::generate(&mut rand::rng());
        let mldsa = pouch_crypto::MlDsaKey::generate(&mut rand::rng()).unwrap();
        let stranger = LogSigner::new(&origin, ed25519, mldsa).unwrap();
        let signer = std::mem::replace(&mut trial.log.signer, stranger);
        let answer = ask(&witness, &trial.log.face(grown.clone(), size, 0), size).await;
        let own = origin == *signer.origin();
        let why = if own { "not signed by the log" } else { "an unknown log" };
        assert!(no(&answer).ends_with(why), "{answer:?}");
        trial.log.signer = signer;
    }
    // The honest twin.
    assert!(is_lines(&ask(&witness, &trial.log.face(grown, size, 0), size).await));
    drop(witness);
    trial.end().await;
}

/// Asks a witness to cosign what a face shows, from the size that it is said to have cosigned last.
async fn ask(witness: &Visitor, face: &Face, old_size: u64) -> Cosigned {
    let shown = face.shown.clone().unwrap();
    let proof = if old_size == face.size { List::default() } else { shown.proof };
    let question = Cosign { log: LogName::Directory, old_size, proof, checkpoint: shown.checkpoint };
    witness.session.request(&question, super::line::WITHIN).await.unwrap()
}

fn is_lines(answer: &Cosigned) -> bool {
    matches!(answer, Cosigned::Lines(lines) if lines.starts_with("\u{2014} witness-1.".as_bytes()))
}

fn no(answer: &Cosigned) -> String {
    match answer {
        Cosigned::No(reason) => reason.to_string(),
        other => panic!("cosigned or conflicts: {other:?}"),
    }
}

#[tokio::test]
async fn a_relay_that_was_put_back_to_an_older_copy_is_noticed_and_its_log_not_followed() {
    let mut scene = Scene::start().await;
    scene.stop_relay().await;
    // All of it: out of published files that are newer the relay would take back what its database forgot.
    let kept = |name: &str| ["data", "log"].map(|part| scene.stage.dir().join(format!("relay/{name}{part}")));
    let (own, copy, newest) = (kept(""), kept("copy-of-"), kept("newest-"));
    for (own, copy) in own.iter().zip(&copy) {
        copy_folder(own, copy).unwrap();
    }
    scene.start_relay().await;
    let line = scene.line_of("md").await;
    let grown = admit_nothing_new(&scene, &line, "+1 555 0199").await;
    let fits = |event: &Value| {
        is(event, "kind", "directory") && word(event, "words").contains(&format!("{grown} entries"))
    };
    scene.node("nl").watcher.wait_for("the newer directory", PATIENCE, fits).await.unwrap();
    drop(line);
    scene.stop_relay().await;
    for (own, (copy, newest)) in own.iter().zip(copy.iter().zip(&newest)) {
        std::fs::rename(own, newest).unwrap();
        copy_folder(copy, own).unwrap();
    }
    scene.start_relay().await;
    let alarm = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-MIR-04");
    scene.node("nl").watcher.wait_for("the alarm", PATIENCE, alarm).await.unwrap();
    // It enters something else in the place of what it forgot; no witness cosigns that.
    let line = scene.line_of("md").await;
    let act = new_telephone(&scene, "+1 555 0198").await;
    let root = scene.member_root("md");
    let index = line.publish(scene.network(), act, &[&root]).await.unwrap();
    assert_eq!(index + 1, grown);
    drop(line);
    scene.restart_node("nl").await;
    scene.node("nl").watcher.wait_for("the alarm again", PATIENCE, alarm).await.unwrap();
    let shown = scene.node("nl").json(&["directory", "show"]).await.unwrap().to_string();
    assert!(shown.contains("+1 555 0199") && !shown.contains("+1 555 0198"), "{shown}");
    // With the newest copy back, everything goes on.
    scene.stop_relay().await;
    for (own, newest) in own.iter().zip(&newest) {
        std::fs::remove_dir_all(own).unwrap();
        std::fs::rename(newest, own).unwrap();
    }
    scene.start_relay().await;
    let envelope = scene.sends("nl", "BA/technical", "All is quiet here.").await;
    scene.shows("ba", &envelope, "All is quiet here.").await;
    scene.end().await;
}

/// MD changes its telephone number; the size of the directory then.
async fn admit_nothing_new(scene: &Scene, line: &super::line::Line, number: &str) -> u64 {
    let act = new_telephone(scene, number).await;
    scene.enact(line, act, &[&scene.member_root("md")]).await.size()
}

async fn new_telephone(scene: &Scene, number: &str) -> pouch_directory::Act {
    let directory = scene.directory().await;
    let point = "MD/policy".parse().unwrap();
    let entry = directory.now_view().contact_point(&point, pouch_wire::Environment::Live);
    let mut entry = entry.unwrap().clone();
    entry.telephone = pouch_wire::Text::new(number).unwrap();
    pouch_directory::Act::AuthoriseContactPoint(Box::new(entry))
}
