//! What users write: drafted, checked as the recipient will check it, approved, numbered, signed, sealed
//! and put into the outbox.

use std::sync::Arc;

use pouch_control::{Compose, Refusal};
use pouch_crypto::{Signature, sha256, sha256_parts};
use pouch_directory::View;
use pouch_notice::{
    Approval, Attachment, Body, Content, Draft, Notice, NoticeNumber, Release, Signed, body_from_toml,
    usual_life_ms, within_mandate, year_of,
};
use pouch_store::{Draft as DraftRow, Drafts as _, Numbers as _, Outbox as _, StoreError};
use pouch_wire::{
    Blob, Canonical as _, ContactPoint, Digest, EnvelopeId, Environment, Fixed, KeyId, List, OutOfBounds,
    Set, Text, Timestamp, canonical, limits,
};
use serde::{Deserialize, Serialize};

use crate::concerned::{Concerned, Inherited, inherit, referred};
use crate::desk::Desk;
use crate::exercises;
use crate::receipts;
use crate::reconfirm;
use crate::refusals::{Failed, ambiguous, draft, fields, refusal};

/// A draft as it is kept while it waits for approvals.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptDraft {
    notice: Blob<{ limits::NOTICE_BYTES }>,
    attachments: List<Blob<{ limits::PAYLOAD_BYTES }>, { limits::ATTACHMENTS }>,
    approvals: Set<Approval, 16>,
}
canonical!(KeptDraft, "draft", limits::PAYLOAD_BYTES);

/// A draft and what is known of it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) draft: Draft,
    pub(crate) release: Release,
    pub(crate) problems: Vec<String>,
    attachments: List<Blob<{ limits::PAYLOAD_BYTES }>, { limits::ATTACHMENTS }>,
    approvals: Set<Approval, 16>,
}

fn bounds(error: OutOfBounds) -> Refusal {
    refusal(
        "POUCH-NOT-31",
        2,
        format!("too long, too many, or with control characters: {error}"),
        "",
        "shorten it",
    )
}

/// Drafts a notice from what a user wrote.
pub(crate) async fn compose(asked: Compose, desk: &Desk) -> Result<Waiting, Failed> {
    let concerned = match &asked.in_reply_to {
        Some(wanted) => Some(referred(wanted, desk).await?),
        None => None,
    };
    let body = body_from_toml(asked.notice_type, &asked.fields).map_err(|error| fields(&error))?;
    compose_body(asked, body, concerned, &[], desk).await
}

