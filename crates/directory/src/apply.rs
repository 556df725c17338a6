//! The fold: what each statement does, and every rule that it must keep.
//!
//! Pure and total: the same log gives the same directory everywhere, whatever a hostile log holds. A
//! statement that breaks a rule is counted and has no effect.

use std::collections::BTreeSet;

use pouch_crypto::{Domain, PublicKey, sha256};
use pouch_wire::{
    Canonical as _, ContactPoint, Digest, Environment, ExerciseId, KeyId, List, Member, Set, Text, Timestamp,
};

use crate::charter::{LogKeys, Relay, Thresholds, Witness};
use crate::confusable::confusable;
use crate::directory::Directory;
use crate::mandate::{Mandate, ReleaseRule};
use crate::policies::policies;
use crate::refusal::StatementRefused as Refused;
use crate::state::{
    Authorised, AuthorisedOfficer, Exercise, MemberRecord, Network, PublishedPrekey, Recovery, Revocation,
    Role, State,
};
use crate::statement::{Act, ContactPointEntry, OfficerEntry, Prekey, SignedStatement, Statement};

/// Longest life of one prekey: a day and its overlap.
const PREKEY_SPAN_MS: u64 = 26 * 3600 * 1000;
/// How far ahead of its statement a prekey may begin.
const PREKEY_AHEAD_MS: u64 = 14 * 24 * 3600 * 1000;

/// What an entry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It had its effect.
    Applied,
    /// It stays in the log without one.
    NoEffect(Refused),
}

/// A statement whose signatures are still to be judged.
struct Signed<'a> {
    directory: &'a Directory,
    bytes: &'a [u8],
    signatures: &'a [crate::statement::StatementSignature],
}

impl Signed<'_> {
    /// The statement carries a good signature of this key.
    fn by(&self, key: &PublicKey) -> Result<(), Refused> {
        let id = key.id();
        let signature = self.signatures.iter().find(|s| s.key == id).ok_or(Refused::NotSignedBy(id))?;
        key.verify(
            Domain::Statement,
            &self.directory.context(Environment::Live),
            self.bytes,
            &signature.signature,
        )
        .map_err(|_| Refused::BadSignature(id))
    }

    fn by_root(&self, member: &Member) -> Result<MemberRecord, Refused> {
        let record = self.directory.active(member)?;
        self.by(&record.root)?;
        Ok(record)
    }

    /// How many members endorsed, each counted once; `except` does not count.
    fn endorsements(&self, except: Option<&Member>) -> u8 {
        let view = self.directory.now_view();
        let endorsed = view
            .members()
            .filter(|m| !m.suspended && Some(&m.member) != except && self.by(&m.root).is_ok())
            .count();
        u8::try_from(endorsed).unwrap_or(u8::MAX)
    }

    fn endorsed(&self, needed: u8, except: Option<&Member>) -> Result<(), Refused> {
        let have = self.endorsements(except);
        if have < needed { Err(Refused::NotEnough(have, needed)) } else { Ok(()) }
    }
}

