//! Starts a relay of the test network in this process, and plays its agents.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pouch_directory::CharterFile;
use pouch_envelope::SignedReceipt;
use pouch_net::{Dialer, Limits, RequestError, Session, Stream, TransportIdentity};
use pouch_relay::{Conduct, Honest, LogKeyPair, Relay, RelayConfig, RelayError, RelayKeys, run};
use pouch_tlog::{KeyName, Note, NoteSignature, WitnessSigner};
use pouch_wire::session::{Accepted, Attach, Attached, BeaconFor, Cosign, Cosigned, Deliver, Submit};
use pouch_wire::{Blob, Canonical as _, Frame, FrameKind, List};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::message::Message;
use crate::world::{DIRECTORY_LOG, NOW, WITNESSES, World, key, message_log, mldsa_key, note_key};

/// Longer than anything may take; never what decides a test.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, doing).await.unwrap_or_else(|_| panic!("not within a minute: {what}"))
}

/// A relay that runs, in a folder of its own.
pub(crate) struct Running {
    pub(crate) dir: Arc<tempfile::TempDir>,
    pub(crate) world: World,
    addr: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), RelayError>>,
}

pub(crate) const QUOTA_MESSAGES: u64 = 8;

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), World::new()).await
    }

    /// One that behaves like this.
    pub(crate) async fn that(conduct: Arc<dyn Conduct>) -> Self {
        Self::start_as(conduct, Arc::new(tempfile::tempdir().unwrap()), World::new()).await
    }

    /// One that is configured like this.
    pub(crate) async fn configured(change: impl FnOnce(&mut RelayConfig)) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        Self::start_with(Arc::new(Honest), dir, World::new(), change).await
    }

    pub(crate) async fn start_in(dir: Arc<tempfile::TempDir>, world: World) -> Self {
        Self::start_as(Arc::new(Honest), dir, world).await
    }

    async fn start_as(conduct: Arc<dyn Conduct>, dir: Arc<tempfile::TempDir>, world: World) -> Self {
        Self::start_with(conduct, dir, world, |_| ()).await
    }

    async fn start_with(
        conduct: Arc<dyn Conduct>,
        dir: Arc<tempfile::TempDir>,
        world: World,
        change: impl FnOnce(&mut RelayConfig),
    ) -> Self {
        // Nobody else takes the port in the moment between.
        let addr = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (ready, is_ready) = oneshot::channel();
        let shutdown = CancellationToken::new();
        let ready = || ready.send(()).unwrap();
        let mut relay = Relay { conduct, ..relay(dir.path().into(), addr, "relay-1", &world) };
        change(&mut relay.config);
        let task = tokio::spawn(run(relay, ready, shutdown.clone()));
        soon("the relay serves", is_ready).await.unwrap();
        Self { dir, world, addr, shutdown, task }
    }

    pub(crate) async fn stop(self) -> (Arc<tempfile::TempDir>, World) {
        self.shutdown.cancel();
        soon("the relay stops", self.task).await.unwrap().unwrap();
        (self.dir, self.world)
    }

    /// A session of a contact point.
    pub(crate) async fn dial(&self, name: &str) -> Session {
        let identity = TransportIdentity::from_key(&key(&format!("{name} transport"))).unwrap();
        let dialer = Dialer::new(identity, Limits::default()).unwrap();
        let relay = key("relay-1 transport").public();
        let session = soon("connected", dialer.connect(self.addr, relay)).await.unwrap();
        // The dialer lives as long as its sessions: the tests end before it does.
        Box::leak(Box::new(dialer));
        session
    }

    /// A contact point that collects its messages.
    pub(crate) async fn attach(&self, name: &str) -> Agent {
        Agent::attach(self.dial(name).await, &self.world).await
    }

    /// A quorum of witnesses, each in a node of its own.
    pub(crate) async fn witnesses(&self) {
        for (office, name) in [("BA/technical", WITNESSES[0]), ("NL/technical", WITNESSES[1])] {
            self.attach(office).await.witness(name);
        }
    }
}

/// A relay of the test network as its operator would start it; the first has the directory's keys.
pub(crate) fn relay(folder: PathBuf, listen: SocketAddr, name: &str, world: &World) -> Relay {
    let keys = keys(name);
    let config = config(folder, listen, name);
    Relay { config, keys, charter: charter_file(world), clock: || NOW, conduct: Arc::new(Honest) }
}

fn config(folder: PathBuf, listen: SocketAddr, name: &str) -> RelayConfig {
    std::fs::create_dir_all(folder.join("data")).unwrap();
    RelayConfig {
        name: name.into(),
        charter: folder.join("charter"),
        listen,
        listen_tcp: None,
        transport: pouch_net::Transport::Auto,
        data: folder.join("data"),
        keys: folder.join("keys"),
        publish: folder.join("log"),
        passphrase_file: None,
        quota_bytes: 1024 * 1024,
        quota_messages: QUOTA_MESSAGES,
        senders: pouch_relay::Senders::default(),
        witness_alarm_seconds: 60,
        containment: Default::default(),
        witness: Vec::new(),
    }
}

pub(crate) fn pair(origin: &str) -> LogKeyPair {
    LogKeyPair { ed25519: note_key(origin), mldsa: mldsa_key(origin) }
}

