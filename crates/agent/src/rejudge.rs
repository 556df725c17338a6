//! What the end of a key, or of a member's right to speak, does to what came before.
//!
//! A revocation has effect from a time that may lie in the past. Every received notice that the key signed
//! or approved is judged again by the directory as it is now: before that time fine, after it refused, else
//! doubtful. The judging is that of every reading; here the person is told. How far the directory was gone
//! through is kept together with what came of it, so that nothing is told twice and a restart forgets
//! nothing; and notices are found by key, so that it costs as much as there are notices by that key.
//!
//! A rotation and a recovery end no key of an office with effect in the past: they are not here.

mod list;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pouch_control::EventKind;
use pouch_directory::{Act, Directory, RevocationReason, SignedStatement, Statement};
use pouch_envelope::Arrived;
use pouch_notice::{KeyDoubt, Moment, StanzaSecret, key_doubt, reopen};
use pouch_store::{ArrivalRow, Inbox as _, Mirror as _, Outbox as _, Rejudged, Rejudging as _, Was};
use pouch_wire::{Canonical as _, ContactPoint, EnvelopeId, KeyId, Member, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::desk::Desk;
use crate::error::AgentError;
use crate::events::Happening;
use crate::inbox::{self, Reading};
use crate::mirror::Believed;
use crate::reconfirm;
use crate::{office, views};

pub(crate) use list::{ask, list};

/// Entries of the directory read at a time.
const PAGE: u32 = 256;
/// Notices kept at a time.
const NOTICES_AT_ONCE: usize = 64;
/// Proofs that are fetched because of one entry: a relay that is slow must not keep the rest from being told.
const PROOFS_MAX: usize = 64;
/// How often is looked without a new entry: what did not work is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How many are named in an alarm; the list has them all.
const NAMED_MAX: usize = 6;

/// What an entry of the directory ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// A key, with effect from a time.
    Key { key: KeyId, of: Option<ContactPoint>, reason: RevocationReason, effective: Timestamp },
    /// A member's right to speak, since a time.
    Member { member: Member, since: Timestamp },
}

impl Ended {
    /// What an entry ended that had an effect.
    pub(crate) fn by(index: u64, entry: &[u8], directory: &Directory) -> Option<Self> {
        let signed = SignedStatement::from_bytes(entry).ok()?;
        let statement = Statement::from_bytes(&signed.statement).ok()?;
        let since = directory.now_view().logged_from(index).filter(|_| index > 0)?;
        match statement.act {
            Act::RevokeKey { key, reason, effective } => {
                let of = directory.now_view().whose(key).cloned();
                Some(Self::Key { key, of, reason, effective })
            }
            Act::SuspendMember { member, .. } => Some(Self::Member { member, since }),
            _ => None,
        }
    }

    /// In words.
    pub(crate) fn words(&self, entry: u64) -> String {
        match self {
            Self::Key { key, of, reason, effective } => {
                let of = of.as_ref().map(|of| format!(" of {of}")).unwrap_or_default();
                format!(
                    "entry {entry} of the directory revoked key {}{of} ({}) with effect from {}",
                    key.short(),
                    reason.as_str(),
                    Moment(*effective)
                )
            }
            Self::Member { member, since } => {
                format!("entry {entry} of the directory suspended {member}, as of {}", Moment(*since))
            }
        }
    }

    async fn notices(&self, desk: &Desk) -> Result<Vec<EnvelopeId>, AgentError> {
        Ok(match self {
            Self::Key { key, .. } => desk.store.received_by_key(*key).await?,
            Self::Member { member, .. } => desk.store.received_from(member).await?,
        })
    }
}

/// Judges again whenever the directory grows, until the node ends. On its own: nothing else waits for it,
/// however many notices there are.
pub(crate) async fn serve(
    desk: Arc<Desk>,
    mut believed: watch::Receiver<Arc<Believed>>,
    shutdown: CancellationToken,
) -> Result<(), AgentError> {
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = believed.changed() => if changed.is_err() { return Ok(()) },
            _ = every.tick() => {}
        }
        match tend(&desk).await {
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => warn!(code = error.code(), "judged again in a minute"),
            Ok(()) => {}
        }
    }
}

