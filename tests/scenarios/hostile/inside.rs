//! What no relay can see: a good envelope with something wrong inside. The relay carries it, and the
//! recipient's node refuses it with the clause that fails and shows nothing of it.

use std::sync::Arc;

use pouch_crypto::{Domain, SigningKey, sha256};
use pouch_directory::Act;
use pouch_notice::{Approval, Attachment};
use pouch_testkit::stage::{PATIENCE, is, word};
use pouch_wire::{
    Canonical as _, Digest, Environment, List, NetworkId, Precedence, Set, Text, Timestamp, limits,
};

use super::captured;
use super::keys::KeyFolder;
use super::letter::{HOUR_MS, Letter, Parcel, Pen};
use super::line::{Line, signed_statement};
use super::scene::{Scene, now};

/// What the adversary wants to be read.
const TEXT: &str = "Evacuate the northern plant.";
/// What its honest twins say.
const HONEST: &str = "All is quiet here.";

/// A hostile member that writes to BA over a session of its own.
struct Trial {
    scene: Scene,
    line: Line,
    pen: Pen,
}

impl Trial {
    async fn start(folder: &str, office: &str) -> Self {
        let scene = Scene::with_hostile(folder).await;
        let line = scene.line_of(folder).await;
        let pen = scene.pen_of(folder, office).await;
        Self { scene, line, pen }
    }

    fn letter(&mut self) -> Letter {
        self.pen.letter(&["BA/technical"], TEXT)
    }

    /// The relay accepts it, and BA refuses it with this clause's code.
    async fn refused(&mut self, parcel: &Parcel, code: &str) {
        self.line.submit(parcel).await.unwrap();
        self.scene.refuses("ba", &parcel.id().to_string(), code, TEXT).await;
    }

    /// It is accepted and shown.
    async fn shown(&mut self, letter: &Letter) {
        let parcel = letter.seal();
        self.line.submit(&parcel).await.unwrap();
        self.scene.shows("ba", &parcel.id().to_string(), letter.notice.subject.as_str()).await;
        self.pen.stands(&parcel);
    }

    async fn twin(&mut self) {
        let letter = self.pen.letter(&["BA/technical"], HONEST);
        self.shown(&letter).await;
    }
}

#[tokio::test]
async fn a_letter_to_one_state_cannot_be_sealed_again_for_another() {
    let mut trial = Trial::start("md", "MD/policy").await;
    trial.scene.sends("nl", "MD/policy", TEXT).await;
    let captured = captured::letter_to(&trial.scene, &trial.line, "md", "MD/policy").await;

    // In MD's own envelope, as MD's own program would seal it.
    let letter = trial.letter();
    let parcel = Parcel::seal(captured.clone(), &letter.route, &letter.to, &trial.pen.key);
    trial.refused(&parcel, "POUCH-VER-10").await;
    trial.twin().await;

    // In an envelope that copies all of NL's, and names NL as its sender: no relay takes that from MD.
    let notice = pouch_notice::Notice::from_bytes(&captured.notice).unwrap();
    let route = trial.pen.route(&notice);
    let parcel = Parcel::seal(captured.clone(), &route, &letter.to, &trial.pen.key);
    assert_eq!(trial.line.submit(&parcel).await.map(|_| ()).unwrap_err(), "POUCH-ADM-12");
    // A relay's operator who helps MD plants it; it is not signed by a key of NL's.
    let nl = KeyFolder::of(&trial.scene.stage, "nl").signing("signing").public().id();
    let claims = parcel.clone().altered(|header| header.sender_key = nl);
    let claims = claims.signed(&trial.pen.key, Domain::Envelope);
    trial.scene.plant(&[&parcel, &claims]).await;
    trial.scene.refuses("ba", &parcel.id().to_string(), "POUCH-DIR-41", TEXT).await;
    trial.scene.refuses("ba", &claims.id().to_string(), "POUCH-ADM-15", TEXT).await;
    let envelope = trial.scene.sends("nl", "BA/technical", HONEST).await;
    trial.scene.shows("ba", &envelope, HONEST).await;
    trial.scene.end().await;
}

#[tokio::test]
async fn a_notice_signed_for_another_purpose_or_by_another_is_not_shown() {
    let mut trial = Trial::start("md", "MD/policy").await;
    let key = trial.pen.key.clone();
    // One is enough here: every domain is tried against every other where signatures are made.
    let letter = Letter { inside: (key, Domain::Approval), ..trial.letter() };
    trial.refused(&letter.seal(), "POUCH-VER-11").await;
    trial.twin().await;

    let stranger = Arc::new(SigningKey::generate(&mut rand::rng()));
    let letter = Letter { inside: (stranger, Domain::Notice), ..trial.letter() };
    trial.refused(&letter.seal(), "POUCH-VER-10").await;
    trial.twin().await;

    // Signed as MD, in the name of NL.
    let mut letter = trial.letter();
    letter.notice.sender = "NL/technical".parse().unwrap();
    trial.refused(&letter.seal(), "POUCH-VER-10").await;
    trial.twin().await;
    trial.scene.end().await;
}

