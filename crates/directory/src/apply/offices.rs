//! What a member's root decides about its offices: contact points, officers, release rules.

use std::collections::BTreeSet;

use pouch_crypto::PublicKey;
use pouch_wire::{ContactPoint, Environment, List, Timestamp};

use super::Judged;
use super::signed::Signed;
use crate::directory::Directory;
use crate::mandate::{Mandate, ReleaseRule};
use crate::plain::is_person;
use crate::refusal::StatementRefused as Refused;
use crate::state::{Authorised, AuthorisedOfficer, Role};
use crate::statement::{ContactPointEntry, OfficerEntry};

impl Directory {
    pub(super) fn authorise<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        entry: &'a ContactPointEntry,
        created: Timestamp,
    ) -> Result<Judged<'a>, Refused> {
        let point = &entry.contact_point;
        let speakers = self.by_root(signed, &point.member)?;
        self.environment_open(entry.environment, &point.member)?;
        fit(&entry.mandate)?;
        self.homes(entry)?;
        let current = self.now_view().contact_point(point, entry.environment).cloned();
        if current.as_ref() == Some(entry) {
            return Err(Refused::NoChange);
        }
        self.free_office_keys(entry, current.as_ref())?;
        Ok(Judged::new(speakers, move |directory| {
            directory.move_transport(index, entry, current.map(|old| old.transport));
            let role = Role::Signing(point.clone(), entry.environment);
            directory.state.roles.insert(entry.signing.id(), role);
            let authorised = Authorised { entry: entry.clone(), created };
            let history = directory.state.points.entry((point.clone(), entry.environment)).or_default();
            history.set(index, authorised);
        }))
    }

    /// Home relays are relays of the network, each named once, and there is one.
    fn homes(&self, entry: &ContactPointEntry) -> Result<(), Refused> {
        let view = self.now_view();
        let mut names = BTreeSet::new();
        for name in &entry.home_relays {
            if view.relay(name).is_none() {
                return Err(Refused::NoRelay(name.to_string()));
            }
            if !names.insert(name) {
                return Err(Refused::Names(name.to_string()));
            }
        }
        if names.is_empty() { Err(Refused::Empty) } else { Ok(()) }
    }

    /// The keys are the ones that the office has in this environment, or new.
    fn free_office_keys(
        &self,
        entry: &ContactPointEntry,
        current: Option<&ContactPointEntry>,
    ) -> Result<(), Refused> {
        let (signing, transport) = (entry.signing, entry.transport);
        if signing == transport {
            return Err(Refused::KeyTaken(signing.id()));
        }
        let kept = current.is_some_and(|c| c.signing == signing);
        if kept {
            self.not_revoked(signing.id())?
        } else {
            self.free(signing.id())?
        }
        self.free_transport(entry, current)
    }

    /// Sessions are of the node, not of the environment, and whoever has one gets the office's live mail:
    /// an exercise binds no transport key, it names the live one.
    fn free_transport(
        &self,
        entry: &ContactPointEntry,
        current: Option<&ContactPointEntry>,
    ) -> Result<(), Refused> {
        let (point, transport) = (&entry.contact_point, entry.transport);
        if entry.environment != Environment::Live {
            let live = self.now_view().contact_point(point, Environment::Live);
            let live = live.ok_or_else(|| Refused::NoContactPoint(point.clone()))?;
            if live.transport != transport {
                return Err(Refused::NotLiveTransport(transport.id()));
            }
        }
        let kept =
            entry.environment != Environment::Live || current.is_some_and(|c| c.transport == transport);
        if kept { self.not_revoked(transport.id()) } else { self.free(transport.id()) }
    }

    /// The node's sessions go over to the live entry's transport key, where it is another.
    fn move_transport(&mut self, index: u64, entry: &ContactPointEntry, old: Option<PublicKey>) {
        if entry.environment != Environment::Live || old == Some(entry.transport) {
            return;
        }
        let point = &entry.contact_point;
        if let Some(old) = old {
            self.state.transports.entry(old).or_default().end(index);
        }
        self.state.roles.insert(entry.transport.id(), Role::Transport(point.clone()));
        self.state.transports.entry(entry.transport).or_default().set(index, point.clone());
    }

    pub(super) fn authorise_officer<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        entry: &'a OfficerEntry,
    ) -> Result<Judged<'a>, Refused> {
        let speakers = self.by_root(signed, &entry.contact_point.member)?;
        self.environment_open(entry.environment, &entry.contact_point.member)?;
        fit(&entry.mandate)?;
        if !is_person(&entry.person) {
            return Err(Refused::Person(entry.person.to_string()));
        }
        self.office(&entry.contact_point, entry.environment)?;
        self.free(entry.key.id())?;
        Ok(Judged::new(speakers, move |directory| {
            let place = (entry.contact_point.clone(), entry.environment);
            directory.state.roles.insert(entry.key.id(), Role::Officer(place.0.clone(), place.1));
            let officer = AuthorisedOfficer { index, entry: entry.clone() };
            directory.state.officers.entry(place).or_default().push(officer);
        }))
    }

    pub(super) fn set_release_rules<'a>(
        &self,
        index: u64,
        signed: &Signed<'_>,
        point: &'a ContactPoint,
        rules: &'a List<ReleaseRule, 16>,
    ) -> Result<Judged<'a>, Refused> {
        let speakers = self.by_root(signed, &point.member)?;
        self.office(point, Environment::Live)?;
        if rules.iter().any(|rule| rule.types.is_empty() || rule.officers == 0) {
            return Err(Refused::Empty);
        }
        Ok(Judged::new(speakers, move |directory| {
            directory.state.rules.entry(point.clone()).or_default().set(index, rules.clone());
        }))
    }

    fn office(&self, point: &ContactPoint, environment: Environment) -> Result<(), Refused> {
        let entry = self.now_view().contact_point(point, environment);
        entry.map(|_| ()).ok_or_else(|| Refused::NoContactPoint(point.clone()))
    }
}

/// A mandate that covers something.
fn fit(mandate: &Mandate) -> Result<(), Refused> {
    if mandate.until <= mandate.from {
        return Err(Refused::Span("mandate"));
    }
    if mandate.types.is_empty() || mandate.strictest_tlp > mandate.most_open_tlp {
        return Err(Refused::Empty);
    }
    Ok(())
}
