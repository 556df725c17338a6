//! Evidence of one notice, checked with the charter alone: it holds when it is honest, and each part that is
//! exchanged, altered or left out is refused with its own reason.

use pouch_envelope::{Arrived, SignedReceipt};
use pouch_notice::{Clause, EvidenceFile, EvidenceRefused, Notice, Proven, StanzaSecret, State};
use pouch_tlog::Note;
use pouch_wire::{Blob, Canonical as _, Environment, Timestamp, canonical, limits};
use serde::{Deserialize, Serialize};

use crate::logs::{Logged, QUORUM, directory_note};
use crate::post::{ACCEPTED, MD, NL, Posted, drill, honest, in_state, letter, only};
use crate::receipts::{acknowledged, receipt, signed, verified};
use crate::world::{DAY, HOUR, World, earlier, later, mandate, office};

const MINUTE: u64 = HOUR / 60;

/// An evidence file as its bytes say it, so that a test can make a wrong one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Parts {
    version: u16,
    pub(crate) entries: Vec<Blob<{ limits::ENTRY_BYTES }>>,
    pub(crate) checkpoint: Blob<{ limits::CHECKPOINT_BYTES }>,
    arrived: Blob<{ limits::PAYLOAD_BYTES }>,
    secret: StanzaSecret,
    pub(crate) proof: Blob<{ limits::CHECKPOINT_BYTES }>,
    pub(crate) receipts: Vec<SignedReceipt>,
}
canonical!(Parts, "evidence in parts", 64 * 1024 * 1024);

/// What an honest node hands out.
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) posted: Posted,
    file: EvidenceFile,
}

/// When the directory's checkpoint was cosigned.
const COSIGNED: Timestamp = Timestamp(ACCEPTED.0 + 3_000);

impl Case {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        world.authorise_officer("duty", "duty", mandate(), earlier(2 * DAY));
        world.demand(1, false, earlier(2 * DAY));
        let posted = honest(&world).approved(&["duty"]).posted();
        Self::of(world, posted)
    }

    fn of(world: World, posted: Posted) -> Self {
        let logged = Logged::new(&world, &posted, ACCEPTED);
        Self::logged(world, posted, &logged)
    }

    fn logged(world: World, posted: Posted, logged: &Logged) -> Self {
        let found = logged.received(&world, &posted, MD).unwrap();
        let note = directory_note(&world, &QUORUM, COSIGNED).to_bytes();
        let file = EvidenceFile::new(world.entries.clone(), note, &found, logged.proof.to_bytes()).unwrap();
        let id = found.notice_id();
        let context = world.directory.context(posted.header.environment);
        let says = |by: &str, said| {
            let receipt = receipt(world.directory.network(), posted.id(), said);
            signed(&receipt, &crate::post::key_name(by, posted.header.environment), &context)
        };
        let receipts = vec![says(MD, verified(id)), says(MD, acknowledged(id))];
        let file = file.with_receipts(receipts).unwrap();
        Self { world, posted, file }
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts::from_bytes(&self.file.to_bytes().unwrap()).unwrap()
    }

    pub(crate) fn check(&self, parts: &Parts) -> Result<Proven, EvidenceRefused> {
        EvidenceFile::from_bytes(&parts.to_bytes().unwrap()).unwrap().verify(&self.world.charter)
    }

    /// The code with which a changed file is refused.
    fn refused(&self, change: impl FnOnce(&mut Parts)) -> &'static str {
        let mut parts = self.parts();
        change(&mut parts);
        self.check(&parts).map(|proven| panic!("{}", proven.words())).unwrap_err().code()
    }

    /// The clauses that fail in the notice of a changed file.
    fn refused_notice(&self, change: impl FnOnce(&mut Parts)) -> Vec<(Clause, String)> {
        let mut parts = self.parts();
        change(&mut parts);
        match self.check(&parts) {
            Err(EvidenceRefused::Notice(refused)) => crate::post::refused::<Notice>(Err(*refused)),
            Err(other) => panic!("{other}"),
            Ok(proven) => panic!("{}", proven.words()),
        }
    }
}

