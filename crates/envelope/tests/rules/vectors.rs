//! The bytes of every type, and bytes that look like them and are refused. A changed byte is a changed
//! protocol, and must be meant.

use std::collections::BTreeMap;

use pouch_envelope::{
    AcceptedReceipt, Arrived, Beacon, BeaconLeaf, DemotedReceipt, Header, MessageLeaf, Place,
    SignatureRecord, SignedReceipt, Stanza,
};
use pouch_wire::session::BeaconFor;
use pouch_wire::{Blob, Canonical, DecodeError};

use crate::beacons;
use crate::message::{drill, honest};
use crate::receipts;
use crate::vectors_file::held;
use crate::world::{World, later, point};

fn accepted() -> BTreeMap<String, Vec<u8>> {
    let world = World::new();
    let message = honest(&world);
    let id = message.head().unwrap().id();
    let signed = world.signed_receipt("relay-1", "relay-1", id, 7, later(2000));
    let deliver = message.delivered(1, signed.to_bytes().unwrap());
    let arrived = Arrived::parse(&point("MD/technical"), deliver, message.payload.clone()).unwrap();
    let record = SignatureRecord {
        header: Blob::new(message.header_bytes()).unwrap(),
        signature: message.signature(),
        index: 7,
        accepted_at: later(2000),
    };
    let leaf = MessageLeaf { envelope: id, accepted_at: later(2000) };
    let files = [
        ("header_live", message.header_bytes()),
        ("header_exercise", drill(&world).header_bytes()),
        ("header-signature", message.signature().0.0.to_vec()),
        ("stanza", message.stanza_bytes()[1].clone()),
        ("accepted-receipt", signed.receipt.to_vec()),
        ("signed-receipt", signed.to_bytes().unwrap()),
        ("demoted-receipt", receipts::demoted(&world, id, "relay-1").receipt.to_vec()),
        ("message-leaf", leaf.to_bytes().unwrap()),
        ("stored-arrival", arrived.to_bytes().unwrap()),
        ("signature-record", record.to_bytes().unwrap()),
        ("beacon", beacons::honest(&world).beacon.to_vec()),
        ("beacon-signature", beacons::honest(&world).signature.0.to_vec()),
        ("beacon-frame", beacons::honest(&world).to_bytes().unwrap()),
        ("beacon-for-a-peer", beacons::for_peer(&world, "MD/technical").to_bytes().unwrap()),
        ("beacon-leaf", own_leaf(beacons::place(7))),
        ("beacon-leaf_nothing-sent", own_leaf(Place::NOTHING)),
    ];
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

fn own_leaf(place: Place) -> Vec<u8> {
    let nonce = beacons::facts(&World::new()).nonce;
    BeaconLeaf { peer: point("MD/technical"), place, nonce }.to_bytes().unwrap()
}

/// Reads bytes as the type that the name begins with; what they encode as again.
fn read(name: &str, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    fn again<T: Canonical>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(T::from_bytes(bytes)?.to_bytes().unwrap())
    }
    match name.split('_').next().unwrap() {
        "header" => again::<Header>(bytes),
        "stanza" => again::<Stanza>(bytes),
        "accepted-receipt" => again::<AcceptedReceipt>(bytes),
        "signed-receipt" => again::<SignedReceipt>(bytes),
        "demoted-receipt" => again::<DemotedReceipt>(bytes),
        "message-leaf" => again::<MessageLeaf>(bytes),
        "signature-record" => again::<SignatureRecord>(bytes),
        "stored-arrival" => Ok(Arrived::from_bytes(bytes).unwrap().to_bytes().unwrap()),
        "beacon" => again::<Beacon>(bytes),
        "beacon-frame" => again::<pouch_wire::session::Beacon>(bytes),
        "beacon-for-a-peer" => again::<BeaconFor>(bytes),
        "beacon-leaf" => again::<BeaconLeaf>(bytes),
        "header-signature" | "beacon-signature" => Ok(bytes.to_vec()),
        other => panic!("no type {other}"),
    }
}

#[test]
fn every_type_has_the_bytes_on_file() {
    for (name, bytes) in held("envelope", "accept", &accepted()) {
        assert_eq!(read(&name, &bytes).as_deref(), Ok(bytes.as_slice()), "{name}");
    }
}

fn edited(bytes: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    edit(&mut bytes);
    bytes
}

