//! A relay in the hands of the test: it has the real relay's keys and stands at its address, and says to
//! each node what the test wants, in the order that the test wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pouch_crypto::{Context, PublicKey, SigningKey};
use pouch_envelope::AcceptedReceipt;
use pouch_net::{
    Authorise, HandshakeError, Limits, Listener, ServerSecrets, Session, Stream, TransportIdentity, refusal,
};
use pouch_testkit::stage::Stage;
use pouch_wire::session::{
    Accepted, Attached, Changed, Consistency, LogEntries, LogName, Published, ReadConsistency, ReadLog,
    Submit, Taken,
};
use pouch_wire::{
    Blob, Canonical as _, EnvelopeId, Environment, FrameKind, List, NetworkId, Precedence, Text, Timestamp,
    limits,
};
use tokio::sync::mpsc;

use super::keys::KeyFolder;
use super::letter::Parcel;
use super::line::{WITHIN, code, soon};
use super::scene::{Scene, now};

/// What the relay says about the directory's log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Face {
    /// What it says that it has.
    pub(crate) size: u64,
    /// The newest checkpoint and its proof; without one it has nothing newer.
    pub(crate) shown: Option<Consistency>,
    /// All entries.
    pub(crate) entries: Vec<Vec<u8>>,
}

/// What a node asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// For a proof that the directory's log extends this size.
    Consistency { from: u64 },
    /// To accept a message.
    Submit(EnvelopeId),
}

#[derive(Debug, Default)]
struct Script {
    face: Face,
    /// What some are shown instead.
    faces: BTreeMap<PublicKey, Face>,
    /// What was submitted to it, whole.
    submitted: Vec<Parcel>,
    /// The place in the directory that it promises to what is published; without one it takes nothing.
    promises: Option<u64>,
    /// Signs what it says that it accepted; the relay's own key when it is honest.
    accepts_with: Option<SigningKey>,
    /// How far its clock is ahead when a node attaches.
    ahead_ms: u64,
    asked: Vec<(PublicKey, mpsc::UnboundedSender<Asked>)>,
}

/// A node that attached.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) session: Session,
    stream: Stream,
    pub(crate) asked: mpsc::UnboundedReceiver<Asked>,
}

struct Anyone;

impl Authorise for Anyone {
    fn is_known(&self, _: &PublicKey) -> bool {
        true
    }
}

/// The relay.
pub(crate) struct Puppet {
    listener: Arc<Listener>,
    script: Arc<Mutex<Script>>,
    visitors: mpsc::UnboundedReceiver<Visitor>,
    early: BTreeMap<PublicKey, Visitor>,
    pub(crate) failed: mpsc::UnboundedReceiver<HandshakeError>,
    pub(crate) receipts: SigningKey,
    network: NetworkId,
}

impl Puppet {
    /// Takes the stopped relay's place, with its keys.
    pub(crate) fn start(scene: &Scene) -> Self {
        Self::in_place_of(scene, 1)
    }

    /// Takes the place of one of several relays.
    pub(crate) fn in_place_of(scene: &Scene, number: u8) -> Self {
        let keys = KeyFolder::of(&scene.stage, &Stage::relay_folder(number));
        Self::at(scene, number, &keys.signing("transport"))
    }

    /// Takes the stopped relay's place, with some transport key.
    pub(crate) fn with_key(scene: &Scene, transport: &SigningKey) -> Self {
        Self::at(scene, 1, transport)
    }

