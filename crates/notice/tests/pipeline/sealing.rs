//! Sealing: to whom, how large, and what an observer learns.

use pouch_crypto::{ContentKey, sha256};
use pouch_envelope::Malformed;
use pouch_notice::{
    Content, OpenError, SealError, SealTo, SealedOut, StanzaSecret, reopen, seal, seal_with_secrets,
};
use pouch_wire::{Blob, Canonical as _, ContactPoint, Environment, List, NetworkId, limits};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::post::{ACCEPTED, BA, Letter, MD, NL, READ, facts, holds, honest, letter};
use crate::stage;
use crate::world::{World, key, point, prekey};

fn sealed(letter: &Letter) -> Result<SealedOut, SealError> {
    let mut rng = ChaCha20Rng::from_seed([letter.seed; 32]);
    seal(&letter.content(), &letter.route, &letter.to, &key(&letter.outside_key), &mut rng)
}

/// So many recipients, all with the same prekey.
fn many(world: &World, count: usize) -> Letter {
    let public = prekey(MD).public().clone();
    let to = |n: usize| SealTo {
        recipient: format!("MD/office-{n:03}").parse::<ContactPoint>().unwrap(),
        prekey: public.id(),
        public: public.clone(),
        epoch: 1,
        n: 1,
        previous: crate::post::NOTHING_BEFORE,
    };
    honest(world).with(|l| l.to = (0..count).map(to).collect())
}

#[test]
fn there_is_a_recipient_and_none_stands_twice() {
    let world = World::new();
    let nobody = honest(&world).with(|l| l.to.clear());
    assert_eq!(sealed(&nobody), Err(SealError::NoRecipient));
    let twice = honest(&world).with(|l| l.to.push(l.to[0].clone()));
    assert_eq!(sealed(&twice), Err(SealError::RecipientTwice(point(MD))));
    assert!(sealed(&honest(&world)).is_ok());
}

#[test]
fn as_many_recipients_as_are_allowed_fit_and_no_more() {
    let world = World::new();
    let full = sealed(&many(&world, limits::RECIPIENTS)).unwrap();
    assert_eq!(full.stanzas().len(), limits::RECIPIENTS);
    assert!(full.header_bytes().len() <= limits::HEADER_BYTES);
    let over = sealed(&many(&world, limits::RECIPIENTS + 1));
    assert!(matches!(over, Err(SealError::Bounds(_))), "{over:?}");
}

#[test]
fn the_order_in_which_recipients_are_named_does_not_show() {
    let world = World::new();
    let turned = honest(&world).with(|l| l.to.reverse());
    assert_eq!(sealed(&turned).unwrap(), sealed(&honest(&world)).unwrap());
    let message = turned.posted();
    assert!(holds(&message.received(&world, MD)));
    assert!(holds(&message.received(&world, BA)));
}

#[test]
fn the_same_words_sealed_again_are_another_message_in_every_part() {
    let world = World::new();
    let (one, other) = (honest(&world).posted(), honest(&world).with(|l| l.seed = 2).posted());
    assert_ne!(one.id(), other.id());
    assert_ne!(one.header.salt, other.header.salt);
    assert_ne!(one.stanzas, other.stanzas);
    let same = one.payload.chunks(32).zip(other.payload.chunks(32)).filter(|(a, b)| a == b).count();
    assert_eq!(same, 0);
    let notice = |posted: &crate::post::Posted| posted.received(&world, MD).unwrap().notice_id();
    assert_eq!(notice(&one), notice(&other), "one notice in two envelopes");
}

#[test]
fn short_notices_cannot_be_told_apart_by_their_length() {
    let world = World::new();
    let len = |words: &str| honest(&world).saying(|n| n.body = stage::text(words)).posted().payload.len();
    let shortest = len("No.");
    for words in ["Yes, since 04:00.".to_owned(), "x".repeat(3000)] {
        assert_eq!(len(&words), shortest);
    }
    assert!(len(&"x".repeat(4000)) > shortest);
    // A receipt is as long as a short notice.
    let receipt = world.signed_receipt("relay-1", "relay-1", honest(&world).posted().id(), 0, ACCEPTED);
    assert_eq!(honest(&world).post(&Content::Receipt(receipt)).payload.len(), shortest);
}

