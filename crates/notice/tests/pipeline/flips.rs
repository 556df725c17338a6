//! Every bit of a small sealed message, turned over one at a time: on the way, and by a sender that signs
//! what it turned over. None is read as something else.

use pouch_crypto::{Signature, sha256};
use pouch_envelope::Arrived;
use pouch_notice::{OpenError, open, reopen};
use pouch_wire::session::Deliver;
use pouch_wire::{Blob, Fixed, List, Set};

use crate::post::{ACCEPTED, MD, NL, Posted, READ, facts, holds, honest, letter};
use crate::world::{World, key, point, prekey};

/// One message as it is handed over: header, signature, stanza, payload, receipt.
#[derive(Clone)]
struct Parts {
    header: Vec<u8>,
    signature: Vec<u8>,
    stanza: Vec<u8>,
    payload: Vec<u8>,
    receipt: Vec<u8>,
}

fn small(world: &World) -> Posted {
    letter(world, pouch_wire::Environment::Live, NL, &[MD], &[]).posted()
}

impl Parts {
    fn of(world: &World, posted: &Posted) -> Self {
        Self {
            header: posted.header_bytes(),
            signature: posted.signature.0.0.to_vec(),
            stanza: posted.stanzas[0].clone(),
            payload: posted.payload.clone(),
            receipt: world.receipt("relay-1", posted.id(), 0, ACCEPTED),
        }
    }

    /// What a recipient makes of it, with the prekey: why it is refused, or nothing.
    fn refused(&self, world: &World) -> Option<String> {
        let deliver = Deliver {
            header: Blob::new(self.header.clone()).unwrap(),
            signature: Fixed(self.signature.clone().try_into().unwrap()),
            stanza: Blob::new(self.stanza.clone()).unwrap(),
            receipt: Blob::new(self.receipt.clone()).unwrap(),
        };
        let arrived = match Arrived::parse(&point(MD), deliver, self.payload.clone()) {
            Ok(arrived) => arrived,
            Err(malformed) => return Some(malformed.code().into()),
        };
        let opened = match open(arrived, &prekey(MD)) {
            Ok(opened) => opened,
            Err(unopened) => return Some(unopened.code().into()),
        };
        opened.verify(&facts(world, READ)).err().map(|refused| refused.verdict.code().into())
    }
}

/// Turns over every bit of one part; the codes that it was refused with, each once.
fn every_bit(part: fn(&mut Parts) -> &mut Vec<u8>) -> Vec<String> {
    let world = World::new();
    let honest = Parts::of(&world, &small(&world));
    assert_eq!(honest.refused(&world), None);
    let mut codes = std::collections::BTreeSet::new();
    let mut message = honest;
    for bit in 0..part(&mut message).len() * 8 {
        part(&mut message)[bit / 8] ^= 1 << (bit % 8);
        let refused = message.refused(&world);
        part(&mut message)[bit / 8] ^= 1 << (bit % 8);
        codes.insert(refused.unwrap_or_else(|| panic!("bit {bit} changed nothing")));
    }
    assert_eq!(message.refused(&world), None);
    codes.into_iter().collect()
}

#[test]
fn every_bit_of_the_header_counts() {
    let codes = every_bit(|parts| &mut parts.header);
    let no_such_message = ["POUCH-ADM-01", "POUCH-ADM-03", "POUCH-ADM-05", "POUCH-ADM-06"];
    let not_of_this_sender = ["POUCH-ADM-10", "POUCH-ADM-15", "POUCH-DIR-41"];
    let not_under_this_seal = ["POUCH-OPN-02"];
    // It cites more entries than there are: it may be true later, and is not shown before.
    let not_yet = ["POUCH-VER-70"];
    let all = [&no_such_message[..], &not_of_this_sender, &not_under_this_seal, &not_yet].concat();
    assert_eq!(codes, all);
}

#[test]
fn every_bit_of_the_signature_counts() {
    assert_eq!(every_bit(|parts| &mut parts.signature), ["POUCH-ADM-15"]);
}

#[test]
fn every_bit_of_the_stanza_counts() {
    assert_eq!(every_bit(|parts| &mut parts.stanza), ["POUCH-ADM-03"]);
}

#[test]
fn every_bit_of_the_payload_counts() {
    assert_eq!(every_bit(|parts| &mut parts.payload), ["POUCH-ADM-05"]);
}

