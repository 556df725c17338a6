//! What a courier carries and brings, as text.

use pouch_control::{CourierArrival, CourierDirectory, CourierImported, CourierMessage, CourierOutcome};
use pouch_wire::Digest;

use super::{counted, safe, verdict_word};
use crate::clock::utc;

pub(crate) fn courier_written(
    file: &str,
    digest: Digest,
    messages: &[CourierMessage],
    left_out: usize,
    directory: Option<CourierDirectory>,
) -> String {
    let receipts = messages.iter().filter(|message| message.number.is_none()).count();
    let notices = messages.len().saturating_sub(receipts);
    let mut lines = vec![format!(
        "Written: {file}, with {} and {} (SHA-256 {digest}).",
        counted(notices, "notice"),
        counted(receipts, "receipt")
    )];
    for message in messages {
        let Some(number) = &message.number else { continue };
        let to: Vec<String> = message.recipients.iter().map(ToString::to_string).collect();
        let precedence = message.precedence.as_str().to_uppercase();
        lines.push(format!("  {precedence}  {}  for {}", safe(number), to.join(", ")));
    }
    lines.push(match directory {
        Some(CourierDirectory { from, size, cosigned_at }) => {
            let seen = cosigned_at.map(|at| format!(", witnessed {}", utc(at))).unwrap_or_default();
            format!("  the directory from entry {from} on, {size} entries{seen}")
        }
        None => "  WITHOUT the directory: its recipients judge by their own".to_owned(),
    });
    if left_out > 0 {
        let count = counted(left_out, "message");
        lines.push(format!(
            "  {count} had NO ROOM in it: export the rest by number, or to one office at a time"
        ));
    }
    lines.join("\n")
}

pub(crate) fn courier_imported(imported: &CourierImported) -> String {
    let mut lines = Vec::new();
    if let Some(directory) = &imported.directory {
        let code = if directory.code.is_empty() { String::new() } else { format!(" ({})", directory.code) };
        lines.push(format!("directory: {} entries; {}{code}", directory.size, safe(&directory.words)));
    }
    lines.extend(imported.messages.iter().map(arrival));
    if imported.for_others > 0 {
        let count = counted(imported.for_others, "message");
        lines.push(format!("{count} in it are for others, and were left in it"));
    }
    lines.join("\n")
}

fn arrival(arrival: &CourierArrival) -> String {
    let number = arrival.row.as_ref().and_then(|row| row.number.as_deref().map(safe));
    let name = number.unwrap_or_else(|| format!("message {}", arrival.envelope.short()));
    let from = arrival.sender.as_ref().map(|sender| format!(" from {sender}")).unwrap_or_default();
    let code = if arrival.code.is_empty() { String::new() } else { format!(" ({})", safe(&arrival.code)) };
    let words = safe(&arrival.words);
    let next = || format!("\n    what to do: {}", safe(&arrival.next));
    match arrival.outcome {
        CourierOutcome::Received => {
            let row = arrival.row.as_ref();
            let precedence = row.map(|row| row.precedence.as_str().to_uppercase()).unwrap_or_default();
            let verdict = row.map(|row| verdict_word(&row.verdict)).unwrap_or_default();
            format!("{precedence}  {name}  {verdict}\n    {words}{code}{}", next())
        }
        CourierOutcome::Receipt => format!("{name}{from}: {words}"),
        CourierOutcome::HereAlready => format!("{name}{from}: here already; nothing changed"),
        CourierOutcome::Refused => format!("{name}  REFUSED\n    {words}{code}{}", next()),
        CourierOutcome::NotYet => {
            format!(
                "{name} claims to be{from}: CANNOT BE JUDGED YET, and is not kept\n    {words}{code}{}",
                next()
            )
        }
        CourierOutcome::Malformed => format!("{name}: SPOILED\n    {words}{code}{}", next()),
    }
}
