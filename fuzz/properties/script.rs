//! A hostile log: statements of every kind by parties that hold their own keys and sign whatever they
//! like, between bytes that are no statements, in any order and as often as they like.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use pouch_crypto::{PrekeyPublic, PublicKey, SigningKey, sha256};
use pouch_directory::{
    Act, ContactPointEntry, Directory, NetworkChange, OfficerEntry, Outcome, Prekey, Relay, RevocationReason,
    Statement, View, Witness,
};
use pouch_wire::{
    Canonical as _, ContactPoint, Environment, ExerciseId, KeyId, List, Member, Set, Timestamp, limits,
};

use super::world::{self, DAY, HOUR, NOW, RELAYS, THRESHOLDS, World, mandate, text};

/// Three founders and two that may be admitted, one of whom has a code that looks like a founder's.
const MEMBERS: [&str; 5] = ["BA", "MD", "NL", "FR", "NI"];
/// What each party holds: roots, signing keys, transport keys and an officer's, by the names that `World` has for them.
const KEYS: [&str; 8] = [
    " root",
    " next root",
    " third root",
    "/technical",
    "/technical second",
    "/technical transport",
    " officer",
    "/technical in the exercise",
];
/// Longest log of one input.
const ENTRIES: usize = 16;

/// Everything that takes long to make, made once.
struct Parties {
    start: World,
    keys: Vec<(SigningKey, PublicKey, KeyId)>,
    prekeys: Vec<PrekeyPublic>,
    relays: Vec<Relay>,
    witnesses: Set<Witness, { limits::WITNESSES }>,
}

fn parties() -> &'static Parties {
    static PARTIES: OnceLock<Parties> = OnceLock::new();
    PARTIES.get_or_init(|| Parties {
        start: World::new(),
        keys: MEMBERS.iter().flat_map(|m| KEYS.map(|k| made(&format!("{m}{k}")))).collect(),
        prekeys: MEMBERS.iter().map(|m| world::prekey(m).public().clone()).collect(),
        relays: RELAYS.map(world::relay).to_vec(),
        witnesses: Set::new(world::witnesses()).unwrap(),
    })
}

fn made(name: &str) -> (SigningKey, PublicKey, KeyId) {
    let key = world::key(name);
    let public = key.public();
    (key, public, public.id())
}

fn held(member: usize, which: usize) -> &'static (SigningKey, PublicKey, KeyId) {
    &parties().keys[member % MEMBERS.len() * KEYS.len() + which % KEYS.len()]
}

fn key(member: usize, which: usize) -> &'static SigningKey {
    &held(member, which).0
}

fn public(member: usize, which: usize) -> PublicKey {
    held(member, which).1
}

fn id(member: usize, which: usize) -> KeyId {
    held(member, which).2
}

fn member(place: usize) -> Member {
    MEMBERS[place % MEMBERS.len()].parse().unwrap()
}

fn point(place: usize) -> ContactPoint {
    format!("{}/technical", MEMBERS[place % MEMBERS.len()]).parse().unwrap()
}

fn time(choice: u8) -> Timestamp {
    match choice {
        0..=199 => Timestamp(NOW.0 + u64::from(choice) * HOUR / 8),
        200..=229 => Timestamp(NOW.0 - u64::from(choice) * HOUR),
        230..=250 => Timestamp(NOW.0 + u64::from(choice - 200) * DAY),
        251..=252 => Timestamp(0),
        _ => Timestamp(u64::MAX),
    }
}

/// One act, and the key that should sign it.
fn act(from: &mut Unstructured<'_>, drill: Environment) -> Result<(Act, (usize, usize))> {
    let choices =
        Choices { m: from.arbitrary::<u8>()?.into(), a: from.arbitrary()?, b: from.arbitrary()?, drill };
    let signer = (choices.m, usize::from(choices.a));
    Ok(match from.int_in_range(0..=13)? {
        kind @ 0..=4 => (choices.of_keys(kind), signer),
        kind @ 5..=8 => (choices.of_offices(kind), (choices.m, 0)),
        kind => (choices.of_members(kind), (choices.m, 0)),
    })
}

/// What an act is made of: a member, two numbers that mean something else in each act, and the drill.
struct Choices {
    m: usize,
    a: u8,
    b: u8,
    drill: Environment,
}

impl Choices {
    const fn environment(&self) -> Environment {
        if self.b & 1 == 0 { Environment::Live } else { self.drill }
    }

    /// Any of the member's keys; most exercise entries have the live one's, without which they have no effect.
    fn transport(&self) -> PublicKey {
        let drill = self.environment() != Environment::Live && self.b < 200;
        public(self.m, if drill { 5 } else { usize::from(self.b) / 2 })
    }

