//! What fuzzing begins with: one good value of every kind, the vectors, and near misses. The same bytes
//! on every machine, so that a changed format changes them and is noticed.

use std::collections::BTreeMap;

use pouch_control::{AttachmentFile, Bytes, Call, Compose, CourierSelection, Selection};
use pouch_crypto::{SigningKey, sha256};
use pouch_directory::CharterFile;
use pouch_notice::{
    Content, CourierFile, Draft, Excerpt, RecipientReceipt, Route, Said, SealTo, SealedOut, SequenceState,
    SignedNotice, seal, spoken_check, template,
};
use pouch_wire::session as s;
use pouch_wire::{
    Blob, Canonical, Digest, EnvelopeId, Fixed, Frame, FrameKind, List, Message, NoticeId, NoticeType,
    Precedence, Text, Timestamp, Tlp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::inputs;
use crate::properties::stage::{self, NOW};
use crate::properties::world::{self, World};

/// Largest vector that becomes a seed: a fuzzer gets nowhere with larger ones.
const VECTOR_BYTES_MAX: usize = 12 * 1024;

type Seeds = BTreeMap<String, Vec<u8>>;

/// The seeds of every target.
pub(crate) fn all() -> BTreeMap<&'static str, Seeds> {
    let mut all = BTreeMap::from([
        ("charter_decode", charters()),
        ("codec_memory", claims()),
        ("control_line", calls()),
        ("courier_file", couriers()),
        ("directory_apply", scripts(40, 600)),
        ("envelope_decode", envelopes()),
        ("frame_stream", streams()),
        ("names", names()),
        ("notice_decode", notices()),
        ("notice_toml", forms()),
        ("quorum", quorums()),
        ("session_messages", bodies()),
        ("spoken_digits", digits()),
        ("text_render", texts()),
    ]);
    for target in ["content_open", "kem_open", "keyfile_parse", "proof_consistency", "proof_inclusion"] {
        all.insert(target, scripts(12, 48));
    }
    for (target, kinds) in [
        ("checkpoint_note", &["note", "checkpoint", "vkey", "signed"] as &[&str]),
        ("policy_text", &["policy"]),
        ("proof_file", &["proof", "proved"]),
        ("tile_files", &["place"]),
        ("witness_request", &["request"]),
    ] {
        all.insert(target, vectors(kinds));
    }
    all.entry("tile_files").or_default().extend(tiles());
    // What is wrong with whole sets of signatures is `quorum`'s, and large.
    all.entry("checkpoint_note").or_default().retain(|name, _| !name.starts_with("refuse.signed"));
    all
}

fn numbered(values: impl IntoIterator<Item = Vec<u8>>) -> Seeds {
    values.into_iter().enumerate().map(|(n, bytes)| (format!("{n:02}"), bytes)).collect()
}

fn texts_of(values: &[&str]) -> Seeds {
    numbered(values.iter().map(|text| text.as_bytes().to_vec()))
}

fn bytes(value: &impl Canonical) -> Vec<u8> {
    value.to_bytes().unwrap()
}

/// Bytes that say nothing yet: for targets that read choices from them.
fn scripts(count: u8, len: usize) -> Seeds {
    let script = |n: u8| {
        let blocks = (0..=u8::MAX).flat_map(move |block| *sha256(&[n, block]).as_bytes());
        blocks.take(len * (usize::from(n) + 1) / usize::from(count)).collect()
    };
    let all_zero = vec![0; len];
    numbered((0..count).map(script).chain([Vec::new(), all_zero]))
}

/// The files of these kinds among the vectors of a second implementation.
fn vectors(kinds: &[&str]) -> Seeds {
    let root = crate::fuzz().join("../tests/vectors/tlog");
    let mut seeds = Seeds::new();
    for folder in ["accept", "refuse"] {
        for (file, bytes) in inputs(&root.join(folder)) {
            let wanted = kinds.iter().any(|kind| file.split('.').next() == Some(kind));
            if wanted && bytes.len() <= VECTOR_BYTES_MAX {
                seeds.insert(format!("{folder}.{}", file.trim_end_matches(".txt")), bytes);
            }
        }
    }
    assert!(!seeds.is_empty());
    seeds
}

