//! Live and exercise never mix: a letter made in one is refused in the other, whichever way and whoever
//! helps. Exercises are opened by a statement that a member's root signs, submitted over a session.

use std::sync::Arc;

use pouch_crypto::{Domain, PrekeySecret, SigningKey};
use pouch_directory::{Act, ContactPointEntry, Prekey};
use pouch_notice::{Said, sentences};
use pouch_store::{PrekeyRow, Prekeys as _};
use pouch_wire::{Environment, ExerciseId, List, Set, Text, Timestamp};

use super::captured::{store_of, vault_of};
use super::letter::{HOUR_MS, Letter, Parcel, Pen};
use super::line::Line;
use super::receipts::{acknowledged, receipt};
use super::scene::{Scene, now, verdict};
use pouch_testkit::stage::word;

const TEXT: &str = "Shut down the reactors.";
const HONEST: &str = "All is quiet here.";

/// MD and BA in an exercise. MD is hostile; BA's keys for the exercise are put where its node finds them.
struct Trial {
    scene: Scene,
    line: Line,
    live: Pen,
    drill: Pen,
    exercise: ExerciseId,
}

impl Trial {
    async fn start() -> Self {
        Self::called("Autumn drill").await
    }

    async fn called(name: &str) -> Self {
        let mut scene = Scene::with_hostile("md").await;
        let line = scene.line_of("md").await;
        let [md, ba] = ["md", "ba"].map(|folder| scene.member_root(folder));
        let at = now().0;
        let open = Act::OpenExercise {
            name: Text::new(name).unwrap(),
            participants: Set::new(["MD", "BA"].map(|member| member.parse().unwrap())).unwrap(),
            from: Timestamp(at - HOUR_MS / 60),
            until: Timestamp(at + HOUR_MS),
        };
        let directory = scene.enact(&line, open, &[&md]).await;
        let exercise = directory.now_view().exercises().next().unwrap().id;
        let environment = Environment::Exercise(exercise);
        let [md_key, ba_key] = [(); 2].map(|()| SigningKey::generate(&mut rand::rng()));
        for (office, key, root) in [("MD/policy", &md_key, &md), ("BA/technical", &ba_key, &ba)] {
            let live = directory.now_view().contact_point(&office.parse().unwrap(), Environment::Live);
            let entry = ContactPointEntry { environment, signing: key.public(), ..live.unwrap().clone() };
            scene.enact(&line, Act::AuthoriseContactPoint(Box::new(entry)), &[root]).await;
        }
        give_prekey(&mut scene, &line, environment, &ba_key).await;
        let live = scene.pen_of("md", "MD/policy").await;
        let mut drill = Pen::new("MD/policy", md_key, scene.directory().await);
        drill.environment = environment;
        Self { scene, line, live, drill, exercise }
    }

    async fn refused_by_the_relay(&self, what: &str, parcel: &Parcel, code: &str) {
        assert_eq!(self.line.submit(parcel).await.map(|_| ()).unwrap_err(), code, "{what}");
    }

    async fn refused(&mut self, letter: &Letter, code: &str) {
        let parcel = letter.seal();
        self.line.submit(&parcel).await.unwrap();
        self.scene.refuses("ba", &parcel.id().to_string(), code, TEXT).await;
    }

    /// A message of each kind arrives and says what it is. Each stands in a sequence of its own.
    async fn twins(&mut self) {
        for (drill, words) in [(true, "EXERCISE Autumn drill"), (false, "Live: this is not an exercise.")] {
            let pen = if drill { &mut self.drill } else { &mut self.live };
            let parcel = pen.letter(&["BA/technical"], HONEST).seal();
            self.line.submit(&parcel).await.unwrap();
            let envelope = parcel.id().to_string();
            self.scene.shows("ba", &envelope, HONEST).await;
            let view = verdict(self.scene.node("ba"), &envelope).await;
            assert!(view.to_string().contains(words), "{view}");
            assert_eq!(word(&view, "code"), "POUCH-VER-00", "{view}");
            let pen = if drill { &mut self.drill } else { &mut self.live };
            pen.stands(&parcel);
        }
    }
}

/// BA's operator makes a sealing key for the exercise and publishes it.
async fn give_prekey(scene: &mut Scene, line: &Line, environment: Environment, key: &SigningKey) {
    let secret = PrekeySecret::generate(&mut rand::rng());
    let (from, until) = (Timestamp(now().0 - HOUR_MS / 60), Timestamp(now().0 + HOUR_MS));
    let prekey = Prekey { public: secret.public().clone(), usable_from: from, usable_until: until };
    let contact_point = "BA/technical".parse().unwrap();
    let prekeys = List::new(vec![prekey]).unwrap();
    scene.enact(line, Act::PublishPrekeys { contact_point, environment, prekeys }, &[key]).await;
    scene.stop_node("ba").await;
    let id = secret.public().id();
    let wrapped =
        vault_of(scene, "ba").wrap(id.as_bytes(), secret.seed().as_ref(), &mut rand::rng()).unwrap();
    let store = store_of(scene, "ba");
    store
        .put_prekey(PrekeyRow { id, environment, wrapped, usable_from: from, usable_until: until })
        .await
        .unwrap();
    store.close().await.unwrap();
    scene.start_node("ba").await;
}

