//! Which keys spoke in which notice, and which notices were judged again when one of them ended.

use pouch_wire::{EnvelopeId, KeyId, Member, NoticeId};

use super::Answer;
use crate::rows::{Rejudged, RejudgedRow, Unkeyed};

/// Notices by the keys that signed and approved them, and what an end of such a key did to them.
pub trait Rejudging {
    /// Notices of which it is not known which keys spoke in them: an older program kept them.
    ///
    /// # Errors
    /// When storage failed.
    fn unkeyed(&self, limit: u32) -> impl Answer<Vec<Unkeyed>>;

    /// Keeps which keys spoke in a notice.
    ///
    /// # Errors
    /// When storage failed.
    fn put_keys(&self, envelope: EnvelopeId, keys: Vec<KeyId>) -> impl Answer<()>;

    /// Live received notices that a key signed or approved, in the order of their ids.
    ///
    /// # Errors
    /// When storage failed.
    fn received_by_key(&self, key: KeyId) -> impl Answer<Vec<EnvelopeId>>;

    /// Live received notices of a member's offices, in the order of their ids.
    ///
    /// # Errors
    /// When storage failed.
    fn received_from(&self, member: &Member) -> impl Answer<Vec<EnvelopeId>>;

    /// Live notices of ours that a key signed or approved, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    fn sent_by_key(&self, key: KeyId) -> impl Answer<Vec<EnvelopeId>>;

    /// Notices of ours that concern a notice, oldest first.
    ///
    /// # Errors
    /// When storage failed.
    fn sent_about(&self, notice: NoticeId) -> impl Answer<Vec<EnvelopeId>>;

    /// Up to which entry of the directory received notices were judged again.
    ///
    /// # Errors
    /// When storage failed.
    fn rejudged_until(&self) -> impl Answer<u64>;

    /// Keeps how notices stand to what an entry ended, how far this went and what is told of it, all or
    /// nothing: nobody is told twice. The numbers of the events.
    ///
    /// # Errors
    /// When it would go back, or storage failed.
    fn put_rejudged(&self, rejudged: Rejudged) -> impl Answer<Vec<u64>>;

    /// The notices that were judged again because of one entry.
    ///
    /// # Errors
    /// When storage failed.
    fn rejudged_by(&self, entry: u64) -> impl Answer<Vec<RejudgedRow>>;

    /// The notices that were judged again, the newest entry first.
    ///
    /// # Errors
    /// When storage failed.
    fn rejudged(&self, limit: u32) -> impl Answer<Vec<RejudgedRow>>;
}