pub(crate) fn entry(bytes: Vec<u8>) -> Blob<{ limits::ENTRY_BYTES }> {
    Blob::new(bytes).unwrap()
}

pub(crate) fn note(note: &Note) -> Blob<{ limits::CHECKPOINT_BYTES }> {
    Blob::new(note.to_bytes()).unwrap()
}

const DIRECTORY: &str = "POUCH-EVI-04";
const MESSAGE: &str = "POUCH-EVI-05";
const LOG: &str = "POUCH-EVI-06";

#[test]
fn evidence_from_an_honest_message_holds_with_the_charter_alone() {
    let case = Case::new();
    let bytes = case.file.to_bytes().unwrap();
    let charter =
        pouch_directory::SignedCharter::from_bytes(&case.world.charter.to_bytes().unwrap()).unwrap();
    let proven = EvidenceFile::from_bytes(&bytes).unwrap().verify(&charter).unwrap();
    let notice = proven.verified();
    assert!(in_state(notice.verdict(), State::Fails).is_empty());
    assert!(in_state(notice.verdict(), State::Unsure).is_empty());
    assert_eq!(proven.number(), "NL/technical 2026-0007");
    assert_eq!(notice.came_at(), ACCEPTED);
    let answers: Vec<String> = proven.answered().iter().map(|answer| answer.by.to_string()).collect();
    assert_eq!(answers, [MD, MD]);
    assert_eq!(proven.cosigned_at(), (Some(later(4_000)), Some(later(2_000))));
    let words = proven.words();
    for said in [
        "NL/technical 2026-0007 is authentic.",
        "Accepted by relay-1 as entry 2 of its log.",
        "The recipient MD/technical verified it.",
        "The recipient MD/technical acknowledged it (receipt only, no concurrence).",
        "| Substations in two regions are down.",
    ] {
        assert!(words.lines().any(|line| line == said), "{said}\n{words}");
    }
    assert!(!words.contains("BUT"), "{words}");
    assert_eq!(case.parts().to_bytes().unwrap(), bytes, "the parts below are the file's");
}

#[test]
fn evidence_with_a_reservation_says_so_first() {
    let case = Case::new();
    let mut parts = case.parts();
    let long_ago = Timestamp(ACCEPTED.0 - 2 * HOUR);
    parts.checkpoint = note(&directory_note(&case.world, &QUORUM, long_ago));
    let words = case.check(&parts).unwrap().words();
    assert_eq!(words.lines().next(), Some("NL/technical 2026-0007 is authentic, with reservations."));
    assert!(words.contains("  BUT The directory was witnessed 2 hours ago."), "{words}");
}

#[test]
fn evidence_of_a_drill_says_so() {
    let world = World::new();
    let posted = drill(&world).posted();
    let case = Case::of(world, posted);
    let proven = case.check(&case.parts()).unwrap();
    assert!(proven.words().contains("EXERCISE EXERCISE EXERCISE - THIS IS A DRILL"));
    assert!(proven.words().contains("Blue Heron"));
}

#[test]
fn another_version_of_the_format_is_not_guessed_at() {
    let case = Case::new();
    for version in [0, 2, u16::MAX] {
        assert_eq!(case.refused(|parts| parts.version = version), "POUCH-EVI-02");
    }
}

#[test]
fn evidence_is_checked_against_the_charter_that_travelled_by_hand() {
    let case = Case::new();
    let other = World::founded("Another network").charter;
    let refused = case.file.verify(&other).unwrap_err();
    assert!(matches!(refused, EvidenceRefused::OtherCharter), "{refused}");
    assert_eq!(case.refused(|p| p.entries[0] = entry(other.to_bytes().unwrap())), "POUCH-EVI-03");
    assert_eq!(case.refused(|p| p.entries.clear()), "POUCH-EVI-03");
    assert_eq!(case.refused(|p| drop(p.entries.remove(0))), "POUCH-EVI-03");
}