#[tokio::test]
async fn what_was_signed_live_is_refused_in_an_exercise_and_the_other_way_round() {
    let mut trial = Trial::start().await;
    trial.twins().await;

    // A live letter in an envelope of the exercise, and a drill's in a live envelope.
    let outside = trial.drill.letter(&["BA/technical"], TEXT);
    let live = trial.live.letter(&["BA/technical"], TEXT);
    let into_drill = Letter { notice: live.notice.clone(), inside: live.inside.clone(), ..outside.clone() };
    trial.refused(&into_drill, "POUCH-VER-10").await;
    let into_live = Letter { notice: outside.notice.clone(), inside: outside.inside.clone(), ..live };
    trial.refused(&into_live, "POUCH-VER-10").await;
    trial.twins().await;

    // The drill's key signs live, and the live key signs in the drill.
    let (drill, live) = (trial.drill.key.clone(), trial.live.key.clone());
    let both = |key: &Arc<SigningKey>, letter: Letter| Letter {
        inside: (key.clone(), Domain::Notice),
        outside: (key.clone(), Domain::Envelope),
        ..letter
    };
    let letter = both(&drill, trial.live.letter(&["BA/technical"], TEXT));
    trial.refused_by_the_relay("a drill's key", &letter.seal(), "POUCH-DIR-41").await;
    let letter = both(&live, trial.drill.letter(&["BA/technical"], TEXT));
    trial.refused_by_the_relay("a live key", &letter.seal(), "POUCH-DIR-41").await;
    trial.twins().await;

    // The outside is turned from one into the other after it was signed.
    let environment = Environment::Exercise(trial.exercise);
    let turned = trial.live.letter(&["BA/technical"], TEXT).seal();
    let turned = turned.altered(|header| {
        header.environment = environment;
        header.sender_key = drill.public().id();
    });
    trial.refused_by_the_relay("turned into a drill", &turned, "POUCH-ADM-15").await;
    let signed = turned.signed(&drill, Domain::Envelope);
    trial.refused_by_the_relay("and signed so", &signed, "POUCH-ADM-20").await;
    trial.twins().await;
    trial.scene.end().await;
}

#[tokio::test]
async fn an_exercise_that_is_unknown_or_closed_carries_nothing() {
    let mut trial = Trial::start().await;
    let mut letter = trial.drill.letter(&["BA/technical"], TEXT);
    let unknown = Environment::Exercise(ExerciseId(pouch_wire::Digest::new([7; 32])));
    (letter.notice.environment, letter.route.environment) = (unknown, unknown);
    trial.refused_by_the_relay("an unknown exercise", &letter.seal(), "POUCH-DIR-45").await;
    trial.twins().await;

    let close = Act::CloseExercise { exercise: trial.exercise };
    let root = trial.scene.member_root("md");
    let directory = trial.scene.enact(&trial.line, close, &[&root]).await;
    // It cites the directory in which the exercise was open: that helps nothing.
    let letter = trial.drill.letter(&["BA/technical"], TEXT);
    trial.refused_by_the_relay("a closed exercise", &letter.seal(), "POUCH-DIR-45").await;
    // Live messages go on.
    let live = {
        trial.live.directory = directory;
        trial.live.letter(&["BA/technical"], HONEST).seal()
    };
    trial.line.submit(&live).await.unwrap();
    trial.scene.shows("ba", &live.id().to_string(), HONEST).await;
    trial.scene.end().await;
}

#[tokio::test]
async fn what_is_said_in_an_exercise_moves_nothing_that_is_live() {
    let mut trial = Trial::start().await;
    let sent = trial.scene.sends("ba", "MD/policy", HONEST).await;
    trial.scene.node("ba").progress(&sent, "MD/policy", "accepted").await.unwrap();
    let rows = trial.scene.node("ba").json(&["outbox"]).await.unwrap();
    let notice = word(rows.get(0).unwrap(), "notice").parse().unwrap();
    let said = acknowledged(notice, sentences::NO_CONCURRENCE);
    let drill = receipt(&mut trial.drill, "BA/technical", sent.parse().unwrap(), said, Domain::Receipt);
    trial.line.submit(&drill).await.unwrap();
    // What comes after it has been dealt with after it. A refusal outweighs no acknowledgement, so that
    // the drill's counted for nothing.
    let said = Said::Refused { code: Text::new("POUCH-VER-10").unwrap() };
    let live = receipt(&mut trial.live, "BA/technical", sent.parse().unwrap(), said, Domain::Receipt);
    trial.line.submit(&live).await.unwrap();
    let words = "REFUSED by the node of MD/policy";
    let fits = |event: &serde_json::Value| word(event, "words").contains(words);
    let ba = trial.scene.node("ba");
    ba.watcher.wait_for(words, pouch_testkit::stage::PATIENCE, fits).await.unwrap();
    let rows = ba.json(&["outbox"]).await.unwrap();
    assert_eq!(rows.pointer("/0/ladder/0/rung").unwrap(), "refused", "{rows}");
    trial.scene.end().await;
}

#[tokio::test]
async fn a_drill_that_is_called_live_is_a_drill_on_every_surface() {
    let mut trial = Trial::called("live").await;
    let parcel = trial.drill.letter(&["BA/technical"], HONEST).seal();
    trial.line.submit(&parcel).await.unwrap();
    let envelope = parcel.id().to_string();
    let ba = trial.scene.node("ba");
    let came = ba.received(&envelope).await.unwrap();
    assert!(word(&came, "words").starts_with("EXERCISE live: "), "{came}");
    assert_eq!(word(&came, "exercise"), "live", "{came}");
    let rows = ba.json(&["inbox"]).await.unwrap();
    let row = rows.get(0).unwrap();
    assert_eq!((word(row, "environment"), word(row, "exercise")), ("EXERCISE live", "live"), "{row}");
    for command in [&["inbox"][..], &["show", &envelope]] {
        let said = ba.run(command).await.unwrap().stdout;
        assert!(said.contains("EXERCISE") && !said.contains("LIVE"), "{said}");
    }
    trial.scene.end().await;
}
