//! A stream is what it is, however it is cut into pieces; and it ends where it first breaks a rule.

use pouch_wire::{Frame, FrameError, FrameReader};
use proptest::prelude::*;

use crate::words::frame;

/// The frames that come out of these pieces, and how the stream ends.
fn read(pieces: &[&[u8]]) -> (Vec<Frame>, Result<bool, FrameError>) {
    let (mut reader, mut frames) = (FrameReader::new(), Vec::new());
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, Ok(reader.is_between_frames()))
}

/// Cuts bytes at these places.
fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut(
        frames in proptest::collection::vec(frame(), 0..6),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
        prop_assert_eq!(read(&cut(&bytes, &places)), (frames, Ok(true)));
    }

    #[test]
    fn a_stream_of_any_bytes_ends_the_same_however_it_is_cut(
        frames in proptest::collection::vec(frame(), 0..3),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut bytes: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
        bytes.extend(tail);
        prop_assert_eq!(read(&cut(&bytes, &places)), read(&[&bytes]));
    }

    #[test]
    fn a_stream_that_stops_inside_a_frame_is_not_between_frames(
        frame in frame(), end in any::<prop::sample::Index>()
    ) {
        let bytes = frame.to_bytes();
        let end = end.index(bytes.len() - 1) + 1;
        prop_assert_eq!(read(&[&bytes[..end]]), (vec![], Ok(false)));
    }
}
