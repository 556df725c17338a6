//! The handbook, typed as it is printed: every ceremony of `docs/HANDBOOK.md`, one after the other, in a network of
//! five that a sixth joins. Only what a person would put in is put in: the passphrases, a yes, and the key
//! files' cost of a throw-away network.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

use pouch_testkit::stage::{Node, Outcome, PATIENCE, Party, Program, Service, Stage, is, word};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Duration, sleep};

use crate::network::{green, inbox_with, program, refused, tell};

const PAGE: &str = include_str!("../../docs/HANDBOOK.md");
/// The founders' offices, and the newcomer's.
const FOUNDERS: [&str; 5] = ["NL/technical", "MD/policy", "BA/technical", "RS/technical", "UA/technical"];
/// How long a recovery waits: long enough to be vetoed, short enough to be awaited.
const DELAY: &str = "20s";

/// Somebody who follows the page, playing every part.
struct Players {
    stage: Stage,
    nodes: BTreeMap<&'static str, Node>,
    relay: Option<Service>,
    witnesses: Vec<Service>,
    /// What was printed by the newest command.
    last: Outcome,
    _dir: TempDir,
}

/// The commands under a heading of the page, in order.
fn chapter(heading: &str) -> Vec<String> {
    let begins = format!("\n## {heading}\n");
    let text = PAGE.split(&begins).nth(1).unwrap_or_else(|| panic!("the page has no chapter {heading}"));
    let text = text.split("\n## ").next().unwrap();
    let blocks = text.split("```\n").skip(1).step_by(2);
    blocks.flat_map(|block| block.lines().map(str::to_owned)).collect()
}

/// Commands that only show something lead nowhere.
fn is_a_look(command: &str) -> bool {
    ["directory show", "directory verify", "network show"].iter().any(|look| command.contains(look))
}

/// A folder's owner: `lu-root` and `lu-root-2` are LU's.
fn passphrase_of(folder: &str) -> String {
    match folder {
        "deceived" | "deceived-again" => "ba-root/passphrase".to_owned(),
        witness if witness.starts_with("witness") => format!("{witness}/passphrase"),
        root => format!("{}/passphrase", root.trim_end_matches("-2")),
    }
}