    /// Acts that one of the member's keys signs for itself.
    fn of_keys(&self, kind: u8) -> Act {
        let (m, which) = (self.m, usize::from(self.a));
        let (new_root, next_root) = (public(m, which), id(m, which + 1));
        match kind {
            0 => Act::AdmitMember { member: member(m), name: text("name"), root: new_root, next_root },
            1 => Act::RotateRoot { member: member(m), new_root, next_root },
            2 => Act::RecoverRoot { member: member(m), new_root, next_root },
            3 => Act::VetoRecovery { member: member(m), next_root: new_root },
            _ => {
                let usable_from = time(self.a);
                let usable_until = Timestamp(usable_from.0.saturating_add(u64::from(self.b) * HOUR / 8));
                let public = parties().prekeys[m % MEMBERS.len()].clone();
                let prekeys = List::new(vec![Prekey { public, usable_from, usable_until }]).unwrap();
                Act::PublishPrekeys { contact_point: point(m), environment: self.environment(), prekeys }
            }
        }
    }

    /// Acts by which a root speaks for its member's offices.
    fn of_offices(&self, kind: u8) -> Act {
        let (m, which, environment) = (self.m, usize::from(self.a), self.environment());
        match kind {
            5 => Act::AuthoriseContactPoint(Box::new(ContactPointEntry {
                contact_point: point(m),
                environment,
                signing: public(m, which),
                transport: self.transport(),
                home_relays: List::new(vec![text("relay-1")]).unwrap(),
                telephone: text("+31 70 555 0100"),
                display_names: Set::default(),
                mandate: mandate(),
            })),
            6 => Act::AuthoriseOfficer(Box::new(OfficerEntry {
                contact_point: point(m),
                environment,
                key: public(m, which),
                title: text("The director"),
                person: text("director"),
                mandate: mandate(),
            })),
            7 => Act::SetReleaseRules { contact_point: point(m), rules: List::default() },
            _ => Act::RevokeKey {
                key: id(m, which),
                reason: RevocationReason::Compromised,
                effective: time(self.b),
            },
        }
    }

    /// Acts about members, exercises and the network.
    fn of_members(&self, kind: u8) -> Act {
        let (m, even) = (self.m, self.a & 1 == 0);
        match kind {
            9 => Act::OpenExercise {
                name: text(&format!("Exercise {}", self.a % 3)),
                participants: Set::new([member(m), member(m + 1)]).unwrap(),
                from: time(self.a),
                until: time(self.b),
            },
            10 => match self.environment() {
                Environment::Exercise(exercise) => Act::CloseExercise { exercise },
                Environment::Live => Act::CloseExercise { exercise: ExerciseId(sha256(b"none")) },
            },
            11 | 12 if even => Act::SuspendMember { member: member(m), reason: text("tests") },
            11 | 12 => Act::ReinstateMember { member: member(m) },
            _ => Act::ChangeNetwork(Box::new(NetworkChange {
                since: u64::from(self.a % 16) * u64::from(even),
                drop_relays: Set::new(
                    parties().relays[usize::from(even)..].iter().map(|r| r.name.clone()).take(1),
                )
                .unwrap(),
                relays: List::new(&parties().relays[usize::from(self.b % 3)..]).unwrap(),
                first_relay: self.a.is_multiple_of(3).then(|| parties().relays[0].name.clone()),
                drop_witnesses: Set::default(),
                witnesses: parties().witnesses.clone(),
                quorum: self.b % 4,
                thresholds: THRESHOLDS,
                directory_log: self.b.is_multiple_of(5).then(|| parties().relays[0].message_log.clone()),
            })),
        }
    }
}

/// The next entry of the log: a statement, most often signed by whom it should be, or something else.
fn entry(from: &mut Unstructured<'_>, log: &[Vec<u8>]) -> Result<Vec<u8>> {
    let kind = from.arbitrary::<u8>()?;
    let earlier = log[usize::from(kind) % log.len()].clone();
    match kind {
        0..=7 => return Ok(earlier),
        8..=15 => return super::edits::edited(from, &earlier),
        16..=23 => return from.bytes(usize::from(kind).min(from.len())).map(<[u8]>::to_vec),
        _ => {}
    }
    let start = &parties().start;
    let created = time(from.arbitrary()?);
    let (act, (m, which)) = act(from, start.drill())?;
    let others = match &act {
        Act::AdmitMember { .. }
        | Act::SuspendMember { .. }
        | Act::ReinstateMember { .. }
        | Act::RecoverRoot { .. }
        | Act::ChangeNetwork(_) => from.arbitrary::<u8>()?,
        _ => 0,
    };
    let signer = if kind < 40 { (usize::from(kind), which) } else { (m, which) };
    let mut keys = vec![key(signer.0, signer.1)];
    keys.extend((0..MEMBERS.len()).filter(|place| others >> place & 1 == 1).map(|place| key(place, 0)));
    let nonce = sha256(&(log.len() as u64 % 16).to_be_bytes());
    let statement = Statement { network: start.directory.network(), created, nonce, act };
    Ok(statement.sign(&keys).unwrap().to_bytes().unwrap())
}