/// Drafts a notice that says this, with these fixed sentences besides those that it must have.
pub(crate) async fn compose_body(
    asked: Compose,
    body: Body,
    concerned: Option<Concerned>,
    more: &[&'static str],
    desk: &Desk,
) -> Result<Waiting, Failed> {
    let Inherited { environment, to, info, precedence, tlp } = inherit(&asked, concerned.as_ref(), desk)?;
    let concerns = concerned.map(|concerned| concerned.reference);
    let subject = match (&concerns, asked.subject.is_empty()) {
        (Some(reference), true) => format!("{} to {reference}", asked.notice_type),
        _ => asked.subject,
    };
    let now = (desk.clock)();
    let life = asked.valid_seconds.map_or(usual_life_ms(precedence), |s| s.saturating_mul(1000));
    let sentences = body.sentences().iter().chain(more);
    let sentences = sentences.map(|s| Text::new(*s)).collect::<Result<Vec<_>, _>>().map_err(bounds)?;
    let mut named = Vec::new();
    let mut files = Vec::new();
    for file in asked.attachments {
        named.push(Attachment {
            name: Text::new(file.name).map_err(bounds)?,
            media_type: Text::new(file.media_type).map_err(bounds)?,
            len: u64::try_from(file.bytes.0.len()).unwrap_or(u64::MAX),
            digest: sha256(&file.bytes.0),
        });
        files.push(Blob::new(file.bytes.0).map_err(bounds)?);
    }
    let (to, info) = (Set::new(to).map_err(bounds)?, Set::new(info).map_err(bounds)?);
    let language = Text::new(asked.language).map_err(bounds)?;
    let subject = Text::new(subject).map_err(bounds)?;
    let named = List::new(named).map_err(bounds)?;
    let sentences = List::new(sentences).map_err(bounds)?;
    let attachments = List::new(files).map_err(bounds)?;
    // From here on whatever fails gives the number back.
    let number = number(environment, (&to, &info), now, desk).await?;
    let notice = Notice {
        network: desk.network,
        environment,
        sender: desk.me.clone(),
        number,
        to,
        info,
        concerns,
        created: now,
        not_after: Timestamp(now.0.saturating_add(life)),
        precedence,
        tlp,
        language,
        subject,
        body,
        attachments: named,
        break_glass: asked.break_glass,
        sentences,
    };
    match checked(notice.clone(), desk) {
        Ok(drafted) => Ok(judged(drafted, attachments, Set::default(), desk)),
        Err(failed) => {
            give_back_number(&notice, desk).await?;
            Err(failed)
        }
    }
}

fn checked(notice: Notice, desk: &Desk) -> Result<Draft, Failed> {
    let drafted = Draft::new(notice).map_err(|error| draft(&error))?;
    everyone_known(&drafted, desk)?;
    Ok(drafted)
}

/// Gives a notice's number back when it is not sent after all: the recipients would miss one.
pub(crate) async fn give_back_number(notice: &Notice, desk: &Desk) -> Result<(), Failed> {
    let NoticeNumber { year, n } = notice.number;
    let list = list(notice.environment, &notice.to, &notice.info);
    Ok(desk.store.give_back_number(year, list, n).await?)
}

const NO_DRAFT: &str = "POUCH-AGT-34";

type Addressees = Set<ContactPoint, { limits::RECIPIENTS }>;

/// Which list of addressees it is. Each exercise has its own: a drill leaves no gap in what is live.
fn list(environment: Environment, to: &Addressees, info: &Addressees) -> Digest {
    let drill = match environment {
        Environment::Live => None,
        Environment::Exercise(id) => Some(format!("exercise {id}\n")),
    };
    let words: Vec<String> = drill
        .into_iter()
        .chain(to.iter().map(|p| format!("to {p}\n")))
        .chain(info.iter().map(|p| format!("info {p}\n")))
        .collect();
    sha256_parts(&words.iter().map(String::as_bytes).collect::<Vec<_>>())
}

/// Counts per sender and addressee list, so that a number tells nobody of other correspondence.
async fn number(
    environment: Environment,
    (to, info): (&Addressees, &Addressees),
    now: Timestamp,
    desk: &Desk,
) -> Result<NoticeNumber, Failed> {
    let year = year_of(now);
    Ok(NoticeNumber { year, n: desk.store.next_number(year, list(environment, to, info)).await? })
}

fn everyone_known(drafted: &Draft, desk: &Desk) -> Result<(), Failed> {
    let directory = desk.directory();
    let view = directory.now_view();
    let environment = drafted.notice().environment;
    let unknown =
        drafted.notice().addressees().find(|point| view.contact_point(point, environment).is_none());
    match unknown {
        None => Ok(()),
        Some(point) if environment != Environment::Live => {
            let name = exercises::name_of(environment, desk).unwrap_or_default();
            Err(refusal(
                "POUCH-EXR-06",
                4,
                format!("{point} has not joined EXERCISE {name}"),
                "in an exercise it has no key that could be sealed to",
                "who has joined: pouch exercise list",
            )
            .into())
        }
        Some(point) => Err(refusal(
            "POUCH-AGT-33",
            4,
            format!("the directory has no contact point {point}"),
            "it could not be sealed to it",
            "pouch directory show",
        )
        .into()),
    }
}

/// Judges a draft as its recipients will.
fn judged(
    drafted: Draft,
    attachments: List<Blob<{ limits::PAYLOAD_BYTES }>, { limits::ATTACHMENTS }>,
    approvals: Set<Approval, 16>,
    desk: &Desk,
) -> Waiting {
    let directory = desk.directory();
    let view = directory.now_view();
    let now = (desk.clock)();
    let release = Release::judge_now(drafted.notice(), drafted.bytes(), &approvals, &view, now);
    let problems = problems(drafted.notice(), &view, desk);
    Waiting { draft: drafted, release, problems, attachments, approvals }
}

fn problems(notice: &Notice, view: &View<'_>, desk: &Desk) -> Vec<String> {
    let key = match exercises::may_speak(notice.environment, desk) {
        Ok(key) => key.public().id(),
        Err(refusal) => return vec![format!("{} ({})", refusal.what, refusal.code)],
    };
    match view.may_sign(&notice.sender, notice.environment, key) {
        Err(error) => vec![format!("{error} ({})", error.code())],
        Ok(authority) => within_mandate(notice, &authority.mandate)
            .err()
            .map(|error| format!("{error} (POUCH-VER-40)"))
            .into_iter()
            .collect(),
    }
}

/// Keeps a draft until its officers have approved it.
pub(crate) async fn keep(waiting: &Waiting, desk: &Desk) -> Result<(), Failed> {
    let kept = KeptDraft {
        notice: Blob::new(waiting.draft.bytes())?,
        attachments: waiting.attachments.clone(),
        approvals: waiting.approvals.clone(),
    };
    let id = waiting.draft.id();
    let bytes = desk.vault.wrap(id.as_bytes(), &kept.to_bytes()?, &mut rand::rng())?;
    desk.store.put_draft(DraftRow { notice: id, bytes, created: (desk.clock)() }).await?;
    Ok(())
}

/// All drafts that wait.
pub(crate) async fn waiting(desk: &Desk) -> Result<Vec<Waiting>, Failed> {
    let mut found = Vec::new();
    for row in desk.store.drafts().await? {
        let bytes = desk.vault.unwrap(row.notice.as_bytes(), &row.bytes)?;
        let kept = KeptDraft::from_bytes(&bytes)?;
        let notice = Notice::from_bytes(&kept.notice)?;
        let drafted = Draft::new(notice).map_err(|error| draft(&error))?;
        found.push(judged(drafted, kept.attachments, kept.approvals, desk));
    }
    Ok(found)
}

/// The draft whose id begins so.
pub(crate) async fn one(beginning: &str, desk: &Desk) -> Result<Waiting, Failed> {
    let beginning = beginning.to_lowercase();
    let mut found = waiting(desk).await?;
    found.retain(|w| w.draft.id().to_string().starts_with(&beginning));
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(one), false) => {
            let ids = found.iter().chain([&one]).map(|w| w.draft.id().short());
            Err(ambiguous(&beginning, ids).into())
        }
        (None, _) => {
            Err(refusal(NO_DRAFT, 4, format!("no draft begins with {beginning:?}"), "", "pouch draft --list")
                .into())
        }
    }
}

