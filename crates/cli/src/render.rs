//! Views as text for a terminal. The agent made them safe to show, and whatever others may have written
//! is made one visible line here once more: a terminal obeys what it is sent. This module adds words and
//! order, and never decides anything.

mod courier;
mod directory;
mod disputes;
mod exercises;
mod joint;

use pouch_control::{
    DraftView, EntryView, EquivocationView, Event, EventKind, InboxRow, KeyView, LadderRow, NoticeView,
    OutboxRow, PeerView, Rung, StatusView, VerdictView,
};
use pouch_notice::visible;
use pouch_wire::{EnvelopeId, Timestamp};

use crate::clock::{age, utc};

pub(crate) use courier::{courier_imported, courier_written};
pub(crate) use directory::directory;
pub(crate) use disputes::disputes;
pub(crate) use exercises::exercises;
pub(crate) use joint::joint;

/// What others may have written, on one line and without anything that a terminal obeys.
pub(crate) fn safe(text: &str) -> String {
    visible(text, true)
}

/// The rung's word.
pub(crate) const fn rung(rung: Rung) -> &'static str {
    match rung {
        Rung::Queued => "queued here",
        Rung::Accepted => "accepted by the relay",
        Rung::Verified => "verified by the recipient's node",
        Rung::Acknowledged => "acknowledged by an officer",
        Rung::Answered => "answered",
        Rung::Refused => "REFUSED by the recipient's node",
    }
}

/// `1 officer`, `2 officers`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The word that stands for a colour, so that colour is never the only sign.
pub(crate) fn verdict_word(verdict: &VerdictView) -> &'static str {
    match verdict.colour.as_str() {
        "green" => "VERIFIED",
        "amber" => "VERIFIED, WITH A RESERVATION",
        _ => "REFUSED",
    }
}

