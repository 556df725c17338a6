//! What real nodes say, written into the oracle: the JSON of `pouch send`, `outbox`, `inbox` and `watch`.
//!
//! A message's id is its envelope's. Its content is the notice's id, which the recipient computes anew from
//! what it opened, with its sender, precedence and subject as people read them.

use pouch_testkit::stage::{is, word};
use serde_json::Value;

use super::Oracle;

/// The most rows that are asked of a node at a time.
pub const ROWS: &str = "10000";

/// Stands for the content of a notice, at the sender as at the recipient.
#[must_use]
pub fn digest(notice: &str, sender: &str, precedence: &str, subject: &str) -> String {
    format!("{notice} {sender} {precedence} {subject}")
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn ladder(row: &Value) -> impl Iterator<Item = &Value> {
    row.get("ladder").and_then(Value::as_array).into_iter().flatten()
}

/// What `pouch send --json` printed: the message is in the sender's outbox.
pub fn sent(oracle: &mut Oracle, from: &str, row: &Value) {
    let to: Vec<&str> = ladder(row).map(|rung| word(rung, "recipient")).collect();
    let content = digest(word(row, "notice"), from, word(row, "precedence"), word(row, "subject"));
    oracle.submitted(word(row, "envelope"), from, &to, &content);
}

/// What `pouch outbox --json` printed at the office `from`: each message and how far it got.
pub fn outbox(oracle: &mut Oracle, from: &str, list: &Value) {
    for row in rows(list) {
        sent(oracle, from, row);
        let id = word(row, "envelope");
        for rung in ladder(row) {
            climbed(oracle, id, rung);
        }
    }
}

fn climbed(oracle: &mut Oracle, id: &str, rung: &Value) {
    let to = word(rung, "recipient");
    let overdue = rung.get("overdue").and_then(Value::as_bool) == Some(true);
    match word(rung, "rung") {
        "accepted" => oracle.accepted_for(id, to),
        "verified" | "acknowledged" | "answered" => {
            oracle.accepted_for(id, to);
            oracle.confirmed(id, to);
        }
        "refused" => oracle.undelivered(id, to, &format!("refused {}", word(rung, "detail"))),
        _ => {}
    }
    if overdue {
        oracle.undelivered(id, to, "no confirmation in time: use the telephone");
    }
}

/// What `pouch inbox --json` printed at the office `node`: all that it shows as verified now.
pub fn inbox(oracle: &mut Oracle, node: &str, list: &Value) {
    let shown = rows(list).filter(|row| row.get("notice").is_some_and(Value::is_string));
    let shown = shown.map(|row| {
        let content =
            digest(word(row, "notice"), word(row, "sender"), word(row, "precedence"), word(row, "subject"));
        (word(row, "envelope"), content)
    });
    oracle.listed(node, shown.collect::<Vec<_>>());
}

/// One event that `pouch watch --json` printed at the office `node`. Bring each event once, by its number:
/// who watches again from an earlier number on hears it again.
pub fn event(oracle: &mut Oracle, node: &str, event: &Value) {
    let id = word(event, "envelope");
    if is(event, "kind", "received") {
        oracle.told(node, id);
    }
    if !is(event, "kind", "progress") {
        return;
    }
    let words = word(event, "words");
    if words.contains(" accepted by ") {
        oracle.accepted(id);
    }
    if let Some((_, to)) = words.rsplit_once(" verified by the node of ") {
        oracle.confirmed(id, to);
    }
}
