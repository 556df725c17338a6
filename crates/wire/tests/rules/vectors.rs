//! The bytes of every type, and bytes that look like them and are refused. A changed byte is a changed
//! protocol, and must be meant.

use std::collections::{BTreeMap, BTreeSet};

use pouch_wire::session::{
    Accepted, Attach, Attached, Beacon, BeaconFor, BeaconKept, Changed, Consistency, Cosign, Cosigned,
    Deliver, LogEntries, LogName, PeerLeaf, Proof, Publish, Published, ReadConsistency, ReadLog, ReadProof,
    Refused, Submit, Taken,
};
use pouch_wire::{
    Blob, Canonical, ContactPoint, DecodeError, Digest, EnvelopeId, Environment, ExerciseId, Fixed, Frame,
    FrameError, FrameKind, FrameReader, List, Member, Message, NoticeType, Precedence, Set, Text, Timestamp,
    Tlp,
};

use crate::vectors_file::held;
use crate::words::{Alone, again, read_frame};

type Files = BTreeMap<String, Vec<u8>>;

/// 2026-11-24T03:00:00Z.
const NOW: Timestamp = Timestamp(1_795_489_200_000);

fn blob<const MAX: usize>(bytes: &[u8]) -> Blob<MAX> {
    Blob::new(bytes).unwrap()
}

fn text<const MAX: usize>(words: &str) -> Text<MAX> {
    Text::new(words).unwrap()
}

fn frame<M: Message>(name: &str, message: &M) -> (String, Frame) {
    (format!("frame_{name}"), Frame::of(message).unwrap())
}

/// Whole frames: head and body.
fn frames() -> Vec<(String, Frame)> {
    let signature = Fixed([0x5a; 64]);
    let (digest, log) = (Digest::new([0xd1; 32]), LogName::Directory);
    let checkpoint = blob(b"relay-1.example/directory\n7\n");
    let proof = List::new(vec![digest, Digest::new([0xd2; 32])]).unwrap();
    let stanzas = List::new(vec![blob(b"one"), blob(b"two")]).unwrap();
    let refused = |retry_after_ms| Refused {
        code: text("POUCH-ADM-09"),
        reason: text("expired 3 s ago"),
        retry_after_ms,
    };
    vec![
        ("frame_chunk".into(), Frame::chunk(b"a piece of payload").unwrap()),
        ("frame_chunk-empty".into(), Frame::chunk(b"").unwrap()),
        frame("submit", &Submit { header: blob(b"header"), signature, stanzas }),
        frame("accepted", &Accepted { receipt: blob(b"receipt") }),
        frame("refused", &refused(None)),
        frame("refused-for-now", &refused(Some(5000))),
        frame(
            "deliver",
            &Deliver { header: blob(b"header"), signature, stanza: blob(b"one"), receipt: blob(b"receipt") },
        ),
        frame("taken", &Taken { envelope: EnvelopeId(digest) }),
        frame("attach", &Attach { network: digest, witnesses: false }),
        frame("attach-as-witness", &Attach { network: digest, witnesses: true }),
        frame("attached", &Attached { now: NOW, directory_size: 251, epoch: 3 }),
        frame("changed", &Changed { log: LogName::Messages, size: 65_536, now: NOW, epoch: 4 }),
        frame("read-log", &ReadLog { log, from: 250, count: 256 }),
        frame(
            "log-entries",
            &LogEntries {
                checkpoint: checkpoint.clone(),
                entries: List::new(vec![blob(b"entry 5"), blob(b"entry 6")]).unwrap(),
            },
        ),
        frame("read-proof", &ReadProof { log, index: 6 }),
        frame("proof", &Proof { tlog_proof: blob(b"c2sp.org/tlog-proof@v1\n") }),
        frame("publish", &Publish { statement: blob(b"statement") }),
        frame("published", &Published { index: 7 }),
        frame("cosign", &Cosign { log, old_size: 5, proof: proof.clone(), checkpoint: checkpoint.clone() }),
        frame("cosigned-lines", &Cosigned::Lines(blob("\u{2014} nl.example/w AAAA\n".as_bytes()))),
        frame("cosigned-conflict", &Cosigned::Conflict { size: 6 }),
        frame("cosigned-no", &Cosigned::No(text("a log that this witness does not know"))),
        frame("read-consistency", &ReadConsistency { log, from: 5 }),
        frame("consistency", &Consistency { checkpoint, proof: proof.clone() }),
        frame("beacon", &Beacon { beacon: blob(b"beacon"), signature, peers: leaves() }),
        frame("beacon-kept", &BeaconKept { at: NOW }),
        frame(
            "beacon-for",
            &BeaconFor {
                beacon: blob(b"beacon"),
                signature,
                position: 1,
                salt: digest,
                leaf: Digest::new([0xd2; 32]),
                path: proof,
            },
        ),
    ]
}

