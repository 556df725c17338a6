//! What recipients say back: signed by them, sealed to the sender, and never taken for a notice.

use pouch_crypto::{Context, Domain};
use pouch_envelope::SignedReceipt;
use pouch_notice::{Clause, Content, RecipientReceipt, Said, sentences};
use pouch_wire::{Canonical as _, Digest, EnvelopeId, Environment, NetworkId, NoticeId};

use crate::post::{ACCEPTED, BA, Letter, MD, NL, Posted, READ, drill, facts, honest, letter, only, refused};
use crate::world::{World, drill_key, key, later, text};

pub(crate) fn acknowledged(notice: NoticeId) -> Said {
    Said::Acknowledged {
        notice,
        officer: text("Duty officer"),
        sentence: text(sentences::NO_CONCURRENCE),
        answer_by: Some(later(3_600_000)),
        note: Some(text("woke the minister")),
    }
}

pub(crate) fn verified(notice: NoticeId) -> Said {
    Said::Verified {
        notice,
        code: text("POUCH-VER-00"),
        directory_size: 12,
        directory_root: Digest::new([5; 32]),
    }
}

pub(crate) fn receipt(network: NetworkId, envelope: EnvelopeId, said: Said) -> RecipientReceipt {
    RecipientReceipt { network, envelope, at: READ, said }
}

pub(crate) fn signed(receipt: &RecipientReceipt, by: &str, context: &Context) -> SignedReceipt {
    SignedReceipt::over(receipt.to_bytes().unwrap(), &key(by), context).unwrap()
}

/// MD's answer to NL.
struct Answer {
    world: World,
    message: Posted,
    envelope: Letter,
}

impl Answer {
    fn new() -> Self {
        let world = World::new();
        let message = honest(&world).posted();
        let envelope = letter(&world, Environment::Live, MD, &[NL], &[]);
        Self { world, message, envelope }
    }

    fn says(&self, said: Said) -> RecipientReceipt {
        receipt(self.world.directory.network(), self.message.id(), said)
    }

    fn live(&self) -> Context {
        self.world.directory.context(Environment::Live)
    }

    /// What NL makes of a receipt in MD's envelope.
    fn received(&self, signed: SignedReceipt) -> Result<RecipientReceipt, Vec<(Clause, String)>> {
        let posted = self.envelope.post(&Content::Receipt(signed));
        assert!(posted.admitted(&self.world, ACCEPTED).is_ok());
        let opened = posted.opened(&self.world, NL).unwrap();
        assert!(opened.is_receipt());
        match opened.verify_receipt(&facts(&self.world, READ)) {
            Ok(verified) => Ok(verified.value().clone()),
            Err(found) => Err(refused::<RecipientReceipt>(Err(found))),
        }
    }
}

fn notice() -> NoticeId {
    NoticeId(Digest::new([3; 32]))
}

#[test]
fn each_rung_reaches_the_sender_as_it_was_said() {
    let answer = Answer::new();
    for said in [verified(notice()), acknowledged(notice()), Said::Refused { code: text("POUCH-VER-42") }] {
        let receipt = answer.says(said);
        assert_eq!(answer.received(signed(&receipt, MD, &answer.live())), Ok(receipt));
    }
}

#[test]
fn a_receipt_is_signed_by_the_office_whose_envelope_it_comes_in() {
    let answer = Answer::new();
    let receipt = answer.says(acknowledged(notice()));
    let refused = Err(only(Clause::Signature, "POUCH-VER-23"));
    for other in [BA, NL, "relay-1 receipts", "a stranger"] {
        assert_eq!(answer.received(signed(&receipt, other, &answer.live())), refused, "{other}");
    }
    let mut borrowed = signed(&receipt, BA, &answer.live());
    borrowed.key = key(MD).public().id();
    assert_eq!(answer.received(borrowed), refused);
    assert!(answer.received(signed(&receipt, MD, &answer.live())).is_ok());
}

#[test]
fn a_receipt_is_signed_as_one_in_its_network_and_environment() {
    let answer = Answer::new();
    let receipt = answer.says(verified(notice()));
    let refused = Err(only(Clause::Signature, "POUCH-VER-23"));
    for purpose in Domain::ALL {
        let honest = signed(&receipt, MD, &answer.live());
        let signature = key(MD).sign(purpose, &answer.live(), &honest.receipt);
        let received = answer.received(SignedReceipt { signature, ..honest });
        if purpose == Domain::Receipt {
            assert!(received.is_ok());
        } else {
            assert_eq!(received, refused, "{purpose:?}");
        }
    }
    let drill = answer.world.directory.context(answer.world.drill());
    assert_eq!(answer.received(signed(&receipt, MD, &drill)), refused);
    let other = World::founded("Another network").directory.context(Environment::Live);
    assert_eq!(answer.received(signed(&receipt, MD, &other)), refused);
}

