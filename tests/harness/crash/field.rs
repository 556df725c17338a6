//! The network whose processes are killed: a relay, a witness, and offices that all write and receive.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pouch_control::{Answer, AttachmentFile, Bytes, Call, Client, Compose, Selection};
use pouch_testkit::stage::{Node, Party, Program, Service, Stage, StageError};
use pouch_wire::{NoticeType, Precedence};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::book::Book;
use crate::noose::noose;

/// Who writes to whom: everybody to everybody else. The folder of the node, and its office.
pub(crate) const OFFICES: [(&str, &str); 4] =
    [("nl", "NL/technical"), ("md", "MD/policy"), ("ba", "BA/technical"), ("al", "AL/policy")];

/// More than any run sends.
pub(crate) const ROWS: u32 = 10_000;

/// What is run as the relay and as the offices, and with which words after `--config FILE`.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) pouch: Program,
    pub(crate) relay: (Program, Vec<String>),
    pub(crate) agent: (Program, Vec<String>),
}

impl Programs {
    /// The product alone.
    pub(crate) fn honest(pouch: &Program) -> Self {
        let one = (pouch.clone(), Vec::new());
        Self { pouch: pouch.clone(), relay: one.clone(), agent: one }
    }
}

/// An office: what is there of it while its node is down.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) folder: &'static str,
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    pub(crate) service: Option<Service>,
    listener: Option<JoinHandle<()>>,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) stage: Stage,
    pub(crate) book: Book,
    pub(crate) relay: Option<Service>,
    pub(crate) offices: Vec<Office>,
    pub(crate) programs: Programs,
    witnesses: Vec<Service>,
    _dir: TempDir,
}

fn failed(error: impl core::fmt::Display) -> StageError {
    StageError(error.to_string())
}

impl Field {
    /// Founds and starts it with the first so many offices; everybody can be sealed to.
    pub(crate) async fn start(programs: Programs, under: &Path, offices: usize) -> Result<Self, StageError> {
        let dir = tempfile::tempdir_in(under).map_err(failed)?;
        let parties = OFFICES[..offices].iter().map(|(_, office)| Party::simple(office)).collect();
        let stage = Stage::new(programs.pouch.clone(), dir.path(), parties, 1);
        stage.found().await?;
        let relay = Some(stage.start_relay().await?);
        let witnesses = stage.start_witnesses().await?;
        let mut nodes = Vec::new();
        for (folder, _) in &OFFICES[..offices] {
            nodes.push(stage.start_node(folder).await?);
        }
        for node in &mut nodes {
            node.everyone_can_be_sealed_to().await?;
        }
        let (book, mut all) = (Book::new(), Vec::new());
        for ((folder, name), Node { service, .. }) in OFFICES.into_iter().zip(nodes) {
            let client = Client::new(&socket_of(&stage, folder)?);
            let listener = Some(book.listen(name, &client).await?);
            all.push(Office { folder, name, client, service: Some(service), listener });
        }
        Ok(Self { stage, book, relay, offices: all, programs, witnesses, _dir: dir })
    }

    /// Which process is the relay's, or an office's.
    pub(crate) fn process(&self, whom: Whom) -> Result<u32, StageError> {
        let service = match whom {
            Whom::Relay => self.relay.as_ref(),
            Whom::Office(at) => self.offices[at].service.as_ref(),
        };
        service.and_then(Service::id).ok_or_else(|| StageError(format!("{whom:?} does not run")))
    }

    /// Ends a process at once. One that is gone already is as dead.
    pub(crate) async fn kill(&mut self, whom: Whom) -> Result<(), StageError> {
        let service = match whom {
            Whom::Relay => self.relay.take(),
            Whom::Office(at) => self.offices[at].service.take(),
        };
        if let Some(service) = service {
            service.kill().await?;
        }
        Ok(())
    }

    /// Waits until a process is over that somebody else ends. Whoever stops waiting has the process still.
    pub(crate) async fn is_over(&mut self, whom: Whom) -> Result<(), StageError> {
        let place = match whom {
            Whom::Relay => &mut self.relay,
            Whom::Office(at) => &mut self.offices[at].service,
        };
        if let Some(service) = place {
            service.over().await?;
        }
        *place = None;
        Ok(())
    }

