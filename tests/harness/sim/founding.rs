//! Founds the network of a plan: keys from the seed, the charter, the founders' first statements.

use pouch_crypto::{MlDsaKey, NoteKey, PrekeySecret, SigningKey, sha256};
use pouch_directory::{
    Act, Audience, Charter, CharterFile, ContactPointEntry, Directory, Founder, LogKeys, Mandate, Prekey,
    Relay, SignedCharter, Statement, Thresholds, Witness,
};
use pouch_tlog::{KeyName, LogSigner, WitnessSigner};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Environment, List, NoticeType, Precedence, Set, Text, Timestamp, Tlp,
};

use crate::clock::{BEGIN, HOUR, MINUTE};
use crate::plan::Plan;

const DAY: u64 = 24 * HOUR;
/// How far before the beginning the founders signed.
const FOUNDED: u64 = BEGIN - 2 * HOUR;
const MEMBERS: [&str; 5] = ["NL", "MD", "BA", "KZ", "CA"];

/// The network's charter, and all the keys that it names.
#[derive(Debug)]
pub(crate) struct Founding {
    pub(crate) charter: CharterFile,
    seed: u64,
}

pub(crate) fn text<const MAX: usize>(words: impl Into<String>) -> Text<MAX> {
    Text::new(words.into()).unwrap()
}

impl Founding {
    /// Founds it. `quorum` is the charter's, which a control makes smaller than the plan's.
    pub(crate) fn new(plan: &Plan, quorum: usize) -> Self {
        let names = Self { charter: empty(), seed: plan.seed };
        let charter = names.charter(plan, quorum);
        let sign = |n: usize| charter.sign(MEMBERS[n].parse().unwrap(), &names.root(n)).unwrap();
        let signatures: Vec<_> = (0..plan.nodes).map(sign).collect();
        let signed = SignedCharter {
            charter: Blob::new(charter.to_bytes().unwrap()).unwrap(),
            signatures: Set::new(signatures).unwrap(),
        };
        let network = charter.network_id().unwrap();
        let mut statements = Vec::new();
        for n in 0..plan.nodes {
            let (offices, sealing) =
                (names.office(n, plan, &names.signing(n, 0)), names.prekeys(n, 0, FOUNDED));
            for (act, key) in [
                (Act::AuthoriseContactPoint(Box::new(offices)), names.root(n)),
                (sealing, names.signing(n, 0)),
            ] {
                let nonce = sha256(format!("{} first {n} {}", plan.seed, statements.len()).as_bytes());
                let statement = Statement { network, created: Timestamp(FOUNDED + MINUTE), nonce, act };
                let bytes = statement.sign(&[&key]).unwrap().to_bytes().unwrap();
                statements.push(Blob::new(bytes).unwrap());
            }
        }
        let charter = CharterFile { charter: signed, first_statements: List::new(statements).unwrap() };
        Self { charter, seed: plan.seed }
    }

    /// The directory as the charter file has it.
    pub(crate) fn directory(&self) -> Directory {
        self.charter.found().unwrap()
    }

    /// The first entries of the log.
    pub(crate) fn entries(&self) -> Vec<Vec<u8>> {
        let mut entries = vec![self.charter.charter.to_bytes().unwrap()];
        entries.extend(self.charter.first_statements.iter().map(|statement| statement.to_vec()));
        entries
    }

    fn key(&self, name: &str) -> [u8; 32] {
        *sha256(format!("simulated key {name} of {}", self.seed).as_bytes()).as_bytes()
    }

    pub(crate) fn point(n: usize) -> ContactPoint {
        format!("{}/technical", MEMBERS[n]).parse().unwrap()
    }

    pub(crate) fn root(&self, n: usize) -> SigningKey {
        SigningKey::from_seed(&self.key(&format!("root {n}")))
    }

    /// A node's signing key, by how often it was replaced.
    pub(crate) fn signing(&self, n: usize, turn: usize) -> SigningKey {
        SigningKey::from_seed(&self.key(&format!("signing {n} {turn}")))
    }

    pub(crate) fn sealing(&self, n: usize, turn: usize) -> PrekeySecret {
        PrekeySecret::from_seed(&self.key(&format!("sealing {n} {turn}")))
    }

    pub(crate) fn receipts(&self, relay: usize) -> SigningKey {
        SigningKey::from_seed(&self.key(&format!("receipts {relay}")))
    }

    pub(crate) fn relay_name(n: usize) -> String {
        format!("relay-{n}")
    }

