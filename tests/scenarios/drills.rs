//! Exercises: opened, joined, played and closed by commands, beside live traffic that they never touch.

use pouch_testkit::stage::{Node, Officer, Outcome, PATIENCE, Party, Stage, is, word};
use serde_json::Value;

use crate::network::{Network, green, inbox_with, refused, tell};

const NAME: &str = "Autumn drill";

async fn three() -> Network {
    Network::start(vec![
        Party::simple("NL/technical"),
        Party::simple("MD/policy"),
        Party::simple("BA/technical"),
    ])
    .await
}

/// Runs a command that a member's root signs.
async fn by_root(node: &Node, stage: &Stage, folder: &str, command: &[&str]) -> Outcome {
    let root = format!("{folder}-root");
    let (dir, passphrase) = (stage.path(&root), stage.passphrase(&root));
    let by = ["--member-dir", &dir, "--passphrase-file", &passphrase, "--yes"];
    node.run(&[command, &by].concat()).await.unwrap()
}

async fn open(node: &Node, stage: &Stage, folder: &str, name: &str, participants: &str) -> Outcome {
    let until = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let open = ["exercise", "open", "--name", name, "--participants", participants, "--until", &until];
    by_root(node, stage, folder, &open).await
}

async fn join(node: &Node, stage: &Stage, folder: &str) -> Outcome {
    by_root(node, stage, folder, &["exercise", "join", NAME, "--throw-away"]).await
}

fn done(outcome: &Outcome) {
    assert_eq!(outcome.exit, 0, "{}\n{}", outcome.stdout, outcome.stderr);
}

/// Waits until a node sees the exercise, and these offices in it that can be sealed to.
async fn playable(node: &mut Node, offices: &[&str]) -> Value {
    loop {
        let list = node.json(&["exercise", "list"]).await.unwrap();
        let found = list.as_array().unwrap().iter().find(|exercise| is(exercise, "name", NAME)).cloned();
        let ready = |exercise: &Value, office: &&str| {
            let joined = exercise["joined"].as_array().unwrap().iter();
            joined.clone().any(|o| is(o, "contact_point", office) && o["live_prekeys"].as_u64() > Some(0))
        };
        if let Some(exercise) = found.filter(|e| offices.iter().all(|office| ready(e, office))) {
            return exercise;
        }
        node.watcher.wait_for("a newer directory", PATIENCE, |e| is(e, "kind", "directory")).await.unwrap();
    }
}

/// NL opens the drill for itself and MD, and both join.
async fn playing(network: &mut Network) {
    let stage = network.stage.clone();
    done(&open(&network.nodes[0], &stage, "nl", NAME, "NL,MD").await);
    for (place, folder) in [(0, "nl"), (1, "md")] {
        playable(&mut network.nodes[place], &[]).await;
        done(&join(&network.nodes[place], &stage, folder).await);
    }
    for place in [0, 1] {
        playable(&mut network.nodes[place], &["NL/technical", "MD/policy"]).await;
    }
}

async fn drill(node: &Node, to: &str, text: &str) -> Value {
    let send = ["send", "--exercise", NAME, "--to", to, "--subject", text, "--text", text];
    node.send(&send).await.unwrap()
}

async fn close(node: &Node, stage: &Stage, folder: &str) -> Outcome {
    by_root(node, stage, folder, &["exercise", "close", NAME]).await
}

/// Waits until a node has destroyed what it had for the exercise.
async fn over(node: &mut Node) {
    node.watcher.wait_for("the end of the drill", PATIENCE, |e| is(e, "code", "POUCH-EXR-61")).await.unwrap();
}

fn exercise_keys(stage: &Stage, folder: &str) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(stage.dir().join(folder).join("keys")).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("exercise-")).collect()
}

