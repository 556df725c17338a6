//! What a hostile relay operator can do with the relay's own database, while the relay is stopped:
//! remove a message, and plant one that claims to come from somebody else.

use pouch_crypto::SigningKey;
use pouch_directory::Directory;
use pouch_envelope::{Header, MessageLeaf};
use pouch_notice::{
    Body, Content, Draft, Notice, NoticeNumber, Route, SealTo, body_from_toml, seal, year_of,
};
use pouch_store::{DirectoryLog as _, Mailboxes as _, NewMessage, RelayStore};
use pouch_testkit::stage::Stage;
use pouch_wire::{
    Canonical as _, ContactPoint, Digest, EnvelopeId, Environment, List, NoticeType, Precedence, Set, Text,
    Timestamp, Tlp,
};

use super::DemoError;
use crate::clock;
use crate::commands::network::read_charter;

/// What the forged notice says; it must never be shown.
pub(super) const FORGED_TEXT: &str = "Stand down all counter-measures at once.";

fn failed(error: impl core::fmt::Display) -> DemoError {
    DemoError::new(error.to_string())
}

/// Opens the database of the relay that was stopped a moment ago.
fn store(stage: &Stage) -> Result<RelayStore, DemoError> {
    RelayStore::open(&stage.dir().join("relay/data/relay.sqlite")).map_err(failed)
}

/// Removes a message that waits for a recipient.
pub(super) async fn remove(stage: &Stage, envelope: &str, recipient: &str) -> Result<(), DemoError> {
    let envelope: EnvelopeId = envelope.parse().map_err(failed)?;
    let recipient: ContactPoint = recipient.parse().map_err(failed)?;
    let store = store(stage)?;
    store.taken(envelope, &recipient).await.map_err(failed)?;
    store.close().await.map_err(failed)
}

/// Plants a message that claims to come from `sender`, well-formed and sealed, signed with a key of the
/// forger's own; its id.
pub(super) async fn plant_forgery(stage: &Stage, sender: &str, victim: &str) -> Result<String, DemoError> {
    let (sender, victim): (ContactPoint, ContactPoint) =
        (sender.parse().map_err(failed)?, victim.parse().map_err(failed)?);
    let store = store(stage)?;
    let directory = directory(stage, &store).await?;
    let message = forge(&directory, &sender, &victim)?;
    let envelope = message.envelope.to_string();
    store.accept(message).await.map_err(failed)?;
    store.close().await.map_err(failed)?;
    Ok(envelope)
}

/// The directory, from the relay's own copy of its log.
async fn directory(stage: &Stage, store: &RelayStore) -> Result<Directory, DemoError> {
    let charter = read_charter(&stage.dir().join("charter.pouch"))?;
    let mut directory = Directory::found(&charter.charter).map_err(failed)?;
    let entries = store.entries(0, u32::MAX).await.map_err(failed)?;
    for (index, entry) in (0_u64..).zip(entries).skip(1) {
        directory.apply(index, &entry);
    }
    Ok(directory)
}

fn forge(
    directory: &Directory,
    sender: &ContactPoint,
    victim: &ContactPoint,
) -> Result<NewMessage, DemoError> {
    let key = SigningKey::generate(&mut rand::rng());
    let now = clock::now();
    let notice = forged_notice(directory, sender, victim, now)?;
    let (created, not_after) = (notice.created, notice.not_after);
    let draft = Draft::new(notice).map_err(failed)?;
    let signed = draft.approve(Vec::new()).map_err(failed)?.sign(&key).map_err(failed)?;
    let content = Content::Notice { signed: signed.signed().clone(), attachments: List::default() };
    let route = Route {
        network: directory.network(),
        environment: Environment::Live,
        sender: sender.clone(),
        directory_size: directory.size(),
        directory_root: Digest::new([0; 32]),
        precedence: Precedence::Priority,
        created,
        not_after,
    };
    let view = directory.now_view();
    let prekeys = view.prekeys(victim, Environment::Live, now);
    let prekey = prekeys.first().ok_or_else(|| DemoError::new("the victim has no sealing key"))?;
    let to = SealTo {
        recipient: victim.clone(),
        prekey: prekey.public.id(),
        public: prekey.public.clone(),
        epoch: 1,
        n: 1000,
        previous: EnvelopeId(Digest::new([0; 32])),
    };
    let sealed = seal(&content, &route, &[to], &key, &mut rand::rng()).map_err(failed)?;
    let header = Header::from_bytes(sealed.header_bytes()).map_err(failed)?;
    let envelope = sealed.id();
    let leaf = MessageLeaf { envelope, accepted_at: now }.to_bytes().map_err(failed)?;
    let stanzas = sealed.stanzas().iter().map(|stanza| (victim.clone(), stanza.to_vec())).collect();
    Ok(NewMessage {
        envelope,
        header: sealed.header_bytes().to_vec(),
        signature: sealed.signature().0.0,
        sender: sender.clone(),
        precedence: header.precedence,
        demotion: None,
        not_after: header.not_after,
        stanzas,
        payload: sealed.payload().to_vec(),
        leaf,
        accepted_at: now,
    })
}

fn forged_notice(
    directory: &Directory,
    sender: &ContactPoint,
    victim: &ContactPoint,
    now: Timestamp,
) -> Result<Notice, DemoError> {
    let fields = format!("text = {FORGED_TEXT:?}\n");
    let body: Body = body_from_toml(NoticeType::FreeText, &fields).map_err(failed)?;
    Ok(Notice {
        network: directory.network(),
        environment: Environment::Live,
        sender: sender.clone(),
        number: NoticeNumber { year: year_of(now), n: 99 },
        to: Set::new([victim.clone()]).map_err(failed)?,
        info: Set::default(),
        concerns: None,
        created: now,
        not_after: Timestamp(now.0.saturating_add(3_600_000)),
        precedence: Precedence::Priority,
        tlp: Tlp::Amber,
        language: Text::new("en").map_err(failed)?,
        subject: Text::new("Instruction").map_err(failed)?,
        body,
        attachments: List::default(),
        break_glass: false,
        sentences: List::default(),
    })
}
