//! What a recipient takes from a relay, and reads again from its own store.

use pouch_envelope::{Arrived, Malformed};
use pouch_wire::{Blob, limits};

use crate::message::honest;
use crate::world::{World, point};

#[test]
fn a_delivery_is_taken_whole_and_reads_again_from_the_store() {
    let message = honest(&World::new());
    let deliver = message.delivered(1, b"receipt".to_vec());
    assert_eq!(Arrived::payload_len(&deliver), Ok(message.payload.len() as u64));
    let arrived = Arrived::parse(&point("MD/technical"), deliver, message.payload.clone()).unwrap();
    assert_eq!(arrived.id(), message.head().unwrap().id());
    assert_eq!(arrived.recipient(), &point("MD/technical"));
    assert_eq!((arrived.header(), arrived.stanza()), (&message.header, &message.stanzas[1]));
    assert_eq!((arrived.payload(), arrived.receipt()), (message.payload.as_slice(), &b"receipt"[..]));

    let kept = arrived.to_bytes().unwrap();
    let again = Arrived::from_bytes(&kept).unwrap();
    assert_eq!(again.to_bytes().unwrap(), kept);
    assert_eq!(again.signature(), message.signature());
}

#[test]
fn what_is_not_addressed_to_us_is_refused() {
    let message = honest(&World::new());
    let deliver = message.delivered(1, Vec::new());
    let refused = Arrived::parse(&point("NL/policy"), deliver, message.payload.clone()).unwrap_err();
    assert_eq!(refused, Malformed::NotForUs(point("NL/policy")));
    assert_eq!(refused.code(), "POUCH-ADM-06");
}

#[test]
fn another_recipient_s_stanza_is_refused() {
    let message = honest(&World::new());
    let deliver = message.delivered(0, Vec::new());
    let refused = Arrived::parse(&point("MD/technical"), deliver, message.payload.clone()).unwrap_err();
    assert_eq!(refused, Malformed::Stanzas);
}

#[test]
fn a_swapped_payload_is_refused() {
    let message = honest(&World::new());
    let other = message.payload.iter().rev().copied().collect();
    let refused = Arrived::parse(&point("MD/technical"), message.delivered(1, Vec::new()), other);
    assert_eq!(refused.unwrap_err(), Malformed::Payload);
}

#[test]
fn an_announced_payload_beyond_the_limit_is_refused_before_it_is_asked_for() {
    let len = limits::PAYLOAD_BYTES as u64 + 1;
    let message = honest(&World::new()).with(|header| header.payload_len = len);
    let refused = Arrived::payload_len(&message.delivered(1, Vec::new())).unwrap_err();
    assert_eq!(refused, Malformed::PayloadLength(len));
}

#[test]
fn a_flipped_bit_in_the_store_is_noticed_or_left_to_the_signatures() {
    let message = honest(&World::new());
    let deliver = message.delivered(1, b"receipt".to_vec());
    let arrived = Arrived::parse(&point("MD/technical"), deliver, message.payload.clone()).unwrap();
    let kept = arrived.to_bytes().unwrap();
    for place in 0..kept.len() {
        let mut bytes = kept.clone();
        bytes[place] ^= 1;
        // Whatever reads differs in a part that a signature covers or is one: nothing is silently the same.
        if let Ok(again) = Arrived::from_bytes(&bytes) {
            let same = (again.id(), again.signature(), again.receipt(), again.payload(), again.stanza())
                == (
                    arrived.id(),
                    arrived.signature(),
                    arrived.receipt(),
                    arrived.payload(),
                    arrived.stanza(),
                );
            assert!(!same, "byte {place}");
        }
    }
    assert!(Arrived::from_bytes(&[]).is_err());
    let blob: Blob<4> = Blob::new(vec![1]).unwrap();
    assert!(Arrived::from_bytes(&blob).is_err());
}