/// The draft to be sent; one that was sent is no draft any more, and that is said.
pub(crate) async fn to_release(beginning: &str, desk: &Desk) -> Result<Waiting, Failed> {
    match one(beginning, desk).await {
        Err(Failed::Told(refusal)) if refusal.code == NO_DRAFT => {
            let sent = crate::views::own_notice(&beginning.to_lowercase(), desk).await?;
            Err(sent.map_or(*refusal, |_| sent_already()).into())
        }
        found => found,
    }
}

/// Takes an officer's approval, if it is a good one.
pub(crate) async fn approve(
    id: &str,
    officer: KeyId,
    signature: &[u8],
    desk: &Desk,
) -> Result<Waiting, Failed> {
    let Waiting { draft: drafted, attachments, approvals, release, .. } = one(id, desk).await?;
    let bytes: [u8; 64] = signature.try_into().map_err(|_| {
        refusal("POUCH-AGT-35", 10, "the approval is not a signature", "", "approve it again")
    })?;
    let more = Approval { officer, signature: Signature(Fixed(bytes)) };
    let all: Vec<Approval> =
        approvals.iter().filter(|a| a.officer != officer).cloned().chain([more]).collect();
    let judged = judged(drafted, attachments, Set::new(all).map_err(bounds)?, desk);
    if judged.release.approved_by.len() <= release.approved_by.len() {
        return Err(refusal(
            "POUCH-AGT-36",
            11,
            "this approval does not count",
            "the key is not an officer's of this contact point, its mandate is over or does not cover the notice, the \
             same person has approved already, or the draft was changed since",
            "look who may approve: pouch directory show",
        )
        .into());
    }
    keep(&judged, desk).await?;
    Ok(judged)
}