/// Goes through what the directory has had since the last time, and tells what it did to notices.
async fn tend(desk: &Arc<Desk>) -> Result<(), AgentError> {
    learn_keys(desk).await?;
    let directory = desk.directory();
    let mut from = desk.store.rejudged_until().await?;
    while from < directory.size() {
        let entries = desk.store.entries(from, PAGE).await?;
        if entries.is_empty() {
            return Ok(());
        }
        for (index, entry) in (from..).zip(&entries) {
            if let Some(ended) = Ended::by(index, entry, &directory) {
                judge_again(index, &ended, desk).await?;
            }
        }
        from = from.saturating_add(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        let done = Rejudged { entry: from, judged: Vec::new(), done_until: Some(from), events: Vec::new() };
        desk.store.put_rejudged(done).await?;
    }
    Ok(())
}

/// Of what an older program kept it is not known yet which keys spoke in it.
async fn learn_keys(desk: &Desk) -> Result<(), AgentError> {
    loop {
        let unkeyed = desk.store.unkeyed(PAGE).await?;
        if unkeyed.is_empty() {
            return Ok(());
        }
        for one in unkeyed {
            let keys = if one.sent {
                let row = desk.store.outgoing(one.envelope).await?;
                row.and_then(|row| views::readable(&row, desk)).map(|own| reconfirm::keys_of(own.signed()))
            } else {
                let row = desk.store.arrival(one.envelope).await?;
                row.and_then(|row| keys_in(&row, desk))
            };
            // What cannot be read is under no key, and not looked at again.
            let keys = keys.unwrap_or_else(|| vec![KeyId(pouch_wire::Digest::new([0; 32]))]);
            desk.store.put_keys(one.envelope, keys).await?;
        }
    }
}

fn keys_in(row: &ArrivalRow, desk: &Desk) -> Option<Vec<KeyId>> {
    let arrived = Arrived::from_bytes(&row.stored).ok()?;
    let secret = desk.vault.unwrap(row.envelope.as_bytes(), &row.wrapped).ok()?;
    let opened = reopen(arrived, StanzaSecret::from_bytes(&secret).ok()?).ok()?;
    Some(opened.claimed_keys())
}

async fn judge_again(entry: u64, ended: &Ended, desk: &Arc<Desk>) -> Result<(), AgentError> {
    // Whatever is taken in from here on is judged by this directory already.
    let envelopes = {
        let _turn = desk.incoming.lock().await;
        ended.notices(desk).await?
    };
    let rows = desk.store.rejudged_by(entry).await?;
    let mut done: Vec<(EnvelopeId, Was)> = rows.into_iter().map(|row| (row.envelope, row.was)).collect();
    let known: BTreeSet<EnvelopeId> = done.iter().map(|(envelope, _)| *envelope).collect();
    let left: Vec<EnvelopeId> = envelopes.into_iter().filter(|envelope| !known.contains(envelope)).collect();
    let mut proofs = PROOFS_MAX;
    for page in left.chunks(NOTICES_AT_ONCE) {
        let mut judged = Vec::new();
        for envelope in page {
            if let Some(was) = stands(*envelope, &mut proofs, desk).await? {
                judged.push((*envelope, was));
            }
        }
        done.extend(&judged);
        let kept = Rejudged { entry, judged, done_until: None, events: Vec::new() };
        desk.store.put_rejudged(kept).await?;
    }
    let happening = told(entry, ended, &done, desk).await?;
    let ours = match ended {
        Ended::Key { key, .. } => ours(*key, reconfirm::doubted_by(*key, desk).await?),
        Ended::Member { .. } => None,
    };
    let events = happening.iter().chain(&ours).map(|happening| happening.row((desk.clock)())).collect();
    let next = entry.saturating_add(1);
    let all = Rejudged { entry, judged: Vec::new(), done_until: Some(next), events };
    let numbers = desk.store.put_rejudged(all).await?;
    desk.events.announce(&numbers);
    Ok(())
}

/// A key of ours ended: what we sent with it is doubted now, and it is for us to end that.
fn ours(key: KeyId, doubted: usize) -> Option<Happening> {
    let words = format!(
        "recipients doubt {} that we sent, because our key {} was revoked: confirm what is ours, see pouch reconfirm",
        views::counted(doubted, "notice"),
        key.short()
    );
    (doubted > 0).then(|| Happening::new(EventKind::Alarm, "POUCH-MEM-13", words))
}

/// How a notice stands now; what is promised a place in a log is proved first, where that can be had.
async fn stands(
    envelope: EnvelopeId,
    proofs: &mut usize,
    desk: &Arc<Desk>,
) -> Result<Option<Was>, AgentError> {
    let Some(mut row) = desk.store.arrival(envelope).await? else { return Ok(None) };
    if row.expunged_at.is_some() || row.damaged {
        return Ok(None);
    }
    if row.log.is_some() && *proofs > 0 && !inbox::is_proved(&row, desk) {
        *proofs = proofs.saturating_sub(1);
        match office::fetch_proof(envelope, row.log.as_ref(), desk).await {
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => warn!(code = error.code(), "judged again without a proof"),
            Ok(()) => {
                if let Some(proved) = desk.store.arrival(envelope).await? {
                    row = proved;
                }
            }
        }
    }
    Ok(Some(was(&inbox::read(&row, desk).await)))
}

fn was(reading: &Reading) -> Was {
    let verdict = match reading {
        Reading::Verified(verified) => verified.verdict(),
        Reading::Refused(verdict) => verdict,
    };
    match key_doubt(verdict) {
        KeyDoubt::None => Was::Before,
        KeyDoubt::Refused => Was::After,
        _ => Was::Unclear,
    }
}

const fn word(was: Was) -> &'static str {
    match was {
        Was::Before => "before",
        Was::Unclear => "unclear",
        Was::After => "after",
    }
}

