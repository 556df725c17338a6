//! What users see: plain values, made from what was verified and from what this node itself signed.

mod directory;
mod disputes;
mod exercises;
mod keys;
mod member;
mod others;

use std::time::Duration;

use pouch_control::{
    AttachmentView, CheckView, DraftView, InboxRow, LadderRow, NoticeView, OutboxRow, Rung, Selection,
    StatusView, VerdictView,
};
use pouch_directory::View;
use pouch_notice::{
    Content, Draft, Moment, Notice, Signed, Verdict, Verified, preview, printed, printed_own, span,
    spoken_check, visible,
};
use pouch_store::{ArrivalRow, Courier as _, Inbox as _, Ladder as _, Lookup as _, Outbox as _, OutgoingRow};
use pouch_wire::{Canonical as _, EnvelopeId, Environment, Member, Timestamp, encode_hex};
use tracing::error;

use crate::compose::Waiting;
use crate::demoted;
use crate::desk::Desk;
use crate::error::AgentError;
use crate::exercises::name_of;
use crate::inbox::{self, Reading};
use crate::link::Line;
use crate::refusals::{Failed, ambiguous, not_found};

pub(crate) use directory::{directory, entries, raw_entries};
pub(crate) use disputes::disputes;
pub(crate) use keys::keys;
pub(crate) use member::member;
pub(crate) use others::contradictions;

const LIST_DEFAULT: u32 = 50;

fn limit(selection: &Selection) -> u32 {
    if selection.limit == 0 { LIST_DEFAULT } else { selection.limit.min(10_000) }
}

/// The one arrival that is called so.
pub(crate) async fn arrival(wanted: &str, desk: &Desk) -> Result<Option<ArrivalRow>, Failed> {
    let mut found = desk.store.find_arrival(wanted).await?;
    if found.len() > 1 {
        return Err(ambiguous(wanted, found.iter().map(|entry| entry.envelope.short())).into());
    }
    let Some(entry) = found.pop() else { return Ok(None) };
    Ok(desk.store.arrival(entry.envelope).await?)
}

pub(crate) async fn inbox(selection: &Selection, desk: &Desk) -> Result<Vec<InboxRow>, Failed> {
    let mut views = Vec::new();
    // One at a time: each may be large.
    for entry in desk.store.inbox(selection.unacknowledged, limit(selection)).await? {
        if let Some(row) = desk.store.arrival(entry.envelope).await? {
            views.push(inbox_row(&row, desk).await);
        }
    }
    Ok(views)
}

/// No exercise is called `live`, whatever name it has.
fn environment(exercise: Option<&String>) -> String {
    exercise.map_or_else(|| "live".to_owned(), |name| format!("EXERCISE {name}"))
}

pub(crate) async fn inbox_row(row: &ArrivalRow, desk: &Desk) -> InboxRow {
    match inbox::read(row, desk).await {
        Reading::Verified(verified) => verified_row(row, &verified, desk),
        Reading::Refused(verdict) => InboxRow {
            envelope: row.envelope,
            notice: None,
            number: None,
            sender: row.sender.clone(),
            notice_type: None,
            precedence: row.precedence,
            tlp: None,
            subject: None,
            environment: "live".to_owned(),
            exercise: None,
            signed_at: row.created,
            received_at: row.arrived_at,
            courier_at: row.courier_at,
            acknowledged_at: None,
            verdict: verdict_view(&verdict, refused_sentence(row, &verdict)),
        },
    }
}

/// `1 officer`, `2 officers`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Why it is not believed, in the words of the clause that decides.
fn refused_sentence(row: &ArrivalRow, verdict: &Verdict) -> String {
    let why = verdict.decisive().map(|c| format!(" {}", visible(&c.words, true))).unwrap_or_default();
    format!("Claims to be from {}; not believed.{why}", row.sender)
}

fn verified_row(row: &ArrivalRow, verified: &Verified<Notice>, desk: &Desk) -> InboxRow {
    let notice = verified.value();
    let exercise = name_of(notice.environment, desk);
    InboxRow {
        envelope: row.envelope,
        notice: row.notice,
        number: Some(notice.full_number()),
        sender: notice.sender.clone(),
        notice_type: Some(notice.notice_type()),
        precedence: notice.precedence,
        tlp: Some(notice.tlp),
        subject: Some(visible(&notice.subject, true)),
        environment: environment(exercise.as_ref()),
        exercise,
        signed_at: notice.created,
        received_at: row.arrived_at,
        courier_at: row.courier_at,
        acknowledged_at: row.acknowledged_at,
        verdict: verdict_view(verified.verdict(), sentence(verified, desk)),
    }
}