pub(crate) fn inbox(rows: &[InboxRow], now: Timestamp) -> String {
    if rows.is_empty() {
        return "Nothing here.".into();
    }
    let numbers: Vec<&str> = rows.iter().filter_map(|row| row.number.as_deref()).collect();
    let line = |row: &InboxRow| {
        let number = row.number.as_deref().unwrap_or_default();
        inbox_row(row, &told_apart(number, &numbers, row.envelope), now)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Numbers count per list of addressees: where two in a list are the same, their ids tell them apart.
fn told_apart(number: &str, all: &[&str], envelope: EnvelopeId) -> String {
    if all.iter().filter(|other| **other == number).count() > 1 {
        format!("  id {}", envelope.short())
    } else {
        String::new()
    }
}

/// Is it a drill? Of what was refused, not even that is proved.
fn environment(row: &InboxRow) -> String {
    match &row.exercise {
        _ if row.verdict.colour == "red" => "NOT SHOWN".into(),
        None => "LIVE".into(),
        Some(exercise) => format!("EXERCISE {}", safe(exercise)),
    }
}

fn inbox_row(row: &InboxRow, id: &str, now: Timestamp) -> String {
    let mut lines = Vec::new();
    let number = row.number.as_deref().map_or_else(|| format!("message {}", row.envelope.short()), safe);
    lines.push(format!(
        "{}  {}  {number}{id}  {}  {}",
        environment(row),
        row.precedence.as_str().to_uppercase(),
        verdict_word(&row.verdict),
        age(row.received_at, now)
    ));
    if let Some(subject) = &row.subject {
        let kind = row.notice_type.map(|t| t.as_str()).unwrap_or_default();
        let tlp = row.tlp.map(|t| t.label()).unwrap_or_default();
        lines.push(format!("    {kind}: {}  [{tlp}]", safe(subject)));
    }
    if let Some(at) = row.courier_at {
        lines.push(format!("    carried by courier, here since {}", utc(at)));
    }
    if row.verdict.colour != "green" {
        lines.push(format!("    {} ({})", safe(&row.verdict.sentence), safe(&row.verdict.code)));
        lines.push(format!("    what to do: {}", safe(&row.verdict.next)));
    }
    let acknowledged = match row.acknowledged_at {
        Some(at) => Some(format!("    acknowledged {} ({})", age(at, now), utc(at))),
        None if row.verdict.colour == "red" => None,
        None => Some("    not acknowledged yet".into()),
    };
    lines.extend(acknowledged);
    lines.join("\n")
}

pub(crate) fn verdict(verdict: &VerdictView, every_clause: bool) -> String {
    let mut lines = vec![format!("{}: {}", verdict_word(verdict), safe(&verdict.sentence))];
    if !verdict.next.is_empty() && verdict.colour != "green" {
        lines.push(format!("  {}  what to do: {}", safe(&verdict.code), safe(&verdict.next)));
    }
    if every_clause {
        lines.extend(verdict.clauses.iter().map(|check| {
            let mark = match check.state.as_str() {
                "holds" => "yes   ",
                "unsure" => "UNSURE",
                _ => "NO    ",
            };
            // A code is for looking up what does not hold.
            let code =
                if check.state == "holds" { String::new() } else { format!(" ({})", safe(&check.code)) };
            format!("  {mark} {}{code}", safe(&check.words))
        }));
    }
    lines.join("\n")
}

pub(crate) fn notice(view: &NoticeView, every_clause: bool) -> String {
    let mut parts = Vec::new();
    if let Some(row) = &view.row {
        let place = match &row.exercise {
            _ if row.verdict.colour == "red" => String::new(),
            None => "LIVE - THIS IS NOT AN EXERCISE\n".into(),
            Some(exercise) => format!("EXERCISE EXERCISE EXERCISE - THIS IS A DRILL: {}\n", safe(exercise)),
        };
        parts.push(format!("{place}{}", verdict(&row.verdict, every_clause)));
    }
    if view.printed.is_empty() {
        parts.push("Nothing of its content is shown.".into());
    } else {
        parts.push(view.printed.clone());
    }
    if !view.ladder.is_empty() {
        parts.push(view.ladder.iter().map(ladder_row).collect::<Vec<_>>().join("\n"));
    }
    parts.join("\n\n")
}

fn ladder_row(row: &LadderRow) -> String {
    let at = row.at.map(|at| format!(" {}", utc(at))).unwrap_or_default();
    let detail = row.detail.as_ref().map(|d| format!(" ({})", safe(d))).unwrap_or_default();
    let mut line =
        format!("  {:<18} {:<4} {}{detail}{at}", row.recipient.to_string(), row.role, rung(row.rung));
    if !row.waits_for.is_empty() {
        let relays: Vec<String> = row.waits_for.iter().map(|relay| safe(relay)).collect();
        line.push_str(&format!("\n      waits for {}, which cannot be reached now", relays.join(" or ")));
    }
    for demoted in &row.demoted {
        line.push_str(&format!("\n      {} [POUCH-AGT-70]", safe(demoted)));
    }
    if let Some(at) = row.courier_at {
        let state = match row.rung {
            Rung::Queued | Rung::Accepted => "handed to a courier file, and not confirmed,",
            _ => "was handed to a courier file",
        };
        line.push_str(&format!("\n      {state} {}", utc(at)));
    }
    if row.overdue {
        let telephone = safe(row.telephone.as_deref().unwrap_or("number in the directory"));
        line.push_str(&format!("\n      NO CONFIRMATION in time: use the telephone, {telephone}"));
    }
    line
}

/// What stands before everything that is said of a drill.
fn drill(exercise: Option<&String>) -> String {
    exercise.map(|name| format!("EXERCISE {}  ", safe(name))).unwrap_or_default()
}

pub(crate) fn outbox_row(row: &OutboxRow) -> String {
    sent_row(row, "")
}

fn sent_row(row: &OutboxRow, id: &str) -> String {
    let head = format!(
        "{}{}  {}{id}  {}: {}",
        drill(row.exercise.as_ref()),
        row.precedence.as_str().to_uppercase(),
        safe(&row.number),
        row.notice_type,
        safe(&row.subject)
    );
    let alone =
        row.break_glass.then(|| "  RELEASED in an emergency, marked so for every recipient".to_owned());
    std::iter::once(head).chain(alone).chain(row.ladder.iter().map(ladder_row)).collect::<Vec<_>>().join("\n")
}

pub(crate) fn outbox(rows: &[OutboxRow]) -> String {
    if rows.is_empty() {
        return "Nothing was sent.".into();
    }
    let numbers: Vec<&str> = rows.iter().map(|row| row.number.as_str()).collect();
    let line = |row: &OutboxRow| sent_row(row, &told_apart(&row.number, &numbers, row.envelope));
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(crate) fn draft(draft: &DraftView) -> String {
    format!("{}\n\n{}", draft.preview, draft_state(draft))
}

/// How far a draft is, for somebody who has just read it.
pub(crate) fn draft_state(draft: &DraftView) -> String {
    let mut lines = Vec::new();
    let mark = drill(draft.exercise.as_ref());
    lines.push(format!("{mark}draft {} (it will be {})", draft.id.short(), draft.number));
    lines.push(format!(
        "  approved by {} of {}{}",
        draft.approved_by.len(),
        counted(usize::from(draft.officers_needed), "officer"),
        if draft.approved_by.is_empty() {
            String::new()
        } else {
            format!(": {}", safe(&draft.approved_by.join(", ")))
        }
    ));
    lines.extend(draft.problems.iter().map(|problem| format!("  would be refused: {}", safe(problem))));
    lines.join("\n")
}

pub(crate) fn drafts(drafts: &[DraftView]) -> String {
    if drafts.is_empty() {
        return "No drafts wait.".into();
    }
    let line = |d: &DraftView| {
        format!(
            "{}{}  {}  approved by {} of {}",
            drill(d.exercise.as_ref()),
            d.id.short(),
            d.number,
            d.approved_by.len(),
            counted(usize::from(d.officers_needed), "officer")
        )
    };
    drafts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// One line; of a notice that came, with what is verified of it.
pub(crate) fn event(event: &Event, received: Option<&InboxRow>) -> String {
    let kind = match event.kind {
        EventKind::Received => "received",
        EventKind::RefusedArrival => "REFUSED",
        EventKind::Progress => "progress",
        EventKind::Overdue => "NO CONFIRMATION",
        EventKind::Alarm => "ALARM",
        EventKind::Link => "link",
        EventKind::Directory => "directory",
        EventKind::Key => "key",
        EventKind::Joint => "joint",
        EventKind::Contact => "contact",
    };
    let code = if event.code.is_empty() { String::new() } else { format!(" ({})", safe(&event.code)) };
    let notice = received.filter(|row| row.subject.is_some()).map(|row| {
        let kind = row.notice_type.map(|t| t.as_str()).unwrap_or_default();
        let subject = safe(row.subject.as_deref().unwrap_or_default());
        (format!("{}  ", environment(row)), format!("  {kind}: {subject}"))
    });
    let (place, what) = notice.unwrap_or_default();
    format!("{} {kind}: {place}{}{what}{code}", utc(event.at), safe(&event.words))
}

pub(crate) fn status(view: &StatusView, now: Timestamp) -> String {
    let mut lines =
        vec![format!("{} in {}, pouch {}", view.contact_point, safe(&view.network), view.version)];
    for (relay, up, carrier) in &view.relays {
        let how = match carrier.as_deref() {
            Some("tcp") => "connected (tcp)",
            _ if *up => "connected (quic)",
            _ => "NOT CONNECTED",
        };
        lines.push(format!("  relay      {}: {how}", safe(relay)));
    }
    let cosigned = match view.cosigned_at {
        Some(at) => format!("witnessed {}", age(at, now)),
        None => "NOT WITNESSED YET".into(),
    };
    let size =
        if view.directory_size == 1 { "1 entry".into() } else { format!("{} entries", view.directory_size) };
    lines.push(format!("  directory  {size}, {cosigned}"));
    let fresh = &view.freshness;
    if !fresh.next.is_empty() {
        let colour = fresh.colour.to_uppercase();
        let words = safe(&fresh.words);
        lines.push(format!("             {colour}: {words} ({}) Next: {}", fresh.code, safe(&fresh.next)));
    }
    lines.push(format!("  clock      {}", safe(&view.clock)));
    if !view.containment.is_empty() {
        lines.push(format!("  contained  {}", safe(&view.containment)));
    }
    let since = match view.signing_since {
        Some(since) => format!("in use since {}", age(since, now)),
        None => "NOT NAMED BY THE DIRECTORY, or revoked".into(),
    };
    lines.push(format!("  signing    key {} {since}", view.signing_key.short()));
    let sealing = match view.sealing_until {
        Some(until) => format!("others can seal to us until {} ({})", utc(until), age(until, now)),
        None => "NOBODY CAN SEAL TO US NOW".into(),
    };
    lines.push(format!("  sealing    {sealing}"));
    lines.push(format!("  inbox      {} not acknowledged", view.unacknowledged));
    if view.unacknowledged_in_exercises > 0 {
        let drills = view.unacknowledged_in_exercises;
        lines.push(format!("  EXERCISES  {drills} not acknowledged in the inbox"));
    }
    lines.push(format!("  outbox     {} not yet at a relay", view.queued));
    if let Some(since) = view.no_relay_since {
        let (since, back) = (utc(since), view.relays.iter().any(|(_, up, _)| *up));
        lines.push(if back {
            format!(
                "  RELAY BACK just now; none was reachable since {since}, and nobody has been heard of yet"
            )
        } else {
            format!("  NO RELAY   reachable since {since}: nothing is heard of anybody")
        });
    }
    lines.extend(view.peers.iter().flat_map(peer));
    for alarm in &view.alarms {
        lines.push(format!("  ALARM      {}", safe(alarm)));
    }
    lines.join("\n")
}

pub(crate) fn contradictions(found: &[EquivocationView]) -> String {
    if found.is_empty() {
        return "nobody said two things in one place".into();
    }
    let line = |c: &EquivocationView| {
        let kept =
            if c.other.signature.is_some() { "both signatures are kept" } else { "the other never came" };
        let (one, other) = (c.one.envelope.short(), c.other.envelope.short());
        format!("{}  {}  {one} against {other}; {kept}", utc(c.seen_at), c.sender)
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What there is to say of another office now; nothing while all is well.
fn peer(peer: &PeerView) -> Vec<String> {
    let mut lines = Vec::new();
    if peer.withheld {
        lines.push(format!(
            "  WITHHELD   {}: it says that a relay accepted a message for us, which does not come",
            peer.contact_point
        ));
    }
    if peer.took_back {
        lines.push(format!(
            "  TOOK BACK  {}: it announced a message within the last hour that never came, and announces it no \
             more; for that hour the same raises no alarm",
            peer.contact_point
        ));
    }
    for gap in &peer.gaps {
        let count = gap.to.saturating_sub(gap.from).saturating_add(1);
        let places = if count == 1 { gap.from.to_string() } else { format!("{} to {}", gap.from, gap.to) };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        lines.push(format!(
            "  MISSING    {}: {} to us ({places})",
            peer.contact_point,
            counted(count, "message")
        ));
    }
    if peer.contact_lost {
        let since = peer.heard_at.map_or("this node began".to_owned(), utc);
        lines.push(format!("  contact    none with {} since {since}", peer.contact_point));
    }
    lines
}

pub(crate) fn keys(keys: &[KeyView]) -> String {
    let line = |key: &KeyView| {
        let from = key.from.map(|at| format!(", from {} on", utc(at))).unwrap_or_default();
        let until = key.until.map(|at| format!(", until {}", utc(at))).unwrap_or_default();
        let head = format!("{:<16}  {}  {}{from}{until}", key.kind, key.id.short(), safe(&key.state));
        // Nobody compares sealing keys by telephone: a signing key vouches for them.
        if key.kind.ends_with("sealing") {
            head
        } else {
            format!("{head}\n                  digits {}", key.fingerprint)
        }
    };
    keys.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(crate) fn entries(entries: &[EntryView]) -> String {
    let line = |entry: &EntryView| {
        let created = entry.created.map(|at| format!(" {}", utc(at))).unwrap_or_default();
        let effect = entry
            .no_effect
            .as_ref()
            .map(|why| format!("\n      NO EFFECT: {}", safe(why)))
            .unwrap_or_default();
        format!("{:>5}{created} {}{effect}", entry.index, safe(&entry.words))
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_moves_the_cursor_or_begins_a_line() {
        let entry = EntryView {
            index: 7,
            words: "admits XX (\u{1b}[2Jnobody\n    8 admits YY)".into(),
            created: None,
            no_effect: Some("it\nis\u{202e}".into()),
        };
        let expected = "    7 admits XX ([U+001B][2Jnobody     8 admits YY)\n      NO EFFECT: it is[U+202E]";
        assert_eq!(entries(&[entry]), expected);
        let event = Event {
            number: 1,
            at: Timestamp(0),
            kind: EventKind::Link,
            code: "X\r".into(),
            words: "gone\nALARM".into(),
            envelope: None,
            number_of_notice: None,
            precedence: None,
            exercise: None,
        };
        let line = super::event(&event, None);
        assert!(line.ends_with("link: gone ALARM (X[U+000D])"), "{line}");
    }
}
