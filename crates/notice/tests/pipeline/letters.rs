//! The inside must be what the outside was made for: resealed letters, swapped parts, and an inside and an
//! outside that disagree.

use pouch_crypto::sha256;
use pouch_envelope::{Malformed, Refusal};
use pouch_notice::{Attachment, Clause, Content, Notice, OpenError};
use pouch_wire::{Blob, Digest, Environment, List, NetworkId, NoticeType, Precedence, Timestamp};

use crate::post::{ACCEPTED, BA, Letter, MD, NL, drill, holds, honest, letter, only, refused};
use crate::stage;
use crate::world::{World, key, later, point, set, text};

/// What MD took out of a message of NL's to itself.
fn taken(world: &World) -> Content {
    let verified = letter(world, Environment::Live, NL, &[MD], &[]).posted().received(world, MD).unwrap();
    let attachments = verified.attachments().iter().map(|bytes| Blob::new(bytes.clone()).unwrap());
    Content::Notice {
        signed: verified.signed().unwrap().clone(),
        attachments: List::new(attachments.collect::<Vec<_>>()).unwrap(),
    }
}

#[test]
fn a_recipient_cannot_reseal_a_letter_to_somebody_else() {
    let world = World::new();
    // In an envelope of its own: whoever opens it sees that the letter is another's.
    let own = letter(&world, Environment::Live, MD, &[BA], &[]);
    assert!(holds(&own.posted().received(&world, BA)));
    let resealed = own.post(&taken(&world));
    assert!(resealed.admitted(&world, ACCEPTED).is_ok(), "a relay cannot see it");
    let verdict = refused(resealed.received(&world, BA));
    // Its signature is NL's, not of the key that signed the outside.
    assert_eq!(
        verdict,
        [(Clause::SameLetter, "POUCH-VER-10".to_owned()), (Clause::Signature, "POUCH-VER-11".to_owned()),]
    );
}

#[test]
fn a_recipient_cannot_reseal_a_letter_in_its_sender_s_name() {
    let world = World::new();
    let content = taken(&world);
    let in_its_name = letter(&world, Environment::Live, NL, &[BA], &[]);
    assert!(holds(&in_its_name.posted().received(&world, BA)));
    let forged = in_its_name.clone().with(|l| l.outside_key = MD.into()).post(&content);
    let refusal = forged.admitted(&world, ACCEPTED).unwrap_err();
    assert_eq!(refusal.code(), "POUCH-DIR-41");
    assert_eq!(refused(forged.received(&world, BA)), only(Clause::Binding, "POUCH-DIR-41"));
    // Nor by naming the sender's key for a signature that is not of it.
    let forged = forged.altered(|p| p.header.sender_key = key(NL).public().id()).signed_by(&key(MD));
    assert_eq!(forged.admitted(&world, ACCEPTED).unwrap_err(), Refusal::BadSignature);
    assert_eq!(refused(forged.received(&world, BA)), only(Clause::Signature, "POUCH-ADM-15"));
}

#[test]
fn even_its_own_sender_does_not_put_a_letter_into_another_envelope() {
    let world = World::new();
    let resealed = letter(&world, Environment::Live, NL, &[BA], &[]).post(&taken(&world));
    assert_eq!(refused(resealed.received(&world, BA)), only(Clause::SameLetter, "POUCH-VER-10"));
}

#[test]
fn a_relay_cannot_add_drop_or_exchange_a_recipient() {
    let world = World::new();
    let posted = honest(&world).posted();
    assert!(posted.admitted(&world, ACCEPTED).is_ok());
    assert!(holds(&posted.received(&world, MD)));
    let dropped = posted.clone().altered(|p| {
        let md = p.header.recipients.iter().find(|a| a.contact_point == point(MD)).unwrap().clone();
        p.header.recipients = set(&[md]);
        p.stanzas.remove(0);
    });
    let exchanged = posted.altered(|p| {
        let mut all: Vec<_> = p.header.recipients.iter().cloned().collect();
        all[0].contact_point = point("BA/policy");
        p.header.recipients = set(&all);
    });
    assert_eq!(dropped.admitted(&world, ACCEPTED).unwrap_err(), Refusal::BadSignature);
    assert_eq!(exchanged.admitted(&world, ACCEPTED).unwrap_err(), Refusal::Malformed(Malformed::Stanzas));
    for altered in [dropped, exchanged] {
        assert_eq!(refused(altered.received(&world, MD)), only(Clause::Signature, "POUCH-ADM-15"));
    }
}

type Change = Box<dyn FnOnce(&mut Notice)>;

/// A letter whose inside says something else than its outside, both well signed.
fn disagreeing(world: &World, change: impl FnOnce(&mut Notice)) -> Letter {
    honest(world).saying_inside(change)
}

