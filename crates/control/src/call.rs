//! What a user may ask of an agent, and the two kinds of answer.

use pouch_wire::{ContactPoint, Digest, KeyId, NetworkId, NoticeType, Precedence, Timestamp, Tlp};
use serde::{Deserialize, Serialize};

use crate::{
    Bytes, CourierFileView, CourierImported, CourierSelection, CourierWritten, DirectoryView, DisputesView,
    DoubtedView, DraftView, EntryView, EquivocationView, GovernanceView, InboxRow, JointView, KeyView,
    NoticeView, OutboxRow, RejudgedView, StatusView,
};

/// A file to go with a notice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentFile {
    /// Its name, without folders.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What is needed to draft a notice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compose {
    /// Its type.
    pub notice_type: NoticeType,
    /// Who must act.
    pub to: Vec<ContactPoint>,
    /// Who should know.
    pub info: Vec<ContactPoint>,
    /// How urgent; when absent, as urgent as our own notice that it concerns, or else routine.
    pub precedence: Option<Precedence>,
    /// With whom it may be shared; when absent, as the notice that it concerns, or else amber.
    pub tlp: Option<Tlp>,
    /// Whether the label may be more open than that of the notice that it concerns.
    #[serde(default)]
    pub widen: bool,
    /// The subject line.
    pub subject: String,
    /// BCP 47 language of the text.
    pub language: String,
    /// The fields of its type, as TOML (see `pouch send --template`).
    pub fields: String,
    /// How long it is valid, in seconds; the precedence decides when absent.
    pub valid_seconds: Option<u64>,
    /// The notice that it answers, corrects or cancels: a number or an id's beginning.
    pub in_reply_to: Option<String>,
    /// Files.
    pub attachments: Vec<AttachmentFile>,
    /// The exercise that it belongs to, by name; when absent, that of the notice that it concerns, or live.
    pub exercise: Option<String>,
    /// Released by one officer in an emergency, where the rule allows it; marked at both ends.
    pub break_glass: bool,
}

/// Which rows of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Only what no officer acknowledged yet.
    pub unacknowledged: bool,
    /// How many at most, newest first; 0 for the default.
    pub limit: u32,
}

/// What a user asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Call {
    /// How is the node?
    Status,
    /// Draft, sign and send, when no officer needs to approve.
    Send(Box<Compose>),
    /// Draft, and wait for approvals.
    Draft(Box<Compose>),
    /// Drafts that wait.
    Drafts,
    /// One draft, with the bytes that an officer signs.
    ShowDraft {
        /// The draft's id, or its beginning.
        id: String,
    },
    /// An officer's approval of a draft.
    Approve {
        /// The draft's id, or its beginning.
        id: String,
        /// The officer's key.
        officer: KeyId,
        /// The 64-byte signature over the notice's bytes (domain `approval`).
        signature: Bytes,
    },
    /// Sign and send a draft that has its approvals.
    Release {
        /// The draft's id, or its beginning.
        id: String,
    },
    /// Received notices.
    Inbox(Selection),
    /// Sent notices, with what is known of each recipient.
    Outbox(Selection),
    /// One notice, verified again now; received or sent.
    Show {
        /// Its id's beginning or its number.
        id: String,
    },
    /// One attachment's bytes.
    Attachment {
        /// The notice.
        id: String,
        /// Which, counted from 0.
        index: usize,
    },
    /// An officer has read it. Receipt only, no concurrence.
    Acknowledge {
        /// The notice.
        id: String,
        /// The officer's title, as the sender will read it.
        officer: String,
        /// When an answer may be expected.
        answer_by: Option<Timestamp>,
        /// A short remark.
        note: Option<String>,
    },
    /// The directory as this node believes it.
    Directory,
    /// Entries of the directory log.
    DirectoryLog {
        /// The first.
        from: u64,
        /// How many at most.
        count: u32,
    },
    /// Entries of the directory log as they stand there, to be folded by whoever asks.
    DirectoryEntries {
        /// The first.
        from: u64,
    },
    /// What contradicts the directory as this node believes it.
    Forks,
    /// The directory's current entry of this node's contact point.
    OwnEntry,
    /// What this node's member decided about its offices: keys, mandates, officers, release rules.
    Member,
    /// Received notices that the end of a key, or of a member's right to speak, made judged again.
    Rejudged,
    /// Draft what asks the senders of such notices to confirm them: these, or all.
    AskToConfirm {
        /// Numbers or beginnings of ids; empty for all.
        ids: Vec<String>,
    },
    /// Notices of our own that recipients doubt now, because a key that signed or approved them ended.
    Doubted,
    /// Draft what confirms such notices under the key in use: these, or all that are doubted.
    Reconfirm {
        /// Numbers or beginnings of ids; empty for all.
        ids: Vec<String>,
    },
    /// This node's keys.
    Keys,
    /// Put a signed statement into the directory, through a relay.
    Publish {
        /// The signed statement's canonical bytes.
        statement: Bytes,
    },
    /// A new signing key file is in place: use it as soon as the directory names it.
    ReloadKeys,
    /// The evidence file of one received notice.
    Evidence {
        /// The notice.
        id: String,
    },
    /// The file that a courier carries where there is no network.
    CourierExport(CourierSelection),
    /// Such a file is written: remember what was handed over.
    CourierWritten(CourierWritten),
    /// Take what a courier brought.
    CourierImport {
        /// The file's bytes.
        bytes: Bytes,
    },
    /// How a joint statement stands.
    Joint {
        /// The notice that proposed it, or one that signs it.
        id: String,
    },
    /// Sign a joint statement for our member.
    JointSign {
        /// The notice that proposed it.
        id: String,
    },
    /// Tell everybody that our member does not sign.
    JointDecline {
        /// The notice that proposed it.
        id: String,
        /// Why, in words.
        text: String,
    },
    /// The file that proves a joint statement with its signatures.
    JointExport {
        /// The notice that proposed it.
        id: String,
    },
    /// Messages of one sender that cannot both be, with both signatures.
    Contradictions,
    /// Events from now on (or from an earlier one on), as they happen.
    Watch {
        /// Numbers after this one; absent for new ones only.
        after: Option<u64>,
    },
}

