//! The honest way, whole: drafted, approved, signed, sealed, admitted, arrived, opened, verified.

use pouch_crypto::sha256;
use pouch_notice::{
    Approval, Attachment, Clause, Colour, Draft, Notice, OpenError, Order, SequenceState, State, open,
    reopen, seal,
};
use pouch_wire::{Blob, Canonical as _, List, Precedence};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::post::{
    ACCEPTED, BA, Letter, MD, NL, Posted, READ, drill, facts, holds, honest, in_state, key_name, letter,
};
use crate::world::{DAY, World, earlier, key, mandate, point, prekey, text};

fn attached(letter: Letter) -> Letter {
    let files = [b"indicator,first seen".to_vec(), Vec::new(), vec![7; 100_000]];
    let named =
        files.iter().zip(["indicators.csv", "empty.txt", "sample.bin"]).map(|(bytes, name)| Attachment {
            name: text(name),
            media_type: text("application/octet-stream"),
            len: bytes.len() as u64,
            digest: sha256(bytes),
        });
    let named = List::new(named.collect::<Vec<_>>()).unwrap();
    letter.with(|l| l.attachments = files.to_vec()).saying(|notice| notice.attachments = named)
}

/// The steps as a sender's node makes them, none by hand.
fn by_the_steps(world: &World, letter: &Letter, officers: &[&str]) -> Posted {
    let draft = Draft::new(letter.notice.clone()).unwrap();
    let approve = |name: &&str| Approval::sign(draft.bytes(), &key(name)).unwrap();
    let approvals: Vec<Approval> = officers.iter().map(approve).collect();
    let signer = key(&letter.outside_key);
    let early = draft.check_against(&world.directory.now_view(), signer.public().id(), &approvals);
    assert_eq!(early.colour(), Colour::Green, "{early:?}");
    let id = draft.id();
    let signed = draft.approve(approvals).unwrap().sign(&signer).unwrap();
    assert_eq!(Notice::id_of(&signed.signed().notice), id);
    let attachments = letter.attachments.iter().map(|bytes| Blob::new(bytes.clone()).unwrap());
    let content = pouch_notice::Content::Notice {
        signed: signed.signed().clone(),
        attachments: List::new(attachments.collect::<Vec<_>>()).unwrap(),
    };
    let mut rng = ChaCha20Rng::from_seed([letter.seed; 32]);
    Posted::from(&seal(&content, &letter.route, &letter.to, &signer, &mut rng).unwrap())
}

const CLAUSES: [Clause; 15] = [
    Clause::Environment,
    Clause::Addressed,
    Clause::Signature,
    Clause::Binding,
    Clause::KeyInTime,
    Clause::SameLetter,
    Clause::Signature,
    Clause::Mandate,
    Clause::Release,
    Clause::Whole,
    Clause::Time,
    Clause::Log,
    Clause::Directory,
    Clause::Clock,
    Clause::Order,
];

#[test]
fn a_live_notice_reaches_each_addressee_whole_and_every_clause_holds() {
    let mut world = World::new();
    world.authorise_officer("director", "director", mandate(), earlier(2 * DAY));
    world.authorise_officer("duty", "duty", mandate(), earlier(2 * DAY));
    world.demand(2, false, earlier(2 * DAY));
    let letter = attached(honest(&world));
    let posted = by_the_steps(&world, &letter, &["director", "duty"]);
    let admitted = posted.admitted(&world, ACCEPTED).unwrap();
    assert_eq!(admitted.id(), posted.id());
    for to in [MD, BA] {
        let verified = posted.received(&world, to).unwrap();
        assert_eq!(verified.value(), &letter.notice);
        assert_eq!(verified.attachments(), letter.attachments);
        assert_eq!(verified.notice_id(), Notice::id_of(&letter.notice.to_bytes().unwrap()));
        assert_eq!(verified.release().unwrap().approved_by.len(), 2);
        assert_eq!(verified.authority().unwrap().key, key(NL).public());
        assert_eq!(verified.arrived().recipient(), &point(to));
        assert_eq!(
            (verified.receipt().map(|receipt| &*receipt.relay), verified.came_at()),
            (Some("relay-1"), ACCEPTED)
        );

        let secret = verified.secret();
        let mut sequence = SequenceState::default();
        let order = sequence.accept(secret.epoch, secret.n, secret.previous, posted.id());
        assert_eq!(order, Order::First);
        let verified = verified.with_order(&order);
        let clauses: Vec<Clause> = verified.verdict().clauses.iter().map(|c| c.clause).collect();
        assert_eq!(clauses, CLAUSES);
        assert_eq!((verified.verdict().colour(), verified.verdict().code()), (Colour::Green, "POUCH-VER-00"));
    }
}