#[test]
fn the_directory_is_the_one_that_the_witnesses_cosigned() {
    let case = Case::new();
    let last = case.world.entries.len() - 1;
    assert_eq!(case.refused(|p| drop(p.entries.pop())), DIRECTORY, "an entry held back");
    assert_eq!(case.refused(|p| drop(p.entries.remove(3))), DIRECTORY);
    assert_eq!(case.refused(|p| p.entries.push(entry(vec![0]))), DIRECTORY, "an entry added");
    assert_eq!(case.refused(|p| p.entries.swap(1, 2)), DIRECTORY, "another order");
    for at in 1..=last {
        let altered = case.refused(|p| {
            let mut bytes = p.entries[at].to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            p.entries[at] = entry(bytes);
        });
        assert_eq!(altered, DIRECTORY, "entry {at}");
    }
    let world = &case.world;
    for witnesses in [&[][..], &QUORUM[..1]] {
        assert_eq!(
            case.refused(|p| p.checkpoint = note(&directory_note(world, witnesses, COSIGNED))),
            DIRECTORY
        );
    }
    // One kind of signature is not enough.
    let whole = directory_note(world, &QUORUM, COSIGNED);
    for line in 0..whole.signatures().len() {
        let mut lines = whole.signatures().to_vec();
        lines.remove(line);
        let halved = Note::new(whole.text(), lines).unwrap();
        assert_eq!(case.refused(|p| p.checkpoint = note(&halved)), DIRECTORY, "line {line}");
    }
    // The message log's checkpoint is not the directory's.
    let proof = pouch_tlog::ProofFile::parse(&case.parts().proof).unwrap();
    assert_eq!(case.refused(|p| p.checkpoint = note(proof.note())), DIRECTORY);
    assert_eq!(case.refused(|p| p.checkpoint = Blob::default()), DIRECTORY);
}

#[test]
fn the_message_is_the_one_that_was_delivered_and_the_key_is_its_own() {
    let case = Case::new();
    assert_eq!(case.refused(|p| p.arrived = Blob::default()), MESSAGE);
    let cut = |p: &mut Parts| p.arrived = Blob::new(p.arrived[..p.arrived.len() - 1].to_vec()).unwrap();
    assert_eq!(case.refused(cut), MESSAGE);
    // Another message's key opens nothing here.
    let other = letter(&case.world, Environment::Live, NL, &[MD], &[]).with(|l| l.seed = 9).posted();
    assert_eq!(case.refused(|p| p.secret = other.secrets[0].clone()), MESSAGE);
    for byte in 0..32 {
        let altered = case.refused(|p| {
            let mut bytes = p.secret.to_bytes().unwrap();
            bytes[byte] ^= 1;
            p.secret = StanzaSecret::from_bytes(&bytes).unwrap();
        });
        assert_eq!(altered, MESSAGE);
    }
}

/// The same evidence around another message, as its relay would have delivered it.
fn around(case: &Case, posted: &Posted, receipt: &[u8]) -> impl FnOnce(&mut Parts) {
    let arrived = posted.delivered(MD, receipt).unwrap().to_bytes().unwrap();
    let place = posted.header.recipients.iter().position(|a| a.contact_point == crate::world::point(MD));
    let secret = posted.secrets.get(place.unwrap()).cloned().unwrap_or_else(|| case.parts().secret);
    move |parts| {
        (parts.arrived, parts.secret) = (Blob::new(arrived).unwrap(), secret);
        parts.receipts.clear();
    }
}

