//! A small network in memory: BA, MD and NL, two relays, three witnesses, and a clock that a test moves.
//! Every key comes from its name.

use pouch_crypto::{MlDsaKey, NoteKey, PrekeySecret, SigningKey, sha256};
use pouch_directory::{
    Act, Charter, Directory, Founder, LogKeys, Outcome, Relay, SignedCharter, SignedStatement, Statement,
    StatementRefused, Thresholds, Witness,
};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Environment, ExerciseId, KeyId, List, Member, Set, Text, Timestamp,
};

/// 2026-11-24T03:00:00Z: when the charter was drafted.
pub(crate) const FOUNDED: Timestamp = Timestamp(1_795_489_200_000);
pub(crate) const SECOND: u64 = 1000;
pub(crate) const HOUR: u64 = 3600 * SECOND;
pub(crate) const DAY: u64 = 24 * HOUR;

pub(crate) const FOUNDERS: [&str; 3] = ["BA", "MD", "NL"];
pub(crate) const WITNESSES: [&str; 3] = ["ba.example/w", "md.example/w", "nl.example/w"];
pub(crate) const THRESHOLDS: Thresholds =
    Thresholds { admission: 2, network: 2, recovery: 1, recovery_after_veto: 2, recovery_delay_ms: 7 * DAY };

fn seed(name: &str) -> [u8; 32] {
    *sha256(format!("pouch test key {name}").as_bytes()).as_bytes()
}

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(&seed(name))
}

pub(crate) fn id(name: &str) -> KeyId {
    key(name).public().id()
}

pub(crate) fn prekey(name: &str) -> PrekeySecret {
    PrekeySecret::from_seed(&seed(&format!("{name} prekey")))
}

pub(crate) fn member(code: &str) -> Member {
    code.parse().unwrap()
}

pub(crate) fn point(name: &str) -> ContactPoint {
    name.parse().unwrap()
}

pub(crate) fn text<const MAX: usize>(words: &str) -> Text<MAX> {
    Text::new(words).unwrap()
}

pub(crate) fn set<T: Ord + Clone, const MAX: usize>(values: &[T]) -> Set<T, MAX> {
    Set::new(values.to_vec()).unwrap()
}

pub(crate) fn members(codes: &[&str]) -> Set<Member, 64> {
    Set::new(codes.iter().map(|code| member(code))).unwrap()
}

pub(crate) fn log(origin: &str) -> LogKeys {
    LogKeys {
        origin: text(origin),
        ed25519: NoteKey::from_seed(&seed(&format!("{origin} ed25519"))).public(),
        mldsa: MlDsaKey::from_seed(&seed(&format!("{origin} ml-dsa-44"))).unwrap().public().clone(),
    }
}

pub(crate) fn relay(name: &str) -> Relay {
    Relay {
        name: text(name),
        address: text("localhost:4433"),
        transport: key(&format!("{name} transport")).public(),
        receipts: key(&format!("{name} receipts")).public(),
        message_log: log(&format!("{name}.example/messages")),
    }
}

pub(crate) fn witness(name: &str) -> Witness {
    let LogKeys { origin, ed25519, mldsa } = log(name);
    Witness { name: origin, ed25519, mldsa, transport: None }
}

pub(crate) fn witnesses() -> Vec<Witness> {
    WITNESSES.iter().map(|name| witness(name)).collect()
}

pub(crate) fn founder(code: &str) -> Founder {
    Founder {
        member: member(code),
        name: text(code),
        root: key(&format!("{code} root")).public(),
        next_root: id(&format!("{code} next root")),
    }
}

pub(crate) fn charter_of(codes: &[&str]) -> Charter {
    Charter {
        version: 1,
        name: text("Test network"),
        created: FOUNDED,
        founders: Set::new(codes.iter().map(|code| founder(code))).unwrap(),
        relays: List::new(vec![relay("relay-1"), relay("relay-2")]).unwrap(),
        directory_log: log("relay-1.example/directory"),
        witnesses: set(&witnesses()),
        quorum: 2,
        thresholds: THRESHOLDS,
    }
}