/// Why the agent did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable code (`POUCH-...`).
    pub code: String,
    /// What happened.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to do next.
    pub next: String,
    /// The exit code that a command ends with.
    pub exit: u8,
}

/// What the agent says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "kebab-case")]
pub enum Answer {
    /// It did not.
    Refused(Refusal),
    /// To [`Call::Status`].
    Status(Box<StatusView>),
    /// To [`Call::Joint`].
    Joint(Box<JointView>),
    /// To [`Call::Send`] and [`Call::Release`]; to [`Call::JointSign`] and [`Call::JointDecline`] when no officer
    /// needs to approve.
    Sent(Box<OutboxRow>),
    /// To [`Call::Draft`], [`Call::ShowDraft`] and [`Call::Approve`]; to [`Call::JointSign`] and
    /// [`Call::JointDecline`] when officers need to approve.
    Draft(Box<DraftView>),
    /// To [`Call::Drafts`], [`Call::AskToConfirm`] and [`Call::Reconfirm`].
    Drafts(Vec<DraftView>),
    /// To [`Call::Inbox`].
    Inbox(Vec<InboxRow>),
    /// To [`Call::Outbox`].
    Outbox(Vec<OutboxRow>),
    /// To [`Call::Show`].
    Notice(Box<NoticeView>),
    /// To [`Call::Attachment`], [`Call::Evidence`] and [`Call::JointExport`].
    File {
        /// A name for it.
        name: String,
        /// SHA-256 of the bytes.
        digest: Digest,
        /// The bytes.
        bytes: Bytes,
    },
    /// To [`Call::CourierExport`].
    Courier(Box<CourierFileView>),
    /// To [`Call::CourierWritten`]: when.
    CourierWritten(Timestamp),
    /// To [`Call::CourierImport`].
    CourierImported(Box<CourierImported>),
    /// To [`Call::Acknowledge`].
    Acknowledged(Box<InboxRow>),
    /// To [`Call::Directory`].
    Directory(Box<DirectoryView>),
    /// To [`Call::DirectoryLog`].
    DirectoryLog(Vec<EntryView>),
    /// To [`Call::Member`].
    Member(Box<GovernanceView>),
    /// To [`Call::Rejudged`].
    Rejudged(Vec<RejudgedView>),
    /// To [`Call::Doubted`].
    Doubted(Vec<DoubtedView>),
    /// To [`Call::DirectoryEntries`]: some of them, in order; none when there are no more.
    DirectoryEntries(Vec<Bytes>),
    /// To [`Call::Forks`].
    Forks(Box<DisputesView>),
    /// To [`Call::Keys`] and [`Call::ReloadKeys`].
    Keys(Vec<KeyView>),
    /// To [`Call::OwnEntry`].
    OwnEntry {
        /// The network.
        network: NetworkId,
        /// The entry's canonical bytes.
        entry: Bytes,
    },
    /// To [`Call::Publish`]: the statement's index.
    Published(u64),
    /// To [`Call::Contradictions`], newest first.
    Contradictions(Vec<EquivocationView>),
    /// To [`Call::Watch`], once per event.
    Event(Box<crate::Event>),
}