#[test]
fn inside_and_outside_agree_on_every_part_that_both_name() {
    let world = World::new();
    assert!(holds(&disagreeing(&world, |_| {}).posted().received(&world, MD)));
    let drills = Environment::Exercise(world.exercise);
    let changes: [(&str, Change); 11] = [
        ("sender", Box::new(|n| n.sender = point("NL/policy"))),
        ("list of addressees", Box::new(|n| n.info = set(&[]))),
        ("list of addressees", Box::new(|n| n.info = set(&[point("BA/policy")]))),
        ("list of addressees", Box::new(|n| n.info = set(&[point(BA), point("OSCE/duty")]))),
        ("list of addressees", Box::new(|n| n.info = set(&[point(BA), point(MD)]))),
        ("network or exercise", Box::new(|n| n.network = NetworkId(Digest::new([1; 32])))),
        ("network or exercise", Box::new(move |n| n.environment = drills)),
        ("time", Box::new(|n| n.created = Timestamp(n.created.0 - 1))),
        ("time", Box::new(|n| n.not_after = Timestamp(n.not_after.0 + 1))),
        ("precedence", Box::new(|n| n.precedence = Precedence::Immediate)),
        ("precedence", Box::new(|n| n.precedence = Precedence::Routine)),
    ];
    for (what, change) in changes {
        let letter = disagreeing(&world, change).with(|l| {
            l.context = pouch_crypto::Context::of(l.notice.network, l.notice.environment);
        });
        let Err(found) = letter.posted().received(&world, MD) else { panic!("{what}") };
        let failing: Vec<_> = found.verdict.failing().collect();
        assert_eq!(failing.len(), 1, "{what}: {failing:?}");
        assert_eq!((failing[0].clause, failing[0].code.as_str()), (Clause::SameLetter, "POUCH-VER-10"));
        let words = format!("Somebody put this letter into another envelope: the {what} differs.");
        assert_eq!(failing[0].words, words);
    }
}

#[test]
fn who_acts_and_who_is_told_is_the_inside_s_to_say() {
    let world = World::new();
    let both = honest(&world).saying(|n| (n.to, n.info) = (set(&[point(MD), point(BA)]), set(&[])));
    assert!(holds(&both.posted().received(&world, MD)));
}

#[test]
fn payloads_are_not_exchanged_between_envelopes() {
    let world = World::new();
    let first = honest(&world).posted();
    let second = honest(&world).with(|l| l.seed = 2).posted();
    assert_ne!(first.payload, second.payload);
    let swapped = first.clone().altered(|p| p.payload = second.payload.clone());
    assert_eq!(swapped.admitted(&world, ACCEPTED).unwrap_err(), Refusal::Malformed(Malformed::Payload));
    assert_eq!(swapped.delivered(MD, b"").unwrap_err(), Malformed::Payload);
    // Nor by whoever signs a header for it: the content key is committed to.
    let named = swapped.altered(|p| {
        p.header.payload_digest = sha256(&p.payload);
        p.header.payload_len = p.payload.len() as u64;
    });
    let named = named.signed_by(&key(NL));
    assert!(named.admitted(&world, ACCEPTED).is_ok());
    assert_eq!(named.opened(&world, MD).unwrap_err(), OpenError::DoesNotOpen);
    assert!(first.opened(&world, MD).is_ok());
    assert!(second.opened(&world, MD).is_ok());
}

#[test]
fn stanzas_are_not_exchanged_between_recipients_or_envelopes() {
    let world = World::new();
    let first = honest(&world).posted();
    let second = honest(&world).with(|l| l.seed = 2).posted();
    let between_recipients = first.clone().altered(|p| p.stanzas.swap(0, 1));
    let between_envelopes = first.clone().altered(|p| p.stanzas[1] = second.stanzas[1].clone());
    for swapped in [&between_recipients, &between_envelopes] {
        assert_eq!(swapped.admitted(&world, ACCEPTED).unwrap_err(), Refusal::Malformed(Malformed::Stanzas));
        assert_eq!(swapped.delivered(MD, b"").unwrap_err(), Malformed::Stanzas);
    }
    // Nor by whoever signs a header for it: a stanza opens under its own message's salt alone.
    let named = between_envelopes.altered(|p| {
        let mut all: Vec<_> = p.header.recipients.iter().cloned().collect();
        all[1].stanza = sha256(&p.stanzas[1]);
        p.header.recipients = set(&all);
    });
    let named = named.signed_by(&key(NL));
    assert!(named.admitted(&world, ACCEPTED).is_ok());
    assert_eq!(named.opened(&world, MD).unwrap_err(), OpenError::DoesNotOpen);
    assert!(named.opened(&world, BA).is_ok(), "BA's stanza is untouched");
}

#[test]
fn a_message_is_for_those_whom_its_header_names() {
    let world = World::new();
    let posted = letter(&world, Environment::Live, NL, &[MD], &[]).posted();
    let misdirected = posted.delivered(BA, b"").unwrap_err();
    assert_eq!(misdirected, Malformed::NotForUs(point(BA)));
    assert!(posted.delivered(MD, b"").is_ok());
}

