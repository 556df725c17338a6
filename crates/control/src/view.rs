//! Plain values for people and programs: made from verified things, proving nothing themselves.
//!
//! Field names are an interface: they are added to, never renamed, within a major version.

use pouch_wire::{
    ContactPoint, EnvelopeId, KeyId, Member, NetworkId, NoticeId, NoticeType, Precedence, Timestamp, Tlp,
};
use serde::{Deserialize, Serialize};

use crate::{Bytes, ExerciseView, Finding};

/// One clause of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Which clause.
    pub clause: String,
    /// `holds`, `unsure` or `fails`.
    pub state: String,
    /// Stable code.
    pub code: String,
    /// In plain words.
    pub words: String,
}

/// What is to be believed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictView {
    /// `green`, `amber` or `red`.
    pub colour: String,
    /// One sentence.
    pub sentence: String,
    /// The code of the clause that decides; `POUCH-VER-00` when all hold.
    pub code: String,
    /// What to do next.
    pub next: String,
    /// Every clause.
    pub clauses: Vec<CheckView>,
    /// The exit code of a command that shows it (0 when green or amber with nothing against it).
    pub exit: u8,
}

/// A file that came with a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentView {
    /// Its name, made safe to show.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// One received notice in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxRow {
    /// The envelope that carried it.
    pub envelope: EnvelopeId,
    /// Its id; absent when it was refused before it could be read.
    pub notice: Option<NoticeId>,
    /// `NL/technical 2026-0001`; absent when refused.
    pub number: Option<String>,
    /// Who sent it (as proved; of a refused one, as claimed).
    pub sender: ContactPoint,
    /// Its type; absent when refused.
    pub notice_type: Option<NoticeType>,
    /// How urgent.
    pub precedence: Precedence,
    /// With whom it may be shared; absent when refused.
    pub tlp: Option<Tlp>,
    /// The subject, made safe to show; absent when refused.
    pub subject: Option<String>,
    /// `live`, or `EXERCISE` and the exercise's name: no name makes a drill look live.
    pub environment: String,
    /// The name of the exercise that it belongs to; absent when it is live. Whoever opened the exercise
    /// chose the name.
    pub exercise: Option<String>,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// When this node received it.
    pub received_at: Timestamp,
    /// When a courier brought it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_at: Option<Timestamp>,
    /// When an officer acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// What is to be believed.
    pub verdict: VerdictView,
}

/// One notice, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// `received` or `sent`.
    pub direction: String,
    /// The row of the list.
    pub row: Option<InboxRow>,
    /// The fixed printed form; empty when the notice was refused.
    pub printed: String,
    /// Six groups of five digits to compare by telephone; empty when refused.
    pub spoken_check: String,
    /// The files.
    pub attachments: Vec<AttachmentView>,
    /// Who has it: one row per recipient, of a sent notice.
    pub ladder: Vec<LadderRow>,
    /// Number of the message's entry in the relay's message log.
    pub log_index: Option<u64>,
    /// The name of the exercise that it belongs to; absent when it is live. Whoever opened the exercise
    /// chose the name.
    pub exercise: Option<String>,
}

/// The four rungs of the receipt ladder, and the refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Not yet at a relay.
    Queued,
    /// On a relay's durable storage.
    Accepted,
    /// Verified by the recipient's agent.
    Verified,
    /// Read by an officer; receipt only, no concurrence.
    Acknowledged,
    /// Answered with a notice.
    Answered,
    /// Refused by the recipient's agent.
    Refused,
}

/// What is known of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderRow {
    /// Whom.
    pub recipient: ContactPoint,
    /// `to` or `info`.
    pub role: String,
    /// How far it got.
    pub rung: Rung,
    /// When it got there.
    pub at: Option<Timestamp>,
    /// Who acknowledged, the code of a refusal, or the answer's number.
    pub detail: Option<String>,
    /// Whether its confirmation is late for its precedence: use the telephone.
    pub overdue: bool,
    /// The telephone number in the directory.
    pub telephone: Option<String>,
    /// While it is queued here: the relays where the recipient collects, when none of them can be reached.
    pub waits_for: Vec<String>,
    /// The relays that carry it in a lower class than it is marked with, and why, in their signed words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demoted: Vec<String>,
    /// When it was last written into a courier file for this recipient. That says nothing of its coming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_at: Option<Timestamp>,
}

