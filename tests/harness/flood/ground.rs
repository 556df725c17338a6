//! The network that is attacked, founded in memory: every key comes from a name, so that the relay's
//! process has the same ones.

use std::path::Path;

use pouch_crypto::{MlDsaKey, NoteKey, PrekeySecret, SigningKey, sha256};
use pouch_directory::{
    Act, Audience, Charter, CharterFile, ContactPointEntry, Directory, Founder, LogKeys, Mandate, Prekey,
    Relay, SignedCharter, Statement, Thresholds, Witness,
};
use pouch_net::TransportIdentity;
use pouch_relay::{LogKeyPair, RelayKeys};
use pouch_tests::evil::town::now;
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Environment, KeyId, List, NoticeType, Precedence, Set, Text,
    Timestamp, Tlp,
};

const HOUR: u64 = 3600 * 1000;
const DAY: u64 = 24 * HOUR;
const DIRECTORY: &str = "relay-1.example/directory";
const MESSAGES: &str = "relay-1.example/messages";

/// Who is there: a member and how many offices it has, `NL/node-1` and so on.
const MEMBERS: [(&str, usize); 4] = [(SENDERS, 8), (READERS, 8), (HOSTILE, 8), (HERD, 200)];
/// Honest senders.
pub(crate) const SENDERS: &str = "NL";
/// Honest recipients.
pub(crate) const READERS: &str = "MD";
/// A member that turned hostile: its keys are good.
pub(crate) const HOSTILE: &str = "BA";
/// Many nodes that come and go.
pub(crate) const HERD: &str = "KZ";

/// The network and everybody's keys.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) charter: CharterFile,
    /// As the relay has it from the beginning on.
    pub(crate) directory: Directory,
}

fn text<const MAX: usize>(words: impl Into<String>) -> Text<MAX> {
    Text::new(words.into()).unwrap()
}

fn seed(name: &str) -> [u8; 32] {
    *sha256(format!("flooded key {name}").as_bytes()).as_bytes()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(&seed(name))
}

/// An office, counted from 1.
pub(crate) fn office(member: &str, n: usize) -> ContactPoint {
    format!("{member}/node-{n}").parse().unwrap()
}

/// The seed of the key of an office's sessions.
pub(crate) fn transport_seed(office: &ContactPoint) -> [u8; 32] {
    seed(&format!("{office} transport"))
}

/// The key of an office's sessions.
pub(crate) fn transport(office: &ContactPoint) -> TransportIdentity {
    TransportIdentity::from_seed(&transport_seed(office)).unwrap()
}

/// The key with which an office signs what it sends.
pub(crate) fn signing(office: &ContactPoint) -> SigningKey {
    key(&format!("{office} signing"))
}

fn sealing(office: &ContactPoint) -> PrekeySecret {
    PrekeySecret::from_seed(&seed(&format!("{office} sealing")))
}

/// What messages to an office are sealed to.
pub(crate) fn prekey(office: &ContactPoint) -> KeyId {
    sealing(office).public().id()
}

fn note_keys(name: &str) -> LogKeyPair {
    let mldsa = MlDsaKey::from_seed(&seed(&format!("{name} ml-dsa"))).unwrap();
    LogKeyPair { ed25519: NoteKey::from_seed(&seed(&format!("{name} ed25519"))), mldsa }
}

fn log_keys(name: &str) -> LogKeys {
    let pair = note_keys(name);
    LogKeys { origin: text(name), ed25519: pair.ed25519.public(), mldsa: pair.mldsa.public().clone() }
}

/// The relay's keys.
pub(crate) fn relay_keys() -> RelayKeys {
    RelayKeys {
        transport: key("relay transport"),
        receipts: key("relay receipts"),
        message_log: note_keys(MESSAGES),
        directory_log: Some(note_keys(DIRECTORY)),
    }
}

