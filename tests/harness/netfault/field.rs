//! A network whose nodes reach its relay over a bad line, and the book of what was sent and came.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pouch_store::{AgentStore, EventLog as _};
use pouch_testkit::stage::{Node, Party, Program, Service, Stage, StageError, is, word};
use pouch_tests::oracle::{Judgement, Oracle, nodes};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::proxy::Line;

/// How long anything may take that is not measured, and until a measured one counts as never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The two offices, with the folders of their nodes.
pub(crate) const NL: (&str, &str) = ("nl", "NL/technical");
pub(crate) const MD: (&str, &str) = ("md", "MD/policy");

/// The network.
pub(crate) struct Field {
    pub(crate) stage: Stage,
    pub(crate) relays: Vec<Option<Service>>,
    pub(crate) nl: Node,
    pub(crate) md: Node,
    /// Before the first relay.
    pub(crate) line: Option<Line>,
    witnesses: Vec<Service>,
    _dir: TempDir,
}

/// What a send is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) precedence: &'a str,
    pub(crate) text: &'a str,
    pub(crate) attach: Option<&'a str>,
}

/// A flash with so few words that it is one packet.
pub(crate) const FLASH: Sent<'_> = Sent { precedence: "flash", text: "Now.", attach: None };

impl Field {
    /// A network of one relay behind a line.
    pub(crate) async fn behind_a_line(program: Program, seed: u64, how: &str) -> Result<Self, StageError> {
        Self::start(program, 1, Some(seed), how).await
    }

    /// A network of so many relays, with this line in the configuration of the nodes.
    pub(crate) async fn start(
        program: Program,
        relays: u8,
        seed: Option<u64>,
        how: &str,
    ) -> Result<Self, StageError> {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = (1..=relays).map(|n| format!("relay-{n}")).collect();
        let at: Vec<&str> = names.iter().map(String::as_str).collect();
        let parties = [NL, MD].map(|(_, office)| Party::simple(office).at(&at)).to_vec();
        let stage = Stage::new(program, dir.path(), parties, 3).with_relays(relays);
        stage.found().await?;
        let line = match seed {
            Some(seed) => Some(put_between(&stage, seed).await),
            None => None,
        };
        let mut started = Vec::new();
        for number in 1..=relays {
            started.push(Some(stage.start_relay_number(number).await?));
        }
        let witnesses = stage.start_witnesses().await?;
        configure(&stage, how);
        let mut nl = stage.start_node(NL.0).await?;
        let mut md = stage.start_node(MD.0).await?;
        nl.everyone_can_be_sealed_to().await?;
        md.everyone_can_be_sealed_to().await?;
        Ok(Self { stage, relays: started, nl, md, line, witnesses, _dir: dir })
    }

    pub(crate) fn line(&self) -> &Line {
        self.line.as_ref().unwrap()
    }

    /// Hands a message to the sender's node, which keeps it.
    pub(crate) async fn send(from: &Node, to: &str, what: Sent<'_>) -> Result<String, StageError> {
        let mut words = vec!["send", "--yes", "--to", to, "--precedence", what.precedence];
        words.extend(["--subject", "netfault", "--text", what.text]);
        if let Some(file) = what.attach {
            words.extend(["--attach", file]);
        }
        let sent = from.send(&words).await?;
        Ok(word(&sent, "envelope").to_owned())
    }

    /// How long one message takes from the command to the other's person.
    pub(crate) async fn takes(from: &Node, to: &mut Node, office: &str, what: Sent<'_>) -> Option<Duration> {
        let begun = Instant::now();
        let envelope = Self::send(from, office, what).await.ok()?;
        came(to, &envelope).await.then(|| begun.elapsed())
    }

    /// The same, both ways at once, so many times.
    pub(crate) async fn both_ways(&mut self, times: usize, what: Sent<'_>) -> Vec<Option<Duration>> {
        let mut all = Vec::new();
        for _ in 0..times {
            // Each watches only for what comes to it: the commands need no watcher.
            let (nl, md) = (self.nl.config.clone(), self.md.config.clone());
            let program = self.stage.program.clone();
            let (there, back) = tokio::join!(
                timed(&program, &nl, &mut self.md, MD.1, what),
                timed(&program, &md, &mut self.nl, NL.1, what),
            );
            all.extend([there, back]);
        }
        all
    }

    /// Ends both nodes and starts them again, with this line in their configuration; how long until each has a
    /// session that this carries.
    pub(crate) async fn restart(
        mut self,
        how: &str,
        by: &str,
        within: Duration,
    ) -> Result<(Self, [Option<Duration>; 2]), StageError> {
        self.nl.stop().await?;
        self.md.stop().await?;
        configure(&self.stage, how);
        let begun = Instant::now();
        let (nl, md) = tokio::join!(self.stage.start_node(NL.0), self.stage.start_node(MD.0));
        (self.nl, self.md) = (nl?, md?);
        let started = begun.elapsed();
        let (one, other) = tokio::join!(
            until_carried_by(&mut self.nl, by, within),
            until_carried_by(&mut self.md, by, within)
        );
        Ok((self, [one, other].map(|took| took.map(|took| started + took))))
    }

