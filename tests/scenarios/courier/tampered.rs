//! Files that somebody changed on their way, and members that write what is not theirs. What is refused takes
//! nothing away: the true file is taken after it.

use pouch_notice::Excerpt;
use pouch_store::{DirectoryLog as _, Mirror as _};
use pouch_testkit::stage::{PATIENCE, is};
use pouch_wire::{Digest, NetworkId};
use serde_json::Value;

use super::parts::{Parts, read, write};
use super::{exported, flash, imported, inbox, outcomes};
use crate::hostile::{Log, Parcel, Scene, store_of};
use crate::network::refused;

const TEXT: &str = "The grid is down";

/// MD writes to BA, and its node writes it into a file; no relay is there.
async fn written(scene: &mut Scene) -> (String, String) {
    scene.stop_relay().await;
    super::cut_off(scene.node("md")).await;
    super::cut_off(scene.node("ba")).await;
    let sent = flash(scene.node("md"), "BA/technical", TEXT).await;
    let stage = scene.stage.clone();
    (sent, exported(scene.node("md"), &stage, "true.courier", &[]).await)
}

#[tokio::test]
async fn a_file_that_was_changed_or_cut_off_is_refused_and_the_true_one_is_taken() {
    let mut scene = Scene::start().await;
    let (_, path) = written(&mut scene).await;
    let (good, bad) = (std::fs::read(&path).unwrap(), scene.stage.path("bad.courier"));
    let network = scene.network();
    let ba = scene.node("ba");
    for place in [0, 15, 17, 20, 40, good.len() / 3, good.len() / 2, good.len() - 33, good.len() - 1] {
        let mut changed = good.clone();
        changed[place] ^= 0x40;
        std::fs::write(&bad, &changed).unwrap();
        let code = if place < 16 { "POUCH-COU-01" } else { "POUCH-COU-02" };
        refused(&ba.run(&["courier", "import", &bad]).await.unwrap(), 10, code);
    }
    for len in [20, good.len() / 2, good.len() - 1] {
        std::fs::write(&bad, &good[..len]).unwrap();
        refused(&ba.run(&["courier", "import", &bad]).await.unwrap(), 10, "POUCH-COU-02");
    }
    write(&bad, NetworkId(Digest::new([7; 32])), None, read(&path, network).messages().to_vec());
    refused(&ba.run(&["courier", "import", &bad]).await.unwrap(), 15, "POUCH-COU-04");
    std::fs::remove_file(&bad).unwrap();
    std::os::unix::fs::symlink(&path, &bad).unwrap();
    refused(&ba.run(&["courier", "import", &bad]).await.unwrap(), 1, "POUCH-COU-30");
    assert!(inbox(ba).await.is_empty());
    assert_eq!(outcomes(&imported(ba, &path).await), (vec!["received"], 0));
    scene.end().await;
}

#[tokio::test]
async fn exchanged_parts_make_no_message_and_cost_none() {
    let mut scene = Scene::start().await;
    let (first, _) = written(&mut scene).await;
    let second = flash(scene.node("md"), "BA/technical", "And the telephones").await;
    let stage = scene.stage.clone();
    let path = exported(scene.node("md"), &stage, "two.courier", &[&first, &second]).await;
    let (network, bad) = (scene.network(), stage.path("bad.courier"));
    let file = read(&path, network);
    let [one, other] = [0, 1].map(|at| Parts::of(&file.messages()[at]));
    let ba = scene.node("ba");
    let exchanged = [
        (Parts { stanzas: other.stanzas.clone(), ..one.clone() }, "malformed", "POUCH-ADM-03"),
        (Parts { payload: other.payload.clone(), ..one.clone() }, "malformed", "POUCH-ADM-05"),
        (Parts { signature: other.signature, ..one.clone() }, "refused", "POUCH-ADM-15"),
    ];
    for (parts, outcome, code) in exchanged {
        write(&bad, network, file.directory().cloned(), vec![parts.sealed()]);
        let found = imported(ba, &bad).await;
        assert_eq!(found, (vec![(outcome.to_owned(), code.to_owned())], 10));
    }
    // A file whose entries are not those of its checkpoint gives no directory; its messages are judged.
    let mut excerpt = file.directory().unwrap().clone();
    excerpt.from = 0;
    excerpt.entries =
        pouch_wire::List::new(vec![pouch_wire::Blob::new(b"junk".to_vec()).unwrap(); 40]).unwrap();
    write(&bad, network, Some(excerpt), vec![one.sealed()]);
    let (value, exit) = super::told(ba, &["courier", "import", &bad]).await;
    assert_eq!(exit, 0, "{value}");
    assert_eq!(value["directory"]["newer"], false, "{value}");
    // What was refused first is taken as it is, and what was left out follows.
    assert_eq!(outcomes(&imported(ba, &path).await), (vec!["here-already", "received"], 0));
    assert_eq!(inbox(ba).await.len(), 2);
    scene.end().await;
}

