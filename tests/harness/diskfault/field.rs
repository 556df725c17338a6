//! The network whose disks fail: a relay, NL that writes and MD that reads, and the oracle that judges.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use pouch_testkit::stage::{Node, PATIENCE, Party, Program, Service, Stage, StageError, is, word};
use pouch_tests::oracle::{Judgement, Oracle, nodes};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

/// Whose disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Relay,
    Sender,
    Recipient,
}

impl Whose {
    /// The folder of its data within the stage.
    pub(crate) const fn data(self) -> &'static str {
        match self {
            Self::Relay => "relay/data",
            Self::Sender => "nl/data",
            Self::Recipient => "md/data",
        }
    }

    /// Its log.
    pub(crate) const fn log(self) -> &'static str {
        match self {
            Self::Relay => "relay/relay.log",
            Self::Sender => "nl/agent.log",
            Self::Recipient => "md/agent.log",
        }
    }
}

/// The network.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) stage: Stage,
    pub(crate) relay: Option<Service>,
    pub(crate) nl: Option<Node>,
    pub(crate) md: Option<Node>,
    pub(crate) oracle: Oracle,
    _witnesses: Vec<Service>,
    _dir: TempDir,
}

pub(crate) fn failed(error: impl core::fmt::Display) -> StageError {
    StageError(error.to_string())
}

fn gone() -> StageError {
    StageError::new("it does not run")
}

impl Field {
    /// Founds a network; `before` sees its folder before anything runs.
    pub(crate) async fn start(
        program: &Program,
        under: &Path,
        before: impl FnOnce(&Path) -> Result<(), StageError>,
    ) -> Result<Self, StageError> {
        let dir = tempfile::tempdir_in(under).map_err(failed)?;
        let parties = ["NL/technical", "MD/policy"].map(Party::simple).into();
        let stage = Stage::new(program.clone(), dir.path(), parties, 1);
        stage.found().await?;
        before(dir.path())?;
        let relay = stage.start_relay().await?;
        let witnesses = stage.start_witnesses().await?;
        let (mut nl, mut md) = (stage.start_node("nl").await?, stage.start_node("md").await?);
        nl.everyone_can_be_sealed_to().await?;
        md.everyone_can_be_sealed_to().await?;
        let oracle = Oracle::new();
        let mut field = Self {
            stage,
            relay: Some(relay),
            nl: Some(nl),
            md: Some(md),
            oracle,
            _witnesses: witnesses,
            _dir: dir,
        };
        field.arrives("flash").await?;
        Ok(field)
    }

    pub(crate) fn nl(&mut self) -> Result<&mut Node, StageError> {
        self.nl.as_mut().ok_or_else(gone)
    }

    pub(crate) fn md(&mut self) -> Result<&mut Node, StageError> {
        self.md.as_mut().ok_or_else(gone)
    }

    /// Which process.
    pub(crate) fn process(&self, whose: Whose) -> Result<u32, StageError> {
        let service = match whose {
            Whose::Relay => self.relay.as_ref(),
            Whose::Sender => self.nl.as_ref().map(|node| &node.service),
            Whose::Recipient => self.md.as_ref().map(|node| &node.service),
        };
        service.and_then(Service::id).ok_or_else(gone)
    }

    /// Takes a process out of the field, to wait for its end.
    pub(crate) fn take(&mut self, whose: Whose) -> Result<Service, StageError> {
        match whose {
            Whose::Relay => self.relay.take(),
            Whose::Sender => self.nl.take().map(|node| node.service),
            Whose::Recipient => self.md.take().map(|node| node.service),
        }
        .ok_or_else(gone)
    }

    /// Starts whatever is down; how long it took until it served.
    pub(crate) async fn restart(&mut self) -> Result<Duration, StageError> {
        let begun = Instant::now();
        if self.relay.is_none() {
            self.relay = Some(self.stage.start_relay().await?);
        }
        if self.nl.is_none() {
            self.nl = Some(self.stage.start_node("nl").await?);
        }
        if self.md.is_none() {
            self.md = Some(self.stage.start_node("md").await?);
        }
        Ok(begun.elapsed())
    }

    /// NL writes to MD, if it can.
    pub(crate) async fn sends(&mut self, precedence: &str) -> Result<Value, StageError> {
        let send = [
            "send",
            "--to",
            "MD/policy",
            "--type",
            "free-text",
            "--subject",
            "Disks",
            "--precedence",
            precedence,
            "--text",
            "One of ours makes noises.",
            "--yes",
        ];
        let row = self.nl()?.send(&send).await?;
        nodes::sent(&mut self.oracle, "NL/technical", &row);
        Ok(row)
    }

    /// NL writes to MD, MD presents it, and NL hears so; how long that took.
    pub(crate) async fn arrives(&mut self, precedence: &str) -> Result<Duration, StageError> {
        let begun = Instant::now();
        let row = self.sends(precedence).await?;
        let envelope = word(&row, "envelope");
        self.md()?.received(envelope).await?;
        self.nl()?.progress(envelope, "MD/policy", "verified").await?;
        Ok(begun.elapsed())
    }

    /// Waits until nothing that NL sent waits any more, reads what both show, and judges.
    pub(crate) async fn judge(&mut self) -> Result<Judgement, StageError> {
        self.arrives("flash").await?;
        let rows = self.nl()?.json(&["outbox", "--limit", nodes::ROWS]).await?;
        let sent: Vec<String> =
            rows.as_array().into_iter().flatten().map(|row| word(row, "envelope").to_owned()).collect();
        for envelope in &sent {
            self.nl()?.progress(envelope, "MD/policy", "verified").await?;
        }
        let rows = self.nl()?.json(&["outbox", "--limit", nodes::ROWS]).await?;
        nodes::outbox(&mut self.oracle, "NL/technical", &rows);
        let rows = self.md()?.json(&["inbox", "--limit", nodes::ROWS]).await?;
        nodes::inbox(&mut self.oracle, "MD/policy", &rows);
        self.tellings().await?;
        Ok(self.oracle.judge())
    }

    /// Every event that MD ever told of an arrival: each number once, whoever listens.
    async fn tellings(&mut self) -> Result<(), StageError> {
        let last = self.sends("flash").await?;
        let last = word(&last, "envelope").to_owned();
        let heard = Mutex::new((BTreeSet::new(), Vec::new()));
        let mut watcher = self.stage.program.watch(&self.stage.config("md"))?;
        let fits = |event: &Value| {
            let mut heard = heard.lock().unwrap();
            let number = event.get("number").and_then(Value::as_u64);
            if is(event, "kind", "received") && heard.0.insert(number) {
                heard.1.push(event.clone());
            }
            is(event, "kind", "received") && is(event, "envelope", &last)
        };
        watcher.wait_for("the last message", PATIENCE, fits).await?;
        for event in heard.into_inner().unwrap().1 {
            nodes::event(&mut self.oracle, "MD/policy", &event);
        }
        self.nl()?.progress(&last, "MD/policy", "verified").await?;
        let rows = self.md()?.json(&["inbox", "--limit", nodes::ROWS]).await?;
        nodes::inbox(&mut self.oracle, "MD/policy", &rows);
        Ok(())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.stage.path(name))
    }
}