fn keys(name: &str) -> RelayKeys {
    RelayKeys {
        transport: key(&format!("{name} transport")),
        receipts: key(&format!("{name} receipts")),
        message_log: pair(&message_log(name)),
        directory_log: (name == "relay-1").then(|| pair(DIRECTORY_LOG)),
    }
}

fn charter_file(world: &World) -> CharterFile {
    let statements = world.entries.iter().skip(1).map(|entry| Blob::new(entry.clone()).unwrap());
    CharterFile {
        charter: world.charter.clone(),
        first_statements: List::new(statements.collect::<Vec<_>>()).unwrap(),
    }
}

/// An agent's session, attached; it hands what the relay asks of it to the test.
pub(crate) struct Agent {
    pub(crate) session: Session,
    /// Streams that the relay opened, with their first frame.
    pub(crate) asked: mpsc::Receiver<(Frame, Stream)>,
    /// The stream on which the relay tells what changes.
    attached: Stream,
}

impl Agent {
    async fn attach(session: Session, world: &World) -> Self {
        let attached = soon("attached", try_attach(&session, world, true)).await.unwrap();
        let (tx, asked) = mpsc::channel(64);
        let opened = session.clone();
        tokio::spawn(async move {
            while let Ok(mut stream) = opened.accept().await {
                if let Ok(Some(frame)) = stream.recv().await
                    && tx.send((frame, stream)).await.is_err()
                {
                    return;
                }
            }
        });
        Self { session, asked, attached }
    }

    /// The next delivery, whole; what is asked otherwise is not answered.
    pub(crate) async fn delivery(&mut self) -> (Deliver, Vec<u8>, Stream) {
        loop {
            let (frame, mut stream) = soon("a delivery", self.asked.recv()).await.unwrap();
            if frame.kind() == FrameKind::Deliver {
                let deliver: Deliver = frame.read().unwrap();
                let header = pouch_envelope::Header::from_bytes(&deliver.header).unwrap();
                let payload = stream.recv_payload(header.payload_len, 1 << 20).await.unwrap();
                return (deliver, payload, stream);
            }
        }
    }

    /// The next beacon that it is handed.
    pub(crate) async fn beacon(&mut self) -> BeaconFor {
        loop {
            let frame = soon("a beacon", self.attached.recv()).await.unwrap().unwrap();
            if frame.kind() == FrameKind::BeaconFor {
                return frame.read().unwrap();
            }
        }
    }

    /// Cosigns whatever it is asked to, as the witness of this name.
    fn witness(self, name: &'static str) {
        tokio::spawn(async move {
            let Self { session: _session, mut asked, attached: _attached } = self;
            while let Some((frame, stream)) = asked.recv().await {
                if let Ok(request) = frame.read::<Cosign>() {
                    stream.answer(&cosigned(&request, name)).await.ok();
                }
            }
        });
    }
}

/// Attaches a session, or says why the relay would not.
pub(crate) async fn try_attach(
    session: &Session,
    world: &World,
    witnesses: bool,
) -> Result<Stream, RequestError> {
    let mut stream = session.open().await?;
    let attach = Attach { network: world.directory.network().0, witnesses };
    stream.send_message(&attach).await?;
    let frame = stream.recv().await?.unwrap();
    match frame.kind() {
        FrameKind::Refused => Err(RequestError::Refused(frame.read().unwrap())),
        _ => frame
            .read::<Attached>()
            .map(|_| stream)
            .map_err(|error| RequestError::Stream(pouch_net::StreamError::from(error))),
    }
}

/// The lines of a witness under a checkpoint. Time goes on for it, so no two answers are the same.
fn cosigned(request: &Cosign, name: &str) -> Cosigned {
    static SECONDS: AtomicU64 = AtomicU64::new(0);
    let note = Note::parse(&request.checkpoint).unwrap();
    let at = pouch_wire::Timestamp(NOW.0 + 1000 * SECONDS.fetch_add(1, Ordering::Relaxed));
    let signer = WitnessSigner::new(&KeyName::new(name).unwrap(), note_key(name), mldsa_key(name)).unwrap();
    let lines = signer.cosign(note.text(), at).unwrap();
    Cosigned::Lines(Blob::new(NoteSignature::print_lines(&lines).into_bytes()).unwrap())
}

/// A message that no other call gave.
pub(crate) fn fresh(world: &World) -> Message {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut message = crate::message::honest(world);
    message.header.salt.0[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    message
}

/// Submits a message; the relay's receipt.
pub(crate) async fn submit(session: &Session, message: &Message) -> Result<SignedReceipt, RequestError> {
    let stanzas = message.stanza_bytes().into_iter().map(|stanza| Blob::new(stanza).unwrap());
    let submit = Submit {
        header: Blob::new(message.header_bytes()).unwrap(),
        signature: message.signature().0,
        stanzas: List::new(stanzas.collect::<Vec<_>>()).unwrap(),
    };
    let accepted: Accepted =
        session.request_with_payload(&submit, &message.payload, message.header.precedence, LONG).await?;
    Ok(SignedReceipt::from_bytes(&accepted.receipt).unwrap())
}

/// The code of a refusal.
pub(crate) fn refused_with<T: core::fmt::Debug>(result: Result<T, RequestError>) -> String {
    match result {
        Err(RequestError::Refused(refused)) => refused.code.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}
