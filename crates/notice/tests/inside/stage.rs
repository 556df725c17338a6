//! A small network in memory: NL and MD with an office each, NL's two officers and its release rule.

use pouch_crypto::{MlDsaKey, NoteKey, SigningKey, sha256};
use pouch_directory::{
    Act, Audience, Charter, CharterFile, ContactPointEntry, Directory, Founder, LogKeys, Mandate,
    OfficerEntry, Relay, ReleaseRule, SignedCharter, Statement, Thresholds, Witness,
};
use pouch_notice::{Body, Notice, NoticeNumber, Reference, body_from_toml, template};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Digest, Environment, List, NetworkId, NoticeId, NoticeType,
    Precedence, Set, Text, Timestamp, Tlp,
};

/// 2026-11-24T03:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_489_200_000);
pub(crate) const HOUR: u64 = 3600 * 1000;

pub(crate) fn point(name: &str) -> ContactPoint {
    name.parse().unwrap()
}

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(sha256(name.as_bytes()).as_bytes())
}

pub(crate) fn set<T: Ord + Clone, const MAX: usize>(values: &[T]) -> Set<T, MAX> {
    Set::new(values.to_vec()).unwrap()
}

pub(crate) fn body(kind: NoticeType) -> Body {
    body_from_toml(kind, &template(kind)).unwrap()
}

pub(crate) fn text(words: &str) -> Body {
    body_from_toml(NoticeType::FreeText, &format!("text = {:?}", words)).unwrap()
}

/// The notice that another one concerns.
pub(crate) fn earlier(sender: &str) -> Reference {
    Reference {
        sender: point(sender),
        number: NoticeNumber { year: 2026, n: 6 },
        id: NoticeId(Digest::new([6; 32])),
    }
}

/// A notice of NL/technical that keeps every rule.
pub(crate) fn notice(body: Body) -> Notice {
    use NoticeType as T;
    let concerns = match body.notice_type() {
        T::Response => Some(earlier("MD/policy")),
        T::Update | T::Correction | T::Cancellation | T::AllClear => Some(earlier("NL/technical")),
        _ => None,
    };
    let sentences = body.sentences().iter().map(|s| Text::new(*s).unwrap()).collect::<Vec<_>>();
    Notice {
        network: NetworkId(Digest::new([1; 32])),
        environment: Environment::Live,
        sender: point("NL/technical"),
        number: NoticeNumber { year: 2026, n: 7 },
        to: set(&[point("MD/policy")]),
        info: set(&[point("BA/technical"), point("OSCE/duty")]),
        concerns,
        created: NOW,
        not_after: Timestamp(NOW.0 + 24 * HOUR),
        precedence: Precedence::Immediate,
        tlp: Tlp::Amber,
        language: Text::new("en").unwrap(),
        subject: Text::new("Malware in electricity control systems").unwrap(),
        body,
        attachments: List::default(),
        break_glass: false,
        sentences: List::new(sentences).unwrap(),
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
        from: Timestamp(NOW.0 - 15 * 24 * HOUR),
        until: Timestamp(NOW.0 + 15 * 24 * HOUR),
    }
}

fn log(name: &str) -> LogKeys {
    let seed = *sha256(name.as_bytes()).as_bytes();
    LogKeys {
        origin: Text::new(name).unwrap(),
        ed25519: NoteKey::from_seed(&seed).public(),
        mldsa: MlDsaKey::from_seed(&seed).unwrap().public().clone(),
    }
}

fn founder(member: &str) -> Founder {
    Founder {
        member: member.parse().unwrap(),
        name: Text::new(member).unwrap(),
        root: key(&format!("{member} root")).public(),
        next_root: key(&format!("{member} next root")).public().id(),
    }
}

fn charter() -> Charter {
    let witness = log("witness.example/w1");
    Charter {
        version: 1,
        name: Text::new("Test network").unwrap(),
        created: Timestamp(NOW.0 - 10 * 24 * HOUR),
        founders: set(&[founder("BA"), founder("MD"), founder("NL")]),
        relays: List::new(vec![Relay {
            name: Text::new("relay-1").unwrap(),
            address: Text::new("localhost:4433").unwrap(),
            transport: key("relay transport").public(),
            receipts: key("relay receipts").public(),
            message_log: log("relay.example/messages"),
        }])
        .unwrap(),
        directory_log: log("relay.example/directory"),
        witnesses: set(&[Witness {
            name: witness.origin,
            ed25519: witness.ed25519,
            mldsa: witness.mldsa,
            transport: None,
        }]),
        quorum: 1,
        thresholds: Thresholds {
            admission: 2,
            network: 2,
            recovery: 1,
            recovery_after_veto: 2,
            recovery_delay_ms: HOUR,
        },
    }
}

/// A directory in which NL/technical may say what `office` covers, its officers approve what `officers`
/// covers, and `rule` says how many must.
pub(crate) fn directory(office: Mandate, officers: &Mandate, rule: ReleaseRule) -> Directory {
    let charter = charter();
    let signatures = ["BA", "MD", "NL"]
        .map(|member| charter.sign(member.parse().unwrap(), &key(&format!("{member} root"))).unwrap());
    let network = charter.network_id().unwrap();
    let signed = SignedCharter {
        charter: Blob::new(charter.to_bytes().unwrap()).unwrap(),
        signatures: set(&signatures),
    };
    let mut acts = vec![Act::AuthoriseContactPoint(Box::new(ContactPointEntry {
        contact_point: point("NL/technical"),
        environment: Environment::Live,
        signing: key("NL/technical").public(),
        transport: key("NL/technical transport").public(),
        home_relays: List::new(vec![Text::new("relay-1").unwrap()]).unwrap(),
        telephone: Text::new("+31 70 555 0100").unwrap(),
        display_names: Set::default(),
        mandate: office,
    }))];
    // The director holds two keys: one person, one vote.
    for (name, person) in [("director", "director"), ("director's second", "director"), ("duty", "duty")] {
        acts.push(Act::AuthoriseOfficer(Box::new(OfficerEntry {
            contact_point: point("NL/technical"),
            environment: Environment::Live,
            key: key(name).public(),
            title: Text::new(format!("The {person} officer")).unwrap(),
            person: Text::new(person).unwrap(),
            mandate: officers.clone(),
        })));
    }
    let rules = List::new(vec![rule]).unwrap();
    acts.push(Act::SetReleaseRules { contact_point: point("NL/technical"), rules });
    let statements: Vec<Blob<{ pouch_wire::limits::STATEMENT_BYTES }>> = acts
        .into_iter()
        .enumerate()
        .map(|(place, act)| {
            let nonce = sha256(&[place as u8]);
            let statement = Statement { network, created: NOW, nonce, act };
            let signed = statement.sign(&[&key("NL root")]).unwrap();
            Blob::new(signed.to_bytes().unwrap()).unwrap()
        })
        .collect();
    let file = CharterFile { charter: signed, first_statements: List::new(statements).unwrap() };
    file.found().unwrap()
}
