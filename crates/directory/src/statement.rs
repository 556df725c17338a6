//! Statements: the signed entries of the directory, each doing one thing.

use pouch_crypto::{PrekeyPublic, PublicKey, Signature};
use pouch_wire::{
    Blob, ContactPoint, Digest, Environment, ExerciseId, KeyId, List, Member, NetworkId, Set, Text,
    Timestamp, canonical, limits,
};
use serde::{Deserialize, Serialize};

use crate::charter::{LogKeys, Relay, Thresholds, Witness};
use crate::mandate::{Mandate, ReleaseRule};

/// A day's sealing key of a contact point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Prekey {
    /// The key.
    pub public: PrekeyPublic,
    /// Senders use it from this moment on.
    pub usable_from: Timestamp,
    /// Senders use it until this moment (not included).
    pub usable_until: Timestamp,
}

/// Why a key is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RevocationReason {
    /// Its holder no longer has the office.
    LeftOffice,
    /// Another took its place.
    Superseded,
    /// It is, or may be, in other hands.
    Compromised,
    /// It is lost.
    Lost,
}

impl RevocationReason {
    /// The word that people use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LeftOffice => "left-office",
            Self::Superseded => "superseded",
            Self::Compromised => "compromised",
            Self::Lost => "lost",
        }
    }
}

/// A name of an office in one language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DisplayName {
    /// BCP 47 language tag.
    pub language: Text<16>,
    /// The name.
    pub name: Text<128>,
}

/// What a contact point is and which keys speak for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContactPointEntry {
    /// Which.
    pub contact_point: ContactPoint,
    /// Live, or the exercise that these keys are for.
    pub environment: Environment,
    /// Signs notices, envelopes, receipts and prekeys.
    pub signing: PublicKey,
    /// Authenticates its agent's sessions.
    pub transport: PublicKey,
    /// Names of the relays where it collects its messages.
    pub home_relays: List<Text<64>, 8>,
    /// For the spoken check and when there is silence.
    pub telephone: Text<64>,
    /// Its name, per language.
    pub display_names: Set<DisplayName, 16>,
    /// What it may say.
    pub mandate: Mandate,
}

canonical!(ContactPointEntry, "contact point entry", limits::STATEMENT_BYTES);

