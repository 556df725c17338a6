//! What a courier carries: a file that is whole or refused, and messages that are judged as every other but for
//! the promise that no relay gave.

use pouch_envelope::Malformed;
use pouch_notice::{
    Clause, CourierFile, CourierRefused, Excerpt, Facts, Notice, Refused, SealedOut, Verified, seal,
};
use pouch_wire::{Blob, Canonical as _, Fixed, List, NetworkId, Timestamp, limits};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

use crate::logs::Logged;
use crate::post::{
    ACCEPTED, BA, Letter, MD, NL, Posted, READ, facts, holds, honest, only, refused, reserved,
};
use crate::world::{HOUR, World, earlier, key, later, prekey};

/// The parts of a sealed message, to be exchanged.
#[derive(Clone, Serialize, Deserialize)]
struct Parts {
    header: Blob<{ limits::HEADER_BYTES }>,
    signature: Fixed<64>,
    stanzas: List<Blob<{ limits::STANZA_BYTES }>, { limits::RECIPIENTS }>,
    payload: Blob<{ limits::PAYLOAD_BYTES }>,
}
pouch_wire::canonical!(Parts, "parts", limits::PAYLOAD_BYTES + limits::HEAD_BYTES);

impl Parts {
    fn of(sealed: &SealedOut) -> Self {
        Self::from_bytes(&sealed.to_bytes().unwrap()).unwrap()
    }

    fn sealed(&self) -> SealedOut {
        SealedOut::from_bytes(&self.to_bytes().unwrap()).unwrap()
    }
}

fn sealed(letter: &Letter) -> SealedOut {
    let mut rng = ChaCha20Rng::from_seed([letter.seed; 32]);
    seal(&letter.content(), &letter.route, &letter.to, &key(&letter.outside_key), &mut rng).unwrap()
}

fn network(world: &World) -> NetworkId {
    world.directory.network()
}

fn file(world: &World, messages: Vec<SealedOut>) -> Vec<u8> {
    let excerpt = Excerpt::new(3, vec![b"entry".to_vec()], b"note".to_vec()).unwrap();
    CourierFile::new(network(world), Some(excerpt), messages).unwrap().to_file().unwrap()
}

/// Read by MD's node, which has it from a courier since a time.
fn carried(world: &World, since: Timestamp, facts: &Facts<'_>) -> Result<Verified<Notice>, Refused> {
    honest(world).posted().opened_with(MD, &[]).unwrap().by_courier(since).verify(facts)
}

#[test]
fn what_a_courier_brought_holds_with_the_reservation_that_nobody_promised_it() {
    let world = World::new();
    let read = facts(&world, READ);
    assert_eq!(reserved(carried(&world, READ, &read)), only(Clause::Log, "POUCH-VER-63"));
    let verified = carried(&world, READ, &read).unwrap();
    assert_eq!((verified.receipt(), verified.came_at()), (None, READ));
}

#[test]
fn what_a_relay_delivers_without_its_promise_is_not_carried_by_courier() {
    let world = World::new();
    let opened = honest(&world).posted().opened_with(MD, &[]).unwrap();
    assert_eq!(refused(opened.verify(&facts(&world, READ))), only(Clause::Log, "POUCH-VER-60"));
}

#[test]
fn the_promise_that_a_relay_gives_later_takes_the_reservation_away() {
    let world = World::new();
    let posted = honest(&world).posted();
    let late = later(HOUR / 2);
    let receipt = world.receipt("relay-1", posted.id(), 0, late);
    let read = facts(&world, Timestamp(late.0 + 1000));
    let both = || posted.opened_with(MD, &receipt).unwrap().by_courier(READ);
    assert!(holds(&both().verify(&read)));
    assert_eq!(both().verify(&read).unwrap().came_at(), READ, "the courier was there before it");
}

