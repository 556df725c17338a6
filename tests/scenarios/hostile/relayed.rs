//! What a hostile relay does with honest messages: it alters, repeats, reorders, withholds, delays and
//! vouches falsely. Nodes show nothing wrong, say what is missing, and lose nothing by it.

use pouch_control::EquivocationView;
use pouch_crypto::{PrekeySecret, SigningKey};
use pouch_notice::SealTo;
use pouch_store::Inbox as _;
use pouch_testkit::stage::{PATIENCE, is, word};
use pouch_wire::{EnvelopeId, Environment, ExerciseId, Timestamp, limits};
use serde_json::Value;

use super::letter::{HOUR_MS, Parcel, Pen};
use super::puppet::{Puppet, Visitor, receipt};
use super::scene::{Scene, now, verdict};

const TEXT: &str = "The reservoir is poisoned.";
const HONEST: &str = "All is quiet here.";

/// BA's node at a relay that is in our hands, and letters from MD, whose own node is off.
struct Trial {
    scene: Scene,
    puppet: Puppet,
    ba: Visitor,
    pen: Pen,
    index: u64,
}

impl Trial {
    async fn start() -> Self {
        let mut scene = Scene::with_hostile("md").await;
        let pen = scene.pen_of("md", "MD/policy").await;
        scene.stop_relay().await;
        let mut puppet = Puppet::start(&scene);
        let ba = puppet.visitor(&scene, "ba").await;
        Self { scene, puppet, ba, pen, index: 0 }
    }

    fn parcel(&mut self, text: &str) -> Parcel {
        self.pen.letter(&["BA/technical"], text).seal()
    }

    async fn deliver(&mut self, parcel: &Parcel) -> Result<(), String> {
        self.index += 1;
        self.ba.deliver(parcel, self.puppet.receipt(parcel.id(), self.index)).await
    }

    async fn shown(&mut self, parcel: &Parcel, text: &str) {
        self.deliver(parcel).await.unwrap();
        self.scene.shows("ba", &parcel.id().to_string(), text).await;
    }

    /// The next honest message works.
    async fn twin(&mut self) {
        let parcel = self.parcel(HONEST);
        self.shown(&parcel, HONEST).await;
        self.pen.stands(&parcel);
    }

    /// BA takes it, to keep it as evidence, and shows nothing of it.
    async fn refused(&mut self, parcel: &Parcel, code: &str) {
        self.deliver(parcel).await.unwrap();
        self.scene.refuses("ba", &parcel.id().to_string(), code, TEXT).await;
        // The node was restarted to see that it stays refused.
        self.ba = self.puppet.visitor(&self.scene, "ba").await;
    }

    async fn alarm(&mut self, code: &str) -> Value {
        let fits = |event: &Value| is(event, "kind", "alarm") && is(event, "code", code);
        self.scene.node("ba").watcher.wait_for(code, PATIENCE, fits).await.unwrap()
    }

    /// How the message stands in its sender's sequence.
    async fn order(&mut self, parcel: &Parcel) -> (String, String) {
        let view = verdict(self.scene.node("ba"), &parcel.id().to_string()).await;
        let clauses = view.get("clauses").and_then(Value::as_array).unwrap();
        let order = clauses.iter().find(|clause| is(clause, "clause", "order")).unwrap();
        (word(order, "state").to_owned(), word(order, "code").to_owned())
    }

    async fn inbox_rows(&mut self, envelope: EnvelopeId) -> usize {
        let rows = self.scene.node("ba").json(&["inbox"]).await.unwrap();
        let envelope = envelope.to_string();
        rows.as_array().unwrap().iter().filter(|row| is(row, "envelope", &envelope)).count()
    }

    /// The relay is itself again.
    async fn end_puppet(self) -> Scene {
        let Self { mut scene, puppet, ba, .. } = self;
        drop(ba);
        puppet.end().await;
        scene.start_relay().await;
        scene
    }

    async fn end(self) {
        self.scene.end().await;
        drop(self.puppet);
    }
}