impl Directory {
    /// Whether an entry would have an effect, if it came next.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self, entry: &[u8]) -> Result<(), Refused> {
        self.clone().enter(self.size(), entry)
    }

    /// Takes the next entry of the log; `index` is its place there.
    pub fn apply(&mut self, index: u64, entry: &[u8]) -> Outcome {
        let outcome = match self.enter(index, entry) {
            Ok(()) => Outcome::Applied,
            Err(refused) => Outcome::NoEffect(refused),
        };
        self.size = index.saturating_add(1);
        outcome
    }

    fn enter(&mut self, index: u64, entry: &[u8]) -> Result<(), Refused> {
        let signed = SignedStatement::from_bytes(entry).map_err(Refused::Malformed)?;
        let statement = Statement::from_bytes(&signed.statement).map_err(Refused::Malformed)?;
        if statement.network != self.network() {
            return Err(Refused::OtherNetwork);
        }
        if statement.created < self.charter().created {
            return Err(Refused::BeforeCharter);
        }
        let digest = sha256(&signed.statement);
        if let Some(earlier) = self.state.seen.get(&digest) {
            return Err(Refused::Repeated(*earlier));
        }
        let waiting = self.recoveries_due(index, statement.created);
        if let Err(refused) = self.act(index, &statement, &signed, digest) {
            // Who may say nothing cannot say that a delay is over either.
            if let Some(waiting) = waiting {
                self.state = *waiting;
            }
            return Err(refused);
        }
        self.state.seen.insert(digest, index);
        let before = self.state.logged_from.last_key_value().map_or(statement.created, |(_, from)| *from);
        self.state.logged_from.insert(index, statement.created.max(before));
        Ok(())
    }

    fn act(
        &mut self,
        index: u64,
        statement: &Statement,
        envelope: &SignedStatement,
        digest: Digest,
    ) -> Result<(), Refused> {
        let before = self.clone();
        let signed =
            Signed { directory: &before, bytes: &envelope.statement, signatures: &envelope.signatures };
        let created = statement.created;
        match &statement.act {
            Act::AdmitMember { member, name, root, next_root } => {
                self.admit(index, &signed, member, name, *root, *next_root)
            }
            Act::AuthoriseContactPoint(entry) => self.authorise(index, &signed, entry, created),
            Act::AuthoriseOfficer(entry) => self.officer(index, &signed, entry),
            Act::SetReleaseRules { contact_point, rules } => self.rules(index, &signed, contact_point, rules),
            Act::PublishPrekeys { contact_point, environment, prekeys } => {
                self.prekeys(index, &signed, contact_point, *environment, prekeys, created)
            }
            Act::RotateRoot { member, new_root, next_root } => {
                self.rotate_root(index, &signed, member, *new_root, *next_root)
            }
            Act::RecoverRoot { member, new_root, next_root } => {
                self.recover(&signed, member, *new_root, *next_root, created)
            }
            Act::VetoRecovery { member, next_root } => self.veto(index, &signed, member, next_root),
            Act::RevokeKey { key, reason, effective } => self.revoke(
                &signed,
                *key,
                Revocation { index, created, reason: *reason, effective: *effective },
            ),
            Act::OpenExercise { name, participants, from, until } => {
                let exercise = NewExercise { name, participants, from: *from, until: *until };
                self.open(index, &signed, &exercise, ExerciseId(digest))
            }
            Act::CloseExercise { exercise } => self.close(index, &signed, *exercise),
            Act::SuspendMember { member, .. } => self.suspend(index, &signed, member, true),
            Act::ReinstateMember { member } => self.suspend(index, &signed, member, false),
            Act::ChangeNetwork { relays, witnesses, quorum, thresholds } => {
                let policies = policies(&self.charter().directory_log, relays, witnesses, *quorum)
                    .map_err(Refused::Names)?;
                let network = Network {
                    relays: relays.to_vec(),
                    witnesses: witnesses.to_vec(),
                    quorum: *quorum,
                    thresholds: *thresholds,
                    policies,
                };
                self.change_network(index, &signed, network)
            }
        }
    }

    /// The member, if its keys speak.
    pub(crate) fn active(&self, member: &Member) -> Result<MemberRecord, Refused> {
        let view = self.now_view();
        let record = view.member(member).ok_or_else(|| Refused::NoMember(member.clone()))?;
        if record.suspended { Err(Refused::Suspended(member.clone())) } else { Ok(record.clone()) }
    }

    /// A key is free to be bound: never bound before, never revoked.
    fn free(&self, key: KeyId) -> Result<(), Refused> {
        if self.state.revoked.contains_key(&key) {
            return Err(Refused::KeyRevoked(key));
        }
        if self.state.roles.contains_key(&key) { Err(Refused::KeyTaken(key)) } else { Ok(()) }
    }

    fn admit(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        member: &Member,
        name: &Text<128>,
        root: PublicKey,
        next_root: KeyId,
    ) -> Result<(), Refused> {
        if self.state.members.keys().any(|other| confusable(other, member)) {
            return Err(Refused::Confusable(member.clone()));
        }
        self.free(root.id())?;
        self.free(next_root)?;
        if root.id() == next_root {
            return Err(Refused::KeyTaken(next_root));
        }
        signed.endorsed(self.now_view().thresholds().admission, None)?;
        signed.by(&root)?;
        self.put_member(
            index,
            MemberRecord { member: member.clone(), name: name.clone(), root, next_root, suspended: false },
        );
        Ok(())
    }

    pub(crate) fn put_member(&mut self, index: u64, record: MemberRecord) {
        let member = record.member.clone();
        self.state.roles.insert(record.root.id(), Role::Root(member.clone()));
        self.state.roles.insert(record.next_root, Role::Root(member.clone()));
        self.state.members.entry(member).or_default().set(index, record);
    }

    fn authorise(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        entry: &ContactPointEntry,
        created: Timestamp,
    ) -> Result<(), Refused> {
        let point = &entry.contact_point;
        signed.by_root(&point.member)?;
        self.environment_open(entry.environment, &point.member)?;
        mandate(&entry.mandate)?;
        let view = self.now_view();
        if let Some(missing) = entry.home_relays.iter().find(|name| view.relay(name).is_none()) {
            return Err(Refused::NoRelay(missing.to_string()));
        }
        if entry.home_relays.is_empty() {
            return Err(Refused::Empty);
        }
        let current = view.contact_point(point, entry.environment).cloned();
        if current.as_ref() == Some(entry) {
            return Err(Refused::NoChange);
        }
        let same_signing = current.as_ref().is_some_and(|c| c.signing == entry.signing);
        let same_transport = current.as_ref().is_some_and(|c| c.transport == entry.transport);
        if same_signing {
            self.not_revoked(entry.signing.id())?
        } else {
            self.free(entry.signing.id())?
        }
        self.free_transport(entry, same_transport)?;
        if entry.signing == entry.transport {
            return Err(Refused::KeyTaken(entry.signing.id()));
        }
        self.state.roles.insert(entry.signing.id(), Role::Signing(point.clone(), entry.environment));
        self.state.roles.entry(entry.transport.id()).or_insert_with(|| Role::Transport(point.clone()));
        if let Some(old) = current.filter(|_| !same_transport)
            && entry.environment == Environment::Live
        {
            self.state.transports.entry(old.transport).or_default().end(index);
        }
        if !same_transport {
            self.state.transports.entry(entry.transport).or_default().set(index, point.clone());
        }
        let authorised = Authorised { entry: entry.clone(), created };
        self.state.points.entry((point.clone(), entry.environment)).or_default().set(index, authorised);
        Ok(())
    }

    fn not_revoked(&self, key: KeyId) -> Result<(), Refused> {
        if self.state.revoked.contains_key(&key) { Err(Refused::KeyRevoked(key)) } else { Ok(()) }
    }

    /// An exercise entry may share the live entry's transport key: sessions are of the node, not of
    /// the environment.
    fn free_transport(&self, entry: &ContactPointEntry, same: bool) -> Result<(), Refused> {
        let id = entry.transport.id();
        let live =
            self.now_view().contact_point(&entry.contact_point, Environment::Live).map(|c| c.transport);
        if same || live == Some(entry.transport) { self.not_revoked(id) } else { self.free(id) }
    }

    fn environment_open(&self, environment: Environment, member: &Member) -> Result<(), Refused> {
        let Environment::Exercise(id) = environment else { return Ok(()) };
        let view = self.now_view();
        let exercise = view.exercise(id).filter(|e| e.closed_at.is_none()).ok_or(Refused::NoExercise(id))?;
        if exercise.participants.has(member) { Ok(()) } else { Err(Refused::NotParticipant(member.clone())) }
    }

    fn officer(&mut self, index: u64, signed: &Signed<'_>, entry: &OfficerEntry) -> Result<(), Refused> {
        signed.by_root(&entry.contact_point.member)?;
        self.environment_open(entry.environment, &entry.contact_point.member)?;
        mandate(&entry.mandate)?;
        if self.now_view().contact_point(&entry.contact_point, entry.environment).is_none() {
            return Err(Refused::NoContactPoint(entry.contact_point.clone()));
        }
        self.free(entry.key.id())?;
        let place = (entry.contact_point.clone(), entry.environment);
        self.state.roles.insert(entry.key.id(), Role::Officer(place.0.clone(), place.1));
        self.state.officers.entry(place).or_default().push(AuthorisedOfficer { index, entry: entry.clone() });
        Ok(())
    }

    fn rules(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        point: &ContactPoint,
        rules: &List<ReleaseRule, 16>,
    ) -> Result<(), Refused> {
        signed.by_root(&point.member)?;
        if self.now_view().contact_point(point, Environment::Live).is_none() {
            return Err(Refused::NoContactPoint(point.clone()));
        }
        if rules.iter().any(|rule| rule.types.is_empty() || rule.officers == 0) {
            return Err(Refused::Empty);
        }
        self.state.rules.entry(point.clone()).or_default().set(index, rules.clone());
        Ok(())
    }

    fn prekeys(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        point: &ContactPoint,
        environment: Environment,
        prekeys: &[Prekey],
        created: Timestamp,
    ) -> Result<(), Refused> {
        self.active(&point.member)?;
        self.environment_open(environment, &point.member)?;
        let entry = self.now_view().contact_point(point, environment).cloned();
        let entry = entry.ok_or_else(|| Refused::NoContactPoint(point.clone()))?;
        self.not_revoked(entry.signing.id())?;
        signed.by(&entry.signing)?;
        if prekeys.is_empty() {
            return Err(Refused::Empty);
        }
        let ids: BTreeSet<KeyId> = prekeys.iter().map(|prekey| prekey.public.id()).collect();
        for prekey in prekeys {
            self.free(prekey.public.id())?;
            let span = prekey.usable_until.0.saturating_sub(prekey.usable_from.0);
            let ahead = prekey.usable_from.0.saturating_sub(created.0);
            if span == 0 || span > PREKEY_SPAN_MS || ahead > PREKEY_AHEAD_MS || prekey.usable_until <= created
            {
                return Err(Refused::Span("prekey"));
            }
        }
        if ids.len() != prekeys.len() {
            return Err(Refused::Names("prekey".into()));
        }
        for prekey in prekeys {
            let id = prekey.public.id();
            self.state.roles.insert(id, Role::Prekey(point.clone(), environment));
            self.state.prekeys_of.entry((point.clone(), environment)).or_default().push(id);
            let published = PublishedPrekey {
                index,
                contact_point: point.clone(),
                environment,
                signed_by: entry.signing.id(),
                prekey: prekey.clone(),
            };
            self.state.prekeys.insert(id, published);
        }
        Ok(())
    }

    fn rotate_root(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        member: &Member,
        new_root: PublicKey,
        next_root: KeyId,
    ) -> Result<(), Refused> {
        let record = self.active(member)?;
        if record.next_root != new_root.id() {
            return Err(Refused::NotCommitted);
        }
        signed.by(&new_root)?;
        self.not_revoked(new_root.id())?;
        self.free(next_root)?;
        // The committed key was in the member's hands: whatever waited against it is over.
        self.state.recoveries.remove(member);
        self.put_member(index, MemberRecord { root: new_root, next_root, ..record });
        Ok(())
    }

    fn recover(
        &mut self,
        signed: &Signed<'_>,
        member: &Member,
        new_root: PublicKey,
        next_root: KeyId,
        created: Timestamp,
    ) -> Result<(), Refused> {
        let known = self.now_view().member(member).is_some();
        if !known {
            return Err(Refused::NoMember(member.clone()));
        }
        if self.state.recoveries.contains_key(member) {
            return Err(Refused::RecoveryWaits);
        }
        self.free(new_root.id())?;
        self.free(next_root)?;
        if new_root.id() == next_root {
            return Err(Refused::KeyTaken(next_root));
        }
        let thresholds = self.now_view().thresholds();
        let vetoed = self.state.vetoed.contains_key(member);
        let needed = if vetoed { thresholds.recovery_after_veto } else { thresholds.recovery };
        signed.endorsed(needed, Some(member))?;
        signed.by(&new_root)?;
        let effective = Timestamp(created.0.saturating_add(thresholds.recovery_delay_ms));
        self.state.recoveries.insert(member.clone(), Recovery { new_root, next_root, effective });
        Ok(())
    }

    /// A recovery takes effect with the first later entry that has an effect and was drafted after its
    /// delay, so that the fold needs no clock. Returns what the fold knew before, if that is any other.
    fn recoveries_due(&mut self, index: u64, created: Timestamp) -> Option<Box<State>> {
        let due: Vec<Member> = self
            .state
            .recoveries
            .iter()
            .filter(|(_, recovery)| recovery.effective <= created)
            .map(|(member, _)| member.clone())
            .collect();
        let before = (!due.is_empty()).then(|| Box::new(self.state.clone()));
        for member in due {
            let Some(recovery) = self.state.recoveries.remove(&member) else { continue };
            let Some(record) = self.now_view().member(&member).cloned() else { continue };
            let Recovery { new_root: root, next_root, .. } = recovery;
            self.state.vetoed.remove(&member);
            self.put_member(index, MemberRecord { root, next_root, ..record });
        }
        before
    }

    fn veto(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        member: &Member,
        next_root: &PublicKey,
    ) -> Result<(), Refused> {
        let record =
            self.now_view().member(member).cloned().ok_or_else(|| Refused::NoMember(member.clone()))?;
        if !self.state.recoveries.contains_key(member) {
            return Err(Refused::NoRecovery);
        }
        if record.next_root != next_root.id() {
            return Err(Refused::NotCommitted);
        }
        signed.by(next_root)?;
        self.state.recoveries.remove(member);
        self.state.vetoed.insert(member.clone(), index);
        Ok(())
    }

    fn revoke(&mut self, signed: &Signed<'_>, key: KeyId, revocation: Revocation) -> Result<(), Refused> {
        if self.state.revoked.contains_key(&key) {
            return Err(Refused::KeyRevoked(key));
        }
        let owner = match self.state.roles.get(&key) {
            None | Some(Role::Service) => return Err(Refused::NotYourKey(key)),
            Some(Role::Root(member)) => member.clone(),
            Some(Role::Transport(point)) => point.member.clone(),
            Some(Role::Signing(point, _) | Role::Officer(point, _) | Role::Prekey(point, _)) => {
                point.member.clone()
            }
        };
        let record = self.active(&owner)?;
        // A root is revoked by rotating away from it, not by itself.
        if record.root.id() == key || record.next_root == key {
            return Err(Refused::NotYourKey(key));
        }
        signed.by(&record.root).map_err(|error| match error {
            Refused::NotSignedBy(_) => Refused::NotYourKey(key),
            other => other,
        })?;
        let index = revocation.index;
        self.state.revoked.insert(key, revocation);
        for history in self.state.transports.iter_mut().filter(|(k, _)| k.id() == key).map(|(_, h)| h) {
            history.end(index);
        }
        Ok(())
    }

    fn open(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        new: &NewExercise<'_>,
        id: ExerciseId,
    ) -> Result<(), Refused> {
        if new.until <= new.from || new.until.0.saturating_sub(new.from.0) > EXERCISE_MS_MAX {
            return Err(Refused::Span("exercise"));
        }
        if new.name.trim().is_empty() || self.state.exercises.values().any(|e| e.name == *new.name) {
            return Err(Refused::Names(new.name.to_string()));
        }
        for member in new.participants {
            self.active(member)?;
        }
        let opener = new
            .participants
            .iter()
            .find(|member| signed.by_root(member).is_ok())
            .ok_or(Refused::NotEnough(0, 1))?;
        let exercise = Exercise {
            id,
            name: new.name.clone(),
            participants: new.participants.clone(),
            opened_by: opener.clone(),
            from: new.from,
            until: new.until,
            opened_at: index,
            closed_at: None,
        };
        self.state.exercises.insert(id, exercise);
        Ok(())
    }

    fn close(&mut self, index: u64, signed: &Signed<'_>, id: ExerciseId) -> Result<(), Refused> {
        let exercise = self.state.exercises.get(&id).filter(|e| e.closed_at.is_none());
        let opener = exercise.ok_or(Refused::NoExercise(id))?.opened_by.clone();
        signed.by_root(&opener)?;
        if let Some(exercise) = self.state.exercises.get_mut(&id) {
            exercise.closed_at = Some(index);
        }
        Ok(())
    }

    fn suspend(
        &mut self,
        index: u64,
        signed: &Signed<'_>,
        member: &Member,
        suspended: bool,
    ) -> Result<(), Refused> {
        let record =
            self.now_view().member(member).cloned().ok_or_else(|| Refused::NoMember(member.clone()))?;
        if record.suspended == suspended {
            return Err(Refused::NoChange);
        }
        signed.endorsed(self.now_view().thresholds().admission, Some(member))?;
        self.state
            .members
            .entry(member.clone())
            .or_default()
            .set(index, MemberRecord { suspended, ..record });
        Ok(())
    }

    fn change_network(&mut self, index: u64, signed: &Signed<'_>, network: Network) -> Result<(), Refused> {
        signed.endorsed(self.now_view().thresholds().network, None)?;
        let members = self.now_view().members().count();
        let rules = NetworkRules { relays: &network.relays, witnesses: &network.witnesses };
        rules.check(&self.charter().directory_log).map_err(Refused::Names)?;
        quorum(network.quorum, network.witnesses.len()).map_err(|()| Refused::Thresholds("the witnesses"))?;
        thresholds(&network.thresholds, members).map_err(Refused::Thresholds)?;
        self.state.network.set(index, network);
        Ok(())
    }
}