fn leaves() -> Set<PeerLeaf, 1024> {
    let leaf = |peer: &str, byte| PeerLeaf {
        peer: peer.parse().unwrap(),
        salt: Digest::new([byte; 32]),
        leaf: Digest::new([byte.wrapping_add(1); 32]),
    };
    Set::new([leaf("MD/policy", 0x51), leaf("NL/technical", 0x61)]).unwrap()
}

/// Values that stand in others.
fn values() -> Vec<(String, Vec<u8>)> {
    let exercise = Environment::Exercise(ExerciseId(Digest::new([0xe1; 32])));
    let point: ContactPoint = "NL/technical".parse().unwrap();
    let institution: Member = "OSCE".parse().unwrap();
    let mut files = vec![
        ("environment_live".to_owned(), Environment::Live.to_bytes()),
        ("environment_exercise".to_owned(), exercise.to_bytes()),
        ("contact-point".to_owned(), Alone(point).to_bytes()),
        ("member_institution".to_owned(), Alone(institution).to_bytes()),
        ("digest".to_owned(), Alone(Digest::new([0xd1; 32])).to_bytes()),
        (
            "text_other-scripts".to_owned(),
            Alone(text::<32>("\u{41a}\u{438}\u{457}\u{432}\n\t\u{2603}")).to_bytes(),
        ),
        ("text_empty".to_owned(), Alone(text::<32>("")).to_bytes()),
        ("log-name_directory".to_owned(), Alone(LogName::Directory).to_bytes()),
        ("log-name_messages".to_owned(), Alone(LogName::Messages).to_bytes()),
    ];
    // One number of each width, on both sides of each border.
    for value in [0, 250, 251, 65_535, 65_536, 4_294_967_295, 4_294_967_296, u64::MAX] {
        files.push((format!("timestamp_{value}"), Alone(Timestamp(value)).to_bytes()));
    }
    for precedence in Precedence::ALL {
        files.push((format!("precedence_{precedence}"), Alone(precedence).to_bytes()));
    }
    for tlp in Tlp::ALL {
        let label = tlp.label().trim_start_matches("TLP:").to_lowercase().replace('+', "-");
        files.push((format!("tlp_{label}"), Alone(tlp).to_bytes()));
    }
    for notice_type in NoticeType::ALL.iter().copied() {
        files.push((format!("notice-type_{notice_type}"), Alone(notice_type).to_bytes()));
    }
    files.into_iter().map(|(name, bytes)| (name, bytes.unwrap())).collect()
}

fn accepted() -> Files {
    let mut files: Files = values().into_iter().collect();
    files.extend(frames().into_iter().map(|(name, frame)| (name, frame.to_bytes())));
    let three = &frames()[15..18];
    let stream = three.iter().flat_map(|(_, frame)| frame.to_bytes()).collect();
    files.insert("stream_three-frames".to_owned(), stream);
    files
}

/// Reads every frame of a stream and the value in each; what they encode as again.
fn read_stream(bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
    let mut reader = FrameReader::new();
    reader.push(bytes);
    let mut encoded = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        encoded.extend(frame.head());
        encoded.extend(read_frame(&frame)?);
    }
    // What is cut short is not refused: more may come. It is no frame either.
    Ok(encoded)
}