    /// Signs the directory's checkpoints.
    pub(crate) fn log_signer(&self) -> LogSigner {
        let (origin, ed25519, mldsa) = self.note_keys(DIRECTORY);
        LogSigner::new(&origin, ed25519, mldsa).unwrap()
    }

    pub(crate) fn witness_signer(&self, n: usize) -> WitnessSigner {
        let (name, ed25519, mldsa) = self.note_keys(&format!("w{n}.example/w"));
        WitnessSigner::new(&name, ed25519, mldsa).unwrap()
    }

    fn note_keys(&self, name: &str) -> (KeyName, NoteKey, MlDsaKey) {
        let mldsa = MlDsaKey::from_seed(&self.key(&format!("{name} ml-dsa"))).unwrap();
        (KeyName::new(name).unwrap(), NoteKey::from_seed(&self.key(&format!("{name} ed25519"))), mldsa)
    }

    fn log_keys(&self, name: &str) -> LogKeys {
        let (origin, ed25519, mldsa) = self.note_keys(name);
        LogKeys { origin: text(origin.as_str()), ed25519: ed25519.public(), mldsa: mldsa.public().clone() }
    }

    fn charter(&self, plan: &Plan, quorum: usize) -> Charter {
        let founder = |n: usize| Founder {
            member: MEMBERS[n].parse().unwrap(),
            name: text(MEMBERS[n]),
            root: self.root(n).public(),
            next_root: SigningKey::from_seed(&self.key(&format!("next root {n}"))).public().id(),
        };
        let relay = |n: usize| Relay {
            name: text(Self::relay_name(n)),
            address: text("localhost:4433"),
            transport: SigningKey::from_seed(&self.key(&format!("transport of relay {n}"))).public(),
            receipts: self.receipts(n).public(),
            message_log: self.log_keys(&format!("relay-{n}.example/messages")),
        };
        let witness = |n: usize| {
            let keys = self.log_keys(&format!("w{n}.example/w"));
            Witness { name: keys.origin, ed25519: keys.ed25519, mldsa: keys.mldsa, transport: None }
        };
        Charter {
            version: 1,
            name: text("Simulated network"),
            created: Timestamp(FOUNDED),
            founders: Set::new((0..plan.nodes).map(founder)).unwrap(),
            relays: List::new((0..plan.relays).map(relay).collect::<Vec<_>>()).unwrap(),
            directory_log: self.log_keys(DIRECTORY),
            witnesses: Set::new((0..plan.witnesses).map(witness)).unwrap(),
            quorum: u8::try_from(quorum).unwrap(),
            thresholds: Thresholds {
                admission: 2,
                network: 2,
                recovery: 1,
                recovery_after_veto: 2,
                recovery_delay_ms: HOUR,
            },
        }
    }

    /// An office as its member authorises it, with a signing key.
    pub(crate) fn office(&self, n: usize, plan: &Plan, signing: &SigningKey) -> ContactPointEntry {
        let homes = (0..plan.relays).map(|relay| text::<64>(Self::relay_name(relay)));
        ContactPointEntry {
            contact_point: Self::point(n),
            environment: Environment::Live,
            signing: signing.public(),
            transport: SigningKey::from_seed(&self.key(&format!("transport of node {n}"))).public(),
            home_relays: List::new(homes.collect::<Vec<_>>()).unwrap(),
            telephone: text("+31 70 555 0100"),
            display_names: Set::default(),
            mandate: Mandate {
                types: Set::new(NoticeType::ALL.to_vec()).unwrap(),
                highest_precedence: Precedence::Flash,
                strictest_tlp: Tlp::Red,
                most_open_tlp: Tlp::Clear,
                audience: Audience::Everyone,
                from: Timestamp(FOUNDED),
                until: Timestamp(BEGIN + 60 * DAY),
            },
        }
    }

    /// A sealing key for a day.
    pub(crate) fn prekeys(&self, n: usize, turn: usize, from: u64) -> Act {
        let prekey = Prekey {
            public: self.sealing(n, turn).public().clone(),
            usable_from: Timestamp(from),
            usable_until: Timestamp(from + DAY),
        };
        Act::PublishPrekeys {
            contact_point: Self::point(n),
            environment: Environment::Live,
            prekeys: List::new(vec![prekey]).unwrap(),
        }
    }
}

pub(crate) const DIRECTORY: &str = "relay-0.example/directory";

fn empty() -> CharterFile {
    let charter = SignedCharter { charter: Blob::new(Vec::new()).unwrap(), signatures: Set::default() };
    CharterFile { charter, first_statements: List::default() }
}