fn order(state: &str, code: &str) -> (String, String) {
    (state.to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_delivery_that_was_altered_is_not_taken_and_the_true_one_is() {
    let mut trial = Trial::start().await;
    let parcel = trial.parcel(HONEST);
    let other = trial.parcel(TEXT);
    let elsewhere = trial.pen.letter(&["NL/technical"], TEXT).seal();

    let swapped = Parcel { payload: other.payload.clone(), ..parcel.clone() };
    assert_eq!(trial.deliver(&swapped).await, Err("POUCH-ADM-05".into()));
    let swapped = Parcel { stanzas: other.stanzas.clone(), ..parcel.clone() };
    assert_eq!(trial.deliver(&swapped).await, Err("POUCH-ADM-03".into()));
    assert_eq!(trial.deliver(&elsewhere).await, Err("POUCH-ADM-06".into()));
    // Nothing of that is kept against the true one.
    trial.shown(&parcel, HONEST).await;
    trial.pen.stands(&parcel);
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn a_message_whose_outside_was_altered_does_not_open() {
    let mut trial = Trial::start().await;
    let exercise = Environment::Exercise(ExerciseId(pouch_wire::Digest::new([7; 32])));
    let drill = trial.parcel(TEXT).altered(|header| header.environment = exercise);
    trial.refused(&drill, "POUCH-OPN-02").await;
    trial.twin().await;
    let renamed = trial.parcel(TEXT).altered(|header| header.sender = "NL/technical".parse().unwrap());
    trial.refused(&renamed, "POUCH-OPN-02").await;
    trial.twin().await;
    let later = trial.parcel(TEXT).altered(|header| header.not_after = Timestamp(header.not_after.0 + 1));
    trial.refused(&later, "POUCH-ADM-15").await;
    trial.twin().await;
    let public = PrekeySecret::generate(&mut rand::rng()).public().clone();
    let mut letter = trial.pen.letter(&["BA/technical"], TEXT);
    letter.to[0] = SealTo { prekey: public.id(), public, ..letter.to[0].clone() };
    trial.refused(&letter.seal(), "POUCH-OPN-01").await;
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn a_message_that_expired_on_its_way_is_marked_and_one_accepted_too_late_waits() {
    let mut trial = Trial::start().await;
    let (made, over) = (Timestamp(now().0 - 2000), Timestamp(now().0 - 1000));
    let held_back = trial.pen.letter(&["BA/technical"], HONEST).dated(made, over).seal();
    trial.shown(&held_back, HONEST).await;
    trial.pen.stands(&held_back);
    let view = verdict(trial.scene.node("ba"), &held_back.id().to_string()).await;
    assert_eq!((word(&view, "colour"), word(&view, "code")), ("amber", "POUCH-VER-51"), "{view}");

    // By the word of one relay it is not shown, and by that of another it may have come in time.
    let (made, over) = (Timestamp(now().0 - 2000), Timestamp(now().0 - 1000));
    let late = trial.pen.letter(&["BA/technical"], HONEST).dated(made, over).seal();
    // As late as two honest clocks may differ from the end, and no later than they may from now.
    let at = Timestamp(over.0 + limits::CLOCK_SKEW_MS_MAX + 500);
    let too_late = trial.puppet.receipt_at(late.id(), at);
    assert_eq!(trial.ba.deliver(&late, too_late).await, Err("POUCH-VER-52".into()));
    assert_eq!(trial.inbox_rows(late.id()).await, 0);
    let in_time = trial.puppet.receipt_at(late.id(), made);
    trial.ba.deliver(&late, in_time).await.unwrap();
    trial.scene.shows("ba", &late.id().to_string(), HONEST).await;
    trial.pen.stands(&late);
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn a_message_delivered_twice_is_presented_once() {
    let mut trial = Trial::start().await;
    let parcel = trial.parcel(HONEST);
    trial.shown(&parcel, HONEST).await;
    trial.pen.stands(&parcel);
    trial.deliver(&parcel).await.unwrap();
    trial.scene.restart_node("ba").await;
    trial.ba = trial.puppet.visitor(&trial.scene, "ba").await;
    trial.deliver(&parcel).await.unwrap();
    trial.twin().await;
    assert_eq!(trial.inbox_rows(parcel.id()).await, 1);
    // All events from the first on: it was told of once.
    trial.scene.restart_node("ba").await;
    let again = |event: &Value| is(event, "kind", "received");
    let mut told = Vec::new();
    for _ in 0..2 {
        let event = trial.scene.node("ba").watcher.wait_for("an arrival", PATIENCE, again).await.unwrap();
        told.push(word(&event, "envelope").to_owned());
    }
    assert_eq!(told.iter().filter(|envelope| **envelope == parcel.id().to_string()).count(), 1, "{told:?}");
    trial.end().await;
}

#[tokio::test]
async fn what_a_relay_withholds_is_missed_and_what_it_reorders_falls_into_place() {
    let mut trial = Trial::start().await;
    trial.twin().await;
    let second = trial.parcel(HONEST);
    trial.pen.stands(&second);
    let third = trial.parcel(HONEST);
    trial.pen.stands(&third);
    trial.shown(&third, HONEST).await;
    let alarm = trial.alarm("POUCH-ORD-01").await;
    assert!(word(&alarm, "words").starts_with("A message from MD/policy"), "{alarm}");
    assert_eq!(trial.order(&third).await, order("unsure", "POUCH-ORD-01"));
    trial.shown(&second, HONEST).await;
    assert_eq!(trial.order(&second).await, order("holds", "POUCH-VER-00"));
    let fourth = trial.parcel(HONEST);
    trial.shown(&fourth, HONEST).await;
    assert_eq!(trial.order(&fourth).await, order("holds", "POUCH-VER-00"));
    trial.end().await;
}

#[tokio::test]
async fn a_sender_who_says_two_things_in_one_place_is_found_out_and_both_are_kept() {
    let mut trial = Trial::start().await;
    let first = trial.parcel(HONEST);
    let contradicts = trial.parcel(TEXT);
    trial.shown(&first, HONEST).await;
    trial.refused(&contradicts, "POUCH-ORD-03").await;
    let alarm = trial.alarm("POUCH-ORD-03").await;
    for parcel in [&first, &contradicts] {
        assert!(word(&alarm, "words").contains(&parcel.id().short()), "both are named: {alarm}");
    }
    // The next one says that the other came before it.
    let letter = trial.pen.letter(&["BA/technical"], TEXT).placed(2, contradicts.id());
    trial.refused(&letter.seal(), "POUCH-ORD-03").await;
    trial.pen.stands(&first);
    trial.twin().await;
    let shown = trial.scene.node("ba").ok(&["show", &first.id().to_string()]).await.unwrap();
    assert!(shown.contains(HONEST), "{shown}");
    // Both headers and signatures can be given to others.
    let told = trial.scene.node("ba").json(&["evidence", "contradictions"]).await.unwrap();
    let told: Vec<EquivocationView> = serde_json::from_value(told).unwrap();
    let [_, told] = told.as_slice() else { panic!("two contradictions: {told:?}") };
    for (outside, parcel) in [(&told.one, &contradicts), (&told.other, &first)] {
        assert_eq!(outside.envelope, parcel.id());
        assert_eq!(outside.header.as_ref().unwrap().0, parcel.header_bytes());
        assert_eq!(outside.signature.as_ref().unwrap().0, parcel.signature.0.0);
    }
    trial.scene.stop_node("ba").await;
    let store = super::captured::store_of(&trial.scene, "ba");
    for parcel in [&first, &contradicts] {
        let kept = store.arrival(parcel.id()).await.unwrap().unwrap();
        let arrived = pouch_envelope::Arrived::from_bytes(&kept.stored).unwrap();
        assert_eq!(arrived.header_bytes(), parcel.header_bytes());
        assert_eq!(arrived.signature(), parcel.signature);
    }
    store.close().await.unwrap();
    trial.end().await;
}

#[tokio::test]
async fn a_receipt_that_the_relay_did_not_sign_counts_for_nothing_and_costs_no_message() {
    let mut trial = Trial::start().await;
    let forger = SigningKey::generate(&mut rand::rng());
    let parcel = trial.parcel(HONEST);
    let envelope = parcel.id().to_string();
    let another_s = trial.puppet.receipt(trial.pen.letter(&["BA/technical"], TEXT).seal().id(), 1);
    let forged = receipt(trial.scene.network(), parcel.id(), 1, &forger);
    for bad in [forged, another_s, vec![1, 2, 3]] {
        // It is not taken, not shown, and not refused for good either.
        assert_eq!(trial.ba.deliver(&parcel, bad).await, Err("POUCH-VER-60".into()));
        assert_eq!(trial.inbox_rows(parcel.id()).await, 0);
    }
    let waits = |event: &Value| is(event, "kind", "refused-arrival") && is(event, "envelope", &envelope);
    let event = trial.scene.node("ba").watcher.wait_for("being told", PATIENCE, waits).await.unwrap();
    assert_eq!(word(&event, "code"), "POUCH-VER-60");
    trial.shown(&parcel, HONEST).await;
    trial.pen.stands(&parcel);
    trial.twin().await;
    trial.end().await;
}

#[tokio::test]
async fn a_relay_whose_clock_lies_makes_nothing_sure_and_hides_nothing() {
    let mut trial = Trial::start().await;
    trial.puppet.is_ahead_by(HOUR_MS);
    trial.scene.restart_node("ba").await;
    trial.ba = trial.puppet.visitor(&trial.scene, "ba").await;
    let parcel = trial.parcel(HONEST);
    trial.shown(&parcel, HONEST).await;
    trial.pen.stands(&parcel);
    let envelope = parcel.id().to_string();
    let view = verdict(trial.scene.node("ba"), &envelope).await;
    assert_eq!((word(&view, "colour"), word(&view, "code")), ("amber", "POUCH-VER-73"), "{view}");
    // The honest twin: what it says now agrees with the node's own clock.
    trial.puppet.is_ahead_by(0);
    trial.scene.restart_node("ba").await;
    trial.ba = trial.puppet.visitor(&trial.scene, "ba").await;
    trial.twin().await;
    let view = verdict(trial.scene.node("ba"), &envelope).await;
    assert_eq!((word(&view, "colour"), word(&view, "code")), ("green", "POUCH-VER-00"), "{view}");
    trial.end().await;
}

#[tokio::test]
async fn a_sender_believes_no_relay_that_another_signs_for() {
    let mut trial = Trial::start().await;
    let mut nl = trial.puppet.visitor(&trial.scene, "nl").await;
    trial.puppet.accepts_with(SigningKey::generate(&mut rand::rng()));
    let envelope = trial.scene.sends("nl", "BA/technical", HONEST).await;
    assert_eq!(nl.submits().await.to_string(), envelope);
    drop(nl);
    // It asks again: what a stranger signed was no acceptance.
    trial.scene.restart_node("nl").await;
    let mut nl = trial.puppet.visitor(&trial.scene, "nl").await;
    assert_eq!(nl.submits().await.to_string(), envelope);
    let rows = trial.scene.node("nl").json(&["outbox"]).await.unwrap();
    let rung = rows.pointer("/0/ladder/0/rung").and_then(Value::as_str);
    assert_eq!(rung, Some("queued"), "{rows}");
    drop(nl);
    let mut scene = trial.end_puppet().await;
    scene.shows("ba", &envelope, HONEST).await;
    scene.node("nl").progress(&envelope, "BA/technical", "verified").await.unwrap();
    scene.end().await;
}

#[tokio::test]
async fn nodes_talk_to_no_relay_that_does_not_hold_the_charter_s_key() {
    let mut scene = Scene::start().await;
    scene.stop_relay().await;
    let mut impostor = Puppet::with_key(&scene, &SigningKey::generate(&mut rand::rng()));
    let envelope = scene.sends("nl", "BA/technical", HONEST).await;
    // NL, MD, BA and the witnesses all come by, and none of them stays.
    for _ in 0..6 {
        let error = super::line::soon(impostor.failed.recv()).await.unwrap();
        assert_eq!(error, pouch_net::HandshakeError::NotWanted);
    }
    impostor.end().await;
    scene.start_relay().await;
    scene.shows("ba", &envelope, HONEST).await;
    scene.end().await;
}
