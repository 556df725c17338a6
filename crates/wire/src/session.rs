//! What agent and relay say to each other, one type per frame kind.
//!
//! One request per bidirectional stream: a request frame (and payload pieces, where it has a
//! payload), then the answer. Whoever wants something opens the stream: the agent to attach, submit,
//! read a log, ask a proof or publish a statement; the relay to deliver or to ask for a cosignature.
//! Envelopes, statements, notes and receipts are carried here as bytes; other crates know what they
//! say.

use serde::{Deserialize, Serialize};

use crate::frame::Message;
use crate::{
    Blob, ContactPoint, Digest, EnvelopeId, Fixed, FrameKind, List, Set, Text, Timestamp, canonical, limits,
};

macro_rules! message {
    ($type:ident, $name:literal) => {
        canonical!($type, $name, FrameKind::$type.body_bytes_max());
        impl Message for $type {
            const KIND: FrameKind = FrameKind::$type;
        }
    };
}

/// Asks a relay to accept a message; the payload follows in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submit {
    /// The header's canonical bytes.
    pub header: Blob<{ limits::HEADER_BYTES }>,
    /// The contact point's signature over them (domain `envelope`).
    pub signature: Fixed<64>,
    /// One stanza per recipient, in the header's order.
    pub stanzas: List<Blob<{ limits::STANZA_BYTES }>, { limits::RECIPIENTS }>,
}
message!(Submit, "submit");

/// The relay has the message on durable storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The signed receipt's canonical bytes.
    pub receipt: Blob<{ limits::RECEIPT_BYTES }>,
}
message!(Accepted, "accepted");

/// A request is refused. The code is stable (`POUCH-...`); the text carries no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which rule.
    pub code: Text<32>,
    /// The rule in plain words, with what was expected and found.
    pub reason: Text<512>,
    /// How long to wait before trying again; `None` when trying again cannot help.
    pub retry_after_ms: Option<u32>,
}
message!(Refused, "refused");

/// A message for the agent; the payload follows in pieces. The agent answers [`Taken`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliver {
    /// The header's canonical bytes.
    pub header: Blob<{ limits::HEADER_BYTES }>,
    /// The sender's signature over them.
    pub signature: Fixed<64>,
    /// The recipient's own stanza.
    pub stanza: Blob<{ limits::STANZA_BYTES }>,
    /// The relay's signed receipt, which promises a place in its message log.
    pub receipt: Blob<{ limits::RECEIPT_BYTES }>,
}
message!(Deliver, "deliver");

/// The agent has the message on durable storage (or refused it for good and keeps the reason);
/// the relay may forget it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Which message.
    pub envelope: EnvelopeId,
}
message!(Taken, "taken");

/// The agent is there: deliver to it, and tell it what changes. The stream stays open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// The network that the agent believes in: SHA-256 of the charter.
    pub network: Digest,
    /// Whether the agent cosigns checkpoints when asked.
    pub witnesses: bool,
}
message!(Attach, "attach");

/// The relay's answer to [`Attach`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// The relay's clock.
    pub now: Timestamp,
    /// How many entries the relay's copy of the directory log has.
    pub directory_size: u64,
    /// The relay's epoch. In another one it may have lost what it accepted before: senders bring again what
    /// nobody confirmed.
    pub epoch: u64,
}
message!(Attached, "attached");

/// A log has a newer checkpoint. Sent on the [`Attach`] stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Which log.
    pub log: LogName,
    /// Its newest published size.
    pub size: u64,
    /// The relay's clock.
    pub now: Timestamp,
    /// The relay's epoch.
    pub epoch: u64,
}
message!(Changed, "changed");

/// Which of a relay's logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogName {
    /// Every statement of the network.
    Directory,
    /// The envelope ids that this relay accepted.
    Messages,
}

/// Asks for the newest checkpoint and for entries from an index on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadLog {
    /// Which log.
    pub log: LogName,
    /// The first entry wanted.
    pub from: u64,
    /// How many at most; zero for the checkpoint alone.
    pub count: u32,
}
message!(ReadLog, "read-log");