impl Players {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let parties = FOUNDERS.map(Party::simple).to_vec();
        let stage = Stage::new(program(), dir.path(), parties, 3).with_charter(&["--recovery-delay", DELAY]);
        stage.found().await.unwrap();
        let relay = Some(stage.start_relay().await.unwrap());
        let witnesses = stage.start_witnesses().await.unwrap();
        let mut nodes = BTreeMap::new();
        for folder in ["nl", "md", "ba", "rs", "ua"] {
            nodes.insert(folder, stage.start_node(folder).await.unwrap());
        }
        for node in nodes.values_mut() {
            node.everyone_can_be_sealed_to().await.unwrap();
        }
        let last = Outcome { exit: 0, stdout: String::new(), stderr: String::new() };
        let players = Self { stage, nodes, relay, witnesses, last, _dir: dir };
        for folder in ["lu", "lu-root", "witness-4", "witness-5"] {
            players.new_folder(folder);
        }
        players
    }

    fn new_folder(&self, folder: &str) {
        let path = self.stage.path(folder);
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        let passphrase = format!("{path}/passphrase");
        fs::write(&passphrase, "only for trying").unwrap();
        fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The command as these people type it.
    fn filled(&self, command: &str) -> String {
        let command = command.split(" # ").next().unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        let after = |option: &str| words.iter().position(|w| *w == option).map(|at| words[at + 1]);
        let of = ["--member-dir", "--next-root-dir", "--dir", "--to"].iter().find_map(|option| after(option));
        let mut filled = command.to_owned();
        if let Some(folder) = of {
            let passphrase = self.stage.path(&passphrase_of(folder));
            filled = filled.replace("$P", &format!("--passphrase-file {passphrase}"));
        }
        assert!(!filled.contains("$P"), "whose passphrase? {command}");
        let verb = words[1..3].join(" ");
        let more = match verb.as_str() {
            "network endorse" | "network authorise" | "keys veto" => " --yes",
            "init member" | "init node" | "witness init" | "keys recover" => " --throw-away",
            "keys rotate" => " --throw-away --yes",
            _ => "",
        };
        filled + more
    }

    /// Types one line; it must end as the page says.
    async fn types(&mut self, command: &str) {
        let exit = command.split("# exit code ").nth(1).map_or(0, |code| code.trim().parse().unwrap());
        self.last = self.run(&self.filled(command)).await;
        let Outcome { stdout, stderr, .. } = &self.last;
        assert_eq!(self.last.exit, exit, "{command}\n{stdout}\n{stderr}");
        if command.starts_with("pouch") && exit == 0 && !is_a_look(command) {
            assert!(stderr.contains("next: "), "it does not say who does what next: {command}\n{stderr}");
        }
    }

    async fn run(&self, line: &str) -> Outcome {
        let bin = self.stage.program.path().parent().unwrap().display();
        let script =
            format!("set -e\ncd '{}'\nexport PATH=\"{bin}:$PATH\"\n{line}", self.stage.dir().display());
        Program::at("bash".as_ref()).run(&["-c", &script]).await.unwrap()
    }

    /// Types a chapter, up to the command that starts a service.
    async fn chapter(&mut self, heading: &str, mut each: impl AsyncFnMut(&mut Self, &str)) {
        for command in chapter(heading) {
            if command.starts_with("pouch agent run") || command.starts_with("pouch witness run") {
                continue;
            }
            self.types(&command).await;
            each(self, &command).await;
        }
    }

    fn node(&mut self, folder: &str) -> &mut Node {
        self.nodes.get_mut(folder).unwrap()
    }

    async fn directory(&self) -> Value {
        self.nodes["nl"].json(&["directory", "show"]).await.unwrap()
    }

    async fn member(&self, code: &str) -> Value {
        let view = self.directory().await;
        view["members"].as_array().unwrap().iter().find(|m| is(m, "member", code)).unwrap().clone()
    }

    /// Waits until a node's directory is as large as NL's.
    async fn catches_up(&mut self, folder: &str) {
        let size = self.directory().await["size"].as_u64().unwrap();
        let node = self.node(folder);
        while node.json(&["directory", "show"]).await.unwrap()["size"].as_u64().unwrap() < size {
            node.watcher
                .wait_for("a newer directory", PATIENCE, |e| is(e, "kind", "directory"))
                .await
                .unwrap();
        }
    }

    /// Sends a line from one to another, which must verify without reservation.
    /// Sends a notice, and waits until it is there and holds; its envelope.
    async fn exchange(&mut self, from: &str, to: &str, office: &str, words: &str) -> String {
        for folder in [from, to] {
            self.catches_up(folder).await;
        }
        let sent = tell(&self.nodes[from], office, words).await;
        let rows = inbox_with(self.node(to), std::slice::from_ref(&sent)).await;
        let row = rows.iter().find(|row| is(row, "envelope", &sent)).unwrap();
        assert!(green(row), "{row}");
        sent
    }

    /// What a recipient hands to an auditor, who has the charter and nothing else.
    async fn proves(&mut self, folder: &str, envelope: &str, file: &str) {
        let file = self.stage.path(file);
        self.node(folder).ok(&["evidence", "export", envelope, "--output", &file]).await.unwrap();
        let audit = ["audit", "evidence", &file, "--charter", &self.stage.path("charter.pouch")];
        let audited = self.stage.program.ok(&audit).await.unwrap();
        assert!(audited.contains("is authentic."), "{audited}");
    }

    async fn stop(&mut self) {
        for node in std::mem::take(&mut self.nodes).into_values() {
            node.stop().await.unwrap();
        }
        if let Some(relay) = self.relay.take() {
            relay.stop().await.unwrap();
        }
        for witness in std::mem::take(&mut self.witnesses) {
            witness.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_ceremonies_work_by_hand_as_the_handbook_prints_them() {
    let mut all = Players::start().await;
    admission(&mut all).await;
    suspension(&mut all).await;
    recovery(&mut all).await;
    veto(&mut all).await;
    witnesses(&mut all).await;
    all.stop().await;
    all.chapter("Without a node", async |all, command| {
        if command.starts_with("pouch directory verify") {
            assert!(all.last.stdout.contains("0 of its entries have no effect"), "{}", all.last.stdout);
            assert!(all.last.stdout.contains("witness-4"), "{}", all.last.stdout);
        }
    })
    .await;
}

/// Three of five admit a sixth, and two do not; its node finds the network and is believed.
async fn admission(all: &mut Players) {
    all.chapter("Admit a member", async |all, command| {
        if command.contains("# exit code 23") {
            refused(&all.last, 23, "POUCH-CER-04");
            assert!(
                all.last.stderr.contains("endorsed by 2 members, and 3 are needed"),
                "{}",
                all.last.stderr
            );
            assert!(all.last.stderr.contains("BA, RS, UA"), "{}", all.last.stderr);
        }
    })
    .await;
    assert_eq!(all.directory().await["members"].as_array().unwrap().len(), 6);
    let lu = all.stage.start_node("lu").await.unwrap();
    all.nodes.insert("lu", lu);
    // Everybody can seal to it as soon as it has published sealing keys.
    loop {
        let points = all.member("LU").await["contact_points"].clone();
        if points[0]["live_prekeys"].as_u64() > Some(0) {
            break;
        }
        let directory = |event: &Value| is(event, "kind", "directory");
        all.node("nl").watcher.wait_for("LU's sealing keys", PATIENCE, directory).await.unwrap();
    }
    all.exchange("nl", "lu", "LU/technical", "Welcome").await;
    all.exchange("lu", "nl", "NL/technical", "Thank you").await;
    // The same statement again has no effect, and is not even sent.
    let again = all.run("pouch directory submit admit-lu.statement --config nl/agent.toml").await;
    refused(&again, 23, "POUCH-CER-05");
    assert!(again.stderr.contains("POUCH-DIR-04"), "{}", again.stderr);
    changed_on_its_way(all).await;
}

/// Words at the top of a proposal that say something else do not deceive who signs, and other bytes do not fit.
async fn changed_on_its_way(all: &Players) {
    let file = all.stage.path("admit-lu.pouch");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(all.stage.path("words.pouch"), text.replace("# admits LU", "# reinstates LU")).unwrap();
    let shown = all.run("pouch network show words.pouch").await;
    assert!(shown.stdout.contains("admits LU (Luxembourg) as a member"), "{}", shown.stdout);
    let at = text.find("-----BEGIN").unwrap() + 150;
    let other = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
    let flipped = format!("{}{other}{}", &text[..at], &text[at + 1..]);
    fs::write(all.stage.path("flipped.pouch"), flipped).unwrap();
    let join = "pouch network join admit-lu.pouch flipped.pouch --output x --config nl/agent.toml";
    let outcome = all.run(join).await;
    assert!(
        ["POUCH-CER-01", "POUCH-CER-03"].iter().any(|code| outcome.stderr.contains(code)),
        "{}",
        outcome.stderr
    );
    stale_endorsement(all).await;
    // What a member signs for itself, nobody endorses by mistake.
    let passphrase = all.stage.path("nl-root/passphrase");
    let wolf = format!(
        "pouch network endorse lu-office.statement --member-dir nl-root --output x --yes --passphrase-file {passphrase}"
    );
    refused(&all.run(&wolf).await, 23, "POUCH-CER-02");
}

/// A signature by a root that its member has no more does no harm beside enough good ones, and none is good alone.
async fn stale_endorsement(all: &Players) {
    let (stale, root) = (all.stage.path("stale"), all.stage.path("ba-root"));
    fs::create_dir_all(format!("{stale}/keys")).unwrap();
    fs::copy(format!("{root}/founder.toml"), format!("{stale}/founder.toml")).unwrap();
    fs::copy(format!("{root}/keys/next-root.pem"), format!("{stale}/keys/root.pem")).unwrap();
    let works = async |command: &str, owner: &str| {
        let passphrase = all.stage.path(&passphrase_of(owner));
        let done = all.run(&format!("{command} --passphrase-file {passphrase}")).await;
        assert_eq!(done.exit, 0, "{command}: {}", done.stderr);
        done
    };
    let propose =
        "pouch network propose suspend RS --reason Tests --output stale.pouch --config nl/agent.toml";
    works(propose, "nl-root").await;
    for (folder, owner) in
        [("nl-root", "nl-root"), ("md-root", "md-root"), ("ua-root", "ua-root"), ("stale", "ba-root")]
    {
        let endorse =
            format!("pouch network endorse stale.pouch --member-dir {folder} --output by-{folder} --yes");
        works(&endorse, owner).await;
    }
    let join =
        "pouch network join stale.pouch by-nl-root by-md-root by-stale --output y --config nl/agent.toml";
    refused(&all.run(join).await, 10, "POUCH-CER-06");
    let join = join.replace("--output", "by-ua-root --output");
    let joined = works(&join, "nl-root").await;
    let said = format!("{}{}", joined.stdout, joined.stderr);
    assert!(said.contains("Signed by MD, NL, UA.") && said.contains("POUCH-CER-06"), "{said}");
}

/// A suspended member's node speaks for nobody, and speaks again.
async fn suspension(all: &mut Players) {
    all.chapter("Suspend and reinstate a member", async |all, command| {
        if command.starts_with("pouch directory show RS") {
            assert!(all.last.stdout.contains("SUSPENDED"), "{}", all.last.stdout);
            all.node("rs")
                .watcher
                .wait_for("the session's end", PATIENCE, |event| is(event, "kind", "link"))
                .await
                .unwrap();
            let sent = tell(&all.nodes["rs"], "NL/technical", "While suspended").await;
            let outbox = all.nodes["rs"].json(&["outbox"]).await.unwrap();
            let row =
                outbox.as_array().unwrap().iter().find(|row| is(row, "envelope", &sent)).unwrap().clone();
            assert_eq!(word(&row["ladder"][0], "rung"), "queued", "{row}");
        }
    })
    .await;
    assert_eq!(all.member("RS").await["suspended"], false);
    all.exchange("rs", "nl", "NL/technical", "We are back").await;
}

/// Three of the five others give MD a new root; two do not, and not before the delay is over.
async fn recovery(all: &mut Players) {
    let before = word(&all.member("MD").await, "root").to_owned();
    all.chapter("Recover a lost root", async |all, command| {
        if command.contains("# exit code 23") {
            refused(&all.last, 23, "POUCH-CER-04");
        }
        if command.starts_with("pouch directory show MD") {
            assert!(all.last.stdout.contains("RECOVERY WAITS"), "{}", all.last.stdout);
        }
    })
    .await;
    let waiting = all.member("MD").await;
    assert_eq!(word(&waiting, "root"), before, "it waits");
    let from = waiting["recovery"]["effective"].as_u64().expect("when it can take effect");
    // A statement's date is what the directory goes by, so nothing but time itself can pass here.
    while now() <= from {
        sleep(Duration::from_millis(from.saturating_sub(now()) + 1)).await;
    }
    assert_eq!(word(&all.member("MD").await, "root"), before, "the directory has no clock");
    let ua = word(&all.member("UA").await, "root").to_owned();
    let committed = word(&all.member("UA").await, "next_root").to_owned();
    all.chapter("Rotate a root", async |all, command| {
        if command.starts_with("pouch directory submit ua-root-2") {
            assert_eq!(word(&all.member("UA").await, "root"), committed);
            assert_eq!(word(&all.member("MD").await, "root"), word(&waiting["recovery"], "new_root"));
            all.catches_up("md").await;
        }
    })
    .await;
    assert_ne!(word(&all.member("UA").await, "next_root"), committed);
    assert_ne!(word(&all.member("UA").await, "root"), ua);
    // The old folders are as they were, and their roots speak no more.
    let passphrase = all.stage.path("md-root/passphrase");
    let old = format!(
        "pouch keys rotate --member-dir md-root --config md/agent.toml --passphrase-file {passphrase}"
    );
    refused(&all.run(&old).await, 23, "POUCH-CLI-21");
    all.exchange("md", "lu", "LU/technical", "With a new root").await;
}

/// A recovery that the member did not ask for is stopped with the next root alone, and the next needs more.
async fn veto(all: &mut Players) {
    let before = word(&all.member("NL").await, "root").to_owned();
    all.chapter("Veto a recovery", async |all, command| {
        if command.starts_with("pouch directory submit recover-nl") {
            thief(all).await;
        }
        if command.starts_with("pouch directory show NL") {
            assert!(all.last.stdout.contains("vetoed a recovery"), "{}", all.last.stdout);
            assert!(!all.last.stdout.contains("RECOVERY WAITS"), "{}", all.last.stdout);
            assert_eq!(word(&all.member("NL").await, "root"), before);
        }
        if command.contains("# exit code 23") {
            refused(&all.last, 23, "POUCH-CER-04");
            assert!(
                all.last.stderr.contains("endorsed by 3 members, and 4 are needed"),
                "{}",
                all.last.stderr
            );
        }
    })
    .await;
}

/// Who stole the current root has no veto, neither by the command nor past it.
async fn thief(all: &Players) {
    let (stolen, passphrase) = (all.stage.path("stolen"), all.stage.path("nl-root/passphrase"));
    fs::create_dir_all(format!("{stolen}/keys")).unwrap();
    fs::copy(all.stage.path("nl-root/keys/root.pem"), format!("{stolen}/keys/next-root.pem")).unwrap();
    let veto = format!(
        "pouch keys veto --member NL --next-root-dir stolen --output x --yes --config nl/agent.toml --passphrase-file {passphrase}"
    );
    refused(&all.run(&veto).await, 23, "POUCH-CER-07");
    assert!(all.member("NL").await["recovery"].is_object());
}

/// Two of three witnesses are replaced, and in the end none of the old ones is left: the network goes on, and a
/// node that was away meanwhile finds its way from the old ones to the new.
async fn witnesses(all: &mut Players) {
    let before = all.exchange("ua", "ba", "BA/technical", "Under the old witnesses").await;
    all.proves("ba", &before, "evidence-before").await;
    let away = all.nodes.remove("rs").unwrap();
    away.stop().await.unwrap();
    all.chapter("Change relays, witnesses, quorum or thresholds", async |all, command| {
        if command.contains("# exit code 23") {
            refused(&all.last, 23, "POUCH-CER-04");
        }
    })
    .await;
    let view = all.directory().await;
    let names: Vec<&str> = view["witnesses"].as_array().unwrap().iter().map(|w| word(w, "name")).collect();
    let expected = [3, 4, 5].map(|n| format!("witness-{n}.demo.pouch.invalid"));
    assert_eq!(names, expected.each_ref().map(String::as_str));
    let mut joined = Vec::new();
    for folder in ["witness-4", "witness-5"] {
        let config = all.stage.path(&format!("{folder}/witness.toml"));
        let log = all.stage.dir().join(folder).join("witness.log");
        joined.push(
            all.stage.program.start(folder, &["witness", "run", "--config", &config], &log).await.unwrap(),
        );
    }
    // The two that left, and the one that stayed: the two that joined are a quorum.
    for old in std::mem::replace(&mut all.witnesses, joined) {
        old.stop().await.unwrap();
    }
    let passphrase = all.stage.path("lu-root/passphrase");
    let rotate = format!(
        "pouch keys rotate --member-dir lu-root --config lu/agent.toml --throw-away --yes --passphrase-file {passphrase}"
    );
    let size = all.directory().await["size"].as_u64().unwrap();
    let rotated = all.run(&rotate).await;
    assert_eq!(rotated.exit, 0, "{}", rotated.stderr);
    while all.directory().await["size"].as_u64().unwrap() <= size {
        let directory = |event: &Value| is(event, "kind", "directory");
        all.node("nl").watcher.wait_for("a checkpoint of the new quorum", PATIENCE, directory).await.unwrap();
    }
    let after = all.exchange("ua", "ba", "BA/technical", "Under the new quorum").await;
    all.proves("ba", &after, "evidence-of-after").await;
    // The proof that the old witnesses made is kept, and holds.
    all.proves("ba", &before, "evidence-later").await;
    let back = all.stage.start_node("rs").await.unwrap();
    all.nodes.insert("rs", back);
    all.exchange("rs", "nl", "NL/technical", "What did I miss?").await;
}

/// Milliseconds since the Unix epoch, as statements are dated.
fn now() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a person who waits looks at a clock")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}