/// Reads bytes as the type that the name begins with; what they encode as again.
fn read(name: &str, bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
    Ok(match name.split('_').next().unwrap() {
        "frame" | "stream" => read_stream(bytes)?,
        "environment" => again::<Environment>(bytes)?,
        "contact-point" => again::<Alone<ContactPoint>>(bytes)?,
        "member" => again::<Alone<Member>>(bytes)?,
        "digest" => again::<Alone<Digest>>(bytes)?,
        "text" => again::<Alone<Text<32>>>(bytes)?,
        "log-name" => again::<Alone<LogName>>(bytes)?,
        "timestamp" => again::<Alone<Timestamp>>(bytes)?,
        "precedence" => again::<Alone<Precedence>>(bytes)?,
        "tlp" => again::<Alone<Tlp>>(bytes)?,
        "notice-type" => again::<Alone<NoticeType>>(bytes)?,
        other => panic!("no type {other}"),
    })
}

#[test]
fn every_type_has_the_bytes_on_file() {
    for (name, bytes) in held("wire", "accept", &accepted()) {
        assert_eq!(read(&name, &bytes).as_deref(), Ok(bytes.as_slice()), "{name}");
    }
}

#[test]
fn every_kind_of_frame_is_on_file() {
    let kinds: BTreeSet<FrameKind> = frames().iter().map(|(_, frame)| frame.kind()).collect();
    assert_eq!(kinds, FrameKind::ALL.into_iter().collect());
}

/// A frame of this kind with any body.
fn raw(kind: FrameKind, body: &[u8]) -> Vec<u8> {
    Frame::from_parts(kind, body.to_vec()).unwrap().to_bytes()
}

fn edited(bytes: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    edit(&mut bytes);
    bytes
}

/// The body of the frame on file, changed; the length before it follows.
fn rebodied(name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (_, frame) = frames().into_iter().find(|(of, _)| of == name).unwrap();
    raw(frame.kind(), &edited(frame.body(), edit))
}

fn refused_frames() -> Vec<(&'static str, Vec<u8>)> {
    let published = raw(FrameKind::Published, &[7]);
    let two_lengths = [251, 2, 0];
    vec![
        ("frame_kind-0", edited(&published, |b| b[0] = 0)),
        ("frame_kind-30", edited(&published, |b| b[0] = 30)),
        ("frame_kind-255", edited(&published, |b| b[0] = 255)),
        // Lengths over the limit of the kind, and no body at all.
        ("frame_length-257-where-256-are-allowed", vec![15, 0, 0, 1, 1]),
        ("frame_length-65537-where-65536-are-allowed", vec![1, 0, 1, 0, 1]),
        ("frame_length-of-4-gib", vec![2, 255, 255, 255, 255]),
        ("frame_body-empty", raw(FrameKind::Published, &[])),
        ("frame_body-with-trailing-byte", raw(FrameKind::Published, &[7, 0])),
        ("frame_body-cut-short", rebodied("frame_deliver", |b| b.truncate(b.len() - 1))),
        ("frame_body-integer-not-minimal", raw(FrameKind::Published, &[251, 7, 0])),
        (
            "frame_body-length-not-minimal",
            rebodied("frame_log-entries", |b| {
                let at = b.len() - 17;
                assert_eq!(b[at], 2);
                b.splice(at..=at, two_lengths);
            }),
        ),
        ("frame_body-integer-of-16-bytes", raw(FrameKind::Published, &[254; 17])),
        ("frame_body-unknown-log", rebodied("frame_read-proof", |b| b[0] = 2)),
        ("frame_body-unknown-answer", rebodied("frame_cosigned-conflict", |b| b[0] = 3)),
        ("frame_body-bool-of-2", rebodied("frame_attach", |b| *b.last_mut().unwrap() = 2)),
        ("frame_body-option-of-2", rebodied("frame_refused", |b| *b.last_mut().unwrap() = 2)),
        (
            "frame_body-count-of-2-to-the-62",
            rebodied("frame_log-entries", |b| {
                b.truncate(b.len() - 17);
                b.extend([253, 0, 0, 0, 0, 0, 0, 0, 0x40]);
            }),
        ),
        ("frame_body-of-257-stanzas", {
            let mut body = [&[0], [0; 64].as_slice(), &[251, 1, 1]].concat();
            body.extend([0; 257]);
            raw(FrameKind::Submit, &body)
        }),
        ("frame_body-stanza-over-2-kib", {
            let mut body = [&[0], [0; 64].as_slice(), &[1, 251, 1, 8]].concat();
            body.extend([0; 2049]);
            raw(FrameKind::Submit, &body)
        }),
        ("frame_body-code-over-32-bytes", {
            let mut body = vec![33];
            body.extend([b'A'; 33]);
            body.extend([0, 0]);
            raw(FrameKind::Refused, &body)
        }),
        (
            "frame_body-beacon-with-leaves-unsorted",
            rebodied("frame_beacon", |b| {
                let (first, second) = (b.len() - 2 * 64 - 10 - 13, b.len() - 64 - 13);
                b[first..].rotate_left(second - first);
            }),
        ),
        (
            "frame_body-beacon-with-a-leaf-twice",
            rebodied("frame_beacon", |b| {
                let first = b.len() - 2 * 64 - 10 - 13;
                let leaf = b[first..first + 74].to_vec();
                b.truncate(first + 74);
                b.extend(leaf);
            }),
        ),
        ("stream_second-frame-unknown", [published.as_slice(), &[0xee, 0, 0, 0, 0]].concat()),
    ]
}