struct NewExercise<'a> {
    name: &'a Text<64>,
    participants: &'a Set<Member, 64>,
    from: Timestamp,
    until: Timestamp,
}

/// Longest exercise.
const EXERCISE_MS_MAX: u64 = 366 * 24 * 3600 * 1000;

fn mandate(mandate: &Mandate) -> Result<(), Refused> {
    if mandate.until <= mandate.from {
        return Err(Refused::Span("mandate"));
    }
    if mandate.types.is_empty() || mandate.strictest_tlp > mandate.most_open_tlp {
        Err(Refused::Empty)
    } else {
        Ok(())
    }
}

/// Names of relays, logs and witnesses: present, fit, and each used once.
pub(crate) struct NetworkRules<'a> {
    pub(crate) relays: &'a [Relay],
    pub(crate) witnesses: &'a [Witness],
}

impl NetworkRules<'_> {
    pub(crate) fn check(&self, directory_log: &LogKeys) -> Result<(), String> {
        if self.relays.is_empty() || self.witnesses.is_empty() {
            return Err(String::new());
        }
        let mut names = BTreeSet::new();
        for relay in self.relays {
            let addressed = relay.address.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
            });
            if relay.name.trim().is_empty() || !addressed || !names.insert(relay.name.to_string()) {
                return Err(relay.name.to_string());
            }
        }
        let origins = self.relays.iter().map(|r| &r.message_log.origin).chain([&directory_log.origin]);
        let mut keys = BTreeSet::new();
        for name in origins.chain(self.witnesses.iter().map(|w| &w.name)) {
            if pouch_tlog::KeyName::new(name.to_string()).is_err() || !keys.insert(name.to_string()) {
                return Err(name.to_string());
            }
        }
        Ok(())
    }
}

/// A quorum leaves one witness to spare, unless there is only one.
pub(crate) fn quorum(quorum: u8, witnesses: usize) -> Result<(), ()> {
    let most = if witnesses == 1 { 1 } else { witnesses.saturating_sub(1) };
    if quorum >= 1 && usize::from(quorum) <= most { Ok(()) } else { Err(()) }
}

/// Every threshold leaves one member to spare; where two members are all there is, one suffices.
pub(crate) fn thresholds(thresholds: &Thresholds, members: usize) -> Result<(), &'static str> {
    let below = |value: u8, able: usize| value >= 1 && usize::from(value) <= able.saturating_sub(1).max(1);
    let others = members.saturating_sub(1);
    if !below(thresholds.admission, members) {
        return Err("admission");
    }
    if !below(thresholds.network, members) {
        return Err("changes of the network");
    }
    if !below(thresholds.recovery, others) {
        return Err("recovery");
    }
    let after = thresholds.recovery_after_veto;
    // After a veto all others may be needed: the member itself showed that it holds a key.
    if after < thresholds.recovery || usize::from(after) > others {
        return Err("recovery after a veto");
    }
    Ok(())
}
