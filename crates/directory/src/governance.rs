//! What a member decided about its own offices, whole, for its own people: officers that no longer
//! count are told too, with the reason.

use pouch_wire::{ContactPoint, Environment, KeyId, Member};

use crate::mandate::ReleaseRule;
use crate::state::{Revocation, Role};
use crate::statement::{ContactPointEntry, OfficerEntry};
use crate::view::View;

/// An officer that was ever authorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfficerRecord<'a> {
    /// By which entry.
    pub index: u64,
    /// As authorised.
    pub entry: &'a OfficerEntry,
    /// The revocation of the key, when it is revoked.
    pub revoked: Option<&'a Revocation>,
}

impl<'a> View<'a> {
    /// All officers that an office has or had, in the order in which they were authorised.
    #[must_use]
    pub fn officer_records(&self, point: &ContactPoint, environment: Environment) -> Vec<OfficerRecord<'a>> {
        let all = self.state().officers.get(&(point.clone(), environment)).into_iter().flatten();
        all.filter(|officer| officer.index < self.size())
            .map(|officer| OfficerRecord {
                index: officer.index,
                entry: &officer.entry,
                revoked: self.revocation(officer.entry.key.id()),
            })
            .collect()
    }

    /// The offices of a member, also while it is suspended.
    #[must_use]
    pub fn offices_of(&self, member: &Member, environment: Environment) -> Vec<&'a ContactPointEntry> {
        let all = self.state().points.iter().filter(|((p, e), _)| p.member == *member && *e == environment);
        all.filter_map(|(_, history)| history.at(self.size()).map(|period| &period.value.entry)).collect()
    }

    /// The office for which a key signs or approves, or did.
    #[must_use]
    pub fn whose(&self, key: KeyId) -> Option<&'a ContactPoint> {
        match self.state().roles.get(&key)? {
            Role::Signing(point, _) | Role::Officer(point, _) => Some(point),
            Role::Root(_) | Role::Transport(_) | Role::Prekey(..) | Role::Service(_) => None,
        }
    }

    /// The release rules of an office.
    #[must_use]
    pub fn release_rules(&self, point: &ContactPoint) -> &'a [ReleaseRule] {
        let history = self.state().rules.get(point);
        history.and_then(|history| history.at(self.size())).map_or(&[], |period| &period.value)
    }
}