/// One sent notice in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The envelope.
    pub envelope: EnvelopeId,
    /// The notice.
    pub notice: NoticeId,
    /// `NL/technical 2026-0001`.
    pub number: String,
    /// Its type.
    pub notice_type: NoticeType,
    /// How urgent.
    pub precedence: Precedence,
    /// The subject.
    pub subject: String,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// Whether it is marked as released by one officer in an emergency.
    #[serde(default)]
    pub break_glass: bool,
    /// What is known of each recipient.
    pub ladder: Vec<LadderRow>,
    /// The name of the exercise that it belongs to; absent when it is live. Whoever opened the exercise
    /// chose the name.
    pub exercise: Option<String>,
}

/// A draft that waits for approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftView {
    /// Its notice id; an edit would make another.
    pub id: NoticeId,
    /// The number that it will have.
    pub number: String,
    /// The printed form, as the recipient will read it.
    pub preview: String,
    /// How many officers must approve.
    pub officers_needed: u8,
    /// How many still have to; of one that is marked as an emergency's, one is enough where the member says so.
    pub officers_missing: u8,
    /// Titles of those who did.
    pub approved_by: Vec<String>,
    /// The bytes that an officer signs, in hexadecimal.
    pub notice_bytes: String,
    /// The network and environment that the signature is for, in hexadecimal (32 bytes).
    pub context: String,
    /// What would keep it from being believed, if anything: code and words.
    pub problems: Vec<String>,
    /// The name of the exercise that it belongs to; absent when it is live. Whoever opened the exercise
    /// chose the name.
    pub exercise: Option<String>,
}

/// A member of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its code.
    pub member: Member,
    /// Its name.
    pub name: String,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Its root key.
    pub root: KeyId,
    /// The root after it, which alone vetoes a recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_root: Option<KeyId>,
    /// The entry by which it vetoed a recovery, when the next one needs more members because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vetoed: Option<u64>,
    /// The recovery of its root that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryView>,
    /// Its offices.
    pub contact_points: Vec<ContactPointView>,
}

/// A recovery of a member's root that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryView {
    /// By which entry it began.
    pub index: u64,
    /// Who endorsed it.
    pub endorsers: Vec<Member>,
    /// The root that it would give the member.
    pub new_root: KeyId,
    /// From when on it can take effect; until it has, the member's next root can veto it.
    pub effective: Timestamp,
}

/// How many members must agree to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdsView {
    /// To an admission, suspension or reinstatement.
    pub admission: u8,
    /// To a change of the network.
    pub network: u8,
    /// To a recovery, of the other members.
    pub recovery: u8,
    /// To a recovery after a veto.
    pub recovery_after_veto: u8,
    /// How long a recovery waits.
    pub recovery_delay_ms: u64,
}

/// An office of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactPointView {
    /// Which.
    pub contact_point: ContactPoint,
    /// Its English name, or the first it has.
    pub name: String,
    /// The key that signs for it.
    pub signing_key: KeyId,
    /// Digits to compare by telephone.
    pub fingerprint: String,
    /// Since which entry of the log.
    pub since_index: u64,
    /// Since when.
    pub since: Timestamp,
    /// Its telephone.
    pub telephone: String,
    /// Its home relays.
    pub home_relays: Vec<String>,
    /// Its mandate in words.
    pub mandate: String,
    /// How many sealing keys can be used now.
    pub live_prekeys: usize,
    /// Its officers' titles.
    pub officers: Vec<String>,
}

/// A witness of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessView {
    /// Its name.
    pub name: String,
}

/// The directory as a node believes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryView {
    /// The network.
    pub network: NetworkId,
    /// Its name.
    pub name: String,
    /// How many entries the accepted checkpoint has.
    pub size: u64,
    /// When its quorum cosigned it.
    pub cosigned_at: Option<Timestamp>,
    /// The members.
    pub members: Vec<MemberView>,
    /// The relays' names and addresses.
    pub relays: Vec<String>,
    /// The witnesses.
    pub witnesses: Vec<WitnessView>,
    /// How many of them must cosign.
    pub quorum: u8,
    /// Its exercises, those that are over too.
    pub exercises: Vec<ExerciseView>,
    /// How many members must agree to what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<ThresholdsView>,
}

/// One entry of the directory log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its index.
    pub index: u64,
    /// What it does, in words.
    pub words: String,
    /// When it was drafted.
    pub created: Option<Timestamp>,
    /// Why it has no effect, if it has none.
    pub no_effect: Option<String>,
}