#[tokio::test]
async fn what_the_letter_says_of_itself_is_what_its_envelope_says() {
    let mut trial = Trial::start("md", "MD/policy").await;
    let nl: pouch_wire::ContactPoint = "NL/technical".parse().unwrap();
    let mut hides = trial.letter();
    hides.notice.to = Set::new(hides.notice.to.iter().cloned().chain([nl.clone()])).unwrap();
    let mut adds = trial.pen.letter(&["BA/technical", "NL/technical"], TEXT);
    adds.notice.to = Set::new(["BA/technical".parse().unwrap()]).unwrap();
    let mut network = trial.letter();
    network.notice.network = NetworkId(Digest::new([7; 32]));
    let mut drill = trial.letter();
    drill.notice.environment = Environment::Exercise(pouch_wire::ExerciseId(Digest::new([7; 32])));
    let mut dated = trial.letter();
    dated.notice.not_after = Timestamp(dated.notice.not_after.0 + 1);
    let mut urgent = trial.letter();
    urgent.notice.precedence = Precedence::Flash;
    for letter in [hides, network, drill, dated, urgent] {
        trial.refused(&letter.seal(), "POUCH-VER-10").await;
        trial.twin().await;
    }
    // NL refuses it as well: both recipients see the difference.
    let adds = adds.placed(trial.letter().to[0].n, trial.letter().to[0].previous).seal();
    trial.refused(&adds, "POUCH-VER-10").await;
    trial.scene.refuses("nl", &adds.id().to_string(), "POUCH-VER-10", TEXT).await;
    trial.twin().await;
    trial.scene.end().await;
}

#[tokio::test]
async fn an_office_says_nothing_outside_of_its_mandate() {
    let mut trial = Trial::start("md", "MD/policy").await;
    let view = trial.pen.directory.now_view();
    let mut entry = view.contact_point(&trial.pen.office, Environment::Live).unwrap().clone();
    entry.mandate.highest_precedence = Precedence::Priority;
    let root = trial.scene.member_root("md");
    let act = Act::AuthoriseContactPoint(Box::new(entry));
    trial.pen.directory = trial.scene.enact(&trial.line, act, &[&root]).await;

    let letter = trial.letter().urgent(Precedence::Flash);
    trial.refused(&letter.seal(), "POUCH-VER-40").await;
    let letter = trial.letter().urgent(Precedence::Priority);
    trial.shown(&letter).await;
    trial.scene.end().await;
}

#[tokio::test]
async fn an_urgent_notice_needs_as_many_persons_as_its_state_published() {
    let mut trial = Trial::start("nl", "NL/technical").await;
    let stage = trial.scene.stage.clone();
    let [first, second] =
        [1, 2].map(|n| KeyFolder::of_officer(&stage, &format!("nl-officer-{n}")).signing("officer"));
    let second_key = SigningKey::generate(&mut rand::rng());
    let point = trial.pen.office.clone();
    let view = trial.pen.directory.now_view();
    let officers = view.officers(&point, Environment::Live);
    let mut again = (*officers.iter().find(|o| o.key == first.public()).unwrap()).clone();
    again.key = second_key.public();
    let root = trial.scene.member_root("nl");
    let act = Act::AuthoriseOfficer(Box::new(again));
    trial.pen.directory = trial.scene.enact(&trial.line, act, &[&root]).await;

    let urgent = |trial: &mut Trial| trial.letter().urgent(Precedence::Immediate);
    let nobody = urgent(&mut trial);
    let one = urgent(&mut trial).approved_by(&first);
    let same_person = urgent(&mut trial).approved_by(&first).approved_by(&second_key);
    // The second officer approved another text.
    let other = Approval::sign(&trial.letter().notice.to_bytes().unwrap(), &second).unwrap();
    let mut another_s = urgent(&mut trial).approved_by(&first);
    another_s.approvals.push(other);
    let mut in_emergency = urgent(&mut trial);
    in_emergency.notice.break_glass = true;
    for letter in [nobody, one, same_person, another_s, in_emergency] {
        trial.refused(&letter.seal(), "POUCH-VER-42").await;
    }
    let both = urgent(&mut trial).approved_by(&first).approved_by(&second);
    trial.shown(&both).await;
    trial.scene.end().await;
}

#[tokio::test]
async fn files_that_are_not_those_that_were_signed_are_not_shown() {
    let mut trial = Trial::start("md", "MD/policy").await;
    let (signed, other) = (TEXT.as_bytes().to_vec(), HONEST.as_bytes().to_vec());
    let named = Attachment {
        name: Text::new("plan.txt").unwrap(),
        media_type: Text::new("text/plain").unwrap(),
        len: u64::try_from(signed.len()).unwrap(),
        digest: sha256(&signed),
    };
    let mut letter = trial.letter();
    letter.notice.attachments = List::new(vec![named]).unwrap();
    for files in [vec![other.clone()], vec![signed[1..].to_vec()], vec![], vec![signed.clone(), other]] {
        let swapped = Letter { files, ..letter.clone() };
        trial.refused(&swapped.seal(), "POUCH-VER-24").await;
    }
    trial.shown(&Letter { files: vec![signed], ..letter }).await;
    trial.scene.end().await;
}

