//! Sealing keys: published by the office itself, each for about a day.

use pouch_wire::{ContactPoint, Environment, KeyId, Timestamp};
use std::collections::BTreeSet;

use super::Speakers;
use super::signed::Signed;
use crate::directory::Directory;
use crate::refusal::StatementRefused as Refused;
use crate::state::{PublishedPrekey, Role};
use crate::statement::Prekey;

/// Longest life of one prekey: a day and its overlap.
const PREKEY_SPAN_MS: u64 = 26 * 3600 * 1000;
/// How far ahead of its statement a prekey may begin.
const PREKEY_AHEAD_MS: u64 = 14 * 24 * 3600 * 1000;

impl Directory {
    pub(super) fn publish_prekeys(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        place: (ContactPoint, Environment),
        prekeys: &[Prekey],
        created: Timestamp,
    ) -> Result<Speakers, Refused> {
        let (point, environment) = &place;
        self.active(&point.member)?;
        self.environment_open(*environment, &point.member)?;
        let entry = self.now_view().contact_point(point, *environment);
        let signing = entry.ok_or_else(|| Refused::NoContactPoint(point.clone()))?.signing;
        self.not_revoked(signing.id())?;
        signed.by(&signing)?;
        self.fit(prekeys, created)?;
        let speakers = Speakers::from([point.member.clone()]);
        for prekey in prekeys {
            let id = prekey.public.id();
            self.state.roles.insert(id, Role::Prekey(point.clone(), *environment));
            self.state.prekeys_of.entry(place.clone()).or_default().push(id);
            let published = PublishedPrekey {
                index,
                contact_point: point.clone(),
                environment: *environment,
                signed_by: signing.id(),
                prekey: prekey.clone(),
            };
            self.state.prekeys.insert(id, published);
        }
        Ok(speakers)
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