#[test]
fn what_ended_before_a_courier_came_ended_before_the_message() {
    let world = World::new();
    let mut revoked = world.clone();
    revoked.revoke(NL, earlier(HOUR), later(10 * HOUR));
    let refusal = carried(&world, READ, &facts(&revoked, READ)).unwrap_err();
    assert!(!refusal.is_final(), "a relay may have had it before");
    assert_eq!(
        refused(carried(&world, READ, &facts(&revoked, READ))),
        only(Clause::KeyInTime, "POUCH-VER-30")
    );
    // What was here before rests on this node's own record.
    let mut revoked = world.clone();
    revoked.revoke(NL, later(HOUR), later(10 * HOUR));
    let read = Facts { now: later(HOUR / 2), ..facts(&revoked, later(HOUR / 2)) };
    let expected = [only(Clause::KeyInTime, "POUCH-VER-32"), only(Clause::Log, "POUCH-VER-63")].concat();
    assert_eq!(reserved(carried(&world, READ, &read)), expected);
    let verified = carried(&world, READ, &read).unwrap();
    let words: String = verified.verdict().clauses.iter().map(|clause| clause.words.as_str()).collect();
    assert!(words.contains("rests on this node's own record alone"), "{words}");
    assert!(!words.contains("relay's word"), "{words}");
}

#[test]
fn what_had_expired_when_a_courier_brought_it_is_not_taken() {
    let world = World::new();
    let late = later(2 * HOUR);
    let refusal = carried(&world, late, &facts(&world, late));
    assert_eq!(refused(refusal), only(Clause::Time, "POUCH-VER-52"));
}

#[test]
fn a_proof_of_the_log_counts_for_what_a_courier_brought_as_for_all() {
    let world = World::new();
    let posted = honest(&world).posted();
    let logged = Logged::new(&world, &posted, ACCEPTED);
    let opened = posted.opened_with(MD, &logged.receipt).unwrap().by_courier(later(60_000));
    let verified = opened.verify_again(&logged.facts(&world)).unwrap();
    assert!(verified.verdict().decisive().is_none());
    assert_eq!(verified.came_at(), ACCEPTED, "the relay had it before the courier came");
}

#[test]
fn a_file_gives_what_was_put_in_and_each_recipient_finds_its_own() {
    let world = World::new();
    let message = sealed(&honest(&world));
    let read = CourierFile::from_file(&file(&world, vec![message.clone()]), network(&world)).unwrap();
    assert_eq!(read.messages(), std::slice::from_ref(&message));
    assert_eq!(read.directory().map(|excerpt| (excerpt.from, excerpt.entries.len())), Some((3, 1)));
    assert_eq!(read.network(), network(&world));
    for office in [MD, BA] {
        let arrived = read.messages()[0].as_delivered(&office.parse().unwrap(), &[]).unwrap();
        assert_eq!(arrived.id(), message.id(), "the same message as over a relay");
        let opened = pouch_notice::open(arrived, &prekey(office)).unwrap().by_courier(READ);
        assert_eq!(reserved(opened.verify(&facts(&world, READ))), only(Clause::Log, "POUCH-VER-63"));
    }
    let stranger = read.messages()[0].as_delivered(&NL.parse().unwrap(), &[]);
    assert!(matches!(stranger, Err(Malformed::NotForUs(_))), "{stranger:?}");
}

#[test]
fn no_changed_byte_of_a_file_is_taken() {
    let world = World::new();
    let good = file(&world, vec![sealed(&honest(&world))]);
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1 << (place % 8);
        let refused = CourierFile::from_file(&bad, network(&world)).unwrap_err();
        let expected = match place {
            0..16 => matches!(refused, CourierRefused::OtherFile),
            16 => matches!(refused, CourierRefused::Version(_) | CourierRefused::Damaged),
            _ => matches!(refused, CourierRefused::Damaged),
        };
        assert!(expected, "byte {place}: {refused:?}");
    }
}