    /// Waits until everything that was sent is with its recipient, ends all, and judges.
    pub(crate) async fn judge(mut self) -> Result<Judgement, StageError> {
        let mut oracle = Oracle::new();
        let begun = Instant::now();
        loop {
            for (node, (_, office)) in [(&self.nl, NL), (&self.md, MD)] {
                nodes::outbox(&mut oracle, office, &node.json(&["outbox", "--limit", nodes::ROWS]).await?);
                nodes::inbox(&mut oracle, office, &node.json(&["inbox", "--limit", nodes::ROWS]).await?);
            }
            if oracle.waiting().next().is_none() && oracle.judge().accepted > 0 || begun.elapsed() > PATIENCE
            {
                break;
            }
            // A sender tells of every rung that a message climbs.
            let climbs = |event: &Value| is(event, "kind", "progress");
            let left = PATIENCE.saturating_sub(begun.elapsed());
            tokio::select! {
                told = self.nl.watcher.wait_for("progress", left, climbs) => drop(told),
                told = self.md.watcher.wait_for("progress", left, climbs) => drop(told),
            }
        }
        let Self { stage, relays, nl, md, witnesses, .. } = self;
        for (node, (folder, office)) in [(nl, NL), (md, MD)] {
            node.stop().await?;
            let file = stage.dir().join(folder).join("data/agent.sqlite");
            let store = AgentStore::open(&file).map_err(|error| StageError(error.to_string()))?;
            let events = store.events(0, 100_000).await.map_err(|error| StageError(error.to_string()))?;
            oracle.hears(office);
            for event in events {
                let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
                let told = json!({
                    "kind": detail["kind"], "envelope": detail["envelope"], "words": event.words,
                });
                nodes::event(&mut oracle, office, &told);
            }
        }
        for service in witnesses.into_iter().chain(relays.into_iter().flatten()) {
            service.stop().await?;
        }
        Ok(oracle.judge())
    }
}

/// Puts a line into the configuration of both nodes, in place of what said how relays are reached.
fn configure(stage: &Stage, how: &str) {
    for (folder, _) in [NL, MD] {
        let config = stage.config(folder);
        let text = std::fs::read_to_string(&config).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("transport =")).collect();
        std::fs::write(&config, format!("{}\n{how}\n", kept.join("\n"))).unwrap();
    }
}

async fn timed(
    program: &Program,
    from: &str,
    to: &mut Node,
    office: &str,
    what: Sent<'_>,
) -> Option<Duration> {
    let begun = Instant::now();
    let words = [
        "send",
        "--yes",
        "--to",
        office,
        "--precedence",
        what.precedence,
        "--subject",
        "netfault",
        "--text",
        what.text,
        "--json",
        "--config",
        from,
    ];
    let sent = program.run(&words).await.ok()?;
    let sent: Value = serde_json::from_str(&sent.stdout).ok()?;
    let envelope = sent.pointer("/value/envelope").and_then(Value::as_str)?.to_owned();
    came(to, &envelope).await.then(|| begun.elapsed())
}

/// Waits until a node tells of a message as new and verified.
pub(crate) async fn came(node: &mut Node, envelope: &str) -> bool {
    let fits = |event: &Value| is(event, "kind", "received") && is(event, "envelope", envelope);
    node.watcher.wait_for("an arrival", PATIENCE, fits).await.is_ok()
}

/// What carries a node's session with its relay; `None` when there is none.
pub(crate) async fn carrier(node: &Node) -> Option<String> {
    let status = node.json(&["status"]).await.ok()?;
    status.pointer("/relays/0/2").and_then(Value::as_str).map(str::to_owned)
}

/// How long until that carries.
pub(crate) async fn until_carried_by(node: &mut Node, by: &str, within: Duration) -> Option<Duration> {
    let begun = Instant::now();
    while carrier(node).await.as_deref() != Some(by) {
        link_changes(node, within.checked_sub(begun.elapsed())?).await?;
    }
    Some(begun.elapsed())
}

/// Waits until a node tells that a session with a relay came, went or moved.
pub(crate) async fn link_changes(node: &mut Node, within: Duration) -> Option<()> {
    let link = |event: &Value| is(event, "kind", "link");
    node.watcher.wait_for("a session's coming or going", within, link).await.ok().map(drop)
}

/// Puts a line between everybody and the first relay.
async fn put_between(stage: &Stage, seed: u64) -> Line {
    let file = stage.path("relay/relay.toml");
    let mut config: toml::Table = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let named: SocketAddr = config["listen"].as_str().unwrap().parse().unwrap();
    let behind = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.insert("listen".into(), behind.to_string().into());
    config.insert("listen_tcp".into(), true.into());
    std::fs::write(&file, config.to_string()).unwrap();
    Line::start(named, behind, seed).await
}