#[test]
fn nothing_outside_says_what_stands_inside() {
    let world = World::new();
    let letter = letter(&world, Environment::Live, NL, &[MD], &[]);
    let posted = letter.posted();
    let outside = [posted.header_bytes(), posted.stanzas.concat(), posted.payload.clone()].concat();
    let holds = |part: &[u8]| outside.windows(part.len()).any(|window| window == part);
    let signed = letter.signed();
    assert!(!holds(b"Substations in two regions"));
    assert!(!holds(sha256(&signed.notice).as_bytes()), "the notice's id");
    assert!(!holds(&signed.signature.0.0));
    assert!(holds(&posted.header.salt.0), "what does stand outside is found so");
}

#[test]
fn a_sender_that_keeps_a_stanza_s_secret_opens_what_it_sent() {
    let world = World::new();
    let letter = honest(&world);
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let (sealed, secrets) =
        seal_with_secrets(&letter.content(), &letter.route, &letter.to, &key(NL), &mut rng).unwrap();
    let receipt = world.receipt("relay-1", sealed.id(), 0, ACCEPTED);
    // The secrets stand in the header's order: BA, MD.
    for (to, secret) in [BA, MD].into_iter().zip(secrets) {
        let arrived = sealed.as_delivered(&point(to), &receipt).unwrap();
        let verified = reopen(arrived, secret).unwrap().verify(&facts(&world, READ));
        assert!(holds(&verified));
        assert_eq!(verified.unwrap().value(), &letter.notice);
    }
    let nobody_s = sealed.as_delivered(&point(NL), &receipt).unwrap_err();
    assert_eq!(nobody_s, Malformed::NotForUs(point(NL)));
}

#[test]
fn what_is_larger_than_a_message_is_not_sealed() {
    let world = World::new();
    let with = |len: usize| {
        let letter = honest(&world);
        let Content::Notice { signed, .. } = letter.content() else { panic!("no notice") };
        let attachments = List::new(vec![Blob::new(vec![0; len]).unwrap()]).unwrap();
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let content = Content::Notice { signed, attachments };
        seal(&content, &letter.route, &letter.to, &key(NL), &mut rng)
    };
    // Padding and the seal's own bytes are counted too.
    assert_eq!(with(limits::PAYLOAD_BYTES - 4096).map(|_| ()), Err(SealError::TooLarge));
    assert!(matches!(with(limits::PAYLOAD_BYTES), Err(SealError::Encode(_))));
    assert!(with(limits::PAYLOAD_BYTES / 4).is_ok());
}

#[test]
fn a_seal_of_another_network_does_not_open_here() {
    let world = World::new();
    let foreign = honest(&world).with(|l| l.route.network = NetworkId(sha256(b"another"))).posted();
    let renamed = foreign.altered(|p| p.header.network = world.directory.network()).signed_by(&key(NL));
    assert!(renamed.admitted(&world, ACCEPTED).is_ok());
    assert_eq!(renamed.opened(&world, MD).unwrap_err(), OpenError::DoesNotOpen);
}

/// The content of a letter, encrypted as the protocol says, under a salt of the test's own choosing.
fn encrypted(letter: &Letter, secret: &StanzaSecret, header_salt: [u8; 32], salt: [u8; 24]) -> Vec<u8> {
    let content_key = secret.to_bytes().unwrap()[..32].try_into().unwrap();
    let sender = format!("{}\0", letter.route.sender);
    let bound =
        [b"pouch v1 content\0".as_slice(), letter.context.as_bytes(), &header_salt, sender.as_bytes()];
    let padded = pouch_crypto::pad(&letter.content().to_bytes().unwrap()).unwrap();
    pouch_crypto::encrypt(&ContentKey::from_bytes(&content_key), salt, &bound.concat(), &padded).unwrap()
}

#[test]
fn content_is_encrypted_under_the_header_s_salt_and_no_other() {
    let world = World::new();
    let letter = honest(&world);
    let posted = letter.posted();
    let opened = |salt: [u8; 24]| {
        let payload = encrypted(&letter, &posted.secrets[1], posted.header.salt.0, salt);
        let named = posted.clone().altered(|p| {
            (p.header.payload_len, p.header.payload_digest) = (payload.len() as u64, sha256(&payload));
            p.payload = payload;
        });
        let arrived = named.signed_by(&key(NL)).delivered(MD, b"").unwrap();
        reopen(arrived, posted.secrets[1].clone())
    };
    assert!(opened(posted.header.salt.0[..24].try_into().unwrap()).is_ok(), "as the protocol says");
    assert_eq!(opened([4; 24]).unwrap_err(), OpenError::DoesNotOpen);
}
