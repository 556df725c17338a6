//! Every value that wire speaks of, drawn at random; and reading one whose kind only its name tells.

use pouch_wire::session::{
    Accepted, Attach, Attached, Beacon, BeaconFor, BeaconKept, Changed, Consistency, Cosign, Cosigned,
    Deliver, LogEntries, LogName, PeerLeaf, Proof, Publish, Published, ReadConsistency, ReadLog, ReadProof,
    Refused, Submit, Taken,
};
use pouch_wire::{
    Blob, Canonical, ContactPoint, DecodeError, Digest, EnvelopeId, Environment, ExerciseId, Fixed, Frame,
    FrameError, FrameKind, List, Member, Message, NoticeType, Precedence, Set, Text, Timestamp, Tlp,
    canonical,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A value that only ever stands inside another, alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Alone<T>(pub(crate) T);

canonical!(Alone<ContactPoint>, "contact point", 64);
canonical!(Alone<Member>, "member", 64);
canonical!(Alone<Timestamp>, "timestamp", 64);
canonical!(Alone<Digest>, "digest", 64);
canonical!(Alone<Precedence>, "precedence", 64);
canonical!(Alone<Tlp>, "tlp", 64);
canonical!(Alone<NoticeType>, "notice type", 64);
canonical!(Alone<LogName>, "log name", 64);
canonical!(Alone<Text<32>>, "text", 64);

/// What the bytes decode to, encoded again.
pub(crate) fn again<T: Canonical>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    Ok(T::from_bytes(bytes)?.to_bytes().unwrap())
}

/// The same for a frame, by its kind.
pub(crate) fn read_frame(frame: &Frame) -> Result<Vec<u8>, FrameError> {
    fn read<M: Message>(frame: &Frame) -> Result<Vec<u8>, FrameError> {
        Ok(frame.read::<M>()?.to_bytes().unwrap())
    }
    match frame.kind() {
        FrameKind::Chunk => Ok(frame.body().to_vec()),
        FrameKind::Submit => read::<Submit>(frame),
        FrameKind::Accepted => read::<Accepted>(frame),
        FrameKind::Refused => read::<Refused>(frame),
        FrameKind::Deliver => read::<Deliver>(frame),
        FrameKind::Taken => read::<Taken>(frame),
        FrameKind::Attach => read::<Attach>(frame),
        FrameKind::Attached => read::<Attached>(frame),
        FrameKind::Changed => read::<Changed>(frame),
        FrameKind::ReadLog => read::<ReadLog>(frame),
        FrameKind::LogEntries => read::<LogEntries>(frame),
        FrameKind::ReadProof => read::<ReadProof>(frame),
        FrameKind::Proof => read::<Proof>(frame),
        FrameKind::Publish => read::<Publish>(frame),
        FrameKind::Published => read::<Published>(frame),
        FrameKind::Cosign => read::<Cosign>(frame),
        FrameKind::Cosigned => read::<Cosigned>(frame),
        FrameKind::ReadConsistency => read::<ReadConsistency>(frame),
        FrameKind::Consistency => read::<Consistency>(frame),
        FrameKind::Beacon => read::<Beacon>(frame),
        FrameKind::BeaconKept => read::<BeaconKept>(frame),
        FrameKind::BeaconFor => read::<BeaconFor>(frame),
    }
}

/// Numbers of every width on the wire, and those beside the borders.
pub(crate) fn number() -> impl Strategy<Value = u64> {
    let borders = [0, 250, 251, 65_535, 65_536, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX];
    prop_oneof![proptest::sample::select(borders.to_vec()), 0..300u64, any::<u64>()]
}

pub(crate) fn blob<const MAX: usize>() -> impl Strategy<Value = Blob<MAX>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..=300.min(MAX));
    bytes.prop_map(|bytes| Blob::new(bytes).unwrap())
}

pub(crate) fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    let chars = proptest::collection::vec(any::<char>(), 0..=MAX / 4);
    chars.prop_map(|chars| {
        let fit = |c: &char| !c.is_control() || *c == '\n' || *c == '\t';
        Text::new(chars.into_iter().filter(fit).collect::<String>()).unwrap()
    })
}

pub(crate) fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::new)
}

fn signature() -> impl Strategy<Value = Fixed<64>> {
    proptest::collection::vec(any::<u8>(), 64).prop_map(|bytes| Fixed(bytes.try_into().unwrap()))
}

