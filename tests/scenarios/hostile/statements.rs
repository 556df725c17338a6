//! What a hostile member, or a hostile log, tries to write into the directory: keys of others, offices of
//! others, statements of others. The relay refuses each for its own reason; and when the relay's operator
//! enters them all the same, they stand in the log without any effect, everywhere alike.

use pouch_crypto::{PrekeySecret, PublicKey, SigningKey};
use pouch_directory::{Act, ContactPointEntry, Directory, Prekey, RevocationReason, Statement};
use pouch_store::DirectoryLog as _;
use pouch_testkit::stage::{PATIENCE, is, word};
use pouch_wire::{
    Canonical as _, ContactPoint, Digest, Environment, List, Member, NetworkId, Set, Text, Timestamp,
};
use serde_json::Value;

use super::keys::KeyFolder;
use super::letter::HOUR_MS;
use super::line::Line;
use super::scene::{Scene, now};

const HONEST: &str = "All is quiet here.";

fn entry(directory: &Directory, office: &str) -> ContactPointEntry {
    let point: ContactPoint = office.parse().unwrap();
    directory.now_view().contact_point(&point, Environment::Live).unwrap().clone()
}

fn authorise(entry: ContactPointEntry) -> Act {
    Act::AuthoriseContactPoint(Box::new(entry))
}

type Attempt = (&'static str, Act, &'static str);

/// What MD's root, and MD's root alone, signs; each with the code of its refusal.
fn attempts(directory: &Directory) -> Vec<Attempt> {
    let mut all = about_offices(directory);
    all.extend(about_members());
    all
}

fn fresh() -> PublicKey {
    SigningKey::generate(&mut rand::rng()).public()
}

fn about_offices(directory: &Directory) -> Vec<Attempt> {
    let (nl, md) = (entry(directory, "NL/technical"), entry(directory, "MD/policy"));
    let takes_key = ContactPointEntry { signing: nl.signing, ..md.clone() };
    let takes_session = ContactPointEntry { transport: nl.transport, ..md.clone() };
    let one_for_both = ContactPointEntry { signing: md.transport, ..md.clone() };
    let prekeys = |contact_point: &ContactPoint| {
        let prekey = Prekey {
            public: PrekeySecret::generate(&mut rand::rng()).public().clone(),
            usable_from: now(),
            usable_until: Timestamp(now().0 + HOUR_MS),
        };
        let (contact_point, environment) = (contact_point.clone(), Environment::Live);
        Act::PublishPrekeys { contact_point, environment, prekeys: List::new(vec![prekey]).unwrap() }
    };
    let revoke = |key| Act::RevokeKey { key, reason: RevocationReason::Compromised, effective: now() };
    let rules = Act::SetReleaseRules { contact_point: nl.contact_point.clone(), rules: List::default() };
    vec![
        ("another's office", authorise(ContactPointEntry { signing: fresh(), ..nl.clone() }), "POUCH-DIR-05"),
        ("another's signing key", authorise(takes_key), "POUCH-DIR-10"),
        ("another's session key", authorise(takes_session), "POUCH-DIR-10"),
        ("one key for both", authorise(one_for_both), "POUCH-DIR-10"),
        ("nothing new", authorise(md.clone()), "POUCH-DIR-24"),
        ("prekeys of another", prekeys(&nl.contact_point), "POUCH-DIR-05"),
        ("prekeys by the root", prekeys(&md.contact_point), "POUCH-DIR-05"),
        ("revoking another's key", revoke(nl.signing.id()), "POUCH-DIR-12"),
        ("revoking a key of nobody", revoke(fresh().id()), "POUCH-DIR-12"),
        ("another's rules", rules, "POUCH-DIR-05"),
    ]
}

fn about_members() -> Vec<Attempt> {
    let member = |code: &str| code.parse::<Member>().unwrap();
    let admit = |code: &str| Act::AdmitMember {
        member: member(code),
        name: Text::new("A new state").unwrap(),
        root: fresh(),
        next_root: fresh().id(),
    };
    let rotate = |code| Act::RotateRoot { member: member(code), new_root: fresh(), next_root: fresh().id() };
    let recover = Act::RecoverRoot { member: member("NL"), new_root: fresh(), next_root: fresh().id() };
    let reason = Text::new("no reason").unwrap();
    vec![
        ("another's root", rotate("NL"), "POUCH-DIR-15"),
        ("a root not committed", rotate("MD"), "POUCH-DIR-15"),
        ("another's recovery", recover, "POUCH-DIR-05"),
        ("a new member alone", admit("XX"), "POUCH-DIR-14"),
        ("a member twice", admit("NL"), "POUCH-DIR-13"),
        ("suspending alone", Act::SuspendMember { member: member("NL"), reason }, "POUCH-DIR-14"),
    ]
}

/// A statement's bytes, signed.
fn signed(network: NetworkId, act: Act, key: &SigningKey) -> Vec<u8> {
    let nonce = Digest::new([7; 32]);
    Statement { network, created: now(), nonce, act }.sign(&[key]).unwrap().to_bytes().unwrap()
}

