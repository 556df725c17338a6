//! What contradicts the directory, in words.

use pouch_control::DisputesView;
use pouch_wire::{Digest, Timestamp};

use super::{age, safe};

pub(crate) fn disputes(view: &DisputesView, now: Timestamp) -> String {
    let mut lines = Vec::new();
    for fork in &view.forks {
        lines.push("FORK  the log signed two trees of one size; both notes:".to_owned());
        for note in [&fork.accepted, &fork.other] {
            lines.extend(String::from_utf8_lossy(&note.0).lines().map(|line| format!("    {}", safe(line))));
        }
    }
    for row in &view.contradictions {
        let stands = match row.settled_at {
            None => "STANDS".to_owned(),
            Some(at) => format!("settled {}", age(at, now)),
        };
        lines.push(format!(
            "OTHER PAST  {} was shown another root of {} entries, heard {}, {stands}",
            row.office,
            row.size,
            age(row.at, now)
        ));
        lines.push(format!("    theirs {}\n    ours   {}", short(row.theirs), short(row.ours)));
    }
    for row in &view.broken_promises {
        lines.push(format!(
            "BROKEN PROMISE  {} promised entry {} {}, and did not keep it in time",
            safe(&row.relay),
            row.index,
            age(row.at, now)
        ));
    }
    if lines.is_empty() { "Nothing contradicts this node's directory.".to_owned() } else { lines.join("\n") }
}

/// Enough to compare by telephone.
fn short(root: Digest) -> String {
    root.to_string().chars().take(16).collect()
}
