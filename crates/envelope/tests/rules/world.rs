//! A small network in memory: NL, MD and BA with an office each, two relays, three witnesses, an
//! exercise, and the statements by which a test changes it. `pouch-notice` uses this same file.

use pouch_crypto::{MlDsaKey, NoteKey, PrekeySecret, SigningKey, sha256};
use pouch_directory::{
    Act, Audience, Charter, ContactPointEntry, Directory, Founder, LogKeys, Mandate, NetworkChange,
    OfficerEntry, Outcome, Prekey, Relay, ReleaseRule, RevocationReason, SignedCharter, Statement,
    Thresholds, Witness,
};
use pouch_envelope::{AcceptedReceipt, SignedReceipt};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, EnvelopeId, Environment, ExerciseId, List, NoticeType, Precedence,
    Set, Text, Timestamp, Tlp,
};

/// 2026-11-24T03:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_489_200_000);
pub(crate) const SECOND: u64 = 1000;
pub(crate) const HOUR: u64 = 3600 * SECOND;
pub(crate) const DAY: u64 = 24 * HOUR;

pub(crate) const DIRECTORY_LOG: &str = "relay-1.example/directory";
pub(crate) const RELAYS: [&str; 2] = ["relay-1", "relay-2"];
pub(crate) const WITNESSES: [&str; 3] = ["ba.example/w", "md.example/w", "nl.example/w"];

pub(crate) fn later(ms: u64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

pub(crate) fn earlier(ms: u64) -> Timestamp {
    Timestamp(NOW.0 - ms)
}

pub(crate) fn point(name: &str) -> ContactPoint {
    name.parse().unwrap()
}

fn seed(name: &str) -> [u8; 32] {
    *sha256(format!("pouch test key {name}").as_bytes()).as_bytes()
}

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(&seed(name))
}

pub(crate) fn note_key(name: &str) -> NoteKey {
    NoteKey::from_seed(&seed(&format!("{name} ed25519")))
}

pub(crate) fn mldsa_key(name: &str) -> MlDsaKey {
    MlDsaKey::from_seed(&seed(&format!("{name} ml-dsa-44"))).unwrap()
}

pub(crate) fn prekey(name: &str) -> PrekeySecret {
    PrekeySecret::from_seed(&seed(&format!("{name} prekey")))
}

pub(crate) fn text<const MAX: usize>(words: &str) -> Text<MAX> {
    Text::new(words).unwrap()
}

pub(crate) fn set<T: Ord + Clone, const MAX: usize>(values: &[T]) -> Set<T, MAX> {
    Set::new(values.to_vec()).unwrap()
}

pub(crate) fn message_log(relay: &str) -> String {
    format!("{relay}.example/messages")
}

fn log(origin: &str) -> LogKeys {
    LogKeys {
        origin: text(origin),
        ed25519: note_key(origin).public(),
        mldsa: mldsa_key(origin).public().clone(),
    }
}

pub(crate) fn relay(name: &str) -> Relay {
    Relay {
        name: text(name),
        address: text("localhost:4433"),
        transport: key(&format!("{name} transport")).public(),
        receipts: key(&format!("{name} receipts")).public(),
        message_log: log(&message_log(name)),
    }
}

pub(crate) fn witnesses() -> Vec<Witness> {
    WITNESSES.map(witness).to_vec()
}

pub(crate) fn witness(name: &str) -> Witness {
    Witness {
        name: text(name),
        ed25519: note_key(name).public(),
        mldsa: mldsa_key(name).public().clone(),
        transport: None,
    }
}

pub(crate) const THRESHOLDS: Thresholds =
    Thresholds { admission: 2, network: 2, recovery: 1, recovery_after_veto: 2, recovery_delay_ms: HOUR };

fn charter(name: &str) -> Charter {
    let founder = |member: &str| Founder {
        member: member.parse().unwrap(),
        name: text(member),
        root: key(&format!("{member} root")).public(),
        next_root: key(&format!("{member} next root")).public().id(),
    };
    Charter {
        version: 1,
        name: text(name),
        created: earlier(10 * DAY),
        founders: set(&[founder("BA"), founder("MD"), founder("NL")]),
        relays: List::new(RELAYS.map(relay).to_vec()).unwrap(),
        directory_log: log(DIRECTORY_LOG),
        witnesses: set(&witnesses()),
        quorum: 2,
        thresholds: THRESHOLDS,
    }
}