#[test]
fn the_message_is_in_the_log_of_the_relay_that_promised_it() {
    let case = Case::new();
    let (world, posted) = (&case.world, &case.posted);
    let logged = Logged::new(world, posted, ACCEPTED);
    assert_eq!(case.refused(around(&case, posted, b"")), LOG, "no promise");
    let by_a_stranger = world.signed_receipt("relay-1", NL, posted.id(), 2, ACCEPTED).to_bytes().unwrap();
    assert_eq!(case.refused(around(&case, posted, &by_a_stranger)), LOG);
    let other_time = world.receipt("relay-1", posted.id(), 2, Timestamp(ACCEPTED.0 - 1));
    assert_eq!(case.refused(around(&case, posted, &other_time)), LOG, "accepted at another time");
    let other_relay = world.receipt("relay-2", posted.id(), 2, ACCEPTED);
    assert_eq!(case.refused(around(&case, posted, &other_relay)), LOG, "promised by another relay");
    let other_place = world.receipt("relay-1", posted.id(), 3, ACCEPTED);
    assert_eq!(case.refused(around(&case, posted, &other_place)), LOG, "promised another place");

    let file = |index, path: Vec<_>, note: &Note| {
        let proof = pouch_tlog::ProofFile::new(index, path, note.clone()).unwrap().to_bytes();
        move |parts: &mut Parts| parts.proof = Blob::new(proof).unwrap()
    };
    let (path, log) = (logged.proof.path().to_vec(), logged.proof.note().clone());
    assert_eq!(case.refused(file(1, path.clone(), &log)), LOG, "another index");
    assert_eq!(case.refused(file(2, path[1..].to_vec(), &log)), LOG, "a shorter path");
    for step in 0..path.len() {
        let mut other = path.clone();
        other[step] = pouch_crypto::sha256(b"another");
        assert_eq!(case.refused(file(2, other, &log)), LOG, "step {step}");
    }
    for line in 0..log.signatures().len() {
        let mut lines = log.signatures().to_vec();
        lines.remove(line);
        let halved = Note::new(log.text(), lines).unwrap();
        assert_eq!(case.refused(file(2, path.clone(), &halved)), LOG, "line {line}");
    }
    let directory_s = directory_note(world, &QUORUM, COSIGNED);
    assert_eq!(case.refused(file(2, path, &directory_s)), LOG, "another log's checkpoint");
    assert_eq!(case.refused(|p| p.proof = Blob::default()), LOG);
}

#[test]
fn evidence_of_what_its_sender_did_not_sign_or_was_not_allowed_to_say_is_refused() {
    let case = Case::new();
    let refused = |posted: &Posted| {
        let logged = Logged::new(&case.world, posted, ACCEPTED);
        let change = around(&case, posted, &logged.receipt);
        case.refused_notice(|parts| {
            change(parts);
            parts.proof = Blob::new(logged.proof.to_bytes()).unwrap();
        })
    };
    let unreleased = honest(&case.world).posted();
    assert_eq!(refused(&unreleased), only(Clause::Release, "POUCH-VER-42"));
    let letter = || honest(&case.world).approved(&["duty"]);
    let forged = letter().with(|l| l.outside_key = MD.into()).posted();
    assert_eq!(refused(&forged), only(Clause::Binding, "POUCH-DIR-41"));
    let altered = letter().posted().altered(|p| p.header.precedence = pouch_wire::Precedence::Routine);
    assert_eq!(refused(&altered), only(Clause::Signature, "POUCH-ADM-15"));
    let resealed = letter().saying_inside(|n| n.info = crate::world::set(&[])).posted();
    assert_eq!(refused(&resealed), only(Clause::SameLetter, "POUCH-VER-10"));
}

#[test]
fn evidence_after_a_revocation_says_what_that_means_for_the_notice() {
    let case = Case::new();
    let since = |effective| {
        let mut world = case.world.clone();
        world.revoke(NL, effective, later(HOUR));
        let mut parts = case.parts();
        parts.entries = world.entries.iter().cloned().map(entry).collect();
        parts.checkpoint = note(&directory_note(&world, &QUORUM, later(2 * HOUR)));
        case.check(&parts)
    };
    // The log's witnesses saw the notice before the revocation took effect.
    assert!(since(later(HOUR)).unwrap().verified().verdict().decisive().is_none());
    // At about the time of acceptance, nobody knows who signed, and the first line does not say more.
    let about = since(ACCEPTED).unwrap();
    assert_eq!(in_state(about.verified().verdict(), State::Unsure), [(Clause::KeyInTime, "POUCH-VER-31")]);
    let first = "NL/technical 2026-0007 bears the signature of NL/technical; whether its key still spoke is doubtful.";
    assert_eq!(about.words().lines().next(), Some(first));
    assert!(!about.words().contains("authentic"));
    let Err(EvidenceRefused::Notice(refused)) = since(earlier(HOUR)) else { panic!("it holds") };
    assert_eq!(in_state(&refused.verdict, State::Fails), [(Clause::KeyInTime, "POUCH-VER-30")]);
}

