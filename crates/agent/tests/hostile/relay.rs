//! A relay that speaks the protocol and says whatever a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use pouch_envelope::MessageLeaf;
use pouch_net::{
    Authorise, Limits, Listener, RequestError, ServerSecrets, Session, Stream, TransportIdentity, refusal,
};
use pouch_notice::SealedOut;
use pouch_tlog::{Checkpoint, KeyName, LeafHash, LogSigner, MemoryTree, Note, ProofFile, WitnessSigner};
use pouch_wire::session::{
    Accepted, Attached, Changed, Consistency, Deliver, LogEntries, LogName, Proof, Published,
    ReadConsistency, ReadLog, Submit, Taken,
};
use pouch_wire::{Blob, Canonical as _, Digest, EnvelopeId, FrameKind, List, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::node::{LONG, soon};
use crate::world::{DIRECTORY_LOG, NOW, WITNESSES, World, key, message_log, mldsa_key, note_key};

struct Everyone;

impl Authorise for Everyone {
    fn is_known(&self, _: &pouch_crypto::PublicKey) -> bool {
        true
    }
}

/// A message that the node submitted, with its payload and the stream to answer on.
pub(crate) struct Submitted {
    pub(crate) envelope: EnvelopeId,
    pub(crate) header: pouch_envelope::Header,
    stream: Stream,
}

/// What the relay serves of the directory.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) entries: Vec<Vec<u8>>,
    /// How many of them the checkpoint covers.
    pub(crate) size: usize,
    /// Whether it sends more than it is asked for.
    pub(crate) generous: bool,
    /// Whether it takes questions about the directory and never answers.
    pub(crate) mute: bool,
    /// From how many entries of the directory on it says that it does not have as many as it is asked about.
    pub(crate) lacks_from: Option<u64>,
    /// The questions that it holds.
    pub(crate) held: Vec<Stream>,
    /// Who cosigns what it shows; the first two when nobody is named.
    pub(crate) cosigned_by: Vec<&'static str>,
    /// Of each witness only its cosignature of the first kind.
    pub(crate) one_kind: bool,
    /// Every line of its note stands there twice.
    pub(crate) repeats_lines: bool,
    /// The size that its checkpoint claims, if not that of its entries.
    pub(crate) claims: Option<u64>,
    /// When it was cosigned, if not now.
    pub(crate) cosigned_at: Option<Timestamp>,
    /// What it gives as the proof of every place in its log of messages; when there is none, it has none.
    pub(crate) proof: Option<Vec<u8>>,
}

pub(crate) struct FakeRelay {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) served: Arc<Mutex<Served>>,
    session: watch::Receiver<Option<Session>>,
    submitted: mpsc::Receiver<Submitted>,
    /// Counts what was asked about the directory.
    asked: watch::Receiver<u64>,
    /// Counts the proofs that were asked for.
    proofs: watch::Receiver<u64>,
    grew: mpsc::Sender<()>,
}

impl FakeRelay {
    pub(crate) fn start(name: &str) -> Self {
        let identity = TransportIdentity::from_key(&key(&format!("{name} transport"))).unwrap();
        let secrets = ServerSecrets::new([1; 32], [2; 32]);
        let addr = "127.0.0.1:0".parse().unwrap();
        let listener =
            Listener::bind(addr, &identity, Arc::new(Everyone), &secrets, Limits::default()).unwrap();
        let address = listener.local_addr();
        let served = Arc::new(Mutex::new(Served::default()));
        let (session_tx, session) = watch::channel(None);
        let (submitted_tx, submitted) = mpsc::channel(64);
        let (asked_tx, asked) = watch::channel(0);
        let (proofs_tx, proofs) = watch::channel(0);
        let (grew, grew_rx) = mpsc::channel(8);
        let parts = Parts {
            served: served.clone(),
            sessions: session_tx,
            submitted: submitted_tx,
            asked: asked_tx,
            proofs: proofs_tx,
            grew: Arc::new(tokio::sync::Mutex::new(grew_rx)),
        };
        tokio::spawn(async move {
            while let Some(incoming) = listener.accept().await {
                let Ok(session) = incoming.handshake().await else { continue };
                tokio::spawn(serve(session, parts.clone()));
            }
        });
        Self { name: name.to_owned(), address, served, session, submitted, asked, proofs, grew }
    }

    /// Serves this directory, all of it cosigned.
    pub(crate) fn serve(&self, world: &World) {
        let mut served = self.served.lock().unwrap();
        served.entries = world.entries.clone();
        served.size = world.entries.len();
    }

    /// Hands a message to the node; what it says.
    pub(crate) async fn deliver(&self, deliver: &Deliver, payload: &[u8]) -> Result<Taken, RequestError> {
        let mut sessions = self.session.clone();
        let session = soon("the node attaches", sessions.wait_for(Option::is_some)).await.unwrap().clone();
        let asked = session.unwrap();
        asked.request_with_payload(deliver, payload, pouch_wire::Precedence::Flash, LONG).await
    }

