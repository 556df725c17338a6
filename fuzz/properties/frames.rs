//! What comes over a session: frames cut anywhere, and the values inside them.

use core::fmt::Debug;

use pouch_envelope::{Arrived, Beacon, SealedHead};
use pouch_tlog::{AddCheckpoint, Note, NoteSignature, ProofFile};
use pouch_wire::session as s;
use pouch_wire::{Blob, Canonical as _, Frame, FrameError, FrameKind, FrameReader, Message};

use super::canonical::canonical;

/// What a reader makes of a stream: its frames, its error, and whether it ended between two frames.
type Events = (Vec<Frame>, Option<FrameError>, bool);

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Events {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    reader.push(b"more");
                    assert_eq!(reader.next_frame(), Err(error.clone()), "an error ends the stream");
                    return (frames, Some(error), false);
                }
            }
        }
    }
    let between = reader.is_between_frames();
    (frames, None, between)
}

/// Cuts a stream into pieces of these lengths, over and over.
fn cut<'a>(mut stream: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    core::iter::from_fn(move || {
        if stream.is_empty() {
            return None;
        }
        let length = lengths.next().map_or(1, |length| usize::from(*length) + 1);
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        stream = rest;
        Some(piece)
    })
}

/// However a stream is cut, the same frames come out of it, and they are the stream again. The first
/// bytes say how to cut.
pub fn frame_stream(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let (lengths, stream) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let whole = events(core::iter::once(stream));
    assert_eq!(events(cut(stream, lengths)), whole);
    assert_eq!(events(stream.chunks(1)), whole);

    let (frames, error, between) = whole;
    let again: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
    assert!(stream.starts_with(&again));
    assert_eq!(between, error.is_none() && again.len() == stream.len());
    for frame in frames {
        assert_eq!(Frame::parse_head(frame.head()), Ok((frame.kind(), frame.body().len())));
        assert_eq!(Frame::from_parts(frame.kind(), frame.body().to_vec()), Ok(frame));
    }
}

/// A body read as the value of its kind is the frame of that value again; as another kind's it is
/// refused for its kind.
fn body<M: Message + PartialEq + Debug>(frame: &Frame) -> Option<M> {
    let read = frame.read::<M>();
    if frame.kind() != M::KIND {
        assert_eq!(read, Err(FrameError::Unexpected { expected: M::KIND, got: frame.kind() }));
        return None;
    }
    let value = canonical::<M>(frame.body());
    assert_eq!(read.ok(), value);
    assert!(value.iter().all(|value| Frame::of(value).as_ref() == Ok(frame)));
    value
}

/// Whatever a peer puts into a frame of a kind is the value of that kind or refused, and so is what
/// other crates read inside. The first byte says which kind.
pub fn session_messages(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let kind = FrameKind::ALL[usize::from(*kind) % FrameKind::ALL.len()];
    let Ok(frame) = Frame::from_parts(kind, rest.to_vec()) else { return };
    body::<s::Accepted>(&frame);
    body::<s::Refused>(&frame);
    body::<s::Taken>(&frame);
    body::<s::Attach>(&frame);
    body::<s::Attached>(&frame);
    body::<s::Changed>(&frame);
    body::<s::ReadLog>(&frame);
    body::<s::ReadProof>(&frame);
    body::<s::Publish>(&frame);
    body::<s::Published>(&frame);
    body::<s::ReadConsistency>(&frame);
    body::<s::BeaconKept>(&frame);
    if let Some(beacon) = body::<s::Beacon>(&frame) {
        canonical::<Beacon>(&beacon.beacon);
    }
    if let Some(beacon) = body::<s::BeaconFor>(&frame) {
        canonical::<Beacon>(&beacon.beacon);
    }
    if let Some(submit) = body::<s::Submit>(&frame) {
        let header = submit.header.clone();
        if let Ok(head) = SealedHead::from_submit(submit) {
            assert_eq!(head.header().to_bytes().as_deref(), Ok(&*header));
        }
    }
    if let Some(deliver) = body::<s::Deliver>(&frame)
        && let Ok(len) = Arrived::payload_len(&deliver)
    {
        let me = "MD/technical".parse().unwrap();
        let arrived = Arrived::parse(&me, deliver, vec![0; 3]);
        assert!(arrived.is_err() || len == 3);
    }
    if let Some(s::LogEntries { checkpoint, .. }) = body(&frame) {
        note(&checkpoint);
    }
    if let Some(s::Consistency { checkpoint, .. }) = body(&frame) {
        note(&checkpoint);
    }
    if let Some(s::Proof { tlog_proof }) = body(&frame)
        && let Ok(proof) = ProofFile::parse(&tlog_proof)
    {
        assert_eq!(proof.to_bytes(), *tlog_proof);
    }
    if let Some(s::Cosign { old_size, proof, checkpoint, .. }) = body(&frame)
        && let Some(note) = note(&checkpoint)
        && let Ok(request) = AddCheckpoint::new(old_size, proof.into_vec(), note)
    {
        assert_eq!(AddCheckpoint::parse(&request.to_bytes()), Ok(request));
    }
    if let Some(s::Cosigned::Lines(lines)) = body(&frame)
        && let Ok(signatures) = NoteSignature::parse_lines(&lines)
    {
        assert_eq!(NoteSignature::print_lines(&signatures).as_bytes(), &*lines);
    }
}

fn note<const MAX: usize>(bytes: &Blob<MAX>) -> Option<Note> {
    let note = Note::parse(bytes).ok()?;
    assert_eq!(note.to_bytes(), **bytes);
    Some(note)
}
