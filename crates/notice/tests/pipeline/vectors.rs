//! The bytes of every type that this crate signs, seals or keeps, and bytes that look like them and are
//! refused. A changed byte is a changed protocol, and must be meant.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pouch_notice::{
    Approval, Clause, Content, CourierFile, Excerpt, JointFile, Notice, RecipientReceipt, Said, SealedOut,
    SequenceState, SignedNotice, StanzaSecret, seal,
};
use pouch_wire::{Canonical, DecodeError, Environment, NoticeType};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::post::{ACCEPTED, BA, Letter, MD, NL, Posted, READ, drill, facts, holds, honest, letter};
use crate::receipts::{acknowledged, receipt, signed, verified};
use crate::stage;
use crate::vectors_file::held;
use crate::world::{World, key, text};

/// A letter of a type, approved by two officers' keys.
fn of_type(world: &World, kind: NoticeType) -> Letter {
    let of_type = stage::notice(stage::body(kind));
    let letter = letter(world, Environment::Live, NL, &[MD], &[]).saying(|n| {
        (n.body, n.concerns, n.sentences) = (of_type.body, of_type.concerns, of_type.sentences);
    });
    letter.approved(&["director", "duty"])
}

fn sealed(letter: &Letter) -> SealedOut {
    let mut rng = ChaCha20Rng::from_seed([letter.seed; 32]);
    seal(&letter.content(), &letter.route, &letter.to, &key(&letter.outside_key), &mut rng).unwrap()
}

fn receipts(world: &World, posted: &Posted, live: &Letter) -> Vec<(String, Vec<u8>)> {
    let id = Notice::id_of(&live.signed().notice);
    let context = world.directory.context(Environment::Live);
    let network = world.directory.network();
    let said = [
        ("verified", verified(id)),
        ("acknowledged", acknowledged(id)),
        ("refused", Said::Refused { code: text("POUCH-VER-42") }),
    ];
    let receipts = said.map(|(name, said)| (name, receipt(network, posted.id(), said)));
    receipts
        .iter()
        .flat_map(|(name, receipt)| {
            let signed = signed(receipt, MD, &context);
            [
                (format!("recipient-receipt_{name}"), receipt.to_bytes().unwrap()),
                (format!("content_receipt-{name}"), Content::Receipt(signed).to_bytes().unwrap()),
            ]
        })
        .collect()
}

fn accepted() -> BTreeMap<String, Vec<u8>> {
    let world = World::new();
    let live = honest(&world).approved(&["duty"]);
    let posted = live.posted();
    let mut sequence = SequenceState::default();
    for n in [1, 2, 5] {
        let named = |n: u64| pouch_wire::EnvelopeId(pouch_crypto::sha256(&n.to_be_bytes()));
        let previous = if n == 1 { crate::post::NOTHING_BEFORE } else { named(n - 1) };
        assert!(!matches!(sequence.accept(1, n, previous, named(n)), pouch_notice::Order::Nowhere));
    }
    let mut files: BTreeMap<String, Vec<u8>> = NoticeType::ALL
        .iter()
        .map(|kind| (format!("signed-notice_{kind}"), of_type(&world, *kind).signed().to_bytes().unwrap()))
        .collect();
    files.extend(receipts(&world, &posted, &live));
    files.extend([
        ("notice_exercise".to_owned(), drill(&world).notice.to_bytes().unwrap()),
        ("approval".to_owned(), alone(&live.approvals[0])),
        ("stanza-secret".to_owned(), posted.secrets[0].to_bytes().unwrap()),
        ("content_notice".to_owned(), live.content().to_bytes().unwrap()),
        ("sealed-message".to_owned(), sealed(&live).to_bytes().unwrap()),
        ("sequence-state".to_owned(), sequence.to_bytes().unwrap()),
        ("joint-file".to_owned(), joint_file(&world)),
        ("courier-content".to_owned(), courier(&world, &live).to_bytes().unwrap()),
    ]);
    files
}

/// One part under an empty directory. A real proof has another signature each time.
fn joint_file(world: &World) -> Vec<u8> {
    let posted = letter(world, Environment::Live, NL, &[MD], &[])
        .saying(|n| n.body = stage::body(NoticeType::JointStatement))
        .posted();
    let part = posted.received(world, MD).unwrap();
    let file = JointFile::new(Vec::new(), Vec::new(), &[(&part, b"proof".to_vec())]);
    file.unwrap().to_bytes().unwrap()
}

/// One message with an entry and a checkpoint that say nothing.
fn courier(world: &World, live: &Letter) -> CourierFile {
    let excerpt = Excerpt::new(7, vec![b"entry".to_vec()], b"checkpoint".to_vec()).unwrap();
    CourierFile::new(world.directory.network(), Some(excerpt), vec![sealed(live)]).unwrap()
}

/// Read, or written anew, once for all tests here.
fn on_file() -> &'static BTreeMap<String, Vec<u8>> {
    static HELD: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    HELD.get_or_init(|| held("notice", "accept", &accepted()))
}

/// An approval travels inside a signed notice; alone it is these bytes: the key's id and the signature.
fn alone(approval: &Approval) -> Vec<u8> {
    [approval.officer.as_bytes().as_slice(), &approval.signature.0.0].concat()
}

