//! The founding document: who founds the network, which keys speak for whom, who watches the log.
//!
//! Trust starts here. A charter travels by hand; its hash is the network's id.

use pouch_crypto::{MlDsaPublic, NotePublic, PublicKey, Signature};
use pouch_wire::{Blob, KeyId, List, Member, Set, Text, Timestamp, canonical, limits};
use serde::{Deserialize, Serialize};

/// A founding member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Founder {
    /// Its code.
    pub member: Member,
    /// Its name in English, for people.
    pub name: Text<128>,
    /// Its root key.
    pub root: PublicKey,
    /// The id of the key that will follow the root: committed now, revealed when it is used.
    pub next_root: KeyId,
}

/// A log's two verifier keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogKeys {
    /// The origin line of its checkpoints, and the name of its keys.
    pub origin: Text<128>,
    /// Signs checkpoints (note signature type 0x01).
    pub ed25519: NotePublic,
    /// Signs checkpoints (note signature type 0x06).
    pub mldsa: MlDsaPublic,
}

/// A relay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Relay {
    /// Its name within the network.
    pub name: Text<64>,
    /// Where it listens, `host:port` (UDP).
    pub address: Text<128>,
    /// Its TLS raw public key.
    pub transport: PublicKey,
    /// Signs its receipts.
    pub receipts: PublicKey,
    /// Its message log.
    pub message_log: LogKeys,
}

/// Who cosigns checkpoints. It has two keys; a cosignature counts when both signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Witness {
    /// The name of its keys (a schema-less URL, by C2SP's recommendation).
    pub name: Text<128>,
    /// Its Ed25519 key (cosignature type 0x04).
    pub ed25519: NotePublic,
    /// Its ML-DSA-44 key (cosignature type 0x06).
    pub mldsa: MlDsaPublic,
    /// Its TLS raw public key, when it attaches to the relay with a session of its own; a witness that
    /// runs inside an agent uses the agent's session and has none.
    pub transport: Option<PublicKey>,
}

/// How many must agree to what. Each is below the number of those who could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Thresholds {
    /// Members that must endorse an admission, suspension or reinstatement.
    pub admission: u8,
    /// Members that must endorse a change of relays, witnesses, quorum or thresholds.
    pub network: u8,
    /// Other members that must endorse the recovery of a member's root.
    pub recovery: u8,
    /// The same, after the member vetoed a recovery.
    pub recovery_after_veto: u8,
    /// How long a recovery waits before it takes effect, in milliseconds.
    pub recovery_delay_ms: u64,
}

/// The network's founding document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// The protocol's version: 1.
    pub version: u16,
    /// The network's name, for people.
    pub name: Text<128>,
    /// When it was drafted.
    pub created: Timestamp,
    /// Who founds it.
    pub founders: Set<Founder, { limits::FOUNDERS }>,
    /// Its relays; the first named sequences the directory log.
    pub relays: List<Relay, { limits::RELAYS }>,
    /// The directory log.
    pub directory_log: LogKeys,
    /// Who cosigns both kinds of log.
    pub witnesses: Set<Witness, { limits::WITNESSES }>,
    /// How many witnesses must have cosigned a checkpoint.
    pub quorum: u8,
    /// How many members must agree to what.
    pub thresholds: Thresholds,
}
canonical!(Charter, "charter", limits::CHARTER_BYTES);

/// One founder's signature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CharterSignature {
    /// Whose.
    pub member: Member,
    /// Over the charter's bytes, by the founder's root (domain `charter`).
    pub signature: Signature,
}

/// The charter with its founders' signatures; entry 0 of the directory log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCharter {
    /// The charter's canonical bytes.
    pub charter: Blob<{ limits::CHARTER_BYTES }>,
    /// One signature per founder.
    pub signatures: Set<CharterSignature, { limits::FOUNDERS }>,
}
canonical!(SignedCharter, "signed charter", limits::CHARTER_BYTES);

/// What travels by hand: the signed charter and the founders' first statements, which become
/// entries 1, 2, 3 ... of the directory log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CharterFile {
    /// The signed charter.
    pub charter: SignedCharter,
    /// Signed statements' canonical bytes, in order.
    pub first_statements: List<Blob<{ limits::STATEMENT_BYTES }>, 1024>,
}
canonical!(CharterFile, "charter file", limits::CHARTER_FILE_BYTES);