/// The banner's sentence, from verified fields only.
fn sentence(verified: &Verified<Notice>, desk: &Desk) -> String {
    let notice = verified.value();
    let directory = desk.directory();
    let view = directory.now_view();
    let state = named(&notice.sender.member, &view);
    let age = span(notice.created, (desk.clock)());
    let officers = verified.release().map_or(0, |r| r.approved_by.len());
    let approved =
        if officers == 0 { String::new() } else { format!(", approved by {}", counted(officers, "officer")) };
    let witnesses =
        format!("Directory witnessed by at least {} of {}", view.quorum(), view.witnesses().len());
    let reservation = match verified.verdict().decisive() {
        Some(clause) => format!(" But: {}", clause.words),
        None => " Nothing missing before it.".to_owned(),
    };
    let news = new_key(verified, &view, (desk.clock)()).unwrap_or_default();
    format!(
        "{state}, {} contact point.{news} Signed {age} ago{approved}. {witnesses}.{reservation}",
        notice.sender.office
    )
}

/// A member's name with its code: names are chosen by those who have them, codes are told apart by the
/// directory.
fn named(member: &Member, view: &View<'_>) -> String {
    let name = view.member(member).map_or_else(String::new, |record| visible(&record.name, true));
    match view.looks_like(member) {
        None => format!("{name} ({member})"),
        Some(other) => format!("{name} ({member}, NOT {}, whose name looks the same)", other.member),
    }
}

/// For how long a key that took another's place is named loudly.
const NEW_KEY_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// A change of key is where somebody else may have begun to speak for an office.
fn new_key(verified: &Verified<Notice>, view: &View<'_>, now: Timestamp) -> Option<String> {
    let header = verified.arrived().header();
    let history = view.key_history(&header.sender, header.environment);
    let place = history.iter().position(|period| period.key.id() == header.sender_key)?;
    let since = history.get(place)?.from;
    let recent = place > 0 && now.since(since) < NEW_KEY_FOR;
    recent.then(|| format!(" NEW KEY since {}: compare its digits by telephone.", Moment(since)))
}

fn verdict_view(verdict: &Verdict, sentence: String) -> VerdictView {
    let decisive = verdict.decisive();
    VerdictView {
        colour: verdict.colour().as_str().to_owned(),
        sentence,
        code: verdict.code().to_owned(),
        next: decisive.map(|c| c.next.clone()).unwrap_or_default(),
        clauses: verdict
            .clauses
            .iter()
            .map(|c| CheckView {
                clause: c.clause.as_str().to_owned(),
                state: match c.state {
                    pouch_notice::State::Holds => "holds",
                    pouch_notice::State::Unsure => "unsure",
                    pouch_notice::State::Fails => "fails",
                }
                .to_owned(),
                code: c.code.clone(),
                words: c.words.clone(),
            })
            .collect(),
        exit: decisive.map_or(0, |c| c.exit),
    }
}

pub(crate) async fn show(wanted: &str, desk: &Desk) -> Result<NoticeView, Failed> {
    if let Some(row) = arrival(wanted, desk).await? {
        return Ok(received(&row, desk).await);
    }
    let (row, own) = own(wanted, desk).await?.ok_or_else(|| not_found(wanted))?;
    let id = Notice::id_of(&own.signed().notice);
    let exercise = name_of(own.notice().environment, desk);
    Ok(NoticeView {
        direction: "sent".to_owned(),
        row: None,
        printed: printed_own(&own, exercise.as_deref(), (desk.clock)()),
        spoken_check: spoken_check(id),
        attachments: attachments(own.notice()),
        ladder: ladder(row.envelope, own.notice(), desk).await?,
        log_index: None,
        exercise,
    })
}

async fn received(row: &ArrivalRow, desk: &Desk) -> NoticeView {
    let view = inbox_row(row, desk).await;
    let (text, check, files) = match inbox::read(row, desk).await {
        Reading::Verified(verified) => {
            let id = verified.notice_id();
            let text = printed(&verified, view.exercise.as_deref(), (desk.clock)());
            (text, spoken_check(id), attachments(verified.value()))
        }
        Reading::Refused(_) => (String::new(), String::new(), Vec::new()),
    };
    NoticeView {
        direction: "received".to_owned(),
        exercise: view.exercise.clone(),
        row: Some(view),
        printed: text,
        spoken_check: check,
        attachments: files,
        ladder: Vec::new(),
        log_index: row.log.as_ref().map(|(_, index)| *index),
    }
}