/// One of a node's own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    /// `signing`, `next signing`, `former signing`, `sealing`.
    pub kind: String,
    /// Its id.
    pub id: KeyId,
    /// In words: `current`, `waiting for the directory`, `no longer used`, `revoked by entry N (reason)`,
    /// `published` and so on.
    pub state: String,
    /// From when it counts.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Digits to compare by telephone.
    pub fingerprint: String,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Who it speaks for.
    pub contact_point: ContactPoint,
    /// The network's name.
    pub network: String,
    /// All relays, whether there is a session now, and what carries it: `quic` or `tcp`.
    pub relays: Vec<(String, bool, Option<String>)>,
    /// Size of the accepted directory.
    pub directory_size: u64,
    /// When its quorum cosigned it.
    pub cosigned_at: Option<Timestamp>,
    /// How fresh it is.
    pub freshness: Finding,
    /// `sure`, or why the time is unsure.
    pub clock: String,
    /// Live notices that no officer acknowledged.
    pub unacknowledged: u64,
    /// Notices of exercises that no officer acknowledged.
    pub unacknowledged_in_exercises: u64,
    /// Sent notices not yet at a relay.
    pub queued: u64,
    /// The signing key in use.
    pub signing_key: KeyId,
    /// Since when the directory names it; absent when it does not, or names another.
    pub signing_since: Option<Timestamp>,
    /// Until when others can seal to this node with what is published now.
    pub sealing_until: Option<Timestamp>,
    /// Alarms that stand, newest first.
    pub alarms: Vec<String>,
    /// Since when no relay has been reachable, if none is.
    #[serde(default)]
    pub no_relay_since: Option<Timestamp>,
    /// How it stands with everybody else now.
    #[serde(default)]
    pub peers: Vec<PeerView>,
    /// What the system keeps the node from doing, in words; empty when that was never asked for.
    #[serde(default)]
    pub containment: String,
    /// The program's version.
    pub version: String,
}

/// How it stands with another office now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// Which.
    pub contact_point: ContactPoint,
    /// When its newest beacon came; absent when none did since this node began.
    pub heard_at: Option<Timestamp>,
    /// Whether nothing is heard of it any more.
    pub contact_lost: bool,
    /// Whether it says that a relay accepted a message of it for us, which does not come.
    pub withheld: bool,
    /// Whether it announced such a message and took it back within the last hour: then the same is no alarm.
    #[serde(default)]
    pub took_back: bool,
    /// Messages of it that are missing: others came after them.
    pub gaps: Vec<GapView>,
}

/// Two messages of one sender that cannot both be: two in one place, or one that names another before it
/// than the one that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquivocationView {
    /// Whose.
    pub sender: ContactPoint,
    /// When this node saw it.
    pub seen_at: Timestamp,
    /// The message that came later, and was refused.
    pub one: OutsideView,
    /// The message that it contradicts.
    pub other: OutsideView,
}

/// The outside of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideView {
    /// Its id, which is the hash of the header.
    pub envelope: EnvelopeId,
    /// The header's canonical bytes; absent when the message never came and is only named.
    pub header: Option<Bytes>,
    /// The sender's signature over them (domain `envelope`).
    pub signature: Option<Bytes>,
}

/// Messages that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapView {
    /// In which of the sender's epochs.
    pub epoch: u64,
    /// The first missing number.
    pub from: u64,
    /// The last missing number.
    pub to: u64,
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A notice came and was verified.
    Received,
    /// A message came and was refused.
    RefusedArrival,
    /// A recipient got further up the ladder.
    Progress,
    /// Confirmation is late.
    Overdue,
    /// Something is wrong: a gap, a fork, a broken promise, a stale directory.
    Alarm,
    /// A relay's session came up or went down.
    Link,
    /// The directory grew.
    Directory,
    /// A key came into use or was destroyed.
    Key,
    /// A joint statement stands otherwise than before.
    Joint,
    /// Somebody is no longer heard of, or is again; what did not come came.
    Contact,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Rising numbers.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: EventKind,
    /// Stable code, or empty.
    pub code: String,
    /// In words, without content of notices.
    pub words: String,
    /// The envelope that it concerns.
    pub envelope: Option<EnvelopeId>,
    /// The notice's number that it concerns.
    pub number_of_notice: Option<String>,
    /// How urgent that notice is.
    pub precedence: Option<Precedence>,
    /// The name of the exercise that it belongs to; absent when it is live. Whoever opened the exercise
    /// chose the name.
    pub exercise: Option<String>,
}