#[tokio::test]
async fn a_notice_that_breaks_a_rule_of_notices_is_not_shown() {
    let mut trial = Trial::start("md", "MD/policy").await;
    let mut numberless = trial.letter();
    numberless.notice.number.n = 0;
    let mut itself = trial.letter();
    itself.notice.info = Set::new([trial.pen.office.clone()]).unwrap();
    itself.to.push(trial.pen.seal_to(&trial.pen.office));
    let mut twice = trial.letter();
    twice.notice.info = twice.notice.to.clone();
    for (letter, code) in [(numberless, "POUCH-NOT-13"), (itself, "POUCH-NOT-03"), (twice, "POUCH-VER-10")] {
        trial.refused(&letter.seal(), code).await;
        trial.twin().await;
    }
    trial.scene.end().await;
}

#[tokio::test]
async fn a_planted_letter_of_another_network_or_time_is_not_shown() {
    let mut trial = Trial::start("md", "MD/policy").await;
    let at = now().0;
    let mut network = trial.letter();
    network.notice.network = NetworkId(Digest::new([7; 32]));
    network.route.network = network.notice.network;
    let for_ever = trial.letter().dated(Timestamp(at), Timestamp(at + limits::LIFE_MS_MAX + 1));
    let parcels = [(network.seal(), "POUCH-ADM-11"), (for_ever.seal(), "POUCH-NOT-04")];
    trial.scene.plant(&parcels.each_ref().map(|(parcel, _)| parcel)).await;
    for (parcel, code) in &parcels {
        trial.scene.refuses("ba", &parcel.id().to_string(), code, TEXT).await;
    }
    // By whose clock it is of the future is not known: it waits, and is not shown.
    let future = trial.letter().dated(Timestamp(at + HOUR_MS), Timestamp(at + 2 * HOUR_MS)).seal();
    trial.scene.plant(&[&future]).await;
    let envelope = future.id().to_string();
    let waits =
        |event: &serde_json::Value| is(event, "kind", "refused-arrival") && is(event, "envelope", &envelope);
    let ba = trial.scene.node("ba");
    let event = ba.watcher.wait_for("being told that it waits", PATIENCE, waits).await.unwrap();
    assert_eq!(word(&event, "code"), "POUCH-VER-50");
    assert!(!word(&event, "words").contains(TEXT), "{event}");
    let rows = ba.json(&["inbox"]).await.unwrap();
    assert!(!rows.to_string().contains(&envelope), "{rows}");
    trial.line = trial.scene.line_of("md").await;
    trial.twin().await;
    // The twin of what was planted is planted as well.
    let planted = trial.letter().seal();
    trial.scene.plant(&[&planted]).await;
    trial.scene.shows("ba", &planted.id().to_string(), TEXT).await;
    trial.scene.end().await;
}

#[tokio::test]
async fn a_letter_that_cites_what_no_witness_saw_waits_and_is_not_lost() {
    let mut trial = Trial::start("md", "MD/policy").await;
    trial.scene.stop_witnesses().await;
    let view = trial.pen.directory.now_view();
    let mut entry = view.contact_point(&trial.pen.office, Environment::Live).unwrap().clone();
    entry.telephone = Text::new("+1 555 0199").unwrap();
    let root = trial.scene.member_root("md");
    let act = Act::AuthoriseContactPoint(Box::new(entry));
    // In the relay's log, and in no checkpoint that anybody would believe.
    let statement = signed_statement(trial.scene.network(), act, &[&root]);
    let index = trial.line.publish_bytes(statement.clone()).await.unwrap();
    let mut grown = trial.pen.directory.clone();
    grown.apply(index, &statement);
    let mut letter = trial.pen.letter(&["BA/technical"], HONEST);
    letter.route.directory_size = grown.size();
    letter.route.directory_root = grown.root_at(grown.size()).unwrap();
    let parcel = letter.seal();
    trial.line.submit(&parcel).await.unwrap();
    // It keeps no other waiting.
    let other = trial.scene.sends("nl", "BA/technical", HONEST).await;
    trial.scene.shows("ba", &other, HONEST).await;
    let envelope = parcel.id().to_string();
    let waits =
        |event: &serde_json::Value| is(event, "kind", "refused-arrival") && is(event, "envelope", &envelope);
    let ba = trial.scene.node("ba");
    let event = ba.watcher.wait_for("being told that it waits", PATIENCE, waits).await.unwrap();
    assert_eq!(word(&event, "code"), "POUCH-VER-70");
    let rows = ba.json(&["inbox"]).await.unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    trial.scene.start_witnesses().await;
    trial.scene.shows("ba", &envelope, HONEST).await;
    trial.pen.stands(&parcel);
    trial.twin().await;
    trial.scene.end().await;
}