    /// Tells the node that the directory changed.
    pub(crate) async fn say_it_grew(&self) {
        let mut sessions = self.session.clone();
        drop(soon("the node attaches", sessions.wait_for(Option::is_some)).await.unwrap());
        self.grew.send(()).await.unwrap();
    }

    /// Waits until the node has looked at the directory, and has looked once more: the first is judged.
    pub(crate) async fn asked_again(&self) {
        let mut asked = self.asked.clone();
        for _ in 0..2 {
            let before = *asked.borrow_and_update();
            self.say_it_grew().await;
            soon("the node looks", asked.wait_for(|now| *now > before)).await.unwrap();
        }
    }

    /// Waits until the node has asked about the directory.
    pub(crate) async fn was_asked(&self) {
        let mut asked = self.asked.clone();
        soon("the node asks", asked.wait_for(|asked| *asked > 0)).await.unwrap();
    }

    /// Waits until the node has asked for so many proofs in all.
    pub(crate) async fn was_asked_for_proofs(&self, count: u64) {
        let mut proofs = self.proofs.clone();
        soon("the node asks for a proof", proofs.wait_for(|asked| *asked >= count)).await.unwrap();
    }

    /// What it would answer to a node that knows nothing.
    pub(crate) fn consistency(&self) -> Consistency {
        consistency(&self.served.lock().unwrap(), &ReadConsistency { log: LogName::Directory, from: 0 })
    }

    /// The next message that the node submits.
    pub(crate) async fn submitted(&mut self) -> Submitted {
        soon("the node submits", self.submitted.recv()).await.unwrap()
    }
}

impl Submitted {
    pub(crate) async fn accept(self, relay: &str, world: &World) {
        let envelope = self.envelope;
        self.accept_as(envelope, relay, world).await;
    }

    /// Gives the receipt of this message, which may be another.
    pub(crate) async fn accept_as(self, envelope: EnvelopeId, relay: &str, world: &World) {
        let receipt = Blob::new(world.receipt(relay, envelope, 0, NOW)).unwrap();
        self.stream.answer(&Accepted { receipt }).await.unwrap();
    }

    pub(crate) async fn refuse(self) {
        self.stream.refuse(&refusal("POUCH-ADM-30", &"I will not", None)).await.unwrap();
    }
}

/// The proof that a message that a relay accepted now is the first in its log of messages.
pub(crate) fn proof(relay: &str, envelope: EnvelopeId) -> Vec<u8> {
    let mut tree = MemoryTree::default();
    tree.append(LeafHash::of(&MessageLeaf { envelope, accepted_at: NOW }.to_bytes().unwrap()));
    let note = cosigned(&message_log(relay), 1, tree.root(), &WITNESSES[..2], 2, NOW);
    ProofFile::new(0, tree.inclusion(0, 1).unwrap(), note).unwrap().to_string().into_bytes()
}

/// A delivery of a sealed message.
pub(crate) fn delivery(sealed: &SealedOut, receipt: Vec<u8>) -> Deliver {
    Deliver {
        header: Blob::new(sealed.header_bytes()).unwrap(),
        signature: sealed.signature().0,
        stanza: Blob::new(sealed.stanzas()[0].to_vec()).unwrap(),
        receipt: Blob::new(receipt).unwrap(),
    }
}

#[derive(Clone)]
struct Parts {
    served: Arc<Mutex<Served>>,
    sessions: watch::Sender<Option<Session>>,
    submitted: mpsc::Sender<Submitted>,
    asked: watch::Sender<u64>,
    proofs: watch::Sender<u64>,
    grew: Arc<tokio::sync::Mutex<mpsc::Receiver<()>>>,
}

fn lacks(parts: &Parts, asked: &ReadConsistency) -> bool {
    parts.served.lock().unwrap().lacks_from.is_some_and(|size| asked.from >= size)
}

