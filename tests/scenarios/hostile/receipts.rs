//! What a hostile recipient says back: for messages that it never got, for others, without the fixed
//! sentence, in another purpose's signature, twice in one place. The sender's ladder shows what each
//! recipient's own key said of what it was sent, and nothing else.

use pouch_crypto::{Context, Domain};
use pouch_envelope::SignedReceipt;
use pouch_notice::{Content, RecipientReceipt, Said, sentences};
use pouch_testkit::stage::{PATIENCE, is, word};
use pouch_wire::{Blob, Canonical as _, EnvelopeId, NoticeId, Text};
use serde_json::Value;

use super::letter::{Parcel, Pen};
use super::line::Line;
use super::scene::{Scene, now};

/// What the adversary claims that an officer of its said.
const CLAIM: &str = "We agree with every word";

struct Trial {
    scene: Scene,
    line: Line,
    pen: Pen,
}

impl Trial {
    async fn start() -> Self {
        let scene = Scene::with_hostile("md").await;
        let line = scene.line_of("md").await;
        let pen = scene.pen_of("md", "MD/policy").await;
        Self { scene, line, pen }
    }

    /// A receipt to NL that says this of a message.
    fn receipt(&mut self, envelope: EnvelopeId, said: Said, domain: Domain) -> Parcel {
        receipt(&mut self.pen, "NL/technical", envelope, said, domain)
    }

    async fn refused(&mut self, parcel: &Parcel, code: &str) {
        self.line.submit(parcel).await.unwrap();
        self.scene.refuses("nl", &parcel.id().to_string(), code, CLAIM).await;
    }

    /// The rung and detail that each recipient of NL's newest notice reached.
    async fn ladder(&mut self) -> Vec<(String, String, String)> {
        let rows = self.scene.node("nl").json(&["outbox"]).await.unwrap();
        let ladder = rows.pointer("/0/ladder").and_then(Value::as_array).unwrap();
        let field = |row: &Value, name| word(row, name).to_owned();
        ladder.iter().map(|r| (field(r, "recipient"), field(r, "rung"), field(r, "detail"))).collect()
    }

    /// The notice in a message that NL sent.
    async fn notice(&mut self, envelope: &str) -> NoticeId {
        let rows = self.scene.node("nl").json(&["outbox"]).await.unwrap();
        let row = rows.as_array().unwrap().iter().find(|row| is(row, "envelope", envelope)).unwrap();
        word(row, "notice").parse().unwrap()
    }

    /// Waits until NL's node was told of a receipt for this message.
    async fn told(&mut self, envelope: &str, words: &str) {
        let fits = |event: &Value| {
            is(event, "kind", "progress")
                && is(event, "envelope", envelope)
                && word(event, "words").contains(words)
        };
        self.scene.node("nl").watcher.wait_for(words, PATIENCE, fits).await.unwrap();
    }
}

/// A receipt to an office that says this of a message.
pub(crate) fn receipt(pen: &mut Pen, to: &str, envelope: EnvelopeId, said: Said, domain: Domain) -> Parcel {
    let letter = pen.letter(&[to], CLAIM);
    let network = letter.notice.network;
    let receipt = RecipientReceipt { network, envelope, at: now(), said }.to_bytes().unwrap();
    let context = Context::of(network, letter.notice.environment);
    let signed = SignedReceipt {
        signature: pen.key.sign(domain, &context, &receipt),
        receipt: Blob::new(receipt).unwrap(),
        key: pen.key.public().id(),
    };
    Parcel::of(&Content::Receipt(signed), &letter.route, &letter.to, &pen.key)
}

pub(crate) fn acknowledged(notice: NoticeId, sentence: &str) -> Said {
    Said::Acknowledged {
        notice,
        officer: Text::new("Minister").unwrap(),
        sentence: Text::new(sentence).unwrap(),
        answer_by: None,
        note: Some(Text::new(CLAIM).unwrap()),
    }
}