/// Where a part of a value stands in its bytes.
fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

fn refused() -> BTreeMap<String, Vec<u8>> {
    let good = accepted();
    let header = &good["header_live"];
    let stanza = &good["stanza"];
    // A recipient: the member's length and code, the office's, and 32 bytes of digest.
    let (first, second) = (find(header, b"\x02BA\x09technical"), find(header, b"\x02MD\x09technical"));
    let one = second - first;
    let files = [
        ("header_trailing-byte", edited(header, |b| b.push(0))),
        ("header_cut-short", edited(header, |b| b.truncate(b.len() - 1))),
        ("header_empty", Vec::new()),
        // Version 1 in three bytes.
        ("header_integer-not-minimal", edited(header, |b| drop(b.splice(0..1, [251, 1, 0])))),
        // The environment's tag stands after version and network.
        ("header_unknown-environment", edited(header, |b| b[33] = 9)),
        (
            "header_unknown-precedence",
            edited(header, |b| {
                let created = find(b, &[253]);
                assert!(created > 33);
                let at = first - 20;
                assert_eq!(b[at], 0);
                b[at] = 4;
            }),
        ),
        (
            "header_recipients-unsorted",
            edited(header, |b| {
                let (a, c) = (b[first..second].to_vec(), b[second..second + one].to_vec());
                b[first..second].copy_from_slice(&c);
                b[second..second + one].copy_from_slice(&a);
            }),
        ),
        (
            "header_recipient-repeated",
            edited(header, |b| {
                let a = b[first..second].to_vec();
                b[second..second + one].copy_from_slice(&a);
            }),
        ),
        ("header_member-in-small-letters", edited(header, |b| b[first + 1] = b'b')),
        ("stanza_trailing-byte", edited(stanza, |b| b.push(0))),
        ("stanza_cut-short", edited(stanza, |b| b.truncate(b.len() - 1))),
        (
            "stanza_ciphertext-too-long",
            edited(stanza, |b| {
                let at = b.len() - b"MD/technical".len() - 1;
                b.truncate(at);
                b.extend([251, 1, 1]);
                b.extend([0; 257]);
            }),
        ),
        ("accepted-receipt_trailing-byte", edited(&good["accepted-receipt"], |b| b.push(0))),
        ("demoted-receipt_trailing-byte", edited(&good["demoted-receipt"], |b| b.push(0))),
        ("demoted-receipt_cut-short", edited(&good["demoted-receipt"], |b| b.truncate(b.len() - 1))),
        (
            "demoted-receipt_unknown-class",
            edited(&good["demoted-receipt"], |b| {
                let at = b.len() - 3;
                assert_eq!(b[at..], [1, 21, 120]);
                b[at] = 4;
            }),
        ),
        ("signed-receipt_cut-short", edited(&good["signed-receipt"], |b| b.truncate(b.len() - 1))),
        ("message-leaf_trailing-byte", edited(&good["message-leaf"], |b| b.push(0))),
        ("signature-record_cut-short", edited(&good["signature-record"], |b| b.truncate(b.len() - 1))),
        ("beacon_trailing-byte", edited(&good["beacon"], |b| b.push(0))),
        ("beacon_cut-short", edited(&good["beacon"], |b| b.truncate(b.len() - 1))),
        ("beacon_integer-not-minimal", edited(&good["beacon"], |b| drop(b.splice(0..1, [251, 1, 0])))),
        ("beacon_unknown-environment", edited(&good["beacon"], |b| b[33] = 9)),
        ("beacon-leaf_trailing-byte", edited(&good["beacon-leaf"], |b| b.push(0))),
        ("beacon-leaf_cut-short", edited(&good["beacon-leaf"], |b| b.truncate(b.len() - 1))),
    ];
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

#[test]
fn what_only_looks_like_a_type_is_refused() {
    for (name, bytes) in held("envelope", "refuse", &refused()) {
        let error = read(&name, &bytes).unwrap_err();
        let defect = name.split('_').nth(1).unwrap();
        let expected = match defect {
            "trailing-byte" => matches!(error, DecodeError::Trailing { extra: 1, .. }),
            "integer-not-minimal" => matches!(error, DecodeError::NotCanonical { .. }),
            _ => matches!(error, DecodeError::Malformed { .. }),
        };
        assert!(expected, "{name}: {error:?}");
    }
}