    fn at(scene: &Scene, number: u8, transport: &SigningKey) -> Self {
        let identity = TransportIdentity::from_key(transport).unwrap();
        let secrets = ServerSecrets::generate(&mut rand::rng());
        let address = scene.relay_number(number).0.parse().unwrap();
        let listener = Listener::bind(address, &identity, Arc::new(Anyone), &secrets, Limits::default());
        let listener = Arc::new(listener.unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let (visitors_tx, visitors) = mpsc::unbounded_channel();
        let (failed_tx, failed) = mpsc::unbounded_channel();
        let serving = (listener.clone(), script.clone());
        tokio::spawn(async move {
            let (listener, script) = serving;
            while let Some(incoming) = listener.accept().await {
                let (script, visitors, failed) = (script.clone(), visitors_tx.clone(), failed_tx.clone());
                tokio::spawn(async move {
                    match incoming.handshake().await {
                        Ok(session) => serve(session, script, visitors).await,
                        Err(error) => drop(failed.send(error)),
                    }
                });
            }
        });
        let receipts = KeyFolder::of(&scene.stage, &Stage::relay_folder(number)).signing("receipts");
        let (network, early) = (scene.network(), BTreeMap::new());
        Self { listener, script, visitors, early, failed, receipts, network }
    }

    /// Waits until a node attached.
    pub(crate) async fn visitor(&mut self, scene: &Scene, folder: &str) -> Visitor {
        let key = KeyFolder::of(&scene.stage, folder).signing("transport").public();
        while !self.early.contains_key(&key) {
            let visitor = soon(self.visitors.recv()).await.unwrap();
            self.early.insert(visitor.session.peer(), visitor);
        }
        self.early.remove(&key).unwrap()
    }

    /// Shows this face of the directory's log from now on.
    pub(crate) fn shows(&self, face: Face) {
        self.script.lock().unwrap().face = face;
    }

    /// Shows one visitor this face from now on, whatever it shows others.
    pub(crate) fn shows_to(&self, visitor: &Visitor, face: Face) {
        self.script.lock().unwrap().faces.insert(visitor.session.peer(), face);
    }

    /// Promises this place in the directory to whatever is published.
    pub(crate) fn promises(&self, index: u64) {
        self.script.lock().unwrap().promises = Some(index);
    }

    /// A message that was submitted.
    pub(crate) fn submitted(&self, envelope: EnvelopeId) -> Parcel {
        let script = self.script.lock().unwrap();
        script.submitted.iter().find(|parcel| parcel.id() == envelope).cloned().expect("submitted")
    }

    /// Accepts submissions with receipts by this key.
    pub(crate) fn accepts_with(&self, key: SigningKey) {
        self.script.lock().unwrap().accepts_with = Some(key);
    }

    /// Tells every node that attaches from now on a time that is ahead by so much.
    pub(crate) fn is_ahead_by(&self, ms: u64) {
        self.script.lock().unwrap().ahead_ms = ms;
    }

    /// The receipt of a message at a place in the log, by the relay's own key.
    pub(crate) fn receipt(&self, envelope: EnvelopeId, index: u64) -> Vec<u8> {
        receipt(self.network, envelope, index, &self.receipts)
    }

    /// The same, accepted at another time than now.
    pub(crate) fn receipt_at(&self, envelope: EnvelopeId, at: Timestamp) -> Vec<u8> {
        receipt_at(self.network, envelope, 0, at, &self.receipts)
    }

    /// Ends, and leaves the address to another. Visitors that were handed out must have been dropped.
    pub(crate) async fn end(self) {
        let Self { listener, visitors, early, .. } = self;
        // Nodes come back at once when they are let go: nobody else holds those sessions.
        drop((visitors, early));
        let address = listener.local_addr();
        listener.shutdown(WITHIN).await.unwrap();
        drop(listener);
        // The socket goes with the last task that answered somebody.
        let free = async {
            while std::net::UdpSocket::bind(address).is_err() {
                tokio::task::yield_now().await;
            }
        };
        soon(free).await;
    }
}

impl Visitor {
    /// Delivers a message with this receipt; the code when the node refuses it.
    pub(crate) async fn deliver(&self, parcel: &Parcel, receipt: Vec<u8>) -> Result<(), String> {
        let deliver = parcel.deliver(receipt);
        let taken: Taken = self
            .session
            .request_with_payload(&deliver, &parcel.payload, Precedence::Routine, Duration::from_secs(40))
            .await
            .map_err(code)?;
        assert_eq!(taken.envelope, parcel.id());
        Ok(())
    }

    /// Says that the directory's log changed, and waits until the node asked about it; the size from
    /// which it asks.
    pub(crate) async fn looks(&mut self) -> u64 {
        while self.asked.try_recv().is_ok() {}
        // Larger than any: whatever the node has, it looks.
        let changed = Changed { log: LogName::Directory, size: u64::MAX, now: now(), epoch: 1 };
        self.stream.send_message(&changed).await.unwrap();
        loop {
            if let Asked::Consistency { from } = soon(self.asked.recv()).await.unwrap() {
                return from;
            }
        }
    }