#[test]
fn an_acknowledgement_without_the_fixed_sentence_is_none() {
    let answer = Answer::new();
    let Said::Acknowledged { notice, officer, answer_by, note, .. } = acknowledged(notice()) else {
        panic!("no acknowledgement")
    };
    for sentence in ["", "We concur.", "receipt only, no concurrence "] {
        assert_ne!(sentence, sentences::NO_CONCURRENCE);
        let said = Said::Acknowledged {
            notice,
            officer: officer.clone(),
            sentence: text(sentence),
            answer_by,
            note: note.clone(),
        };
        let received = answer.received(signed(&answer.says(said), MD, &answer.live()));
        assert_eq!(received, Err(only(Clause::Whole, "POUCH-VER-25")), "{sentence:?}");
    }
}

#[test]
fn what_is_no_receipt_of_this_network_is_refused() {
    let answer = Answer::new();
    let other = World::founded("Another network").directory.network();
    let foreign = receipt(other, answer.message.id(), verified(notice()));
    let refused = Err(only(Clause::Whole, "POUCH-VER-25"));
    assert_eq!(answer.received(signed(&foreign, MD, &answer.live())), refused);
    let garbage = SignedReceipt::over(b"no receipt".to_vec(), &key(MD), &answer.live()).unwrap();
    assert_eq!(answer.received(garbage), refused);
    let mut longer = answer.says(verified(notice())).to_bytes().unwrap();
    longer.push(0);
    let longer = SignedReceipt::over(longer, &key(MD), &answer.live()).unwrap();
    assert_eq!(answer.received(longer), refused);
}

#[test]
fn a_relay_s_receipt_is_no_recipient_s() {
    let answer = Answer::new();
    let relay_s = answer.world.signed_receipt("relay-1", "relay-1", answer.message.id(), 0, ACCEPTED);
    assert_eq!(answer.received(relay_s.clone()), Err(only(Clause::Signature, "POUCH-VER-23")));
    let as_our_own = SignedReceipt::over(relay_s.receipt.to_vec(), &key(MD), &answer.live()).unwrap();
    assert_eq!(answer.received(as_our_own), Err(only(Clause::Whole, "POUCH-VER-25")));
}

#[test]
fn a_notice_is_not_taken_for_a_receipt() {
    let answer = Answer::new();
    let opened = answer.envelope.posted().opened(&answer.world, NL).unwrap();
    assert!(!opened.is_receipt());
    let found = refused(opened.verify_receipt(&facts(&answer.world, READ)));
    assert_eq!(found, only(Clause::Whole, "POUCH-VER-22"));
}

#[test]
fn a_receipt_s_envelope_is_proved_like_any_other() {
    let answer = Answer::new();
    let content = Content::Receipt(signed(&answer.says(verified(notice())), MD, &answer.live()));
    let forged = answer.envelope.clone().with(|l| l.outside_key = BA.into()).post(&content);
    let opened = forged.opened(&answer.world, NL).unwrap();
    let found = refused(opened.verify_receipt(&facts(&answer.world, READ)));
    assert_eq!(found, only(Clause::Binding, "POUCH-DIR-41"));
    let honest = answer.envelope.post(&content);
    let opened = honest.opened_with(NL, b"").unwrap();
    let found = refused(opened.verify_receipt(&facts(&answer.world, READ)));
    assert_eq!(found, only(Clause::Log, "POUCH-VER-60"));
}

#[test]
fn a_drill_is_acknowledged_in_the_drill() {
    let world = World::new();
    let message = drill(&world).posted();
    let receipt = receipt(world.directory.network(), message.id(), acknowledged(notice()));
    let envelope = letter(&world, world.drill(), MD, &[NL], &[]);
    let judged = |by: &str, environment| {
        let signed = signed(&receipt, by, &world.directory.context(environment));
        let opened = envelope.post(&Content::Receipt(signed)).opened(&world, NL).unwrap();
        opened.verify_receipt(&facts(&world, READ))
    };
    assert!(judged(&drill_key(MD), world.drill()).is_ok());
    let live = refused(judged(&drill_key(MD), Environment::Live));
    assert_eq!(live, only(Clause::Signature, "POUCH-VER-23"));
    assert_eq!(refused(judged(MD, world.drill())), only(Clause::Signature, "POUCH-VER-23"));
}