    /// Starts whatever is down, the relay first; how long the slowest took until it served.
    pub(crate) async fn restart(&mut self) -> Result<Duration, StageError> {
        let mut slowest = Duration::ZERO;
        if self.relay.is_none() {
            let (program, more) = &self.programs.relay;
            let (config, log) = (self.stage.path("relay/relay.toml"), self.stage.path("relay/relay.log"));
            let begun = Instant::now();
            self.relay = Some(run(program, "relay", &config, more, &log).await?);
            slowest = begun.elapsed();
        }
        Ok(slowest.max(self.restart_offices().await?))
    }

    /// Starts the nodes that are down, side by side.
    pub(crate) async fn restart_offices(&mut self) -> Result<Duration, StageError> {
        let mut slowest = Duration::ZERO;
        let mut starting = JoinSet::new();
        for (at, office) in self.offices.iter_mut().enumerate().filter(|(_, office)| office.service.is_none())
        {
            if let Some(listener) = office.listener.take() {
                // What it read before its node died is written down before it listens again.
                listener.await.map_err(failed)?;
            }
            let (program, more) = self.programs.agent.clone();
            let config = self.stage.config(office.folder);
            let log = self.stage.path(&format!("{}/agent.log", office.folder));
            starting.spawn(async move {
                let begun = Instant::now();
                let service = run(&program, "agent", &config, &more, &log).await?;
                Ok::<_, StageError>((at, service, begun.elapsed()))
            });
        }
        while let Some(started) = starting.join_next().await {
            let (at, service, took) = started.map_err(failed)??;
            let office = &mut self.offices[at];
            office.service = Some(service);
            office.listener = Some(self.book.listen(office.name, &office.client).await?);
            slowest = slowest.max(took);
        }
        Ok(slowest)
    }

    /// Ends everything at once, and starts these in its place.
    pub(crate) async fn anew(&mut self, programs: &Programs) -> Result<Duration, StageError> {
        self.kill(Whom::Relay).await?;
        for at in 0..self.offices.len() {
            self.kill(Whom::Office(at)).await?;
        }
        for witness in std::mem::take(&mut self.witnesses) {
            witness.kill().await?;
        }
        self.programs = programs.clone();
        let slowest = self.restart().await?;
        self.witnesses = self.stage.start_witnesses().await?;
        Ok(slowest)
    }

    /// Starts the relay or a node so that it dies at its n-th call of a kind, counted from its first moment;
    /// whether it lived to serve.
    pub(crate) async fn start_in_noose(
        &mut self,
        whom: Whom,
        call: &str,
        n: u32,
    ) -> Result<bool, StageError> {
        let (kind, folder) = match whom {
            Whom::Relay => ("relay", "relay"),
            Whom::Office(at) => ("agent", self.offices[at].folder),
        };
        let (config, log) = (
            self.stage.path(&format!("{folder}/{kind}.toml")),
            self.stage.path(&format!("{folder}/{kind}.log")),
        );
        let program = self.programs.pouch.path().display().to_string();
        let mut arguments = noose(call, n);
        // Whoever watches is nobody's parent: what is started is the service itself.
        arguments.extend(["-D", "--", &program, kind, "run", "--config", &config].map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // That it died before it served is one of the ways in which this ends.
        let service = Program::at(Path::new("strace")).start(kind, &arguments, Path::new(&log)).await.ok();
        let lives = service.is_some();
        match whom {
            Whom::Relay => self.relay = service,
            Whom::Office(at) => {
                let office = &mut self.offices[at];
                if let Some(listener) = office.listener.take() {
                    listener.await.map_err(failed)?;
                }
                office.service = service;
                if lives {
                    // It may be over by now, and then nobody listens.
                    office.listener = self.book.listen(office.name, &office.client).await.ok();
                }
            }
        }
        Ok(lives)
    }

    /// The relay's database.
    pub(crate) fn relay_store(&self) -> PathBuf {
        self.stage.path("relay/data/relay.sqlite").into()
    }

    /// Where the newest checkpoint of the message log is published.
    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.stage.path("relay/log/messages/checkpoint").into()
    }

