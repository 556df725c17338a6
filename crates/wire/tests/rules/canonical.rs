//! One value, one encoding: what is read encodes to what was read, and nothing beside it is read.

use pouch_wire::{Canonical, DecodeError, Environment, Frame, FrameError, FrameKind, Set, Timestamp};
use proptest::prelude::*;

use crate::words::{Alone, again, environment, frame, number, read_frame, text};

fn body(kind: FrameKind, bytes: Vec<u8>) -> Result<Vec<u8>, FrameError> {
    read_frame(&Frame::from_parts(kind, bytes)?)
}

proptest! {
    #[test]
    fn every_message_comes_back_from_its_bytes(frame in frame()) {
        prop_assert_eq!(read_frame(&frame).unwrap(), frame.body());
    }

    #[test]
    fn a_message_that_is_cut_short_or_followed_by_a_byte_is_refused(
        frame in frame(), cut in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        prop_assume!(frame.kind() != FrameKind::Chunk);
        let bytes = frame.body().to_vec();
        let short = body(frame.kind(), bytes[..cut.index(bytes.len())].to_vec());
        prop_assert!(matches!(short, Err(FrameError::Body(DecodeError::Malformed { .. }))), "{:?}", short);
        let longer = body(frame.kind(), [bytes.as_slice(), &[byte]].concat());
        let trailing = matches!(longer, Err(FrameError::Body(DecodeError::Trailing { extra: 1, .. })));
        prop_assert!(trailing, "{:?}", longer);
    }

    #[test]
    fn a_changed_bit_makes_another_message_or_none(
        frame in frame(), place in any::<prop::sample::Index>(), bit in 0..8u8
    ) {
        prop_assume!(frame.kind() != FrameKind::Chunk);
        let mut bytes = frame.body().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        match body(frame.kind(), bytes.clone()) {
            Ok(encoded) => prop_assert_eq!(encoded, bytes),
            Err(error) => prop_assert!(matches!(error, FrameError::Body(_)), "{:?}", error),
        }
    }

    #[test]
    fn any_bytes_are_one_message_or_none(
        kind in proptest::sample::select(FrameKind::ALL.to_vec()),
        bytes in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        if let Ok(encoded) = body(kind, bytes.clone()) {
            prop_assert_eq!(encoded, bytes);
        }
    }

    #[test]
    fn a_number_has_its_shortest_form_alone(value in number()) {
        let bytes = Alone(Timestamp(value)).to_bytes().unwrap();
        prop_assert_eq!(again::<Alone<Timestamp>>(&bytes).unwrap(), bytes.clone());
        let wide = value.to_le_bytes();
        let forms = [(251u8, 2usize), (252, 4), (253, 8)].into_iter().filter(|(_, width)| {
            wide[*width..].iter().all(|byte| *byte == 0)
        });
        let not_canonical = DecodeError::NotCanonical { name: "timestamp" };
        for (tag, width) in forms {
            let form = [&[tag], &wide[..width]].concat();
            if form != bytes {
                prop_assert_eq!(again::<Alone<Timestamp>>(&form), Err(not_canonical.clone()));
            }
        }
    }

    #[test]
    fn an_environment_and_a_text_come_back(environment in environment(), text in text::<32>()) {
        let bytes = environment.to_bytes().unwrap();
        prop_assert_eq!(Environment::from_bytes(&bytes), Ok(environment));
        let text = Alone(text);
        prop_assert_eq!(Alone::from_bytes(&text.to_bytes().unwrap()), Ok(text));
    }

    #[test]
    fn a_set_is_the_same_in_whatever_order_it_was_given(
        values in proptest::collection::vec(any::<u16>(), 0..8), turn in any::<prop::sample::Index>()
    ) {
        let mut turned = [values.as_slice(), values.as_slice()].concat();
        if !values.is_empty() {
            turned.rotate_left(turn.index(values.len()));
        }
        let set: Set<u16, 8> = Set::new(values.clone()).unwrap();
        prop_assert_eq!(&Set::new(turned).unwrap(), &set);
        prop_assert!(set.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(values.iter().all(|value| set.has(value)));
    }
}
