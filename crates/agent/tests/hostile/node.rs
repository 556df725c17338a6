//! MD's node in this process, and notices that NL writes to it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pouch_agent::{AgentConfig, AgentError, Careful, KeyKeeper, KeyKeeperError, Node, NodeKeys, run};
use pouch_control::{Answer, Call, Client, Compose, Event, Events, InboxRow, OutboxRow, Selection};
use pouch_crypto::{SigningKey, VaultKey};
use pouch_directory::{Act, CharterFile, NetworkChange, Relay};
use pouch_notice::{
    Body, Content, Draft, Notice, NoticeNumber, Route, SealTo, SealedOut, SignedNotice, body_from_toml, seal,
};
use pouch_store::{AgentStore, PrekeyRow, Prekeys as _, StoreError};
use pouch_wire::{
    Blob, EnvelopeId, Environment, ExerciseId, List, NoticeType, Precedence, Set, Timestamp, Tlp,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::relay::FakeRelay;
use crate::world::{
    DAY, HOUR, NOW, THRESHOLDS, World, earlier, key, mandate, office, point, prekey, relay, set, text,
    witnesses,
};

/// Longer than anything may take; never what decides a test.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, doing).await.unwrap_or_else(|_| panic!("not within a minute: {what}"))
}

struct Keys(&'static str);

impl KeyKeeper for Keys {
    fn signing(&self) -> Result<SigningKey, KeyKeeperError> {
        Ok(key(self.0))
    }

    fn next_signing(&self) -> Result<Option<SigningKey>, KeyKeeperError> {
        Ok(None)
    }

    fn promote(&self) -> Result<(), KeyKeeperError> {
        Ok(())
    }

    fn exercises(&self) -> Result<Vec<ExerciseId>, KeyKeeperError> {
        Ok(Vec::new())
    }

    fn exercise_signing(&self, exercise: ExerciseId) -> Result<SigningKey, KeyKeeperError> {
        Err(KeyKeeperError(format!("no key for exercise {exercise}")))
    }

    fn destroy_exercise_signing(&self, _: ExerciseId) -> Result<(), KeyKeeperError> {
        Ok(())
    }
}

/// The network, with these relays where they really listen, and everybody's mailbox at all of them.
pub(crate) fn network(fakes: &[&FakeRelay]) -> World {
    let mut world = World::new();
    let at = |fake: &&FakeRelay| Relay { address: text(&fake.address.to_string()), ..relay(&fake.name) };
    let relays: Vec<Relay> = fakes.iter().map(at).collect();
    let change =
        NetworkChange::to(&world.directory.now_view(), &relays, &witnesses(), 2, THRESHOLDS).unwrap();
    let act = Act::ChangeNetwork(Box::new(change));
    world.log(act, earlier(HOUR), &[&key("MD root"), &key("NL root")]);
    // One relay is where they collect already.
    for name in ["NL/technical", "MD/technical"].into_iter().filter(|_| fakes.len() > 1) {
        let mut entry = office(name, name, Environment::Live, mandate());
        entry.home_relays = List::new(fakes.iter().map(|fake| text(&fake.name)).collect::<Vec<_>>()).unwrap();
        world.authorise(entry, earlier(HOUR));
    }
    for fake in fakes {
        fake.serve(&world);
    }
    world
}

const VAULT: [u8; 32] = [7; 32];

/// A node that starts, and serves when the directory names its office.
pub(crate) struct Starting {
    ready: oneshot::Receiver<()>,
    running: Running,
}

impl Starting {
    pub(crate) fn of(office: &'static str, world: &World, dir: Arc<tempfile::TempDir>) -> Self {
        Self::by_clock(office, world, dir, || NOW)
    }

    fn by_clock(
        office: &'static str,
        world: &World,
        dir: Arc<tempfile::TempDir>,
        clock: fn() -> Timestamp,
    ) -> Self {
        let socket = dir.path().join("agent.sock");
        let node = Node {
            config: AgentConfig {
                contact_point: point(office),
                charter: dir.path().join("charter"),
                data: dir.path().into(),
                keys: dir.path().into(),
                socket: socket.clone(),
                passphrase_file: None,
                witness: None,
                beacon_seconds: 60,
                containment: Default::default(),
                transport: pouch_net::Transport::Auto,
                transport_to: std::collections::BTreeMap::new(),
            },
            keys: NodeKeys {
                transport: key(&format!("{office} transport")),
                vault: VAULT.into(),
                witness: None,
            },
            charter: charter_file(world),
            clock,
            version: "test",
            conduct: Arc::new(Careful),
        };
        let (tell, ready) = oneshot::channel();
        let shutdown = CancellationToken::new();
        let until = shutdown.clone();
        let task = tokio::spawn(run(node, Box::new(Keys(office)), || tell.send(()).unwrap(), until));
        Self { ready, running: Running { client: Client::new(&socket), shutdown, task, dir } }
    }

    pub(crate) async fn serves(self) -> Running {
        soon("the node serves", self.ready).await.unwrap();
        self.running
    }

    /// Stops it before it served; its folder.
    pub(crate) async fn stop(mut self) -> Arc<tempfile::TempDir> {
        self.ready.try_recv().unwrap_err();
        let dir = self.running.dir.clone();
        self.running.kept().await.close().await.unwrap();
        dir
    }
}

/// MD's node.
pub(crate) struct Running {
    pub(crate) client: Client,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), AgentError>>,
    dir: Arc<tempfile::TempDir>,
}