fn attachments(notice: &Notice) -> Vec<AttachmentView> {
    notice
        .attachments
        .iter()
        .map(|a| AttachmentView {
            name: visible(&a.name, true),
            media_type: visible(&a.media_type, true),
            bytes: a.len,
            sha256: a.digest.to_string(),
        })
        .collect()
}

/// A notice of our own, opened from the node's copy.
fn reopen_own(row: &OutgoingRow, desk: &Desk) -> Result<Signed, AgentError> {
    let bytes = desk.vault.unwrap(row.envelope.as_bytes(), &row.wrapped)?;
    let damaged = || AgentError::Damaged(format!("sent message {}", row.envelope.short()));
    let Content::Notice { signed, .. } = Content::from_bytes(&bytes)? else { return Err(damaged()) };
    Signed::kept(signed).map_err(|_| damaged())
}

/// A copy that cannot be read is named in the log, and keeps no other from being shown.
pub(crate) fn readable(row: &OutgoingRow, desk: &Desk) -> Option<Signed> {
    reopen_own(row, desk)
        .inspect_err(|error| {
            error!(envelope = %row.envelope.short(), code = error.code(), "a sent message cannot be read");
        })
        .ok()
}

pub(crate) async fn own(wanted: &str, desk: &Desk) -> Result<Option<(OutgoingRow, Signed)>, Failed> {
    let mut rows = desk.store.find_outgoing(wanted).await?;
    if rows.len() > 1 {
        return Err(ambiguous(wanted, rows.iter().map(|row| row.envelope.short())).into());
    }
    if let Some(row) = rows.pop() {
        let signed = reopen_own(&row, desk)?;
        return Ok(Some((row, signed)));
    }
    let mut found = Vec::new();
    for row in desk.store.outbox(10_000).await? {
        let Some(signed) = readable(&row, desk) else { continue };
        if signed.notice().full_number() == wanted {
            found.push((row, signed));
        }
    }
    if found.len() > 1 {
        return Err(ambiguous(wanted, found.iter().map(|(row, _)| row.envelope.short())).into());
    }
    Ok(found.pop())
}

/// A notice of our own by number or id.
pub(crate) async fn own_notice(wanted: &str, desk: &Desk) -> Result<Option<Signed>, Failed> {
    Ok(own(wanted, desk).await?.map(|(_, signed)| signed))
}

pub(crate) async fn outbox(selection: &Selection, desk: &Desk) -> Result<Vec<OutboxRow>, Failed> {
    let mut rows = Vec::new();
    for row in desk.store.outbox(limit(selection)).await? {
        let Some(signed) = readable(&row, desk) else { continue };
        rows.push(outbox_row(row.envelope, &signed, desk).await?);
    }
    Ok(rows)
}

pub(crate) async fn outbox_row(
    envelope: EnvelopeId,
    signed: &Signed,
    desk: &Desk,
) -> Result<OutboxRow, AgentError> {
    let notice = signed.notice();
    Ok(OutboxRow {
        envelope,
        notice: Notice::id_of(&signed.signed().notice),
        number: notice.full_number(),
        notice_type: notice.notice_type(),
        precedence: notice.precedence,
        subject: visible(&notice.subject, true),
        signed_at: notice.created,
        break_glass: notice.break_glass,
        ladder: ladder(envelope, notice, desk).await?,
        exercise: name_of(notice.environment, desk),
    })
}