fn with_file(world: &World) -> Letter {
    let bytes = b"indicator".to_vec();
    let named = Attachment {
        name: text("indicators.csv"),
        media_type: text("text/csv"),
        len: bytes.len() as u64,
        digest: sha256(&bytes),
    };
    honest(world)
        .saying(|notice| notice.attachments = List::new(vec![named]).unwrap())
        .with(|letter| letter.attachments = vec![bytes])
}

#[test]
fn the_files_are_those_that_the_notice_names() {
    let world = World::new();
    assert!(holds(&with_file(&world).posted().received(&world, MD)));
    let files: [Vec<Vec<u8>>; 4] = [
        vec![],
        vec![b"Indicator".to_vec()],
        vec![b"indicator ".to_vec()],
        vec![b"indicator".to_vec(), b"one more".to_vec()],
    ];
    for attachments in files {
        let letter = with_file(&world).with(|letter| letter.attachments = attachments);
        assert_eq!(refused(letter.posted().received(&world, MD)), only(Clause::Whole, "POUCH-VER-24"));
    }
    // Nor does the notice say another length than they have.
    let other_length = with_file(&world).saying(|notice| {
        let mut named = notice.attachments[0].clone();
        named.len += 1;
        notice.attachments = List::new(vec![named]).unwrap();
    });
    assert_eq!(refused(other_length.posted().received(&world, MD)), only(Clause::Whole, "POUCH-VER-24"));
}

#[test]
fn what_breaks_a_rule_of_notices_is_refused_by_whoever_receives_it() {
    let world = World::new();
    let life = honest(&world).saying(|n| n.not_after = later(31 * 24 * 3600 * 1000));
    assert_eq!(life.posted().admitted(&world, ACCEPTED).unwrap_err().code(), "POUCH-ADM-18");
    assert_eq!(refused(life.posted().received(&world, MD)), only(Clause::Whole, "POUCH-NOT-04"));
    let number = honest(&world).saying(|n| n.number.n = 0);
    assert_eq!(refused(number.posted().received(&world, MD)), only(Clause::Whole, "POUCH-NOT-13"));
    let sentence = honest(&world).saying(|n| n.sentences = List::new(vec![text("We concur.")]).unwrap());
    assert_eq!(refused(sentence.posted().received(&world, MD)), only(Clause::Whole, "POUCH-NOT-10"));
}

#[test]
fn only_its_own_member_corrects_or_cancels_a_notice() {
    let world = World::new();
    for kind in [NoticeType::Correction, NoticeType::Cancellation] {
        let says = |of: &str| {
            honest(&world).saying(|n| (n.body, n.concerns) = (stage::body(kind), Some(stage::earlier(of))))
        };
        assert!(holds(&says(NL).posted().received(&world, MD)), "{kind}");
        assert!(holds(&says("NL/policy").posted().received(&world, MD)), "the same member's other office");
        assert_eq!(refused(says(MD).posted().received(&world, MD)), only(Clause::Whole, "POUCH-NOT-06"));
    }
}

#[test]
fn content_that_is_no_notice_is_not_shown_as_one() {
    let world = World::new();
    let letter = honest(&world);
    let Content::Notice { signed, attachments } = letter.content() else { panic!("no notice") };
    let bytes = Blob::new(b"no notice".to_vec()).unwrap();
    let signature = key(NL).sign(pouch_crypto::Domain::Notice, &letter.context, &bytes);
    let signed = pouch_notice::SignedNotice { notice: bytes, signature, ..signed };
    let posted = letter.post(&Content::Notice { signed, attachments });
    assert_eq!(refused(posted.received(&world, MD)), only(Clause::Whole, "POUCH-VER-21"));

    let signed = world.signed_receipt("relay-1", "relay-1", posted.id(), 0, ACCEPTED);
    let posted = letter.post(&Content::Receipt(signed));
    assert_eq!(refused(posted.received(&world, MD)), only(Clause::Whole, "POUCH-VER-20"));
}

#[test]
fn a_drill_letter_and_a_live_one_do_not_share_an_envelope() {
    let world = World::new();
    let drill_inside_live = honest(&world).post(&drill(&world).content());
    let live_inside_drill = drill(&world).post(&letter(&world, Environment::Live, NL, &[MD], &[]).content());
    for mixed in [drill_inside_live, live_inside_drill] {
        let found = refused(mixed.received(&world, MD));
        assert_eq!(
            found,
            [(Clause::SameLetter, "POUCH-VER-10".to_owned()), (Clause::Signature, "POUCH-VER-11".to_owned()),]
        );
    }
    for whole in [honest(&world).posted(), drill(&world).posted()] {
        assert!(holds(&whole.received(&world, MD)));
    }
}