/// Reads bytes as the type that the name begins with; what they encode as again.
fn read(name: &str, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    fn again<T: Canonical>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(T::from_bytes(bytes)?.to_bytes().unwrap())
    }
    match name.split('_').next().unwrap() {
        "signed-notice" => again::<SignedNotice>(bytes),
        "notice" => again::<Notice>(bytes),
        "recipient-receipt" => again::<RecipientReceipt>(bytes),
        "content" => again::<Content>(bytes),
        "stanza-secret" => again::<StanzaSecret>(bytes),
        "sealed-message" => again::<SealedOut>(bytes),
        "sequence-state" => again::<SequenceState>(bytes),
        "joint-file" => again::<JointFile>(bytes),
        "courier-content" => again::<CourierFile>(bytes),
        "approval" => Ok(bytes.to_vec()),
        other => panic!("no type {other}"),
    }
}

#[test]
fn every_type_has_the_bytes_on_file() {
    for (name, bytes) in on_file() {
        assert_eq!(read(name, bytes).as_deref(), Ok(bytes.as_slice()), "{name}");
    }
}

#[test]
fn an_approval_on_file_stands_in_its_signed_notice() {
    let held = on_file();
    let Content::Notice { signed, .. } = Content::from_bytes(&held["content_notice"]).unwrap() else {
        panic!("no notice")
    };
    assert_eq!(signed.approvals.iter().map(alone).collect::<Vec<_>>(), [held["approval"].clone()]);
}

#[test]
fn the_sealed_message_on_file_opens_to_the_notice_on_file() {
    let world = World::new();
    let held = on_file();
    let sealed = SealedOut::from_bytes(&held["sealed-message"]).unwrap();
    let opened = Posted::from(&sealed).opened(&world, BA).unwrap();
    assert_eq!(opened.secret().to_bytes().unwrap(), held["stanza-secret"]);
    let verified = opened.verify(&facts(&world, READ)).unwrap();
    let Content::Notice { signed, .. } = Content::from_bytes(&held["content_notice"]).unwrap() else {
        panic!("no notice")
    };
    assert_eq!(verified.signed(), Some(&signed));
}

#[test]
fn the_notices_on_file_are_honest_ones() {
    let mut world = World::new();
    for (name, person) in [("director", "director"), ("duty", "duty")] {
        let since = crate::world::earlier(crate::world::DAY);
        world.authorise_officer(name, person, crate::world::mandate(), since);
    }
    world.demand(2, false, crate::world::earlier(crate::world::DAY));
    for kind in NoticeType::ALL {
        let letter = of_type(&world, *kind);
        let received = letter.posted().received_at(&world, MD, ACCEPTED);
        assert!(holds(&received), "{kind}: {received:?}");
        assert_eq!(received.unwrap().release().unwrap().approved_by.len(), 2);
        let fails = of_type(&world, *kind).with(|l| l.approvals.clear()).posted().received(&world, MD);
        assert_eq!(crate::post::refused(fails), crate::post::only(Clause::Release, "POUCH-VER-42"));
    }
}

fn edited(bytes: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    edit(&mut bytes);
    bytes
}

fn refused() -> BTreeMap<String, Vec<u8>> {
    let good = accepted();
    let notice = &good["signed-notice_incident-notice"];
    let drill = &good["notice_exercise"];
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for name in ["signed-notice_incident-notice", "recipient-receipt_acknowledged", "content_notice"] {
        files.insert(format!("{name}_trailing-byte"), edited(&good[name], |b| b.push(0)));
        files.insert(format!("{name}_cut-short"), edited(&good[name], |b| b.truncate(b.len() - 1)));
    }
    files.insert("joint-file_trailing-byte".into(), edited(&good["joint-file"], |b| b.push(0)));
    files.insert("joint-file_cut-short".into(), edited(&good["joint-file"], |b| b.truncate(b.len() - 1)));
    // The number of parts stands after version, entries and checkpoint.
    files.insert("joint-file_too-many-parts".into(), edited(&good["joint-file"], |b| b[3] = 129));
    // Two approvals of 96 bytes end a signed notice.
    let approvals = notice.len() - 192;
    files.insert(
        "signed-notice_incident-notice_approvals-unsorted".into(),
        edited(notice, |b| b[approvals..].rotate_left(96)),
    );
    files.insert(
        "signed-notice_incident-notice_approval-repeated".into(),
        edited(notice, |b| b.copy_within(approvals..approvals + 96, approvals + 96)),
    );
    // The environment's tag stands after the network's id.
    files.insert("notice_exercise_unknown-environment".into(), edited(drill, |b| b[32] = 9));
    files.insert("content_notice_unknown-kind".into(), edited(&good["content_notice"], |b| b[0] = 2));
    // The epoch in three bytes instead of one.
    let secret = &good["stanza-secret"];
    files.insert(
        "stanza-secret_integer-not-minimal".into(),
        edited(secret, |b| drop(b.splice(32..33, [251, 1, 0]))),
    );
    files.insert("stanza-secret_cut-short".into(), edited(secret, |b| b.truncate(b.len() - 1)));
    files
}

#[test]
fn what_only_looks_like_a_type_is_refused() {
    for (name, bytes) in held("notice", "refuse", &refused()) {
        let error = read(&name, &bytes).unwrap_err();
        let expected = match name.rsplit('_').next().unwrap() {
            "trailing-byte" => matches!(error, DecodeError::Trailing { extra: 1, .. }),
            "integer-not-minimal" => matches!(error, DecodeError::NotCanonical { .. }),
            _ => matches!(error, DecodeError::Malformed { .. }),
        };
        assert!(expected, "{name}: {error:?}");
    }
}
