//! What a relay keeps: mailboxes, the message log, the directory log, checkpoints, small values.

use pouch_wire::session::LogName;
use pouch_wire::{ContactPoint, Digest, EnvelopeId, Timestamp};

use super::Answer;
use crate::rows::{
    AcceptedRow, Burden, Expired, FollowedStep, ForkRow, LostLeaf, NewMessage, Parcel, Pending, PublishedRow,
    SignatureRow, SignedRow, Usage,
};

/// Messages that wait for their recipients.
pub trait Mailboxes {
    /// Keeps a message: payload once, a row per recipient, its leaf and signature in the log. The same
    /// message again changes nothing and gets the first answer.
    ///
    /// # Errors
    /// When the disk is full or storage failed; then nothing was accepted.
    fn accept(&self, message: NewMessage) -> impl Answer<AcceptedRow>;

    /// What a sender has stored and not yet delivered.
    ///
    /// # Errors
    /// When storage failed.
    fn usage(&self, sender: &ContactPoint) -> impl Answer<Usage>;

    /// What must be known before a message is taken, in one look.
    ///
    /// # Errors
    /// When storage failed.
    fn burden(&self, envelope: EnvelopeId, sender: &ContactPoint) -> impl Answer<Burden>;

    /// Messages that wait for a recipient: most urgent first; of one precedence each sender's first, then
    /// each sender's second, and so on, so that nobody waits for all of somebody else's.
    ///
    /// # Errors
    /// When storage failed.
    fn pending(&self, recipient: &ContactPoint, limit: u32) -> impl Answer<Vec<Pending>>;

    /// The same with at most `each` of one sender in one class: what a flood left in a mailbox is not read
    /// again and again to find what goes next.
    ///
    /// # Errors
    /// When storage failed.
    fn first_of_each(&self, recipient: &ContactPoint, each: u32, limit: u32) -> impl Answer<Vec<Pending>>;

    /// Everybody for whom something waits.
    ///
    /// # Errors
    /// When storage failed.
    fn recipients_with_pending(&self) -> impl Answer<Vec<ContactPoint>>;

    /// What a recipient gets of a message; `None` when nothing waits for it.
    ///
    /// # Errors
    /// When the stored message is damaged, or storage failed.
    fn load(&self, envelope: EnvelopeId, recipient: &ContactPoint) -> impl Answer<Option<Parcel>>;

    /// The recipient has it: forget its row, and the payload with the last one.
    ///
    /// # Errors
    /// When storage failed.
    fn taken(&self, envelope: EnvelopeId, recipient: &ContactPoint) -> impl Answer<()>;

    /// Drops what nobody may act on any more, and says what was not taken. At `not_after` itself it
    /// is too late.
    ///
    /// # Errors
    /// When storage failed; then nothing was dropped.
    fn expire(&self, now: Timestamp) -> impl Answer<Vec<Expired>>;
}

/// The message log's leaves and the signature records. Nothing in it is ever deleted.
pub trait MessageLog {
    /// Entries of the message log, from an index on.
    ///
    /// # Errors
    /// When storage failed, or an entry is missing.
    fn leaves(&self, from: u64, count: u32) -> impl Answer<Vec<Vec<u8>>>;

    /// Puts entries at the end, all or none, of which the messages are lost: an older copy of the database
    /// was put back. When a message is brought again it gets the place that it had.
    ///
    /// # Errors
    /// When they do not follow those that are there, or storage failed.
    fn put_lost_leaves(&self, from: u64, leaves: Vec<LostLeaf>) -> impl Answer<()>;

    /// How many entries the message log has.
    ///
    /// # Errors
    /// When storage failed.
    fn leaf_count(&self) -> impl Answer<u64>;

    /// Where a message stands in the message log, and when it was accepted; `None` when it never was.
    ///
    /// # Errors
    /// When storage failed.
    fn accepted(&self, envelope: EnvelopeId) -> impl Answer<Option<(u64, Timestamp)>>;

    /// Header and signature of accepted messages, from an index on, for auditors.
    ///
    /// # Errors
    /// When storage failed, or a record is damaged (its index is said).
    fn signature_records(&self, from: u64, count: u32) -> impl Answer<Vec<SignatureRow>>;
}

/// The directory log's entries, in full. Entries are only ever added at the end.
pub trait DirectoryLog {
    /// Puts entries at the end of the directory log, all or none; the index of the first.
    ///
    /// # Errors
    /// When storage failed.
    fn append_entries(&self, entries: Vec<Vec<u8>>) -> impl Answer<u64>;

    /// Entries of the directory log, from an index on.
    ///
    /// # Errors
    /// When storage failed, or an entry is missing.
    fn entries(&self, from: u64, count: u32) -> impl Answer<Vec<Vec<u8>>>;

    /// How many entries the directory log has.
    ///
    /// # Errors
    /// When storage failed.
    fn entry_count(&self) -> impl Answer<u64>;
}

/// What the logs' keys signed, and what is published. Neither ever goes back.
pub trait Checkpoints {
    /// Remembers what the log's keys signed, before anybody sees it.
    ///
    /// # Errors
    /// When it would go back, or give one size a second root.
    fn put_signed(&self, log: LogName, size: u64, root: Digest, note: Vec<u8>) -> impl Answer<()>;

    /// What the log's keys signed last.
    ///
    /// # Errors
    /// When storage failed.
    fn signed(&self, log: LogName) -> impl Answer<Option<SignedRow>>;

    /// Remembers what is published. The same size again stands for fresher cosignatures.
    ///
    /// # Errors
    /// When nothing of this size was signed, or it would go back.
    fn put_published(&self, log: LogName, size: u64, note: Vec<u8>) -> impl Answer<()>;

    /// What is published.
    ///
    /// # Errors
    /// When storage failed.
    fn published(&self, log: LogName) -> impl Answer<Option<PublishedRow>>;
}

/// Another relay's directory log, followed.
pub trait Followed {
    /// Takes entries and the checkpoint that covers them, together.
    ///
    /// # Errors
    /// When the entries do not follow those that are there, or the checkpoint would go back or give one size
    /// a second root; then nothing was taken.
    fn follow(&self, step: FollowedStep) -> impl Answer<()>;

    /// Keeps two checkpoints that contradict each other, as evidence. The same two again change nothing.
    ///
    /// # Errors
    /// When storage failed.
    fn put_fork(&self, one: Vec<u8>, other: Vec<u8>) -> impl Answer<()>;

    /// All forks that were seen.
    ///
    /// # Errors
    /// When storage failed.
    fn forks(&self) -> impl Answer<Vec<ForkRow>>;
}

/// A relay's epoch, which senders are told.
pub trait Epoch {
    /// The epoch.
    ///
    /// # Errors
    /// When storage failed, or it is damaged.
    fn epoch(&self) -> impl Answer<u64>;

    /// Begins a new epoch, because something may be lost that was accepted. It becomes at least `at_least`
    /// and more than it was: give the time, so that a copy that is put back twice does not begin the same
    /// one twice.
    ///
    /// # Errors
    /// When storage failed.
    fn raise_epoch(&self, at_least: u64) -> impl Answer<u64>;
}

/// Small values by name, such as the keys of QUIC's reset tokens.
pub trait SmallValues {
    /// A small value by name.
    ///
    /// # Errors
    /// When storage failed.
    fn meta(&self, name: &'static str) -> impl Answer<Option<Vec<u8>>>;

    /// Keeps a small value by name.
    ///
    /// # Errors
    /// When storage failed.
    fn put_meta(&self, name: &'static str, value: Vec<u8>) -> impl Answer<()>;
}