#[test]
fn every_bit_of_the_relay_s_receipt_counts() {
    assert_eq!(every_bit(|parts| &mut parts.receipt), ["POUCH-VER-60"]);
}

/// The sender signs a header for what it turned over: the seal alone must notice.
fn named(posted: &Posted, change: impl FnOnce(&mut Posted)) -> Posted {
    let changed = posted.clone().altered(change).altered(|p| {
        let stanza = sha256(&p.stanzas[0]);
        p.header.recipients = Set::new(p.header.recipients.iter().cloned().map(|mut a| {
            a.stanza = stanza;
            a
        }))
        .unwrap();
        p.header.payload_digest = sha256(&p.payload);
        p.header.payload_len = p.payload.len() as u64;
    });
    changed.signed_by(&key(NL))
}

#[test]
fn every_byte_of_the_sealed_payload_is_authentic_by_itself() {
    let world = World::new();
    let posted = small(&world);
    for at in 0..posted.payload.len() {
        let changed = named(&posted, |p| p.payload[at] ^= 1 << (at % 8));
        let arrived = changed.delivered(MD, b"").unwrap();
        let reopened = reopen(arrived, posted.secrets[0].clone());
        assert_eq!(reopened.unwrap_err(), OpenError::DoesNotOpen, "byte {at}");
    }
    // Cut at any place, or with something after it.
    for len in [1, 24, 56, 57, posted.payload.len() - 16, posted.payload.len() - 1] {
        let cut = named(&posted, |p| p.payload.truncate(len));
        let reopened = reopen(cut.delivered(MD, b"").unwrap(), posted.secrets[0].clone());
        assert_eq!(reopened.unwrap_err(), OpenError::DoesNotOpen, "{len} bytes");
    }
    let longer = named(&posted, |p| p.payload.push(0));
    let reopened = reopen(longer.delivered(MD, b"").unwrap(), posted.secrets[0].clone());
    assert_eq!(reopened.unwrap_err(), OpenError::DoesNotOpen);
    let same = named(&posted, |_| {});
    assert!(reopen(same.delivered(MD, b"").unwrap(), posted.secrets[0].clone()).is_ok());
}

#[test]
fn every_byte_of_the_stanza_is_authentic_by_itself() {
    let world = World::new();
    let posted = small(&world);
    let name = posted.header.recipients.iter().next().unwrap().contact_point.to_string().len();
    for at in 0..posted.stanzas[0].len() {
        let changed = named(&posted, |p| p.stanzas[0][at] ^= 1 << (at % 8));
        let Ok(arrived) = changed.delivered(MD, b"") else {
            // Its own name, and the lengths of its parts: it is no stanza of this recipient then.
            let sealed_len = name + 1 + 32 + 1120;
            assert!(at <= name || at == sealed_len, "byte {at}");
            continue;
        };
        let refused = open(arrived, &prekey(MD)).unwrap_err();
        let expected =
            if (name + 1..name + 33).contains(&at) { OpenError::NoPrekey } else { OpenError::DoesNotOpen };
        assert_eq!(refused, expected, "byte {at}");
    }
    assert!(open(named(&posted, |_| {}).delivered(MD, b"").unwrap(), &prekey(MD)).is_ok());
}

#[test]
fn every_bit_of_the_inner_signature_counts() {
    let world = World::new();
    let letter = honest(&world);
    let pouch_notice::Content::Notice { signed, .. } = letter.content() else { panic!("no notice") };
    for bit in 0..512 {
        let mut bytes = signed.signature.0.0;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let signed = pouch_notice::SignedNotice { signature: Signature(Fixed(bytes)), ..signed.clone() };
        let posted = letter.post(&pouch_notice::Content::Notice { signed, attachments: List::default() });
        let arrived = posted.delivered(MD, &world.receipt("relay-1", posted.id(), 0, ACCEPTED)).unwrap();
        let opened = reopen(arrived, posted.secrets[1].clone()).unwrap();
        let found = crate::post::refused(opened.verify(&facts(&world, READ)));
        assert_eq!(found, crate::post::only(pouch_notice::Clause::Signature, "POUCH-VER-11"), "bit {bit}");
    }
    assert!(holds(&letter.posted().received(&world, MD)));
}
