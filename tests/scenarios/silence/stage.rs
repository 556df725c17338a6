//! Two nodes whose beacons are as close as they may be, and a relay in this process that holds back what
//! the test wants.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pouch_directory::CharterFile;
use pouch_envelope::Beacon;
use pouch_relay::{Conduct, Handing, LogKeyPair, Relay, RelayConfig, RelayError, RelayKeys};
use pouch_store::Pending;
use pouch_testkit::stage::{Node, PATIENCE, Service, Stage, is};
use pouch_wire::{Canonical as _, ContactPoint};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::hostile::{KeyFolder, now};
use crate::network::{founded, pair};

/// What the relay holds back. Empty, it is an honest one.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    messages_to: Mutex<BTreeSet<ContactPoint>>,
    beacons_of: Mutex<BTreeSet<ContactPoint>>,
    /// Whose beacons were handed over.
    heard: watch::Sender<BTreeSet<ContactPoint>>,
}

impl Holds {
    /// Waits until a beacon of an office was handed over.
    async fn handed(&self, of: &str) {
        let of: ContactPoint = of.parse().unwrap();
        let mut heard = self.heard.subscribe();
        drop(timeout(PATIENCE, heard.wait_for(|heard| heard.contains(&of))).await.unwrap().unwrap());
    }

    pub(crate) fn messages(&self, to: &str, hold: bool) {
        set(&self.messages_to, to, hold);
    }

    pub(crate) fn beacons(&self, of: &str, hold: bool) {
        set(&self.beacons_of, of, hold);
    }
}

fn set(held: &Mutex<BTreeSet<ContactPoint>>, who: &str, hold: bool) {
    let who: ContactPoint = who.parse().unwrap();
    let mut held = held.lock().unwrap();
    if hold {
        held.insert(who)
    } else {
        held.remove(&who)
    };
}

fn held(held: &Mutex<BTreeSet<ContactPoint>>, who: &ContactPoint) -> Handing {
    let hold = held.lock().unwrap().contains(who);
    if hold { Handing::Hold(Duration::from_millis(200)) } else { Handing::Now }
}

impl Conduct for Holds {
    fn hands_over(&self, to: &ContactPoint, _: &Pending) -> Handing {
        held(&self.messages_to, to)
    }

    fn hands_beacon(&self, _: &ContactPoint, beacon: &Beacon) -> Handing {
        let handing = held(&self.beacons_of, &beacon.sender);
        if handing == Handing::Now {
            let of = beacon.sender.clone();
            self.heard.send_if_modified(|heard| heard.insert(of));
        }
        handing
    }
}

/// The relay, in this process.
pub(crate) struct Held {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), RelayError>>,
}

impl Held {
    pub(crate) async fn start(stage: &Stage, holds: Arc<Holds>) -> Self {
        let text = std::fs::read_to_string(stage.path("relay/relay.toml")).unwrap();
        let mut config: RelayConfig = toml::from_str(&text).unwrap();
        let folder = PathBuf::from(stage.path("relay"));
        for path in [&mut config.charter, &mut config.data, &mut config.keys, &mut config.publish] {
            *path = folder.join(&*path);
        }
        for path in [&config.data, &config.publish] {
            std::fs::create_dir_all(path).unwrap();
        }
        let keys = KeyFolder::of(stage, "relay");
        let pair = |name: &str| LogKeyPair {
            ed25519: keys.note(&format!("{name}-ed25519")),
            mldsa: keys.mldsa(&format!("{name}-mldsa44")),
        };
        let keys = RelayKeys {
            transport: keys.signing("transport"),
            receipts: keys.signing("receipts"),
            message_log: pair("message-log"),
            directory_log: Some(pair("directory-log")),
        };
        let charter = CharterFile::from_bytes(&std::fs::read(&config.charter).unwrap()).unwrap();
        let (ready, is_ready) = oneshot::channel();
        let shutdown = CancellationToken::new();
        let relay = Relay { config, keys, charter, clock: now, conduct: holds };
        let task = tokio::spawn(pouch_relay::run(relay, || ready.send(()).unwrap(), shutdown.clone()));
        is_ready.await.unwrap();
        Self { shutdown, task }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// A network of two with that relay.
pub(crate) struct Silence {
    pub(crate) stage: Stage,
    pub(crate) holds: Arc<Holds>,
    pub(crate) relay: Option<Held>,
    pub(crate) nl: Option<Node>,
    pub(crate) md: Option<Node>,
    witnesses: Vec<Service>,
    _dir: TempDir,
}

impl Silence {
    pub(crate) async fn start() -> Self {
        let (dir, stage) = founded(pair()).await;
        for folder in ["nl", "md"] {
            let config = std::fs::OpenOptions::new().append(true).open(stage.config(folder));
            config.unwrap().write_all(b"\nbeacon_seconds = 10\n").unwrap();
        }
        Self::on(dir, stage).await
    }

    /// On a stage whose files a test has changed.
    pub(crate) async fn on(dir: TempDir, stage: Stage) -> Self {
        let holds = Arc::new(Holds::default());
        let relay = Some(Held::start(&stage, holds.clone()).await);
        let witnesses = stage.start_witnesses().await.unwrap();
        let mut nl = stage.start_node("nl").await.unwrap();
        let mut md = stage.start_node("md").await.unwrap();
        nl.everyone_can_be_sealed_to().await.unwrap();
        md.everyone_can_be_sealed_to().await.unwrap();
        // From here on each knows how close the other's beacons are.
        holds.handed("NL/technical").await;
        holds.handed("MD/policy").await;
        Self { stage, holds, relay, nl: Some(nl), md: Some(md), witnesses, _dir: dir }
    }

    pub(crate) fn nl(&self) -> &Node {
        self.nl.as_ref().unwrap()
    }

    pub(crate) fn md(&mut self) -> &mut Node {
        self.md.as_mut().unwrap()
    }

    /// Waits until MD tells something with this code.
    pub(crate) async fn told(&mut self, code: &str, within: Duration) -> Value {
        told(self.md(), code, within).await
    }

    /// How MD says that it stands with NL now.
    pub(crate) async fn seen(&self) -> Value {
        seen(self.md.as_ref().unwrap(), "NL/technical").await
    }

    pub(crate) async fn stop(self) {
        for node in self.nl.into_iter().chain(self.md) {
            node.stop().await.unwrap();
        }
        for witness in self.witnesses {
            witness.stop().await.unwrap();
        }
        if let Some(relay) = self.relay {
            relay.stop().await;
        }
    }
}

/// Waits until a node tells something with this code.
pub(crate) async fn told(node: &mut Node, code: &str, within: Duration) -> Value {
    node.watcher.wait_for(code, within, |event| is(event, "code", code)).await.unwrap()
}

/// How a node says that it stands with an office now.
pub(crate) async fn seen(node: &Node, office: &str) -> Value {
    let status = node.json(&["status"]).await.unwrap();
    let peers = status["peers"].as_array().unwrap().clone();
    peers.into_iter().find(|peer| is(peer, "contact_point", office)).unwrap()
}