/// Signs, seals and queues a draft whose release rule is met.
pub(crate) async fn release(waiting: Waiting, desk: &Arc<Desk>) -> Result<(EnvelopeId, Signed), Failed> {
    let notice = waiting.draft.notice();
    let id = waiting.draft.id();
    let speaks = exercises::may_speak(notice.environment, desk)?;
    let key = speaks.public().id();
    if let Err(why) = desk.directory().now_view().may_sign(&notice.sender, notice.environment, key) {
        return Err(key_does_not_speak(&why.to_string()).into());
    }
    if let Some(problem) = waiting.problems.first() {
        return Err(refusal(
            "POUCH-AGT-37",
            11,
            format!("every recipient would refuse it: {problem}"),
            "a notice outside of its mandate is authentic and not authorised",
            "ask the holder of the root key, or write something else",
        )
        .into());
    }
    if !waiting.release.is_met(notice.break_glass) {
        let have = waiting.release.approved_by.len();
        let draft = id.short();
        let next = if desk.store.drafts().await?.iter().any(|row| row.notice == id) {
            format!("each officer: pouch approve {draft} --key officer.pem; then: pouch release {draft}")
        } else {
            drafted_instead(notice)
        };
        return Err(refusal(
            "POUCH-AGT-38",
            24,
            format!(
                "{} must approve a {} of this kind; {have} did",
                crate::views::counted(usize::from(waiting.release.needed), "officer"),
                notice.precedence
            ),
            "your state published that rule, and every recipient checks it",
            &next,
        )
        .into());
    }
    let recipients = sorted(notice);
    let (environment, precedence) = (notice.environment, notice.precedence);
    let (created, not_after) = (notice.created, notice.not_after);
    let concerns = notice.concerns.as_ref().map(|named| named.id);
    let approved = waiting.draft.approve(waiting.approvals.to_vec()).map_err(|error| draft(&error))?;
    let signed = approved.sign(&speaks).map_err(|error| draft(&error))?;
    let content = Content::Notice { signed: signed.signed().clone(), attachments: waiting.attachments };
    let _turn = desk.outgoing.lock().await;
    let route = receipts::route(desk, environment, precedence, created, Some(not_after))
        .ok_or_else(|| key_does_not_speak("the directory does not name it"))?;
    let to = receipts::seal_to(desk, &recipients, environment).await?.ok_or_else(|| {
        refusal(
            "POUCH-AGT-39",
            20,
            "a recipient has no sealing key that can be used now",
            "without one nothing can be sent to it that only it can read",
            "its node may have been down for days: use the telephone, and try again later",
        )
    })?;
    let outgoing = receipts::outgoing(&content, &route, &to, (Some(id), concerns), desk)?;
    let envelope = outgoing.envelope;
    let outgoing = reconfirm::accounted_for(outgoing, &signed, &waiting.release, desk);
    // The draft goes in the same step; a second release of it finds it sent.
    match desk.store.enqueue(outgoing).await {
        Err(StoreError::Conflict(_)) => return Err(sent_already().into()),
        other => desk.events.announce(&other?),
    }
    desk.wake_outbox();
    Ok((envelope, signed))
}

fn sorted(notice: &Notice) -> Vec<ContactPoint> {
    let mut all: Vec<ContactPoint> = notice.addressees().cloned().collect();
    all.sort();
    all
}

/// How a notice is written that cannot leave without its officers.
fn drafted_instead(notice: &Notice) -> String {
    let about = match &notice.concerns {
        Some(concerned) => format!(" --type {} --concerns {concerned}", notice.notice_type()),
        None => String::new(),
    };
    format!(
        "write it with `pouch draft{about}` and the same options; each officer: pouch approve; then: pouch release"
    )
}

fn sent_already() -> Refusal {
    refusal("POUCH-AGT-46", 4, "this notice was sent already", "no notice is sent twice", "pouch outbox")
}

fn key_does_not_speak(why: &str) -> Refusal {
    refusal(
        "POUCH-AGT-40",
        12,
        format!("this node's signing key does not speak for its contact point: {why}"),
        "nobody would believe what it signs",
        "look at `pouch keys list`; the holder of the root key authorises a new one with `pouch keys rotate`",
    )
}
