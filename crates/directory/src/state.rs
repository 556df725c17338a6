//! What the fold knows, with its history.

use std::collections::{BTreeMap, BTreeSet};

use pouch_crypto::PublicKey;
use pouch_tlog::Policy;
use pouch_wire::{ContactPoint, Digest, Environment, ExerciseId, KeyId, List, Member, Set, Text, Timestamp};

use crate::charter::{LogKeys, Relay, Thresholds, Witness};
use crate::mandate::ReleaseRule;
use crate::period::History;
use crate::statement::{ContactPointEntry, OfficerEntry, Prekey, RevocationReason};

/// A member, as of some entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// Its code.
    pub member: Member,
    /// Its name in English.
    pub name: Text<128>,
    /// Its root key.
    pub root: PublicKey,
    /// The id of the root after it.
    pub next_root: KeyId,
    /// Whether it is suspended: its keys speak for nobody.
    pub suspended: bool,
}

/// Relays, witnesses, thresholds and the directory log's keys, as of some entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) directory_log: LogKeys,
    pub(crate) relays: Vec<Relay>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) quorum: u8,
    pub(crate) thresholds: Thresholds,
    pub(crate) policies: Policies,
}

/// Which checkpoints count, per log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policies {
    pub(crate) directory: Policy,
    pub(crate) messages: BTreeMap<String, Policy>,
}

/// A key that was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// By which entry.
    pub index: u64,
    /// When that was drafted.
    pub created: Timestamp,
    /// Why.
    pub reason: RevocationReason,
    /// With effect from when.
    pub effective: Timestamp,
}

/// An exercise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercise {
    /// Its id.
    pub id: ExerciseId,
    /// Its name.
    pub name: Text<64>,
    /// Who takes part.
    pub participants: Set<Member, 64>,
    /// Who opened it.
    pub opened_by: Member,
    /// From when.
    pub from: Timestamp,
    /// Until when (not included).
    pub until: Timestamp,
    pub(crate) opened_at: u64,
    pub(crate) closed_at: Option<u64>,
}

/// What a key is for; a key is for one thing, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Root(Member),
    Signing(ContactPoint, Environment),
    Transport(ContactPoint),
    Officer(ContactPoint, Environment),
    Prekey(ContactPoint, Environment),
    Service(Service),
}

/// What a relay, a log or a witness has a key for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) duty: Duty,
}

/// What the key does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    RelaySessions,
    Receipts,
    Checkpoints,
    Cosignatures,
    WitnessSessions,
}

/// A recovery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) index: u64,
    pub(crate) endorsers: BTreeSet<Member>,
    pub(crate) new_root: PublicKey,
    pub(crate) next_root: KeyId,
    pub(crate) begun: Timestamp,
    pub(crate) effective: Timestamp,
    /// What the newest date of each member was when it began: a member's wait is by its own dates.
    pub(crate) heard: BTreeMap<Member, Timestamp>,
}

/// A prekey that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedPrekey {
    pub(crate) index: u64,
    pub(crate) contact_point: ContactPoint,
    pub(crate) environment: Environment,
    pub(crate) signed_by: KeyId,
    pub(crate) prekey: Prekey,
}

/// A contact point's entry and when it was drafted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorised {
    pub(crate) entry: ContactPointEntry,
    pub(crate) created: Timestamp,
}

/// An officer's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorisedOfficer {
    pub(crate) index: u64,
    pub(crate) entry: OfficerEntry,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) members: BTreeMap<Member, History<MemberRecord>>,
    pub(crate) points: BTreeMap<(ContactPoint, Environment), History<Authorised>>,
    pub(crate) officers: BTreeMap<(ContactPoint, Environment), Vec<AuthorisedOfficer>>,
    pub(crate) rules: BTreeMap<ContactPoint, History<List<ReleaseRule, 16>>>,
    pub(crate) prekeys: BTreeMap<KeyId, PublishedPrekey>,
    /// With their ends, which every publication asks for.
    pub(crate) prekeys_of: BTreeMap<(ContactPoint, Environment), Vec<(KeyId, Timestamp)>>,
    pub(crate) revoked: BTreeMap<KeyId, Revocation>,
    pub(crate) roles: BTreeMap<KeyId, Role>,
    pub(crate) transports: BTreeMap<PublicKey, History<ContactPoint>>,
    pub(crate) network: History<Network>,
    pub(crate) exercises: BTreeMap<ExerciseId, Exercise>,
    /// The names of all exercises, which every new one asks for.
    pub(crate) exercise_names: BTreeSet<Text<64>>,
    pub(crate) recoveries: BTreeMap<Member, Recovery>,
    pub(crate) vetoed: BTreeMap<Member, u64>,
    /// Digests of statements that had an effect: none has it twice.
    pub(crate) seen: BTreeMap<Digest, u64>,
    /// For each entry that had an effect, the time when it was drafted, or the log's time before it, if
    /// that is later.
    pub(crate) logged_from: BTreeMap<u64, Timestamp>,
    /// The log's time.
    pub(crate) log_time: Timestamp,
    /// The newest date of what each member said.
    pub(crate) said: BTreeMap<Member, Timestamp>,
    /// When each member was last suspended or reinstated.
    pub(crate) standing_changed: BTreeMap<Member, Timestamp>,
    /// When each member's root was last rotated or recovered, or a recovery vetoed.
    pub(crate) root_changed: BTreeMap<Member, Timestamp>,
}