/// What is told of an end: an alarm that names what is no longer sure, or one line when all stands.
async fn told(
    entry: u64,
    ended: &Ended,
    judged: &[(EnvelopeId, Was)],
    desk: &Desk,
) -> Result<Option<Happening>, AgentError> {
    let mut doubted = Vec::new();
    for (envelope, was) in judged.iter().filter(|(_, was)| *was != Was::Before) {
        let Some(row) = desk.store.arrival(*envelope).await? else { continue };
        let acted = acted_on(&row, desk).await?;
        doubted.push((row.acknowledged_at.is_none() && !acted, row.precedence, *was, row, acted));
    }
    // What somebody acted on comes first, then what is urgent.
    doubted.sort_by(|a, b| (a.0, a.1, &a.3.number).cmp(&(b.0, b.1, &b.3.number)));
    let why = ended.words(entry);
    if doubted.is_empty() {
        let count = views::counted(judged.len(), "notice");
        let stay = format!(
            "{why}; {count} that we have from before {}",
            if judged.len() == 1 { "stands" } else { "stand" }
        );
        return Ok((!judged.is_empty()).then(|| Happening::new(EventKind::Key, "POUCH-MEM-11", stay)));
    }
    let named = doubted.iter().take(NAMED_MAX).map(|(_, _, was, row, acted)| {
        let number = row.number.clone().unwrap_or_else(|| format!("message {}", row.envelope.short()));
        let now = if *was == Was::After { "REFUSED now" } else { "doubtful" };
        let acted = match (row.acknowledged_at.is_some(), acted) {
            (_, true) => ", and we answered it",
            (true, false) => ", and we acknowledged it",
            (false, false) => "",
        };
        format!("{number} ({now}{acted})")
    });
    let named: Vec<String> = named.collect();
    let more = match doubted.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let are = if doubted.len() == 1 { "is" } else { "are" };
    let words = format!(
        "{} {are} no longer sure: {}{more}; {why}. See pouch inbox --rejudged",
        views::counted(doubted.len(), "notice"),
        named.join(", ")
    );
    Ok(Some(Happening::new(EventKind::Alarm, "POUCH-MEM-10", words)))
}

/// Whether a notice of ours answers or concerns it.
async fn acted_on(row: &ArrivalRow, desk: &Desk) -> Result<bool, AgentError> {
    let Some(notice) = row.notice else { return Ok(false) };
    for envelope in desk.store.sent_about(notice).await? {
        let sent = desk.store.outgoing(envelope).await?.and_then(|row| views::readable(&row, desk));
        // An inquiry is how its sender is asked whether it holds.
        if sent.is_some_and(|own| own.notice().notice_type() != pouch_wire::NoticeType::Inquiry) {
            return Ok(true);
        }
    }
    Ok(false)
}