/// A mandate for everything, for a month around [`NOW`].
pub(crate) fn mandate() -> Mandate {
    Mandate {
        types: set(NoticeType::ALL),
        highest_precedence: Precedence::Flash,
        strictest_tlp: Tlp::Red,
        most_open_tlp: Tlp::Clear,
        audience: Audience::Everyone,
        from: earlier(15 * DAY),
        until: later(60 * DAY),
    }
}

/// An office with keys of these names.
pub(crate) fn office(
    name: &str,
    signing: &str,
    environment: Environment,
    mandate: Mandate,
) -> ContactPointEntry {
    ContactPointEntry {
        contact_point: point(name),
        environment,
        signing: key(signing).public(),
        transport: key(&format!("{name} transport")).public(),
        home_relays: List::new(vec![text("relay-1")]).unwrap(),
        telephone: text("+31 70 555 0100"),
        display_names: Set::default(),
        mandate,
    }
}

/// How a drill's signing key is called.
pub(crate) fn drill_key(name: &str) -> String {
    format!("{name} in the exercise")
}

/// A network with its log.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) charter: SignedCharter,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) directory: Directory,
    pub(crate) exercise: ExerciseId,
}

impl World {
    /// The network as most tests want it. Its last entry was drafted an hour before [`NOW`].
    pub(crate) fn new() -> Self {
        let mut world = Self::founded("Test network");
        for name in ["NL/technical", "MD/technical", "BA/technical"] {
            world.authorise(office(name, name, Environment::Live, mandate()), earlier(9 * DAY));
        }
        let participants = set(&["NL", "MD"].map(|m| m.parse().unwrap()));
        let act = Act::OpenExercise {
            name: text("Blue Heron"),
            participants,
            from: earlier(8 * DAY),
            until: later(8 * DAY),
        };
        world.exercise = world.opened(act, earlier(8 * DAY));
        let drill = world.drill();
        for name in ["NL/technical", "MD/technical"] {
            world.authorise(office(name, &drill_key(name), drill, mandate()), earlier(8 * DAY));
        }
        for name in ["NL/technical", "MD/technical", "BA/technical"] {
            world.publish_prekey(name, name, Environment::Live, earlier(HOUR));
        }
        for name in ["NL/technical", "MD/technical"] {
            world.publish_prekey(name, &drill_key(name), drill, earlier(HOUR));
        }
        world
    }

    /// A network of another name, and so of another id.
    pub(crate) fn founded(name: &str) -> Self {
        let charter = charter(name);
        let sign = |member: &str| charter.sign(member.parse().unwrap(), &key(&format!("{member} root")));
        let signatures = ["BA", "MD", "NL"].map(|member| sign(member).unwrap());
        let charter = Blob::new(charter.to_bytes().unwrap()).unwrap();
        let charter = SignedCharter { charter, signatures: set(&signatures) };
        let directory = Directory::found(&charter).unwrap();
        let entries = vec![charter.to_bytes().unwrap()];
        let exercise = ExerciseId(sha256(b"none"));
        Self { charter, entries, directory, exercise }
    }

    pub(crate) const fn drill(&self) -> Environment {
        Environment::Exercise(self.exercise)
    }

    /// Logs a statement, which must have its effect; its index.
    pub(crate) fn log(&mut self, act: Act, created: Timestamp, keys: &[&SigningKey]) -> u64 {
        let index = self.directory.size();
        let nonce = sha256(&index.to_be_bytes());
        let statement = Statement { network: self.directory.network(), created, nonce, act };
        let entry = statement.sign(keys).unwrap().to_bytes().unwrap();
        assert_eq!(self.directory.apply(index, &entry), Outcome::Applied);
        self.entries.push(entry);
        index
    }

    pub(crate) fn opened(&mut self, act: Act, created: Timestamp) -> ExerciseId {
        let index = self.directory.size();
        let nonce = sha256(&index.to_be_bytes());
        let statement = Statement { network: self.directory.network(), created, nonce, act: act.clone() };
        self.log(act, created, &[&key("NL root")]);
        ExerciseId(sha256(&statement.to_bytes().unwrap()))
    }