#[test]
fn no_part_of_a_file_and_nothing_longer_is_taken() {
    let world = World::new();
    let good = file(&world, vec![sealed(&honest(&world))]);
    for len in (0..good.len()).step_by(37).chain([good.len() - 1]) {
        let refused = CourierFile::from_file(&good[..len], network(&world)).unwrap_err();
        let expected = if len < 16 { CourierRefused::OtherFile } else { CourierRefused::Damaged };
        assert_eq!(refused, expected, "{len} bytes");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(CourierFile::from_file(&longer, network(&world)), Err(CourierRefused::Damaged));
    let huge = [b"pouch courier\0\0\0".as_slice(), &vec![0; limits::COURIER_BYTES]].concat();
    assert_eq!(CourierFile::from_file(&huge, network(&world)), Err(CourierRefused::TooLarge));
}

#[test]
fn a_file_of_another_network_or_version_or_with_other_content_is_named_so() {
    #[derive(Serialize, Deserialize)]
    struct Cover {
        mark: Fixed<16>,
        version: u16,
        body: Blob<{ limits::COURIER_BYTES }>,
        digest: pouch_wire::Digest,
    }
    pouch_wire::canonical!(Cover, "cover", limits::COURIER_BYTES);
    let world = World::new();
    let good = file(&world, vec![sealed(&honest(&world))]);
    let other = World::founded("Another network");
    let refused = CourierFile::from_file(&good, network(&other));
    assert_eq!(refused, Err(CourierRefused::OtherNetwork(network(&world))));
    let mut cover = Cover::from_bytes(&good).unwrap();
    cover.version = 2;
    let refused = CourierFile::from_file(&cover.to_bytes().unwrap(), network(&world));
    assert_eq!(refused, Err(CourierRefused::Version(2)));
    let junk = b"no content".to_vec();
    let cover =
        Cover { version: 1, digest: pouch_crypto::sha256(&junk), body: Blob::new(junk).unwrap(), ..cover };
    let refused = CourierFile::from_file(&cover.to_bytes().unwrap(), network(&world));
    assert_eq!(refused, Err(CourierRefused::Content));
}

#[test]
fn more_messages_than_a_file_may_hold_make_none() {
    let world = World::new();
    let message = sealed(&honest(&world));
    let many = |count: usize| CourierFile::new(network(&world), None, vec![message.clone(); count]);
    assert!(many(limits::COURIER_MESSAGES).unwrap().to_file().is_ok());
    assert!(many(limits::COURIER_MESSAGES + 1).is_err());
}

#[test]
fn parts_of_two_messages_make_no_third() {
    let world = World::new();
    let one = Parts::of(&sealed(&honest(&world)));
    let other = Parts::of(&sealed(&honest(&world).with(|letter| letter.seed = 2)));
    let to = MD.parse().unwrap();
    let stanzas = Parts { stanzas: other.stanzas.clone(), ..one.clone() }.sealed().as_delivered(&to, &[]);
    assert!(matches!(stanzas, Err(Malformed::Stanzas)), "{stanzas:?}");
    let payload = Parts { payload: other.payload.clone(), ..one.clone() }.sealed().as_delivered(&to, &[]);
    assert!(matches!(payload, Err(Malformed::Payload)), "{payload:?}");
    let signature = Parts { signature: other.signature, ..one }.sealed().as_delivered(&to, &[]).unwrap();
    let opened = pouch_notice::open(signature, &prekey(MD)).unwrap().by_courier(READ);
    let verdict = refused(opened.verify(&facts(&world, READ)));
    assert_eq!(verdict, only(Clause::Signature, "POUCH-ADM-15"));
}

#[test]
fn a_member_that_writes_in_another_s_name_is_found_out() {
    let world = World::new();
    let forged = honest(&world).with(|letter| {
        (letter.inside_key, letter.outside_key) = (BA.to_owned(), BA.to_owned());
    });
    let opened = Posted::from(&sealed(&forged)).opened_with(MD, &[]).unwrap().by_courier(READ);
    let refusal = opened.verify(&facts(&world, READ)).unwrap_err();
    assert!(refusal.is_final(), "{:?}", refusal.verdict);
    assert_eq!(refused::<Notice>(Err(refusal)).len(), 1);
}