fn tiles() -> Seeds {
    let entry = |text: &[u8]| [&(text.len() as u16).to_be_bytes(), text].concat();
    let bundle = [vec![2], entry(b"one"), entry(b""), entry(b"three")].concat();
    let tile = [&[1], sha256(b"a").as_bytes().as_slice(), sha256(b"b").as_bytes()].concat();
    [("bundle".to_owned(), bundle), ("tile".to_owned(), tile)].into()
}

fn quorums() -> Seeds {
    let lines = |choices: &[u8]| choices.iter().flat_map(|choice| [*choice, 9]).collect::<Vec<u8>>();
    numbered([
        lines(&[0, 1, 2, 3, 4, 5]),
        lines(&[5, 4, 3, 2, 1, 0]),
        lines(&[0, 1, 2, 3, 2, 3]),
        lines(&[0, 1, 2, 3, 4, 6]),
        lines(&[0, 2, 3, 4, 5]),
        lines(&[0, 1, 2, 3, 4, 245]),
        lines(&[0, 1, 2, 3, 4, 5, 6, 7]),
    ])
}

/// Hexadecimal files of the envelope's vectors.
fn envelopes() -> Seeds {
    let root = crate::fuzz().join("../tests/vectors/envelope");
    let mut seeds = Seeds::new();
    for folder in ["accept", "refuse"] {
        for (file, text) in inputs(&root.join(folder)) {
            let digits: String = String::from_utf8(text).unwrap().split_whitespace().collect();
            seeds.insert(format!("{folder}.{}", file.trim_end_matches(".hex")), hex::decode(digits).unwrap());
        }
    }
    assert!(!seeds.is_empty());
    seeds
}

/// Good values, and beginnings of values that claim to be long.
fn claims() -> Seeds {
    let claims = [
        hex::decode("fc4200ff0064").unwrap(),
        hex::decode("0100fcffffff03").unwrap(),
        hex::decode("fd00000000000000ff").unwrap(),
        [vec![1], vec![7; 32], vec![0], vec![7; 32], hex::decode("fcfffffe00").unwrap()].concat(),
    ];
    let mut seeds = numbered(claims);
    for kind in ["content", "sealed", "sequence", "evidence", "joint"] {
        seeds.insert(kind.into(), notices()[kind].clone());
    }
    seeds.insert("courier".into(), couriers()["content"].clone());
    seeds
}

fn charters() -> Seeds {
    let world = World::new();
    let statements = world.entries[1..4].iter().map(|entry| Blob::new(entry.clone()).unwrap());
    let first_statements = List::new(statements.collect::<Vec<_>>()).unwrap();
    let file = CharterFile { charter: world.charter.clone(), first_statements };
    let mut seeds = numbered(world.entries.clone());
    seeds.insert("charter".into(), world.charter.charter.to_vec());
    seeds.insert("charter-file".into(), bytes(&file));
    for (n, entry) in world.entries.iter().skip(1).enumerate() {
        let signed = pouch_directory::SignedStatement::from_bytes(entry).unwrap();
        seeds.insert(format!("statement-{n:02}"), signed.statement.to_vec());
    }
    seeds
}

fn signed(kind: NoticeType) -> SignedNotice {
    let draft = Draft::new(stage::notice(stage::body(kind))).unwrap();
    draft.approve(Vec::new()).unwrap().sign(&stage::key("NL/technical")).unwrap().signed().clone()
}

fn sealed(content: &Content) -> SealedOut {
    let prekey = world::prekey("MD/technical");
    let route = Route {
        network: World::new().directory.network(),
        environment: pouch_wire::Environment::Live,
        sender: world::point("NL/technical"),
        directory_size: 9,
        directory_root: sha256(b"root"),
        precedence: Precedence::Immediate,
        created: NOW,
        not_after: Timestamp(NOW.0 + 1000),
    };
    let to = SealTo {
        recipient: world::point("MD/technical"),
        prekey: prekey.public().id(),
        public: prekey.public().clone(),
        epoch: 1,
        n: 1,
        previous: EnvelopeId(Digest::new([0; 32])),
    };
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    seal(content, &route, &[to], &SigningKey::from_seed(&[2; 32]), &mut rng).unwrap()
}

