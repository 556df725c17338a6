//! The quick start, typed as it is printed: the commands of `docs/QUICKSTART.md`, one after the other,
//! in a home folder of their own. Only what a person would put in is put in: the draft's and the key's
//! ids, the digits, the year, a free port, and the yes of an officer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pouch_testkit::stage::{PATIENCE, Program, Service, Watcher, is, word};
use pouch_tests::files;
use serde_json::Value;
use tempfile::TempDir;

use crate::network::{entry, program};

const PAGE: &str = include_str!("../../docs/QUICKSTART.md");

/// The blocks of commands, each a list of commands with continued lines joined.
fn blocks() -> Vec<Vec<String>> {
    let inside = PAGE.split("```\n").skip(1).step_by(2);
    inside
        .map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|commands| !commands.is_empty())
        .collect()
}

/// Somebody who follows the page.
struct Walker {
    home: TempDir,
    shell: Program,
    pouch: Program,
    port: u16,
    /// What stands for the page's placeholders.
    known: HashMap<&'static str, String>,
    watchers: HashMap<&'static str, Watcher>,
    services: Vec<Service>,
}

impl Walker {
    fn new() -> Self {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self {
            home: tempfile::tempdir().unwrap(),
            shell: Program::at(Path::new("bash")),
            pouch: program(),
            port: free,
            known: HashMap::new(),
            watchers: HashMap::new(),
            services: Vec::new(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("pouch-try")
    }

    fn config(&self, node: &str) -> String {
        self.folder().join(node).join("agent.toml").display().to_string()
    }

    /// The command as this person types it.
    fn filled(&self, command: &str) -> String {
        let mut filled = command.replace("4433", &self.port.to_string());
        for (placeholder, value) in &self.known {
            filled = filled.replace(placeholder, value);
        }
        if filled.starts_with("pouch approve") {
            filled.replacen("approve", "approve --yes", 1)
        } else {
            filled
        }
    }

    /// Runs lines in a shell; what it printed, results before talk. The exit code is 0, or the one that the page says.
    async fn shell(&self, lines: &str) -> String {
        let script = format!("export HOME='{}'\nset -e\n{lines}", self.home.path().display());
        let outcome = self.shell.run(&["-c", &script]).await.unwrap();
        let says = lines.rsplit("# exit code ").next().filter(|rest| *rest != lines);
        let exit = says.map_or(0, |code| code.trim().parse().expect("a number after `exit code`"));
        assert_eq!(
            outcome.exit,
            exit,
            "{lines}\n{}\n{}\n{}",
            outcome.stdout,
            outcome.stderr,
            self.terminals()
        );
        outcome.stdout + &outcome.stderr
    }

    /// What the services said, for whoever has to find out why a command failed.
    fn terminals(&self) -> String {
        let said =
            (0..).map_while(|n| std::fs::read_to_string(self.home.path().join(format!("terminal-{n}"))).ok());
        said.collect::<Vec<_>>().join("\n")
    }

    async fn command(&self, command: &str) -> String {
        self.shell(&format!(". ~/pouch-try/env\n{}", self.filled(command))).await
    }

    /// Waits until a log has its first checkpoint, which a quorum of witnesses has to cosign: a person takes longer
    /// to come here.
    async fn published(&self, log: &str) {
        let checkpoint = self.folder().join("relay/log").join(log).join("checkpoint");
        let there = files::until(&checkpoint, PATIENCE, |bytes| bytes.is_some()).await;
        there.unwrap_or_else(|error| panic!("{error}\n{}", self.terminals()));
    }

    /// The two blocks before the first chapter, in one terminal. What `cargo build` would make is there.
    async fn prepare(&self, first: &[String], second: &[String]) {
        assert_eq!(first[0], "cargo build --release");
        assert_eq!(first[1], "export PATH=\"$PWD/target/release:$PATH\"");
        let bin = self.pouch.path().parent().unwrap().display();
        let lines = [&[format!("export PATH=\"{bin}:$PATH\"")], &first[2..], second].concat();
        self.shell(&lines.join("\n")).await;
    }

    /// A terminal for each service, and one that watches.
    async fn start(&mut self, commands: &[String]) {
        for (n, command) in commands.iter().enumerate() {
            let script = format!(
                "export HOME='{}'\n. ~/pouch-try/env\nexec {}",
                self.home.path().display(),
                self.filled(command)
            );
            if command.starts_with("pouch watch") {
                continue;
            }
            let log = self.home.path().join(format!("terminal-{n}"));
            self.services.push(self.shell.start(command, &["-c", &script], &log).await.unwrap());
        }
        for node in ["nl", "md", "ba"] {
            let watcher = self.pouch.watch(&self.config(node)).unwrap();
            self.watchers.insert(node, watcher);
        }
    }

    async fn json(&self, node: &str, arguments: &[&str]) -> Value {
        self.pouch.json(&[arguments, &["--config", &self.config(node)]].concat()).await.unwrap()
    }

    /// Waits for an event at a node, as somebody would who looks at the terminal.
    async fn event(&mut self, node: &str, kind: &str) {
        let watcher = self.watchers.get_mut(node).unwrap();
        watcher.wait_for(kind, PATIENCE, |event| is(event, "kind", kind)).await.unwrap();
    }

    async fn everybody_can_be_reached(&mut self) {
        for node in ["nl", "md", "ba"] {
            loop {
                let directory = self.json(node, &["directory", "show"]).await;
                let points = directory["members"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|m| m["contact_points"].as_array().unwrap());
                if points.filter(|point| point["live_prekeys"].as_u64() > Some(0)).count() == 3 {
                    break;
                }
                self.event(node, "directory").await;
            }
        }
    }

    /// Waits until everything that a node sent is verified by everybody it went to.
    async fn all_verified(&mut self, node: &'static str) {
        loop {
            let outbox = self.json(node, &["outbox"]).await;
            let rungs = outbox.as_array().unwrap().iter().flat_map(|row| row["ladder"].as_array().unwrap());
            if rungs.into_iter().all(|row| !["queued", "accepted"].contains(&word(row, "rung"))) {
                return;
            }
            self.event(node, "progress").await;
        }
    }

    /// What a person waits for, and writes down, after a command.
    async fn after(&mut self, command: &str, printed: &str) {
        let node = ["nl", "md", "ba"].into_iter().find(|node| command.contains(&format!("--config {node}/")));
        let verb = command.split_whitespace().nth(1).unwrap_or_default();
        match (verb, node) {
            ("send", Some("ba")) => {
                self.known.insert(" 2026-", year(printed));
            }
            ("release" | "reply" | "correct" | "cancel", Some(node)) => self.all_verified(node).await,
            ("draft", _) if command.contains("--list") => {
                self.known.insert("DRAFT", printed.split_whitespace().next().unwrap().to_owned());
            }
            ("keys", _) if command.contains(" rotate ") => {
                let in_use = |event: &Value| is(event, "code", "POUCH-KEY-60");
                let watcher = self.watchers.get_mut("nl").unwrap();
                watcher.wait_for("the new key in use", PATIENCE, in_use).await.unwrap();
            }
            ("keys", _) if command.contains(" list ") => {
                let former = printed.lines().find_map(|line| line.strip_prefix("former signing")).unwrap();
                self.known.insert("KEY", former.split_whitespace().next().unwrap().to_owned());
            }
            ("keys", _) if command.contains(" revoke ") => self.directory_grows_to(entry(printed) + 1).await,
            _ => {}
        }
        if verb == "release" {
            let sent = self.json("nl", &["outbox"]).await;
            let number = word(&sent[0], "number").to_owned();
            let shown = self.json("nl", &["show", &number]).await;
            self.known.insert("DIGITS", word(&shown, "spoken_check").to_owned());
        }
    }

    /// Waits until the nodes of the story have so many entries of the directory.
    async fn directory_grows_to(&mut self, size: u64) {
        for node in ["nl", "md"] {
            while self.json(node, &["directory", "show"]).await["size"].as_u64() < Some(size) {
                self.event(node, "directory").await;
            }
        }
    }
}

/// ` 2026-` as it is this year, from a number in what a command printed.
fn year(printed: &str) -> String {
    let number = printed.split_whitespace().skip_while(|word| !word.contains('/')).nth(1).unwrap();
    format!(" {}-", number.split('-').next().unwrap())
}

/// What the page promises that a command shows.
const PROMISED: [(&str, &str); 13] = [
    ("pouch network show draft.pouch", "digits"),
    ("pouch status", "connected"),
    ("pouch directory show", "NCSC duty desk"),
    ("pouch send --to", "verified by the recipient's node"),
    ("pouch draft --list", "approved by 0 of 2 officers"),
    ("pouch approve", "approved by"),
    ("pouch inbox", "incident-notice: Malware in control systems"),
    ("pouch show 'NL/technical 2026-0001' --why", "Approved by 2 officers; its state demands 2."),
    ("pouch ack", "receipt only, no concurrence"),
    ("pouch outbox --config ba", "MD/policy          to   answered"),
    ("pouch outbox --config nl", "acknowledged by an officer (Duty officer, answer by 20"),
    ("pouch audit log", "entries hold"),
    ("pouch audit evidence", "evidence holds"),
];

#[tokio::test]
async fn the_quick_start_works_as_it_is_printed() {
    let blocks = blocks();
    let mut walker = Walker::new();
    walker.prepare(&blocks[0], &blocks[1]).await;
    let mut kept_promises = 0;
    for commands in &blocks[2..] {
        if commands.iter().any(|command| command.starts_with("pouch relay run")) {
            walker.start(commands).await;
            walker.everybody_can_be_reached().await;
            continue;
        }
        for command in commands {
            if command.starts_with("pouch audit log relay/log/messages") {
                walker.published("messages").await;
            }
            let printed = walker.command(command).await;
            for (beginning, promise) in PROMISED {
                if command.starts_with(beginning) {
                    assert!(printed.contains(promise), "{command}\n{printed}");
                    kept_promises += 1;
                }
            }
            walker.after(command, &printed).await;
        }
    }
    assert!(kept_promises >= PROMISED.len(), "the page has lost commands: {kept_promises}");
    let saved = walker.folder().join("attachments/notice.toml");
    assert_eq!(std::fs::read(saved).unwrap(), std::fs::read(walker.folder().join("notice.toml")).unwrap());
    let keys = walker.json("nl", &["keys", "list"]).await;
    let former = keys.as_array().unwrap().iter().find(|key| is(key, "kind", "former signing")).unwrap();
    assert!(word(former, "state").starts_with("revoked by entry"), "{former}");
    walker.watchers.clear();
    for service in walker.services {
        service.stop().await.unwrap();
    }
}