#[tokio::test]
async fn a_directory_in_a_file_counts_by_its_quorum_alone() {
    let mut scene = Scene::start().await;
    let (_, path) = written(&mut scene).await;
    let (network, bad) = (scene.network(), scene.stage.path("bad.courier"));
    let messages = read(&path, network).messages().to_vec();
    let store = scene.relay_store();
    let log = Log::of(&scene, store.entries(0, u32::MAX).await.unwrap());
    store.close().await.unwrap();
    let size = u64::try_from(log.entries.len()).unwrap();
    let offer = async |scene: &mut Scene, from: u64, entries: Vec<Vec<u8>>, checkpoint: &[u8]| {
        let excerpt = Excerpt::new(from, entries, checkpoint.to_vec()).unwrap();
        write(&bad, network, Some(excerpt), messages.clone());
        let (value, exit) = super::told(scene.node("ba"), &["courier", "import", &bad]).await;
        assert_eq!(exit, 0, "the message holds whatever comes of the directory: {value}");
        let taken = &value["directory"];
        (taken["code"].as_str().unwrap().to_owned(), taken["newer"] == true, taken["size"].as_u64())
    };
    let note = |entries: &[Vec<u8>], witnesses: usize| {
        log.face(entries.to_vec(), 0, witnesses).shown.unwrap().checkpoint.to_vec()
    };
    // Whatever it knew before, now it knows all of it.
    let (code, _, knows) = offer(&mut scene, 0, log.entries.clone(), &note(&log.entries, 2)).await;
    assert_eq!((code.as_str(), knows), ("", Some(size)));
    let grown = log.grown();
    let beyond: Vec<Vec<u8>> = grown.iter().cloned().chain([b"more".to_vec()]).collect();
    let mut altered = grown.clone();
    altered[log.entries.len()] = b"otherwise".to_vec();
    let mut rewritten = grown.clone();
    rewritten[1] = b"another past".to_vec();
    let fewer = log.entries[..log.entries.len() - 1].to_vec();
    for (from, entries, checkpoint, code) in [
        (0, grown.clone(), b"no note".to_vec(), "POUCH-COU-20"),
        (size + 1, beyond[log.entries.len() + 1..].to_vec(), note(&beyond, 2), "POUCH-COU-21"),
        (0, altered, note(&grown, 2), "POUCH-COU-22"),
        (0, beyond.clone(), note(&grown, 2), "POUCH-COU-22"),
        (0, rewritten.clone(), note(&rewritten, 2), "POUCH-COU-22"),
        (0, grown.clone(), note(&grown, 1), "POUCH-COU-24"),
        (0, fewer.clone(), note(&fewer, 2), ""),
    ] {
        let found = offer(&mut scene, from, entries, &checkpoint).await;
        assert_eq!(found, (code.to_owned(), false, Some(size)));
    }
    assert_eq!(alarms(&mut scene).await, Vec::<String>::new(), "a courier raises no alarm");
    // But for what the log alone can have made: two trees of one size.
    let mut forked = log.entries.clone();
    *forked.last_mut().unwrap() = b"another entry".to_vec();
    let found = offer(&mut scene, 0, forked.clone(), &note(&forked, 0)).await;
    assert_eq!(found, ("POUCH-MIR-02".to_owned(), false, Some(size)));
    let told = |event: &Value| is(event, "kind", "alarm") && is(event, "code", "POUCH-MIR-02");
    scene.node("ba").watcher.wait_for("the alarm", PATIENCE, told).await.unwrap();
    assert!(!alarms(&mut scene).await.is_empty());
    let found = offer(&mut scene, size, vec![grown.last().unwrap().clone()], &note(&grown, 2)).await;
    assert_eq!(found, (String::new(), true, Some(size + 1)));
    scene.stop_node("ba").await;
    let store = store_of(&scene, "ba");
    assert_eq!(store.forks().await.unwrap().len(), 1);
    store.close().await.unwrap();
    scene.start_node("ba").await;
    scene.end().await;
}

/// The alarms that stand at BA about the directory's log.
async fn alarms(scene: &mut Scene) -> Vec<String> {
    let status = scene.node("ba").json(&["status"]).await.unwrap();
    let all = status["alarms"].as_array().unwrap().iter().map(|alarm| alarm.as_str().unwrap().to_owned());
    all.filter(|alarm| alarm.contains("POUCH-MIR")).collect()
}

#[tokio::test]
async fn a_member_that_writes_in_another_s_name_into_a_file_is_found_out() {
    let mut scene = Scene::with_hostile("md").await;
    let mut pen = scene.pen_of("md", "MD/policy").await;
    let honest = pen.letter(&["BA/technical"], TEXT);
    let mut forging = scene.pen_of("md", "NL/technical").await;
    let forged = forging.letter(&["BA/technical"], TEXT);
    scene.stop_relay().await;
    super::cut_off(scene.node("ba")).await;
    let (network, path) = (scene.network(), scene.stage.path("forged.courier"));
    let sealed = |parcel: &Parcel| Parts::of_parcel(parcel).sealed();
    write(&path, network, None, vec![sealed(&forged.seal()), sealed(&honest.seal())]);
    let ba = scene.node("ba");
    let found = imported(ba, &path).await;
    assert_eq!(outcomes(&found), (vec!["refused", "received"], 12), "{found:?}");
    assert_eq!(found.0[0].1, "POUCH-DIR-41");
    let shown = ba.ok(&["inbox"]).await.unwrap();
    assert_eq!(shown.matches(TEXT).count(), 1, "{shown}");
    scene.end().await;
}