/// What a directory answers as of some size; an answer never changes afterwards.
fn answers(view: &View<'_>) -> Vec<(bool, bool, bool)> {
    let drill = parties().start.drill();
    let mut answers = Vec::new();
    for m in 0..MEMBERS.len() {
        for which in 0..KEYS.len() {
            let may = |e| view.may_sign(&point(m), e, id(m, which)).is_ok();
            let officer = view.officer(&point(m), Environment::Live, id(m, which)).is_ok();
            answers.push((may(Environment::Live), may(drill), officer));
        }
        let record = view.member(&member(m));
        let session = view.who_has_transport(&public(m, 5)).is_some();
        answers.push((record.is_some(), record.is_some_and(|r| r.suspended), session));
    }
    answers
}

/// Which keys are revoked, and by which entry.
fn revoked(view: &View<'_>) -> BTreeMap<KeyId, u64> {
    let keys = parties().keys.iter().map(|(_, _, id)| *id);
    keys.filter_map(|key| Some((key, view.revocation(key)?.index))).collect()
}

/// Whatever the log holds: the fold is the same for everyone, an entry that breaks a rule changes
/// nothing, no revocation is undone, no key speaks before the entry that binds it or after the one that
/// revokes it, and what was answered as of some size is answered for ever.
pub fn directory_apply(data: &[u8]) {
    let mut from = Unstructured::new(data);
    let start = &parties().start;
    let (mut directory, mut log) = (start.directory.clone(), start.entries.clone());
    let (first, mut outcomes, mut said) = (log.len(), Vec::new(), Vec::new());
    while log.len() < first + ENTRIES && !from.is_empty() {
        let Ok(entry) = entry(&mut from, &log) else { break };
        said.push(answers(&directory.now_view()));
        outcomes.push(applied(&mut directory, &entry));
        log.push(entry);
    }
    folded_alike(&directory, &log[first..], &outcomes);
    for (size, said) in (first as u64..).zip(said) {
        assert_eq!(answers(&directory.as_of(size)), said, "as of {size}");
    }
}

/// Who folds the same log knows the same; so does who finds junk instead of what has no effect.
fn folded_alike(directory: &Directory, entries: &[Vec<u8>], outcomes: &[Outcome]) {
    let (mut again, mut without) = (parties().start.directory.clone(), parties().start.directory.clone());
    for (entry, outcome) in entries.iter().zip(outcomes) {
        assert_eq!(again.apply(again.size(), entry), *outcome);
        let effective = matches!(outcome, Outcome::Applied);
        let kept = if effective { entry.as_slice() } else { b"no statement" };
        let same = matches!(without.apply(without.size(), kept), Outcome::Applied);
        assert_eq!(same, effective, "an entry without effect had one on a later entry");
    }
    assert_eq!(again.state_digest(), directory.state_digest());
    assert_eq!(without.state_digest(), directory.state_digest(), "an entry without effect had one");
}

fn applied(directory: &mut Directory, entry: &[u8]) -> Outcome {
    let (index, was) = (directory.size(), revoked(&directory.now_view()));
    let expected = match directory.check(entry) {
        Ok(()) => Outcome::Applied,
        Err(refused) => Outcome::NoEffect(refused),
    };
    let outcome = directory.apply(index, entry);
    assert_eq!((directory.size(), &outcome), (index + 1, &expected));
    let view = directory.now_view();
    let is = revoked(&view);
    assert!(was.iter().all(|(key, by)| is.get(key) == Some(by)), "a revocation is undone");
    for m in 0..MEMBERS.len() {
        for which in 0..KEYS.len() {
            let (point, key) = (point(m), id(m, which));
            if let Ok(authority) = view.may_sign(&point, Environment::Live, key) {
                assert!(!is.contains_key(&key), "a revoked key speaks");
                let earlier = directory.as_of(authority.since_index);
                assert!(earlier.may_sign(&point, Environment::Live, key).is_err(), "before its entry");
            }
            let session = view.who_has_transport(&public(m, which));
            assert!(session.is_none() || !is.contains_key(&key), "a revoked key has a session");
        }
    }
    outcome
}
