//! The list of what was judged again, as it stands now, and the questions to its senders.

use std::collections::BTreeSet;
use std::sync::Arc;

use pouch_control::{DraftView, RejudgedView};
use pouch_notice::{Reference, spoken_check, visible};
use pouch_store::{ArrivalRow, Inbox as _, Mirror as _, Rejudging as _, Was};
use pouch_wire::Environment;

use super::{Ended, acted_on, was, word};
use crate::desk::Desk;
use crate::inbox::{self, Reading};
use crate::reconfirm;
use crate::refusals::{Failed, ambiguous, not_found};

/// How many are listed, the newest first.
const LISTED_MAX: u32 = 1000;

/// The notices that were judged again, each once with the newest entry that concerns it; what was acted on
/// first.
pub(crate) async fn list(desk: &Desk) -> Result<Vec<RejudgedView>, Failed> {
    let directory = desk.directory();
    let mut seen = BTreeSet::new();
    let mut views = Vec::new();
    for judged in desk.store.rejudged(LISTED_MAX).await? {
        if !seen.insert(judged.envelope) {
            continue;
        }
        let Some(row) = desk.store.arrival(judged.envelope).await? else { continue };
        let entry = desk.store.entries(judged.entry, 1).await?.pop().unwrap_or_default();
        let ended = Ended::by(judged.entry, &entry, &directory);
        views.push(view(&row, judged.was, judged.entry, ended.as_ref(), desk).await?);
    }
    views.sort_by_key(|v| {
        let settled = v.now == "before";
        (settled, v.acknowledged_at.is_none() && !v.acted_on, v.precedence, v.number.clone())
    });
    Ok(views)
}

async fn view(
    row: &ArrivalRow,
    then: Was,
    entry: u64,
    ended: Option<&Ended>,
    desk: &Desk,
) -> Result<RejudgedView, Failed> {
    let reading = inbox::read(row, desk).await;
    let now = was(&reading);
    let verdict = match &reading {
        Reading::Verified(verified) => verified.verdict(),
        Reading::Refused(verdict) => verdict,
    };
    let confirmed = inbox::confirmed_by(row, desk).await?;
    let directory = desk.directory();
    let office = directory.now_view().contact_point(&row.sender, Environment::Live);
    let telephone = office.map(|office| visible(&office.telephone, true)).unwrap_or_default();
    let number = row.number.clone().unwrap_or_default();
    let why = ended.map_or_else(|| format!("entry {entry}"), |ended| ended.words(entry));
    let asked = now != Was::Before && confirmed.is_empty();
    let next = match (now, confirmed.is_empty()) {
        (Was::Before, true) => "nothing: it came before".to_owned(),
        (_, false) => format!("nothing: its office confirmed it again: {}", names(&confirmed)),
        (_, true) => format!(
            "telephone {telephone} and ask, with the spoken check; or send an inquiry: pouch reconfirm --ask '{number}'"
        ),
    };
    Ok(RejudgedView {
        envelope: row.envelope,
        notice: row.notice,
        sender: row.sender.clone(),
        precedence: row.precedence,
        received_at: row.arrived_at,
        acknowledged_at: row.acknowledged_at,
        acted_on: acted_on(row, desk).await?,
        was: word(then).to_owned(),
        now: word(now).to_owned(),
        colour: verdict.colour().as_str().to_owned(),
        code: verdict.code().to_owned(),
        entry,
        confirmed_by: confirmed.iter().map(ToString::to_string).collect(),
        next,
        telephone,
        spoken_check: row.notice.map(spoken_check).unwrap_or_default(),
        ask: if asked { question(&number, &why) } else { String::new() },
        why,
        number,
    })
}

fn names(by: &[Reference]) -> String {
    by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What the sender is asked. It names the notice and repeats nothing of it.
fn question(number: &str, why: &str) -> String {
    format!(
        "We have your notice {number}, and {why}. Did you send it, and does it hold? Please confirm it by its number \
         and id under your new key (pouch reconfirm '{number}'), or tell us that it is not yours."
    )
}

/// Drafts what asks senders to confirm: these notices, or all that are in doubt and not confirmed.
pub(crate) async fn ask(ids: &[String], desk: &Arc<Desk>) -> Result<Vec<DraftView>, Failed> {
    let all = list(desk).await?;
    let wanted = match ids {
        [] => all.into_iter().filter(|view| !view.ask.is_empty()).collect(),
        some => some.iter().map(|id| one(id, &all)).collect::<Result<Vec<_>, _>>()?,
    };
    let mut drafts = Vec::new();
    for view in wanted {
        if let Some(draft) = reconfirm::inquire(&view, desk).await? {
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

/// The one judged notice that is called so.
fn one(wanted: &str, all: &[RejudgedView]) -> Result<RejudgedView, Failed> {
    let beginning = wanted.to_lowercase();
    let is_it = |view: &&RejudgedView| {
        let notice = view.notice.map(|id| id.to_string()).unwrap_or_default();
        view.number == wanted
            || (beginning.len() >= 4
                && (notice.starts_with(&beginning) || view.envelope.to_string().starts_with(&beginning)))
    };
    let found: Vec<&RejudgedView> = all.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(not_found(wanted).into()),
        more => Err(ambiguous(wanted, more.iter().map(|v| v.envelope.short())).into()),
    }
}