fn refused_values() -> Vec<(&'static str, Vec<u8>)> {
    let exercise = [&[1], [0xe1; 32].as_slice()].concat();
    vec![
        ("environment_unknown", vec![2]),
        ("environment_empty", vec![]),
        ("environment_exercise-cut-short", exercise[..32].to_vec()),
        ("environment_live-with-trailing-byte", vec![0, 0]),
        ("environment_integer-not-minimal", vec![251, 0, 0]),
        ("environment_over-64-bytes", vec![0; 65]),
        ("contact-point_member-in-small-letters", b"\x02nl\x09technical".to_vec()),
        ("contact-point_member-of-one-letter", b"\x01N\x09technical".to_vec()),
        ("contact-point_office-in-capitals", b"\x02NL\x09Technical".to_vec()),
        ("contact-point_office-begins-with-a-digit", b"\x02NL\x032nd".to_vec()),
        ("contact-point_office-of-25-letters", [b"\x02NL\x19".as_slice(), &[b'a'; 25]].concat()),
        ("contact-point_as-text", b"\x0cNL/technical".to_vec()),
        ("member_of-nine-letters", b"\x09ABCDEFGHI".to_vec()),
        ("member_with-a-digit", b"\x02N1".to_vec()),
        ("digest_of-31-bytes", vec![0; 31]),
        ("digest_of-33-bytes-with-trailing-byte", vec![0; 33]),
        ("text_not-utf8", vec![2, 0xc3, 0x28]),
        ("text_surrogate", vec![3, 0xed, 0xa0, 0x80]),
        ("text_overlong-utf8", vec![2, 0xc0, 0xaf]),
        ("text_escape-character", b"\x03a\x1bb".to_vec()),
        ("text_carriage-return", b"\x03a\rb".to_vec()),
        ("text_over-32-bytes", [&[33], [b'a'; 33].as_slice()].concat()),
        ("log-name_unknown", vec![2]),
        ("precedence_unknown", vec![4]),
        ("tlp_unknown", vec![5]),
        ("notice-type_unknown", vec![13]),
        ("timestamp_integer-not-minimal", vec![253, 7, 0, 0, 0, 0, 0, 0, 0]),
        ("timestamp_cut-short", vec![253, 7, 0, 0]),
        ("timestamp_integer-of-16-bytes", vec![254; 17]),
    ]
}

#[test]
fn what_only_looks_like_a_type_is_refused() {
    let all = refused_frames().into_iter().chain(refused_values());
    let files: Files = all.map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    for (name, bytes) in held("wire", "refuse", &files) {
        let error = read(&name, &bytes).unwrap_err();
        let has = |words: &str| name.contains(words);
        let expected = match &error {
            FrameError::UnknownKind { .. } => has("_kind-") || has("_second-frame-unknown"),
            FrameError::TooLong { .. } => has("frame_length-"),
            FrameError::Body(DecodeError::Trailing { extra: 1, .. }) => has("trailing-byte"),
            FrameError::Body(DecodeError::NotCanonical { .. }) => has("not-minimal"),
            FrameError::Body(DecodeError::TooLong { .. }) => has("_over-64-bytes"),
            FrameError::Body(DecodeError::Malformed { .. }) => {
                !has("trailing-byte") && !has("not-minimal") && !has("_over-64-bytes")
            }
            other => panic!("{name}: {other:?}"),
        };
        assert!(expected, "{name}: {error:?}");
    }
}