/// Entries of a log, fewer than asked for when they would be too large or do not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntries {
    /// The newest published checkpoint with its cosignatures, a signed note.
    pub checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
    /// The entries from the index that was asked for.
    pub entries: List<Blob<{ limits::ENTRY_BYTES }>, { limits::LOG_ENTRIES }>,
}
message!(LogEntries, "log-entries");

/// Asks for the proof that an entry is in the newest published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadProof {
    /// Which log.
    pub log: LogName,
    /// The entry's index.
    pub index: u64,
}
message!(ReadProof, "read-proof");

/// A tlog-proof (C2SP) with the cosigned checkpoint inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The proof file's bytes.
    pub tlog_proof: Blob<{ limits::CHECKPOINT_BYTES }>,
}
message!(Proof, "proof");

/// Asks the sequencer to put a signed statement into the directory log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// The signed statement's canonical bytes.
    pub statement: Blob<{ limits::STATEMENT_BYTES }>,
}
message!(Publish, "publish");

/// The statement is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its index.
    pub index: u64,
}
message!(Published, "published");

/// Asks a witness to cosign a checkpoint (the content of tlog-witness's `add-checkpoint`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cosign {
    /// Which log.
    pub log: LogName,
    /// The size that the relay believes the witness cosigned last.
    pub old_size: u64,
    /// The consistency proof from that size.
    pub proof: List<Digest, { limits::PROOF_HASHES }>,
    /// The checkpoint with the log's signatures.
    pub checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
}
message!(Cosign, "cosign");

/// The witness's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cosigned {
    /// Its signature lines, ready to stand in the note.
    Lines(Blob<{ limits::CHECKPOINT_BYTES }>),
    /// It cosigned another size last; ask again from there.
    Conflict {
        /// The size that it cosigned last.
        size: u64,
    },
    /// It will not: the checkpoint contradicts what it saw, or is of a log that it does not know.
    No(Text<512>),
}
message!(Cosigned, "cosigned");

/// Asks for the consistency proof from a size to the newest published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadConsistency {
    /// Which log.
    pub log: LogName,
    /// The older size.
    pub from: u64,
}
message!(ReadConsistency, "read-consistency");

/// The newest published checkpoint, and the proof that it extends the older size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consistency {
    /// The checkpoint with its cosignatures.
    pub checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
    /// The hashes.
    pub proof: List<Digest, { limits::PROOF_HASHES }>,
}
message!(Consistency, "consistency");

/// An entry of a beacon's tree: a peer and its leaf, for that peer alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeerLeaf {
    /// Whose.
    pub peer: ContactPoint,
    /// Random, of this entry alone: its neighbours in the tree learn nothing of it.
    pub salt: Digest,
    /// Tells the peer, and nobody else, where the sender's messages to it stand.
    pub leaf: Digest,
}
canonical!(PeerLeaf, "peer leaf", 128);

/// The sender's newest beacon, with everybody's leaf: the relay hands each peer its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// The beacon's canonical bytes.
    pub beacon: Blob<{ limits::BEACON_BYTES }>,
    /// The sender's signature over them (domain `beacon`).
    pub signature: Fixed<64>,
    /// The leaves, in the order of the tree.
    pub peers: Set<PeerLeaf, { limits::BEACON_PEERS }>,
}
message!(Beacon, "beacon-frame");

/// The relay keeps the beacon, and none before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconKept {
    /// The beacon's time.
    pub at: Timestamp,
}
message!(BeaconKept, "beacon-kept");

/// Another's newest beacon, with the reader's own leaf. Sent on the [`Attach`] stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconFor {
    /// The beacon's canonical bytes.
    pub beacon: Blob<{ limits::BEACON_BYTES }>,
    /// Its sender's signature over them.
    pub signature: Fixed<64>,
    /// The place of the reader's entry in the tree.
    pub position: u64,
    /// Its salt.
    pub salt: Digest,
    /// Its leaf.
    pub leaf: Digest,
    /// From the entry to the root.
    pub path: List<Digest, { limits::PROOF_HASHES }>,
}
message!(BeaconFor, "beacon-for");