    /// Waits until the node submits a message.
    pub(crate) async fn submits(&mut self) -> EnvelopeId {
        loop {
            if let Asked::Submit(envelope) = soon(self.asked.recv()).await.unwrap() {
                return envelope;
            }
        }
    }
}

/// A receipt that relay-1 accepted a message now.
pub(crate) fn receipt(network: NetworkId, envelope: EnvelopeId, index: u64, key: &SigningKey) -> Vec<u8> {
    receipt_at(network, envelope, index, now(), key)
}

fn receipt_at(
    network: NetworkId,
    envelope: EnvelopeId,
    index: u64,
    at: Timestamp,
    key: &SigningKey,
) -> Vec<u8> {
    let relay = Text::new("relay-1").unwrap();
    let accepted = AcceptedReceipt { network, envelope, relay, index, at };
    accepted.sign(key, &Context::of(network, Environment::Live)).unwrap().to_bytes().unwrap()
}

/// Answers one node by the script, until its session ends.
async fn serve(session: Session, script: Arc<Mutex<Script>>, visitors: mpsc::UnboundedSender<Visitor>) {
    let (asked_tx, asked_rx) = mpsc::unbounded_channel();
    script.lock().unwrap().asked.push((session.peer(), asked_tx.clone()));
    let mut asked_rx = Some(asked_rx);
    while let Ok(mut stream) = session.accept().await {
        let Ok(Some(frame)) = stream.recv().await else { continue };
        if frame.kind() == FrameKind::Attach {
            let attached = {
                let script = script.lock().unwrap();
                Attached {
                    now: Timestamp(now().0 + script.ahead_ms),
                    directory_size: script.face.size,
                    epoch: 1,
                }
            };
            stream.send_message(&attached).await.unwrap();
            let asked = asked_rx.take().expect("attaches once");
            visitors.send(Visitor { session: session.clone(), stream, asked }).ok();
            continue;
        }
        // A node that goes away in the middle of an answer is no failure of the test.
        answer(stream, &frame, &session.peer(), &script, &asked_tx).await.ok();
    }
}

async fn answer(
    mut stream: Stream,
    frame: &pouch_wire::Frame,
    peer: &PublicKey,
    script: &Mutex<Script>,
    asked: &mpsc::UnboundedSender<Asked>,
) -> Result<(), pouch_net::StreamError> {
    let face = {
        let script = script.lock().unwrap();
        script.faces.get(peer).unwrap_or(&script.face).clone()
    };
    match frame.kind() {
        FrameKind::ReadConsistency => {
            let read: ReadConsistency = frame.read()?;
            let done = match face.shown.filter(|_| read.log == LogName::Directory) {
                Some(shown) => stream.answer(&shown).await,
                None => stream.refuse(&refusal("POUCH-RLY-10", &"not yet", None)).await,
            };
            asked.send(Asked::Consistency { from: read.from }).ok();
            done
        }
        FrameKind::ReadLog => {
            let read: ReadLog = frame.read()?;
            let from = usize::try_from(read.from).unwrap();
            let entries: Vec<_> =
                face.entries.iter().skip(from).map(|entry| Blob::new(entry.clone()).unwrap()).collect();
            let checkpoint = face.shown.map(|shown| shown.checkpoint).unwrap_or_default();
            stream.answer(&LogEntries { checkpoint, entries: List::new(entries).unwrap() }).await
        }
        FrameKind::Submit => {
            let submit: Submit = frame.read()?;
            let head = pouch_envelope::SealedHead::from_submit(submit.clone()).expect("well-formed");
            let (len, max) = (head.header().payload_len, u64::try_from(limits::PAYLOAD_BYTES).unwrap());
            let payload = stream.recv_payload(len, max).await?;
            script.lock().unwrap().submitted.push(Parcel::submitted(&submit, payload));
            asked.send(Asked::Submit(head.id())).ok();
            let given = {
                let script = script.lock().unwrap();
                let network = head.header().network;
                script.accepts_with.as_ref().map(|key| receipt(network, head.id(), 0, key))
            };
            match given {
                Some(bytes) => stream.answer(&Accepted { receipt: Blob::new(bytes).unwrap() }).await,
                None => stream.refuse(&refusal("POUCH-NET-44", &"later", Some(WITHIN))).await,
            }
        }
        FrameKind::Publish if script.lock().unwrap().promises.is_some() => {
            let index = script.lock().unwrap().promises.unwrap();
            stream.answer(&Published { index }).await
        }
        _ => stream.refuse(&refusal("POUCH-NET-40", &"no answer to this here", Some(WITHIN))).await,
    }
}