async fn serve(session: Session, parts: Parts) {
    while let Ok(mut stream) = session.accept().await {
        let Ok(Some(frame)) = stream.recv().await else { continue };
        match frame.kind() {
            FrameKind::Attach => {
                let directory_size = size(&parts);
                stream.send_message(&Attached { now: NOW, directory_size, epoch: 1 }).await.unwrap();
                parts.sessions.send_replace(Some(session.clone()));
                tokio::spawn(tell(stream, parts.clone()));
            }
            FrameKind::ReadConsistency if parts.served.lock().unwrap().mute => {
                parts.served.lock().unwrap().held.push(stream);
                parts.asked.send_modify(|asked| *asked += 1);
            }
            FrameKind::ReadConsistency if lacks(&parts, &frame.read().unwrap()) => {
                stream.refuse(&refusal("POUCH-RLY-10", &"not yet", None)).await.ok();
                parts.asked.send_modify(|asked| *asked += 1);
            }
            FrameKind::ReadConsistency => {
                let answer = consistency(&parts.served.lock().unwrap(), &frame.read().unwrap());
                stream.answer(&answer).await.ok();
                parts.asked.send_modify(|asked| *asked += 1);
            }
            FrameKind::ReadLog => {
                let answer = entries(&parts.served.lock().unwrap(), &frame.read().unwrap());
                stream.answer(&answer).await.ok();
            }
            FrameKind::ReadProof => {
                let proof = parts.served.lock().unwrap().proof.clone();
                match proof {
                    Some(proof) => {
                        let answer = Proof { tlog_proof: Blob::new(proof).unwrap() };
                        stream.answer(&answer).await.ok();
                    }
                    None => {
                        stream.refuse(&refusal("POUCH-RLY-10", &"not yet", None)).await.unwrap_or_default()
                    }
                }
                parts.proofs.send_modify(|asked| *asked += 1);
            }
            FrameKind::Publish => {
                stream.answer(&Published { index: 1_000_000 }).await.ok();
            }
            FrameKind::Submit => {
                let submit: Submit = frame.read().unwrap();
                let header = pouch_envelope::Header::from_bytes(&submit.header).unwrap();
                let Ok(_) = stream.recv_payload(header.payload_len, 1 << 26).await else { continue };
                let envelope = pouch_envelope::Header::id_of(&submit.header);
                parts.submitted.send(Submitted { envelope, header, stream }).await.ok();
            }
            _ => stream.refuse(&refusal("POUCH-RLY-10", &"not yet", None)).await.unwrap_or_default(),
        }
    }
}

fn size(parts: &Parts) -> u64 {
    u64::try_from(parts.served.lock().unwrap().size).unwrap()
}

async fn tell(mut stream: Stream, parts: Parts) {
    let mut grew = parts.grew.lock().await;
    while grew.recv().await.is_some() {
        // A size that the node cannot have: it looks.
        let size = size(&parts) + 1_000_000;
        if stream.send_message(&Changed { log: LogName::Directory, size, now: NOW, epoch: 1 }).await.is_err()
        {
            return;
        }
    }
}

fn tree(served: &Served) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for entry in &served.entries[..served.size] {
        tree.append(LeafHash::of(entry));
    }
    tree
}

fn note_bytes(served: &Served) -> Vec<u8> {
    let text = note(served).to_string();
    let lines = text.split_once("\n\n").unwrap().1;
    if served.repeats_lines { format!("{text}{lines}").into_bytes() } else { text.into_bytes() }
}

fn note(served: &Served) -> Note {
    let tree = tree(served);
    let at = served.cosigned_at.unwrap_or(NOW);
    let size = served.claims.unwrap_or(tree.size());
    let named = if served.cosigned_by.is_empty() { &WITNESSES[..2] } else { &served.cosigned_by[..] };
    let kinds = if served.one_kind { 1 } else { 2 };
    cosigned(DIRECTORY_LOG, size, tree.root(), named, kinds, at)
}

/// A checkpoint of a log with these cosignatures of each of these witnesses.
fn cosigned(origin: &str, size: u64, root: Digest, named: &[&str], kinds: usize, at: Timestamp) -> Note {
    let name = KeyName::new(origin).unwrap();
    let signer = LogSigner::new(&name, note_key(origin), mldsa_key(origin)).unwrap();
    let mut note = signer.sign(&Checkpoint::new(&name, size, root), at).unwrap();
    for (place, name) in named.iter().enumerate() {
        let witness =
            WitnessSigner::new(&KeyName::new(*name).unwrap(), note_key(name), mldsa_key(name)).unwrap();
        // Who cosigns twice does so a second later: they are two lines.
        let at = Timestamp(at.0 + 1000 * u64::try_from(place).unwrap());
        let lines = witness.cosign(note.text(), at).unwrap();
        note = note.with(lines.into_iter().take(kinds)).unwrap();
    }
    note
}

fn consistency(served: &Served, read: &ReadConsistency) -> Consistency {
    assert_eq!(read.log, LogName::Directory);
    let tree = tree(served);
    let proof = tree.consistency(read.from, tree.size()).unwrap_or_default();
    Consistency { checkpoint: Blob::new(note_bytes(served)).unwrap(), proof: List::new(proof).unwrap() }
}

fn entries(served: &Served, read: &ReadLog) -> LogEntries {
    let from = usize::try_from(read.from).unwrap();
    let count = usize::try_from(read.count).unwrap();
    let end = if served.generous { served.entries.len() } else { served.size.min(from + count) };
    let entries = served.entries[from..end].iter().map(|entry| Blob::new(entry.clone()).unwrap());
    LogEntries {
        checkpoint: Blob::new(note_bytes(served)).unwrap(),
        entries: List::new(entries.collect::<Vec<_>>()).unwrap(),
    }
}
