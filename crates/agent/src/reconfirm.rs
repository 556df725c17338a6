//! Saying again what recipients doubt since a key of ours ended, and asking others to do so.
//!
//! A confirmation is an update like any other: it names the notice by number and id, carries the fixed
//! sentence, and goes the usual way of drafts, officers and release. It goes to whom the notice went.

use std::collections::BTreeMap;
use std::sync::Arc;

use pouch_control::{Compose, DoubtedView, DraftView, EventKind, RejudgedView};
use pouch_directory::{Revocation, View};
use pouch_notice::{
    Approval, Body, InTime, Moment, Notice, NoticeNumber, Reference, Release, Signed, SignedNotice, body,
    by_word, sentences, spoken_check, visible,
};
use pouch_store::{Ladder as _, Outbox as _, Outgoing, OutgoingRow, Rejudging as _};
use pouch_wire::{EnvelopeId, Environment, KeyId, List, NoticeId, NoticeType, Text, Timestamp};

use crate::compose::{self, Waiting};
use crate::concerned::{Concerned, referred};
use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::refusals::{Failed, ambiguous, not_found};
use crate::views;

/// The keys that signed and approved a notice.
pub(crate) fn keys_of(signed: &SignedNotice) -> Vec<KeyId> {
    std::iter::once(signed.key).chain(signed.approvals.iter().map(|approval| approval.officer)).collect()
}

/// A message to send, with the keys that spoke in it, so that it is found when one of them ends, and with
/// what is told of it when one officer released it alone.
pub(crate) fn accounted_for(outgoing: Outgoing, signed: &Signed, release: &Release, desk: &Desk) -> Outgoing {
    let notice = signed.notice();
    let alone = release.is_break_glass(notice.break_glass);
    let told = alone.then(|| {
        let happening = released_alone(notice, release).of(outgoing.envelope);
        happening.within(notice.environment, desk).row((desk.clock)())
    });
    Outgoing {
        concerns: notice.concerns.as_ref().map(|named| named.id),
        keys: keys_of(signed.signed()),
        events: told.into_iter().collect(),
        ..outgoing
    }
}

/// What the state is told of a notice that one officer released alone.
fn released_alone(notice: &Notice, release: &Release) -> Happening {
    let who = release.approved_by.first().map(|officer| visible(&officer.title, true)).unwrap_or_default();
    let words = format!(
        "{} was released by one officer in an emergency ({who}), where {} must approve: tell the holder of the root \
         key; every recipient is shown it",
        notice.full_number(),
        release.needed
    );
    Happening::new(EventKind::Alarm, "POUCH-MEM-08", words).numbered(notice.full_number(), notice.precedence)
}

/// How recipients see a notice of ours since a key of it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// It came before: whoever has the proof does not doubt it.
    Before,
    /// Nobody can tell.
    Unclear,
    /// It came after: they refuse it.
    After,
}

impl Seen {
    const fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Unclear => "unclear",
            Self::After => "after",
        }
    }
}