#[tokio::test]
async fn an_exercise_is_played_beside_live_messages_and_ends_without_a_trace_in_them() {
    let mut network = three().await;
    let stage = network.stage.clone();
    playing(&mut network).await;
    let [nl, md, _] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    // Live before, between and after: its numbers and places know nothing of the drill.
    let mut live = vec![tell(nl, "MD/policy", "Live, one").await];
    let sent = drill(nl, "MD", "Pretend that the lights are out").await;
    let envelope = word(&sent, "envelope").to_owned();
    live.push(tell(nl, "MD/policy", "Live, two").await);
    assert!(is(&sent, "exercise", NAME) && word(&sent, "number").ends_with("-0001"), "{sent}");
    let came = md.received(&envelope).await.unwrap();
    assert!(is(&came, "exercise", NAME), "{came}");
    assert!(word(&came, "words").starts_with("EXERCISE Autumn drill: "), "{came}");
    let rows = inbox_with(md, &[live.clone(), vec![envelope.clone()]].concat()).await;
    assert!(rows.iter().all(green), "{rows:?}");
    let order: Vec<&str> = rows.iter().map(|row| word(row, "environment")).collect();
    assert_eq!(order, ["live", "live", "EXERCISE Autumn drill"], "live first");
    let shown = md.ok(&["inbox"]).await.unwrap();
    assert!(shown.contains("EXERCISE Autumn drill  ROUTINE") && shown.contains("LIVE  ROUTINE"), "{shown}");
    let shown = md.ok(&["show", &envelope, "--why"]).await.unwrap();
    for words in ["THIS IS A DRILL: Autumn drill", "EXERCISE EXERCISE EXERCISE", "The first message"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let status = md.json(&["status"]).await.unwrap();
    assert_eq!((&status["unacknowledged"], &status["unacknowledged_in_exercises"]), (&2.into(), &1.into()));
    // Read, answered, and known to the sender; a restart in the middle changes nothing.
    nl.progress(&envelope, "MD/policy", "verified").await.unwrap();
    let md = network.nodes.remove(1);
    md.stop().await.unwrap();
    let mut md = stage.start_node("md").await.unwrap();
    crate::network::connected(&mut md).await;
    md.ok(&["ack", &envelope, "--officer", "Duty officer"]).await.unwrap();
    let nl = &mut network.nodes[0];
    nl.progress(&envelope, "MD/policy", "acknowledged").await.unwrap();
    let answer = md.send(&["reply", &envelope, "--text", "Pretending."]).await.unwrap();
    assert!(is(&answer, "exercise", NAME), "{answer}");
    let answered = nl.received(word(&answer, "envelope")).await.unwrap();
    assert!(is(&answered, "exercise", NAME), "{answered}");
    nl.progress(&envelope, "MD/policy", "answered").await.unwrap();
    // Nobody answers a live notice in a drill.
    let crossed = md.run(&["reply", &live[0], "--exercise", NAME, "--text", "T"]).await.unwrap();
    refused(&crossed, 15, "POUCH-EXR-05");

    done(&close(nl, &stage, "nl").await);
    over(nl).await;
    over(&mut md).await;
    for (node, folder) in [(&*nl, "nl"), (&md, "md")] {
        assert_eq!(exercise_keys(&stage, folder), Vec::<std::path::PathBuf>::new());
        let keys = node.json(&["keys", "list"]).await.unwrap();
        assert!(!keys.to_string().contains("exercise"), "{keys}");
    }
    let send = ["send", "--exercise", NAME, "--to", "MD/policy", "--subject", "S", "--text", "T"];
    refused(&nl.run(&send).await.unwrap(), 15, "POUCH-EXR-01");
    refused(&md.run(&["ack", &envelope, "--officer", "O"]).await.unwrap(), 15, "POUCH-EXR-01");
    refused(&md.run(&["reply", &envelope, "--text", "T"]).await.unwrap(), 15, "POUCH-EXR-01");
    let shown = md.run(&["show", &envelope]).await.unwrap().stdout;
    assert!(shown.contains("THIS IS A DRILL: Autumn drill") && shown.contains("lights are out"), "{shown}");
    live.push(tell(nl, "MD/policy", "Live, three").await);
    let rows = inbox_with(&mut md, &live).await;
    let ours: Vec<&Value> = rows.iter().filter(|row| live.iter().any(|id| is(row, "envelope", id))).collect();
    assert!(ours.iter().all(|row| green(row) && is(row, "environment", "live")), "{ours:?}");
    let numbers: Vec<&str> = ours.iter().map(|row| word(row, "number").rsplit('-').next().unwrap()).collect();
    assert_eq!(numbers, ["0003", "0002", "0001"], "no drill took a number");
    network.nodes.push(md);
    network.stop().await;
}

#[tokio::test]
async fn who_takes_no_part_joins_nothing_says_nothing_and_gets_nothing() {
    let mut network = three().await;
    let stage = network.stage.clone();
    playing(&mut network).await;
    let [nl, md, ba] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    playable(ba, &["NL/technical", "MD/policy"]).await;
    refused(&join(ba, &stage, "ba").await, 23, "POUCH-EXR-13");
    assert!(exercise_keys(&stage, "ba").is_empty(), "no key is made in vain");
    let send = ["send", "--exercise", NAME, "--subject", "S", "--text", "T", "--to"];
    refused(&ba.run(&[&send[..], &["MD/policy"]].concat()).await.unwrap(), 12, "POUCH-EXR-03");
    refused(&nl.run(&[&send[..], &["BA/technical"]].concat()).await.unwrap(), 4, "POUCH-EXR-06");
    refused(&nl.run(&[&send[..], &["BA"]].concat()).await.unwrap(), 4, "POUCH-EXR-16");
    // Another member's root joins nobody, and only who opened it closes it.
    let again = join(md, &stage, "md").await;
    assert!(again.exit == 0 && again.stderr.contains("already"), "{}", again.stderr);
    refused(&close(md, &stage, "md").await, 23, "POUCH-EXR-14");
    refused(&close(nl, &stage, "md").await, 23, "POUCH-CLI-21");
    refused(&open(ba, &stage, "ba", "Mine", "NL,MD").await, 23, "POUCH-EXR-11");
    for name in ["live", " Live ", "", "Two\nlines", "turned\u{202e}"] {
        refused(&open(nl, &stage, "nl", name, "NL,MD").await, 2, "POUCH-CLI-01");
    }
    network.stop().await;
}

#[tokio::test]
async fn what_was_written_before_the_end_is_not_sent_after_it() {
    let mut network = three().await;
    let stage = network.stage.clone();
    playing(&mut network).await;
    let [nl, md, _] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    let text = ["--exercise", NAME, "--to", "MD/policy", "--subject", "S", "--text", "Later"];
    let draft = nl.json(&[&["draft"], &text[..]].concat()).await.unwrap();
    assert!(is(&draft, "exercise", NAME), "{draft}");
    assert!(word(&draft, "preview").contains("EXERCISE EXERCISE EXERCISE"), "{draft}");
    // The node is off when the exercise ends, and finishes with it when it is back.
    let md_sent = drill(md, "NL/technical", "Before the end").await;
    nl.received(word(&md_sent, "envelope")).await.unwrap();
    let md = network.nodes.remove(1);
    md.stop().await.unwrap();
    assert_eq!(exercise_keys(&stage, "md").len(), 1);
    let nl = &mut network.nodes[0];
    done(&close(nl, &stage, "nl").await);
    over(nl).await;
    refused(&nl.run(&["release", word(&draft, "id")]).await.unwrap(), 15, "POUCH-EXR-01");
    let mut md = stage.start_node("md").await.unwrap();
    while !exercise_keys(&stage, "md").is_empty() {
        over(&mut md).await;
    }
    refused(&join(&md, &stage, "md").await, 23, "POUCH-EXR-12");
    network.nodes.push(md);
    network.stop().await;
}

#[tokio::test]
async fn an_office_joins_while_its_root_key_is_offline() {
    let mut network = three().await;
    let stage = network.stage.clone();
    let [nl, md, _] = network.nodes.as_mut_slice() else { panic!("three nodes") };
    done(&open(nl, &stage, "nl", NAME, "NL,MD").await);
    playable(md, &[]).await;
    let (asked, signed) = (stage.path("join.pouch"), stage.path("join-signed.pouch"));
    done(&md.run(&["exercise", "join", NAME, "--throw-away", "--output", &asked]).await.unwrap());
    // What nobody signed has no effect, and the directory's keeper does not take it.
    let early = md.run(&["directory", "submit", &asked]).await.unwrap();
    assert!(early.exit != 0 && early.stderr.contains("POUCH-"), "{}", early.stderr);
    let (dir, passphrase) = (stage.path("md-root"), stage.passphrase("md-root"));
    let sign = [
        "exercise",
        "sign",
        &asked,
        "--member-dir",
        &dir,
        "--output",
        &signed,
        "--passphrase-file",
        &passphrase,
    ];
    let unasked = stage.program.run(&sign).await.unwrap();
    refused(&unasked, 23, "POUCH-EXR-15");
    assert!(unasked.stderr.contains("authorises MD/policy in EXERCISE"), "{}", unasked.stderr);
    // Nothing that is live is signed so.
    let live = stage.path("live.pouch");
    std::fs::copy(stage.path("md/contact-point.toml"), &live).unwrap();
    let wrong = [
        "exercise",
        "sign",
        &live,
        "--member-dir",
        &dir,
        "--output",
        &signed,
        "--passphrase-file",
        &passphrase,
    ];
    refused(&stage.program.run(&wrong).await.unwrap(), 1, "POUCH-CER-01");
    stage.program.ok(&[&sign[..], &["--yes"]].concat()).await.unwrap();
    md.ok(&["directory", "submit", &signed]).await.unwrap();
    playable(md, &["MD/policy"]).await;
    assert_eq!(exercise_keys(&stage, "md").len(), 1, "the key never left");
    network.stop().await;
}

#[tokio::test]
async fn a_state_s_officers_approve_in_a_drill_with_keys_of_the_drill() {
    let officer = Officer { folder: "officer-1".to_owned(), title: "Duty officer".to_owned() };
    let nl = Party { officers: vec![officer], ..Party::simple("NL/technical") };
    let mut network = Network::start(vec![nl, Party::simple("MD/policy")]).await;
    let stage = network.stage.clone();
    playing(&mut network).await;
    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let flash = [
        "--exercise",
        NAME,
        "--to",
        "MD/policy",
        "--precedence",
        "flash",
        "--yes",
        "--subject",
        "S",
        "--text",
        "T",
    ];
    refused(&nl.run(&[&["send"], &flash[..]].concat()).await.unwrap(), 24, "POUCH-AGT-38");
    let draft = nl.json(&[&["draft"], &flash[..]].concat()).await.unwrap();
    let id = word(&draft, "id").to_owned();
    let approve = |key: String| {
        let (passphrase, id, nl) = (stage.passphrase("officer-1"), id.clone(), &*nl);
        async move {
            nl.run(&["approve", &id, "--key", &key, "--passphrase-file", &passphrase, "--yes"]).await.unwrap()
        }
    };
    // The officer's live key says nothing in a drill.
    refused(&approve(stage.path("officer-1/officer.pem")).await, 11, "POUCH-AGT-36");
    let (dir, passphrase) = (stage.path("drill-officer"), stage.passphrase("officer-1"));
    let init =
        ["init", "officer", "--contact-point", "NL/technical", "--title", "Duty officer", "--person", "p"];
    let more = ["--dir", &dir, "--throw-away", "--passphrase-file", &passphrase];
    stage.program.ok(&[&init[..], &more].concat()).await.unwrap();
    let request = stage.path("drill-officer/officer.toml");
    done(&by_root(nl, &stage, "nl", &["exercise", "officer", NAME, "--request", &request]).await);
    done(&approve(stage.path("drill-officer/officer.pem")).await);
    let sent = nl.json(&["release", &id]).await.unwrap();
    md.received(word(&sent, "envelope")).await.unwrap();
    let shown = md.ok(&["show", word(&sent, "envelope")]).await.unwrap();
    assert!(shown.contains("approved by 1 officer") && shown.contains("THIS IS A DRILL"), "{shown}");
    network.stop().await;
}
