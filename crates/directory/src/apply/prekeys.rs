//! Sealing keys: published by the office itself, each for about a day.

use pouch_wire::{ContactPoint, Environment, KeyId, Timestamp, limits};
use std::collections::BTreeSet;

use super::Judged;
use super::signed::Signed;
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::{PublishedPrekey, Role};
use crate::statement::Prekey;

/// Longest life of one prekey: a day and its overlap.
const PREKEY_SPAN_MS: u64 = 26 * 3600 * 1000;
/// How far ahead of its statement a prekey may begin.
const PREKEY_AHEAD_MS: u64 = 14 * 24 * 3600 * 1000;
/// For how long after its end a prekey counts among those that an office may have. Without this, keys
/// that end at once would never count.
const PREKEY_COUNTS_MS: u64 = 7 * 24 * 3600 * 1000;
/// For how long after its end a prekey is known: a message sealed to it in time may live this long, and
/// then as long again.
const PREKEY_KEPT_MS: u64 = 2 * limits::LIFE_MS_MAX;

impl Directory {
    pub(super) fn publish_prekeys<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        place: (ContactPoint, Environment),
        prekeys: &'a [Prekey],
        created: Timestamp,
    ) -> Result<Judged<'a>, Refused> {
        let (point, environment) = &place;
        self.active(&point.member)?;
        self.environment_open(*environment, &point.member)?;
        let entry = self.now_view().contact_point(point, *environment);
        let signing = entry.ok_or_else(|| Refused::NoContactPoint(point.clone()))?.signing;
        self.not_revoked(signing.id())?;
        signed.by(&signing)?;
        self.fit(prekeys, created)?;
        self.room(&place, prekeys.len(), created)?;
        let signed_by = signing.id();
        Ok(Judged::new([point.member.clone()], move |directory| {
            directory.forget_prekeys(&place, created);
            for prekey in prekeys {
                let id = prekey.public.id();
                let (contact_point, environment) = place.clone();
                directory.state.roles.insert(id, Role::Prekey(contact_point.clone(), environment));
                directory.state.prekeys_of.entry(place.clone()).or_default().push((id, prekey.usable_until));
                let prekey = prekey.clone();
                let published = PublishedPrekey { index, contact_point, environment, signed_by, prekey };
                directory.state.prekeys.insert(id, published);
            }
        }))
    }

    /// Counted by the statement's own date, which nothing gains by changing: dated back, more count. What
    /// is revoked, or was published by a key that is, does not: an office whose key was stolen has room
    /// again as soon as it says so.
    fn room(
        &self,
        place: &(ContactPoint, Environment),
        new: usize,
        created: Timestamp,
    ) -> Result<(), Refused> {
        let counts = |(id, until): &&(KeyId, Timestamp)| {
            until.0.saturating_add(PREKEY_COUNTS_MS) > created.0
                && !self.state.revoked.contains_key(id)
                && self
                    .state
                    .prekeys
                    .get(id)
                    .is_some_and(|published| !self.state.revoked.contains_key(&published.signed_by))
        };
        let have = self.state.prekeys_of.get(place).into_iter().flatten().filter(counts).count();
        if have.saturating_add(new) > limits::PREKEYS_OF_OFFICE {
            return Err(Refused::TooManyPrekeys(place.0.clone()));
        }
        Ok(())
    }

    /// Drops what is long over. That the key was bound, and for whom, stays for ever.
    fn forget_prekeys(&mut self, place: &(ContactPoint, Environment), created: Timestamp) {
        let Some(ids) = self.state.prekeys_of.get_mut(place) else { return };
        let prekeys = &mut self.state.prekeys;
        ids.retain(|(id, until)| {
            let kept = until.0.saturating_add(PREKEY_KEPT_MS) > created.0;
            if !kept {
                prekeys.remove(id);
            }
            kept
        });
    }

    fn fit(&self, prekeys: &[Prekey], created: Timestamp) -> Result<(), Refused> {
        if prekeys.is_empty() {
            return Err(Refused::Empty);
        }
        let mut ids: BTreeSet<KeyId> = BTreeSet::new();
        for prekey in prekeys {
            let id = prekey.public.id();
            self.free(id)?;
            if !ids.insert(id) {
                return Err(Refused::KeyTaken(id));
            }
            let span = prekey.usable_until.0.saturating_sub(prekey.usable_from.0);
            let ahead = prekey.usable_from.0.saturating_sub(created.0);
            if span == 0 || span > PREKEY_SPAN_MS || ahead > PREKEY_AHEAD_MS || prekey.usable_until <= created
            {
                return Err(Refused::Span("prekey"));
            }
        }
        Ok(())
    }
}