/// How many notices of ours are doubted because a key ended.
pub(crate) async fn doubted_by(key: KeyId, desk: &Desk) -> Result<usize, AgentError> {
    let directory = desk.directory();
    let view = directory.now_view();
    let Some(revocation) = view.revocation(key) else { return Ok(0) };
    let mut count = 0_usize;
    for envelope in desk.store.sent_by_key(key).await? {
        let Some((_, own)) = sent(envelope, desk).await? else { continue };
        let accepted = accepted_at(envelope, desk).await?;
        if seen(&own, key, revocation, accepted, &view) > Seen::Before {
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

async fn sent(envelope: EnvelopeId, desk: &Desk) -> Result<Option<(OutgoingRow, Signed)>, AgentError> {
    let row = desk.store.outgoing(envelope).await?;
    Ok(row.and_then(|row| views::readable(&row, desk).map(|own| (row, own))))
}

/// When a relay accepted it first.
async fn accepted_at(envelope: EnvelopeId, desk: &Desk) -> Result<Option<Timestamp>, AgentError> {
    let carriages = desk.store.carriages(envelope).await?;
    Ok(carriages.into_iter().filter(|c| c.receipt.is_some()).map(|c| c.at).min())
}

fn seen(
    own: &Signed,
    key: KeyId,
    revocation: &Revocation,
    accepted: Option<Timestamp>,
    view: &View<'_>,
) -> Seen {
    let signed = own.signed();
    if signed.key != key && released_without(own, key, view) {
        return Seen::Before;
    }
    match accepted.map(|at| by_word(at, revocation.effective)) {
        Some(InTime::Before | InTime::ByWord) => Seen::Before,
        Some(InTime::About) => Seen::Unclear,
        _ => Seen::After,
    }
}

/// Whether enough officers approved it besides this one.
fn released_without(own: &Signed, key: KeyId, view: &View<'_>) -> bool {
    let signed = own.signed();
    let others: Vec<Approval> = signed.approvals.iter().filter(|a| a.officer != key).cloned().collect();
    Release::judge(own.notice(), &signed.notice, &others, view).is_met(own.notice().break_glass)
}

/// The keys of this office that are revoked: its own and its officers'.
fn ended<'a>(view: &View<'a>, desk: &Desk) -> Vec<(KeyId, &'a Revocation)> {
    let signing = view.key_history(&desk.me, Environment::Live).into_iter().map(|period| period.key.id());
    let officers = view.officer_records(&desk.me, Environment::Live);
    let officers = officers.into_iter().map(|record| record.entry.key.id());
    let mut keys: Vec<KeyId> = signing.chain(officers).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().filter_map(|key| view.revocation(key).map(|revocation| (key, revocation))).collect()
}

/// Notices of ours that were signed or approved with a key that ended; the doubted ones first.
pub(crate) async fn list(desk: &Desk) -> Result<Vec<DoubtedView>, Failed> {
    let directory = desk.directory();
    let view = directory.now_view();
    let mut worst: BTreeMap<EnvelopeId, (Seen, KeyId, &Revocation)> = BTreeMap::new();
    for (key, revocation) in ended(&view, desk) {
        for envelope in desk.store.sent_by_key(key).await? {
            let Some((_, own)) = sent(envelope, desk).await? else { continue };
            let now = seen(&own, key, revocation, accepted_at(envelope, desk).await?, &view);
            let known = worst.get(&envelope).map(|(seen, _, _)| *seen);
            if known.is_none_or(|known| now > known) {
                worst.insert(envelope, (now, key, revocation));
            }
        }
    }
    let waiting = compose::waiting(desk).await?;
    let mut views = Vec::new();
    for (envelope, (now, key, revocation)) in worst {
        let Some((_, own)) = sent(envelope, desk).await? else { continue };
        views.push((now, doubted(envelope, &own, (now, key, revocation), &waiting, desk).await?));
    }
    views.sort_by(|(a, x), (b, y)| (b, x.precedence, &x.number).cmp(&(a, y.precedence, &y.number)));
    Ok(views.into_iter().map(|(_, view)| view).collect())
}

async fn doubted(
    envelope: EnvelopeId,
    own: &Signed,
    (now, key, revocation): (Seen, KeyId, &Revocation),
    waiting: &[Waiting],
    desk: &Desk,
) -> Result<DoubtedView, Failed> {
    let notice = own.notice();
    let id = Notice::id_of(&own.signed().notice);
    let role = if own.signed().key == key { "signed" } else { "approved" };
    Ok(DoubtedView {
        envelope,
        notice: id,
        number: notice.full_number(),
        precedence: notice.precedence,
        subject: visible(&notice.subject, true),
        accepted_at: accepted_at(envelope, desk).await?,
        state: now.word().to_owned(),
        why: format!(
            "{role} with key {}, which entry {} revoked ({}) with effect from {}",
            key.short(),
            revocation.index,
            revocation.reason.as_str(),
            Moment(revocation.effective)
        ),
        recipients: desk.store.ladder(envelope).await?.into_iter().map(|rung| rung.recipient).collect(),
        confirmed_by: confirmations(id, desk).await?,
        draft: draft_of(id, NoticeType::Update, waiting).map(|waiting| waiting.draft.id().short()),
    })
}

/// The notices by which we confirmed one, under keys that are good.
async fn confirmations(id: NoticeId, desk: &Desk) -> Result<Vec<String>, AgentError> {
    let directory = desk.directory();
    let view = directory.now_view();
    let mut numbers = Vec::new();
    for envelope in desk.store.sent_about(id).await? {
        let Some((_, own)) = sent(envelope, desk).await? else { continue };
        if own.notice().confirms()
            && view.revocation(own.signed().key).is_none()
            && !withdrawn(Notice::id_of(&own.signed().notice), desk).await?
        {
            numbers.push(own.notice().full_number());
        }
    }
    Ok(numbers)
}

/// Whether we withdrew or corrected a notice of ours.
async fn withdrawn(id: NoticeId, desk: &Desk) -> Result<bool, AgentError> {
    for envelope in desk.store.sent_about(id).await? {
        let about = sent(envelope, desk).await?.map(|(_, own)| own.notice().notice_type());
        if matches!(about, Some(NoticeType::Correction | NoticeType::Cancellation)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The draft that waits about a notice, of a type that confirms or asks.
fn draft_of(id: NoticeId, kind: NoticeType, waiting: &[Waiting]) -> Option<&Waiting> {
    waiting.iter().find(|waiting| {
        let notice = waiting.draft.notice();
        let about = notice.concerns.as_ref().is_some_and(|named| named.id == id);
        about && notice.notice_type() == kind && (kind != NoticeType::Update || notice.confirms())
    })
}

/// Drafts what confirms notices of ours: these, or all that are doubted and not confirmed yet.
pub(crate) async fn draft(ids: &[String], desk: &Arc<Desk>) -> Result<Vec<DraftView>, Failed> {
    let all = list(desk).await?;
    let wanted: Vec<DoubtedView> = match ids {
        [] => {
            all.into_iter().filter(|v| v.state != Seen::Before.word() && v.confirmed_by.is_empty()).collect()
        }
        some => some.iter().map(|id| one(id, &all)).collect::<Result<_, _>>()?,
    };
    let mut drafts = Vec::new();
    for view in wanted {
        drafts.push(confirm(&view, desk).await?);
    }
    Ok(drafts)
}

fn one(wanted: &str, all: &[DoubtedView]) -> Result<DoubtedView, Failed> {
    let beginning = wanted.to_lowercase();
    let is_it = |view: &&DoubtedView| {
        view.number == wanted
            || (beginning.len() >= 4
                && [view.notice.to_string(), view.envelope.to_string()]
                    .iter()
                    .any(|id| id.starts_with(&beginning)))
    };
    let found: Vec<&DoubtedView> = all.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(not_found(wanted).into()),
        more => Err(ambiguous(wanted, more.iter().map(|view| view.envelope.short())).into()),
    }
}

async fn confirm(view: &DoubtedView, desk: &Arc<Desk>) -> Result<DraftView, Failed> {
    let waiting = compose::waiting(desk).await?;
    if let Some(known) = draft_of(view.notice, NoticeType::Update, &waiting) {
        return Ok(views::draft(known, desk));
    }
    let text = format!(
        "{} was {}. It is ours and holds word for word. Its id is {}, its spoken check {}.",
        view.number,
        view.why,
        view.notice,
        spoken_check(view.notice)
    );
    let body = Body::Update(body::Plain { text: Text::new(text)? });
    let asked = asked(NoticeType::Update, format!("{} is confirmed again", view.number));
    let concerned = referred(&view.notice.to_string(), desk).await?;
    keep(compose::compose_body(asked, body, Some(concerned), &[sentences::CONFIRMS], desk).await?, desk).await
}

/// Drafts what asks a sender whether a notice holds; `None` when it was asked already. It names the notice
/// and discloses nothing of it, so it may ask also about one that is not shown any more.
pub(crate) async fn inquire(view: &RejudgedView, desk: &Arc<Desk>) -> Result<Option<DraftView>, Failed> {
    let Some(id) = view.notice else { return Ok(None) };
    for envelope in desk.store.sent_about(id).await? {
        let sent = sent(envelope, desk).await?;
        if sent.is_some_and(|(_, own)| own.notice().notice_type() == NoticeType::Inquiry) {
            return Ok(None);
        }
    }
    let waiting = compose::waiting(desk).await?;
    if let Some(known) = draft_of(id, NoticeType::Inquiry, &waiting) {
        return Ok(Some(views::draft(known, desk)));
    }
    let concerned = match referred(&id.to_string(), desk).await {
        Ok(concerned) => concerned,
        Err(Failed::Agent(error)) => return Err(error.into()),
        Err(Failed::Told(_)) => Concerned::by_name(named(view, id)?),
    };
    let questions = List::new(vec![Text::new(view.ask.clone())?])?;
    let body = Body::Inquiry(body::Inquiry { questions, reply_by: None });
    let mut asked = asked(NoticeType::Inquiry, format!("Does {} hold?", view.number));
    (asked.to, asked.precedence) = (vec![view.sender.clone()], Some(view.precedence));
    let waiting = compose::compose_body(asked, body, Some(concerned), &[], desk).await?;
    keep(waiting, desk).await.map(Some)
}

fn named(view: &RejudgedView, id: NoticeId) -> Result<Reference, Failed> {
    let number = view.number.rsplit(' ').next().and_then(|number| number.parse::<NoticeNumber>().ok());
    let number = number.ok_or_else(|| not_found(&view.number))?;
    Ok(Reference { sender: view.sender.clone(), number, id })
}

async fn keep(waiting: Waiting, desk: &Desk) -> Result<DraftView, Failed> {
    compose::keep(&waiting, desk).await?;
    Ok(views::draft(&waiting, desk))
}

/// What is asked of the drafting; the rest is taken over from the notice that it concerns.
fn asked(notice_type: NoticeType, subject: String) -> Compose {
    Compose {
        notice_type,
        to: Vec::new(),
        info: Vec::new(),
        precedence: None,
        tlp: None,
        widen: false,
        subject,
        language: "en".to_owned(),
        fields: String::new(),
        valid_seconds: None,
        in_reply_to: None,
        attachments: Vec::new(),
        exercise: None,
        break_glass: false,
    }
}