    pub(crate) fn authorise(&mut self, entry: ContactPointEntry, created: Timestamp) -> u64 {
        let root = key(&format!("{} root", entry.contact_point.member));
        self.log(Act::AuthoriseContactPoint(Box::new(entry)), created, &[&root])
    }

    pub(crate) fn authorise_officer(
        &mut self,
        name: &str,
        person: &str,
        mandate: Mandate,
        created: Timestamp,
    ) {
        let entry = OfficerEntry {
            contact_point: point("NL/technical"),
            environment: Environment::Live,
            key: key(name).public(),
            title: text(&format!("The {person}")),
            person: text(&person.replace(' ', "-")),
            mandate,
        };
        self.log(Act::AuthoriseOfficer(Box::new(entry)), created, &[&key("NL root")]);
    }

    /// NL/technical's notices, of every type and precedence, need so many officers.
    pub(crate) fn demand(&mut self, officers: u8, break_glass: bool, created: Timestamp) -> u64 {
        let rule = ReleaseRule {
            types: set(NoticeType::ALL),
            at_or_above: Precedence::Routine,
            officers,
            break_glass,
        };
        let rules = List::new(vec![rule]).unwrap();
        let act = Act::SetReleaseRules { contact_point: point("NL/technical"), rules };
        self.log(act, created, &[&key("NL root")])
    }

    /// The prekey has the name of the key that signs it.
    pub(crate) fn publish_prekey(
        &mut self,
        name: &str,
        signing: &str,
        environment: Environment,
        at: Timestamp,
    ) {
        let published = Prekey {
            public: prekey(signing).public().clone(),
            usable_from: at,
            usable_until: Timestamp(at.0 + DAY),
        };
        let prekeys = List::new(vec![published]).unwrap();
        let act = Act::PublishPrekeys { contact_point: point(name), environment, prekeys };
        self.log(act, at, &[&key(signing)]);
    }

    /// Revokes a key of NL's; which entry says so.
    pub(crate) fn revoke(&mut self, name: &str, effective: Timestamp, created: Timestamp) -> u64 {
        let act =
            Act::RevokeKey { key: key(name).public().id(), reason: RevocationReason::Compromised, effective };
        self.log(act, created, &[&key("NL root")])
    }

    pub(crate) fn suspend(&mut self, member: &str, created: Timestamp) -> u64 {
        let act = Act::SuspendMember { member: member.parse().unwrap(), reason: text("tests") };
        let others: Vec<SigningKey> =
            ["BA", "MD", "NL"].iter().filter(|m| **m != member).map(|m| key(&format!("{m} root"))).collect();
        self.log(act, created, &others.iter().collect::<Vec<_>>())
    }

    pub(crate) fn close_exercise(&mut self, created: Timestamp) -> u64 {
        self.log(Act::CloseExercise { exercise: self.exercise }, created, &[&key("NL root")])
    }

    /// From now on the network has the second relay alone.
    pub(crate) fn drop_the_first_relay(&mut self, created: Timestamp) {
        self.change_network(&[relay("relay-2")], &witnesses(), created);
    }

    /// From now on the network has these relays and witnesses, two of which are enough.
    pub(crate) fn change_network(&mut self, relays: &[Relay], witnesses: &[Witness], created: Timestamp) {
        let view = self.directory.now_view();
        let change = NetworkChange::to(&view, relays, witnesses, 2, THRESHOLDS).unwrap();
        let act = Act::ChangeNetwork(Box::new(change));
        self.log(act, created, &[&key("MD root"), &key("NL root")]);
    }

    /// What a relay answers.
    pub(crate) fn receipt(&self, relay: &str, envelope: EnvelopeId, index: u64, at: Timestamp) -> Vec<u8> {
        self.signed_receipt(relay, relay, envelope, index, at).to_bytes().unwrap()
    }

    /// A receipt that names one relay and is signed by another.
    pub(crate) fn signed_receipt(
        &self,
        names: &str,
        signs: &str,
        envelope: EnvelopeId,
        index: u64,
        at: Timestamp,
    ) -> SignedReceipt {
        let network = self.directory.network();
        let receipt = AcceptedReceipt { network, envelope, relay: text(names), index, at };
        let context = self.directory.context(Environment::Live);
        receipt.sign(&key(&format!("{signs} receipts")), &context).unwrap()
    }
}