impl Ground {
    /// Founds the network.
    pub(crate) fn found() -> Self {
        let founded = now().0 - HOUR;
        let charter = charter(founded);
        let sign = |(member, _): (&str, usize)| {
            charter.sign(member.parse().unwrap(), &key(&format!("{member} root"))).unwrap()
        };
        let signed = SignedCharter {
            charter: Blob::new(charter.to_bytes().unwrap()).unwrap(),
            signatures: Set::new(MEMBERS.map(sign)).unwrap(),
        };
        let network = charter.network_id().unwrap();
        let mut statements = Vec::new();
        for (member, offices) in MEMBERS {
            for office in (1..=offices).map(|n| office(member, n)) {
                for (act, key) in [
                    (
                        Act::AuthoriseContactPoint(Box::new(entry(&office, founded))),
                        key(&format!("{member} root")),
                    ),
                    (prekeys(&office, founded), signing(&office)),
                ] {
                    let nonce = sha256(format!("first {}", statements.len()).as_bytes());
                    let statement = Statement { network, created: Timestamp(founded), nonce, act };
                    statements.push(Blob::new(statement.sign(&[&key]).unwrap().to_bytes().unwrap()).unwrap());
                }
            }
        }
        Self::of(CharterFile { charter: signed, first_statements: List::new(statements).unwrap() })
    }

    fn of(charter: CharterFile) -> Self {
        let directory = charter.found().unwrap();
        Self { charter, directory }
    }

    /// Reads what [`Ground::write`] wrote.
    pub(crate) fn read(path: &Path) -> Self {
        Self::of(CharterFile::from_bytes(&std::fs::read(path).unwrap()).unwrap())
    }

    /// Writes the charter for the relay's process.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.charter.to_bytes().unwrap()).unwrap();
    }
}

fn charter(founded: u64) -> Charter {
    let founder = |(member, _): (&str, usize)| Founder {
        member: member.parse().unwrap(),
        name: text(member),
        root: key(&format!("{member} root")).public(),
        next_root: key(&format!("{member} next root")).public().id(),
    };
    let relay = Relay {
        name: text("relay-1"),
        address: text("localhost:4433"),
        transport: key("relay transport").public(),
        receipts: key("relay receipts").public(),
        message_log: log_keys(MESSAGES),
    };
    let witness = log_keys("w1.example/w");
    let transport = Some(key("witness transport").public());
    let witness = Witness { name: witness.origin, ed25519: witness.ed25519, mldsa: witness.mldsa, transport };
    Charter {
        version: 1,
        name: text("Flooded network"),
        created: Timestamp(founded),
        founders: Set::new(MEMBERS.map(founder)).unwrap(),
        relays: List::new(vec![relay]).unwrap(),
        directory_log: log_keys(DIRECTORY),
        witnesses: Set::new([witness]).unwrap(),
        quorum: 1,
        thresholds: Thresholds {
            admission: 3,
            network: 3,
            recovery: 1,
            recovery_after_veto: 2,
            recovery_delay_ms: HOUR,
        },
    }
}

fn entry(office: &ContactPoint, founded: u64) -> ContactPointEntry {
    ContactPointEntry {
        contact_point: office.clone(),
        environment: Environment::Live,
        signing: signing(office).public(),
        transport: SigningKey::from_seed(&transport_seed(office)).public(),
        home_relays: List::new(vec![text("relay-1")]).unwrap(),
        telephone: text("+31 70 555 0100"),
        display_names: Set::default(),
        mandate: Mandate {
            types: Set::new(NoticeType::ALL.to_vec()).unwrap(),
            highest_precedence: Precedence::Flash,
            strictest_tlp: Tlp::Red,
            most_open_tlp: Tlp::Clear,
            audience: Audience::Everyone,
            from: Timestamp(founded),
            until: Timestamp(founded + 60 * DAY),
        },
    }
}

fn prekeys(office: &ContactPoint, founded: u64) -> Act {
    let prekey = Prekey {
        public: sealing(office).public().clone(),
        usable_from: Timestamp(founded),
        usable_until: Timestamp(founded + DAY),
    };
    Act::PublishPrekeys {
        contact_point: office.clone(),
        environment: Environment::Live,
        prekeys: List::new(vec![prekey]).unwrap(),
    }
}