    /// Reads the newest of every outbox, so that what was sent while its answer got lost is known too. When
    /// all is read: what is gone.
    pub(crate) async fn read_outboxes(&self, newest: u32) -> Result<Vec<String>, StageError> {
        let mut gone = Vec::new();
        for office in &self.offices {
            let selection = Selection { unacknowledged: false, limit: newest };
            let Answer::Outbox(rows) = office.client.call(&Call::Outbox(selection)).await.map_err(failed)?
            else {
                return Err(StageError::new("no outbox"));
            };
            let rows = rows.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            gone.extend(self.book.outbox(office.name, &rows));
        }
        Ok(gone)
    }

    /// Reads every inbox; each notice is verified once more by that.
    pub(crate) async fn read_inboxes(&self) -> Result<(), StageError> {
        for at in 0..self.offices.len() {
            self.read_inbox(at).await?;
        }
        Ok(())
    }

    /// Reads one inbox.
    pub(crate) async fn read_inbox(&self, at: usize) -> Result<(), StageError> {
        let office = &self.offices[at];
        let selection = Selection { unacknowledged: false, limit: ROWS };
        match office.client.call(&Call::Inbox(selection)).await.map_err(failed)? {
            Answer::Inbox(rows) => self.book.inbox(office.name, &value(&rows)?),
            _ => return Err(StageError::new("no inbox")),
        }
        Ok(())
    }

    /// Writes one notice; the envelope's id.
    pub(crate) async fn send(
        &self,
        from: usize,
        to: &[usize],
        precedence: Precedence,
        text: &str,
    ) -> Result<String, StageError> {
        let to: Vec<&str> = to.iter().map(|to| self.offices[*to].name).collect();
        let office = &self.offices[from];
        write(&office.client, office.name, &to, precedence, (text, None), &self.book).await
    }
}

/// Whose process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Relay,
    /// By its place in the field.
    Office(usize),
}

async fn run(
    program: &Program,
    kind: &str,
    config: &str,
    more: &[String],
    log: &str,
) -> Result<Service, StageError> {
    let mut arguments = vec![kind, "run", "--config", config];
    arguments.extend(more.iter().map(String::as_str));
    program.start(kind, &arguments, Path::new(log)).await
}

fn socket_of(stage: &Stage, folder: &str) -> Result<PathBuf, StageError> {
    let config: toml::Table =
        toml::from_str(&std::fs::read_to_string(stage.config(folder)).map_err(failed)?).map_err(failed)?;
    let socket = config.get("socket").and_then(toml::Value::as_str);
    Ok(stage.dir().join(folder).join(socket.ok_or_else(|| StageError::new("no socket"))?))
}

fn value(row: &impl serde::Serialize) -> Result<Value, StageError> {
    serde_json::to_value(row).map_err(failed)
}

fn enclosed(bytes: Vec<u8>) -> AttachmentFile {
    let media_type = "application/octet-stream".to_owned();
    AttachmentFile { name: "map.bin".to_owned(), media_type, bytes: Bytes(bytes) }
}

/// Writes one notice at an office, and writes down that its node took it; the envelope's id.
pub(crate) async fn write(
    client: &Client,
    from: &str,
    to: &[&str],
    precedence: Precedence,
    (text, attached): (&str, Option<Vec<u8>>),
    book: &Book,
) -> Result<String, StageError> {
    let to = to.iter().map(|to| to.parse().map_err(failed)).collect::<Result<Vec<_>, _>>()?;
    let compose = Compose {
        notice_type: NoticeType::FreeText,
        to,
        info: Vec::new(),
        precedence: Some(precedence),
        tlp: None,
        widen: false,
        subject: text.to_owned(),
        language: "en".to_owned(),
        fields: format!("text = \"{text}\"\n"),
        valid_seconds: None,
        in_reply_to: None,
        attachments: attached.map(enclosed).into_iter().collect(),
        exercise: None,
        break_glass: false,
    };
    match client.call(&Call::Send(Box::new(compose))).await.map_err(failed)? {
        Answer::Sent(row) => {
            book.sent(from, &value(&row)?);
            Ok(row.envelope.to_string())
        }
        _ => Err(StageError::new("it was not sent")),
    }
}
