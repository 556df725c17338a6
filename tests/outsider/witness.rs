//! Witnessing by the specification alone, both ways: our witness is put through the protocol by a stranger,
//! and a stranger's witness is one without which our log would not be published.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use pouch_crypto::{MlDsaPublic, NotePublic, PublicKey};
use pouch_testkit::stage::{PATIENCE, Party, Program, Service, Stage};
use pouch_tests::outsider::Outsider;
use pouch_tlog::{KeyName, VerifierKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{outsider, target};

fn program() -> Program {
    Program::at(&target().1)
}

/// A TCP port of the loopback that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a witness sends to the secretariat.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    name: String,
    ed25519: NotePublic,
    mldsa: MlDsaPublic,
    transport: Option<PublicKey>,
}

/// The verifier keys of a witness of ours.
fn vkeys(folder: &Path) -> Vec<String> {
    let request = fs::read_to_string(folder.join("witness-request.toml")).unwrap();
    let request: Request = toml::from_str(&request).unwrap();
    let name = KeyName::new(request.name).unwrap();
    let keys = [
        VerifierKey::cosignature_ed25519(name.clone(), request.ed25519).unwrap(),
        VerifierKey::mldsa44(name, request.mldsa).unwrap(),
    ];
    keys.map(|key| key.to_string()).into()
}

/// Tells a witness to listen, and of the stranger's logs; where it listens then.
fn listens(outsider: &Outsider, config: &Path, table: &str) -> String {
    let address = format!("127.0.0.1:{}", free_port());
    let logs = outsider.ask(&["logs".into()]).unwrap();
    let logs = String::from_utf8(logs.stdout).unwrap();
    let keys = |line: &str| line.split(' ').map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ");
    let tables: String = logs.lines().map(|line| format!("[[{table}]]\nkeys = [{}]\n", keys(line))).collect();
    assert_eq!(logs.lines().count(), 4, "{logs}");
    let text = fs::read_to_string(config).unwrap();
    // A node's witness is a name; with more than that it is a table.
    let (before, name) = match text.split_once("\nwitness = ") {
        Some((before, name)) => (before, format!("[witness]\nname = {name}")),
        None => (text.as_str(), String::new()),
    };
    fs::write(config, format!("{before}\n{name}\nlisten_http = {address:?}\n{tables}")).unwrap();
    format!("http://{address}")
}

fn answers_well(outsider: &Outsider, part: &str, url: &str, vkeys: &[String]) {
    let asked = outsider.ask(&[&[part.to_owned(), url.to_owned()], vkeys].concat()).unwrap();
    let said = String::from_utf8_lossy(&[asked.stdout, asked.stderr].concat()).into_owned();
    assert!(asked.status.success(), "{url} {part}: {said}");
    assert!(said.contains(", 0 answered wrongly"), "{said}");
}

#[tokio::test]
async fn our_witnesses_answer_a_stranger_as_the_specification_says_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let nl = Party { witnesses: true, ..Party::simple("NL/technical") };
    let stage = Stage::new(program(), dir.path(), vec![nl, Party::simple("MD/policy")], 1);
    stage.found().await.unwrap();
    let outsider = outsider();
    for (folder, command, file, table) in
        [("witness-1", "witness", "witness.toml", "log"), ("nl", "agent", "agent.toml", "witness.log")]
    {
        let folder = dir.path().join(folder);
        let config = folder.join(file);
        let url = listens(&outsider, &config, table);
        let vkeys = vkeys(&folder);
        let config = config.display().to_string();
        let log = folder.join("service.log");
        for part in ["run", "again"] {
            let run = [command, "run", "--config", &config];
            let service = stage.program.start(command, &run, &log).await.unwrap();
            answers_well(&outsider, part, &url, &vkeys);
            service.stop().await.unwrap();
        }
    }
}

/// A network of two states whose witnesses are one of ours, a stranger's and one that nobody starts. Two
/// must cosign.
struct Network {
    program: Program,
    dir: tempfile::TempDir,
}

impl Network {
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    async fn ok(&self, arguments: &[&str]) -> String {
        self.program.ok(arguments).await.unwrap()
    }

