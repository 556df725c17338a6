//! Questions to the directory, answered as of any size of its log.

use pouch_crypto::PublicKey;
use pouch_tlog::Policy;
use pouch_wire::{ContactPoint, Environment, ExerciseId, KeyId, Member, NoticeType, Precedence, Timestamp};

use crate::answers::{Authority, KeyPeriod, NotInRole, OfficerAuthority, TransportOwner};
use crate::charter::{Relay, Thresholds, Witness};
use crate::confusable::look_alike;
use crate::directory::Directory;
use crate::mandate::ReleaseRule;
use crate::period::History;
use crate::state::{Authorised, Exercise, MemberRecord, Network, Revocation, State};
use crate::statement::{ContactPointEntry, OfficerEntry, Prekey};

/// The directory as of some size.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    directory: &'a Directory,
    size: u64,
}

impl<'a> View<'a> {
    pub(crate) const fn new(directory: &'a Directory, size: u64) -> Self {
        Self { directory, size }
    }

    /// How many entries count.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    pub(crate) const fn state(&self) -> &'a State {
        &self.directory.state
    }

    pub(crate) fn charter_created(&self) -> Timestamp {
        self.directory.charter().created
    }

    pub(crate) const fn of_size(self, size: u64) -> Self {
        Self { size, ..self }
    }

    pub(crate) fn network(&self) -> &'a Network {
        self.directory.state.network.at(self.size).map_or(&self.directory.founding, |period| &period.value)
    }

    /// All members, suspended ones too.
    pub fn members(&self) -> impl Iterator<Item = &'a MemberRecord> + use<'a> {
        let size = self.size;
        self.directory.state.members.values().filter_map(move |history| history.at(size).map(|p| &p.value))
    }

    /// The members whose keys speak.
    pub fn active(&self) -> impl Iterator<Item = &'a MemberRecord> + use<'a> {
        self.members().filter(|record| !record.suspended)
    }

    /// One member.
    #[must_use]
    pub fn member(&self, member: &Member) -> Option<&'a MemberRecord> {
        self.directory.state.members.get(member)?.at(self.size).map(|period| &period.value)
    }

    /// Another member whose name looks like this one's, if there is one.
    #[must_use]
    pub fn looks_like(&self, member: &Member) -> Option<&'a MemberRecord> {
        let name = &self.member(member)?.name;
        self.members().find(|other| other.member != *member && look_alike(&other.name, name))
    }

    fn speaks(&self, member: &Member) -> bool {
        self.member(member).is_some_and(|record| !record.suspended)
    }

    /// All offices of members whose keys speak.
    pub fn contact_points(
        &self,
        environment: Environment,
    ) -> impl Iterator<Item = &'a ContactPointEntry> + use<'a> {
        let view = *self;
        let all = self.directory.state.points.iter().filter(move |((_, e), _)| *e == environment);
        all.filter_map(move |((point, _), history)| {
            history.at(view.size).filter(|_| view.speaks(&point.member)).map(|p| &p.value.entry)
        })
    }

    /// An office's current entry; `None` when there is none, or its member is suspended.
    #[must_use]
    pub fn contact_point(
        &self,
        point: &ContactPoint,
        environment: Environment,
    ) -> Option<&'a ContactPointEntry> {
        let period = self.directory.state.points.get(&(point.clone(), environment))?.at(self.size)?;
        self.speaks(&point.member).then_some(&period.value.entry)
    }

    /// Whether a key speaks for an office, with which mandate and since when.
    ///
    /// # Errors
    /// Why it does not.
    pub fn may_sign(
        &self,
        point: &ContactPoint,
        environment: Environment,
        key: KeyId,
    ) -> Result<Authority, NotInRole> {
        self.open(environment)?;
        if self.member(&point.member).is_some_and(|record| record.suspended) {
            return Err(NotInRole::Suspended(point.member.clone()));
        }
        let history = self.office(point, environment)?;
        let mut bound =
            history.all().iter().filter(|p| p.from < self.size && p.value.entry.signing.id() == key);
        let first = bound.next().ok_or_else(|| NotInRole::Unknown { contact_point: point.clone(), key })?;
        if let Some(revocation) = self.revocation(key) {
            return Err(NotInRole::Revoked { key, index: revocation.index });
        }
        let current = history.at(self.size).filter(|p| p.value.entry.signing.id() == key);
        let current = current.ok_or_else(|| NotInRole::Superseded { contact_point: point.clone(), key })?;
        Ok(Authority {
            key: current.value.entry.signing,
            since_index: first.from,
            since: first.value.created,
            mandate: current.value.entry.mandate.clone(),
            superseded: superseded(self.state(), history.all(), key),
        })
    }

    /// What the office was, if an entry that counts here made it.
    fn office(
        &self,
        point: &ContactPoint,
        environment: Environment,
    ) -> Result<&'a History<Authorised>, NotInRole> {
        let history = self.directory.state.points.get(&(point.clone(), environment));
        let begun = history.filter(|h| h.all().first().is_some_and(|period| period.from < self.size));
        begun.ok_or_else(|| NotInRole::NoContactPoint(point.clone()))
    }

    fn open(&self, environment: Environment) -> Result<(), NotInRole> {
        let Environment::Exercise(id) = environment else { return Ok(()) };
        let open = self.exercise(id).is_some_and(|e| e.closed_at.is_none_or(|at| at >= self.size));
        if open { Ok(()) } else { Err(NotInRole::ExerciseClosed) }
    }

    /// Whether a key approves for an office.
    ///
    /// # Errors
    /// Why it does not.
    pub fn officer(
        &self,
        point: &ContactPoint,
        environment: Environment,
        key: KeyId,
    ) -> Result<OfficerAuthority, NotInRole> {
        self.open(environment)?;
        if self.member(&point.member).is_some_and(|record| record.suspended) {
            return Err(NotInRole::Suspended(point.member.clone()));
        }
        self.office(point, environment)?;
        if let Some(revocation) = self.revocation(key) {
            return Err(NotInRole::Revoked { key, index: revocation.index });
        }
        let entry = self.officers(point, environment).into_iter().find(|entry| entry.key.id() == key);
        let entry = entry.ok_or_else(|| NotInRole::Unknown { contact_point: point.clone(), key })?;
        Ok(OfficerAuthority {
            key: entry.key,
            title: entry.title.to_string(),
            person: entry.person.to_string(),
            mandate: entry.mandate.clone(),
        })
    }

    /// The officers of an office whose keys are not revoked.
    #[must_use]
    pub fn officers(&self, point: &ContactPoint, environment: Environment) -> Vec<&'a OfficerEntry> {
        let all = self.directory.state.officers.get(&(point.clone(), environment)).into_iter().flatten();
        all.filter(|officer| officer.index < self.size && self.revocation(officer.entry.key.id()).is_none())
            .map(|officer| &officer.entry)
            .collect()
    }

    /// The rule that demands most officers of such a notice; `None` when no officer is needed. Of two that
    /// demand as many, the one without break-glass: who releases alone keeps every rule that covers.
    #[must_use]
    pub fn release_rule(
        &self,
        point: &ContactPoint,
        notice_type: NoticeType,
        precedence: Precedence,
    ) -> Option<ReleaseRule> {
        let rules = &self.directory.state.rules.get(point)?.at(self.size)?.value;
        let covers = |rule: &&ReleaseRule| rule.types.has(&notice_type) && precedence <= rule.at_or_above;
        rules.iter().filter(covers).max_by_key(|rule| (rule.officers, !rule.break_glass)).cloned()
    }

    /// Sealing keys that senders use now, the longest usable first. Those that a revoked key published
    /// are none, though it was the office's newest.
    #[must_use]
    pub fn prekeys(&self, point: &ContactPoint, environment: Environment, now: Timestamp) -> Vec<&'a Prekey> {
        if self.contact_point(point, environment).is_none() {
            return Vec::new();
        }
        let ids = self.directory.state.prekeys_of.get(&(point.clone(), environment)).into_iter().flatten();
        let mut usable: Vec<&Prekey> = ids
            .map(|(id, _)| id)
            .filter(|id| self.prekey_stands(**id))
            .filter_map(|id| self.directory.state.prekeys.get(id))
            .map(|published| &published.prekey)
            .filter(|prekey| prekey.usable_from <= now && now < prekey.usable_until)
            .collect();
        usable.sort_by_key(|prekey| core::cmp::Reverse(prekey.usable_until));
        usable
    }

    /// Until when an office can be sealed to with what is published.
    #[must_use]
    pub fn prekeys_ahead(&self, point: &ContactPoint, environment: Environment) -> Option<Timestamp> {
        let ids = self.directory.state.prekeys_of.get(&(point.clone(), environment)).into_iter().flatten();
        ids.filter(|(id, _)| self.prekey_stands(*id)).map(|(_, until)| *until).max()
    }

    /// Whether a sealing key is published and may be sealed to in its time. What a revoked key published
    /// is not: it may lead into other hands.
    #[must_use]
    pub fn prekey_stands(&self, id: KeyId) -> bool {
        let published = self.directory.state.prekeys.get(&id).filter(|p| p.index < self.size);
        published.is_some_and(|p| self.revocation(id).is_none() && self.revocation(p.signed_by).is_none())
    }

    /// Whose sealing key it is; `None` also when it is long over.
    #[must_use]
    pub fn prekey(&self, id: KeyId) -> Option<(&'a ContactPoint, Environment, &'a Prekey)> {
        let found = self.directory.state.prekeys.get(&id).filter(|p| p.index < self.size)?;
        Some((&found.contact_point, found.environment, &found.prekey))
    }

    /// The relays; the first sequences the directory.
    #[must_use]
    pub fn relays(&self) -> &'a [Relay] {
        &self.network().relays
    }

    /// A relay by name.
    #[must_use]
    pub fn relay(&self, name: &str) -> Option<&'a Relay> {
        self.relays().iter().find(|relay| *relay.name == *name)
    }

    /// Where a contact point collects its messages.
    #[must_use]
    pub fn home_relays(&self, point: &ContactPoint) -> Vec<&'a Relay> {
        let entry = self.contact_point(point, Environment::Live);
        entry.into_iter().flat_map(|e| e.home_relays.iter()).filter_map(|name| self.relay(name)).collect()
    }

    /// Whose transport key it is, if it may have a session.
    #[must_use]
    pub fn who_has_transport(&self, key: &PublicKey) -> Option<TransportOwner> {
        if let Some(period) =
            self.directory.state.transports.get(key).and_then(|history| history.at(self.size))
        {
            let speaks = self.speaks(&period.value.member);
            return speaks.then(|| TransportOwner::ContactPoint(period.value.clone()));
        }
        if let Some(witness) = self.witnesses().iter().find(|w| w.transport.as_ref() == Some(key)) {
            return Some(TransportOwner::Witness(witness.name.to_string()));
        }
        let relay = self.relays().iter().find(|relay| relay.transport == *key)?;
        Some(TransportOwner::Relay(relay.name.to_string()))
    }

    /// The relay that had this transport key before, when it speaks for nobody now. It may still learn from
    /// the directory that it is no longer named.
    #[must_use]
    pub fn former_relay(&self, key: &PublicKey) -> Option<&'a str> {
        if self.who_has_transport(key).is_some() {
            return None;
        }
        let before = self.directory.state.network.all().iter().filter(|period| period.from < self.size);
        let mut named = before.flat_map(|period| &period.value.relays);
        named.find(|relay| relay.transport == *key).map(|relay| relay.name.as_str())
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &'a [Witness] {
        &self.network().witnesses
    }

    /// How many of them must cosign.
    #[must_use]
    pub fn quorum(&self) -> u8 {
        self.network().quorum
    }

    /// How many members must agree to what.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        self.network().thresholds
    }

    /// Whether the newest entry changed the network: the checkpoint of these entries is the last one that the
    /// network before it cosigned.
    #[must_use]
    pub fn ends_with_a_change(&self) -> bool {
        let period = self.directory.state.network.at(self.size);
        period.is_some_and(|period| period.from.checked_add(1) == Some(self.size))
    }

    /// Which checkpoints of the directory log count.
    #[must_use]
    pub fn directory_policy(&self) -> Policy {
        self.network().policies.directory.clone()
    }

    /// Which checkpoints of a relay's message log count. No checkpoint of a relay that the network does
    /// not name does.
    #[must_use]
    pub fn message_policy(&self, relay: &Relay) -> Policy {
        let policies = &self.network().policies;
        policies.messages.get(&*relay.name).unwrap_or(&policies.directory).clone()
    }

    /// An exercise.
    #[must_use]
    pub fn exercise(&self, id: ExerciseId) -> Option<&'a Exercise> {
        self.directory.state.exercises.get(&id).filter(|exercise| exercise.opened_at < self.size)
    }

    /// Whether an exercise was closed before its time.
    #[must_use]
    pub fn exercise_is_closed(&self, id: ExerciseId) -> bool {
        self.exercise(id).is_some_and(|exercise| exercise.closed_at.is_some_and(|at| at < self.size))
    }

    /// All exercises.
    pub fn exercises(&self) -> impl Iterator<Item = &'a Exercise> + use<'a> {
        let size = self.size;
        self.directory.state.exercises.values().filter(move |exercise| exercise.opened_at < size)
    }

    /// A key's revocation.
    #[must_use]
    pub fn revocation(&self, key: KeyId) -> Option<&'a Revocation> {
        self.directory.state.revoked.get(&key).filter(|revocation| revocation.index < self.size)
    }

    /// Which key spoke for an office, and when.
    #[must_use]
    pub fn key_history(&self, point: &ContactPoint, environment: Environment) -> Vec<KeyPeriod> {
        let history = self.directory.state.points.get(&(point.clone(), environment));
        let periods = history.into_iter().flat_map(|h| h.all()).filter(|p| p.from < self.size);
        let mut found: Vec<KeyPeriod> = Vec::new();
        for period in periods {
            let key = period.value.entry.signing;
            match found.last_mut().filter(|last| last.key == key) {
                Some(last) => last.until_index = period.until,
                None => found.push(KeyPeriod {
                    key,
                    from_index: period.from,
                    from: period.value.created,
                    until_index: period.until,
                    revoked: self.revocation(key.id()).cloned(),
                }),
            }
        }
        found
    }
}

fn superseded(state: &State, all: &[crate::period::Period<Authorised>], key: KeyId) -> Option<Timestamp> {
    let last = all.iter().rposition(|p| p.value.entry.signing.id() == key)?;
    let next = all.get(last.saturating_add(1))?;
    Some(state.logged_from.get(&next.from).copied().unwrap_or(next.value.created))
}