fn list<T: core::fmt::Debug + Clone, const MAX: usize>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = List<T, MAX>> {
    proptest::collection::vec(value, 0..6).prop_map(|values| List::new(values).unwrap())
}

fn log_name() -> impl Strategy<Value = LogName> {
    prop_oneof![Just(LogName::Directory), Just(LogName::Messages)]
}

pub(crate) fn environment() -> impl Strategy<Value = Environment> {
    prop_oneof![Just(Environment::Live), digest().prop_map(|id| Environment::Exercise(ExerciseId(id)))]
}

fn of<M: Message>(message: M) -> Frame {
    Frame::of(&message).unwrap()
}

fn with_payload() -> impl Strategy<Value = Frame> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2000).prop_map(|piece| Frame::chunk(&piece).unwrap()),
        (blob(), signature(), list(blob())).prop_map(|(header, signature, stanzas)| of(Submit {
            header,
            signature,
            stanzas
        })),
        (blob(), signature(), blob(), blob()).prop_map(|(header, signature, stanza, receipt)| of(Deliver {
            header,
            signature,
            stanza,
            receipt
        })),
    ]
}

fn answers() -> impl Strategy<Value = Frame> {
    prop_oneof![
        blob().prop_map(|receipt| of(Accepted { receipt })),
        (text(), text(), proptest::option::of(any::<u32>()))
            .prop_map(|(code, reason, retry_after_ms)| of(Refused { code, reason, retry_after_ms })),
        digest().prop_map(|id| of(Taken { envelope: EnvelopeId(id) })),
        (number(), number(), number()).prop_map(|(now, directory_size, epoch)| of(Attached {
            now: Timestamp(now),
            directory_size,
            epoch
        })),
        (log_name(), number(), number(), number()).prop_map(|(log, size, now, epoch)| of(Changed {
            log,
            size,
            now: Timestamp(now),
            epoch,
        })),
        (blob(), list(blob())).prop_map(|(checkpoint, entries)| of(LogEntries { checkpoint, entries })),
        blob().prop_map(|tlog_proof| of(Proof { tlog_proof })),
        number().prop_map(|index| of(Published { index })),
        (blob(), list(digest())).prop_map(|(checkpoint, proof)| of(Consistency { checkpoint, proof })),
        prop_oneof![
            blob().prop_map(Cosigned::Lines),
            number().prop_map(|size| Cosigned::Conflict { size }),
            text().prop_map(Cosigned::No)
        ]
        .prop_map(of),
    ]
}

fn requests() -> impl Strategy<Value = Frame> {
    prop_oneof![
        (digest(), any::<bool>()).prop_map(|(network, witnesses)| of(Attach { network, witnesses })),
        (log_name(), number(), any::<u32>()).prop_map(|(log, from, count)| of(ReadLog { log, from, count })),
        (log_name(), number()).prop_map(|(log, index)| of(ReadProof { log, index })),
        blob().prop_map(|statement| of(Publish { statement })),
        (log_name(), number(), list(digest()), blob())
            .prop_map(|(log, old_size, proof, checkpoint)| of(Cosign { log, old_size, proof, checkpoint })),
        (log_name(), number()).prop_map(|(log, from)| of(ReadConsistency { log, from })),
    ]
}

fn leaf() -> impl Strategy<Value = PeerLeaf> {
    let peer = proptest::sample::select(vec!["NL/technical", "MD/policy", "OSCE/cyber"]);
    (peer, digest(), digest()).prop_map(|(peer, salt, leaf)| PeerLeaf {
        peer: peer.parse().unwrap(),
        salt,
        leaf,
    })
}

fn beacons() -> impl Strategy<Value = Frame> {
    let leaves = proptest::collection::vec(leaf(), 0..6).prop_map(|leaves| Set::new(leaves).unwrap());
    prop_oneof![
        (blob(), signature(), leaves).prop_map(|(beacon, signature, peers)| of(Beacon {
            beacon,
            signature,
            peers
        })),
        number().prop_map(|at| of(BeaconKept { at: Timestamp(at) })),
        (blob(), signature(), number(), digest(), digest(), list(digest())).prop_map(
            |(beacon, signature, position, salt, leaf, path)| of(BeaconFor {
                beacon,
                signature,
                position,
                salt,
                leaf,
                path
            })
        ),
    ]
}

/// A frame of any kind with any value.
pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![with_payload(), answers(), requests(), beacons()]
}
