//! What a member with valid keys submits to a relay, over a session of its own: what the relay can see
//! is wrong, it refuses with the rule's own code before it stores a byte.

use std::sync::Arc;

use pouch_crypto::{Domain, PrekeySecret, SigningKey};
use pouch_envelope::Addressee;
use pouch_notice::SealTo;
use pouch_testkit::stage::is;
use pouch_wire::{Digest, NetworkId, Set, Timestamp, limits};

use super::letter::{HOUR_MS, Letter, Parcel, Pen};
use super::line::Line;
use super::scene::{Scene, now};

const TEXT: &str = "Open the eastern gates tonight.";

/// Submits a bad parcel, then its honest twin, which arrives.
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

    fn letter(&mut self) -> Letter {
        self.pen.letter(&["BA/technical"], TEXT)
    }

    /// The relay refuses this with that code.
    async fn refused(&self, what: &str, parcel: &Parcel, code: &str) {
        let refused = self.line.submit(parcel).await.map(|_| ()).unwrap_err();
        assert_eq!(refused, code, "{what}");
    }

    /// The honest twin is accepted and shown.
    async fn twin(&mut self) {
        let parcel = self.letter().seal();
        self.line.submit(&parcel).await.unwrap();
        self.scene.shows("ba", &parcel.id().to_string(), TEXT).await;
        self.pen.stands(&parcel);
    }
}

#[tokio::test]
async fn nobody_submits_in_another_s_name_or_with_another_s_signature() {
    let mut trial = Trial::start().await;
    let stranger = Arc::new(SigningKey::generate(&mut rand::rng()));

    let mut letter = trial.letter();
    letter.notice.sender = "NL/technical".parse().unwrap();
    letter.route.sender = letter.notice.sender.clone();
    trial.refused("another's name", &letter.seal(), "POUCH-ADM-12").await;
    trial.twin().await;

    let letter = Letter { outside: (stranger.clone(), Domain::Envelope), ..trial.letter() };
    trial.refused("a key of nobody", &letter.seal(), "POUCH-DIR-41").await;
    trial.twin().await;

    let parcel = trial.letter().seal().signed(&stranger, Domain::Envelope);
    trial.refused("signed by another than it says", &parcel, "POUCH-ADM-15").await;
    trial.twin().await;

    for domain in Domain::ALL.into_iter().filter(|domain| *domain != Domain::Envelope) {
        let key = trial.pen.key.clone();
        let letter = Letter { outside: (key, domain), ..trial.letter() };
        trial.refused(domain.as_str(), &letter.seal(), "POUCH-ADM-15").await;
    }
    trial.twin().await;
    trial.scene.end().await;
}

#[tokio::test]
async fn an_altered_list_of_recipients_or_payload_is_refused() {
    let mut trial = Trial::start().await;
    let other = trial.pen.letter(&["NL/technical"], TEXT).seal();

    // Nobody adds a recipient to a signed list, nor takes its name off.
    let mut parcel = trial.letter().seal();
    parcel.stanzas.push(other.stanzas[0].clone());
    let more = other.header.recipients.iter().cloned();
    let parcel = parcel.altered(|header| {
        header.recipients = Set::new(header.recipients.iter().cloned().chain(more)).unwrap();
    });
    trial.refused("one recipient more", &parcel, "POUCH-ADM-15").await;
    trial.twin().await;

    // Nor signs a list of which the stanzas are another's.
    let key = trial.pen.key.clone();
    let parcel = trial.letter().seal().altered(|header| {
        let stanza = header.recipients[0].stanza;
        let elsewhere = Addressee { contact_point: "NL/technical".parse().unwrap(), stanza };
        header.recipients = Set::new([elsewhere]).unwrap();
    });
    trial.refused("another's stanza", &parcel.signed(&key, Domain::Envelope), "POUCH-ADM-03").await;
    let parcel = trial.letter().seal().altered(|header| header.recipients = Set::default());
    trial.refused("no recipient", &parcel.signed(&key, Domain::Envelope), "POUCH-ADM-02").await;
    let mut parcel = trial.letter().seal();
    parcel.stanzas.push(other.stanzas[0].clone());
    trial.refused("one stanza more", &parcel, "POUCH-ADM-03").await;
    trial.twin().await;

    let mut parcel = trial.letter().seal();
    let another = trial.letter().seal();
    assert_eq!(parcel.payload.len(), another.payload.len(), "padding makes them alike");
    parcel.payload = another.payload;
    trial.refused("another letter's payload", &parcel, "POUCH-ADM-05").await;
    trial.twin().await;
    trial.scene.end().await;
}