impl Running {
    pub(crate) async fn start(world: &World) -> Self {
        Self::by_clock(world, || NOW).await
    }

    /// One whose clock a test moves.
    pub(crate) async fn by_clock(world: &World, clock: fn() -> Timestamp) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        keep_prekey(dir.path(), &VAULT).await;
        Starting::by_clock("MD/technical", world, dir, clock).serves().await
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        soon("the node stops", self.task).await.unwrap().unwrap();
    }

    /// Where it keeps everything.
    pub(crate) fn folder(&self) -> Arc<tempfile::TempDir> {
        self.dir.clone()
    }

    /// Stops it; what it kept.
    pub(crate) async fn kept(self) -> AgentStore {
        let dir = self.dir.clone();
        self.stop().await;
        let path = dir.path().join("agent.sqlite");
        // What was under way when it stopped may hold it for a moment.
        let opened = async {
            loop {
                match AgentStore::open(&path) {
                    Err(StoreError::InUse(_)) => tokio::task::yield_now().await,
                    opened => break opened.unwrap(),
                }
            }
        };
        soon("the node lets go of its database", opened).await
    }

    pub(crate) async fn inbox(&self) -> Vec<InboxRow> {
        match self.client.call(&Call::Inbox(Selection::default())).await.unwrap() {
            Answer::Inbox(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn outbox(&self) -> Vec<OutboxRow> {
        match self.client.call(&Call::Outbox(Selection::default())).await.unwrap() {
            Answer::Outbox(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn events(&self) -> Events {
        self.client.watch(Some(0)).await.unwrap()
    }

    /// Writes to NL.
    pub(crate) async fn send(&self, precedence: Precedence) -> EnvelopeId {
        self.send_to(&["NL/technical"], precedence).await
    }

    /// Writes to these.
    pub(crate) async fn send_to(&self, to: &[&str], precedence: Precedence) -> EnvelopeId {
        let asked = Compose { to: to.iter().map(|to| point(to)).collect(), ..asked(precedence) };
        match self.client.call(&Call::Send(Box::new(asked))).await.unwrap() {
            Answer::Sent(row) => row.envelope,
            other => panic!("{other:?}"),
        }
    }

    /// Drafts to NL.
    pub(crate) async fn draft(&self) -> String {
        match self.client.call(&Call::Draft(Box::new(asked(Precedence::Routine)))).await.unwrap() {
            Answer::Draft(view) => view.id.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

fn asked(precedence: Precedence) -> Compose {
    Compose {
        notice_type: NoticeType::FreeText,
        to: vec![point("NL/technical")],
        info: Vec::new(),
        precedence: Some(precedence),
        tlp: Some(Tlp::Amber),
        widen: false,
        subject: "Subject".into(),
        language: "en".into(),
        fields: "text = \"text\"".into(),
        valid_seconds: None,
        in_reply_to: None,
        attachments: Vec::new(),
        exercise: None,
        break_glass: false,
    }
}

/// Waits for an event that is so.
pub(crate) async fn told(events: &mut Events, is_it: impl Fn(&Event) -> bool) -> Event {
    let looking = async {
        loop {
            let event = events.next().await.unwrap().unwrap();
            if is_it(&event) {
                return event;
            }
        }
    };
    soon("an event", looking).await
}

/// The node already made the sealing key that the directory has.
async fn keep_prekey(data: &std::path::Path, vault: &[u8; 32]) {
    let store = AgentStore::open(&data.join("agent.sqlite")).unwrap();
    let secret = prekey("MD/technical");
    let id = secret.public().id();
    let vault = VaultKey::derive(vault, b"agent store").unwrap();
    let wrapped = vault.wrap(id.as_bytes(), secret.seed().as_ref(), &mut rand::rng()).unwrap();
    let (usable_from, usable_until) = (earlier(HOUR), Timestamp(NOW.0 + DAY - HOUR));
    store
        .put_prekey(PrekeyRow { id, environment: Environment::Live, wrapped, usable_from, usable_until })
        .await
        .unwrap();
    store.close().await.unwrap();
}

pub(crate) fn charter_file(world: &World) -> CharterFile {
    let statements = world.entries.iter().skip(1).map(|entry| Blob::new(entry.clone()).unwrap());
    CharterFile {
        charter: world.charter.clone(),
        first_statements: List::new(statements.collect::<Vec<_>>()).unwrap(),
    }
}

/// A notice that NL signed for MD.
pub(crate) fn signed(world: &World, n: u32) -> SignedNotice {
    signed_body(world, n, body_from_toml(NoticeType::FreeText, "text = \"text\"").unwrap())
}

/// One that says this.
pub(crate) fn signed_body(world: &World, n: u32, body: Body) -> SignedNotice {
    let notice = Notice {
        network: world.directory.network(),
        environment: Environment::Live,
        sender: point("NL/technical"),
        number: NoticeNumber { year: 2026, n },
        to: set(&[point("MD/technical")]),
        info: Set::default(),
        concerns: None,
        created: NOW,
        not_after: Timestamp(NOW.0 + HOUR),
        precedence: Precedence::Flash,
        tlp: Tlp::Amber,
        language: text("en"),
        subject: text("Subject"),
        body,
        attachments: List::default(),
        break_glass: false,
        sentences: List::default(),
    };
    let approved = Draft::new(notice).unwrap().approve(Vec::new()).unwrap();
    approved.sign(&key("NL/technical")).unwrap().signed().clone()
}

/// It sealed, as NL's `n`-th message to MD.
pub(crate) fn sealed(world: &World, signed: SignedNotice, n: u64, previous: EnvelopeId) -> SealedOut {
    let content = Content::Notice { signed, attachments: List::default() };
    let route = Route {
        network: world.directory.network(),
        environment: Environment::Live,
        sender: point("NL/technical"),
        directory_size: world.directory.size(),
        directory_root: world.directory.root_at(world.directory.size()).unwrap(),
        precedence: Precedence::Flash,
        created: NOW,
        not_after: Timestamp(NOW.0 + HOUR),
    };
    let secret = prekey("MD/technical");
    let to = SealTo {
        recipient: point("MD/technical"),
        prekey: secret.public().id(),
        public: secret.public().clone(),
        epoch: 1,
        n,
        previous,
    };
    seal(&content, &route, &[to], &key("NL/technical"), &mut rand::rng()).unwrap()
}

/// Before the first message.
pub(crate) const NOTHING: EnvelopeId = EnvelopeId(pouch_wire::Digest::new([0; 32]));
