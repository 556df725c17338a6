//! Every limit is refused by what is announced, before memory is asked for what was announced.
//!
//! No number here could be allocated: a decoder that believed one would end the test's process.

use pouch_wire::session::{LogEntries, Submit};
use pouch_wire::{
    Blob, Canonical, DecodeError, EncodeError, Frame, FrameError, FrameKind, FrameReader, List, OutOfBounds,
    Set, Text, limits,
};

use crate::words::{Alone, read_frame};

fn head(kind: FrameKind, len: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(len).unwrap().to_be_bytes();
    [kind.number(), a, b, c, d]
}

#[test]
fn every_kind_of_frame_has_its_limit_and_is_refused_one_byte_beyond_it() {
    for kind in FrameKind::ALL {
        let max = kind.body_bytes_max();
        assert_eq!(Frame::parse_head(head(kind, max)), Ok((kind, max)));
        for len in [max + 1, u32::MAX as usize] {
            let refused = FrameError::TooLong { kind, len, max };
            assert_eq!(Frame::parse_head(head(kind, len)), Err(refused.clone()));
            let mut reader = FrameReader::new();
            reader.push(&head(kind, len));
            assert_eq!(reader.next_frame(), Err(refused));
        }
        let beyond = Frame::from_parts(kind, vec![0; max + 1]);
        assert_eq!(beyond, Err(FrameError::TooLong { kind, len: max + 1, max }));
        assert_eq!(Frame::from_parts(kind, vec![0; max]).unwrap().body().len(), max);
    }
}

#[test]
fn a_piece_of_payload_is_at_most_one_frame() {
    let most = vec![7; limits::FRAME_BYTES];
    assert_eq!(Frame::chunk(&most).unwrap().body(), most);
    let beyond = EncodeError { name: "chunk", max: limits::FRAME_BYTES };
    assert_eq!(Frame::chunk(&[most.as_slice(), &[7]].concat()), Err(beyond));
}

/// Nine bytes that announce a number.
fn announce(number: u64) -> Vec<u8> {
    [&[253], number.to_le_bytes().as_slice()].concat()
}

#[test]
fn a_count_that_cannot_be_allocated_is_refused_wherever_it_stands() {
    for number in [u64::MAX, 1 << 62, 1 << 48, 1 << 33] {
        let huge = announce(number);
        // A blob, a text and a list come first in some message, and second in others.
        let signature = [0; 64].as_slice();
        for (kind, bytes) in [
            (FrameKind::Submit, huge.clone()),
            (FrameKind::Submit, [&[0], signature, &huge].concat()),
            (FrameKind::Submit, [&[0], signature, &[1], &huge].concat()),
            (FrameKind::Accepted, huge.clone()),
            (FrameKind::Refused, huge.clone()),
            (FrameKind::Refused, [&[0], huge.as_slice()].concat()),
            (FrameKind::LogEntries, [&[0], huge.as_slice()].concat()),
            (FrameKind::LogEntries, [&[0, 1], huge.as_slice()].concat()),
            (FrameKind::Cosign, [&[0, 0], huge.as_slice()].concat()),
            (FrameKind::Cosign, [&[0, 0, 0], huge.as_slice()].concat()),
            (FrameKind::Cosigned, [&[0], huge.as_slice()].concat()),
            (FrameKind::Cosigned, [&[2], huge.as_slice()].concat()),
            (FrameKind::Publish, huge.clone()),
            (FrameKind::Proof, huge.clone()),
            (FrameKind::Consistency, huge.clone()),
        ] {
            let refused = read_frame(&Frame::from_parts(kind, bytes).unwrap()).unwrap_err();
            assert!(matches!(refused, FrameError::Body(DecodeError::Malformed { .. })), "{kind:?}");
        }
    }
}

/// A submission with stanzas of one byte.
fn submission(stanzas: usize) -> Vec<u8> {
    let count = [&[251], u16::try_from(stanzas).unwrap().to_le_bytes().as_slice()].concat();
    let stanzas: Vec<u8> = (0..stanzas).flat_map(|_| [1, 9]).collect();
    [&[0], [0; 64].as_slice(), &count, &stanzas].concat()
}

#[test]
fn one_value_more_than_a_list_holds_is_refused() {
    let most = Submit::from_bytes(&submission(limits::RECIPIENTS)).unwrap();
    assert_eq!(most.stanzas.len(), limits::RECIPIENTS);
    let refused = Submit::from_bytes(&submission(limits::RECIPIENTS + 1));
    assert_eq!(refused, Err(DecodeError::Malformed { name: "submit" }));
}

#[test]
fn one_byte_more_than_a_blob_holds_is_refused() {
    let with = |len: usize| {
        let len_bytes = u16::try_from(len).unwrap().to_le_bytes();
        let bytes = [&[251], len_bytes.as_slice(), &vec![0; len], &[0; 64], &[0]].concat();
        Submit::from_bytes(&bytes).map(|submit| submit.header.len())
    };
    assert_eq!(with(limits::HEADER_BYTES), Ok(limits::HEADER_BYTES));
    assert_eq!(with(limits::HEADER_BYTES + 1), Err(DecodeError::Malformed { name: "submit" }));
}

#[test]
fn one_byte_more_than_a_text_holds_is_refused() {
    let with =
        |len: u8| Alone::<Text<32>>::from_bytes(&[&[len], vec![b'a'; len as usize].as_slice()].concat());
    assert_eq!(with(32).unwrap().0.len(), 32);
    assert_eq!(with(33), Err(DecodeError::Malformed { name: "text" }));
}

#[test]
fn a_value_that_is_longer_than_its_kind_is_refused_unread() {
    let max = LogEntries::MAX_BYTES;
    let refused = LogEntries::from_bytes(&vec![0xff; max + 1]);
    assert_eq!(refused, Err(DecodeError::TooLong { name: "log-entries", len: max + 1, max }));
    // Each part within its limit, all together not.
    let entry = Blob::new(vec![0; limits::ENTRY_BYTES]).unwrap();
    let with = |count: usize| LogEntries {
        checkpoint: Blob::default(),
        entries: List::new(vec![entry.clone(); count]).unwrap(),
    };
    assert_eq!(with(16).to_bytes(), Err(EncodeError { name: "log-entries", max }));
    assert!(with(15).to_bytes().is_ok());
}

#[test]
fn no_container_is_made_larger_than_its_bound() {
    let too_many = OutOfBounds::TooMany { len: 4, max: 3 };
    assert_eq!(Blob::<3>::new([0; 4]), Err(too_many));
    assert_eq!(List::<u8, 3>::new([0; 4]), Err(too_many));
    assert_eq!(Set::<u8, 3>::new([1, 2, 3, 4]), Err(too_many));
    assert_eq!(Text::<3>::new("abcd"), Err(too_many));
    assert_eq!(Text::<3>::new("\u{20ac}\u{20ac}"), Err(OutOfBounds::TooMany { len: 6, max: 3 }));
    assert_eq!(Set::<u8, 3>::new([1, 1, 2, 2, 3, 3]).unwrap().len(), 3);
    for control in ['\0', '\r', '\u{1b}', '\u{7f}', '\u{9b}'] {
        assert_eq!(Text::<8>::new(control.to_string()), Err(OutOfBounds::ControlCharacter));
    }
    assert!(Text::<8>::new("a\tb\nc").is_ok());
}