/// MD changes its own telephone number, as it may.
async fn twin(scene: &Scene, line: &Line, root: &SigningKey, number: &str) -> Directory {
    let telephone = Text::new(number).unwrap();
    let act = authorise(ContactPointEntry { telephone, ..entry(&scene.directory().await, "MD/policy") });
    scene.enact(line, act, &[root]).await
}

#[tokio::test]
async fn a_member_writes_nothing_into_the_directory_but_what_is_its_own() {
    let mut scene = Scene::with_hostile("md").await;
    let line = scene.line_of("md").await;
    let root = scene.member_root("md");
    let directory = scene.directory().await;
    let size = directory.size();
    for (what, act, code) in attempts(&directory) {
        let refused = line.publish(scene.network(), act, &[&root]).await.unwrap_err();
        assert_eq!(refused, code, "{what}");
    }
    // Good acts, wrongly made: by nobody, by another's root, for another network.
    let telephone = Text::new("+1 555 0199").unwrap();
    let act = authorise(ContactPointEntry { telephone, ..entry(&directory, "MD/policy") });
    let stranger = SigningKey::generate(&mut rand::rng());
    let signing = KeyFolder::of(&scene.stage, "md").signing("signing");
    for key in [&stranger, &scene.member_root("nl"), &signing] {
        let refused = line.publish(scene.network(), act.clone(), &[key]).await.unwrap_err();
        assert_eq!(refused, "POUCH-DIR-05");
    }
    let elsewhere = NetworkId(Digest::new([7; 32]));
    assert_eq!(line.publish(elsewhere, act.clone(), &[&root]).await.unwrap_err(), "POUCH-DIR-02");
    let statement = signed(scene.network(), act.clone(), &root);
    assert_eq!(line.publish_bytes(vec![1, 2, 3]).await.unwrap_err(), "POUCH-DIR-01");
    assert_eq!(line.publish_bytes(statement.clone()).await.unwrap(), size);
    assert_eq!(line.publish_bytes(statement).await.unwrap_err(), "POUCH-DIR-04");
    let directory = twin(&scene, &line, &root, "+1 555 0198").await;
    assert_eq!(directory.size(), size + 2, "nothing else was entered");
    let envelope = scene.sends("nl", "BA/technical", HONEST).await;
    scene.shows("ba", &envelope, HONEST).await;
    scene.end().await;
}

#[tokio::test]
async fn what_a_hostile_log_enters_all_the_same_has_no_effect_anywhere() {
    let mut scene = Scene::with_hostile("md").await;
    let root = scene.member_root("md");
    let directory = scene.directory().await;
    let tried = attempts(&directory);
    scene.stop_relay().await;
    let store = scene.relay_store();
    for (_, act, _) in &tried {
        store.append_entries(vec![signed(scene.network(), act.clone(), &root)]).await.unwrap();
    }
    store.append_entries(vec![b"not even a statement".to_vec()]).await.unwrap();
    let size = store.entry_count().await.unwrap();
    store.close().await.unwrap();
    scene.start_relay().await;
    // The witnesses cosign it: the log only grew. Nodes follow it, and nothing changes.
    for folder in ["nl", "ba"] {
        let fits = |event: &Value| {
            is(event, "kind", "directory") && word(event, "words").contains(&format!("{size} entries"))
        };
        scene.node(folder).watcher.wait_for("the longer log", PATIENCE, fits).await.unwrap();
    }
    // NL is told of what was tried in its name, and that nothing came of it.
    let told = |event: &Value| is(event, "kind", "key") && is(event, "code", "POUCH-MON-01");
    scene.restart_node("nl").await;
    let node = scene.node("nl");
    let told_of = ["05", "12", "05", "15", "05", "14"].map(|number| format!("POUCH-DIR-{number}"));
    for code in &told_of {
        let event = node.watcher.wait_for("being told", PATIENCE, told).await.unwrap();
        let words = word(&event, "words");
        assert!(words.contains("has no effect") && words.contains(code), "{words}");
    }
    let log = scene.node("ba").json(&["directory", "log"]).await.unwrap();
    let entries = log.as_array().unwrap();
    let planted = &entries[usize::try_from(directory.size()).unwrap()..];
    let codes: Vec<String> = planted.iter().map(|entry| word(entry, "no_effect").to_owned()).collect();
    let expected = tried.iter().map(|(_, _, code)| *code).chain(["POUCH-DIR-01"]);
    for (said, code) in codes.iter().zip(expected) {
        assert!(said.contains(code), "{said:?} instead of {code}");
    }
    assert_eq!(codes.len(), tried.len() + 1);
    // The honest twin, through the same log.
    let line = scene.line_of("md").await;
    twin(&scene, &line, &root, "+1 555 0198").await;
    let envelope = scene.sends("nl", "BA/technical", HONEST).await;
    scene.shows("ba", &envelope, HONEST).await;
    let members: Set<Member, 64> = Set::new(["BA", "MD", "NL"].map(|m| m.parse().unwrap())).unwrap();
    let now_view = scene.directory().await;
    let known: Vec<Member> = now_view.now_view().members().map(|m| m.member.clone()).collect();
    assert_eq!(Set::new(known).unwrap(), members);
    scene.end().await;
}