#[test]
fn evidence_says_when_witnesses_saw_it_long_after_the_time_that_the_relay_gives() {
    let seen_after = |ms: u64| {
        let world = World::new();
        let posted = honest(&world).posted();
        let seen = Timestamp(ACCEPTED.0 + ms);
        let logged = Logged::seen(&world, "relay-1", posted.id(), ACCEPTED, seen);
        let case = Case::logged(world, posted, &logged);
        case.check(&case.parts()).unwrap()
    };
    let in_time = seen_after(15 * MINUTE);
    assert!(in_time.verified().verdict().decisive().is_none());
    let late = seen_after(15 * MINUTE + 1000);
    assert_eq!(in_state(late.verified().verdict(), State::Unsure), [(Clause::Log, "POUCH-VER-62")]);
    let first = "NL/technical 2026-0007 is authentic, with reservations.";
    assert_eq!(late.words().lines().next(), Some(first));
}

#[test]
fn a_retired_key_and_a_relay_that_dates_back_make_no_evidence_that_is_called_authentic() {
    let mut world = World::new();
    let posted = honest(&world).posted();
    world.authorise(office(NL, "NL, the next", Environment::Live, mandate()), later(DAY));
    let opinion = |witnessed| {
        let logged = Logged::seen(&world, "relay-1", posted.id(), ACCEPTED, witnessed);
        let case = Case::logged(world.clone(), posted.clone(), &logged);
        let proven = case.check(&case.parts()).unwrap();
        proven.words().lines().next().unwrap().to_owned()
    };
    assert_eq!(opinion(later(2 * DAY - 1000)), "NL/technical 2026-0007 is authentic, with reservations.");
    assert_eq!(opinion(later(2000)), "NL/technical 2026-0007 is authentic.");
    let doubtful = "NL/technical 2026-0007 bears the signature of NL/technical; whether its key still spoke is doubtful.";
    assert_eq!(opinion(later(10 * DAY)), doubtful);
}

#[test]
fn no_flipped_bit_makes_evidence_of_anything_else() {
    let case = Case::new();
    let bytes = case.file.to_bytes().unwrap();
    let honest = case.check(&case.parts()).unwrap();
    let (id, words) = (honest.verified().notice_id(), honest.words());
    // Neither signed nor shown: the place among the sender's messages, which the sealed stanza held.
    let secret = case.parts().secret.to_bytes().unwrap();
    let at = bytes.windows(secret.len()).position(|window| window == secret.as_slice()).unwrap();
    let place = at + 32..at + secret.len();
    let mut refused = 0;
    // A prime step visits every part and, over the parts, every bit of a byte.
    for at in (0..bytes.len()).step_by(37).chain(place.clone()) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let Ok(file) = EvidenceFile::from_bytes(&flipped) else {
            refused += 1;
            continue;
        };
        match file.verify(&case.world.charter) {
            Err(_) => refused += 1,
            Ok(proven) => {
                assert!(place.contains(&at), "byte {at} of {} changes nothing", bytes.len());
                assert_eq!((proven.verified().notice_id(), proven.words()), (id, words.clone()));
            }
        }
    }
    assert!(refused >= bytes.len() / 37 - place.len(), "{refused}");
}

#[test]
fn what_is_kept_of_an_arrival_is_what_evidence_holds() {
    let case = Case::new();
    let arrived = Arrived::from_bytes(&case.parts().arrived).unwrap();
    assert_eq!(arrived.id(), case.posted.id());
}