fn notices() -> Seeds {
    let mut seeds = Seeds::new();
    for kind in NoticeType::ALL {
        seeds.insert(format!("notice-{kind}"), bytes(&stage::notice(stage::body(*kind))));
    }
    let signed = signed(NoticeType::CommCheck);
    seeds.insert("signed".into(), bytes(&signed));
    let attachments = List::new(vec![Blob::new(b"one,two\n").unwrap()]).unwrap();
    let content = Content::Notice { signed, attachments };
    seeds.insert("content".into(), bytes(&content));
    seeds.insert("sealed".into(), bytes(&sealed(&content)));
    let mut state = SequenceState::default();
    for n in [1_u64, 2, 5, 3, 9] {
        let id = |n: u64| EnvelopeId(sha256(&n.to_be_bytes()));
        state.accept(1, n, id(n - 1), id(n));
    }
    seeds.insert("sequence".into(), bytes(&state));
    seeds.insert("receipt".into(), bytes(&receipt()));
    // Version 1, no entries, nothing that arrived: the outline of an evidence file.
    // And of a joint statement's file without parts.
    seeds.insert("joint".into(), vec![1, 0, 0, 0]);
    seeds.insert("evidence".into(), [&[1, 0, 0, 0], [0; 32].as_slice(), &[1, 1], &[0; 32], &[0, 0]].concat());
    seeds
}

/// Files with and without a message and a directory, what they hold without its cover, and near misses.
fn couriers() -> Seeds {
    let content = Content::Notice { signed: signed(NoticeType::CommCheck), attachments: List::default() };
    let network = World::new().directory.network();
    let excerpt = || Excerpt::new(7, vec![b"entry".to_vec()], b"note".to_vec()).unwrap();
    let file = |directory, messages| CourierFile::new(network, directory, messages).unwrap();
    let full = file(Some(excerpt()), vec![sealed(&content)]);
    let other = pouch_wire::NetworkId(sha256(b"another"));
    let other = CourierFile::new(other, Some(excerpt()), Vec::new()).unwrap();
    let whole = full.to_file().unwrap();
    let mut flipped = whole.clone();
    flipped[60] ^= 1;
    Seeds::from([
        ("content".to_owned(), bytes(&full)),
        ("content-empty".to_owned(), bytes(&file(None, Vec::new()))),
        ("file-empty".to_owned(), file(None, Vec::new()).to_file().unwrap()),
        ("file-directory".to_owned(), file(Some(excerpt()), Vec::new()).to_file().unwrap()),
        ("file-other-network".to_owned(), other.to_file().unwrap()),
        ("file-cut".to_owned(), whole[..whole.len() / 2].to_vec()),
        ("file-flipped".to_owned(), flipped),
        ("file".to_owned(), whole),
    ])
}

fn receipt() -> RecipientReceipt {
    let said = Said::Acknowledged {
        notice: NoticeId(sha256(b"notice")),
        officer: Text::new("Duty officer").unwrap(),
        sentence: Text::new(pouch_notice::sentences::NO_CONCURRENCE).unwrap(),
        answer_by: Some(NOW),
        note: Some(Text::new("on it").unwrap()),
    };
    let network = World::new().directory.network();
    RecipientReceipt { network, envelope: EnvelopeId(sha256(b"message")), at: NOW, said }
}

fn forms() -> Seeds {
    let form = |(n, kind): (u8, &NoticeType)| (kind.to_string(), [&[n], template(*kind).as_bytes()].concat());
    (0..).zip(NoticeType::ALL).map(form).collect()
}

fn frame<M: Message>(message: &M) -> Frame {
    Frame::of(message).unwrap()
}