#[tokio::test]
async fn a_letter_of_another_network_or_time_is_refused() {
    let mut trial = Trial::start().await;

    let mut letter = trial.letter();
    letter.notice.network = NetworkId(Digest::new([7; 32]));
    letter.route.network = letter.notice.network;
    trial.refused("another network", &letter.seal(), "POUCH-ADM-11").await;
    trial.twin().await;

    let mut letter = trial.letter();
    letter.route.directory_size += 1;
    trial.refused("a directory that does not exist yet", &letter.seal(), "POUCH-ADM-13").await;
    trial.twin().await;

    let at = now().0;
    let dates = [
        ("expired", at - HOUR_MS, at - 1, "POUCH-ADM-17"),
        ("valid for longer than thirty days", at, at + limits::LIFE_MS_MAX + 1, "POUCH-ADM-18"),
        ("valid for no time", at, at, "POUCH-ADM-18"),
        ("expired before it was made", at, at - 1, "POUCH-ADM-18"),
        ("made in the future", at + HOUR_MS, at + 2 * HOUR_MS, "POUCH-ADM-16"),
    ];
    for (what, created, not_after, code) in dates {
        let letter = trial.letter().dated(Timestamp(created), Timestamp(not_after));
        trial.refused(what, &letter.seal(), code).await;
        trial.twin().await;
    }
    trial.scene.end().await;
}

#[tokio::test]
async fn a_letter_for_nobody_the_directory_knows_is_refused() {
    let mut trial = Trial::start().await;

    let public = PrekeySecret::generate(&mut rand::rng()).public().clone();
    let mut letter = trial.letter();
    letter.to[0] = SealTo { prekey: public.id(), public, ..letter.to[0].clone() };
    trial.refused("a prekey of nobody", &letter.seal(), "POUCH-ADM-20").await;
    trial.twin().await;

    let of_nl = trial.pen.seal_to(&"NL/technical".parse().unwrap());
    let mut letter = trial.letter();
    letter.to[0] = SealTo { prekey: of_nl.prekey, public: of_nl.public, ..letter.to[0].clone() };
    trial.refused("another's prekey", &letter.seal(), "POUCH-ADM-20").await;
    trial.twin().await;

    let mut letter = trial.letter();
    letter.to[0].recipient = "XX/policy".parse().unwrap();
    trial.refused("an unknown office", &letter.seal(), "POUCH-ADM-19").await;
    trial.twin().await;

    // Who only watches has no voice.
    let witness = trial.scene.line_of("witness-1").await;
    let parcel = trial.letter().seal();
    assert_eq!(witness.submit(&parcel).await.map(|_| ()).unwrap_err(), "POUCH-ADM-31");
    trial.twin().await;
    trial.scene.end().await;
}

#[tokio::test]
async fn a_message_submitted_again_is_one_message() {
    let mut trial = Trial::start().await;
    let parcel = trial.letter().seal();
    let envelope = parcel.id().to_string();
    let first = trial.line.submit(&parcel).await.unwrap();
    trial.scene.shows("ba", &envelope, TEXT).await;
    trial.pen.stands(&parcel);
    // The receipt says the same: there is no second place in the log, and nothing to deliver.
    assert_eq!(trial.line.submit(&parcel).await.unwrap(), first);
    let again = trial.scene.line_of("md").await;
    assert_eq!(again.submit(&parcel).await.unwrap(), first);
    trial.twin().await;
    let rows = trial.scene.node("ba").json(&["inbox"]).await.unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.iter().filter(|row| is(row, "envelope", &envelope)).count(), 1, "{rows:?}");
    trial.scene.end().await;
}