    async fn init(&self, folder: &str, words: &[&str]) {
        use std::os::unix::fs::OpenOptionsExt as _;
        let passphrase = self.path(&format!("{folder}.passphrase"));
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&passphrase).unwrap();
        fs::write(&passphrase, "a passphrase of a test").unwrap();
        let dir = self.path(folder);
        self.ok(&[words, &["--dir", &dir, "--throw-away", "--passphrase-file", &passphrase]].concat()).await;
    }

    async fn found(outsider: &Outsider) -> Self {
        let network = Self { program: program(), dir: tempfile::tempdir().unwrap() };
        let address = format!(
            "127.0.0.1:{}",
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
        );
        network.init("relay", &["relay", "init", "--name", "relay-1", "--address", &address]).await;
        for (folder, name) in [("ours", "ours.example"), ("absent", "absent.example")] {
            network.init(folder, &["witness", "init", "--name", name]).await;
        }
        let keys = outsider.witness_keys(&network.dir.path().join("stranger"), "stranger.example").unwrap();
        fs::write(network.path("stranger/witness-request.toml"), request_of(&keys)).unwrap();
        for member in ["NL", "MD"] {
            network.init(member, &["init", "member", "--member", member, "--name", member]).await;
        }
        let draft = network.path("draft");
        let relay = network.path("relay/relay-request.toml");
        let mut create = vec!["network", "create", "--name", "A test", "--relay", &relay, "--output", &draft];
        let requests =
            ["ours", "stranger", "absent"].map(|w| network.path(&format!("{w}/witness-request.toml")));
        let founders = ["NL", "MD"].map(|m| network.path(&format!("{m}/founder.toml")));
        create.extend(requests.iter().flat_map(|request| ["--witness", request]));
        create.extend(founders.iter().flat_map(|founder| ["--founder", founder]));
        network.ok(&create).await;
        let charter = network.path("charter.pouch");
        let mut finish = vec!["network".to_owned(), "finish".into(), draft.clone()];
        for member in ["NL", "MD"] {
            let (dir, signature) = (network.path(member), network.path(&format!("{member}.signature")));
            let passphrase = network.path(&format!("{member}.passphrase"));
            let sign = ["network", "sign", &draft, "--member-dir", &dir, "--output", &signature];
            network.ok(&[&sign[..], &["--passphrase-file", &passphrase]].concat()).await;
            finish.push(signature);
        }
        finish.extend(["--output".to_owned(), charter.clone()]);
        network.program.ok(&finish).await.unwrap();
        for folder in ["relay", "ours"] {
            fs::copy(&charter, network.path(&format!("{folder}/charter.pouch"))).unwrap();
        }
        network
    }

    /// The verifier keys of both logs, as anybody can read them from the policies.
    async fn logs(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for log in ["directory", "relay-1"] {
            let policy = self.path(&format!("policy-{log}.txt"));
            let charter = self.path("charter.pouch");
            self.ok(&["network", "policy", &charter, "--log", log, "--output", &policy]).await;
            let text = fs::read_to_string(policy).unwrap();
            keys.extend(text.lines().filter_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
                ["log", key] => Some(key.to_owned()),
                ["witness", name, key] if !name.ends_with("/ed25519") && !name.contains(".example/ml") => {
                    Some(key.to_owned())
                }
                _ => None,
            }));
        }
        assert_eq!(keys.len(), 4, "{keys:?}");
        keys
    }

    fn tell(&self, file: &str, more: &str) {
        let path = self.dir.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("witness_alarm_seconds = 60", "witness_alarm_seconds = 1") + more)
            .unwrap();
    }

    async fn start(&self, folder: &str, command: &str) -> Service {
        let config = self.path(&format!("{folder}/{command}.toml"));
        let log = self.dir.path().join(format!("{folder}.log"));
        self.program.start(folder, &[command, "run", "--config", &config], &log).await.unwrap()
    }

    /// What `relay status` says, once it says what is waited for.
    async fn status(&self, what: &str, fits: impl Fn(i32, &Value) -> bool) -> Value {
        let config = self.path("relay/relay.toml");
        let begun = Instant::now();
        loop {
            let outcome =
                self.program.run(&["relay", "status", "--json", "--config", &config]).await.unwrap();
            let value: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
            if fits(outcome.exit, &value["value"]) {
                return value["value"].clone();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "not {what}: {} {}{}",
                outcome.exit,
                outcome.stdout,
                outcome.stderr
            );
        }
    }

    fn told(&self, code: &str, of: &str) -> usize {
        let log = fs::read_to_string(self.path("relay.log")).unwrap();
        log.lines().filter(|line| line.contains(code) && line.contains(of)).count()
    }
}

/// The request that a stranger would write by hand, from its verifier keys.
fn request_of(vkeys: &[String]) -> String {
    let keys: Vec<VerifierKey> = vkeys.iter().map(|key| key.parse().unwrap()).collect();
    let [ed25519, mldsa] = &keys[..] else { panic!("{vkeys:?}") };
    let request = Request {
        name: ed25519.name().to_string(),
        ed25519: NotePublic::from_bytes(ed25519.public_bytes().try_into().unwrap()).unwrap(),
        mldsa: MlDsaPublic::from_bytes(mldsa.public_bytes().try_into().unwrap()),
        transport: None,
    };
    toml::to_string(&request).unwrap()
}