/// One message of each kind, as a session carries them.
fn session() -> Vec<Frame> {
    let seeds = envelopes();
    let (header, stanza) = (&seeds["accept.header_live"], &seeds["accept.stanza"]);
    let note = vectors(&["signed"])["accept.signed.quorum-of-two"].clone();
    let proof = vectors(&["proved"])["accept.proved.entry-5"].clone();
    let signature = Fixed([5; 64]);
    let statement = World::new().entries[1].clone();
    let receipt = || Blob::new(seeds["accept.signed-receipt"].clone()).unwrap();
    let log = s::LogName::Directory;
    let hashes = || List::new(vec![sha256(b"a"), sha256(b"b")]).unwrap();
    let words = "it is not signed by the log";
    let checkpoint = || Blob::new(note.clone()).unwrap();
    vec![
        Frame::chunk(b"a piece of payload").unwrap(),
        frame(&s::Submit {
            header: Blob::new(header.clone()).unwrap(),
            signature,
            stanzas: List::new(vec![Blob::new(stanza.clone()).unwrap()]).unwrap(),
        }),
        frame(&s::Accepted { receipt: receipt() }),
        frame(&s::Refused {
            code: Text::new("POUCH-ADM-01").unwrap(),
            reason: Text::new(words).unwrap(),
            retry_after_ms: Some(500),
        }),
        frame(&s::Deliver {
            header: Blob::new(header.clone()).unwrap(),
            signature,
            stanza: Blob::new(stanza.clone()).unwrap(),
            receipt: receipt(),
        }),
        frame(&s::Taken { envelope: EnvelopeId(sha256(header)) }),
        frame(&s::Attach { network: sha256(b"network"), witnesses: true }),
        frame(&s::Attached { now: NOW, directory_size: 12, epoch: 1 }),
        frame(&s::Changed { log, size: 300, now: NOW, epoch: 1 }),
        frame(&s::ReadLog { log, from: 4, count: 16 }),
        frame(&s::LogEntries {
            checkpoint: checkpoint(),
            entries: List::new(vec![Blob::new(statement.clone()).unwrap(), Blob::default()]).unwrap(),
        }),
        frame(&s::ReadProof { log: s::LogName::Messages, index: 5 }),
        frame(&s::Proof { tlog_proof: Blob::new(proof).unwrap() }),
        frame(&s::Publish { statement: Blob::new(statement).unwrap() }),
        frame(&s::Published { index: 13 }),
        frame(&s::Cosign { log, old_size: 3, proof: hashes(), checkpoint: checkpoint() }),
        frame(&s::Cosigned::Conflict { size: 7 }),
        frame(&s::ReadConsistency { log, from: 200 }),
        frame(&s::Consistency { checkpoint: checkpoint(), proof: hashes() }),
        frame(&s::Cosigned::No(Text::new(words).unwrap())),
        Frame::from_parts(FrameKind::Beacon, seeds["accept.beacon-frame"].clone()).unwrap(),
        frame(&s::BeaconKept { at: NOW }),
        Frame::from_parts(FrameKind::BeaconFor, seeds["accept.beacon-for-a-peer"].clone()).unwrap(),
        frame(&s::Cosigned::Lines(Blob::new(note.split(|b| *b == b'\n').nth(4).unwrap()).unwrap())),
    ]
}

fn bodies() -> Seeds {
    numbered(session().iter().map(|frame| {
        let kind = FrameKind::ALL.iter().position(|kind| *kind == frame.kind()).unwrap();
        [&[kind as u8], frame.body()].concat()
    }))
}

fn streams() -> Seeds {
    let small = session().into_iter().filter(|frame| frame.body().len() < 4096);
    let small: Vec<u8> = small.flat_map(|frame| frame.to_bytes()).collect();
    let with = |cuts: &[u8], stream: &[u8]| [&[cuts.len() as u8], cuts, stream].concat();
    let cut_short = &small[..small.len() - 1];
    let unknown = [&small[..23], &[0xee, 0, 0, 0, 0, 1, 2]].concat();
    let too_long = [&small[..23], &[1, 0xff, 0xff, 0xff, 0xff, 1, 2]].concat();
    numbered([
        with(&[0], &small),
        with(&[4, 0, 200], &small),
        with(&[255], cut_short),
        with(&[3, 1], &unknown),
        with(&[2], &too_long),
        with(&[], &[1, 0, 0, 0, 0]),
    ])
}

fn names() -> Seeds {
    let mut names: Vec<String> =
        ["NL", "OSCE", "technical", "NL/technical", "MD/policy-2", "2026-0007", "2026-4294967295"]
            .map(str::to_owned)
            .into();
    names.extend(
        ["TLP:AMBER+STRICT", "amber", "nl/technical", "NL/technical\n", "log.example/messages"]
            .map(str::to_owned),
    );
    names.extend(NoticeType::ALL.iter().map(ToString::to_string));
    names.extend(["flash", "immediate", "priority", "routine"].map(str::to_owned));
    names.push(sha256(b"a").to_string());
    names.push(sha256(b"a").to_string().to_uppercase());
    numbered(names.into_iter().map(String::into_bytes))
}