#[tokio::test]
async fn a_recipient_speaks_only_for_itself_and_in_the_fixed_words() {
    let mut trial = Trial::start().await;
    let sent = trial.scene.sends("nl", "BA/technical,MD/policy", "All is quiet here.").await;
    let envelope: EnvelopeId = sent.parse().unwrap();
    trial.scene.node("nl").progress(&sent, "BA/technical", "verified").await.unwrap();
    trial.scene.node("nl").progress(&sent, "MD/policy", "accepted").await.unwrap();
    let before = trial.ladder().await;
    let notice = trial.notice(&sent).await;

    // Signed for another purpose; with a sentence of its own; sealed into an envelope that is another's.
    let parcel = trial.receipt(envelope, acknowledged(notice, sentences::NO_CONCURRENCE), Domain::Approval);
    trial.refused(&parcel, "POUCH-VER-23").await;
    let parcel = trial.receipt(envelope, acknowledged(notice, "We concur."), Domain::Receipt);
    trial.refused(&parcel, "POUCH-VER-25").await;
    let mut parcel =
        trial.receipt(envelope, acknowledged(notice, sentences::NO_CONCURRENCE), Domain::Receipt);
    parcel.header.sender = "BA/technical".parse().unwrap();
    let parcel = parcel.signed(&trial.pen.key, Domain::Envelope);
    assert_eq!(trial.line.submit(&parcel).await.map(|_| ()).unwrap_err(), "POUCH-ADM-12");
    assert_eq!(trial.ladder().await, before);

    // The honest twin moves MD's rung, and nobody else's.
    let parcel = trial.receipt(envelope, acknowledged(notice, sentences::NO_CONCURRENCE), Domain::Receipt);
    trial.line.submit(&parcel).await.unwrap();
    trial.told(&sent, "acknowledged by an officer of MD/policy").await;
    let after = trial.ladder().await;
    assert_eq!(after[0], before[0]);
    let md = ("MD/policy".to_owned(), "acknowledged".to_owned(), format!("Minister: {CLAIM}"));
    assert_eq!(after[1], md);

    // Two receipts in one place contradict each other: the second is refused, and both are kept.
    let second = trial.receipt(envelope, acknowledged(notice, sentences::NO_CONCURRENCE), Domain::Receipt);
    trial.refused(&second, "POUCH-ORD-03").await;
    assert_eq!(trial.ladder().await, after);
    trial.pen.stands(&parcel);
    trial.scene.end().await;
}

#[tokio::test]
async fn a_receipt_for_what_was_sent_to_another_moves_nothing() {
    let mut trial = Trial::start().await;
    let sent = trial.scene.sends("nl", "BA/technical", "All is quiet here.").await;
    trial.scene.node("nl").progress(&sent, "BA/technical", "verified").await.unwrap();
    let before = trial.ladder().await;
    let notice = trial.notice(&sent).await;
    let said = acknowledged(notice, sentences::NO_CONCURRENCE);
    let parcel = trial.receipt(sent.parse().unwrap(), said.clone(), Domain::Receipt);
    trial.line.submit(&parcel).await.unwrap();
    trial.pen.stands(&parcel);
    // A message of nobody's.
    let nowhere = EnvelopeId(pouch_wire::Digest::new([7; 32]));
    let parcel = trial.receipt(nowhere, said.clone(), Domain::Receipt);
    trial.line.submit(&parcel).await.unwrap();
    trial.pen.stands(&parcel);
    // What comes after these has been dealt with after them.
    let own = trial.scene.sends("nl", "MD/policy", "All is quiet here.").await;
    // The right message, and another notice.
    let parcel = trial.receipt(own.parse().unwrap(), said, Domain::Receipt);
    trial.line.submit(&parcel).await.unwrap();
    trial.pen.stands(&parcel);
    let said = Said::Refused { code: Text::new("POUCH-VER-10").unwrap() };
    let parcel = trial.receipt(own.parse().unwrap(), said, Domain::Receipt);
    trial.line.submit(&parcel).await.unwrap();
    trial.pen.stands(&parcel);
    trial.told(&own, "REFUSED by the node of MD/policy").await;
    assert_eq!(trial.ladder().await[0].1, "refused");
    // The honest twin.
    let said = acknowledged(trial.notice(&own).await, sentences::NO_CONCURRENCE);
    let parcel = trial.receipt(own.parse().unwrap(), said, Domain::Receipt);
    trial.line.submit(&parcel).await.unwrap();
    trial.scene.node("nl").progress(&own, "MD/policy", "acknowledged").await.unwrap();
    let rows = trial.scene.node("nl").json(&["outbox"]).await.unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| is(row, "envelope", &sent)).unwrap();
    let ladder = row.get("ladder").and_then(Value::as_array).unwrap();
    assert_eq!(ladder.len(), before.len());
    assert_eq!((word(&ladder[0], "recipient"), word(&ladder[0], "rung")), ("BA/technical", "verified"));
    // Nobody was told that MD had anything to do with it.
    trial.scene.restart_node("nl").await;
    let wrong = |event: &Value| {
        is(event, "kind", "progress")
            && word(event, "words").contains("MD/policy")
            && !is(event, "envelope", &own)
    };
    let mut told = Vec::new();
    let last = |event: &Value| is(event, "envelope", &own) && word(event, "words").contains("acknowledged");
    let any = |event: &Value| is(event, "kind", "progress");
    loop {
        let event = trial.scene.node("nl").watcher.wait_for("progress", PATIENCE, any).await.unwrap();
        if wrong(&event) {
            told.push(event.clone());
        }
        if last(&event) {
            break;
        }
    }
    assert_eq!(told, Vec::<Value>::new());
    trial.scene.end().await;
}