fn witness<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["witnesses"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

fn published(status: &Value) -> u64 {
    let logs = status["logs"].as_array().cloned().unwrap_or_default();
    logs.iter().find(|log| log["log"] == "directory").and_then(|log| log["published"].as_u64()).unwrap_or(0)
}

#[tokio::test]
async fn a_witness_by_the_specification_alone_is_a_part_of_the_quorum_that_cannot_be_missed() {
    let outsider = outsider();
    let network = Network::found(&outsider).await;
    let folder = network.dir.path().join("stranger");
    let options = |port: u16| [vec!["--tls".to_owned(), "--port".into(), port.to_string()]].concat();
    let logs = network.logs().await;
    // It makes its certificate, and goes away again.
    let port = outsider.serve(&folder, &[logs.clone(), options(0)].concat()).unwrap().port;
    let roots = network.path("stranger/roots.pem");
    network.tell(
        "relay/relay.toml",
        &format!(
            "\n[[witness]]\nname = \"stranger.example\"\nurl = \"https://127.0.0.1:{port}/\"\nroots = {roots:?}\n"
        ),
    );
    let relay = network.start("relay", "relay").await;
    let ours = network.start("ours", "witness").await;
    let status = network.status("under quorum, and told", |exit, status| {
        exit == 41
            && witness(status, "stranger.example")["away"] == true
            && status["logs"][0]["told"] == true
            && witness(status, "ours.example")["missing_since"].is_null()
    });
    let status = status.await;
    assert_eq!(published(&status), 0, "one of two is no quorum: {status}");
    assert_eq!(witness(&status, "stranger.example")["last_code"], "POUCH-NET-72");
    assert_eq!(witness(&status, "absent.example")["last_code"], "POUCH-RLY-44");
    assert_eq!(network.told("POUCH-RLY-42", "too few witnesses"), 1);

    let stranger = outsider.serve(&folder, &[logs.clone(), options(port)].concat()).unwrap();
    let status =
        network.status("published, with one away", |exit, status| exit == 40 && published(status) > 0);
    let status = status.await;
    for (name, by) in [("ours.example", "session"), ("stranger.example", "http")] {
        let found = witness(&status, name);
        assert_eq!((&found["by"], &found["away"]), (&Value::from(by), &Value::from(false)), "{status}");
    }
    assert_eq!(witness(&status, "absent.example")["away"], true);
    assert_eq!(status["logs"][0]["no_quorum_since"], Value::Null);
    // A stranger's verifier agrees, and wants no line by anybody unknown.
    let log = network.dir.path().join("relay/log/directory");
    let judged =
        outsider.verify(&["--strict"], &log, Path::new(&network.path("policy-directory.txt"))).unwrap();
    let said = String::from_utf8_lossy(&[judged.stdout, judged.stderr].concat()).into_owned();
    assert!(judged.status.success(), "{said}");
    for line in ["stranger.example/ed25519", "stranger.example/ml-dsa-44", "ours.example/ed25519"] {
        assert!(said.contains(line), "{line}: {said}");
    }

    // Away again, and back: told once each time.
    let away_before = network.told("POUCH-RLY-40", "stranger.example");
    let back_before = network.told("POUCH-RLY-41", "stranger.example");
    drop(stranger);
    network
        .status("away", |exit, status| exit == 41 && witness(status, "stranger.example")["away"] == true)
        .await;
    assert_eq!(network.told("POUCH-RLY-40", "stranger.example"), away_before + 1);
    let stranger = outsider.serve(&folder, &[logs, options(port)].concat()).unwrap();
    network
        .status("back", |exit, status| exit == 40 && witness(status, "stranger.example")["away"] == false)
        .await;
    assert_eq!(network.told("POUCH-RLY-41", "stranger.example"), back_before + 1);
    assert_eq!(network.told("POUCH-RLY-40", "absent.example"), 1, "once, however long it lasts");

    drop(stranger);
    ours.stop().await.unwrap();
    relay.stop().await.unwrap();
    let config = network.path("relay/relay.toml");
    let over = network.program.run(&["relay", "status", "--config", &config]).await.unwrap();
    assert_eq!(over.exit, 21, "{over:?}");
    assert!(over.stderr.contains("POUCH-CLI-90"), "{over:?}");
}