/// The charter, signed by the roots of its founders.
pub(crate) fn signed(charter: &Charter) -> SignedCharter {
    let sign = |founder: &Founder| {
        charter.sign(founder.member.clone(), &key(&format!("{} root", founder.member))).unwrap()
    };
    let signatures = Set::new(charter.founders.iter().map(sign)).unwrap();
    SignedCharter { charter: Blob::new(charter.to_bytes().unwrap()).unwrap(), signatures }
}

/// A network with its log and the time at which its next statement is drafted.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) charter: SignedCharter,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) directory: Directory,
    pub(crate) now: Timestamp,
}

impl World {
    /// The charter alone.
    pub(crate) fn founded() -> Self {
        Self::of(&charter_of(&FOUNDERS))
    }

    pub(crate) fn of(charter: &Charter) -> Self {
        let charter = signed(charter);
        let directory = Directory::found(&charter).unwrap();
        let entries = vec![charter.to_bytes().unwrap()];
        Self { charter, entries, directory, now: Timestamp(FOUNDED.0 + HOUR) }
    }

    /// With an office each.
    pub(crate) fn new() -> Self {
        let mut world = Self::founded();
        for name in ["BA/technical", "MD/technical", "NL/technical"] {
            let root = format!("{} root", point(name).member);
            world.does(crate::acts::authorise(name, name), &[&root]);
        }
        world
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = Timestamp(self.now.0 + ms);
    }

    pub(crate) fn statement(&self, act: Act) -> Statement {
        let nonce = sha256(&self.directory.size().to_be_bytes());
        Statement { network: self.directory.network(), created: self.now, nonce, act }
    }

    /// The statement, signed with the keys of these names.
    pub(crate) fn signed(&self, act: Act, keys: &[&str]) -> SignedStatement {
        let keys: Vec<SigningKey> = keys.iter().map(|name| key(name)).collect();
        self.statement(act).sign(&keys.iter().collect::<Vec<_>>()).unwrap()
    }

    pub(crate) fn entry(&self, act: Act, keys: &[&str]) -> Vec<u8> {
        self.signed(act, keys).to_bytes().unwrap()
    }

    pub(crate) fn enter(&mut self, entry: Vec<u8>) -> Outcome {
        let checked = self.directory.check(&entry);
        let index = self.directory.size();
        let outcome = self.directory.apply(index, &entry);
        let expected = checked.map_or_else(Outcome::NoEffect, |()| Outcome::Applied);
        assert_eq!(outcome, expected, "the check before said otherwise");
        assert_eq!(self.directory.size(), index + 1);
        self.entries.push(entry);
        outcome
    }

    /// Logs a statement, which must have its effect; its index.
    pub(crate) fn does(&mut self, act: Act, keys: &[&str]) -> u64 {
        let index = self.directory.size();
        let entry = self.entry(act, keys);
        assert_eq!(self.enter(entry), Outcome::Applied);
        index
    }

    /// Logs a statement, which must have no effect at all; why.
    pub(crate) fn refuses(&mut self, act: Act, keys: &[&str]) -> StatementRefused {
        let entry = self.entry(act, keys);
        self.refuses_entry(entry)
    }

    pub(crate) fn refuses_entry(&mut self, entry: Vec<u8>) -> StatementRefused {
        // Beside it stands a directory that counts noise in its place.
        let mut twin = self.directory.clone();
        twin.apply(twin.size(), b"noise");
        match self.enter(entry) {
            Outcome::NoEffect(refused) => {
                assert_eq!(self.directory.state_digest(), twin.state_digest(), "it had an effect");
                refused
            }
            Outcome::Applied => panic!("it was not refused"),
        }
    }

    /// NL opens an exercise of NL and MD.
    pub(crate) fn opens_exercise(&mut self, name: &str) -> ExerciseId {
        let act = crate::acts::open_exercise(name, &["MD", "NL"], self.now);
        let statement = self.statement(act.clone());
        self.does(act, &["NL root"]);
        ExerciseId(sha256(&statement.to_bytes().unwrap()))
    }

    /// Whether the key of this name speaks for NL/technical.
    pub(crate) fn speaks(&self, name: &str) -> bool {
        self.directory.now_view().may_sign(&point("NL/technical"), Environment::Live, id(name)).is_ok()
    }

    /// The root of a member is the key of this name.
    pub(crate) fn root_is(&self, code: &str, name: &str) -> bool {
        self.directory.now_view().member(&member(code)).unwrap().root == key(name).public()
    }
}