fn digits() -> Seeds {
    let right = spoken_check(NoticeId(Digest::new([7; 32])));
    let mut typed =
        vec![right.clone(), right.replace(' ', ""), right.replace(' ', " - "), right.replace(' ', ".")];
    typed.push(right[..34].to_owned());
    typed.push(format!("{}0", &right[..34]));
    typed.push(format!("{right}\u{2013}"));
    typed.push("٠١٢٣٤ ٠١٢٣٤ ٠١٢٣٤ ٠١٢٣٤ ٠١٢٣٤ ٠١٢٣٤".to_owned());
    numbered(typed.into_iter().map(String::into_bytes))
}

fn texts() -> Seeds {
    texts_of(&[
        "plain words\nin two lines",
        "invoice\u{202e}fdp.exe\n\u{2066}isolate\u{2069}",
        "\u{1b}[2J\u{1b}[H\n\u{1b}]0;title\u{7}",
        "x\nPrecedence:     FLASH\nEnd of NL/technical 2026-0007",
        "x\n| From: MD/policy\n|",
        "Z\u{300}\u{301}\u{302}\u{303}\u{304}\n\u{336}struck",
        "日本語のテキスト\n한국어 ไม่มีน้ำ שָׁלוֹם",
        "tag\u{e0041}\u{e007f}\nzero\u{200b}\u{200d}\u{feff}width",
        "wide\u{3000}space\u{2028}line\u{2029}\n\u{a0}\u{202f}\u{85}",
        "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong\nword",
        "e\u{301}te\u{301} 🙂 → Žluťoučký кот",
    ])
}

fn calls() -> Seeds {
    let compose = Compose {
        notice_type: NoticeType::FreeText,
        to: vec![world::point("MD/technical")],
        info: vec![world::point("BA/technical")],
        precedence: Some(Precedence::Flash),
        tlp: Some(Tlp::Amber),
        widen: false,
        subject: "a subject".into(),
        language: "en".into(),
        fields: "text = \"words\"\n".into(),
        valid_seconds: Some(3600),
        in_reply_to: None,
        attachments: vec![AttachmentFile {
            name: "a.csv".into(),
            media_type: "text/csv".into(),
            bytes: Bytes(b"1,2".to_vec()),
        }],
        exercise: None,
        break_glass: false,
    };
    let id = || "a1b2c3".to_owned();
    let selection = Selection { unacknowledged: true, limit: 20 };
    let calls = [
        Call::Status,
        Call::Send(Box::new(compose.clone())),
        Call::Draft(Box::new(compose)),
        Call::Approve {
            id: id(),
            officer: SigningKey::from_seed(&[1; 32]).public().id(),
            signature: Bytes(vec![1; 64]),
        },
        Call::Inbox(selection),
        Call::Show { id: id() },
        Call::Attachment { id: id(), index: 0 },
        Call::Acknowledge { id: id(), officer: "Duty officer".into(), answer_by: Some(NOW), note: None },
        Call::DirectoryLog { from: 1, count: 2 },
        Call::Contradictions,
        Call::Publish { statement: Bytes(vec![1, 2, 3]) },
        Call::Watch { after: Some(7) },
        Call::CourierExport(CourierSelection {
            ids: vec![id()],
            to: vec![world::point("MD/technical")],
            whole_directory: true,
        }),
        Call::CourierImport { bytes: Bytes(b"pouch courier".to_vec()) },
    ];
    let lines = calls.iter().map(|call| serde_json::to_vec(call).unwrap());
    let answers = [
        r#"{"answer":"refused","value":{"code":"POUCH-AGT-01","what":"a","why":"b","next":"c","exit":1}}"#,
        r#"{"answer":"published","value":7}"#,
        r#"{"answer":"drafts","value":[]}"#,
    ];
    numbered(lines.chain(answers.iter().map(|answer| answer.as_bytes().to_vec())))
}