async fn ladder(envelope: EnvelopeId, notice: &Notice, desk: &Desk) -> Result<Vec<LadderRow>, AgentError> {
    let now = (desk.clock)();
    let directory = desk.directory();
    let rows = desk.store.ladder(envelope).await?;
    let carriages = desk.store.carriages(envelope).await?;
    let handed = desk.store.handed_over(envelope).await?;
    let view = directory.now_view();
    let demoted = |row: &pouch_store::RungRow| {
        let home = view.home_relays(&row.recipient);
        let carried = carriages.iter().filter(|said| home.iter().any(|relay| *relay.name == *said.relay));
        carried.filter_map(|said| demoted::by(said, notice.precedence)).collect()
    };
    let out_of_reach = |row: &pouch_store::RungRow| {
        let home = view.home_relays(&row.recipient);
        let none = home.iter().all(|relay| desk.links.session(&relay.name).is_none());
        let waits = row.rung == pouch_store::Rung::Queued && none;
        if waits { home.iter().map(|relay| visible(&relay.name, true)).collect() } else { Vec::new() }
    };
    Ok(rows
        .into_iter()
        .map(|row| {
            let late = now.since(notice.created) >= notice.precedence.confirm_within();
            let entry = view.contact_point(&row.recipient, notice.environment);
            LadderRow {
                role: if notice.to.has(&row.recipient) { "to" } else { "info" }.to_owned(),
                rung: rung(row.rung),
                at: row.at,
                detail: row.detail.as_ref().map(|detail| visible(detail, true)),
                overdue: late && row.rung < pouch_store::Rung::Verified,
                telephone: entry.map(|e| visible(&e.telephone, true)),
                waits_for: out_of_reach(&row),
                demoted: demoted(&row),
                courier_at: handed.iter().find(|h| h.recipient == row.recipient).map(|h| h.at),
                recipient: row.recipient,
            }
        })
        .collect())
}

const fn rung(rung: pouch_store::Rung) -> Rung {
    match rung {
        pouch_store::Rung::Queued => Rung::Queued,
        pouch_store::Rung::Accepted => Rung::Accepted,
        pouch_store::Rung::Verified => Rung::Verified,
        pouch_store::Rung::Acknowledged => Rung::Acknowledged,
        pouch_store::Rung::Answered => Rung::Answered,
        pouch_store::Rung::Refused => Rung::Refused,
    }
}

pub(crate) fn draft(waiting: &Waiting, desk: &Desk) -> DraftView {
    let drafted: &Draft = &waiting.draft;
    let notice = drafted.notice();
    let context = pouch_crypto::Context::of(notice.network, notice.environment);
    DraftView {
        id: drafted.id(),
        number: notice.full_number(),
        preview: preview(drafted.bytes()).map(|p| p.text).unwrap_or_default(),
        officers_needed: waiting.release.needed,
        officers_missing: waiting.release.missing(notice.break_glass),
        approved_by: waiting.release.approved_by.iter().map(|o| visible(&o.title, true)).collect(),
        notice_bytes: encode_hex(drafted.bytes()),
        context: encode_hex(context.as_bytes()),
        problems: waiting.problems.clone(),
        exercise: name_of(notice.environment, desk),
    }
}

pub(crate) async fn status(desk: &Desk) -> Result<StatusView, Failed> {
    let believed = desk.believed.borrow().clone();
    let clock = match desk.clock_offset_ms() {
        None => "not confirmed by a relay".to_owned(),
        Some(_) if desk.time_is_sure() => "agrees with the relays".to_owned(),
        Some(offset) if offset.unsigned_abs() <= pouch_wire::limits::CLOCK_SKEW_MS_MAX => {
            "is behind what the witnesses signed".to_owned()
        }
        Some(offset) => format!("differs from the relays' by {} s", offset / 1000),
    };
    let mut alarms = desk.events.alarms(5).await?;
    // These stay, however many others came since.
    alarms.splice(0..0, disputes::standing(desk).await?);
    let directory = desk.directory();
    let (view, now, signing) = (directory.now_view(), (desk.clock)(), desk.signing_publics().0);
    let named = view.contact_point(&desk.me, Environment::Live).is_some_and(|e| e.signing == signing);
    let since = view.key_history(&desk.me, Environment::Live).into_iter().rev().find(|p| p.key == signing);
    let sealing = view.prekeys_ahead(&desk.me, Environment::Live);
    Ok(StatusView {
        signing_key: signing.id(),
        signing_since: since.filter(|period| named && period.revoked.is_none()).map(|period| period.from),
        sealing_until: sealing.filter(|until| *until > now),
        contact_point: desk.me.clone(),
        network: desk.network_name.clone(),
        relays: desk.links.all().into_iter().map(Line::shown).collect(),
        directory_size: believed.size,
        cosigned_at: believed.cosigned_at,
        freshness: disputes::freshness(desk),
        clock,
        unacknowledged: desk.store.unacknowledged_count().await?,
        unacknowledged_in_exercises: desk.store.unacknowledged_in_exercises().await?,
        queued: desk.store.queued_count().await?,
        alarms,
        no_relay_since: desk.watching.alone_since(),
        peers: desk.watching.peers().into_iter().map(others::peer).collect(),
        containment: pouch_contain::held().map(ToString::to_string).unwrap_or_default(),
        version: desk.version.to_owned(),
    })
}