#[test]
fn a_notice_of_an_exercise_verifies_in_it_and_says_that_it_is_a_drill() {
    let world = World::new();
    let letter = attached(drill(&world));
    let posted = by_the_steps(&world, &letter, &[]);
    assert!(posted.admitted(&world, ACCEPTED).is_ok());
    let verified = posted.received(&world, MD).unwrap();
    assert_eq!(verified.verdict().colour(), Colour::Green);
    let first = &verified.verdict().clauses[0];
    assert_eq!(
        (first.clause, first.words.as_str()),
        (Clause::Environment, "EXERCISE Blue Heron: this is a drill.")
    );
    assert_eq!(verified.authority().unwrap().key, key(&key_name(NL, world.drill())).public());
    let live = honest(&world).posted().received(&world, MD).unwrap();
    assert_eq!(live.verdict().clauses[0].words, "Live: this is not an exercise.");
}

#[test]
fn what_tests_make_by_hand_is_what_the_steps_make() {
    let world = World::new();
    for letter in [attached(honest(&world)), drill(&world)] {
        let (by_hand, by_steps) = (letter.posted(), by_the_steps(&world, &letter, &[]));
        assert_eq!(
            (by_hand.header_bytes(), by_hand.signature),
            (by_steps.header_bytes(), by_steps.signature)
        );
        assert_eq!((by_hand.stanzas, by_hand.payload), (by_steps.stanzas, by_steps.payload));
    }
}

#[test]
fn what_was_kept_opens_and_verifies_again_without_the_prekey() {
    let world = World::new();
    let letter = attached(honest(&world));
    let verified = letter.posted().received(&world, MD).unwrap();
    let (kept, secret) = (verified.arrived().to_bytes().unwrap(), verified.secret().to_bytes().unwrap());
    let arrived = pouch_envelope::Arrived::from_bytes(&kept).unwrap();
    let secret = pouch_notice::StanzaSecret::from_bytes(&secret).unwrap();
    let again = reopen(arrived, secret).unwrap().verify(&facts(&world, READ)).unwrap();
    assert_eq!((again.value(), again.attachments()), (&letter.notice, letter.attachments.as_slice()));
    assert_eq!(again.verdict(), verified.verdict());
}

#[test]
fn one_recipient_s_key_does_not_open_another_s_copy() {
    let world = World::new();
    let posted = honest(&world).posted();
    let arrived = posted.delivered(MD, b"").unwrap();
    assert_eq!(open(arrived, &prekey(BA)).unwrap_err(), OpenError::NoPrekey);
    assert!(posted.opened(&world, MD).is_ok());
    assert!(posted.opened(&world, BA).is_ok());
}

#[test]
fn notices_of_every_precedence_travel() {
    let world = World::new();
    for precedence in Precedence::ALL {
        let posted = honest(&world).saying(|notice| notice.precedence = precedence).posted();
        assert!(posted.admitted(&world, ACCEPTED).is_ok());
        let verified = posted.received(&world, MD).unwrap();
        assert_eq!(verified.value().precedence, precedence);
        assert!(in_state(verified.verdict(), State::Fails).is_empty());
    }
}

#[test]
fn each_office_answers_the_others() {
    let world = World::new();
    for (from, to) in [(NL, MD), (MD, NL), (BA, NL), (MD, BA)] {
        let posted = letter(&world, pouch_wire::Environment::Live, from, &[to], &[]).posted();
        assert!(holds(&posted.received(&world, to)), "{from} to {to}");
    }
}