/// An officer who may approve notices of a contact point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OfficerEntry {
    /// For which contact point.
    pub contact_point: ContactPoint,
    /// Live, or the exercise.
    pub environment: Environment,
    /// Approves notices.
    pub key: PublicKey,
    /// The title, as shown with an approval.
    pub title: Text<128>,
    /// Names the person (a pseudonym of the member's choosing): one person has one vote.
    pub person: Text<64>,
    /// What the officer may approve.
    pub mandate: Mandate,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Admits a member; endorsed by [`Thresholds::admission`] members.
    AdmitMember {
        /// Its code.
        member: Member,
        /// Its name in English.
        name: Text<128>,
        /// Its root key.
        root: PublicKey,
        /// The id of the root after it.
        next_root: KeyId,
    },
    /// Authorises a contact point, or replaces its keys and details; signed by the member's root.
    AuthoriseContactPoint(Box<ContactPointEntry>),
    /// Authorises an officer; signed by the member's root.
    AuthoriseOfficer(Box<OfficerEntry>),
    /// Sets how many officers must approve what; signed by the member's root. Replaces earlier rules
    /// of the contact point.
    SetReleaseRules {
        /// Whose notices.
        contact_point: ContactPoint,
        /// The rules; what none covers needs no officer.
        rules: List<ReleaseRule, 16>,
    },
    /// Publishes sealing keys; signed by the contact point's signing key.
    PublishPrekeys {
        /// Whose.
        contact_point: ContactPoint,
        /// Live, or the exercise.
        environment: Environment,
        /// The keys.
        prekeys: List<Prekey, 10>,
    },
    /// Takes the committed next root into use and commits to the one after; signed by the new root.
    RotateRoot {
        /// Whose.
        member: Member,
        /// The key whose id was committed.
        new_root: PublicKey,
        /// The id of the root after it.
        next_root: KeyId,
    },
    /// Gives a member that lost its roots a new one, after a delay; endorsed by
    /// [`Thresholds::recovery`] other members, and signed by the new root. It takes effect with the first
    /// entry drafted after the delay that a member signed which did not endorse it.
    RecoverRoot {
        /// Whose.
        member: Member,
        /// The new root.
        new_root: PublicKey,
        /// The id of the root after it.
        next_root: KeyId,
    },
    /// Stops a recovery that still waits; signed with the committed next root, which is revealed.
    VetoRecovery {
        /// Whose.
        member: Member,
        /// The committed next root's public key.
        next_root: PublicKey,
    },
    /// Revokes a key for ever; signed by the member's root.
    RevokeKey {
        /// Which key.
        key: KeyId,
        /// Why.
        reason: RevocationReason,
        /// With effect from: what was log-anchored before stays good, what came after does not.
        effective: Timestamp,
    },
    /// Opens an exercise; signed by the root of a participating member. Its id is the SHA-256 of this
    /// statement's canonical bytes.
    OpenExercise {
        /// Its name, as shown on every message.
        name: Text<64>,
        /// Who takes part.
        participants: Set<Member, 64>,
        /// From when.
        from: Timestamp,
        /// Until when (not included).
        until: Timestamp,
    },
    /// Ends an exercise at once; signed by the root of the member that opened it.
    CloseExercise {
        /// Which.
        exercise: ExerciseId,
    },
    /// Suspends a member: its keys speak for nobody; endorsed like an admission.
    SuspendMember {
        /// Which.
        member: Member,
        /// Why, for people.
        reason: Text<256>,
    },
    /// Ends a suspension; endorsed like an admission.
    ReinstateMember {
        /// Which.
        member: Member,
    },
    /// Changes relays, witnesses, quorum, thresholds and the directory log's keys; endorsed by
    /// [`Thresholds::network`] members.
    ChangeNetwork(Box<NetworkChange>),
}

/// What becomes different. A network's relays and witnesses together need not fit into one statement, so it
/// says what leaves and what joins; what it does not name stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkChange {
    /// The entry that made the network what this changes: 0 is the charter. Another change in between would
    /// make of this one something that nobody endorsed.
    pub since: u64,
    /// Names of the relays that leave.
    pub drop_relays: Set<Text<64>, { limits::RELAYS }>,
    /// Relays that join, after those that stay; or take the place of the one with their name.
    pub relays: List<Relay, { limits::RELAYS }>,
    /// The relay that comes first from now on, and sequences the directory; the first that stays when absent.
    pub first_relay: Option<Text<64>>,
    /// Names of the witnesses that leave.
    pub drop_witnesses: Set<Text<128>, { limits::WITNESSES }>,
    /// Witnesses that join, or take the place of the one with their name.
    pub witnesses: Set<Witness, { limits::WITNESSES }>,
    /// How many of all must cosign.
    pub quorum: u8,
    /// How many members must agree to what.
    pub thresholds: Thresholds,
    /// New keys of the directory log, under its old name.
    pub directory_log: Option<LogKeys>,
}

/// One entry of the directory, before signing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// In which network.
    pub network: NetworkId,
    /// When it was drafted.
    pub created: Timestamp,
    /// Distinguishes statements that would otherwise be equal; random.
    pub nonce: Digest,
    /// What it does.
    pub act: Act,
}
canonical!(Statement, "statement", limits::STATEMENT_BYTES);

/// One signature under a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatementSignature {
    /// By which key.
    pub key: KeyId,
    /// Over the statement's bytes (domain `statement`, context of the network, live).
    pub signature: Signature,
}

/// A statement with its signatures, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedStatement {
    /// The statement's canonical bytes.
    pub statement: Blob<{ limits::STATEMENT_BYTES }>,
    /// The signatures, at most one per key.
    pub signatures: Set<StatementSignature, 64>,
}
canonical!(SignedStatement, "signed statement", limits::STATEMENT_BYTES);
